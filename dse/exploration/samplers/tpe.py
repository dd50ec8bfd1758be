"""TPE: a model of good and of bad points, from all trials before (Bergstra et al., 2011), here over all parameters."""

from typing import Any

from optuna import Study
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from dse.exploration.samplers.base import Distributions, KnownSpace, OneByOne, Problem, Sampler

REDRAWS = 5
"""How often a point that was tried before is drawn again: every draw weighs all trials before it."""


class _Tpe(KnownSpace, TPESampler):
    def __init__(self, problem: Problem, number: int) -> None:
        seed, _ = problem.seeds(number)
        super().__init__(seed=seed, n_startup_trials=problem.population, multivariate=True)
        self._free, self._is_new = problem.free, problem.is_new

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Distributions) -> dict[str, Any]:
        picked: dict[str, Any] = {}
        for _ in range(REDRAWS):
            picked = super().sample_relative(study, trial, search_space)
            if not picked or self._is_new(picked):
                break
        return picked


class _TpeDrawer(OneByOne):
    def at(self, number: int) -> BaseSampler:
        return _Tpe(self.problem, number)


TPE = Sampler("tpe", _TpeDrawer)
