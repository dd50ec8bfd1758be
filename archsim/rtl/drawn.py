"""Integers for a trace, which has masks alone: weights and values that are drawn."""

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.trace.graph import NumberFormat
from archsim.trace.trace import Trace

MOST_EXPONENT = 30
"""Powers of two are drawn up to this one, so that sums are exact in 64 bits."""

Ints = NDArray[np.int64]


def drawn_integers(trace: Trace, lanes: int, steps: int, seed: int) -> Integers:
    """Weights as their formats store them, and operands of the first `steps` steps that are zero where the trace has
    zeros; a seed gives the same ones every time. BadInput for weights in floating point.
    """
    rng = np.random.default_rng(seed)
    weights = {mv.name: _weights(rng, mv.weight_format, (mv.rows, mv.cols), mv.name) for mv in trace.graph.mat_vecs}
    operands = {}
    for operand in (o for o in trace.graph.operands if o.kind != "one_hot"):
        rows = trace.arrays[operand.name][: steps + (operand.kind == "state")][:, :lanes]
        mask = np.unpackbits(rows, axis=-1, count=operand.size)
        most = (1 << ((operand.bits or 8) - 1)) - 1
        sizes = rng.integers(1, max(1, most), mask.shape, endpoint=True)
        operands[operand.name] = mask * sizes * rng.choice([-1, 1], mask.shape)
    return Integers(weights, operands)


def _weights(rng: np.random.Generator, weights: NumberFormat, shape: tuple[int, int], name: str) -> Ints:
    signs: Ints = rng.choice(np.array([-1, 1], np.int64), shape)
    if weights.multiplier == "float":
        raise BadInput(f"weights of {name}: the machine in Verilog has no PE for floating point")
    if weights.multiplier == "shift":
        most = min(MOST_EXPONENT, (1 << (weights.bits - 1)) - 1)
        return signs << rng.integers(0, most, shape, endpoint=True)
    if weights.bits == 1:
        return signs
    half = 1 if weights.multiplier == "mux" else 1 << (weights.bits - 1)
    found: Ints = rng.integers(-half, half - (weights.multiplier != "mux"), shape, endpoint=True)
    return found
