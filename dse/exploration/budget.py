"""How long a search goes on: so many trials, so many seconds, or both, whichever is spent first."""

from collections.abc import Iterable, Iterator
from itertools import takewhile
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


class Budget:
    """Seconds are those of searching, from when this is made; what earlier runs of the search took is counted in."""

    def __init__(self, trials: int | None, seconds: float | None, before_seconds: float = 0.0) -> None:
        self._trials = trials
        self._most_seconds = seconds
        self._began = monotonic() - before_seconds

    @property
    def seconds(self) -> float:
        """Spent."""
        return monotonic() - self._began

    @property
    def timed(self) -> bool:
        return self._most_seconds is not None

    @property
    def lasts(self) -> bool:
        """Whether there is time for another trial."""
        return self._most_seconds is None or self.seconds < self._most_seconds

    def in_time(self, things: Iterable[T]) -> Iterator[T]:
        """Each of `things`, until the time is up: asked for the next one after that, it ends."""
        return takewhile(lambda _: self.lasts, things)

    def generation(self, done: int, population: int) -> range:
        """Numbers of the trials up to the end of the generation of trial `done`; none where the budget is spent."""
        if not self.lasts:
            return range(done, done)
        end = (done // population + 1) * population
        return range(done, end if self._trials is None else min(end, max(done, self._trials)))
