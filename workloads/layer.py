"""A layer of a float model: its numbers, ready to be stored, and folded to compute with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workloads import cells, fast, formats
from workloads.cells import Cell, Floats, Folded, Product, State, Step, layer_normalised
from workloads.config import Inputs, LayerConfig
from workloads.packed import CodeSlot, FloatSlot, Slot
from workloads.state_pruning import Pruning

CHUNK_BYTES = 2**24
"""Input products are made for as many steps at a time as take this much."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The numbers of a layer: codes as a multiplier sees them, weight = codes times the scale of their row."""

    config: LayerConfig
    recurrent_codes: NDArray[np.generic]  # (R, P)
    input_codes: NDArray[np.generic]  # (R, I)
    scale_recurrent: NDArray[np.float32]  # (R,)
    scale_input: NDArray[np.float32]  # (R,)
    shift: NDArray[np.float32]  # (R,)
    shift_recurrent: NDArray[np.float32] | None = None  # (H,)
    gain_recurrent: NDArray[np.float32] | None = None  # (R,)
    gain_input: NDArray[np.float32] | None = None  # (R,)
    initial_state: NDArray[np.float32] | None = None  # (states, H); with a projection (P + H,): h, then c
    projection_codes: NDArray[np.generic] | None = None  # (P, H)
    scale_projection: NDArray[np.float32] | None = None  # (P,)
    peepholes: NDArray[np.float32] | None = None  # (3, H) of the gates i, f and o
    affine_cell: NDArray[np.float32] | None = None  # (2, H) scale and shift of the c that tanh reads
    _made: dict[tuple[Any, ...], tuple[Folded, Step]] = field(default_factory=dict, init=False, repr=False)
    """Parameters and step that it ran with last."""

    @property
    def cell(self) -> Cell:
        return cells.by_name(self.config.cell)

    @property
    def initial_h(self) -> NDArray[np.float32] | None:
        """h that a sequence begins with ``(P,)``, before it is pruned and rounded; None: zeros."""
        return None if self.initial_state is None else self.initial_state.reshape(-1)[: self.config.outputs]

    @property
    def largest_start(self) -> float:
        """The largest |h| that a sequence begins with."""
        return 0.0 if self.initial_h is None else float(np.abs(self.initial_h).max())

    @property
    def bound(self) -> float | None:
        """What no |h| exceeds, whatever is read, that of the start included; None: h has no bound."""
        if not self.cell.bounded:
            return None
        made = float(np.nextafter(1.0, 0.0))
        if self.projection_codes is not None and self.scale_projection is not None:
            sums = np.abs(self.projection_codes.astype(np.float64)).sum(axis=1)
            made = float((sums * np.abs(self.scale_projection)).max())
        return max(made, self.largest_start)

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
            recurrence=self.config.recurrence,
            projection=self._projection(dtype),
            peepholes=None if self.peepholes is None else self.peepholes.astype(dtype) / 2,
            affine_cell=None if self.affine_cell is None else self.affine_cell.astype(dtype),
        )

    def _projection(self, dtype: DTypeLike) -> Product | None:
        if self.projection_codes is None or self.scale_projection is None:
            return None
        weight = np.ascontiguousarray(self.projection_codes.T, dtype)
        return scaled_product(weight, self.config.weight_format, self.scale_projection.astype(dtype))

    def start(self, batch: int, dtype: DTypeLike) -> State:
        """The state a sequence begins with: h ``(B, P)``, pruned and rounded as every h is; ``(B, H)`` of the rest."""
        sizes = self.config.state_sizes
        initial = np.zeros(sum(sizes), dtype) if self.initial_state is None else self.initial_state.astype(dtype)
        h, *rest = (np.tile(row, (batch, 1)) for row in np.split(initial.reshape(-1), np.cumsum(sizes)[:-1]))
        return (self.config.pruning(h, out=h), *rest)

    def exact(self, one_hot: bool, entering: Pruning) -> bool:
        """Whether its products are exact in float32, with inputs that are rounded as `entering` says."""
        folded = self.fold(np.float32, one_hot)
        products = folded.recurrent if folded.projection is None else (*folded.recurrent, folded.projection)
        return folded.input_part.exact(entering) and all(product.exact(folded.pruning) for product in products)

    def _ready(
        self, inputs: Inputs, state: State, dtype: DTypeLike, one_hot: bool, entering: Pruning
    ) -> tuple[Folded, Step]:
        """Parameters and step to run `inputs` with from `state`, as fast as can be where that pays."""
        steps, batch = inputs.shape[:2]
        each = self.recurrent_codes.size + (0 if one_hot else self.input_codes.size)
        single = all(kind == np.float32 for kind in (dtype, *(part.dtype for part in state)))
        quick = single and fast.pays(steps * (fast.STEP + batch * each))
        key = np.dtype(dtype), one_hot, entering if quick else None
        made = self._made.get(key)
        if made is None:
            folded = self.fold(dtype, one_hot)
            made = fast.fast_layer(self.cell, folded, entering) if quick else (folded, self.cell.step)
            self._made.clear()  # of two, both would keep the weights
            self._made[key] = made
        return made

    def run(
        self,
        inputs: Inputs,
        state: State,
        dtype: DTypeLike,
        one_hot: bool,
        pruning: Pruning,
        entering: Pruning,
    ) -> tuple[Floats, dict[str, Floats], State]:
        """h ``(T, B, P)`` of every step, as it is stored, other results by name, and the state after the last.

        Of a layer in reverse `inputs` are in the order in which it reads them, and so are the results. `pruning` is
        that of the config, and may note how much it clips; `entering` says how inputs that are vectors are rounded.
        """
        steps, batch = inputs.shape[:2]
        folded, step = self._ready(inputs, state, dtype, one_hot, entering)
        folded = replace(folded, pruning=folded.pruning.noting(pruning.note, pruning.note_rounded))
        states = np.empty((steps, batch, self.config.outputs), state[0].dtype)
        names = self.config.results
        results = {name: np.empty((steps, batch, self.config.hidden), dtype) for name in names}
        for t, gates in enumerate(folded.input_part(inputs)):
            state, computed = step(gates, folded, state, states[t])
            for name, values in zip(names, computed, strict=True):
                results[name][t] = values
        return states, results, (state[0].copy(), *state[1:])


