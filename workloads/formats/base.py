"""What every weight format answers: how weights become integer codes, and how codes are stored."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Multiplier = Literal["float", "fixed", "mux"]
"""The arithmetic a format needs: a floating-point MAC, an integer MAC, or a multiplexer and an adder."""


class WeightFormat(Protocol):
    """A number format for weights: ``weights ~= codes * scale``, one scale per matrix."""

    @property
    def name(self) -> str: ...

    @property
    def bits(self) -> int:
        """Storage bits of one weight."""
        ...

    @property
    def multiplier(self) -> Multiplier: ...

    def fit_scale(self, weights: NDArray[np.floating]) -> float:
        """Scale for a matrix ``(rows, cols)``."""
        ...

    def quantize(self, weights: NDArray[np.floating], scale: float) -> NDArray[np.generic]:
        """Codes ``(rows, cols)``: int8, or float32 where the format does not quantize."""
        ...

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Codes of any shape to a flat byte array of ``ceil(size * bits / 8)`` bytes."""
        ...

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Inverse of `pack`. Raises ValueError where the byte count does not fit the shape."""
        ...


def glorot_alpha(weights: NDArray[np.floating]) -> float:
    """Half the Glorot-uniform bound of a fused gate matrix ``(rows, cols)``.

    RBT (Ardakani et al., ICLR 2019; the authors' code): ``sqrt(6 / (n_in + 4 n_h)) / 2``, fixed.
    """
    rows, cols = weights.shape
    return float(np.sqrt(6.0 / (rows + cols)) / 2)


def checked_bytes(packed: NDArray[np.uint8], shape: tuple[int, ...], bits: int) -> NDArray[np.uint8]:
    """`packed` itself, or a ValueError where its size is not that of `shape` at `bits` a weight."""
    expected = -(-int(np.prod(shape)) * bits // 8)
    if packed.size != expected:
        raise ValueError(f"packed weights of shape {shape} at {bits} bits must be {expected} bytes, not {packed.size}")
    return packed
