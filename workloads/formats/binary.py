"""Binary weights: plus or minus alpha."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, checked_bytes, glorot_alpha


@dataclass(frozen=True)
class Binary:
    """Codes -1 and +1, one bit each. Deterministic: the likelier value of RBT's P(+1) = clip((w/alpha + 1)/2, 0, 1)."""

    name: str = "binary"
    bits: int = 1
    multiplier: Multiplier = "mux"

    def fit_scale(self, weights: NDArray[np.floating]) -> float:
        return glorot_alpha(weights)

    def quantize(self, weights: NDArray[np.floating], scale: float) -> NDArray[np.generic]:
        return np.where(weights >= 0, 1, -1).astype(np.int8)

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return np.packbits(codes.reshape(-1).astype(np.int8) > 0)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        size = int(np.prod(shape))
        plus = np.unpackbits(checked_bytes(packed, shape, self.bits), count=size).astype(np.int8)
        return (2 * plus - 1).astype(np.int8).reshape(shape)
