"""Synthetic traces: random masks for studying a machine. They have no accuracy, and their header marks them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput, check_integers, check_numbers
from archsim.trace.columns import pack_mask
from archsim.trace.graph import (
    Elementwise,
    Encode,
    Graph,
    MatVec,
    NumberFormat,
    Operand,
    UnitOperations,
)
from archsim.trace.header import VERSION, Header
from archsim.trace.storage import PIECE
from archsim.trace.trace import Trace

FORMATS = {
    "binary": NumberFormat(name="binary", bits=1, multiplier="mux"),
    "ternary": NumberFormat(name="ternary", bits=2, multiplier="mux"),
    "fixed4": NumberFormat(name="fixed4", bits=4, multiplier="fixed"),
    "fixed8": NumberFormat(name="fixed8", bits=8, multiplier="fixed"),
    "fixed12": NumberFormat(name="fixed12", bits=12, multiplier="fixed"),
    "exponential5": NumberFormat(name="exponential5", bits=6, multiplier="shift"),
    "float32": NumberFormat(name="float32", bits=32, multiplier="float"),
}

_LSTM = UnitOperations(curves=5, multiplies=3, adds=1, state_writes=1, cell_reads=1, cell_writes=1)
"""A unit of an LSTM: c' = f c + i g, h' = o tanh(c')."""


def synthesize(
    hidden: int,
    inputs: int,
    density: float,
    *,
    correlation: float = 0.0,
    sequences: int = 8,
    steps: int = 100,
    weight_format: str = "fixed8",
    state_bits: int = 8,
    seed: int = 1,
    out: Path | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Trace:
    """An LSTM of `hidden` units on a one-hot input of `inputs` symbols, without norms and without a readout.

    Each element of the state is non-zero with probability `density`, independently over steps and units. Two sequences
    have the Pearson correlation `correlation`: each takes a shared draw with probability sqrt(correlation), otherwise
    its own. With `out`, the trace is written to that file as it is drawn, so that memory does not grow with its length.
    `on_step` is called with the number of steps whose states have been drawn. BadInput for a parameter out of range.
    """
    if weight_format not in FORMATS:
        raise BadInput(f"weight format must be one of {', '.join(FORMATS)}, not {weight_format!r}")
    _check_shares(density=density, correlation=correlation)
    _check_counts(hidden=hidden, inputs=inputs, sequences=sequences, steps=steps)
    check_integers(seed=seed, state_bits=state_bits)
    if seed < 0:
        raise BadInput(f"seed must be at least 0, not {seed}")
    if not 1 <= state_bits <= 64:
        raise BadInput(f"state_bits must be between 1 and 64, not {state_bits}")
    graph = lstm_graph(hidden, inputs, FORMATS[weight_format], state_bits)
    header = Header(
        version=VERSION,
        workload=f"synthetic-lstm{hidden}-{weight_format}-d{density:g}",
        synthetic=True,
        provenance={"density": density, "correlation": correlation, "seed": seed},
        graph=graph,
    )
    rng, lengths = np.random.default_rng(seed), np.full(sequences, steps, np.int64)

    def rows() -> Iterator[tuple[str, NDArray[Any]]]:
        for first in range(0, steps + 1, PIECE):
            portion = range(min(PIECE, steps + 1 - first))
            yield "h", np.stack([_mask(rng, hidden, sequences, density, correlation) for _ in portion])
            if on_step:
                on_step(first + len(portion) - 1)
        for first in range(0, steps, PIECE):
            yield "x", rng.integers(0, inputs, (min(PIECE, steps - first), sequences), dtype=np.uint16)

    return Trace.assemble(lambda: header, lengths, rows(), out)


def lstm_graph(hidden: int, inputs: int, weights: NumberFormat, state_bits: int) -> Graph:
    """One step of an LSTM of `hidden` units on a one-hot input of `inputs` symbols, without norms and a readout."""
    graph = Graph(
        operations=(
            MatVec(name="W_x", scope="input", rows=4 * hidden, cols=inputs, weight_format=weights,
                   operand="x", edge="input", group="gates"),
            MatVec(name="W_h", scope="recurrent", rows=4 * hidden, cols=hidden, weight_format=weights,
                   operand="h", edge="previous_step", group="gates"),
            Elementwise(name="cell", scope="recurrent", unit=_LSTM, size=hidden, of=("gates",)),
            Encode(name="encode_h", scope="recurrent", size=hidden, of="cell", operand="h"),
        ),
        operands=(
            Operand(name="x", size=inputs, bits=1, kind="one_hot"),
            Operand(name="h", size=hidden, bits=state_bits, kind="state"),
        ),
    )  # fmt: skip
    graph.check()
    return graph


def _check_shares(**shares: float) -> None:
    check_numbers(**shares)
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise BadInput(f"{name} must be between 0 and 1, not {value}")


def _check_counts(**counts: int) -> None:
    check_integers(**counts)
    for name, count in counts.items():
        if count < 1:
            raise BadInput(f"{name} must be at least 1, not {count}")


def _mask(
    rng: np.random.Generator, hidden: int, sequences: int, density: float, correlation: float
) -> NDArray[np.uint8]:
    """The packed state mask of one step, ``(sequences, ceil(hidden/8))``."""
    shared = rng.random(hidden) < density
    own = rng.random((sequences, hidden)) < density
    follows = rng.random((sequences, hidden)) < np.sqrt(correlation)
    return pack_mask(np.where(follows, shared, own))
