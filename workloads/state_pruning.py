"""Pruned and quantized states: a threshold (SKIP, Ardakani et al., DATE 2019), a rounding, and what they leave."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.trace import BadInput

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Pruning:
    """What becomes of a vector before it is an operand: ``|v| < threshold`` is zero, then it is rounded.

    ``bits`` = n with ``integer_bits`` = m is Qm.(n-1-m): multiples of ``unit = 2^-(n-1-m)`` in ``[-2^m, 2^m - unit]``,
    rounded half to even. None rounds nothing.
    """

    threshold: float = 0.0
    bits: int | None = None
    integer_bits: int = 0

    def __call__(self, v: Floats, out: Floats | None = None) -> Floats:
        """`v` pruned (compared in its own type) and rounded; `out` may be `v` itself."""
        if out is None:
            out = v.copy()
        elif out is not v:
            np.copyto(out, v)
        if self.threshold > 0:
            out *= np.abs(out) >= self.threshold
        return self.rounded(out)

    def rounded(self, v: Floats) -> Floats:
        """`v` rounded, in place, and not pruned."""
        if self.bits is not None:
            per_unit = 2.0 ** (self.bits - 1 - self.integer_bits)
            limit = 2.0 ** (self.bits - 1)
            v *= per_unit
            np.rint(v, out=v)
            np.clip(v, -limit, limit - 1, out=v)
            v /= per_unit
        return v

    @property
    def unit(self) -> float | None:
        """Value of one step of the fixed point; None: floating point."""
        return None if self.bits is None else 2.0 ** (self.integer_bits + 1 - self.bits)

    @property
    def changes(self) -> bool:
        return self.threshold > 0 or self.bits is not None


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
