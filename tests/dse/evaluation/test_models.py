"""Accuracies and traces: measured once, kept by content, shared between processes."""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from archsim.trace.trace import Trace
from dse.evaluation import models as module
from dse.evaluation.models import Models, load
from dse.evaluation.point import MeasuredModel
from dse.evaluation.workers import LocalProcesses
from dse.space.choice import ModelChoice, PtqBits
from dse.space.space import Scenario
from workloads import tasks
from workloads.config import Config, LayerConfig, OneHot, Readout
from workloads.evaluate import evaluate
from workloads.fixed_point import Settings, calibrate, quantize
from workloads.layer import Layer
from workloads.model import Model
from workloads.record import record
from workloads.sparsify import zeros
from workloads.tasks.digits import DIGITS

SCENARIO = Scenario(sequences=3, steps=20)


def tiny_model(path: Path, seed: int, hidden: int = 4) -> Path:
    """A model file with drawn ternary weights."""
    rng = np.random.default_rng(seed)
    symbols = tasks.by_name("tiny-shakespeare").symbols

    def codes(*shape: int) -> Any:
        return rng.integers(-1, 2, shape, dtype=np.int8)

    def floats(size: int) -> Any:
        return rng.normal(0, 0.5, size).astype(np.float32)

    layer = LayerConfig(
        cell="lstm", hidden=hidden, weight_format="ternary", input_weight_format="ternary", state_bits=8, threshold=0.05
    )
    config = Config(
        name=path.stem,
        task="tiny-shakespeare",
        input=OneHot(symbols=symbols),
        layers=(layer,),
        readout=Readout(outputs=symbols, weight_format="fixed8"),
    )
    rows = 4 * hidden
    numbers = Layer(layer, codes(rows, hidden), codes(rows, symbols), floats(rows), floats(rows), floats(rows))
    drawn = Model(
        config,
        (numbers,),
        readout_codes=codes(symbols, hidden),
        readout_scale=floats(1),
        readout_bias=floats(symbols),
    )
    drawn.save(path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [tiny_model(tmp_path / f"tiny-{seed}.safetensors", seed) for seed in range(2)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that were really run through a split, and the splits."""
    ran: list[str] = []

    def counting(model: Model, split: Any) -> float:
        ran.append(f"{model.name} {model.threshold} {split}")
        return 2.0 + len(ran)

    monkeypatch.setattr(module, "evaluate", counting)
    return ran


def nothing(_: ModelChoice) -> None: ...


def test_measured_once_whoever_asks(tmp_path: Path, files: list[Path], counted: list[str]) -> None:
    choices = [ModelChoice(str(files[0])), ModelChoice(str(files[0]), 0.2), ModelChoice(str(files[1]))]
    done: list[ModelChoice] = []
    first: Any = Models(tmp_path / "cache", SCENARIO).measure(choices, done.append)
    assert counted == ["tiny-0 0.05 validation", "tiny-0 0.2 validation", "tiny-1 0.05 validation"]
    assert done == choices
    again: Any = Models(tmp_path / "cache", SCENARIO).measure(choices, done.append)
    assert len(counted) == len(done) == 3
    assert [again[c].validation_loss for c in choices] == [first[c].validation_loss for c in choices] == [3.0, 4.0, 5.0]
    assert [again[c].trace.sha256 for c in choices] == [first[c].trace.sha256 for c in choices]
    Models(tmp_path / "cache", SCENARIO).test_loss(choices[:1], nothing)
    assert counted[3:] == ["tiny-0 0.05 test"]


def test_keyed_by_content_not_by_name(tmp_path: Path, files: list[Path], counted: list[str]) -> None:
    choice = ModelChoice(str(files[0]))
    Models(tmp_path / "cache", SCENARIO).measure([choice], nothing)
    copy = tmp_path / "elsewhere.safetensors"
    copy.write_bytes(files[0].read_bytes())
    Models(tmp_path / "cache", SCENARIO).measure([ModelChoice(str(copy))], nothing)
    assert len(counted) == 1
    tiny_model(files[0], seed=9)
    Models(tmp_path / "cache", SCENARIO).measure([choice], nothing)
    assert len(counted) == 2


def test_another_scenario_takes_another_trace_and_no_evaluation(
    tmp_path: Path, files: list[Path], counted: list[str]
) -> None:
    choice = ModelChoice(str(files[0]))
    measured: list[Any] = [
        Models(tmp_path / "cache", scenario).measure([choice], nothing)[choice]
        for scenario in (SCENARIO, SCENARIO.model_copy(update={"steps": 7}))
    ]
    traces = [each.trace for each in measured]
    assert [(t.sequences, t.steps) for t in traces] == [(3, 20), (3, 7)]
    assert len(counted) == 1


def test_a_damaged_cache_is_measured_again(tmp_path: Path, files: list[Path], counted: list[str]) -> None:
    choice, cache = ModelChoice(str(files[0])), tmp_path / "cache"
    before: Any = Models(cache, SCENARIO).measure([choice], nothing)[choice]
    for path in (*cache.glob("loss/*"), *cache.glob("traces/*")):
        path.write_bytes(path.read_bytes()[:10])
    after: Any = Models(cache, SCENARIO).measure([choice], nothing)[choice]
    assert len(counted) == 2
    assert after.trace.sha256 == before.trace.sha256
    assert {p.suffix for p in cache.rglob("*") if p.is_file()} == {".json", ".npz"}  # nothing half-written


def test_two_processes_measure_what_one_does(tmp_path: Path, files: list[Path]) -> None:
    choices = [ModelChoice(str(path), t) for path in files for t in (None, 0.3)]
    done: list[ModelChoice] = []
    with LocalProcesses(2) as workers:
        found: Any = Models(tmp_path / "cache", SCENARIO, workers).measure(choices, done.append)
    assert sorted(map(str, done)) == sorted(map(str, choices))
    for choice in choices[:2]:
        assert found[choice].validation_loss == pytest.approx(evaluate(load(choice), "validation"), abs=1e-6)
    assert len(list((tmp_path / "cache" / "loss").iterdir())) == 4
    assert all(json.loads(p.read_text())["loss"] > 1 for p in (tmp_path / "cache" / "loss").iterdir())


def test_a_threshold_must_prune_harder_than_training(files: list[Path]) -> None:
    with pytest.raises(BadInput, match=r"thresholds must be larger than the 0\.05 it was trained with, not 0\.05"):
        load(ModelChoice(str(files[0]), 0.05))


def test_sparsity_is_a_count_of_zeros(tmp_path: Path, files: list[Path], counted: list[str]) -> None:
    choice = ModelChoice(str(files[0]))
    measured: Any = Models(tmp_path / "cache", SCENARIO).measure([choice], nothing)[choice]
    trace: Trace = measured.trace
    seen = np.unpackbits(trace.arrays["h"][1:], axis=-1, count=4)  # after each step
    assert measured.state_sparsity == zeros(trace)[0].sparsity == pytest.approx(1 - seen.mean())


def test_a_model_of_any_task_is_measured(digits_file: Path, tmp_path: Path) -> None:
    """Digits ship: 180 of them are told apart by chance, or nearly."""
    choice = ModelChoice(str(digits_file))
    measured: Any = Models(tmp_path / "cache", SCENARIO).measure([choice], nothing)[choice]
    data = DIGITS.split("validation")
    inputs, lengths, labels = data.batch(np.arange(len(data)))
    wrong = Model.load(digits_file).last(inputs, lengths).argmax(axis=-1) != labels
    assert measured.validation_loss == pytest.approx(100 * wrong.mean())
    assert (measured.trace.sequences, measured.trace.steps) == (3, 8)


def test_a_quantized_model_is_made_once_and_measured(
    tmp_path: Path, files: list[Path], counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its trace is that of the integer model, whatever made it."""
    bits = PtqBits(4, 6, 8)
    choice, pruned = ModelChoice(str(files[0]), None, bits), ModelChoice(str(files[0]), 0.2, bits)
    found: Any = Models(tmp_path / "cache", SCENARIO).measure([choice, pruned], nothing)
    assert counted == ["tiny-0-w4a6 0.05 validation", "tiny-0-w4a6 0.2 validation"]
    monkeypatch.setattr("dse.evaluation.ground.calibrate", refuse)
    again: Any = Models(tmp_path / "cache", SCENARIO).measure([choice], nothing)[choice]
    assert len(counted) == 2
    assert isinstance(again, MeasuredModel)
    model = Model.load(files[0])
    expected = quantize(model, calibrate(model), Settings(weight_bits=4, activation_bits=6, cell_bits=8))
    trace = record(expected, "validation", SCENARIO.sequences, SCENARIO.steps, SCENARIO.seed)
    assert again.trace.sha256 == trace.sha256
    assert again.weight_format == "fixed4-row"
    assert again.weight_bytes == expected.weight_bytes
    assert (again.threshold, side(found[pruned]).threshold) == (0.05, 0.2)
    assert again.identity != side(found[pruned]).identity


def test_a_worker_that_has_another_model_is_told_so(tmp_path: Path, files: list[Path], counted: list[str]) -> None:
    choice = ModelChoice(str(files[0]))
    identity = Models(tmp_path / "cache", SCENARIO).identity(choice)
    assert module._loss(module._Unit(choice, "validation", identity, None)) == 3.0
    with pytest.raises(BadInput, match=r"^worker .*: has another .*tiny-0\.safetensors, or other data of tiny-shakes"):
        module._loss(module._Unit(choice, "validation", "0" * 64, None))
    assert len(counted) == 1


def refuse(*_: Any) -> Any:
    raise AssertionError("asked again")


def side(measured: MeasuredModel | BadInput) -> MeasuredModel:
    assert isinstance(measured, MeasuredModel)
    return measured


def test_an_integer_model_loses_what_its_own_evaluation_says(tmp_path: Path, digits_file: Path) -> None:
    choice = ModelChoice(str(digits_file), None, PtqBits(6, 8))
    found = side(Models(tmp_path / "cache", SCENARIO).measure([choice], nothing)[choice])
    model = Model.load(digits_file)
    expected = quantize(model, calibrate(model), Settings(weight_bits=6, activation_bits=8))
    assert found.validation_loss == DIGITS.evaluate(expected, "validation")


def test_a_model_that_has_no_loss_says_why(tmp_path: Path, files: list[Path], digits_file: Path) -> None:
    """One that is gone, one that is broken, one whose numbers overflow: none stops the others."""
    gone, broken, well = tmp_path / "gone.safetensors", files[0], digits_file
    broken.write_bytes(b"no model")
    whole = Model.load(digits_file)
    huge = np.full(10, 3e38, np.float32)
    replace(whole, readout_bias=huge, readout_scale=huge).save(overflowing := tmp_path / "huge.safetensors")
    choices = [ModelChoice(str(path)) for path in (gone, broken, overflowing, well)]
    models = Models(tmp_path / "cache", SCENARIO)
    assert len({models.identity(choice) for choice in choices}) == 4
    found = models.measure(choices, nothing)
    for choice, words in zip(choices, ("no such model file", "not a whole safetensors", "do not fit"), strict=False):
        assert isinstance(found[choice], BadInput)
        assert words in str(found[choice])
    assert isinstance(found[choices[3]], MeasuredModel)
    tested = models.test_loss(choices, nothing)
    assert [tested[choice] is None for choice in choices] == [True, True, True, False]


def test_two_searches_may_measure_the_same_at_once(tmp_path: Path, digits_file: Path) -> None:
    """Processes that share a cache and nothing else, on the same models at the same time."""
    choices = [ModelChoice(str(digits_file), t, bits) for t in (None, 0.3) for bits in (None, PtqBits(4, 6))]
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(losses, tmp_path / "cache", choices) for _ in range(3)]
        first, second, third = (job.result() for job in jobs)
    assert first == second == third
    assert len(first) == 4
    assert {p.suffix for p in (tmp_path / "cache").rglob("*") if p.is_file()} == {".json", ".npz", ".safetensors"}


def losses(cache: Path, choices: list[ModelChoice]) -> list[tuple[float, str]]:
    found: Any = Models(cache, SCENARIO).measure(choices, nothing)
    return [(side(found[c]).validation_loss, side(found[c]).trace.sha256) for c in choices]
