"""A dense layer: the one before the recurrent layers, those of a head, and the readout."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workloads import formats
from workloads.cells import Floats
from workloads.config import DenseActivation
from workloads.layer import scaled_product
from workloads.packed import Arrays, CodeSlot, FloatSlot, Slot

_CURVES: dict[DenseActivation, Callable[[Floats], Floats]] = {
    "none": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: (1 + np.tanh(z / 2)) / 2,
}


@dataclass(frozen=True, eq=False)
class DenseNumbers:
    """The numbers of a dense layer: weight = codes times the scale of their row."""

    codes: NDArray[np.generic]  # (O, I)
    scale: NDArray[np.float32]  # (1,) or (O,)
    bias: NDArray[np.float32]  # (O,)

    def __call__(self, v: Floats, weight_format: str, activation: DenseActivation = "none") -> Floats:
        """``activation(W v + b)`` ``(..., O)`` of `v` ``(..., I)``, in its type."""
        weight, scale = self.codes.T.astype(v.dtype), self.scale.astype(v.dtype)
        z = scaled_product(weight, weight_format, scale)(v)
        z += self.bias
        return _CURVES[activation](z)

    def bound(self, largest: NDArray[np.float64], activation: DenseActivation) -> float:
        """What no |result| exceeds where no |v| exceeds `largest` ``(I,)``."""
        if activation in ("tanh", "sigmoid"):
            return float(np.nextafter(1.0, 0.0))
        return float((np.abs(self.real) @ largest + np.abs(self.bias)).max())

    @property
    def real(self) -> NDArray[np.float64]:
        """Weights ``(O, I)``, in double precision."""
        real: NDArray[np.float64] = self.codes.astype(np.float64) * np.reshape(self.scale, (-1, 1)).astype(np.float64)
        return real

    @classmethod
    def stored(cls, arrays: Arrays, prefix: str) -> Self:
        """Those that lie in the slots whose names begin with `prefix`."""
        return cls(arrays[f"{prefix}weight"], arrays[f"{prefix}scale"], arrays[f"{prefix}bias"])

    def tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays by the names of their slots."""
        return {f"{prefix}weight": self.codes, f"{prefix}scale": self.scale, f"{prefix}bias": self.bias}


def dense_slots(prefix: str, outputs: int, inputs: int, weight_format: str) -> Iterator[Slot]:
    """Where the numbers of a dense layer are stored."""
    yield CodeSlot(f"{prefix}weight", ((outputs, inputs),), formats.by_name(weight_format))
    yield FloatSlot(f"{prefix}scale", ((1,), (outputs,)))
    yield FloatSlot(f"{prefix}bias", ((outputs,),))
