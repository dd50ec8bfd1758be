"""Unquantized weights: IEEE single precision, and half."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.formats.base import Multiplier, Scale, Weights, deterministic_only
from workloads.formats.packing import checked_bytes

_STORED: dict[int, np.dtype[np.floating]] = {16: np.dtype("<f2"), 32: np.dtype("<f4")}


@dataclass(frozen=True)
class Float:
    """Floating-point weights of 16 or 32 bits; codes are the weights themselves, as float32.

    To nearest, halves to even; what is larger than the largest of the format becomes that.
    """

    bits: int
    multiplier: Multiplier = "float"
    stochastic: bool = False

    def __post_init__(self) -> None:
        if self.bits not in _STORED:
            raise BadInput(f"bits of a floating-point weight must be 16 or 32, not {self.bits}")

    @property
    def name(self) -> str:
        return f"float{self.bits}"

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        return np.ones(1)

    def closest_scale(self, weights: Weights) -> Scale:
        return self.fit_scale(weights)

    @property
    def reach(self) -> float:
        return float(np.finfo(_STORED[self.bits]).max)

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        deterministic_only(self.name, rng)
        largest = float(np.finfo(_STORED[self.bits]).max)
        stored: NDArray[np.floating] = np.clip(weights, -largest, largest).astype(_STORED[self.bits])
        return stored.astype(np.float32)

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(codes, dtype=_STORED[self.bits]).reshape(-1).view(np.uint8)

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        stored = checked_bytes(packed, shape, self.bits).copy().view(_STORED[self.bits])
        return stored.reshape(shape).astype(np.float32)
