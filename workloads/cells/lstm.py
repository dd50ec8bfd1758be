"""Long short-term memory without peepholes (Hochreiter & Schmidhuber 1997, with Gers' forget gate)."""

from dataclasses import dataclass

import numpy as np

from archsim.trace.graph import UnitOperations
from workloads.cells.base import Curve, Floats, Folded, State


@dataclass(frozen=True)
class LSTM:
    """Gates in PyTorch's order::

    c' = sigmoid(f) c + sigmoid(i) tanh(g),   h' = quantize(prune(sigmoid(o) tanh(c')))
    """

    name: str = "lstm"
    what: str = "lstm cell"
    gates: tuple[str, ...] = ("i", "f", "g", "o")
    curves: tuple[Curve, ...] = ("sigmoid", "sigmoid", "tanh", "sigmoid")
    states: tuple[str, ...] = ("h", "c")
    recurrent_gates: tuple[tuple[str, ...], ...] = (("i", "f", "g", "o"),)
    results: tuple[str, ...] = ()
    elementwise: tuple[tuple[str, UnitOperations], ...] = (
        ("cell", UnitOperations(curves=5, multiplies=3, adds=1, state_writes=1, cell_reads=1, cell_writes=1)),
    )
    input_groups: tuple[str, ...] = ("gates",) * 4
    recurrent_groups: tuple[str, ...] = ("gates",) * 4
    shifts_candidate: bool = False

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        before, c = state
        gates += layer.recurrent[0](before)  # (B, 4H)
        np.tanh(gates, out=gates)
        i, f, g, o = np.split(gates, 4, axis=1)
        for gate in (i, f, o):
            gate += 1  # twice the sigmoid
        f *= c
        i *= g
        f += i
        c = f * 0.5
        np.tanh(c, out=h)
        h *= o
        h *= 0.5
        layer.pruning(h, out=h)
        return (h, c), ()
