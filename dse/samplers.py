"""Optuna samplers that can be stopped and carried on: every trial draws from a generator of its own.

The generator is seeded by the search's seed and the trial's number, so that a trial's parameters depend on nothing
but those and the trials that were told before it.
"""

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from archsim.trace import BadInput
from dse.space import MODEL, Parameter, Space

Distributions = dict[str, BaseDistribution]


class _Nsga2(NSGAIISampler):
    """NSGA-II over a space known beforehand."""

    def __init__(self, population: int, seeds: tuple[int, int], space: Distributions) -> None:
        super().__init__(population_size=population, seed=seeds[0])
        # NSGAIISampler seeds the generator of its mutations like that of its crossovers; begun anew each trial, a
        # mutated value would follow from the number that decided on the crossover.
        self._mutations = RandomSampler(seed=seeds[1])
        self._free = {name: d for name, d in space.items() if not d.single()}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Distributions:
        return self._free  # Optuna would go through all trials to find it

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """In order of number: Optuna returns them so when it has them in its cache, but by rank the first time."""
        return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._mutations.sample_independent(study, trial, param_name, param_distribution)


def sampler(space: Space, trial: int, among: Distributions) -> BaseSampler:
    """The sampler that draws trial number `trial`."""
    first, second = (int(s) for s in np.random.SeedSequence((space.seed, trial)).generate_state(2))
    if space.sampler == "nsga2":
        return _Nsga2(space.population, (first, second), among)
    if space.sampler == "tpe":
        return TPESampler(seed=first, n_startup_trials=space.population)
    if space.sampler == "random":
        return RandomSampler(seed=first)
    raise BadInput(f"sampler must be nsga2, tpe or random, not {space.sampler!r}")


def distributions(space: Space) -> Distributions:
    """What Optuna draws from: the model, the design's parameters, and the groups of variants."""
    return {
        MODEL: CategoricalDistribution(tuple(space.choices)),
        **{path: _distribution(parameter) for path, parameter in space.parameters.items()},
        **{group: CategoricalDistribution(tuple(variants)) for group, variants in space.variants.items()},
    }


def _distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.choices is not None:
        return CategoricalDistribution(parameter.choices)
    low, high = parameter.extremes
    if parameter.integer:
        return IntDistribution(int(low), int(high), log=parameter.log, step=int(parameter.step or 1))
    step = None if parameter.step is None else float(parameter.step)
    return FloatDistribution(float(low), float(high), log=parameter.log, step=step)
