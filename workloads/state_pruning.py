"""Pruned and quantized states: a threshold (SKIP, Ardakani et al., DATE 2019), a rounding, and what they leave."""

import numpy as np
from numpy.typing import NDArray

from archsim.trace import BadInput

Floats = NDArray[np.floating]


def prune(h: Floats, threshold: float, state_bits: int | None, out: Floats | None = None) -> Floats:
    """h with ``|h| < threshold`` (compared in the type of h) set to zero, then rounded to `state_bits`.

    ``state_bits = n`` is Q0.(n-1): multiples of ``2^-(n-1)`` in ``[-1, 1 - 2^-(n-1)]``, rounded half to even. None
    rounds nothing. `out` may be h itself.
    """
    if out is None:
        out = h.copy()
    elif out is not h:
        np.copyto(out, h)
    if threshold > 0:
        out *= np.abs(out) >= threshold
    if state_bits is not None:
        unit = 2.0 ** (state_bits - 1)
        out *= unit
        np.rint(out, out=out)
        np.clip(out, -unit, unit - 1, out=out)
        out /= unit
    return out


def sparsity(states: NDArray[np.generic]) -> float:
    """Share of elements that are zero."""
    return 1.0 - np.count_nonzero(states) / states.size


def threshold_for(magnitudes: Floats, target: float) -> float:
    """Threshold under which a share `target` of `magnitudes` (|h| before pruning, any shape) lies.

    Exact where no two magnitudes are equal. Pruning changes the states that follow, so the sparsity of a model run
    with this threshold is near the target, not at it.
    """
    if not 0 <= target < 1:
        raise BadInput(f"target sparsity must be at least 0 and below 1, not {target}")
    rank = min(round(target * magnitudes.size), magnitudes.size - 1)
    return float(np.partition(magnitudes, rank, axis=None)[rank]) if rank else 0.0


def union_sparsity(nonzero: NDArray[np.bool_], lanes: int) -> float:
    """Share of columns that are zero in all of `lanes` sequences that run side by side.

    `nonzero` is ``(T, S, H)``. Groups are fixed by index: sequences 0 to lanes-1, lanes to 2 lanes-1, and so on;
    what is left over after the last whole group does not count.
    """
    steps, sequences, hidden = nonzero.shape
    if not 1 <= lanes <= sequences:
        raise BadInput(f"lanes must be between 1 and the {sequences} sequences, not {lanes}")
    groups = sequences // lanes
    union: NDArray[np.bool_] = nonzero[:, : groups * lanes].reshape(steps, groups, lanes, hidden).max(axis=2)
    return sparsity(union)
