"""A number with its unit, where it comes from, and how far sources disagree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

End = Literal["low", "mid", "high"]
"""Which end of its band a figure is taken at."""
Status = Literal["calibrated", "predicted", "given"]
"""`calibrated` where a figure rests on anything in ``fitted``, `given` where a person's own table says it."""


@dataclass(frozen=True)
class Band:
    """A figure that is not known well: low, mid, high, in one unit."""

    low: float
    mid: float
    high: float

    def __add__(self, other: "Band") -> "Band":
        return Band(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def times(self, factor: float) -> "Band":
        return Band(factor * self.low, factor * self.mid, factor * self.high)


def exact(value: float) -> Band:
    """No source disagrees, or there is one only."""
    return Band(value, value, value)


NOTHING = exact(0.0)


@dataclass(frozen=True)
class Figure:
    """A number with where it comes from; `value` is the middle of its band."""

    value: float
    unit: str
    status: Status
    source: str
    spread: Band | None = None
    """None: the same at both ends."""

    @property
    def band(self) -> Band:
        return self.spread or exact(self.value)

    def at(self, end: End) -> "Figure":
        """As if this end of the band were known to be true."""
        return replace(self, value=getattr(self.band, end), spread=None)

    def times(self, factor: float, unit: str) -> "Figure":
        spread = self.spread and self.spread.times(factor)
        return Figure(factor * self.value, unit, self.status, self.source, spread)


def of_band(band: Band, unit: str, status: Status, source: str) -> Figure:
    return Figure(band.mid, unit, status, source, None if band.low == band.mid == band.high else band)


def total(figures: Iterable[Figure]) -> Band:
    """The sum at low, mid and high: as if all disagreed the same way."""
    band = NOTHING
    for figure in figures:
        band += figure.band
    return band


def joined(figures: Iterable[Figure], unit: str) -> Figure:
    """The sum of at least one figure, all in `unit`."""
    parts = [(1.0, figure) for figure in figures]
    return parts[0][1] if len(parts) == 1 else weighted(parts, unit)


def weighted(parts: Sequence[tuple[float, Figure]], unit: str) -> Figure:
    """The sum of (factor, figure), with every source once; fitted if any part is, given only if all are."""
    low = mid = high = 0.0
    for factor, figure in parts:
        band = figure.spread
        low += factor * (figure.value if band is None else band.low)
        mid += factor * figure.value
        high += factor * (figure.value if band is None else band.high)
    statuses = {figure.status for _, figure in parts}
    status: Status = "calibrated" if "calibrated" in statuses else "predicted" if "predicted" in statuses else "given"
    sources = "; ".join(dict.fromkeys(figure.source for _, figure in parts))
    return Figure(mid, unit, status, sources, None if low == mid == high else Band(low, mid, high))
