"""A Gaussian process, as Optuna fits it with PyTorch. Its fits start from the fit before, where there is one, so that
its trials after an interruption may differ."""

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from math import isfinite

from optuna.samplers import BaseSampler, GPSampler, RandomSampler

from archsim.errors import BadInput
from dse.exploration.samplers.base import OneByOne, Problem, Sampler

MOST_TRIALS = 1000
"""Each trial solves as many equations as there were trials before it."""


class _GaussianProcessDrawer(OneByOne):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        if find_spec("torch") is None:
            raise BadInput("sampler gp: Optuna's Gaussian process needs PyTorch: pip install 'archsim[train]'")
        if problem.trials is None or problem.trials > MOST_TRIALS:
            raise BadInput(
                f"sampler gp: trials must be at most {MOST_TRIALS}, not {problem.trials}: each trial costs as much as "
                "the cube of those before it; use tpe or nsga2"
            )

    def at(self, number: int) -> BaseSampler:
        """One sampler for the whole search, its generator begun anew each trial: its fits start from those before."""
        self._process._rng.rng.seed(self.problem.seeds(number)[0])
        return self._process

    def costs_of_refused(self, worst: Sequence[float]) -> list[float]:
        """As bad as the worst before, and 0 where there is none: a Gaussian process knows no infinity."""
        return [cost if isfinite(cost) else 0.0 for cost in worst]

    @cached_property
    def _process(self) -> GPSampler:
        seed = self.problem.seed
        first = RandomSampler(seed=seed)
        return GPSampler(seed=seed, n_startup_trials=self.problem.population, independent_sampler=first)


GP = Sampler("gp", _GaussianProcessDrawer)
