"""Ternary weights: minus one value, zero or plus it, RBT's alpha or LIMP's W0."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, Scale, Weights, by_row, draws, glorot_alpha, glorot_bound
from workloads.formats.fitting import ternary_scale
from workloads.formats.packing import pack_fields, unpack_signed


@dataclass(frozen=True)
class Ternary:
    """Codes -1, 0, +1, two bits each, two's complement. RBT and LIMP agree but for the scale, here a:

    P(w != 0) = clip(|w/a|, 0, 1), with the sign of w, where drawn; and else the likelier value: zero up to a/2. (LIMP's
    code makes -a of a weight of exactly -a/2; here it is zero, as +a/2 is there.)
    """

    name: str
    scale_of: Callable[[Weights, int], float]
    bits: int = 2
    multiplier: Multiplier = "mux"
    stochastic: bool = True

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        return np.array([self.scale_of(weights, gates)])

    def closest_scale(self, weights: Weights) -> Scale:
        return np.array([ternary_scale(weights)]) if np.any(weights) else self.fit_scale(weights)

    @property
    def reach(self) -> float:
        return 1.5

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        column = by_row(scale, weights)
        nonzero_above = column / 2 if rng is None else draws(rng, weights) * column
        codes: NDArray[np.int8] = (weights > nonzero_above).astype(np.int8) - (weights < -nonzero_above)
        return codes

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return pack_fields(codes, self.bits)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        return unpack_signed(packed, shape, self.bits, self.name)


TERNARY = Ternary("ternary", glorot_alpha)
LIMP_TERNARY = Ternary("limp-ternary", glorot_bound)
