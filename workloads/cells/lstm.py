"""Long short-term memory without peepholes (Hochreiter & Schmidhuber 1997, with Gers' forget gate)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from archsim.trace.graph import UnitOperations
from workloads.cells.base import Cell, CellStage, Curve, Floats, Folded, State
from workloads.cells.differentiable import D, Own
from workloads.cells.integer import (
    Codes,
    Doubles,
    EffectiveWeights,
    Fractions,
    IntegerParts,
    IntegerResults,
    LayerNumbers,
    sigmoid,
)
from workloads.numbers import Aligned, Ints, Shift


def _differentiable(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    i, f, g, o = (x + y).chunk(4, 1)
    c = f.sigmoid() * carried[0] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@dataclass(frozen=True)
class LSTM(Cell):
    """Gates in PyTorch's order::

    c' = sigmoid(f) c + sigmoid(i) tanh(g),   h' = quantize(prune(sigmoid(o) tanh(c')))

    With a projection (LSTMP, Sak et al. 2014): ``h' = quantize(prune(W_hr quantize(sigmoid(o) tanh(c'))))``.
    """

    name: str = "lstm"
    what: str = "lstm cell"
    curves: tuple[Curve | None, ...] = ("sigmoid", "sigmoid", "tanh", "sigmoid")
    states: tuple[str, ...] = ("h", "c")
    stages: tuple[CellStage, ...] = (
        CellStage(
            name="cell",
            gates=("i", "f", "g", "o"),
            unit=UnitOperations(curves=5, multiplies=3, adds=1, state_writes=1, cell_reads=1, cell_writes=1),
            result="h",
            carries=(1,),
            differentiable=_differentiable,
        ),
    )
    input_groups: tuple[str, ...] = ("gates",) * 4
    recurrent_groups: tuple[str, ...] = ("gates",) * 4
    projects: bool = True

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        before, c = state
        layer.recurrent[0].onto(gates, layer.entering(before))  # (B, 4H)
        np.tanh(gates, out=gates)
        i, f, g, o = np.split(gates, 4, axis=1)
        for gate in (i, f, o):
            gate += 1  # twice the sigmoid
        f *= c
        i *= g
        f += i
        c = f * 0.5
        made = np.tanh(c, out=h if layer.projection is None else None)
        made *= o
        made *= 0.5
        return (h, c), layer.new_h(made, h)

    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> "IntegerLSTM":
        return IntegerLSTM.of(numbers, fractions)

    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        i, f, g, o = np.split(x + before @ weights.recurrent.T, 4, axis=-1)
        yield from (("sigmoid", gate) for gate in (i, f, o))
        yield "tanh", g
        c = np.broadcast_to(weights.initial[1], g[0].shape)
        cells = np.empty_like(g)
        for t in range(len(g)):
            c = sigmoid(f[t]) * c + sigmoid(i[t]) * np.tanh(g[t])
            cells[t] = c
        yield "cell", cells
        yield "tanh", cells


@dataclass(frozen=True)
class IntegerLSTM:
    """``c' = (f[g] c[k] + i[g] tanh(g)[g]) >> ..``, ``h' = prune(o[g] tanh(c')[g]) >> ..``

    The sum for c' is exact: both products are shifted left to the finer fraction of the two, and rounded once.
    """

    kept: Aligned
    to_cell: Shift
    to_tanh: Shift
    h_fraction: int

    @classmethod
    def of(cls, numbers: LayerNumbers, fractions: Fractions) -> Self:
        assert numbers.cell is not None
        assert fractions.tanh is not None
        c = numbers.cell.fraction
        kept = Aligned.of(fractions.gate + c, 2 * fractions.gate)
        return cls(kept, Shift.right_by(kept.fraction - c), Shift.right_by(c - fractions.tanh), 2 * fractions.gate)

    def __call__(self, parts: IntegerParts, start: Ints, state: Codes) -> IntegerResults:
        h, c = state
        rows = np.split(parts.product(0, start, h), 4, axis=1)
        i, f, g, o = (parts.gate(name, row) for name, row in zip("ifgo", rows, strict=True))
        c = parts.clip("cell", self.to_cell(self.kept(f * c, i * g)))
        return (parts.new_h(o * parts.tanh(self.to_tanh(c))), c), ()
