"""What a study's models run on and are measured by: a task where a loss is asked for, else inputs are enough."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from archsim.errors import BadInput
from dse.space.inputs import OwnInputs, same_task
from dse.space.space import Scenario, Space, load_space, parse_space
from tests.dse.conftest import TASK, drawn_network, own_tree
from workloads.model import Model
from workloads.tasks.normalisation import Normalisation

LOSS = {"objectives": ["validation_loss", "area_mm2"]}


def mistakes(tree: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(BadInput) as error:
        parse_space(tree, "t")
    return tuple(line.removeprefix("t: ") for line in error.value.lines)


def test_without_a_task_there_is_no_loss(own: Path) -> None:
    space = parse_space(own_tree(own, inputs=str(own / "x.npy"), batch_first=True), "t")
    assert (space.task, space.metric) == (None, None)
    assert "validation_loss" not in {figure.name for figure in space.figures}
    assert len(space.figures) == 10
    assert parse_space(space.model_dump(), "t") == space


@pytest.mark.parametrize(
    ("changes", "scenario", "expected"),
    [
        ({}, {}, "or else [scenario] inputs, to run them on"),
        (LOSS, {"inputs": "x.npy"}, "for validation_loss"),
        ({"constraints": {"validation_loss": 20.0}}, {"inputs": "x.npy"}, "for validation_loss"),
    ],
)
def test_what_needs_a_task_says_so_in_one_line(
    own: Path, tmp_path: Path, changes: dict[str, Any], scenario: dict[str, Any], expected: str
) -> None:
    other = shutil.copy(own / "net.safetensors", tmp_path / "other.safetensors")
    tree = own_tree(own, **scenario)
    tree |= {"models": [*tree["models"], {"name": str(other)}]} | changes
    rule = f"models: must have a task, their own or that of [scenario] task, {expected}"
    assert mistakes(tree) == (f"{rule}, not '{own / 'net.safetensors'}, {other}'",)


def test_a_study_names_the_task_of_models_that_have_none(own: Path) -> None:
    space = parse_space(own_tree(own, task=own / "mine.toml") | LOSS, "t")
    assert space.task is not None
    assert space.task.name == str(own / "mine.toml")
    assert space.goals[0].axis == "Validation error (%)"
    space.check_data()


def test_beside_a_model_of_that_task(own: Path, digits_file: Path) -> None:
    tree = own_tree(own, task="digits", sequences=4)
    assert parse_space(tree | {"models": [*tree["models"], {"name": str(digits_file)}]}, "t").task is not None
    tree = own_tree(own, task=str(own / "mine.toml"))
    assert mistakes(tree | {"models": [*tree["models"], {"name": str(digits_file)}]}) == (
        f"scenario.task: must be digits, as the models', not '{own / 'mine.toml'}'",
    )


def test_a_task_in_two_places_is_one_task(own: Path, tmp_path: Path) -> None:
    for file in ("mine.toml", "sensors.npz"):
        shutil.copy(own / file, tmp_path / file)
    here, there = str(own / "mine.toml"), str(tmp_path / "mine.toml")
    assert same_task(here, there)
    net = drawn_network(tmp_path / "net.safetensors", there, 3, 2)
    tree = own_tree(own, task=here)
    assert parse_space(tree | {"models": [*tree["models"], {"name": str(net)}]}, "t").task is not None
    (tmp_path / "mine.toml").write_text(TASK.replace("seed = 1", "seed = 2"))
    assert not same_task(here, there)
    assert not same_task(here, "digits")
    assert mistakes(tree | {"models": [{"name": str(net)}]}) == (
        f"scenario.task: must be {there}, as the models', not '{here}'",
    )


def test_a_task_whose_file_is_gone_is_named_again(own: Path, tmp_path: Path) -> None:
    net = drawn_network(tmp_path / "net.safetensors", "/gone/lost.toml", 3, 2)
    tree = own_tree(own) | {"models": [{"name": str(net)}]}
    assert mistakes(tree) == (
        "models: must have their task at hand (put /gone/lost.toml back, or name another in [scenario] task), "
        f"not '{net}'",
    )
    again = parse_space(tree | {"scenario": {"sequences": 4, "task": own / "mine.toml"}}, "t")
    assert again.task is not None


def test_a_task_file_that_is_not_there(own: Path) -> None:
    rule = "must be there: beside the study, in the working folder or in $ARCHSIM_DATA"
    assert mistakes(own_tree(own, task="/gone/none.toml")) == (f"scenario.task: {rule}, not '/gone/none.toml'",)


def test_every_mistake_in_a_task_file_is_told(own: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text(TASK.replace("targets", "target").replace("seed = 1", 'seed = "one"'))
    found = mistakes(own_tree(own, task=str(tmp_path / "broken.toml")))
    assert len(found) == 2
    assert all(line.startswith(f"scenario.task: {tmp_path / 'broken.toml'}: ") for line in found)


def test_files_of_a_study_lie_beside_it(own: Path, tmp_path: Path) -> None:
    own = shutil.copytree(own, tmp_path / "own")
    tree = own_tree(own, task="mine.toml", inputs="x.npy", batch_first=True)
    for model in tree["models"]:
        model["name"] = "net.safetensors"
    (own / "study.toml").write_text(tomli_w.dumps(tree))
    scenario = load_space(str(own / "study.toml")).scenario
    assert (scenario.task, scenario.inputs) == (str(own / "mine.toml"), str(own / "x.npy"))


def test_a_scenario_that_leaves_them_out_is_stored_as_before() -> None:
    assert list(Scenario().model_dump()) == [
        "kind", "task", "scope", "sequences", "steps", "seed", "period_us", "deadline_us"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("batch_first", "batch_first says which axis of inputs is which, and there are no inputs"),
        ("raw", "raw says whether inputs are to be normalised, and there are no inputs"),
    ],
)
def test_what_is_said_of_inputs_needs_some(own: Path, key: str, expected: str) -> None:
    (found,) = mistakes(own_tree(own, task="digits", **{key: True}))
    assert found == f"scenario: {expected}"


def test_whether_inputs_are_normalised_is_asked(own: Path, tmp_path: Path) -> None:
    normalisation = Normalisation(method="standard", offset=(1.0, 2.0, 3.0), scale=(1.0, 1.0, 2.0))
    model = Model.load(own / "net.safetensors")
    config = model.config.model_copy(update={"normalisation": normalisation})
    replace(model, config=config).save(net := tmp_path / "normal.safetensors")

    def check(name: Path, **scenario: object) -> None:
        tree = own_tree(own, inputs=str(own / "x.npy"), batch_first=True, **scenario)
        parse_space(tree | {"models": [{"name": str(name)}]}, "t").check_data()

    with pytest.raises(
        BadInput, match=r"model net: reads normalised numbers \(standard\); say raw = true where x\.npy"
    ):
        check(net)
    with pytest.raises(BadInput, match=r"model net: has no normalisation; leave raw = true out"):
        check(own / "net.safetensors", raw=True)
    check(net, raw=True)
    check(net, raw=False)
    own_inputs = {raw: OwnInputs.of(Scenario(inputs=str(own / "x.npy"), raw=raw, sequences=4)) for raw in (True, False)}
    raw, ready = own_inputs[True], own_inputs[False]
    assert raw is not None
    assert ready is not None
    assert raw.sha256 != ready.sha256
    np.testing.assert_array_equal(raw.entering(raw.run, config).inputs, normalisation(raw.run.inputs))
    assert ready.entering(ready.run, config) is ready.run


def test_the_first_sequences_and_steps_are_run(own: Path, tmp_path: Path) -> None:
    x = np.load(own / "x.npy")
    np.save(tmp_path / "turned.npy", x.swapaxes(0, 1))
    turned = OwnInputs.of(Scenario(inputs=str(tmp_path / "turned.npy"), sequences=4, steps=5))
    given = OwnInputs.of(Scenario(inputs=str(own / "x.npy"), batch_first=True, sequences=4, steps=5))
    assert given is not None
    assert turned is not None
    assert turned.sha256 == given.sha256
    np.testing.assert_array_equal(given.run.inputs, x[:4, :5].swapaxes(0, 1))
    np.testing.assert_array_equal(given.whole.inputs, x.swapaxes(0, 1))
    assert (given.run.lengths.tolist(), given.run.warmup) == ([5] * 4, 0)


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ({"sequences": 8}, r"^scenario: .*x\.npy: inputs must hold at least the 8 sequences of the scenario, not 6 "),
        ({"batch_first": False}, r"^scenario: model net: inputs must be \(steps, sequences, 3\), not \(6, 7\)$"),
        ({"inputs": "none.npy"}, r"^scenario: none\.npy: no such file of inputs$"),
    ],
)
def test_inputs_that_models_cannot_read(own: Path, tmp_path: Path, scenario: dict[str, Any], expected: str) -> None:
    np.save(tmp_path / "flat.npy", np.load(own / "x.npy")[..., 0])
    file = own / "x.npy" if "batch_first" not in scenario else tmp_path / "flat.npy"
    given = {"inputs": str(file), "batch_first": True} | scenario
    with pytest.raises(BadInput, match=expected):
        parse_space(own_tree(own, **given), "t").check_data()


def test_with_a_loss_and_inputs_both_are_used(own: Path) -> None:
    space = parse_space(own_tree(own, task=own / "mine.toml", inputs=own / "x.npy", batch_first=True) | LOSS, "t")
    assert isinstance(space, Space)
    assert space.task is not None
    space.check_data()
