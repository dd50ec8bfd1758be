"""What a search ends with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from archsim.design import Design
from dse.evaluation.outcome import End, PointOutcome
from dse.evaluation.point import Evaluation
from dse.results.quality import Quality
from dse.space.choice import ModelChoice
from dse.space.space import Setting, Value

PublishedDesigns: TypeAlias = list[tuple[Design, ModelChoice, PointOutcome]]
"""The shipped designs on the models of a space."""


@dataclass(frozen=True)
class Trial:
    """A complete trial, in the order they were drawn."""

    number: int
    parameters: dict[str, Value]
    outcome: PointOutcome
    distinct: bool
    """The first trial at its point."""


@dataclass(frozen=True)
class FrontPoint:
    """A point that no other dominates, confirmed on `burst`."""

    trial: Trial
    evaluation: Evaluation
    overrides: dict[str, Setting]
    test_loss: float | None
    """None where its model has none."""
    command: str
    """Runs this point again."""


@dataclass(frozen=True)
class Extended:
    """How many trials of an earlier run a search has kept."""

    run: str
    trials: int
    kept: int
    misfits: dict[str, int]
    """Why the others are no points of its space, the most frequent reason first, with the number of trials."""

    @property
    def reasons(self) -> str:
        """Empty where all were kept."""
        return f": {', '.join(f'{why} ({count})' for why, count in self.misfits.items())}" if self.misfits else ""


@dataclass(frozen=True)
class SearchResult:
    """What a search ended with; all of it is in the folder too."""

    folder: Path
    trials: tuple[Trial, ...]
    front: tuple[FrontPoint, ...]
    fronts: Mapping[End, frozenset[int]]
    """By end of the costs' bands: numbers of the trials that make the front there."""
    model_evaluations: int
    """Whole splits run through a model."""
    model_evaluations_cached: int
    """Those that had been run before, by any search of the same cache."""
    seconds: float
    quality: Quality | None
    """None where nothing feasible was found."""
    course: tuple[float, ...]
    """Hypervolume after each trial, in the box of the reference; zeros where there is none."""
    stood_still: int | None = None
    """Trials after which the hypervolume stood still, which ended the search; None where its budget did."""
    extended: Extended | None = None
    """What it has kept of an earlier run, where it extends one."""

    def stays(self, point: FrontPoint) -> tuple[End, ...]:
        """The ends of the costs' bands at which a point is still on the front."""
        return tuple(end for end, numbers in self.fronts.items() if point.trial.number in numbers)

    def outcomes(self, names: Iterable[str]) -> tuple[FrontPoint, ...]:
        """The front with one point for each model and values of objectives: many share them where a parameter changes
        nothing."""
        names = tuple(names)
        found: dict[tuple[object, ...], FrontPoint] = {}
        for point in self.front:
            what = (point.evaluation.measured.choice, *(point.trial.outcome.values[name] for name in names))
            found.setdefault(what, point)
        return tuple(found.values())

    @property
    def distinct_points(self) -> int:
        """Points evaluated, each counted once; refused ones are not counted."""
        return sum(t.distinct and not t.outcome.refused for t in self.trials)

    @property
    def distinct_designs(self) -> int:
        """Designs evaluated, each counted once however many models ran on it."""
        return len({t.outcome.design_sha256 for t in self.trials if not t.outcome.refused})

    @property
    def models_run(self) -> int:
        """Models of the zoo (at any threshold) that the evaluated designs ran."""
        return len({t.outcome.model for t in self.trials if not t.outcome.refused})

    @property
    def refused(self) -> int:
        return sum(t.outcome.refused for t in self.trials)

    @property
    def infeasible(self) -> int:
        """Evaluated, but outside a constraint."""
        return sum(not t.outcome.refused and not t.outcome.feasible for t in self.trials)
