"""Values are taken as they are written: in designs, studies, recipes, tasks, cost tables and model files alike."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np
import pytest
from pydantic import ValidationError

from archsim import designs, simulate, synthesize
from archsim.analysis.scenario import streaming
from archsim.costs.own import _Entry
from archsim.design import Design, load_design, parameters
from archsim.errors import BadInput
from archsim.frozen import Frozen, plain
from dse.space.space import Space
from dse.space.specs import ModelSpec, ParameterSpec, Ptq, Scenario
from workloads.tasks.own.spec import Shares, TaskSpec
from workloads.training.recipe import First, Recipe

BUILT = load_design("edge-8pe")


def _number_fields(kind: type[Frozen]) -> Iterator[str]:
    """Names of the fields that hold one number, or none."""
    for name, field in kind.model_fields.items():
        kinds = (
            get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else (field.annotation,)
        )
        plain_kinds = {get_args(each)[0] if get_origin(each) is Annotated else each for each in kinds} - {type(None)}
        if plain_kinds and plain_kinds <= {int, float}:
            yield name


def _numbers(design: Design) -> Iterator[tuple[str, Any]]:
    tree = design.model_dump(mode="json")
    for path in parameters(design):
        value: Any = tree
        for part in path.split("."):
            value = value[part]
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield path, value


@pytest.mark.parametrize("name", designs.ALL)
def test_no_number_of_a_design_is_a_truth_or_a_text(name: str) -> None:
    design = load_design(name)
    for path, value in _numbers(design):
        for other in (True, False, str(value), "1", [value]):
            with pytest.raises(BadInput, match=rf"{path}: .*valid (integer|number), not "):
                design.override({path: other})


def test_no_field_of_a_design_that_is_empty_is_a_truth() -> None:
    for path in parameters(BUILT):
        if path not in ("title", "name") and "enabled" not in path:
            try:
                changed = BUILT.override({path: True})
            except BadInput:
                continue
            before = BUILT.model_dump(mode="json")
            for part in path.split("."):
                before = before[part]
            assert isinstance(before, bool), (path, changed)


@pytest.mark.parametrize("kind", [Space, Scenario, ModelSpec, ParameterSpec, Recipe, First, Shares, TaskSpec, _Entry])
def test_no_number_elsewhere_is_a_truth_or_a_text(kind: type[Frozen]) -> None:
    for name in _number_fields(kind):
        for value in (True, "1"):
            with pytest.raises((ValidationError, BadInput)) as refused:
                kind.model_validate({name: value})
            assert name in str(refused.value), (kind, name, value)


def test_lists_of_numbers_hold_no_truth() -> None:
    with pytest.raises(ValidationError, match=r"weights\.0"):
        Ptq.model_validate({"weights": [True], "activations": 8})
    with pytest.raises(ValidationError, match="thresholds"):
        ModelSpec.model_validate({"name": "x", "thresholds": [True]})


def test_a_whole_number_will_do_where_any_number_will_and_not_the_reverse() -> None:
    assert BUILT.override({"dram.bandwidth_gbps": 80}).dram.bandwidth_gbps == 80.0
    with pytest.raises(BadInput, match=r"clock_mhz: must be an integer, without a decimal point, not 80\.0"):
        BUILT.override({"clock_mhz": 80.0})


def test_numbers_of_numpy_are_numbers() -> None:
    given: dict[str, Any] = {"clock_mhz": np.int64(80), "dram.bandwidth_gbps": np.float32(2.5)}
    changed = BUILT.override(given)
    assert (changed.clock_mhz, changed.dram.bandwidth_gbps) == (80, 2.5)
    assert type(changed.clock_mhz) is int
    with pytest.raises(BadInput, match="clock_mhz: Input should be a valid integer, not True"):
        BUILT.override(given | {"clock_mhz": np.True_})


def test_lists_are_tuples_however_deep() -> None:
    assert plain({"a": [[1, np.int8(2)], {"b": [np.float64(0.5)]}]}) == {"a": ((1, 2), {"b": (0.5,)})}


@pytest.mark.parametrize("given", [{"lanes": True}, {"steps": "2"}, {"steps": 2.0}])
def test_counts_of_a_run_are_integers(given: dict[str, Any]) -> None:
    trace = synthesize(hidden=8, inputs=4, density=0.5, sequences=2, steps=2)
    with pytest.raises(BadInput, match=rf"{next(iter(given))} must be an integer, not "):
        simulate(BUILT, trace, **given)


@pytest.mark.parametrize(
    "given",
    [
        {"hidden": True},
        {"inputs": "4"},
        {"sequences": 2.0},
        {"steps": True},
        {"seed": True},
        {"state_bits": "8"},
        {"density": True},
        {"correlation": "0.5"},
    ],
)
def test_numbers_of_a_drawn_trace_are_numbers(given: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=rf"{next(iter(given))} must be an? (integer|number), not "):
        synthesize(**({"hidden": 8, "inputs": 4, "density": 0.5} | given))


def test_a_period_is_a_number() -> None:
    trace = synthesize(hidden=8, inputs=4, density=0.5, sequences=2, steps=2)
    with pytest.raises(BadInput, match="period must be a number, not True"):
        streaming(BUILT, trace, True)


def test_a_design_that_another_process_pickled_has_the_hash_of_this_one() -> None:
    made = "import pickle, sys; from archsim.design import load_design; d = load_design('edge-resident'); hash(d)"
    code = f"{made}; sys.stdout.buffer.write(pickle.dumps(d))"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    pickled = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment).stdout
    here = load_design("edge-resident")
    assert {here: "found"}[pickle.loads(pickled)] == "found"
    assert hash(here) == hash(load_design("edge-resident")) != hash(here.override({"lanes": 2}))
