"""Drawing points: given ones first; where the front is known it is as good as Optuna's own. What holds of every sampler
is in `samplers/test_conformance.py`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution

from dse.exploration.draws import Draws
from dse.results.quality import Reference
from dse.space.space import parse_space


@pytest.fixture
def tree(tree: dict[str, Any]) -> dict[str, Any]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tree["parameters"]["clock_mhz"] = {"low": 100, "high": 400, "step": 50}
    return tree


def test_given_points_come_after_the_starts_and_once(tree: dict[str, Any]) -> None:
    tree["parameters"] = {"pe_array.tiles": {"choices": [1, 2, 4, 8]}}
    tree["scenario"]["sequences"] = 8
    space = parse_space(tree, "t")
    starts = [dict(start) for start in space.starts]
    assert len(starts) == 3
    given = [{**starts[0], "array": "mux"}, starts[1], {**starts[2], "array": "mux"}, {**starts[0], "array": "mux"}]
    draws = Draws(space, given)
    assert [draws.ask().picked for _ in range(5)] == [*starts, given[0], given[2]]


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
        one: Any = draws._drawer.at(number)
        value = one.sample_independent(None, None, "x", FloatDistribution(0, 1))
        drawn.append((value, one._rng.rng.rand()))
    first, second = np.array(drawn).T
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    assert first.max() > 0.95
    assert first.min() < 0.05
