"""Vanilla recurrent networks (Elman 1990): ``h' = quantize(prune(act(x + W h)))``."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archsim.trace.graph import UnitOperations
from workloads.cells.base import Cell, CellStage, Curve, Floats, Folded, State
from workloads.cells.differentiable import D, DifferentiableStep, Own
from workloads.cells.integer import (
    Codes,
    Doubles,
    EffectiveWeights,
    Fractions,
    IntegerParts,
    IntegerResults,
    LayerNumbers,
)
from workloads.numbers import Ints


def _differentiable_tanh(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    return ((x + y).tanh(),)


def _differentiable_relu(x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]:
    return ((x + y).relu(),)


def _stage(differentiable: DifferentiableStep) -> tuple[CellStage]:
    unit = UnitOperations(curves=1, state_writes=1)
    return (CellStage("cell", gates=("h",), unit=unit, result="h", carries=(), differentiable=differentiable),)


@dataclass(frozen=True)
class TanhRNN(Cell):
    name: str = "rnn-tanh"
    what: str = "rnn cell"
    curves: tuple[Curve | None, ...] = ("tanh",)
    states: tuple[str, ...] = ("h",)
    stages: tuple[CellStage, ...] = _stage(_differentiable_tanh)
    input_groups: tuple[str, ...] = ("gates",)
    recurrent_groups: tuple[str, ...] = ("gates",)

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        layer.recurrent[0].onto(gates, layer.entering(state[0]))
        np.tanh(gates, out=h)
        layer.pruning(h, out=h)
        return (h,), ()

    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> "IntegerTanhRNN":
        return IntegerTanhRNN(fractions.gate)

    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        yield "tanh", x + before @ weights.recurrent.T


@dataclass(frozen=True)
class ReluRNN(Cell):
    """Its h has no bound."""

    name: str = "rnn-relu"
    what: str = "rnn cell"
    curves: tuple[Curve | None, ...] = (None,)
    states: tuple[str, ...] = ("h",)
    stages: tuple[CellStage, ...] = _stage(_differentiable_relu)
    input_groups: tuple[str, ...] = ("gates",)
    recurrent_groups: tuple[str, ...] = ("gates",)

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        layer.recurrent[0].onto(gates, layer.entering(state[0]))
        np.maximum(gates, 0, out=h)
        layer.pruning(h, out=h)
        return (h,), ()

    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> "IntegerReluRNN":
        return IntegerReluRNN(fractions.accumulator)

    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        return iter(())


@dataclass(frozen=True)
class IntegerTanhRNN:
    """``h' = prune(tanh(acc)[g]) >> ..``"""

    h_fraction: int

    def __call__(self, parts: IntegerParts, start: Ints, state: Codes) -> IntegerResults:
        return (parts.new_h(parts.gate("h", parts.product(0, start, state[0]))),), ()


@dataclass(frozen=True, eq=False)
class IntegerReluRNN:
    """``h' = prune(max(acc, 0)) >> ..``, straight from the accumulators."""

    h_fraction: Ints

    def __call__(self, parts: IntegerParts, start: Ints, state: Codes) -> IntegerResults:
        return (parts.new_h(np.maximum(parts.product(0, start, state[0]), 0)),), ()
