"""What models stand on: a task of their own or of the study, or inputs alone."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from dse.evaluation import models as module
from dse.evaluation.models import Models, load
from dse.evaluation.point import MeasuredModel
from dse.space.choice import ModelChoice, PtqBits
from dse.space.space import Scenario
from tests.dse.conftest import TASK
from workloads import tasks
from workloads.evaluate import evaluate
from workloads.fixed_point import IntegerModel, Settings, calibrate, quantize
from workloads.model import Model
from workloads.record import given_sample, record_sample


@pytest.fixture
def mine(own: Path, tmp_path: Path) -> Path:
    """The folder, to be changed."""
    return Path(shutil.copytree(own, tmp_path / "mine"))


def measured(models: Models, choice: ModelChoice) -> MeasuredModel:
    found = models.measure([choice], lambda _: None)[choice]
    assert isinstance(found, MeasuredModel)
    return found


def test_inputs_alone_give_a_trace_and_no_loss(mine: Path, tmp_path: Path) -> None:
    scenario = Scenario(inputs=str(mine / "x.npy"), batch_first=True, sequences=6, steps=7)
    models, choice = Models(tmp_path / "cache", scenario, measured=False), ModelChoice(str(mine / "net.safetensors"))
    found = measured(models, choice)
    sample = given_sample(mine / "x.npy", batch_first=True)
    whole = record_sample(Model.load(mine / "net.safetensors"), sample, {})
    assert found.validation_loss is None
    assert models.test_loss([choice], lambda _: None) == {choice: None}
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(found.trace.arrays[name], array)
    assert found.trace.header.provenance["inputs"] == "x.npy"
    np.save(mine / "x.npy", -np.load(mine / "x.npy"))
    assert Models(tmp_path / "cache", scenario, measured=False).identity(choice) != found.identity


def test_integers_are_calibrated_on_the_whole_of_the_inputs(mine: Path, tmp_path: Path) -> None:
    scenario = Scenario(inputs=str(mine / "x.npy"), batch_first=True, sequences=2, steps=3)
    choice = ModelChoice(str(mine / "net.safetensors"), None, PtqBits(5, 7))
    found = measured(Models(tmp_path / "cache", scenario, measured=False), choice)
    model = Model.load(mine / "net.safetensors")
    ranges = calibrate(model, inputs=np.load(mine / "x.npy").swapaxes(0, 1))
    expected = quantize(model, ranges, Settings(weight_bits=5, activation_bits=7))
    assert found.trace.header.provenance["model_sha256"] == expected.sha256


def test_a_study_s_task_measures_what_evaluate_does(mine: Path, tmp_path: Path) -> None:
    scenario = Scenario(task=str(mine / "mine.toml"), sequences=4, steps=7)
    model = Model.load(mine / "net.safetensors").with_task(mine / "mine.toml")
    models = Models(tmp_path / "cache", scenario)
    as_it_is, pruned, integers = (
        ModelChoice(str(mine / "net.safetensors"), *given) for given in ((), (0.2,), (None, PtqBits(4, 8)))
    )
    expected: dict[ModelChoice, Model | IntegerModel] = {
        as_it_is: model,
        pruned: model.with_threshold(0.2),
        integers: quantize(model, calibrate(model), Settings(weight_bits=4, activation_bits=8)),
    }
    for choice, same in expected.items():
        assert measured(models, choice).validation_loss == pytest.approx(evaluate(same, "validation"))
        assert models.test_loss([choice], lambda _: None)[choice] == pytest.approx(evaluate(same, "test"))


def test_with_inputs_too_the_loss_is_of_the_task_and_the_trace_of_the_inputs(mine: Path, tmp_path: Path) -> None:
    task = str(mine / "mine.toml")
    choice = ModelChoice(str(mine / "net.safetensors"))
    both = Scenario(task=task, inputs=str(mine / "x.npy"), batch_first=True, sequences=4, steps=7)
    found, alone = Models(tmp_path / "cache", both), Models(tmp_path / "cache", Scenario(task=task, sequences=4))
    assert measured(found, choice).validation_loss == measured(alone, choice).validation_loss
    assert measured(found, choice).trace.header.provenance["inputs"] == "x.npy"
    assert found.identity(choice) != alone.identity(choice)
    assert len(list((tmp_path / "cache" / "loss").iterdir())) == 1


@pytest.mark.parametrize("changed", ["mine.toml", "sensors.npz"])
def test_another_task_or_other_data_are_measured_again(
    mine: Path, tmp_path: Path, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = ModelChoice(str(mine / "net.safetensors"))
    scenario = Scenario(task=str(mine / "mine.toml"), sequences=4)
    before = Models(tmp_path / "cache", scenario).identity(choice)
    if changed == "mine.toml":
        (mine / changed).write_text(TASK.replace("seed = 1", "seed = 7"))
    else:
        with np.load(mine / changed) as data:
            np.savez(mine / changed, x=2 * data["x"], y=data["y"])
    tasks.own._loaded.cache_clear()  # as a new process has it
    assert Models(tmp_path / "cache", scenario).identity(choice) != before


@pytest.mark.parametrize("lost", ["mine.toml", "sensors.npz"])
def test_a_worker_without_the_task_says_so_in_one_line(
    mine: Path, tmp_path: Path, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice, task = ModelChoice(str(mine / "net.safetensors")), str(mine / "mine.toml")
    identity = Models(tmp_path / "cache", Scenario(task=task, sequences=4)).identity(choice)
    (mine / lost).unlink()
    tasks.own._loaded.cache_clear()
    with pytest.raises(BadInput, match=rf"^worker \S+: .*{lost}.* is not there") as error:
        module._loss(module._Unit(choice, "validation", identity, task))
    assert len(error.value.lines) == 1


def test_a_task_that_does_not_fit_is_why_a_model_has_no_loss(mine: Path, tmp_path: Path) -> None:
    (mine / "mine.toml").write_text(TASK.replace('"x"', '["x", "x"]'))
    scenario, choice = Scenario(task=str(mine / "mine.toml"), sequences=4), ModelChoice(str(mine / "net.safetensors"))
    models: Any = Models(tmp_path / "cache", scenario)
    assert isinstance(found := models.measure([choice], lambda _: None)[choice], BadInput)
    assert "net" in str(found)


def test_of_a_choice_alone_it_is_its_own_task(digits_file: Path) -> None:
    assert load(ModelChoice(str(digits_file))).task == "digits"
