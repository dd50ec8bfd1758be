"""How good a search is: the hypervolume of what it found, as a share of what there was to find.

The hypervolume of a set of points is the volume that they dominate, up to a corner (Zitzler & Thiele, 1998). It is
computed exactly, by moocore. The corner must not move while searches are compared, so it is made once from one front
(the exact one of an enumerated space, or the final one of a single search) and is written beside every figure that
rests on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import moocore
import numpy as np
from numpy.typing import NDArray

from dse.objectives import Objective
from dse.results.pareto import non_dominated

Floats = NDArray[np.float64]

MARGIN = 0.1
"""How far the corner lies behind the worst of the front, as a share of the front's range: so that the extreme points
count too (Ishibuchi et al., "How to Specify a Reference Point in Hypervolume Calculation", 2018)."""


@dataclass(frozen=True)
class Reference:
    """The box that hypervolumes are shares of: from the best of each objective to the corner behind the worst."""

    ideal: tuple[float, ...]
    corner: tuple[float, ...]

    @classmethod
    def of(cls, costs: Floats) -> "Reference":
        """That of the front of `costs` ``(N, M)``, all minimised and finite; ValueError where there are none."""
        front = costs[non_dominated(costs)]
        if not len(front) or not np.isfinite(front).all():
            raise ValueError("a reference needs a front of finite costs")
        best, worst = front.min(axis=0), front.max(axis=0)
        behind = np.where(worst > best, MARGIN * (worst - best), 1.0)  # all equal: any distance serves
        return cls(tuple(best.tolist()), tuple((worst + behind).tolist()))

    def hypervolume(self, costs: Floats) -> float:
        """Share of the box that rows of `costs` ``(N, M)`` dominate; rows beyond the corner dominate none of it."""
        scaled = self._scaled(costs)
        inside = scaled[(scaled < 1).all(axis=1)]
        return float(moocore.hypervolume(inside, ref=1.0)) if len(inside) else 0.0

    def course(self, costs: Floats) -> Floats:
        """Hypervolume after each row of `costs` ``(N, M)``, in the order of the rows."""
        scaled = self._scaled(costs)
        front = np.empty((0, scaled.shape[1]))
        volume, course = 0.0, np.zeros(len(scaled))
        for index, row in enumerate(scaled):
            if (row < 1).all() and not (front <= row).all(axis=1).any():
                front = np.concatenate([front[~(row <= front).all(axis=1)], row[None]])
                volume = float(moocore.hypervolume(front, ref=1.0))
            course[index] = volume
        return course

    def _scaled(self, costs: Floats) -> Floats:
        """0 at the ideal, 1 at the corner."""
        ideal = np.array(self.ideal)
        scaled: Floats = (costs - ideal) / (np.array(self.corner) - ideal)
        return scaled


@dataclass(frozen=True)
class Quality:
    """What a search found, and how soon."""

    reference: Reference
    hypervolume: float
    """That of all that was found."""
    exact_hypervolume: float | None
    """That of the exact front of the space, where it is known: the reference is of that front then, else of the
    search's own."""

    @property
    def regret(self) -> float | None:
        """Share of the exact hypervolume that was not found."""
        return None if self.exact_hypervolume is None else 1 - self.hypervolume / self.exact_hypervolume


def cost(goal: Objective, values: Floats) -> Floats:
    """Values of an objective, minimised; in decades where its axis is: a tenth less counts the same everywhere.

    What is not positive has no decade and counts as the smallest positive float.
    """
    if goal.logarithmic:
        values = np.log10(np.maximum(values, np.finfo(np.float64).tiny))
    return goal.sign * values


def value_of(goal: Objective, cost: float) -> float:
    """The value of an objective that has a cost."""
    return goal.sign * cost if not goal.logarithmic else float(10 ** (goal.sign * cost))


def costs(goals: Sequence[Objective], values: Mapping[str, Floats]) -> Floats:
    """``(N, M)``: one column a goal, all minimised."""
    return np.stack([cost(goal, np.asarray(values[goal.name], np.float64)) for goal in goals], axis=1)
