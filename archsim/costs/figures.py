"""Figures: numbers with a unit, a source, and a band by which sources disagree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

End = Literal["low", "mid", "high"]
"""The end of its band at which a figure is taken."""
Status = Literal["calibrated", "predicted", "given"]
"""`calibrated` if a figure depends on anything in ``fitted``, `given` if a user's cost table states it."""


@dataclass(frozen=True)
class Band:
    """The least, middle and highest value that sources give for a figure, all in one unit."""

    low: float
    mid: float
    high: float

    def __add__(self, other: "Band") -> "Band":
        return Band(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def times(self, factor: float) -> "Band":
        return Band(factor * self.low, factor * self.mid, factor * self.high)

    def over_mid(self) -> "Band":
        """The band relative to its middle."""
        return self.times(1 / self.mid)


def exact(value: float) -> Band:
    """The band of a value on which all sources agree, or for which there is only one."""
    return Band(value, value, value)


NOTHING = exact(0.0)


@dataclass(frozen=True)
class Figure:
    """A number with its unit and source; `value` is the middle of its band."""

    value: float
    unit: str
    status: Status
    source: str
    spread: Band | None = None
    """The band; None if both ends equal `value`."""

    @property
    def band(self) -> Band:
        return self.spread or exact(self.value)

    def at(self, end: End) -> "Figure":
        """The figure with one end of its band as its value, and no band."""
        return replace(self, value=getattr(self.band, end), spread=None)

    def times(self, factor: float, unit: str) -> "Figure":
        spread = self.spread and self.spread.times(factor)
        return Figure(factor * self.value, unit, self.status, self.source, spread)


def of_band(band: Band, unit: str, status: Status, source: str) -> Figure:
    return Figure(band.mid, unit, status, source, None if band.low == band.mid == band.high else band)


def total(figures: Iterable[Figure]) -> Band:
    """The sums of all low, all middle and all high values, as if all sources erred in the same direction."""
    band = NOTHING
    for figure in figures:
        band += figure.band
    return band


def joined(figures: Iterable[Figure], unit: str) -> Figure:
    """The sum of one or more figures, all in `unit`."""
    parts = [(1.0, figure) for figure in figures]
    return parts[0][1] if len(parts) == 1 else weighted(parts, unit)


def weighted(parts: Sequence[tuple[float, Figure]], unit: str) -> Figure:
    """The sum of factor times figure over `parts`, with every source once.

    It is calibrated if any part is, and given only if all parts are.
    """
    low = mid = high = 0.0
    statuses = set()
    for factor, figure in parts:
        band = figure.spread
        low += factor * (figure.value if band is None else band.low)
        mid += factor * figure.value
        high += factor * (figure.value if band is None else band.high)
        statuses.add(figure.status)
    status: Status = "calibrated" if "calibrated" in statuses else "predicted" if "predicted" in statuses else "given"
    sources = _each_once(tuple([figure.source for _, figure in parts]))
    return Figure(mid, unit, status, sources, None if low == mid == high else Band(low, mid, high))


@lru_cache(maxsize=4096)
def _each_once(sources: tuple[str, ...]) -> str:
    return "; ".join(dict.fromkeys(sources))
