"""Drawing points: stopped at any trial it goes on as if nothing had happened; where the front is known it is as good as
Optuna's own; what was evaluated is not drawn again."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from archsim.errors import BadInput
from dse.results.quality import Reference
from dse.search import samplers
from dse.search.samplers import (
    NAMES,
    Draws,
    distributions,
)
from dse.space.grid import Grid
from dse.space.space import (
    MODEL,
    Space,
    parse_space,
)

SLOW = "gp"
QUICK = [name for name in NAMES if name != SLOW]


@pytest.fixture
def tree(tree: dict[str, Any]) -> dict[str, Any]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tree["parameters"]["clock_mhz"] = {"low": 100, "high": 400, "step": 50}
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


@pytest.mark.parametrize("name", QUICK)
def test_carried_on_it_draws_the_same(name: str, tree: dict[str, Any]) -> None:
    space = parse_space(tree | {"sampler": name, "trials": 36}, "t")
    whole = carried_out(space, 36)
    for stop in (1, 8, 21, 24):
        again = carried_out(space, 36, whole[:stop])
        assert [trial.params for trial in again] == [trial.params for trial in whole]
    assert [trial.number for trial in whole] == list(range(36))
    assert all(set(trial.params) == set(distributions(space)) for trial in whole)
    other = carried_out(space.model_copy(update={"seed": 4}), 36)
    assert [trial.params for trial in other] != [trial.params for trial in whole]


@pytest.mark.parametrize("name", QUICK)
def test_kept_trials_have_the_values_of_the_space(name: str, tree: dict[str, Any]) -> None:
    space = parse_space(tree | {"sampler": name, "trials": 20}, "t")
    study = optuna.create_study(directions=[goal.direction for goal in space.goals])
    grid = Grid(space)
    for trial in carried_out(space, 20):
        study.add_trial(trial)
        assert grid.point(grid.index(trial.params)) == trial.params
        values, excesses = answer(space, trial.params)
        assert trial.values == [values.get(goal.name, float("inf")) for goal in space.goals]
        assert trial.constraints["refused"] == (0 if values else samplers.REFUSAL)
        assert trial.constraints["latency_us_per_step"] == excesses.get("latency_us_per_step", 0)


@pytest.mark.slow
def test_a_gaussian_process_draws_too(tree: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    kept = carried_out(parse_space(tree | {"sampler": SLOW, "trials": 11}, "t"), 11)
    assert len({str(trial.params) for trial in kept}) == 11


def test_of_a_refused_point_a_gaussian_process_is_told_the_worst_before_it(tree: dict[str, Any]) -> None:
    """A cost may be negative, as the logarithm of a small area is: 0 is worse than any such."""
    pytest.importorskip("torch")
    space = parse_space(tree | {"sampler": SLOW, "trials": 11, "objectives": ["validation_loss", "area_mm2"]}, "t")
    draws = Draws(space)
    within = dict.fromkeys(space.constraints, 0.0)
    for values in ({}, {"validation_loss": 2.0, "area_mm2": 0.01}, {"validation_loss": 1.0, "area_mm2": 0.1}, {}):
        draws.tell(draws.ask(), values, within)
    told = [trial.values for trial in draws._study.get_trials()]
    assert told == [[0.0, 0.0], [2.0, pytest.approx(-2)], [1.0, pytest.approx(-1)], [2.0, pytest.approx(-1)]]


def test_what_a_gaussian_process_cannot_do_is_refused_by_name(
    tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="sampler gp: trials must be at most 1000, not 1001"):
        Draws(parse_space(tree | {"sampler": SLOW, "trials": 1001}, "t"))
    monkeypatch.setattr(samplers, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match="sampler gp: Optuna's Gaussian process needs PyTorch"):
        Draws(parse_space(tree | {"sampler": SLOW}, "t"))


@pytest.mark.parametrize("name", ["nsga2", "nsga3", "grid"])
def test_no_point_is_drawn_twice(name: str, tree: dict[str, Any]) -> None:
    kept = carried_out(parse_space(tree | {"sampler": name, "trials": 200}, "t"), 200)
    assert len({str(trial.params) for trial in kept}) == 200


def test_a_grid_ends_with_its_last_point(tree: dict[str, Any]) -> None:
    del tree["parameters"]["clock_mhz"]
    space = parse_space(tree | {"sampler": "grid", "trials": 10_000}, "t")
    grid = Grid(space)
    numbers = [grid.index(trial.params) for trial in carried_out(space, 10_000)]
    assert sorted(numbers) == list(range(grid.size))
    assert numbers != sorted(numbers)
    tree["parameters"]["dram.bandwidth_gbps"] = {"low": 1.0, "high": 2.0}
    with pytest.raises(BadInput, match="a range without steps cannot be enumerated"):
        Draws(parse_space(tree | {"sampler": "grid"}, "t"))


def test_given_points_come_after_the_starts_and_once(tree: dict[str, Any]) -> None:
    tree["parameters"] = {"pe_array.tiles": {"choices": [1, 2, 4, 8]}}
    tree["scenario"]["sequences"] = 8
    space = parse_space(tree, "t")
    starts = [dict(start) for start in space.starts]
    assert len(starts) == 3
    given = [{**starts[0], "array": "mux"}, starts[1], {**starts[2], "array": "mux"}, {**starts[0], "array": "mux"}]
    draws = Draws(space, given)
    assert [draws.ask().picked for _ in range(5)] == [*starts, given[0], given[2]]


def test_parameters_become_what_optuna_keeps(tree: dict[str, Any]) -> None:
    parameters = {
        "lanes": {"choices": [1, 2]},
        "clock_mhz": {"low": 100, "high": 400, "step": 50},
        "pe_array.tiles": {"low": 1, "high": 64, "log": True},
        "dram.bandwidth_gbps": {"low": 1.5, "high": 50.0},
    }
    space = parse_space(tree | {"parameters": parameters}, "t")
    made = distributions(space)
    assert made["lanes"] == CategoricalDistribution((1, 2))
    assert made["clock_mhz"] == IntDistribution(100, 400, step=50)
    assert made["pe_array.tiles"] == IntDistribution(1, 64, log=True)
    assert made["dram.bandwidth_gbps"] == FloatDistribution(1.5, 50.0)
    assert made["array"] == CategoricalDistribution(("multiplier", "mux"))
    assert made[MODEL] == CategoricalDistribution(tuple(space.choices))


# ZDT1 in the clothes of a space: each parameter has 21 values, by rank the variables from 0 to 1.
RANKS = 21
VARIABLES: dict[str, dict[str, Any]] = {
    "clock_mhz": {"low": 100, "high": 100 + 10 * (RANKS - 1), "step": 10},
    "dram.bandwidth_gbps": {"low": 1.0, "high": float(RANKS), "step": 1.0},
    "weight_memory.capacity_kib": {"choices": list(range(RANKS))},
    "pe_array.tiles": {"choices": [2 * i for i in range(1, RANKS + 1)]},
    "pe_array.accumulators": {"low": 1, "high": RANKS},
    "weight_memory.weights_per_cycle": {"low": 1, "high": RANKS},
}
BOX = Reference((0.0, 0.0), (1.1, 11.0))


def zdt1(x: Sequence[float]) -> tuple[float, float]:
    """Zitzler, Deb & Thiele, "Comparison of Multiobjective Evolutionary Algorithms" (2000); front: x[1:] all zero."""
    g = 1 + 9 * float(np.mean(x[1:]))
    return x[0], g * (1 - float(np.sqrt(x[0] / g)))


def searched(tree: dict[str, Any], name: str, seed: int, trials: int = 300) -> float:
    """Hypervolume that a sampler of this project finds."""
    wanted = {"parameters": VARIABLES, "variants": {}, "constraints": {}, "sampler": name, "seed": seed}
    wanted |= {"objectives": ["validation_loss", "area_mm2"], "population": 25, "trials": trials}
    wanted |= {"scenario": {"sequences": 8}, "models": [{"name": "wp-lstm256-ternary"}]}
    space = parse_space(tree | wanted, "t")
    ranks = {path: {v: i for i, v in enumerate(sorted(space.parameters[path].values))} for path in VARIABLES}
    draws = Draws(space)
    costs = []
    for _ in range(0, trials, draws.batch):
        asked = [draws.ask() for _ in range(draws.batch)]
        for drawn in asked:
            costs.append(zdt1([ranks[path][drawn.picked[path]] / (RANKS - 1) for path in VARIABLES]))
            first, second = costs[-1]
            draws.tell(drawn, {"validation_loss": first, "area_mm2": 10.0**second}, {})
    return BOX.hypervolume(np.array(costs))


def by_optuna(seed: int, trials: int = 300) -> float:
    """The same by Optuna's NSGA-II as it comes."""
    own = optuna.samplers.NSGAIISampler(population_size=25, seed=seed)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=own)
    problem = {path: FloatDistribution(0, 1, step=1 / (RANKS - 1)) for path in VARIABLES}
    costs = []
    for _ in range(trials):
        trial = study.ask(problem)  # type: ignore[arg-type]
        costs.append(zdt1([trial.params[path] for path in VARIABLES]))
        study.tell(trial, costs[-1])
    return BOX.hypervolume(np.array(costs))


def test_as_good_as_optuna_and_better_than_chance(tree: dict[str, Any]) -> None:
    def mean(name: str) -> float:
        return float(np.mean([searched(tree, name, seed) for seed in range(2)]))

    found = {name: mean(name) for name in ("nsga2", "nsga3", "random")}
    optunas = float(np.mean([by_optuna(seed) for seed in range(2)]))
    assert found["nsga2"] > optunas - 0.005
    assert found["nsga2"] > found["random"] + 0.03
    assert found["nsga3"] > found["random"] + 0.03


def test_mutated_values_do_not_follow_from_the_crossover(tree: dict[str, Any]) -> None:
    """Both generators of Optuna's NSGA-II have one seed; begun anew each trial, they would draw the same numbers."""
    draws = Draws(parse_space(tree, "t"))
    drawn = []
    for number in range(400):
        one: Any = draws._sampler(number)
        value = one.sample_independent(None, None, "x", FloatDistribution(0, 1))
        drawn.append((value, one._rng.rng.rand()))
    first, second = np.array(drawn).T
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    assert first.max() > 0.95
    assert first.min() < 0.05
