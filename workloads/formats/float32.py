"""Unquantized weights: IEEE single precision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.formats.base import Multiplier, Scale, Weights, deterministic_only
from workloads.formats.packing import checked_bytes


@dataclass(frozen=True)
class Float32:
    """Full-precision weights; codes are the weights themselves."""

    name: str = "float32"
    bits: int = 32
    multiplier: Multiplier = "float"
    stochastic: bool = False

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        return np.ones(1)

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        deterministic_only(self.name, rng)
        return weights.astype(np.float32)

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(codes, dtype="<f4").reshape(-1).view(np.uint8)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        return checked_bytes(packed, shape, self.bits).copy().view("<f4").reshape(shape)
