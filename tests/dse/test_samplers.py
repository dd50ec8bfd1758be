"""Begun anew at every trial, NSGA-II searches as well as Optuna's own: on a problem whose front is known (ZDT1)."""

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dse.quality import Reference
from dse.samplers import distributions, sampler
from dse.space import Space, parse_space

POPULATION = 25
PROBLEM: dict[str, BaseDistribution] = {
    **{f"x{i}": FloatDistribution(0, 1, step=0.05) for i in range(5)},
    **{f"c{i}": CategoricalDistribution([0.0, 0.25, 0.5, 0.75, 1.0]) for i in range(4)},
}


def zdt1(x: list[float]) -> tuple[float, float]:
    """Zitzler, Deb & Thiele, "Comparison of Multiobjective Evolutionary Algorithms" (2000); front: x[1:] all zero."""
    g = 1 + 9 * float(np.mean(x[1:]))
    return x[0], g * (1 - float(np.sqrt(x[0] / g)))


def searched(space: Space | None, seed: int) -> float:
    """Hypervolume after 16 generations by this project's sampler, or by Optuna's where `space` is None."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    own = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=own)
    costs = []
    for first in range(0, 16 * POPULATION, POPULATION):
        asked = []
        for number in range(first, first + POPULATION):
            if space is not None:
                study.sampler = sampler(space, number, PROBLEM)
            asked.append(study.ask(PROBLEM))
        for trial in asked:
            costs.append(zdt1(list(trial.params.values())))
            study.tell(trial, costs[-1])
    return Reference((0.0, 0.0), (1.1, 11.0)).hypervolume(np.array(costs))


def test_as_good_as_optuna_and_better_than_chance(tree: dict[str, Any]) -> None:
    def mean(kind: str) -> float:
        spaces = [parse_space(tree | {"sampler": kind, "seed": s, "population": POPULATION}, "t") for s in range(4)]
        return float(np.mean([searched(space, 0) for space in spaces]))

    optunas = float(np.mean([searched(None, seed) for seed in range(4)]))
    assert mean("nsga2") > optunas - 0.02
    assert mean("nsga2") > mean("random") + 0.05


def test_mutated_values_do_not_follow_from_the_crossover(tree: dict[str, Any]) -> None:
    """Both generators of Optuna's NSGA-II have one seed; begun anew each trial, they would draw the same numbers."""
    space = parse_space(tree, "t")
    drawn = []
    for number in range(400):
        one: Any = sampler(space, number, PROBLEM)
        value = one.sample_independent(None, None, "x", FloatDistribution(0, 1))
        drawn.append((value, optuna.samplers.NSGAIISampler(seed=number)._rng.rng.rand()))
    first, second = np.array(drawn).T
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    assert first.max() > 0.95
    assert first.min() < 0.05


def test_parameters_become_what_optuna_draws_from(tree: dict[str, Any]) -> None:
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
    assert made["model"] == CategoricalDistribution(tuple(space.choices))
