"""Long short-term memory whose tanh reads c normalised, as RBT's code has it (Ardakani et al., ICLR 2019; Cooijmans et
al., Recurrent Batch Normalization, ICLR 2017)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from archsim.errors import BadInput
from archsim.trace.graph import UnitOperations
from workloads.cells.base import Cell, CellStage, Curve, Floats, Folded, State
from workloads.cells.differentiable import D, Own
from workloads.cells.integer import Doubles, EffectiveWeights, Fractions, LayerNumbers


def _differentiable(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    i, f, g, o = (x + y).chunk(4, 1)
    c = f.sigmoid() * carried[0] + i.sigmoid() * g.tanh()
    return o.sigmoid() * own(c).tanh(), c


def _refused() -> NoReturn:
    raise BadInput("cell lstm-normed-cell is computed in floating point only: it has no integers")


@dataclass(frozen=True)
class NormedCellLSTM(Cell):
    """The c that is carried on is not normalised; its batch norm is an affine of each unit once it is trained::

    c' = sigmoid(f) c + sigmoid(i) tanh(g),   h' = quantize(prune(sigmoid(o) tanh(scale_c c' + shift_c)))
    """

    name: str = "lstm-normed-cell"
    what: str = "lstm cell with batch norm of c"
    curves: tuple[Curve | None, ...] = ("sigmoid", "sigmoid", "tanh", "sigmoid")
    states: tuple[str, ...] = ("h", "c")
    stages: tuple[CellStage, ...] = (
        CellStage(
            name="cell",
            gates=("i", "f", "g", "o"),
            # Beside those of an LSTM: a product and a sum, and two numbers that lie beside c.
            unit=UnitOperations(curves=5, multiplies=4, adds=2, state_writes=1, cell_reads=3, cell_writes=1),
            result="h",
            carries=(1,),
            differentiable=_differentiable,
        ),
    )
    input_groups: tuple[str, ...] = ("gates",) * 4
    recurrent_groups: tuple[str, ...] = ("gates",) * 4
    normed_cell: bool = True
    beyond_integers: str | None = "its tanh reads c normalised"

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        assert layer.affine_cell is not None
        before, c = state
        layer.recurrent[0].onto(gates, layer.entering(before))  # (B, 4H)
        i, f, g, o = np.split(np.tanh(gates, out=gates), 4, axis=1)
        c = ((f + 1) * c + (i + 1) * g) * 0.5
        scale, shift = layer.affine_cell
        np.tanh(scale * c + shift, out=h)
        h *= o + 1
        h *= 0.5
        return (h, c), layer.new_h(h, h)

    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> NoReturn:
        _refused()

    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        _refused()
