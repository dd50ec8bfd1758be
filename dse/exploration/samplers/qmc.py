"""Quasi-Monte Carlo: points of one scrambled Sobol sequence, whatever was found."""

from optuna import Study
from optuna.samplers import BaseSampler, QMCSampler

from dse.exploration.samplers.base import Distributions, Drawer, KnownSpace, Problem, Sampler


class _Qmc(KnownSpace, QMCSampler):
    """Point `number` of the sequence."""

    def __init__(self, problem: Problem, number: int) -> None:
        super().__init__(seed=problem.seed, scramble=True)
        self._free, self._number = problem.free, number

    def _find_sample_id(self, study: Study, search_space: Distributions) -> int:
        return self._number


class _QmcDrawer(Drawer):
    def at(self, number: int) -> BaseSampler:
        return _Qmc(self.problem, number)


QMC = Sampler("qmc", _QmcDrawer)
