"""LIMP's exponential quantization: a sign and a power of two, so that a product is a shift."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, Scale, Weights, by_row, draws, least_power_of_two
from workloads.formats.fitting import best_halving
from workloads.formats.packing import pack_fields, unpack_fields

LIMP_LOWEST = -22
"""LIMP's smallest exponent of 32; the largest is 9. Ott et al., arXiv 1608.06902, ``bitlimit`` of the authors' code."""


@dataclass(frozen=True)
class Exponential:
    """Codes +-2^e as float32, stored as the sign above `exponent_bits` of e - `lowest`.

    With i = floor(log2 |w|) and p_up = |w| / 2^i - 1 a weight becomes sign(w) 2^(i + up): up if p_up > 0.5, or drawn by
    Bernoulli(p_up). Beyond the range it becomes the end of it; LIMP's code lets 2^9 go up to 2^10, a 33rd exponent.
    There is no zero: as in LIMP's code a weight of 0 becomes the smallest negative one.

    With `lowest_given`, exponents are those of the weights themselves, at scale 1. Without, codes go down from 2^0 = 1,
    and the scale is the least power of two that holds the largest weight, which therefore can be rounded up as well.
    """

    exponent_bits: int
    lowest_given: int | None = None
    multiplier: Multiplier = "shift"
    stochastic: bool = True

    @property
    def name(self) -> str:
        return f"exponential{self.exponent_bits}"

    @property
    def bits(self) -> int:
        return 1 + self.exponent_bits

    @property
    def steps(self) -> int:
        """From the smallest exponent to the largest."""
        return (1 << self.exponent_bits) - 1

    @property
    def lowest(self) -> int:
        """Exponent of the smallest code."""
        return -self.steps if self.lowest_given is None else self.lowest_given

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        if self.lowest_given is not None:
            return np.ones(1)
        least = -126 + self.steps  # the smallest code times it is still a normal float32
        largest = np.max(np.abs(weights), initial=0.0)
        return least_power_of_two(np.array([max(float(largest), 2.0**least)]), least)

    def closest_scale(self, weights: Weights) -> Scale:
        scale = self.fit_scale(weights)
        return scale if self.lowest_given is not None else best_halving(weights, self.quantize, scale, halvings=2)

    @property
    def reach(self) -> float:
        return 1.5 * 2.0 ** (self.lowest + self.steps)

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        mantissas, exponents = np.frexp(np.abs(weights) / by_row(scale, weights))  # mantissa = (1 + p_up) / 2
        exponents -= 1
        exponents += 2 * mantissas - 1 > (0.5 if rng is None else draws(rng, weights))
        exponents[mantissas == 0] = self.lowest
        signs = 2 * (weights > 0).astype(np.float32) - 1
        codes: NDArray[np.float32] = np.ldexp(signs, np.clip(exponents, self.lowest, self.lowest + self.steps))
        return codes

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        floats = codes.astype(np.float32)
        exponents = np.frexp(np.abs(floats))[1] - 1
        return pack_fields((exponents - self.lowest) | ((floats < 0) << self.exponent_bits), self.bits)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        fields = unpack_fields(packed, shape, self.bits)
        signs = 1 - 2 * (fields > self.steps).astype(np.float32)
        codes: NDArray[np.float32] = np.ldexp(signs, (fields & self.steps).astype(np.int32) + self.lowest)
        return codes
