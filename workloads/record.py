"""From a model and real text to a trace: the only producer of recorded traces."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.trace import (
    VERSION,
    BadInput,
    Elementwise,
    Encode,
    Graph,
    Header,
    MatVec,
    NumberFormat,
    Operand,
    RowAffine,
    Trace,
    pack_mask,
)
from workloads import tasks
from workloads.formats import WeightFormat
from workloads.model import Model
from workloads.state_pruning import sparsity
from workloads.tasks.char_lm import Split

WARMUP = 256
"""Symbols each sequence runs before recording starts, so that it is recorded with a state that the text has made."""
_CHUNK = 128  # steps run at a time, which bounds the memory of the states


def record(model: Model, split: Split = "validation", sequences: int = 16, steps: int = 1000, seed: int = 0) -> Trace:
    """Trace of `model` over `sequences` contiguous pieces of `split`, `steps` symbols each.

    The split is cut into as many equal parts as there are sequences; every sequence starts at the same offset into
    its part, drawn with `seed`, and is warmed up on `WARMUP` symbols first. Row 0 of the state is the state after the
    warm-up. BadInput where a part is too short.
    """
    text = tasks.by_name(model.task).split(split)
    symbols = _pieces(text, sequences, steps, seed, f"{split} split of {model.task}")
    _, state = model.states(symbols[:WARMUP])
    masks = [pack_mask(state[0] != 0)[None]]
    for first in range(WARMUP, WARMUP + steps, _CHUNK):
        states, state = model.states(symbols[first : first + _CHUNK], state)
        masks.append(pack_mask(states != 0))
    h = np.concatenate(masks)
    recorded = np.unpackbits(h[1:], axis=-1, count=model.hidden)
    header = Header(
        version=VERSION,
        workload=model.name,
        synthetic=False,
        provenance={
            "model_sha256": model.sha256,
            "task": model.task,
            "split": split,
            "sequences": sequences,
            "steps": steps,
            "warmup": WARMUP,
            "seed": seed,
            "threshold": model.threshold,
            "state_sparsity": sparsity(recorded),
        },
        graph=graph(model),
    )
    arrays: dict[str, NDArray[Any]] = {"x": symbols[WARMUP:].astype(np.uint16), "h": h}
    return Trace(header, arrays, np.full(sequences, steps, np.int64))


def longest(model: Model, split: Split, sequences: int) -> int:
    """The most steps that `record` can take from a split with so many sequences."""
    return len(tasks.by_name(model.task).split(split)) // sequences - WARMUP


def graph(model: Model) -> Graph:
    """One step of a model: two products with a row scale each, the cell, and the readout.

    The recurrence and the readout both see the pruned, quantized h.
    """
    rows, hidden, symbols = len(model.shift), model.hidden, model.symbols
    gates, readout = _number_format(model.weight_format), _number_format(model.readout_format)
    return Graph(
        operations=(
            MatVec(
                name="W_x", scope="input", rows=rows, cols=symbols, weight_format=gates,
                operand="x", edge="input", group="gates",
            ),
            MatVec(
                name="W_h", scope="recurrent", rows=rows, cols=hidden, weight_format=gates,
                operand="h", edge="previous_step", group="gates",
            ),
            RowAffine(name="affine_x", scope="input", rows=rows, of="W_x"),
            RowAffine(name="affine_h", scope="recurrent", rows=rows, of="W_h"),
            Elementwise(name="cell", scope="recurrent", kind="lstm_cell", size=hidden, of="gates"),
            Encode(name="encode_h", scope="recurrent", size=hidden, of="cell", operand="h"),
            MatVec(
                name="readout", scope="readout", rows=symbols, cols=hidden, weight_format=readout,
                operand="h", edge="same_step", group="readout",
            ),
            Elementwise(name="readout_bias", scope="readout", kind="bias", size=symbols, of="readout"),
        ),
        operands=(
            Operand(name="x", size=symbols, bits=1, kind="one_hot"),
            Operand(name="h", size=hidden, bits=model.state_bits, kind="state"),
        ),
    )  # fmt: skip


def _number_format(weight_format: WeightFormat) -> NumberFormat:
    return NumberFormat(name=weight_format.name, bits=weight_format.bits, multiplier=weight_format.multiplier)


def _pieces(text: NDArray[np.uint8], sequences: int, steps: int, seed: int, where: str) -> NDArray[np.uint8]:
    """Symbols ``(WARMUP + steps, sequences)``."""
    if sequences < 1 or steps < 1:
        raise BadInput(f"sequences and steps must be at least 1, not {sequences} and {steps}")
    part = len(text) // sequences
    slack = part - WARMUP - steps
    if slack < 0:
        raise BadInput(f"steps must be at most {part - WARMUP} with {sequences} sequences of the {where}, not {steps}")
    offset = int(np.random.default_rng(seed).integers(slack + 1))
    starts = np.arange(sequences) * part + offset
    pieces: NDArray[np.uint8] = text[starts + np.arange(WARMUP + steps)[:, None]]
    return pieces