LAYER_FIELDS = {
    "recurrent_weight": "recurrent_codes",
    "input_weight": "input_codes",
    "scale_recurrent": "scale_recurrent",
    "scale_input": "scale_input",
    "shift": "shift",
    "shift_recurrent": "shift_recurrent",
    "gain_recurrent": "gain_recurrent",
    "gain_input": "gain_input",
    "initial_state": "initial_state",
    "projection_weight": "projection_codes",
    "scale_projection": "scale_projection",
    "peepholes": "peepholes",
    "affine_cell": "affine_cell",
}
"""Where a layer has the array of each of its tensors."""


def layer_slots(prefix: str, layer: LayerConfig, inputs: int) -> Iterator[Slot]:
    """Where the numbers of a layer are stored that `inputs` elements enter."""
    cell, hidden, outputs = cells.by_name(layer.cell), layer.hidden, layer.outputs
    rows, recurrent_format = len(cell.gates) * hidden, formats.by_name(layer.weight_format)
    yield CodeSlot(f"{prefix}recurrent_weight", ((rows, outputs),), recurrent_format)
    yield CodeSlot(f"{prefix}input_weight", ((rows, inputs),), formats.by_name(layer.input_weight_format))
    yield from (FloatSlot(prefix + name, ((rows,),)) for name in ("scale_recurrent", "scale_input", "shift"))
    if cell.shifts_candidate:
        yield FloatSlot(f"{prefix}shift_recurrent", ((hidden,),), optional=True)
    if layer.norm == "layer":
        yield from (FloatSlot(prefix + name, ((rows,),)) for name in ("gain_recurrent", "gain_input"))
    states = (len(cell.states), hidden) if layer.projection is None else (sum(layer.state_sizes),)
    yield FloatSlot(f"{prefix}initial_state", (states,), optional=True)
    if layer.projection is not None:
        yield CodeSlot(f"{prefix}projection_weight", ((outputs, hidden),), recurrent_format)
        yield FloatSlot(f"{prefix}scale_projection", ((outputs,),))
    if cell.peepholes:
        yield FloatSlot(f"{prefix}peepholes", ((3, hidden),))
    if cell.normed_cell:
        yield FloatSlot(f"{prefix}affine_cell", ((2, hidden),))


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

    def exact(self, entering: Pruning) -> bool:
        return True

    def with_product(self, made: Callable[[Product], Product]) -> Self:
        return self


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

    def exact(self, entering: Pruning) -> bool:
        return self.product.exact(entering)

    def with_product(self, made: Callable[[Product], Product]) -> Self:
        return replace(self, product=made(self.product))
