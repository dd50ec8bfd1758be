"""Pruned and quantized states: a threshold (SKIP, Ardakani et al., DATE 2019) and a rounding."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput

Floats = NDArray[np.floating]
Consumer = Literal["recurrence", "next_layer", "readout"]
"""What reads an h: the recurrent products of the next step, the layer above, or of the last layer the readout."""
CONSUMERS: tuple[Consumer, ...] = get_args(Consumer)
Pruned = Literal["all", "recurrence"]
"""Which consumers read the h of a layer pruned: all of them, so that it is stored pruned; or the recurrent products
alone, as the elements of a dense h enter them."""
Note = Callable[[NDArray[np.integer[Any]], int], None]
"""Is told how many numbers of each vector ``(...)`` lie beyond the range, and how many it has."""


@dataclass(frozen=True)
class Pruning:
    """What becomes of a vector before it is an operand: ``|v| < threshold`` is zero, then it is rounded.

    The first `unpruned` elements are never zeroed.

    ``bits`` = n with ``integer_bits`` = m is Qm.(n-1-m): multiples of ``unit = 2^-(n-1-m)`` in ``[-2^m, 2^m - unit]``,
    rounded half to even. None rounds nothing.
    """

    threshold: float = 0.0
    bits: int | None = None
    integer_bits: int = 0
    unpruned: int = 0
    note: Note | None = field(default=None, compare=False)
    note_rounded: Note | None = field(default=None, compare=False)

    def noting(self, note: Note | None, rounded: Note | None = None) -> Self:
        """The same, and `note` is told how much of every vector is clipped; `rounded`: of what is rounded alone."""
        return replace(self, note=note, note_rounded=rounded)

    def __call__(self, v: Floats, out: Floats | None = None) -> Floats:
        """`v` pruned (compared in its own type) and rounded; `out` may be `v` itself."""
        if out is None:
            out = v.copy()
        elif out is not v:
            np.copyto(out, v)
        if self.threshold > 0:
            tier = out[..., self.unpruned :]
            tier *= np.abs(tier) >= self.threshold
        return self._rounded(out, self.note)

    def seen(self, v: Floats) -> Floats:
        """`v` pruned and rounded, in an array of its own; `v` itself where there is nothing to do."""
        return self(v) if self.changes else v

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
                note(np.asarray(np.count_nonzero((v < -limit) | (v > limit - 1), axis=-1)), v.shape[-1])
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


def pruned_for(consumers: Collection[str], last: bool) -> Pruned:
    """How the h of a layer is pruned so that those of its `consumers` that are named read it pruned.

    `last`: a readout lies above it, not a layer. BadInput where one is no `Consumer`, or the recurrence none of them.
    """
    for name in consumers:
        if name not in CONSUMERS:
            raise BadInput(f"what reads h pruned must be of {', '.join(CONSUMERS)}, not {name!r}")
    if "recurrence" not in consumers:
        raise BadInput(
            f"what reads h pruned must include recurrence, not be {' and '.join(consumers) or 'nothing'}: what the next"
            " layer alone reads pruned, its input_threshold says"
        )
    return "all" if ("readout" if last else "next_layer") in consumers else "recurrence"
