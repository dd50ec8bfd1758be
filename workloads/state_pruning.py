"""Pruned and quantized states: a threshold (SKIP, Ardakani et al., DATE 2019) and a rounding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
