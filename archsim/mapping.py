"""From a graph and a design to the static order of work: rows -> blocks -> passes, columns -> bursts.

Pure functions and integers only; every engine reads the same plan.

Output-stationary over row blocks (SKIP): a block is as many whole units as the accumulators of one lane's PEs hold,
all gate rows of a unit together, so that the activation unit can finish them block by block. For each block the
listed columns are streamed once for all lanes: a column takes ``stream_cycles`` on the weight path and ``tile_cycles``
on the PEs. Products that are normalised apart need an accumulator each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from archsim.components.base import ceil_div
from archsim.trace import BadInput, Elementwise, Encode, Graph, LayerNorm, MatVec, RowAffine

if TYPE_CHECKING:
    from archsim.design import Design

Waits = Literal["nothing", "previous_step", "same_step"]
RunScope = Literal["model", "recurrent"]

RUN_SCOPES: tuple[RunScope, ...] = ("model", "recurrent")


@dataclass(frozen=True)
class Burst:
    """Columns streamed back to back for one row block: those of `operands` (indices into ``Plan.mat_vecs``)."""

    operands: tuple[int, ...]
    waits: Waits
    """Whose list must be known before the first column can be issued."""


@dataclass(frozen=True)
class Block:
    """Rows that are accumulated together, and what follows once they are."""

    index: int
    rows: int
    units: int
    bursts: tuple[Burst, ...]
    column_words: int
    """Bus words of one column, which are also the FIFO words it takes."""
    column_sram_words: int
    column_dram_bits: int
    stream_cycles: int
    tile_cycles: int
    fifo_columns: int
    activation_cycles: int
    encode_cycles: int
    feeds_state: bool
    results: tuple[tuple[str, str, int], ...]
    """(component, action, count per active lane) once the block is activated."""


@dataclass(frozen=True)
class Plan:
    """The static order of one step: `blocks` in sequence, each step the same."""

    mat_vecs: tuple[MatVec, ...]
    blocks: tuple[Block, ...]
    lanes: int
    latency_cycles: int
    banks: int
    resident: bool
    model_bits: int
    """Weights, norms and biases of what runs here, at storage width, padded to whole bus words."""
    left_out: tuple[str, ...]
    """Operations that run on the host or lie outside the scope."""

    @cached_property
    def state_blocks(self) -> tuple[Block, ...]:
        return tuple(b for b in self.blocks if b.feeds_state)


NORM_BITS = 16
"""Bits of one stored row scale, shift or bias."""


def plan(design: "Design", graph: Graph, lanes: int, scope: RunScope = "model") -> Plan:
    """The plan of `graph` on `design` with `lanes` sequences side by side.

    BadInput names what the design cannot do: a format, a layer structure, a state that does not fit, or an operation
    that neither the array nor (by the design's word) the host can run.
    """
    if scope not in RUN_SCOPES:
        raise BadInput(f"scope must be one of {', '.join(RUN_SCOPES)}, not {scope!r}")
    if not 1 <= lanes <= design.lanes:
        raise BadInput(f"design {design.name}: lanes must be between 1 and {design.lanes}, not {lanes}")
    kept, left_out = _selected(design, graph, scope)
    _check_operations(design, graph, kept)
    _check_formats(design, graph, kept)
    mat_vecs = tuple(kept)
    groups = list(dict.fromkeys(mv.group for mv in mat_vecs))
    stored_bits = sum(_stored_bits(design, graph, mat_vecs, group) for group in groups)
    resident = 0 < stored_bits <= design.weight_memory.capacity_bits
    blocks: list[Block] = []
    for group in groups:
        blocks += _group_blocks(design, graph, mat_vecs, group, lanes, resident, len(blocks))
    latency = 1 if resident else design.dram.latency_cycles(design.clock_mhz)
    banks = design.pe_array.banks
    return Plan(mat_vecs, tuple(blocks), lanes, latency, banks, resident, stored_bits, tuple(left_out))


def _selected(design: "Design", graph: Graph, scope: RunScope) -> tuple[list[MatVec], list[str]]:
    kept: list[MatVec] = []
    left_out: list[str] = []
    for mv in graph.mat_vecs:
        if scope == "recurrent" and mv.scope in ("readout", "embedding"):
            left_out.append(f"{mv.name} ({mv.scope}: outside --scope recurrent)")
        elif mv.scope in design.host:
            left_out.append(f"{mv.name} ({mv.scope}: runs on the host)")
        else:
            kept.append(mv)
    states = [o for o in graph.operands if o.kind == "state"]
    if len(states) != 1:
        raise BadInput(f"graph must have one state, not {len(states)}: stacked layers are not modelled")
    if not any(mv.edge == "previous_step" for mv in kept):
        raise BadInput(f"design {design.name}: nothing recurrent is left to run")
    if states[0].size > design.state_buffer.units:
        raise BadInput(
            f"design {design.name}: state_buffer.units must be at least {states[0].size},"
            f" not {design.state_buffer.units}"
        )
    return kept, left_out


def _check_operations(design: "Design", graph: Graph, kept: Sequence[MatVec]) -> None:
    """Refuse by name what no part of the machine does."""
    for mv in kept:
        if mv.scope == "embedding":
            raise BadInput(f"design {design.name} cannot run operation {mv.name}: an embedding is the host's")
        if mv.when != "every_step":
            raise BadInput(f"design {design.name} cannot run operation {mv.name}: a product of the last step only")
    groups = {mv.group for mv in kept}
    for op in graph.operations:
        if isinstance(op, LayerNorm):
            raise BadInput(
                f"design {design.name} cannot run operation {op.name}: a layer norm needs a mean and a variance of all"
                f" its rows at run time"
            )
        if isinstance(op, Elementwise) and groups & set(op.of) and op.kind not in ("lstm_cell", "bias"):
            raise BadInput(f"design {design.name} cannot run operation {op.name}: {op.kind} is not modelled")


def _check_formats(design: "Design", graph: Graph, mat_vecs: Sequence[MatVec]) -> None:
    for mv in mat_vecs:
        operand = graph.operand(mv.operand)
        bits = 1 if operand.kind == "one_hot" else operand.bits
        refusal = design.pe_array.refusal(mv.weight_format, bits)
        if refusal:
            raise BadInput(f"design {design.name} cannot run operation {mv.name}: {refusal}")


def _elementwise(graph: Graph, group: str) -> Elementwise:
    for op in graph.operations:
        if isinstance(op, Elementwise) and op.of == (group,):
            return op
    raise BadInput(f"group {group}: no elementwise operation reads it")


def _normalised(graph: Graph, mat_vecs: Sequence[MatVec]) -> int:
    """How many of the products have a row scale of their own."""
    names = {mv.name for mv in mat_vecs}
    return sum(isinstance(op, RowAffine) and op.of in names for op in graph.operations)


def _stored_bits(design: "Design", graph: Graph, mat_vecs: Sequence[MatVec], group: str) -> int:
    """Storage of a group: every column padded to whole SRAM words, plus a scale a normalised row and a shift a row."""
    word_bits = design.weight_memory.weights_per_cycle * design.pe_array.weight_bits
    members = [mv for mv in mat_vecs if mv.group == group]
    weights = sum(ceil_div(mv.rows * mv.weight_format.bits, word_bits) * word_bits * mv.cols for mv in members)
    return weights + members[0].rows * NORM_BITS * (1 + _normalised(graph, members))


def _group_blocks(
    design: "Design", graph: Graph, mat_vecs: tuple[MatVec, ...], group: str, lanes: int, resident: bool, first: int
) -> list[Block]:
    members = [i for i, mv in enumerate(mat_vecs) if mv.group == group]
    element = _elementwise(graph, group)
    total_rows = mat_vecs[members[0]].rows
    rows_per_unit, remainder = divmod(total_rows, element.size)
    if remainder:
        raise BadInput(f"group {group}: rows must be a multiple of the {element.size} units, not {total_rows}")
    widths = {mat_vecs[i].weight_format.bits for i in members}
    if len(widths) > 1:
        given = " and ".join(map(str, sorted(widths)))
        raise BadInput(f"group {group}: its products must have weights of one width, not {given} bits")
    normalised = _normalised(graph, [mat_vecs[i] for i in members])
    rows_per_lane = design.pes_per_lane * (design.pe_array.accumulators // max(1, normalised))
    units_per_block = min(element.size, rows_per_lane // rows_per_unit)
    if not units_per_block:
        raise BadInput(
            f"design {design.name}: pe_array.accumulators x PEs per lane must hold the {rows_per_unit} rows of a unit"
            f" {max(1, normalised)} times, not {design.pe_array.accumulators} x {design.pes_per_lane}"
        )
    feeds_state = any(isinstance(op, Encode) and op.of == element.name for op in graph.operations)
    blocks: list[Block] = []
    for start in range(0, element.size, units_per_block):
        units = min(units_per_block, element.size - start)
        bursts = _bursts(mat_vecs, members, opening=start == 0)
        blocks.append(
            _block(
                design,
                first + len(blocks),
                units,
                units * rows_per_unit,
                bursts,
                next(iter(widths)),
                lanes,
                resident,
                normalised,
                feeds_state,
            )
        )
    return blocks


def _bursts(mat_vecs: Sequence[MatVec], members: Sequence[int], opening: bool) -> tuple[Burst, ...]:
    """The opening block streams what needs no list first, so that the encoder's latency is hidden behind it."""
    waits: dict[int, Waits] = {}
    for i in members:
        edge = mat_vecs[i].edge
        waits[i] = "nothing" if edge == "input" else edge
    order = sorted(members, key=lambda i: waits[i] != "nothing")
    latest = waits[order[-1]]
    if not opening or waits[order[0]] == latest:
        return (Burst(tuple(order), latest),)
    free = tuple(i for i in order if waits[i] == "nothing")
    return Burst(free, "nothing"), Burst(tuple(i for i in order if i not in free), latest)


def _block(
    design: "Design",
    index: int,
    units: int,
    rows: int,
    bursts: tuple[Burst, ...],
    weight_bits: int,
    lanes: int,
    resident: bool,
    normalised: int,
    feeds_state: bool,
) -> Block:
    memory, array, activation = design.weight_memory, design.pe_array, design.activation_unit
    words = ceil_div(rows, memory.weights_per_cycle)
    if words > memory.fifo_words:
        raise BadInput(
            f"design {design.name}: weight_memory.fifo_words must be at least {words}, one column of a block,"
            f" not {memory.fifo_words}"
        )
    bits = rows * weight_bits
    stream = words if resident else max(words, design.dram.transfer_cycles(bits, design.clock_mhz))
    results: list[tuple[str, str, int]] = [("activation_unit", "row_affine", rows * normalised)]
    if feeds_state:
        results += [
            ("activation_unit", "gate_activation", rows),
            ("activation_unit", "cell_update", units),
            ("state_buffer", "c_read", units),
            ("state_buffer", "c_write", units),
            ("state_buffer", "h_write", units),
        ]
    else:
        results.append(("activation_unit", "bias_add", rows))
    return Block(
        index=index,
        rows=rows,
        units=units,
        bursts=bursts,
        column_words=words,
        column_sram_words=ceil_div(bits, memory.weights_per_cycle * array.weight_bits) if resident else 0,
        column_dram_bits=0 if resident else bits,
        stream_cycles=stream,
        tile_cycles=ceil_div(rows, design.pes_per_lane),
        fifo_columns=memory.fifo_words // words,
        activation_cycles=ceil_div(units * lanes, activation.units_per_cycle),
        encode_cycles=ceil_div(units, design.skip_encoder.columns_per_cycle)
        if feeds_state and design.skip_encoder.enabled
        else 0,
        feeds_state=feeds_state,
        results=tuple(r for r in results if r[2]),
    )


def round_trips(block: Block, latency_cycles: int, columns: int) -> int:
    """FIFO round trips on the longest path of a burst: one where the FIFO covers the latency, else all there are."""
    pace = max(block.stream_cycles, block.tile_cycles)
    trip = block.stream_cycles + latency_cycles + block.tile_cycles
    return 1 if block.fifo_columns * pace >= trip else max(1, (columns - 1) // block.fifo_columns)


def last_issue_cycle(block: Block, latency_cycles: int, columns: int, stream_start: int, tile_start: int) -> int:
    """Cycle at which the last of `columns` leaves the weight path.

    Columns take ``s = stream_cycles`` on the path and ``p = tile_cycles`` on the tiles; at most F lie in the FIFO, and
    a place is free once its column has been consumed. The longest path from the stream's start S is ``S + n s``; from
    the tiles' start C it goes through k round trips of ``s + L + p`` cycles that advance F columns each, and
    ``max(s, p)`` a column for the rest::

        I = max(S + n s,  C + p + (k - 1)(s + L + p) + (n - 1 - k F) max(s, p) + s    where n > F)
    """
    s, p = block.stream_cycles, block.tile_cycles
    last = stream_start + columns * s
    if columns > block.fifo_columns:
        k = round_trips(block, latency_cycles, columns)
        rest = columns - 1 - k * block.fifo_columns
        last = max(last, tile_start + p + (k - 1) * (s + latency_cycles + p) + rest * max(s, p) + s)
    return last
