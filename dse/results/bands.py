"""Energy and area are known within a band: what of a search holds at either end of it."""

from collections.abc import Iterable

import numpy as np

from dse.evaluation.outcome import End
from dse.results.pareto import non_dominated
from dse.results.result import Trial
from dse.space.space import Space


def front_at(end: End, trials: Iterable[Trial], space: Space) -> frozenset[int]:
    """Numbers of the trials that no other beats if all costs lie at one end of their bands, constraints kept there.

    All designs at the same end: what a bit of DRAM or a gate costs is not known well, but it is the same for all.
    """
    values = {t.number: t.outcome.at(end) for t in trials if t.distinct and not t.outcome.refused}
    feasible = {number: each for number, each in values.items() if not space.broken(each)}
    if not feasible:
        return frozenset()
    costs = np.array([[goal.sign * each[goal.name] for goal in space.goals] for each in feasible.values()])
    return frozenset(number for number, kept in zip(feasible, non_dominated(costs), strict=True) if kept)
