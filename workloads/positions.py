"""Whole sequences of unequal length: read from their ends, pooled, and looked at where they end."""

import numpy as np
from numpy.typing import NDArray

from workloads.cells import Floats
from workloads.config import Pooling

Lengths = NDArray[np.integer]


def turned(values: NDArray[np.generic], lengths: Lengths) -> NDArray[np.generic]:
    """`values` ``(T, B, ...)`` with the steps of each sequence in reverse, and what lies beyond its length as it is.

    Step k holds position length - 1 - k, so turning twice changes nothing.
    """
    steps = np.arange(len(values))[:, None]
    positions = np.where(steps < lengths, np.asarray(lengths) - 1 - steps, steps)
    back: NDArray[np.generic] = values[positions, np.arange(values.shape[1])]
    return back


def at_ends(values: Floats, lengths: Lengths) -> Floats:
    """``(B, ...)`` at the last step of each sequence."""
    last: Floats = values[np.asarray(lengths) - 1, np.arange(values.shape[1])]
    return last


def pooled(values: Floats, lengths: Lengths, pooling: Pooling) -> Floats:
    """Mean or maximum ``(B, size)`` of `values` ``(T, B, size)`` over the steps of each sequence."""
    running = (np.arange(len(values))[:, None] < lengths)[..., None]
    if pooling == "max":
        largest: Floats = np.where(running, values, -np.inf).max(axis=0).astype(values.dtype)
        return largest
    total: Floats = np.where(running, values, 0).sum(axis=0, dtype=values.dtype)
    return total / np.asarray(lengths, values.dtype)[:, None]


def pooled_codes(codes: NDArray[np.integer], lengths: Lengths, pooling: Pooling) -> NDArray[np.int64]:
    """The same of integers ``(T, B, size)``: of a mean the nearest code, halves up."""
    running, wide = (np.arange(len(codes))[:, None] < lengths)[..., None], codes.astype(np.int64)
    if pooling == "max":
        largest: NDArray[np.int64] = np.where(running, wide, np.iinfo(np.int64).min).max(axis=0)
        return largest
    steps = np.asarray(lengths, np.int64)[:, None]
    total: NDArray[np.int64] = np.where(running, wide, 0).sum(axis=0)
    return (2 * total + steps) // (2 * steps)
