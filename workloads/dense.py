"""A dense layer: the one before the recurrent layers, those of a head, and the readout."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workloads import fast, formats
from workloads.cells import Floats, Product
from workloads.config import DenseActivation
from workloads.layer import scaled_product
from workloads.packed import Arrays, CodeSlot, FloatSlot, Slot
from workloads.state_pruning import Pruning

ANYHOW = Pruning()
"""Of what was not rounded."""
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
    _made: dict[tuple[Any, ...], Product] = field(default_factory=dict, init=False, repr=False)
    """The product that it made last."""

    def __call__(
        self, v: Floats, weight_format: str, activation: DenseActivation = "none", rounding: Pruning = ANYHOW
    ) -> Floats:
        """``activation(W v + b)`` ``(..., O)`` of `v` ``(..., I)``, in its type; `rounding` says how it was rounded."""
        z = self._ready(v, weight_format, rounding)(v)
        z += self.bias
        return _CURVES[activation](z)

    def _ready(self, v: Floats, weight_format: str, rounding: Pruning) -> Product:
        """The product of `v`, as fast as can be where that pays."""
        quick = v.dtype == np.float32 and fast.pays(v.size * len(self.codes))
        key = v.dtype, weight_format, rounding if quick else None
        made = self._made.get(key)
        if made is None:
            made = self._product(v.dtype, weight_format)
            made = fast.fast_product(made, rounding) if quick else made
            self._made.clear()
            self._made[key] = made
        return made

    def _product(self, dtype: DTypeLike, weight_format: str) -> Product:
        return scaled_product(self.codes.T.astype(dtype), weight_format, self.scale.astype(dtype))

    def exact(self, weight_format: str, rounding: Pruning) -> bool:
        """Whether its product is exact in float32, of operands that are rounded so."""
        return self._product(np.float32, weight_format).exact(rounding)

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
