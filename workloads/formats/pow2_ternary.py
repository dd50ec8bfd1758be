"""LIMP's pow2-ternarization: Qm.f rounding at m = 0, f = 1, so that a weight is -0.5, 0 or 0.5."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, Scale, Weights, by_row, deterministic_only, least_power_of_two
from workloads.formats.fitting import best_halving
from workloads.formats.packing import pack_fields, unpack_signed


@dataclass(frozen=True)
class Pow2Ternary:
    """Codes -1, 0, +1, two bits each, two's complement, at a scale of 0.5 whatever the weights are.

    ``round(W 2^f)`` clipped to +-(2^(m+f) - 1), over 2^f (Ott et al., arXiv 1608.06902; ``dual_copy_rounding`` of the
    authors' code, after Stromatias et al. 2015). Halves go away from zero, as C's round. The authors' code has no
    stochastic version, so there is none here.
    """

    name: str = "pow2-ternary"
    bits: int = 2
    multiplier: Multiplier = "mux"
    stochastic: bool = False

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        return np.array([0.5])

    def closest_scale(self, weights: Weights) -> Scale:
        """A power of two, as products need it, but the best one: 0.5 makes zeros of all weights below 0.25."""
        largest = np.max(np.abs(weights), initial=0.0)
        if not largest:
            return self.fit_scale(weights)
        return best_halving(weights, self.quantize, least_power_of_two(np.array([largest])), halvings=8)

    @property
    def reach(self) -> float:
        return 1.5

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        deterministic_only(self.name, rng)
        half = by_row(scale, weights) / 2
        codes: NDArray[np.int8] = (weights >= half).astype(np.int8) - (weights <= -half)
        return codes

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return pack_fields(codes, self.bits)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        return unpack_signed(packed, shape, self.bits, self.name)
