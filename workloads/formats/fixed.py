"""Symmetric fixed point with a power-of-two scale per matrix (Qm.n)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, checked_bytes


@dataclass(frozen=True)
class Fixed8:
    """8-bit two's complement, codes -127 to 127; the scale is the least power of two that holds the largest weight."""

    name: str = "fixed8"
    bits: int = 8
    multiplier: Multiplier = "fixed"

    def fit_scale(self, weights: NDArray[np.floating]) -> float:
        largest = float(np.max(np.abs(weights), initial=0.0))
        if largest == 0.0:
            return 2.0**-7
        return float(2.0 ** max(np.ceil(np.log2(largest / 127)), -126))  # no less than a normal float32

    def quantize(self, weights: NDArray[np.floating], scale: float) -> NDArray[np.generic]:
        codes: NDArray[np.int8] = np.clip(np.rint(weights / scale), -127, 127).astype(np.int8)
        return codes

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(codes, dtype=np.int8).reshape(-1).view(np.uint8)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        return checked_bytes(packed, shape, self.bits).view(np.int8).reshape(shape)
