"""Traces of bidirectional, stacked networks, made by hand: what a recorder of such a network writes."""

from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from archsim.trace.columns import pack_mask
from archsim.trace.graph import Elementwise, Graph, MatVec, NumberFormat, Operand, UnitOperations
from archsim.trace.header import VERSION, Header, Phase
from archsim.trace.trace import Trace
from workloads import cells
from workloads.config import Config, LayerConfig, OneHot, Vector
from workloads.graphs import graph_of

Bits = NDArray[np.bool_]
SYMBOLS = OneHot(symbols=4)
FIXED8 = NumberFormat(name="fixed8", bits=8, multiplier="fixed")


def layer(cell: str, hidden: int, source: OneHot | Vector, operand: str, suffix: str) -> Graph:
    """One direction of a layer: the step of a network of one layer, with its names ending in `suffix`."""
    config = Config(
        name="layer",
        input=source,
        layers=(
            LayerConfig(
                cell=cell,
                hidden=hidden,
                weight_format="fixed8",
                input_weight_format="fixed8",
                state_bits=8,
                input_bits=None if source.kind == "one_hot" else 8,
            ),
        ),
    )
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))
    named = {"x": operand}

    def renamed(name: Any) -> Any:
        return tuple(map(renamed, name)) if isinstance(name, tuple) else named.get(name, f"{name}{suffix}")

    def changed(part: Any) -> Any:
        names = {key: renamed(value) for key, value in part if key in ("name", "operand", "group", "of")}
        return part.model_copy(update=names)

    return Graph(operations=tuple(map(changed, graph.operations)), operands=tuple(map(changed, graph.operands)))


def both(forward: Graph, backward: Graph) -> Graph:
    return Graph(
        operations=(*forward.operations, *backward.operations), operands=(*forward.operands, *backward.operands)
    )


def readout(size: int, outputs: int) -> Graph:
    """A readout with a bias, of a vector that an earlier phase has left."""
    product = MatVec(name="readout", scope="readout", rows=outputs, cols=size, weight_format=FIXED8, operand="top",
                     edge="input", group="readout")  # fmt: skip
    bias = Elementwise(name="readout_bias", scope="readout", unit=UnitOperations(adds=1), size=outputs, of=("readout",))
    return Graph(operations=(product, bias), operands=(Operand(name="top", size=size, bits=8, kind="vector"),))


def backwards(rows: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """Rows of a sequence in the order in which a backward layer reads them, ``(T, S, ...)``."""
    found = np.zeros_like(rows)
    for lane, length in enumerate(lengths):
        found[:length, lane] = rows[:length, lane][::-1]
    return found


def stacked(
    rng: np.random.Generator,
    lengths: NDArray[np.int64],
    *,
    cell: str = "lstm",
    hidden: int = 6,
    layers: int = 2,
    source: OneHot | Vector = SYMBOLS,
    density: float = 0.4,
    outputs: int | None = 3,
    steps: Literal["all", "one"] = "one",
) -> Trace:
    """A stack of bidirectional layers, each a phase, and a readout (of `outputs`; None: no readout) as a phase above.

    The states are drawn; what the layer above reads follows from them.
    """
    longest, sequences = int(lengths.max()), len(lengths)
    arrays: dict[str, NDArray[Any]] = {}
    if isinstance(source, OneHot):
        symbols = rng.integers(0, source.symbols, (longest, sequences), dtype=np.uint16)
        arrays["x"], arrays["x_reverse"] = symbols, backwards(symbols, lengths)
    else:
        read = rng.random((longest, sequences, source.size)) < density
        arrays["x"], arrays["x_reverse"] = pack_mask(read), pack_mask(backwards(read, lengths))
    phases, reads = [], ("x", "x_reverse")
    for number in range(layers):
        ends = (f"_{number}f", f"_{number}b")
        forward, backward = (layer(cell, hidden, source, name, end) for name, end in zip(reads, ends, strict=True))
        phases.append(Phase(graph=both(forward, backward), rereads=reads[1:] if number else ()))
        states = [rng.random((longest + 1, sequences, hidden)) < density for _ in ends]
        for end, state in zip(ends, states, strict=True):
            arrays[f"h{end}"] = pack_mask(state)
            if any(operand.name == f"rh{end}" for operand in phases[-1].graph.operands):
                arrays[f"rh{end}"] = pack_mask(state[1:] & (rng.random((longest, sequences, hidden)) < 0.7))
        above: Bits = np.concatenate([states[0][1:], backwards(states[1][1:], lengths)], axis=-1)
        source, reads = Vector(size=2 * hidden), (f"y_{number}", f"y_{number}_reverse")
        if number + 1 < layers:
            arrays[reads[0]], arrays[reads[1]] = pack_mask(above), pack_mask(backwards(above, lengths))
    if outputs is not None:
        phases.append(Phase(graph=readout(2 * hidden, outputs), steps=steps))
        last = np.concatenate([state[lengths, np.arange(sequences)] for state in states], axis=-1)[None]
        arrays["top"] = pack_mask(above if steps == "all" else last)
    header = Header(
        version=VERSION, workload="stacked", synthetic=True, provenance={}, graph=phases[0].graph,
        later=tuple(phases[1:]), reads_ahead=True,
    )  # fmt: skip
    return Trace(header, arrays, lengths)


@st.composite
def drawn_stacks(draw: st.DrawFn, sequences: int = 4) -> Trace:
    """Bidirectional stacks of any cell, with or without a readout, and sequences that end at different steps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    lengths = rng.integers(1, draw(st.integers(1, 4)) + 1, sequences)
    size = draw(st.integers(1, 5))
    source = OneHot(symbols=size) if draw(st.booleans()) else Vector(size=size)
    return stacked(
        rng,
        lengths,
        cell=draw(st.sampled_from([cell.name for cell in cells.ALL])),
        hidden=draw(st.integers(1, 9)),
        layers=draw(st.integers(1, 3)),
        source=source,
        density=draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
        outputs=draw(st.sampled_from([None, 1, 4])),
        steps=draw(st.sampled_from(["all", "one"])),
    )
