"""What every sampler answers: its name, and how it draws the trials of one search."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from dse.space.specs import Picked

Distributions = dict[str, BaseDistribution]


@dataclass(frozen=True)
class Problem:
    """What a sampler is given of a search."""

    seed: int
    population: int
    """Trials of one generation."""
    objectives: int
    """How many; all of them are minimised."""
    trials: int | None
    """None where the budget is one of seconds alone."""
    free: Distributions
    """Parameters that can take more than one value, in the coordinates of `dse.exploration.coordinates`."""
    is_new: Callable[[Picked], bool]
    """Whether a point, in those coordinates, was not drawn before."""
    every_point: Callable[[], Iterator[Picked]]
    """Every point once, in an order drawn by the seed; BadInput where a range is continuous."""

    def seeds(self, number: int) -> tuple[int, int]:
        """Seeds of the two generators of a trial: they depend on the search's seed and the trial's number alone."""
        first, second = np.random.SeedSequence((self.seed, number)).generate_state(2)
        return int(first), int(second)


class Drawer(ABC):
    """Draws the trials of one search; what most samplers do stands here."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @abstractmethod
    def at(self, number: int) -> BaseSampler:
        """Optuna's sampler for trial `number`."""

    @property
    def points(self) -> Iterator[Picked] | None:
        """All points to be drawn, in order, after which the search ends; None where each trial is sampled."""
        return None

    def batch(self, number: int) -> int:
        """Trials that are drawn before any of them is told: so many at trial `number`."""
        return self.problem.population

    def resume(self, study: Study, trials: int) -> None:  # noqa: B027  most samplers have nothing to catch up on
        """Catch up with a search that was stopped after `trials` trials, all of them in `study`."""

    def costs_of_refused(self, worst: Sequence[float]) -> list[float]:
        """What is told of a refused point, by objective, when the `worst` so far are these: that it is worse."""
        return [inf] * len(worst)


class OneByOne(Drawer):
    """Learns from every trial; those of the first population are drawn whatever was told, and so together."""

    def batch(self, number: int) -> int:
        return self.problem.population if number < self.problem.population else 1


@dataclass(frozen=True)
class Sampler:
    """A way to draw points, by the name that a study gives it."""

    name: str
    begin: Callable[[Problem], Drawer]
    """Begins a search; BadInput where the sampler does not fit the problem."""


class KnownSpace(BaseSampler):
    """A sampler of Optuna over a space that is known beforehand: Optuna would go through all trials to find it."""

    _free: Distributions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Distributions:
        return self._free
