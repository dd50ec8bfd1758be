"""Fixed-point numbers: integers with a binary point, rescaled by shifts, clipped where they do not fit."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from archsim.frozen import Frozen

Ints = NDArray[np.int64]
Ends = tuple[float, float]
"""Least and greatest of a range."""
FARTHEST = 16
"""Integer bits lie between -16 and 16: ranges of 2^-16 to 2^16."""


Kind = Literal["accumulator", "argument", "state", "input"]
"""What is clipped: sums, where any partial sum does not fit; arguments of sigmoid and tanh, and what a GRU's reset gate
multiplies; h and c; real inputs."""


class Clipped(Frozen):
    """How many of the numbers of one kind and place lay beyond the range that holds them, and were clipped to it."""

    kind: str
    place: str
    clipped: int
    of: int
    within: Ends | None = None
    """The least and the greatest number that is held; None: of accumulators, and of arguments of a curve."""

    @property
    def share(self) -> float:
        return self.clipped / self.of if self.of else 0.0


@dataclass
class Saturations:
    """How often a number did not fit and was clipped, by kind and place, and how many were looked at.

    Steps beyond the end of a sequence are padding, and neither clipped nor seen.
    """

    clipped: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    seen: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    within: dict[tuple[Kind, str], Ends] = field(default_factory=dict)

    lengths: NDArray[np.integer[Any]] | None = None
    """Steps of each sequence ``(B,)`` of the run at hand; None: none of them ends within it."""
    shortest: int = 0
    """The least of them."""
    step: int = 0
    """Where the run is."""

    def add(self, other: "Saturations") -> None:
        """What `other` has counted as well."""
        self.clipped.update(other.clipped)
        self.seen.update(other.seen)
        self.within |= other.within

    @contextmanager
    def over(self, lengths: NDArray[np.integer[Any]]) -> Iterator[None]:
        """A run of sequences that end after `lengths` steps ``(B,)``: what is noted of steps beyond does not count."""
        self.lengths, self.shortest, self.step = lengths, int(lengths.min()), 0
        try:
            yield
        finally:
            self.lengths, self.step = None, 0

    def note(
        self, kind: Kind, place: str, clipped: NDArray[np.integer[Any]], each: int, within: Ends | None = None
    ) -> None:
        """How many of `each` numbers were clipped: by lane ``(B,)`` of this step, or ``(T, B)`` from this step on."""
        running = self._running(clipped.shape)
        counted = clipped if running is None else clipped[np.broadcast_to(running, clipped.shape)]
        self.clipped[kind, place] += int(counted.sum())
        self.seen[kind, place] += each * counted.size
        if within is not None:
            self.within[kind, place] = within

    def look(self, kind: Kind, place: str, beyond: NDArray[np.bool_], within: Ends | None = None) -> None:
        """`note` of which numbers lie beyond their range, ``(B, n)`` or ``(T, B, n)``."""
        self.note(kind, place, np.asarray(np.count_nonzero(beyond, axis=-1)), beyond.shape[-1], within)

    def by_step(self, kind: Kind, place: str, within: Ends | None) -> Callable[[NDArray[np.integer[Any]], int], None]:
        """`note` of one step at every call, from the first step on."""
        steps = count()

        def note(clipped: NDArray[np.integer[Any]], each: int) -> None:
            self.step = next(steps)
            self.note(kind, place, clipped, each, within)

        return note

    def _running(self, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Which of what is noted is no padding; None: all of it."""
        steps = shape[0] if len(shape) > 1 else 1
        if self.lengths is None or not shape or self.step + steps <= self.shortest:
            return None
        running: NDArray[np.bool_] = self.step + (np.arange(steps)[:, None] if len(shape) > 1 else 0) < self.lengths
        return running

    def clip(self, kind: Kind, place: str, codes: Ints, low: int, high: int, within: Ends | None = None) -> Ints:
        """`codes` within `low` and `high`; those outside are counted."""
        clipped = np.clip(codes, low, high)
        self.look(kind, place, clipped != codes, within)
        return clipped

    @property
    def places(self) -> tuple[Clipped, ...]:
        """What was looked at, place by place, in the order that it was met."""
        return tuple(
            Clipped(
                kind=kind,
                place=place,
                clipped=self.clipped[kind, place],
                of=seen,
                within=self.within.get((kind, place)),
            )
            for (kind, place), seen in self.seen.items()
        )

    def count(self, kind: Kind) -> int:
        """Clips of one kind, wherever."""
        return sum(n for (own, _), n in self.clipped.items() if own == kind)

    def share(self, kind: Kind) -> float:
        """Clips of one kind over all numbers of that kind; 0 where there were none."""
        seen = sum(n for (own, _), n in self.seen.items() if own == kind)
        return self.count(kind) / seen if seen else 0.0


