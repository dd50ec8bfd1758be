"""Long short-term memory with peepholes (Gers, Schraudolph & Schmidhuber, JMLR 2002), as ONNX's LSTM has them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from archsim.errors import BadInput
from archsim.trace.graph import UnitOperations
from workloads.cells.base import Cell, CellStage, Curve, Floats, Folded, State
from workloads.cells.differentiable import D, Own
from workloads.cells.integer import Doubles, EffectiveWeights, Fractions, LayerNumbers


def _refused() -> NoReturn:
    raise BadInput("cell lstm-peephole is computed in floating point only: it has no training step and no integers")


def _differentiable(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    _refused()


@dataclass(frozen=True)
class PeepholeLSTM(Cell):
    """The gates i and f see the c before them, and o the new one, element by element::

    c' = sigmoid(f + p_f c) c + sigmoid(i + p_i c) tanh(g),   h' = quantize(prune(sigmoid(o + p_o c') tanh(c')))
    """

    name: str = "lstm-peephole"
    what: str = "lstm cell with peepholes"
    curves: tuple[Curve | None, ...] = ("sigmoid", "sigmoid", "tanh", "sigmoid")
    states: tuple[str, ...] = ("h", "c")
    stages: tuple[CellStage, ...] = (
        CellStage(
            name="cell",
            gates=("i", "f", "g", "o"),
            # Beside those of an LSTM: three products and their sums, and three weights that lie beside c.
            unit=UnitOperations(curves=5, multiplies=6, adds=4, state_writes=1, cell_reads=4, cell_writes=1),
            result="h",
            carries=(1,),
            differentiable=_differentiable,
        ),
    )
    input_groups: tuple[str, ...] = ("gates",) * 4
    recurrent_groups: tuple[str, ...] = ("gates",) * 4
    peepholes: bool = True
    beyond_integers: str | None = "its gates see c (peepholes)"

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        assert layer.peepholes is not None
        before, c = state
        layer.recurrent[0].onto(gates, layer.entering(before))  # (B, 4H)
        i, f, g, o = np.split(gates, 4, axis=1)
        of_i, of_f, of_o = layer.peepholes
        c = _twice_sigmoid(f + of_f * c) * c + _twice_sigmoid(i + of_i * c) * np.tanh(g)
        c *= 0.5
        np.tanh(c, out=h)
        h *= _twice_sigmoid(o + of_o * c)
        h *= 0.5
        return (h, c), layer.new_h(h, h)

    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> NoReturn:
        _refused()

    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        _refused()


def _twice_sigmoid(half: Floats) -> Floats:
    twice: Floats = np.tanh(half) + 1
    return twice
