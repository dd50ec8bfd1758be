"""Ternary weights: minus alpha, zero or plus alpha."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, checked_bytes, glorot_alpha


@dataclass(frozen=True)
class Ternary:
    """Codes -1, 0, +1, two bits each. Deterministic: the likelier value of RBT's P(w != 0) = clip(|w/alpha|, 0, 1)."""

    name: str = "ternary"
    bits: int = 2
    multiplier: Multiplier = "mux"

    def fit_scale(self, weights: NDArray[np.floating]) -> float:
        return glorot_alpha(weights)

    def quantize(self, weights: NDArray[np.floating], scale: float) -> NDArray[np.generic]:
        codes: NDArray[np.int8] = (np.sign(weights) * (np.abs(weights) > scale / 2)).astype(np.int8)
        return codes

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        two_bits = (codes.reshape(-1).astype(np.int8) & 3).astype(np.uint8)  # two's complement: 3 is -1
        quads = np.pad(two_bits, (0, -two_bits.size % 4)).reshape(-1, 4)
        packed: NDArray[np.uint8] = (quads << np.array([0, 2, 4, 6], np.uint8)).sum(axis=1, dtype=np.uint8)
        return packed

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        quads = (checked_bytes(packed, shape, self.bits)[:, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3
        two_bits = quads.reshape(-1)[: int(np.prod(shape))].astype(np.int8)
        if np.any(two_bits == 2):
            raise ValueError("packed ternary weights hold the code 2, which stands for no weight")
        return np.where(two_bits == 3, np.int8(-1), two_bits).reshape(shape)
