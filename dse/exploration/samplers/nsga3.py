"""NSGA-III: generations ranked by dominance, then by reference points spread over the front (Deb & Jain, 2014)."""

from math import comb

from optuna.samplers import NSGAIIISampler

from dse.exploration.samplers.base import Drawer, Problem, Sampler
from dse.exploration.samplers.genetic import Genetic, GeneticDrawer


class _Nsga3(Genetic, NSGAIIISampler): ...


def _begin(problem: Problem) -> Drawer:
    divisions = _divisions(problem.population, problem.objectives)
    return GeneticDrawer(
        problem,
        lambda seed: _Nsga3(population_size=problem.population, seed=seed, dividing_parameter=divisions),
    )


def _divisions(population: int, objectives: int) -> int:
    """Parts into which each axis is divided: about as many reference points as a generation has members."""
    divisions = 1
    while comb(divisions + objectives, objectives - 1) <= population:
        divisions += 1
    return divisions


NSGA3 = Sampler("nsga3", _begin)
