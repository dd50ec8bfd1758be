"""What every sampler in ``ALL`` does: a new one inherits these tests, and says here where it is weaker or slow."""

import hashlib
from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial

from archsim.errors import BadInput
from dse.exploration import samplers
from dse.exploration.coordinates import distributions
from dse.exploration.draws import REFUSAL, Draws
from dse.space.grid import Grid
from dse.space.space import Space, parse_space

NEEDS_TORCH = {"gp"}
"""Slow as well: each trial is a fit. Fits start from the fit before, so that trials after a stop may be others."""
MAY_REPEAT = {"tpe", "qmc", "random"}
"""Whose draws take no account of the points before, or not for long."""
POINTS_IN_ORDER = {"grid"}
"""Ends with the last of its points; every other sampler begins with the starts of the space."""


def marked(name: str) -> Any:
    return pytest.param(name, marks=[pytest.mark.slow, pytest.mark.train] if name in NEEDS_TORCH else [])


every = pytest.mark.parametrize("name", [marked(sampler.name) for sampler in samplers.every()])


def trials_of(name: str, many: int = 36) -> int:
    return 10 if name in NEEDS_TORCH else many


@pytest.fixture
def tree(tree: dict[str, Any]) -> dict[str, Any]:
    """Every kind of parameter that can be counted; one is in force beside one of the variants only."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tree["parameters"]["clock_mhz"] = {"low": 100, "high": 400, "step": 50}
    tree["parameters"]["pe_array.accumulators"] = {"choices": [16, 32, 64], "when": {"array": "mux"}}
    return tree


def answer(space: Space, picked: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Something that depends on the point alone: a third is refused, some miss the constraint."""
    digest = hashlib.sha256(repr(sorted(picked.items())).encode()).digest()
    if digest[0] < 80:
        return {}, {}
    values = {goal.name: 1 + digest[i + 1] / 255 for i, goal in enumerate(space.goals)}
    return values, dict.fromkeys(space.constraints, digest[9] / 255 - 0.7)


def carried_out(space: Space, trials: int, before: Sequence[FrozenTrial] = ()) -> list[FrozenTrial]:
    """Trials as they are kept, after those `before`, a batch at a time."""
    draws = Draws(space)
    draws.restore(before)
    kept = list(before)
    while len(kept) < trials and not draws.exhausted:
        size = min(draws.batch - len(kept) % draws.batch, trials - len(kept))
        asked = [draws.ask() for _ in range(size)]
        kept += [draws.tell(drawn, *answer(space, drawn.picked)) for drawn in asked]
    return kept


