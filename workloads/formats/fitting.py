"""Scales that make codes nearest to given weights: what an import takes, where training has scales of its own."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Scale, Weights

Quantize = Callable[[Weights, Scale], NDArray[np.generic]]


def ternary_scale(weights: Weights) -> float:
    """The a of codes -a, 0, a with the least squared error.

    With the k largest magnitudes at +-a the error is ``sum w^2 - (sum of those)^2 / k``, at a their mean: the best k is
    found among all. (Ternary Weight Networks, Li et al., arXiv 1605.04711, equation 4, without its approximation.)
    """
    magnitudes = np.sort(np.abs(weights.ravel()).astype(np.float64))[::-1]
    sums = np.cumsum(magnitudes)
    counts = np.arange(1, len(magnitudes) + 1)
    best = int(np.argmax(sums**2 / counts))
    return float(sums[best] / counts[best])


def binary_scale(weights: Weights) -> float:
    """The a of codes -a, a with the least squared error: the mean magnitude (XNOR-Net, arXiv 1603.05279, eq. 6)."""
    return float(np.mean(np.abs(weights.astype(np.float64))))


def best_halving(weights: Weights, quantize: Quantize, start: Scale, halvings: int) -> Scale:
    """The scale ``(1,)`` or ``(rows,)`` with the least squared error among `start` and its half, quarter and so on."""
    best, least = start, _squared_errors(weights, quantize, start)
    for scale in _halved(start, halvings):
        errors = _squared_errors(weights, quantize, scale)
        better = errors < least
        best, least = np.where(better, scale, best), np.where(better, errors, least)
    return best


def _halved(start: Scale, halvings: int) -> Iterable[Scale]:
    for k in range(1, halvings + 1):
        yield np.maximum(start / 2.0**k, 2.0**-126)  # what is smaller is no normal float32


def _squared_errors(weights: Weights, quantize: Quantize, scale: Scale) -> NDArray[np.float64]:
    """Of the matrix ``(1,)`` or of each row ``(rows,)``, as the scale is."""
    difference = weights - quantize(weights, scale).astype(np.float32) * scale.reshape(-1, 1).astype(np.float32)
    return np.asarray(np.sum(np.square(difference, dtype=np.float64).reshape(len(scale), -1), axis=1))
