"""What is fast in a layer: products of bytes, rounding in one pass, and the steps of cells that have compiled loops."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from workloads.cells import Cell, Floats, Folded, Product, State, Step, layer_normalised
from workloads.cells.base import EXACT
from workloads.cells.gru import GRU
from workloads.cells.lstm import LSTM
from workloads.fast import kernels, vnni
from workloads.state_pruning import Note, Pruning


@cache
def _bytes_at_hand() -> bool:
    return vnni.at_hand()


@dataclass(frozen=True)
class ByteProduct(Product):
    """A product whose weights and operands are bytes."""

    packed: NDArray[np.uint8]
    operand: Pruning

    def __call__(self, v: Floats) -> Floats:
        assert self.scale is not None
        out = np.empty((*v.shape[:-1], len(self.scale)), np.float32)
        if not self._made(v, out, add=False):
            return super().__call__(v)
        return out if self.factor is None else layer_normalised(out, self.factor)

    def onto(self, sums: Floats, v: Floats) -> None:
        if self.factor is not None or not sums.flags.c_contiguous or not self._made(v, sums, add=True):
            super().onto(sums, v)

    def _made(self, v: Floats, out: Floats, add: bool) -> bool:
        """Whether it could be made of bytes."""
        assert self.scale is not None
        if v.dtype != np.float32:
            return False
        unit = np.float32(self.operand.unit)
        rows = np.ascontiguousarray(v).reshape(-1, v.shape[-1])
        made: bool = kernels.product(
            rows, self.packed, np.float32(1) / unit, unit, self.scale, out.reshape(len(rows), -1), add
        )
        return made


def fast_product(product: Product, operand: Pruning) -> Product:
    """The same product, of bytes where it is exact in float32 and in them, and as it is where not."""
    weight, scale = product.weight, product.scale
    if not _bytes_at_hand() or scale is None or weight.dtype != np.float32 or not product.exact(operand):
        return product
    if operand.bits is None or operand.bits > 8 or np.abs(weight).max() > 127:
        return product
    if EXACT * float(np.abs(scale).max()) > np.finfo(np.float32).max:  # infinite, which is told of numpy's products
        return product
    each = np.ascontiguousarray(np.broadcast_to(scale, weight.shape[1:]))
    return ByteProduct(weight, each, product.factor, kernels.packed(weight), operand)


@dataclass(frozen=True)
class OnePass(Pruning):
    """The same of float32 ``(B, n)``, in one pass."""

    def __call__(self, v: Floats, out: Floats | None = None) -> Floats:
        if out is None:
            out = v.copy()
        elif out is not v:
            np.copyto(out, v)
        return self._in_place(out, self.threshold, self.note)

    def rounded(self, v: Floats) -> Floats:
        return self._in_place(v, 0.0, self.note_rounded)

    def _in_place(self, v: Floats, threshold: float, note: Note | None) -> Floats:
        assert self.bits is not None
        assert self.unit is not None
        clipped, unit = np.empty(len(v), np.int64), np.float32(self.unit)
        limit = np.float32(2.0 ** (self.bits - 1))
        kernels.prune(v, np.float32(threshold), np.float32(1) / unit, unit, limit, clipped)
        if note is not None:
            note(clipped, v.shape[1])
        return v


def fast_pruning(pruning: Pruning) -> Pruning:
    """The same pruning and rounding, in one pass where there is something to round."""
    if pruning.bits is None or pruning.unpruned:
        return pruning
    return OnePass(
        pruning.threshold, pruning.bits, pruning.integer_bits, note=pruning.note, note_rounded=pruning.note_rounded
    )


def fast_layer(cell: Cell, folded: Folded, entering: Pruning) -> tuple[Folded, Step]:
    """Float32 parameters of a layer and its step, each part as fast as can be; `entering`: how its input is rounded."""
    rounded = folded.pruning
    fast = replace(
        folded,
        recurrent=tuple(fast_product(product, rounded) for product in folded.recurrent),
        input_part=folded.input_part.with_product(lambda product: fast_product(product, entering)),
        pruning=fast_pruning(rounded),
        projection=folded.projection and fast_product(folded.projection, rounded),
    )
    return fast, STEPS.get(type(cell), cell.step)


def _lstm(gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
    before, c = state
    layer.recurrent[0].onto(gates, layer.entering(before))
    np.tanh(gates, out=gates)
    after = np.empty_like(c)
    kernels.lstm_cell(gates, c, after)
    made = np.tanh(after, out=h if layer.projection is None else None)
    kernels.lstm_output(gates, made)
    return (h, after), layer.new_h(made, h)


def _gru(gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
    (before,) = state
    hidden = before.shape[1]
    recurrent = layer.recurrent[0](layer.entering(before))
    shift = np.zeros(hidden, np.float32) if layer.shift_recurrent is None else layer.shift_recurrent
    both, candidate = gates[:, : 2 * hidden], gates[:, 2 * hidden :]
    both += recurrent[:, : 2 * hidden]
    np.tanh(both, out=both)
    kernels.gru_candidate(gates, recurrent, shift)
    np.tanh(candidate, out=candidate)
    kernels.gru_output(gates, before, h)
    layer.pruning(h, out=h)
    return (h,), ()


STEPS: Mapping[type[Cell], Step] = {LSTM: _lstm, GRU: _gru}
