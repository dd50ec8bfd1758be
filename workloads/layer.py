"""A layer of a float model: its numbers, ready to be stored, and folded to compute with."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workloads import cells, formats
from workloads.cells import Cell, Floats, Folded, Product, State, layer_normalised
from workloads.config import Inputs, LayerConfig

CHUNK_BYTES = 2**24
"""Input products are made for as many steps at a time as take this much."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The numbers of a layer: codes as a multiplier sees them, weight = codes times the scale of their row."""

    config: LayerConfig
    recurrent_codes: NDArray[np.generic]  # (R, H)
    input_codes: NDArray[np.generic]  # (R, I)
    scale_recurrent: NDArray[np.float32]  # (R,)
    scale_input: NDArray[np.float32]  # (R,)
    shift: NDArray[np.float32]  # (R,)
    shift_recurrent: NDArray[np.float32] | None = None  # (H,)
    gain_recurrent: NDArray[np.float32] | None = None  # (R,)
    gain_input: NDArray[np.float32] | None = None  # (R,)
    initial_state: NDArray[np.float32] | None = None  # (states, H)

    @property
    def cell(self) -> Cell:
        return cells.by_name(self.config.cell)

    def fold(self, dtype: DTypeLike, one_hot: bool) -> Folded:
        """Parameters in `dtype` (float32 or float64)."""
        cell, hidden = self.cell, self.config.hidden
        half = np.repeat([0.5 if curve == "sigmoid" else 1.0 for curve in cell.curves], hidden).astype(dtype)

        def product(
            codes: NDArray[np.generic], format_name: str, scale: Floats, gain: Floats | None, rows: slice
        ) -> Product:
            weight, after = np.ascontiguousarray(codes[rows].T, dtype), scale[rows].astype(dtype)
            if gain is None:
                after = after * half[rows]
            factor = None if gain is None else gain[rows].astype(dtype) * half[rows]
            return scaled_product(weight, format_name, after, factor)

        bounds = np.cumsum([0, *(len(stage.gates) for stage in cell.stages)]) * hidden
        inputs = product(
            self.input_codes, self.config.input_weight_format, self.scale_input, self.gain_input, slice(None)
        )
        shift = self.shift.astype(dtype) * half
        return Folded(
            recurrent=tuple(
                product(
                    self.recurrent_codes,
                    self.config.weight_format,
                    self.scale_recurrent,
                    self.gain_recurrent,
                    slice(first, last),
                )
                for first, last in pairwise(bounds)
            ),
            input_part=_SymbolPart.of(inputs, shift) if one_hot else _VectorPart(inputs, shift),
            shift_recurrent=None if self.shift_recurrent is None else self.shift_recurrent.astype(dtype),
            pruning=self.config.pruning,
        )

    def start(self, batch: int, dtype: DTypeLike) -> State:
        """The state a sequence begins with, ``(B, H)`` each."""
        shape = (len(self.cell.states), self.config.hidden)
        initial = np.zeros(shape, dtype) if self.initial_state is None else self.initial_state.astype(dtype)
        return tuple(np.tile(row, (batch, 1)) for row in initial)

    def run(
        self, inputs: Inputs, state: State, dtype: DTypeLike, one_hot: bool
    ) -> tuple[Floats, dict[str, Floats], State]:
        """h ``(T, B, H)`` of every step, the other results of each step by name, and the state after the last."""
        steps, batch = inputs.shape[:2]
        folded = self.fold(dtype, one_hot)
        states = np.empty((steps, batch, self.config.hidden), state[0].dtype)
        results = {name: np.empty_like(states) for name in self.cell.results}
        for t, gates in enumerate(folded.input_part(inputs)):
            state, computed = self.cell.step(gates, folded, state, states[t])
            for name, values in zip(self.cell.results, computed, strict=True):
                results[name][t] = values
        return states, results, (state[0].copy(), *state[1:])


def scaled_product(weight: Floats, format_name: str, scale: Floats, factor: Floats | None = None) -> Product:
    """`weight` ``(I, R)`` are codes of a format; floats are scaled at once, having no sum of integers to keep exact."""
    if formats.by_name(format_name).multiplier == "float":
        return Product(weight * scale, None, factor)
    return Product(weight, scale, factor)


@dataclass(frozen=True)
class _SymbolPart:
    """Input part over symbols: a row of a table."""

    rows: Floats  # (V, R)

    @classmethod
    def of(cls, product: Product, shift: Floats) -> "_SymbolPart":
        rows: Floats = product.weight.copy() if product.scale is None else product.weight * product.scale
        if product.factor is not None:
            rows = layer_normalised(rows, product.factor)
        return cls(np.ascontiguousarray(rows + shift))

    def __call__(self, inputs: Inputs) -> Iterator[Floats]:
        for symbols in inputs:
            yield self.rows[symbols]


@dataclass(frozen=True)
class _VectorPart:
    """Input part over vectors: one matrix product for many steps."""

    product: Product
    shift: Floats  # (R,)

    def __call__(self, inputs: Inputs) -> Iterator[Floats]:
        steps, batch, _ = inputs.shape
        rows = len(self.shift)
        chunk = max(1, CHUNK_BYTES // max(1, batch * rows * self.shift.itemsize))
        for first in range(0, steps, chunk):
            window = inputs[first : first + chunk]
            parts = self.product(window.reshape(-1, window.shape[-1]))
            parts += self.shift
            yield from parts.reshape(len(window), batch, rows)
