"""Gated recurrent units (Cho et al. 2014), in both conventions of the reset gate.

h is memory and operand at once, and there is one h: what is pruned and rounded is what the next step interpolates.
"""

from dataclasses import dataclass

import numpy as np

from archsim.trace.graph import UnitOperations
from workloads.cells.base import Curve, Floats, Folded, State


@dataclass(frozen=True)
class GRU:
    """Reset after the product, as PyTorch and cuDNN have it; the candidate's recurrent product has its own shift::

    n = tanh(x_n + sigmoid(r) (W_n h + b_n)),   h' = quantize(prune((1 - sigmoid(z)) n + sigmoid(z) h))
    """

    name: str = "gru"
    what: str = "gru cell"
    gates: tuple[str, ...] = ("r", "z", "n")
    curves: tuple[Curve, ...] = ("sigmoid", "sigmoid", "tanh")
    states: tuple[str, ...] = ("h",)
    recurrent_gates: tuple[tuple[str, ...], ...] = (("r", "z", "n"),)
    results: tuple[str, ...] = ()
    elementwise: tuple[tuple[str, UnitOperations], ...] = (
        ("cell", UnitOperations(curves=3, multiplies=2, adds=3, state_reads=1, state_writes=1)),  # r n_h; n + z (h - n)
    )
    input_groups: tuple[str, ...] = ("gates", "gates", "candidate_x")
    recurrent_groups: tuple[str, ...] = ("gates", "gates", "candidate_h")
    shifts_candidate: bool = True

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        (before,) = state
        r, z, n = np.split(gates, 3, axis=1)
        r_h, z_h, n_h = np.split(layer.recurrent[0](before), 3, axis=1)
        if layer.shift_recurrent is not None:
            n_h += layer.shift_recurrent
        r += r_h
        z += z_h
        n_h *= _sigmoid_of_half(r)
        n += n_h
        return _interpolate(_sigmoid_of_half(z), np.tanh(n, out=n), before, layer, h), ()


@dataclass(frozen=True)
class ClassicGRU:
    """Reset before the product: a second barrier within the step, since ``r h`` is an operand::

    n = tanh(x_n + W_n round(sigmoid(r) h)),   h' = quantize(prune((1 - sigmoid(z)) n + sigmoid(z) h))
    """

    name: str = "gru-classic"
    what: str = "gru reset then gru update"
    gates: tuple[str, ...] = ("r", "z", "n")
    curves: tuple[Curve, ...] = ("sigmoid", "sigmoid", "tanh")
    states: tuple[str, ...] = ("h",)
    recurrent_gates: tuple[tuple[str, ...], ...] = (("r", "z"), ("n",))
    results: tuple[str, ...] = ("rh",)
    elementwise: tuple[tuple[str, UnitOperations], ...] = (
        ("reset", UnitOperations(curves=2, multiplies=1, state_reads=1, state_writes=2)),  # r h; z is kept
        ("cell", UnitOperations(curves=1, multiplies=1, adds=2, state_reads=2, state_writes=1)),  # n + z (h - n)
    )
    input_groups: tuple[str, ...] = ("gates", "gates", "candidate")
    recurrent_groups: tuple[str, ...] = ("gates", "gates", "candidate")
    shifts_candidate: bool = False

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        (before,) = state
        reset_and_update, candidate = layer.recurrent
        r, z, n = np.split(gates, 3, axis=1)
        r_h, z_h = np.split(reset_and_update(before), 2, axis=1)
        r += r_h
        z += z_h
        rh = layer.pruning.rounded(_sigmoid_of_half(r) * before)
        n += candidate(rh)
        return _interpolate(_sigmoid_of_half(z), np.tanh(n, out=n), before, layer, h), (rh,)


def _sigmoid_of_half(half: Floats) -> Floats:
    """``sigmoid(2 half)``, in place."""
    np.tanh(half, out=half)
    half += 1
    half *= 0.5
    return half


def _interpolate(z: Floats, n: Floats, before: Floats, layer: Folded, h: Floats) -> State:
    np.subtract(before, n, out=h)
    h *= z
    h += n
    layer.pruning(h, out=h)
    return (h,)
