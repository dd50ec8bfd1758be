"""Pruned and quantized states: a threshold (SKIP, Ardakani et al., DATE 2019) and a rounding."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Note = Callable[[NDArray[np.bool_]], None]
"""Is told which numbers lie beyond the range."""


@dataclass(frozen=True)
class Pruning:
    """What becomes of a vector before it is an operand: ``|v| < threshold`` is zero, then it is rounded.

    ``bits`` = n with ``integer_bits`` = m is Qm.(n-1-m): multiples of ``unit = 2^-(n-1-m)`` in ``[-2^m, 2^m - unit]``,
    rounded half to even. None rounds nothing.
    """

    threshold: float = 0.0
    bits: int | None = None
    integer_bits: int = 0
    note: Note | None = field(default=None, compare=False)
    note_rounded: Note | None = field(default=None, compare=False)

    def noting(self, note: Note, rounded: Note | None = None) -> Self:
        """The same, and `note` is told how much of every vector is clipped; `rounded`: of what is rounded alone."""
        return replace(self, note=note, note_rounded=rounded)

    def __call__(self, v: Floats, out: Floats | None = None) -> Floats:
        """`v` pruned (compared in its own type) and rounded; `out` may be `v` itself."""
        if out is None:
            out = v.copy()
        elif out is not v:
            np.copyto(out, v)
        if self.threshold > 0:
            out *= np.abs(out) >= self.threshold
        return self._rounded(out, self.note)

    def rounded(self, v: Floats) -> Floats:
        """`v` rounded, in place, and not pruned."""
        return self._rounded(v, self.note_rounded)

    def _rounded(self, v: Floats, note: Note | None) -> Floats:
        if self.bits is not None:
            per_unit = 2.0 ** (self.bits - 1 - self.integer_bits)
            limit = 2.0 ** (self.bits - 1)
            v *= per_unit
            np.rint(v, out=v)
            if note is not None:
                note((v < -limit) | (v > limit - 1))
            np.clip(v, -limit, limit - 1, out=v)
            v /= per_unit
        return v

    @property
    def unit(self) -> float | None:
        """Value of one step of the fixed point; None: floating point."""
        return None if self.bits is None else 2.0 ** (self.integer_bits + 1 - self.bits)

    @property
    def ends(self) -> tuple[float, float] | None:
        """The least and the greatest number it holds; None: floating point."""
        if self.unit is None:
            return None
        return -(2.0**self.integer_bits), 2.0**self.integer_bits - self.unit

    @property
    def changes(self) -> bool:
        return self.threshold > 0 or self.bits is not None
