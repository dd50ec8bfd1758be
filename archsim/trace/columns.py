"""Column counts of a product: columns on the operand list, non-zero elements, and the padding that the list needs."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Columns:
    """Column counts of one MatVec in each step, over the lanes of a run; every array is ``(T,)`` int64."""

    listed: NDArray[np.int64]
    """Columns non-zero in at least one active lane, which are streamed when zeros are skipped."""
    dense: NDArray[np.int64]
    """Columns streamed when nothing is skipped (for a one-hot operand, its distinct symbols)."""
    nonzero: NDArray[np.int64]
    """Non-zero operand elements, summed over the active lanes."""
    possible: NDArray[np.int64]
    """Operand elements, summed over the active lanes: ``cols * active``, or ``active`` for a one-hot operand."""
    active: NDArray[np.int64]
    """Lanes for which the product runs."""
    padding: NDArray[np.int64]
    """Columns of zeros that the list needs where the next non-zero column lies beyond the reach of an offset."""


def paddings(union: NDArray[np.uint8], cols: int, reach: int) -> NDArray[np.int64]:
    """`_padding`, computed for a few steps at a time, since it takes 40 bytes an element."""
    few = max(1, 2**16 // cols)
    return np.concatenate([_padding(union[first : first + few], cols, reach) for first in range(0, len(union), few)])


def _padding(union: NDArray[np.uint8], cols: int, reach: int) -> NDArray[np.int64]:
    """Columns of padding in each step, ``(T,)``: one for every `reach` zeros between two successive non-zero columns.

    `union` is packed, ``(T, ceil(cols/8))``; the list of a step starts as if column -1 were on it.
    """
    step, position = np.nonzero(np.unpackbits(union, axis=-1, count=cols))
    before = np.concatenate([[-1], position[:-1]])
    before[np.concatenate([[True], step[1:] != step[:-1]])[: len(step)]] = -1
    needed = (position - before - 1) // reach
    return np.bincount(step, weights=needed, minlength=len(union)).astype(np.int64)


def padded(nonzero: Iterable[int], reach: int) -> list[int]:
    """The columns on the list of one step: the non-zero ones, which are given in ascending order, and its padding."""
    listed: list[int] = []
    at = -1
    for column in nonzero:
        listed += range(at + reach, column, reach)
        listed.append(column)
        at = column
    return listed


def pack_mask(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pack the last axis into bytes, with the first element in the highest bit, as the arrays of a trace store it."""
    return np.packbits(mask, axis=-1)
