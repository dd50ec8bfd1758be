"""Symmetric fixed point with a power-of-two scale (Qm.n), one a matrix or one a row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.formats.base import Multiplier, Scale, Weights, by_row, draws, least_power_of_two
from workloads.formats.fitting import best_halving
from workloads.formats.packing import code_type, pack_fields, unpack_signed


@dataclass(frozen=True)
class Fixed:
    """Two's complement of `bits`, codes -(2^(bits-1) - 1) to 2^(bits-1) - 1.

    The scale 2^-n is the least power of two that holds the largest weight of the matrix, or of the row. Deterministic:
    to nearest, halves to even. Stochastic: ``floor + Bernoulli(fraction)``, after Gupta et al. (ICML 2015); neither RBT
    nor LIMP samples fixed point.
    """

    bits: int
    per_row: bool = False
    multiplier: Multiplier = "fixed"
    stochastic: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 16:
            raise BadInput(f"bits of a fixed-point weight must be between 2 and 16, not {self.bits}")

    @property
    def name(self) -> str:
        return f"fixed{self.bits}{'-row' if self.per_row else ''}"

    @property
    def largest_code(self) -> int:
        return (1 << (self.bits - 1)) - 1

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        rows = weights if self.per_row else weights.reshape(1, -1)
        largest = np.max(np.abs(rows), axis=1, initial=0.0).astype(np.float64)
        return np.where(largest > 0, least_power_of_two(largest / self.largest_code), 2.0 ** -(self.bits - 1))

    def closest_scale(self, weights: Weights) -> Scale:
        return best_halving(weights, self.quantize, self.fit_scale(weights), halvings=4)

    @property
    def reach(self) -> float:
        return self.largest_code + 0.5

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        exact = weights / by_row(scale, weights)
        if rng is None:
            integers = np.rint(exact)
        else:
            integers = np.floor(exact)
            integers += draws(rng, weights) < exact - integers  # floor(exact + draw) would round the sum up at times
        return np.clip(integers, -self.largest_code, self.largest_code).astype(code_type(self.bits))

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return pack_fields(codes, self.bits)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        return unpack_signed(packed, shape, self.bits, self.name)
