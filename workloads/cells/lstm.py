"""The LSTM as numpy computes it: batched, over one-hot symbols, with the batch norm folded into its rows.

After RBT (Ardakani et al., ICLR 2019) each product is normalised by itself, so each has a scale a row, and one shift a
row takes in both means and the bias::

    i, f, g, o = scale_recurrent (W_h h) + scale_input (W_x x) + shift
    c' = sigmoid(f) c + sigmoid(i) tanh(g),   h' = quantize(prune(sigmoid(o) tanh(c')))

Gate rows lie in PyTorch's order: input, forget, cell, output. The pruned, quantized h' is what the next step sees, and
what the cell hands on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workloads.state_pruning import prune

Floats = NDArray[np.floating]
State = tuple[Any, ...]


@dataclass(frozen=True)
class Folded:
    """Parameters of a layer, ready to compute with.

    The recurrent product is that of the codes, scaled afterwards as hardware does it: with quantized weights and states
    it is exact in float32 while an accumulator fits 24 bits, so its value does not hang on the order of the sum, and
    a sequence runs alike alone or beside others.

    Rows of the three sigmoid gates are halved (exact in binary), because ``sigmoid(x) = (1 + tanh(x/2)) / 2``: one
    tanh then serves all four gates.
    """

    recurrent: Floats  # (H, 4H) codes
    scale: Floats  # (4H,)
    table: Floats  # (V, 4H) input product of every symbol, plus the shift


@dataclass(frozen=True)
class LSTM:
    """Long short-term memory without peepholes."""

    name: str = "lstm"
    rows_per_unit: int = 4

    def fold(
        self,
        recurrent_codes: NDArray[np.generic],  # (4H, H)
        input_codes: NDArray[np.generic],  # (4H, V)
        scale_recurrent: Floats,  # (4H,)
        scale_input: Floats,  # (4H,)
        shift: Floats,  # (4H,)
        dtype: DTypeLike,
    ) -> Folded:
        """Parameters in `dtype` (float32 or float64)."""
        half = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], dtype), len(shift) // 4)
        recurrent = np.ascontiguousarray(recurrent_codes.T, dtype)
        table = input_codes.T.astype(dtype) * scale_input.astype(dtype) + shift.astype(dtype)
        return Folded(recurrent, scale_recurrent.astype(dtype) * half, np.ascontiguousarray(table * half))

    def run(
        self,
        folded: Folded,
        symbols: NDArray[np.uint8],  # (T, B)
        state: State | None,
        threshold: float,
        state_bits: int | None,
    ) -> tuple[Floats, State]:
        """h of every step ``(T, B, H)``, pruned and quantized, and the state ``(h, c)`` after the last.

        h and c are ``(B, H)``; `state` None is all zeros, and the arrays given are left as they are.
        """
        steps, batch = symbols.shape
        hidden = len(folded.recurrent)
        dtype = folded.recurrent.dtype
        h, c = state or (np.zeros((batch, hidden), dtype), np.zeros((batch, hidden), dtype))
        c = c.astype(dtype)  # a copy: updated in place
        states = np.empty((steps, batch, hidden), dtype)
        gates = np.empty((batch, 4 * hidden), dtype)
        i, f, g, o = (gates[:, k * hidden : (k + 1) * hidden] for k in range(4))
        for t in range(steps):
            np.matmul(h, folded.recurrent, out=gates)  # (B, 4H)
            gates *= folded.scale
            gates += folded.table[symbols[t]]
            np.tanh(gates, out=gates)
            for gate in (i, f, o):
                gate += 1  # twice the sigmoid
            c *= f
            i *= g
            c += i
            c *= 0.5
            h = np.tanh(c, out=states[t])
            h *= o
            h *= 0.5
            prune(h, threshold, state_bits, out=h)
        return states, (h.copy(), c)
