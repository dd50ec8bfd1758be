"""Integer matrix products into accumulators of a stated width: proved to fit, or saturating after every column.

An accumulator starts at the bias; then the columns are added one by one, lowest first, those of the input before those
of the state, and after each the sum is clipped to the accumulator's range. Columns of zero change nothing, so skipping
them changes nothing. Where the ranges of weights and operands prove that no partial sum can leave the range, clipping
does nothing and the product is one matrix product; where the operands at hand prove it (``|W| |x|``), likewise. Only
what is left is added column by column, so the result is always that of the definition.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.numbers import Ints, Saturations, Shift

Products = Literal["integer", "blas"]
"""Multiply integers as integers, or the same ones in floating point, where every partial sum is exact: for sweeps."""
Dot = Callable[[NDArray[Any]], Ints]
WIDEST_BITS = 62
"""Sums of two such numbers still fit 64 bits."""
_EXACT = ((24, np.float32), (53, np.float64))
"""Bits up to which a floating-point type holds every integer."""


@dataclass(frozen=True)
class Interval:
    """Lowest and highest value of each row's accumulator, as Python integers ``(R,)``."""

    low: NDArray[np.object_]
    high: NDArray[np.object_]

    @classmethod
    def of(cls, low: NDArray[Any], high: NDArray[Any]) -> "Interval":
        return cls(low.astype(object), high.astype(object))

    @classmethod
    def point(cls, values: Ints) -> "Interval":
        return cls.of(values, values)

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def where(self, rows: NDArray[np.bool_], other: "Interval") -> "Interval":
        """This one's `rows`, and the other's rest."""
        return Interval(np.where(rows, self.low, other.low), np.where(rows, self.high, other.high))

    def rows(self, rows: slice) -> "Interval":
        return Interval(self.low[rows], self.high[rows])

    def bits(self) -> NDArray[np.int64]:
        """The narrowest two's complement that holds each row ``(R,)``."""
        ends = zip(self.low, self.high, strict=True)
        return np.array([1 + max((~int(a) if a < 0 else int(a)).bit_length() for a in pair) for pair in ends], np.int64)


def reach(codes: NDArray[np.integer], left: Ints, low: int, high: int) -> Interval:
    """Interval of every partial sum of ``(W x) << left`` for operands between `low` <= 0 and `high` >= 0.

    Each term's interval holds 0, so no partial sum leaves that of the whole sum.
    """
    positive = np.maximum(codes, 0).sum(axis=1, dtype=np.int64).astype(object)
    negative = np.minimum(codes, 0).sum(axis=1, dtype=np.int64).astype(object)
    unit = np.array([1 << int(s) for s in left], object)
    return Interval((positive * low + negative * high) * unit, (positive * high + negative * low) * unit)


def one_of(codes: NDArray[np.integer], left: Ints) -> Interval:
    """Interval of one column of `codes` ``(R, K)``, shifted, or of none."""
    unit = np.array([1 << int(s) for s in left], object)
    return Interval(
        codes.min(axis=1, initial=0).astype(object) * unit, codes.max(axis=1, initial=0).astype(object) * unit
    )


def dot(codes: NDArray[np.integer], bits: int, products: Products) -> Dot:
    """``x (..., K) -> x W^T (..., R)`` for `codes` ``(R, K)``, given that `bits` hold every partial sum.

    `blas` computes the same integers by a floating-point product, exactly: every partial sum is an integer that the
    type holds. BadInput where none does.
    """
    if products == "integer":
        kind: Any = np.int32 if bits <= 32 else np.int64
        columns = np.ascontiguousarray(codes.T, kind)
        return partial(_integer, columns)
    for mantissa, kind in _EXACT:
        if bits - 1 <= mantissa:
            floats = np.ascontiguousarray(codes.T, kind)
            return partial(_floating, floats)
    raise BadInput(f"products 'blas' must have partial sums below 2**53, not {bits} bits: use 'integer'")


def _integer(columns: NDArray[Any], x: NDArray[Any]) -> Ints:
    product: Ints = np.einsum("...k,kr->...r", x.astype(columns.dtype), columns).astype(np.int64)
    return product


def _floating(columns: NDArray[Any], x: NDArray[Any]) -> Ints:
    product: Ints = (x.astype(columns.dtype) @ columns).astype(np.int64)
    return product


@dataclass(frozen=True, eq=False)
class Accumulate:
    """Adds ``(W x) << left`` to accumulators that hold `start`."""

    codes: NDArray[np.integer]  # (R, K)
    left: Ints  # (R,)
    accumulator_bits: int
    site: str
    proved: bool
    """Every row fits whatever the operands."""
    product: Dot
    magnitude: Dot
    """``|W| |x|``"""
    saturations: Saturations

    @cached_property
    def _align(self) -> Shift:
        return Shift.right_by(-self.left)

    def __call__(self, start: Ints, x: NDArray[Any]) -> Ints:
        """Accumulators ``(..., R)`` after operands `x` ``(..., K)``."""
        sums = start + self._align(self.product(x))
        clipped = np.zeros(sums.shape[:-1], np.int64)
        if not self.proved:
            limit = 1 << (self.accumulator_bits - 1)
            doubtful = np.abs(start) + self._align(self.magnitude(np.abs(x.astype(np.int64)))) >= limit
            *lanes, rows = np.nonzero(doubtful)
            if len(rows):
                begin = np.broadcast_to(start, sums.shape)[doubtful]
                saturated = np.zeros(sums.shape, np.bool_)  # a sum counts once, however often it saturates
                sums[doubtful], saturated[doubtful] = self._by_column(begin, x[tuple(lanes)].astype(np.int64), rows)
                clipped = np.count_nonzero(saturated, axis=-1)
        self.saturations.note("accumulator", self.site, clipped, sums.shape[-1])
        return sums

    def _by_column(self, sums: Ints, x: NDArray[Any], rows: NDArray[np.intp]) -> tuple[Ints, NDArray[np.bool_]]:
        """Accumulators ``(N,)`` of `rows` after operands `x` ``(N, K)``, clipped after every column; and which were."""
        limit, clipped = 1 << (self.accumulator_bits - 1), np.zeros(len(sums), np.bool_)
        for k in range(x.shape[1]):
            added = sums + ((self.codes[rows, k] * x[:, k]) << self.left[rows])
            sums = np.clip(added, -limit, limit - 1)
            clipped |= sums != added
        return sums, clipped


@dataclass(frozen=True, eq=False)
class LookUp:
    """Adds the column of a symbol, as `Accumulate` adds that of a one-hot operand, to constant accumulators."""

    sums: Ints  # (symbols, R)
    clipped: NDArray[np.int64]  # (symbols,) rows that saturate
    site: str
    saturations: Saturations

    @classmethod
    def of(
        cls,
        start: Ints,
        codes: NDArray[np.integer],
        left: Ints,
        site: str,
        accumulator_bits: int,
        saturations: Saturations,
    ) -> "LookUp":
        """`start` ``(R,)``, `codes` ``(R, symbols)``."""
        exact = start + (codes.T.astype(np.int64) << left)
        limit = 1 << (accumulator_bits - 1)
        sums = np.clip(exact, -limit, limit - 1)
        return cls(np.ascontiguousarray(sums), np.count_nonzero(sums != exact, axis=1), site, saturations)

    def __call__(self, symbols: NDArray[Any]) -> Ints:
        """Accumulators ``(..., R)`` of `symbols` ``(...)``."""
        sums: Ints = self.sums[symbols]
        self.saturations.note("accumulator", self.site, self.clipped[symbols], sums.shape[-1])
        return sums
