"""Weights in a format: as near as its codes and a scale come to them, or the integers that they were stored as."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads import formats

Float32s = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StoredCodes:
    """Integers that a weight was stored as, its zero point taken off: weight = codes times the scale of their row."""

    codes: NDArray[np.integer[Any]]  # (rows, cols)
    scale: Float32s  # (1,) or (rows,)
    bits: int

    @property
    def format(self) -> str | None:
        """The fixed point that holds them; None: they are too large for any."""
        largest = int(np.max(np.abs(self.codes.astype(np.int64)), initial=0))
        bits = max(2, self.bits, largest.bit_length() + 1)  # symmetric: -128 takes nine bits
        if bits > 16:
            return None
        return f"fixed{bits}{'-row' if len(self.scale) > 1 else ''}"

    @property
    def weight(self) -> Float32s:
        """The weight that they stand for ``(rows, cols)``."""
        return self.codes.astype(np.float32) * self.scale.reshape(-1, 1)


@dataclass(frozen=True, eq=False)
class Rounded:
    """A weight matrix as a model has it: codes times the scale of their row."""

    format: str
    codes: NDArray[np.generic]  # (rows, cols)
    scale: Float32s  # (1,) or (rows,)

    def by_row(self, rows: int) -> Float32s:
        return np.broadcast_to(self.scale, rows).astype(np.float32)


def rounded(weight: Float32s, format_name: str | None, what: str, stored: StoredCodes | None = None) -> Rounded:
    """`weight` ``(rows, cols)`` in a format, with the scale that makes the squared error least.

    Without a format, or in its own, it keeps the integers that it was `stored` as; what was stored as floats is
    float32. BadInput where all of a matrix would become zero.
    """
    if stored is not None and stored.format is not None and format_name in (None, stored.format):
        dtype = np.int8 if formats.by_name(stored.format).bits <= 8 else np.int16
        return Rounded(stored.format, stored.codes.astype(dtype), stored.scale)
    weight_format = formats.by_name(format_name or "float32")
    scale = weight_format.closest_scale(weight)
    codes = weight_format.quantize(weight, scale)
    if not np.any(codes) and np.any(weight):
        raise BadInput(f"{what}: all of its weights are zero in {weight_format.name}, the largest being "
                       f"{np.max(np.abs(weight)):.3g}: take a format with more range")  # fmt: skip
    return Rounded(weight_format.name, codes, scale.astype(np.float32))
