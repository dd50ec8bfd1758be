"""`archsim ptq` on a person's own data, with accumulators of a given width, and what it says of what does not fit."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dse import cli
from workloads.fixed_point import IntegerModel
from workloads.model import Model

Archsim = Callable[..., tuple[int, str, str]]
TASK = """
kind = "classification"
files = "data.npz"
inputs = "x"
targets = "y"
layout = "sequences, steps, features"
splits = { by = "share", shares = [0.6, 0.2, 0.2], seed = 1 }
"""


@pytest.fixture
def archsim(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Archsim:
    """The command line in a folder with an imported model, which has no task, inputs and targets."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (32, 4), "weight_hh_l0": (32, 8), "bias_ih_l0": (32,), "bias_hh_l0": (32,)}
    tensors = {f"lstm.{k}": rng.normal(0, 0.5, v).astype(np.float32) for k, v in shapes.items()}
    tensors |= {"fc.weight": rng.normal(size=(3, 8)).astype(np.float32), "fc.bias": np.zeros(3, np.float32)}
    save_file(tensors, "m.safetensors")
    np.save("x.npy", rng.normal(size=(12, 30, 4)).astype(np.float32))

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archsim", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    assert call("import", "m.safetensors", "--out", "mine.safetensors")[0] == 0
    logits, _ = Model.load(Path("mine.safetensors")).run(np.load("x.npy"))
    np.save("y.npy", logits[-1].argmax(-1))
    np.save("first.npy", np.load("x.npy").swapaxes(0, 1))
    return call


OWN = ("ptq", "mine.safetensors", "--inputs", "x.npy")


def test_an_imported_model_becomes_integers_on_ones_own_data(archsim: Archsim) -> None:
    code, said, errors = archsim(*OWN, "--max-loss", "5", "--bits", "4:8", "--out", "small.safetensors")
    assert code == 0
    assert "divergence_pct" in said
    assert re.search(
        r"accumulators of \d+ bits: proved; clipped: arguments of sigmoid and tanh \S+, h and c \S+, inputs", said
    )
    assert re.search(r"more bits are taken never to be worse: \d+ combinations of less memory were not", errors)
    assert IntegerModel.load(Path("small.safetensors")).config.task is None
    found = json.loads(archsim(*OWN, "--max-loss", "5", "--bits", "4:8", "--exhaustive", "--json")[1])
    assert (found["metric"], found["method"], found["untried"]) == ("divergence_pct", "exhaustive", 0)
    assert found["best"]["value"] <= 5
    assert {c["place"] for c in found["clipped"]} >= {"layers.0.input_weight", "readout_bias"}


def test_targets_are_what_is_measured(archsim: Archsim) -> None:
    given = ("--targets", "y.npy", "--bits", "10", "--json")
    found = json.loads(archsim(*OWN, *given, "--max-loss", "10")[1])
    assert found["metric"] == "error_pct"
    assert found["best"]["value"] <= 10
    turned = ("ptq", "mine.safetensors", "--inputs", "first.npy", "--batch-first")
    assert json.loads(archsim(*turned, *given, "--max-loss", "10")[1])["best"] == found["best"]


def test_accumulators_of_a_given_width_saturate_and_that_is_said(archsim: Archsim) -> None:
    narrow = ("--bits", "8", "--accumulator-bits", "11", "--max-loss", "1000")
    _, said, _ = archsim(*OWN, *narrow)
    best = json.loads(archsim(*OWN, *narrow, "--json")[1])["best"]
    assert best["accumulator_bits"] == 11
    assert best["accumulator_clips"] > 0
    share = f"{best['accumulator_clipped']:.2%}" if best["accumulator_clipped"] < 0.1 else ""
    assert f"accumulators of 11 bits: {best['accumulator_clips']:,} sums saturated ({share}" in said
    _, said, _ = archsim(*OWN, "--bits", "7:8", "--accumulator-bits", "11", "--table")
    assert said.startswith("Weight bits down, activation bits across")
    assert "sums saturated" in said[: said.index("accumulators of 11 bits")]
    _, said, _ = archsim(*OWN, "--bits", "7:8", "--table")
    assert re.search(r"accumulators of \d+ to \d+ bits", said)
    assert "none: sums saturated" in said
    code, _, errors = archsim(*OWN, "--accumulator-bits", "7")
    assert code == 2
    assert "settings: accumulator_bits: Input should be greater than or equal to 8, not 7" in errors


def test_what_does_not_go_together_is_refused(archsim: Archsim) -> None:
    for words, message in (
        (("ptq", "mine.safetensors", "--targets", "y.npy"), "--targets and --batch-first go with --inputs"),
        ((*OWN, "--record"), "--record puts on a card what the model's own task measures: no --inputs or --task goes"),
        ((*OWN, "--task", "digits"), "--task and --inputs both say what to measure on: give one of them"),
        (("ptq", "mine.safetensors", "--task", "digits"), "model m: features must be 8, as in digits, not 4"),
        ((*OWN, "--targets", "none.npy"), "none.npy: no such file of targets"),
        ((*OWN, "--bits", "2", "--max-loss", "0.1"), "no combination of these bits loses at most 0.1 % of m's diver"),
        (("ptq", "mine.safetensors"), "model m: has no task"),
    ):
        code, said, errors = archsim(*words)
        assert (code, said) == (2, "")
        assert message in errors
        assert all(line.startswith("archsim: ") for line in errors.splitlines())


def test_a_task_file_is_as_good_as_a_shipped_task(archsim: Archsim) -> None:
    rng = np.random.default_rng(1)
    np.savez("data.npz", x=rng.normal(size=(90, 12, 4)).astype(np.float32), y=rng.integers(0, 3, 90))
    Path("own.toml").write_text(TASK)
    assert archsim("import", "m.safetensors", "--when", "last_step", "--out", "last.safetensors")[0] == 0
    words = ("ptq", "last.safetensors", "--task", "own.toml", "--bits", "8:9", "--max-loss", "50", "--json")
    code, said, errors = archsim(*words)
    assert (code, errors) == (0, "")
    assert json.loads(said)["metric"] == "error_pct"
