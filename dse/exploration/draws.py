"""How the points of a search are drawn: by a sampler (`dse.exploration.samplers`), in coordinates that suit it.

Every trial draws from a generator of its own, seeded by the search's seed and the trial's number, so that a trial
depends on nothing but those and the trials that were told before it: a search that was stopped and carried on draws the
same trials as one that ran through. (`gp` starts its fits from the fit before, where it has one: its trials after an
interruption may differ.)

Samplers see a space otherwise than a person does. Choices that are numbers are drawn by rank. Objectives whose axis is
logarithmic are told as logarithms, so that small designs are told apart as well as large ones; what is maximised is
negated. Trials that are kept have the space's own values.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

import numpy as np
import optuna
from optuna.trial import FrozenTrial, create_trial

from dse.exploration import samplers
from dse.exploration.coordinates import Coordinates
from dse.exploration.samplers import Problem
from dse.results.quality import cost
from dse.space.grid import Grid
from dse.space.space import Space
from dse.space.specs import Picked, Value

REFUSED = "refused"
REFUSAL = 1e6
"""How far a refused point counts as outside its constraints: farther than any deadline missed."""


@dataclass(frozen=True)
class Drawn:
    """A trial under way."""

    number: int
    picked: dict[str, Value]
    trial: optuna.Trial


class Draws:
    """Draws the trials of one search, from the space's starts, then `first`, then its sampler.

    BadInput where the sampler does not fit the space.
    """

    def __init__(self, space: Space, first: Sequence[Picked] = ()) -> None:
        self._space = space
        self._coordinates = Coordinates(space)
        self._drawer = samplers.by_name(space.sampler).begin(_problem(space, self._coordinates, self._is_new))
        self._study = optuna.create_study(directions=["minimize"] * len(space.goals))
        self._worst = [-inf] * len(space.goals)
        self._seen: set[tuple[Value, ...]] = set()
        self._asked = 0
        points = self._drawer.points
        self._sampled = points is None
        given = _once(space, (*space.starts, *first)) if points is None else []
        self.given = len(given)
        """Trials at points that the search begins with."""
        self._fixed = iter(given) if points is None else points
        self._next_fixed = next(self._fixed, None)

    @property
    def batch(self) -> int:
        """Trials that are drawn next, before any of them is told."""
        return self._drawer.batch(self._asked)

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left to draw: every point of a grid was."""
        return self._next_fixed is None and not self._sampled

    def restore(self, trials: Sequence[FrozenTrial]) -> None:
        """Trials that `tell` returned, all of them in their order, before anything is asked."""
        for trial in trials:
            values = {goal.name: value for goal, value in zip(self._space.goals, trial.values, strict=True)}
            costs = self._costs({} if trial.constraints[REFUSED] > 0 else values)
            again = create_trial(
                params=self._coordinates.encoded(trial.params),
                distributions=self._coordinates.drawn_from,
                values=costs,
                system_attrs=trial.system_attrs,
            )
            self._study.add_trial(again)
            self._count(trial.params)
        with _experimental():
            self._drawer.resume(self._study, self._asked)

    def ask(self) -> Drawn:
        """The next trial. Not to be called once `exhausted`."""
        number = self._asked
        with _experimental():
            self._study.sampler = self._drawer.at(number)
        if self._next_fixed is not None:
            self._study.enqueue_trial(self._coordinates.encoded(self._next_fixed))
        trial = self._study.ask(self._coordinates.drawn_from)
        picked = self._coordinates.decoded(trial.params)
        self._count(picked)
        return Drawn(number, picked, trial)

    def tell(
        self,
        drawn: Drawn,
        values: Mapping[str, float],
        excesses: Mapping[str, float],
        attributes: Mapping[str, str | float] | None = None,
    ) -> FrozenTrial:
        """What a trial found, and the trial as it is to be kept, with `attributes`.

        `values` by objective, none where the point was refused; `excesses` as `Space.violations` has them.
        """
        for name, excess in self._excesses(values, excesses).items():
            drawn.trial.set_constraint(name, excess)
        told = self._study.tell(drawn.trial, self._costs(values))
        goals = self._space.goals
        kept = create_trial(
            params=drawn.picked,
            distributions=self._coordinates.kept_as,
            values=[values.get(goal.name, goal.sign * inf) for goal in goals],
            user_attrs=dict(attributes or {}),
            system_attrs={name: value for name, value in told.system_attrs.items() if name != "fixed_params"},
        )
        kept.number = drawn.number
        return kept

    def _count(self, picked: Picked) -> None:
        self._asked += 1
        self._seen.add(self._key(picked))
        if self._next_fixed is not None:
            self._next_fixed = next(self._fixed, None)

    def _is_new(self, encoded: Picked) -> bool:
        return self._key(self._coordinates.completed(encoded)) not in self._seen

    def _key(self, picked: Picked) -> tuple[Value, ...]:
        canonical = self._space.canonical(picked)
        return tuple(canonical[name] for name in self._coordinates.kept_as)

    def _excesses(self, values: Mapping[str, float], excesses: Mapping[str, float]) -> dict[str, float]:
        if not values:
            return {REFUSED: REFUSAL} | dict.fromkeys(self._space.demanded, 0.0)
        return {REFUSED: 0.0, **excesses}

    def _costs(self, values: Mapping[str, float]) -> list[float]:
        """What is told, by objective; of a refused point, what the sampler takes for worse than any."""
        if not values:
            return self._drawer.costs_of_refused(self._worst)
        costs = [float(cost(goal, np.asarray(values[goal.name]))) for goal in self._space.goals]
        self._worst = [max(pair) for pair in zip(self._worst, costs, strict=True)]
        return costs


@contextmanager
def quiet_optuna() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _experimental() -> Iterator[None]:
    """Samplers that Optuna calls experimental are made without a warning: NSGA-III has been so since 2023."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _problem(space: Space, coordinates: Coordinates, is_new: Callable[[Picked], bool]) -> Problem:
    return Problem(
        seed=space.seed,
        population=space.population,
        objectives=len(space.goals),
        trials=space.trials,
        free=coordinates.free,
        is_new=is_new,
        every_point=lambda: _in_random_order(space, Grid(space)),
    )


def _once(space: Space, points: Sequence[Picked]) -> list[Picked]:
    """Each point once; ValueError where it is not one of the space."""
    return list({tuple(space.canonical(point).items()): point for point in points}.values())


def _in_random_order(space: Space, grid: Grid) -> Iterator[Picked]:
    for number in np.random.default_rng(space.seed).permutation(grid.size):
        point = grid.point(int(number))
        if space.canonical(point) == point:
            yield point
