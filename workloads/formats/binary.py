"""Binary weights: plus or minus one value, RBT's alpha or LIMP's H."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, Scale, Weights, by_row, draws, glorot_alpha, glorot_bound
from workloads.formats.fitting import binary_scale
from workloads.formats.packing import checked_bytes


@dataclass(frozen=True)
class Binary:
    """Codes -1 and +1, one bit each, most significant bit first. RBT and LIMP agree but for the scale, here a:

    P(+1) = clip((w/a + 1)/2, 0, 1) where drawn, and else the likelier value, +1 for a weight of 0.
    """

    name: str
    scale_of: Callable[[Weights, int], float]
    bits: int = 1
    multiplier: Multiplier = "mux"
    stochastic: bool = True

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        return np.array([self.scale_of(weights, gates)])

    def closest_scale(self, weights: Weights) -> Scale:
        return np.array([binary_scale(weights)]) if np.any(weights) else self.fit_scale(weights)

    @property
    def reach(self) -> float:
        return 2.0  # the step from -1 to 1 is 2

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        plus = weights >= 0 if rng is None else draws(rng, weights) < (weights / by_row(scale, weights) + 1) / 2
        return 2 * plus.astype(np.int8) - 1

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return np.packbits(codes.reshape(-1).astype(np.int8) > 0)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        plus = np.unpackbits(checked_bytes(packed, shape, self.bits), count=math.prod(shape)).astype(np.int8)
        return (2 * plus - 1).reshape(shape)


BINARY = Binary("binary", glorot_alpha)

# LIMP's +-H. Its layers are declared with H='glorot': taken here as the Glorot bound of one gate, like its W0. Two
# other readings exist: the released GRU passes H = 1 after all, and BinaryConnect's own 'Glorot' is half the bound.
LIMP_BINARY = Binary("limp-binary", glorot_bound)
