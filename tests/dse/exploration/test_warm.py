"""A search begins with what is known: published designs, and fronts of earlier searches, where they fit its space."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from archsim.design import load_design
from archsim.errors import BadInput
from dse.evaluation.models import ModelSide
from dse.exploration.study import search
from dse.exploration.warm import (
    nearest,
    placed,
    warm_points,
)
from dse.space.space import MODEL, parse_space
from dse.space.specs import ParameterSpec


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [
        (ParameterSpec(choices=(1, 2, 8)), 8, 8),
        (ParameterSpec(choices=(1, 2, 8)), 6, 8),
        (ParameterSpec(choices=(1, 2, 8)), 100.0, 8),
        (ParameterSpec(low=100, high=300, step=50), 160, 150),
        (ParameterSpec(low=1.0, high=2.0), 0.25, 1.0),
        (ParameterSpec(low=1.0, high=2.0), 1.25, 1.25),
        (ParameterSpec(choices=("whole", "part")), "part", "part"),
        (ParameterSpec(choices=("whole",)), "part", None),
        (ParameterSpec(choices=(True,)), False, None),
        (ParameterSpec(choices=("whole",)), 3, None),
        (ParameterSpec(choices=(10, 20)), 10.0, 10),
        (ParameterSpec(choices=(1, 2)), True, None),
    ],
)
def test_the_nearest_value(parameter: ParameterSpec, value: Any, found: Any) -> None:
    assert nearest(parameter, value) == found
    assert type(nearest(parameter, value)) is type(found)


def test_a_design_of_the_space_is_its_own_point(tree: dict[str, Any]) -> None:
    space = parse_space(tree, "t")
    picked: dict[str, Any] = {
        "lanes": 2,
        "pe_array.tiles": 2,
        "pe_array.pes_per_tile": 8,
        "clock_mhz": 333,
        "array": "mux",
    }
    assert placed(space, space.design(space.overrides({MODEL: next(iter(space.choices)), **picked}))) == picked


def test_published_designs_on_every_model(tree: dict[str, Any]) -> None:
    space = parse_space(tree, "t")
    points = warm_points(space, ["published"])
    assert {point[MODEL] for point in points} == {choice.label for choice in space.as_trained}
    for point in points:
        assert all(parameter.holds(point[path]) for path, parameter in space.parameters.items())
    skip = load_design("skip-65nm")
    assert skip.clock_mhz in {point["clock_mhz"] for point in points}
    tree["variants"]["array"] = {"odd": {"pe_array.multiplier": "fixed", "pe_array.weight_bits": 5}}
    with pytest.raises(BadInput, match="--warm-start published: none of its 18 points fits the space tiny"):
        warm_points(parse_space(tree, "t"), ["published"])


def test_an_earlier_front_comes_first(tree: dict[str, Any], models: ModelSide, tmp_path: Path) -> None:
    """In a wider space, without one of the models: the front's points on the others are the first trials."""
    loose = parse_space(tree | {"constraints": {"latency_us_per_step": 1.5}}, "t")
    before = search(loose, tmp_path / "before", models=models)
    wider = tree | {"models": tree["models"][:2], "constraints": {}, "seed": 8}
    wider["parameters"] = tree["parameters"] | {"pe_array.tiles": {"choices": [1, 2, 4, 8]}}
    space = parse_space(wider, "t")
    first = warm_points(space, [str(tmp_path / "before")])
    on_front = [p.trial.parameters for p in before.front if p.trial.parameters[MODEL] in space.choices]
    assert {frozenset(point.items()) for point in first} == {frozenset(point.items()) for point in on_front}
    assert len(before.front) > len(first) == len(on_front) > 0
    after = search(space, tmp_path / "after", models=models, first=first)
    assert [trial.parameters for trial in after.trials[: len(first)]] == list(first)


def test_resumed_it_goes_on_with_what_it_was_given(tree: dict[str, Any], models: ModelSide, tmp_path: Path) -> None:
    space = parse_space(tree, "t")
    first = warm_points(space, ["published"])
    whole = search(space, tmp_path / "whole", models=models, first=first)
    search(parse_space(tree | {"trials": 3}, "t"), tmp_path / "cut", models=models, first=first)
    again = search(space, tmp_path / "cut", resume=True, models=models)
    assert again.trials == whole.trials


def test_what_is_no_search_is_named(tree: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(parse_space(tree, "t").to_toml())
    with pytest.raises(BadInput, match=r"holds no search \(no study.db\)"):
        warm_points(parse_space(tree, "t"), [str(tmp_path)])
    optuna.create_study(storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="another")
    with pytest.raises(BadInput, match=r"study\.db: is not a study of this search, or damaged"):
        warm_points(parse_space(tree, "t"), [str(tmp_path)])