def integer_bits(largest: float) -> int:
    """m of the smallest range ``[-2^m, 2^m)`` that `largest` lies in, m >= 0; rounding may still take it to the end."""
    return max(0, math.frexp(largest)[1])


class Number(Frozen):
    """Two's complement of `bits` with `fraction` bits behind the point: a code stands for ``code * 2**-fraction``.

    The point may lie outside the bits: a `fraction` above ``bits - 1`` is for small numbers, one below 0 for large.
    """

    bits: int = Field(ge=2, le=16)
    fraction: int = Field(ge=2 - 1 - FARTHEST, le=16 - 1 + FARTHEST)

    @classmethod
    def holding(cls, bits: int, largest: float) -> "Number":
        """The finest number of `bits` whose range ``[-2**m, 2**m - unit]`` reaches `largest`, but for one unit."""
        mantissa, exponent = math.frexp(largest)  # mantissa in [0.5, 1), exact where log2 is not
        m = exponent - (mantissa == 0.5)
        return cls(bits=bits, fraction=bits - 1 - min(max(m, -FARTHEST), FARTHEST))

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1

    @property
    def integer_bits(self) -> int:
        """m of Qm.n."""
        return self.bits - 1 - self.fraction

    @property
    def unit(self) -> float:
        return math.ldexp(1.0, -self.fraction)

    @property
    def ends(self) -> Ends:
        """The least and the greatest number it holds."""
        return math.ldexp(self.low, -self.fraction), math.ldexp(self.high, -self.fraction)

    def codes(self, values: NDArray[np.floating]) -> Ints:
        """Nearest codes of real `values`, halves to even, clipped. Not for the inner loop."""
        return np.clip(self._nearest(values), self.low, self.high).astype(np.int64)

    def beyond(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which of real `values` have no code near."""
        nearest = self._nearest(values)
        return (nearest < self.low) | (nearest > self.high)

    def clipped(self, values: NDArray[np.floating]) -> int:
        """How many of real `values` have no code near."""
        return int(np.count_nonzero(self.beyond(values)))

    def _nearest(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        nearest: NDArray[np.float64] = np.rint(np.ldexp(values.astype(np.float64), self.fraction))
        return nearest

    def values(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """What codes stand for. Not for the inner loop."""
        return np.ldexp(codes.astype(np.float64), -self.fraction)


@dataclass(frozen=True)
class Shift:
    """Multiplication by a power of two, rounded half up: add half a unit, then shift right. One shift, or one a row.

    ``(v + 2^(n-1)) >> n`` for n right shifts; -n left shifts are exact.
    """

    left: Ints | int
    right: Ints | int
    half: Ints | int

    @classmethod
    def right_by(cls, n: NDArray[np.integer] | int) -> "Shift":
        """Right by `n`, left where `n` is negative; rows that all shift alike become one shift."""
        by = np.asarray(n, np.int64)
        if by.ndim and np.all(by == by[0]):
            by = by[0]
        left, right = np.maximum(-by, 0), np.maximum(by, 0)
        half = (1 << right) >> 1
        return cls(left, right, half) if by.ndim else cls(int(left), int(right), int(half))

    def __call__(self, codes: Ints) -> Ints:
        """``(..., rows)``, or of any shape where all shift alike."""
        if isinstance(self.left, int) and isinstance(self.right, int):
            return codes << self.left if not self.right else (codes + self.half) >> self.right
        shifted: Ints = ((codes << self.left) + self.half) >> self.right
        return shifted


@dataclass(frozen=True)
class Aligned:
    """A sum of numbers with different fractions, exact: all are shifted left to the finest of them."""

    lefts: tuple[int, ...]
    fraction: int

    @classmethod
    def of(cls, *fractions: int) -> "Aligned":
        finest = max(fractions)
        return cls(tuple(finest - f for f in fractions), finest)

    def __call__(self, *terms: Ints) -> Ints:
        first, *rest = (term << left for term, left in zip(terms, self.lefts, strict=True))
        total: Ints = sum(rest, start=first)
        return total
