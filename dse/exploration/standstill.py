"""When a search ends because it finds nothing more: its hypervolume stands still.

The rule: once in a generation, what has been found is compared with what had been found `after` trials before. Where
the hypervolume has grown by no more than `SHARE` of it since, it stands still. Both are measured in the box of the
front as it is now (`dse.results.quality.Reference`). As long as nothing feasible was found before, it does not, and
points that the search was given to begin with are none of those trials.
The rule looks at trials alone, in their order, so that a search that is carried on ends where one that ran through did.
"""

from math import isfinite

import numpy as np

from dse.results.pareto import Front
from dse.results.quality import Floats, Reference

SHARE = 1e-3
"""Growth of the hypervolume that does not count."""


class Standstill:
    """Watches the trials of a search; one without a limit (`after` is None) never stands still."""

    def __init__(self, after: int | None, generation: int, goals: int, given: int = 0) -> None:
        """`given` trials are at points that the search begins with."""
        self._after = after
        self._given = given
        self._generation = generation
        self._rows = list[Floats]()
        self._now, self._before = _Grown(goals), _Grown(goals)
        self.reached: int | None = None
        """Trials after which the hypervolume stood still; None where it has not."""

    def add(self, costs: Floats) -> None:
        """Rows ``(N, M)`` of the next trials, in order, all minimised; infinite where a trial is not feasible."""
        if self._after is None:
            return
        for row in costs:
            self._rows.append(row)
            if self.reached is None and len(self._rows) % self._generation == 0 and self._still(self._after):
                self.reached = len(self._rows)

    def _still(self, after: int) -> bool:
        earlier = len(self._rows) - after
        before = self._before.until(earlier, self._rows)
        if earlier < self._given or not len(before):
            return False
        now = self._now.until(len(self._rows), self._rows)
        box = Reference.of(now)
        volume = box.hypervolume(now)
        return volume - box.hypervolume(before) <= SHARE * volume


class _Grown:
    """The front of the first rows of a list, which only grows."""

    def __init__(self, goals: int) -> None:
        self._front = Front(goals)
        self._seen = 0

    def until(self, end: int, rows: list[Floats]) -> Floats:
        """Costs of the front of the first `end` rows."""
        if new := [row for row in rows[self._seen : max(end, self._seen)] if all(map(isfinite, row))]:
            self._front.add(np.stack(new), np.zeros(len(new), np.int64))
        self._seen = max(end, self._seen)
        return self._front.costs
