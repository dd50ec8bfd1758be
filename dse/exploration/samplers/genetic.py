"""What NSGA-II and NSGA-III are given here beside their selection."""

from collections.abc import Callable
from typing import Any, Self

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseGASampler, BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from dse.exploration.samplers.base import Distributions, Drawer, KnownSpace, Problem

REDRAWS = 20
"""How often a point that was tried before is drawn again: evaluated twice, a point says nothing new."""

Parents = dict[int, list[FrozenTrial]]


class Genetic(KnownSpace, BaseGASampler):
    """A generation is as many trials as the population, in order.

    Optuna counts them and finds their parents by going through all trials for each, and would call itself for every
    generation before.
    """

    _is_new: Callable[[dict[str, Any]], bool]
    _child_generation_strategy: Callable[[Study, Distributions, list[FrozenTrial]], dict[str, Any]]

    def begin(self, problem: Problem, number: int, parents: Parents) -> Self:
        self._free, self._is_new, self._parents = problem.free, problem.is_new, parents
        # Optuna seeds the generator of mutations like that of crossovers; begun anew each trial, a mutated value would
        # follow from the number that decided on the crossover.
        self._mutations = RandomSampler(seed=problem.seeds(number)[1])
        return self

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        assert self.population_size is not None
        return trial.number // self.population_size

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        assert self.population_size is not None
        first = generation * self.population_size
        trials = study.get_trials(deepcopy=False)[first : first + self.population_size]
        return [trial for trial in trials if trial.state == TrialState.COMPLETE]

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        if generation and generation not in self._parents:
            selected = self.select_parent(study, generation)
            self._parents[generation] = sorted(selected, key=lambda trial: trial.number)
        return self._parents.get(generation, [])

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Distributions) -> dict[str, Any]:
        """A child that was not tried before, where it does not take too long to find one."""
        parents = self.get_parent_population(study, self.get_trial_generation(study, trial))
        child: dict[str, Any] = {}
        for _ in range(REDRAWS):
            child = self._child_generation_strategy(study, search_space, parents) if parents else {}
            for name in [name for name in search_space if name not in child]:  # mutated, or of the first generation
                child[name] = self.sample_independent(study, trial, name, search_space[name])
            if self._is_new(child):
                break
        return child

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._mutations.sample_independent(study, trial, param_name, param_distribution)


class GeneticDrawer(Drawer):
    """Generation after generation; `make` is Optuna's sampler for a trial, by the seed of its crossovers."""

    def __init__(self, problem: Problem, make: Callable[[int], Genetic]) -> None:
        super().__init__(problem)
        self._make = make
        self._parents: Parents = {}

    def at(self, number: int) -> BaseSampler:
        return self._genetic(number)

    def resume(self, study: Study, trials: int) -> None:
        """Parents of every generation, each selected by the trial that did: NSGA-III draws lots there."""
        population = self.problem.population
        for first in range(population, trials, population):
            self._genetic(first).get_parent_population(study, first // population)

    def _genetic(self, number: int) -> Genetic:
        return self._make(self.problem.seeds(number)[0]).begin(self.problem, number, self._parents)
