"""Ternary weights: minus alpha, zero or plus alpha."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, checked_bytes


@dataclass(frozen=True)
class Ternary:
    """Codes -1, 0, +1, two bits each: the nearest of -alpha, 0 and alpha, deterministic.

    alpha follows the weights, 1.4 E|w|, so that the zero band is that of ternary weight networks (Li, Zhang, Liu 2016:
    0.7 E|w|). With RBT's fixed alpha and no clipping the full-precision copies outgrow the band: after 15 epochs their
    mean was 11 alpha and 8 to 17 % of the weights zero, which is binary in all but name. Behind a batch norm the size
    of alpha itself does not matter.
    """

    name: str = "ternary"
    bits: int = 2
    multiplier: Multiplier = "mux"

    def fit_scale(self, weights: NDArray[np.floating]) -> float:
        return float(1.4 * np.mean(np.abs(weights))) or 1.0

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
