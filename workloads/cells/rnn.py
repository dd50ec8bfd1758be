"""Vanilla recurrent networks (Elman 1990): ``h' = quantize(prune(act(x + W h)))``."""

from dataclasses import dataclass

import numpy as np

from archsim.trace.graph import UnitOperations
from workloads.cells.base import Curve, Floats, Folded, State


@dataclass(frozen=True)
class _RNN:
    name: str
    curves: tuple[Curve | None]
    """tanh, or the positive part (whose h has no bound)."""
    what: str = "rnn cell"
    gates: tuple[str, ...] = ("h",)
    states: tuple[str, ...] = ("h",)
    recurrent_gates: tuple[tuple[str, ...], ...] = (("h",),)
    results: tuple[str, ...] = ()
    elementwise: tuple[tuple[str, UnitOperations], ...] = (("cell", UnitOperations(curves=1, state_writes=1)),)
    input_groups: tuple[str, ...] = ("gates",)
    recurrent_groups: tuple[str, ...] = ("gates",)
    shifts_candidate: bool = False

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        gates += layer.recurrent[0](state[0])
        if self.curves == ("tanh",):
            np.tanh(gates, out=h)
        else:
            np.maximum(gates, 0, out=h)
        layer.pruning(h, out=h)
        return (h,), ()


TANH = _RNN("rnn-tanh", ("tanh",))
RELU = _RNN("rnn-relu", (None,))
