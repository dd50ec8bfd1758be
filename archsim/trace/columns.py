"""Column counts of a product: what is listed, what is non-zero, what padding a list needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Columns:
    """Columns of one MatVec, step by step, over the lanes of a run; all ``(T,)`` int64."""

    listed: NDArray[np.int64]
    """Columns non-zero in at least one active lane: what is streamed when zeros are skipped."""
    dense: NDArray[np.int64]
    """Columns streamed when nothing is skipped (a one-hot operand: its distinct symbols)."""
    nonzero: NDArray[np.int64]
    """Non-zero operand elements, summed over the active lanes."""
    possible: NDArray[np.int64]
    """Operand elements over the active lanes: ``cols * active``, or ``active`` for a one-hot operand."""
    active: NDArray[np.int64]
    """Lanes for which the product runs."""
    padding: NDArray[np.int64]
    """Columns of zeros that a list needs where the next one lies further on than an offset can say."""


def paddings(union: NDArray[np.uint8], cols: int, reach: int) -> NDArray[np.int64]:
    """`_padding` of a few steps at a time: it takes 40 bytes an element."""
    few = max(1, 2**16 // cols)
    return np.concatenate([_padding(union[first : first + few], cols, reach) for first in range(0, len(union), few)])


def _padding(union: NDArray[np.uint8], cols: int, reach: int) -> NDArray[np.int64]:
    """Columns of padding a step: one for every whole `reach` that lies between a listed column and the one before.

    `union` is packed, ``(T, ceil(cols/8))``; the first column of a step is `position + 1` on from the beginning.
    """
    step, position = np.nonzero(np.unpackbits(union, axis=-1, count=cols))
    before = np.concatenate([[-1], position[:-1]])
    before[np.concatenate([[True], step[1:] != step[:-1]])[: len(step)]] = -1
    needed = (position - before - 1) // reach
    return np.bincount(step, weights=needed, minlength=len(union)).astype(np.int64)


def pack_mask(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Bits of the last axis to bytes, first element in the highest bit, as the arrays of a trace hold them."""
    return np.packbits(mask, axis=-1)
