"""NSGA-II: generations ranked by dominance, then by how crowded they lie (Deb et al., 2002)."""

from optuna.samplers import NSGAIISampler

from dse.exploration.samplers.base import Drawer, Problem, Sampler
from dse.exploration.samplers.genetic import Genetic, GeneticDrawer


class _Nsga2(Genetic, NSGAIISampler): ...


def _begin(problem: Problem) -> Drawer:
    return GeneticDrawer(problem, lambda seed: _Nsga2(population_size=problem.population, seed=seed))


NSGA2 = Sampler("nsga2", _begin)