def params(trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    return [trial.params for trial in trials]


@every
def test_the_same_seed_draws_the_same_and_another_does_not(name: str, tree: dict[str, Any]) -> None:
    trials = trials_of(name)
    space = parse_space(tree | {"sampler": name, "trials": trials}, "t")
    whole = carried_out(space, trials)
    assert [trial.number for trial in whole] == list(range(trials))
    assert params(carried_out(space, trials)) == params(whole)
    other = carried_out(space.model_copy(update={"seed": 4}), trials)
    assert params(other) != params(whole)


@every
def test_carried_on_it_draws_the_same(name: str, tree: dict[str, Any]) -> None:
    """A trial depends on its number and on the trials before it: nothing else is kept between two of them."""
    trials = trials_of(name)
    space = parse_space(tree | {"sampler": name, "trials": trials}, "t")
    whole = carried_out(space, trials)
    for stop in (1, 8, 21, 24) if trials > 24 else (1, 8):
        again = carried_out(space, trials, whole[:stop])
        assert [trial.number for trial in again] == list(range(trials))
        if name not in NEEDS_TORCH:
            assert params(again) == params(whole)


@every
def test_trials_drawn_together_do_not_depend_on_each_other(name: str, tree: dict[str, Any]) -> None:
    """Told one by one, they are the same."""
    trials = trials_of(name)
    space = parse_space(tree | {"sampler": name, "trials": trials}, "t")
    draws, told = Draws(space), list[FrozenTrial]()
    while len(told) < trials and not draws.exhausted:
        drawn = draws.ask()
        told.append(draws.tell(drawn, *answer(space, drawn.picked)))
    assert params(told) == params(carried_out(space, trials))


@every
def test_kept_trials_have_the_values_of_the_space(name: str, tree: dict[str, Any]) -> None:
    """And of its conditions: what is not in force is not set, whatever was drawn for it."""
    trials = trials_of(name, 24)
    space = parse_space(tree | {"sampler": name, "trials": trials}, "t")
    study = optuna.create_study(directions=[goal.direction for goal in space.goals])
    grid = Grid(space)
    in_force = set()
    for trial in carried_out(space, trials):
        study.add_trial(trial)
        assert set(trial.params) == set(distributions(space))
        assert grid.point(grid.index(trial.params)) == trial.params
        in_force.add("pe_array.accumulators" in space.overrides(trial.params))
        assert ("pe_array.accumulators" in space.overrides(trial.params)) == (trial.params["array"] == "mux")
        values, excesses = answer(space, trial.params)
        assert trial.values == [values.get(goal.name, float("inf")) for goal in space.goals]
        assert trial.constraints["refused"] == (0 if values else REFUSAL)
        assert trial.constraints["latency_us_per_step"] == excesses.get("latency_us_per_step", 0)
    assert in_force == {True, False}


@every
def test_every_kind_of_parameter_can_be_drawn(name: str, tree: dict[str, Any]) -> None:
    """Ranges without steps and logarithmic ones too, but for a sampler of points in order, which refuses by name."""
    tree["parameters"] |= {"clock_mhz": {"low": 100, "high": 400, "log": True}}
    tree["parameters"] |= {"dram.bandwidth_gbps": {"low": 1.5, "high": 50.0}}
    trials = trials_of(name, 20)
    space = parse_space(tree | {"sampler": name, "trials": trials}, "t")
    if name in POINTS_IN_ORDER:
        with pytest.raises(BadInput, match="a range without steps cannot be enumerated"):
            Draws(space)
        return
    for picked in params(carried_out(space, trials)):
        assert all(parameter.holds(picked[path]) for path, parameter in space.parameters.items())
        assert picked["model"] in space.choices
        assert picked["array"] in space.variants["array"]


@pytest.mark.parametrize(
    "name", [marked(sampler.name) for sampler in samplers.every() if sampler.name not in MAY_REPEAT]
)
def test_no_point_is_drawn_twice(name: str, tree: dict[str, Any]) -> None:
    trials = trials_of(name, 200)
    space = parse_space(tree | {"sampler": name, "trials": trials}, "t")
    kept = params(carried_out(space, trials))
    assert len({str(space.canonical(picked)) for picked in kept}) == trials


@every
def test_a_search_begins_with_the_starts_of_its_space(name: str, tree: dict[str, Any]) -> None:
    tree["parameters"] = {"pe_array.tiles": {"choices": [1, 2, 4, 8]}}
    tree["scenario"]["sequences"] = 8
    space = parse_space(tree | {"sampler": name}, "t")
    starts = [dict(start) for start in space.starts]
    assert len(starts) == 3
    drawn = params(carried_out(space, 3))
    assert (drawn == starts) == (name not in POINTS_IN_ORDER)


@every
def test_names_are_distinct_and_validate(name: str, tree: dict[str, Any]) -> None:
    assert [sampler.name for sampler in samplers.every()].count(name) == 1
    assert parse_space(tree | {"sampler": name}, "t").sampler == name


def test_a_name_without_an_implementation_does_not_validate(tree: dict[str, Any]) -> None:
    names = [repr(sampler.name) for sampler in samplers.every()]
    rule = f"t: sampler: Input should be {', '.join(names[:-1])} or {names[-1]}, not 'nsga5'"
    with pytest.raises(BadInput) as refused:
        parse_space(tree | {"sampler": "nsga5"}, "t")
    assert refused.value.lines == (rule,)
    with pytest.raises(BadInput, match=r"sampler: Input should be .*, not 7"):
        parse_space(tree | {"sampler": 7}, "t")


def test_a_grid_ends_with_its_last_point(tree: dict[str, Any]) -> None:
    del tree["parameters"]["clock_mhz"]
    del tree["parameters"]["pe_array.accumulators"]
    space = parse_space(tree | {"sampler": "grid", "trials": 10_000}, "t")
    grid = Grid(space)
    numbers = [grid.index(picked) for picked in params(carried_out(space, 10_000))]
    assert sorted(numbers) == list(range(grid.size))
    assert numbers != sorted(numbers)
    tree["parameters"]["dram.bandwidth_gbps"] = {"low": 1.0, "high": 2.0}
    with pytest.raises(BadInput, match="a range without steps cannot be enumerated"):
        Draws(parse_space(tree | {"sampler": "grid"}, "t"))
