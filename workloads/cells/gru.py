"""Gated recurrent units (Cho et al. 2014), in both conventions of the reset gate.

h is memory and operand at once. Where it is stored pruned, that is what the next step interpolates; where it is pruned
for the recurrence alone, every operand of a recurrent product is, and the memory is dense.
"""

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
from workloads.numbers import Aligned, Ints, Number, Shift


def _differentiable(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    (r_x, z_x, n_x), (r_y, z_y, n_y) = x.chunk(3, 1), y.chunk(3, 1)
    n = (n_x + (r_x + r_y).sigmoid() * own(n_y)).tanh()
    z = (z_x + z_y).sigmoid()
    return ((1 - z) * n + z * carried[0],)


def _differentiable_reset(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    r, z = (x + y).sigmoid().chunk(2, 1)
    return r * carried[0], z, carried[0]


def _differentiable_update(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    z, h = carried
    return ((1 - z) * (x + y).tanh() + z * h,)


@dataclass(frozen=True)
class GRU(Cell):
    """Reset after the product, as PyTorch and cuDNN have it; the candidate's recurrent product has its own shift::

    n = tanh(x_n + sigmoid(r) (W_n h + b_n)),   h' = quantize(prune((1 - sigmoid(z)) n + sigmoid(z) h))
    """

    name: str = "gru"
    what: str = "gru cell"
    curves: tuple[Curve | None, ...] = ("sigmoid", "sigmoid", "tanh")
    states: tuple[str, ...] = ("h",)
    stages: tuple[CellStage, ...] = (
        CellStage(
            name="cell",
            gates=("r", "z", "n"),
            unit=UnitOperations(curves=3, multiplies=2, adds=3, state_reads=1, state_writes=1),  # r n_h; n + z (h - n)
            result="h",
            carries=(0,),
            differentiable=_differentiable,
        ),
    )
    input_groups: tuple[str, ...] = ("gates", "gates", "candidate_x")
    recurrent_groups: tuple[str, ...] = ("gates", "gates", "candidate_h")
    shifts_candidate: bool = True

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        (before,) = state
        r, z, n = np.split(gates, 3, axis=1)
        r_h, z_h, n_h = np.split(layer.recurrent[0](layer.entering(before)), 3, axis=1)
        if layer.shift_recurrent is not None:
            n_h += layer.shift_recurrent
        r += r_h
        z += z_h
        n_h *= _sigmoid_of_half(r)
        n += n_h
        return _interpolate(_sigmoid_of_half(z), np.tanh(n, out=n), before, layer, h), ()

    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> "IntegerGRU":
        return IntegerGRU.of(numbers, fractions)

    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        r, z, n = np.split(x, 3, axis=-1)
        r_h, z_h, n_h = np.split(before @ weights.recurrent.T, 3, axis=-1)
        r, n_h = r + r_h, n_h + weights.recurrent_bias
        yield from (("sigmoid", gate) for gate in (r, z + z_h))
        yield "reset", n_h
        yield "tanh", n + sigmoid(r) * n_h


@dataclass(frozen=True)
class ClassicGRU(Cell):
    """Reset before the product: a second barrier within the step, since ``r h`` is an operand::

    n = tanh(x_n + W_n round(sigmoid(r) h)),   h' = quantize(prune((1 - sigmoid(z)) n + sigmoid(z) h))
    """

    name: str = "gru-classic"
    what: str = "gru reset then gru update"
    curves: tuple[Curve | None, ...] = ("sigmoid", "sigmoid", "tanh")
    states: tuple[str, ...] = ("h",)
    stages: tuple[CellStage, ...] = (
        CellStage(
            name="reset",
            gates=("r", "z"),
            unit=UnitOperations(curves=2, multiplies=1, state_reads=1, state_writes=2),  # r h is an operand; z is kept
            result="rh",
            carries=(0,),
            differentiable=_differentiable_reset,
        ),
        CellStage(
            name="cell",
            gates=("n",),
            unit=UnitOperations(curves=1, multiplies=1, adds=2, state_reads=2, state_writes=1),  # n + z (h - n)
            result="h",
            carries=(1, 2),
            differentiable=_differentiable_update,
        ),
    )
    input_groups: tuple[str, ...] = ("gates", "gates", "candidate")
    recurrent_groups: tuple[str, ...] = ("gates", "gates", "candidate")

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        (before,) = state
        reset_and_update, candidate = layer.recurrent
        r, z, n = np.split(gates, 3, axis=1)
        r_h, z_h = np.split(reset_and_update(layer.entering(before)), 2, axis=1)
        r += r_h
        z += z_h
        rh = layer.entering(layer.pruning.rounded(_sigmoid_of_half(r) * before))
        n += candidate(rh)
        return _interpolate(_sigmoid_of_half(z), np.tanh(n, out=n), before, layer, h), (rh,)

    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> "IntegerClassicGRU":
        return IntegerClassicGRU.of(numbers, fractions)

    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        r, z, n = np.split(x, 3, axis=-1)
        of_r, of_z, of_n = np.split(weights.recurrent, 3)
        r = r + before @ of_r.T
        yield from (("sigmoid", gate) for gate in (r, z + before @ of_z.T))
        yield "tanh", n + (sigmoid(r) * before) @ of_n.T


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


@dataclass(frozen=True)
class Interpolation:
    """``h' = prune((1 - z)[g] n[g] + z[g] h[s]) >> ..``, the sum exact as in the LSTM."""

    one: int
    aligned: Aligned

    @classmethod
    def of(cls, fractions: Fractions, state: Number) -> Self:
        return cls(1 << fractions.gate, Aligned.of(2 * fractions.gate, fractions.gate + state.fraction))

    def __call__(self, z: Ints, n: Ints, h: Ints) -> Ints:
        return self.aligned((self.one - z) * n, z * h)


@dataclass(frozen=True)
class IntegerGRU:
    """Reset after the product: ``n = tanh(x_n + (r[g] (W_n h + b_n)[p] >> ..))``, the product added to the accumulators
    of the input part; W_n h + b_n has accumulators of its own."""

    to_reset: Shift
    to_accumulator: Shift
    interpolation: Interpolation

    @classmethod
    def of(cls, numbers: LayerNumbers, fractions: Fractions) -> Self:
        assert numbers.reset is not None
        reset, hidden = numbers.reset.fraction, len(fractions.reset)
        return cls(
            Shift.right_by(fractions.reset - reset),
            Shift.right_by(fractions.gate + reset - fractions.accumulator[2 * hidden :]),
            Interpolation.of(fractions, numbers.state),
        )

    @property
    def h_fraction(self) -> int:
        return self.interpolation.aligned.fraction

    def __call__(self, parts: IntegerParts, start: Ints, state: Codes) -> IntegerResults:
        (h,) = state
        of_rz, of_n = np.split(start, [2 * h.shape[1]], axis=1)
        own = np.broadcast_to(parts.recurrent_bias, h.shape)
        r, z, n_h = np.split(parts.product(0, np.concatenate([of_rz, own], axis=1), h), 3, axis=1)
        r, z = parts.gate("r", r), parts.gate("z", z)
        n_h = parts.clip("reset", self.to_reset(n_h))
        n = parts.gate("n", parts.clip("accumulator", of_n + self.to_accumulator(r * n_h)))
        return (parts.new_h(self.interpolation(z, n, h)),), ()


@dataclass(frozen=True)
class IntegerClassicGRU:
    """Reset before the product: the operand ``r[g] h[s] >> g`` has the number of h, and always fits it."""

    to_state: Shift
    interpolation: Interpolation

    @classmethod
    def of(cls, numbers: LayerNumbers, fractions: Fractions) -> Self:
        return cls(Shift.right_by(fractions.gate), Interpolation.of(fractions, numbers.state))

    @property
    def h_fraction(self) -> int:
        return self.interpolation.aligned.fraction

    def __call__(self, parts: IntegerParts, start: Ints, state: Codes) -> IntegerResults:
        (h,) = state
        of_rz, of_n = np.split(start, [2 * h.shape[1]], axis=1)
        r, z = np.split(parts.product(0, of_rz, h), 2, axis=1)
        r, z = parts.gate("r", r), parts.gate("z", z)
        rh = self.to_state(r * h)
        n = parts.gate("n", parts.product(1, of_n, rh))
        return (parts.new_h(self.interpolation(z, n, h)),), (rh,)
