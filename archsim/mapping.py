"""From a graph and a design to the static order of work: rows -> blocks -> passes, columns -> bursts.

Pure functions and integers only; every engine reads the same plan.

Output-stationary over row blocks (SKIP): a block is as many whole units as the accumulators of one lane's PEs hold,
all gate rows of a unit together, so that the activation unit can finish them block by block. For each block the
listed columns are streamed once for all lanes: a column takes ``stream_cycles`` on the weight path and ``tile_cycles``
on the PEs. Products that are normalised apart need an accumulator each.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from archsim.components.activation_unit import OPS, results
from archsim.components.base import ceil_div
from archsim.components.dram import Arbitration
from archsim.trace import BadInput, Elementwise, ElementwiseKind, Encode, Graph, LayerNorm, MatVec, RowAffine

if TYPE_CHECKING:
    from archsim.design import Design

RunScope = Literal["model", "recurrent"]

RUN_SCOPES: tuple[RunScope, ...] = ("model", "recurrent")

NORM_BITS = 16
"""Bits of one stored row scale, shift or bias."""


@dataclass(frozen=True)
class Wait:
    """A list of non-zero columns that must be known before a burst's first column can be issued."""

    list: int
    """Index into ``Plan.lists``."""
    steps_back: int
    """0: made within the step; 1: by the step before."""


@dataclass(frozen=True)
class Burst:
    """Columns streamed back to back for one row block, stream after stream.

    A stream is the products (indices into ``Plan.mat_vecs``) of one operand: a column of it feeds the rows of them all.
    """

    streams: tuple[tuple[int, ...], ...]
    waits: tuple[Wait, ...]
    reads_inputs: bool
    """Some of its columns are those of an operand from outside the machine."""
    rows: int
    """Rows of the block that a column feeds."""
    column_words: int
    """Bus words of one column, which are also the FIFO words it takes."""
    column_sram_words: int
    column_dram_bits: int
    latency_cycles: int
    """From the weight path to the PEs: of the DRAM, or of the SRAM where these weights are resident."""
    stream_cycles: int
    tile_cycles: int
    fifo_columns: int

    @property
    def streamed(self) -> bool:
        """From DRAM, so that its columns occupy the channel."""
        return self.column_dram_bits > 0

    @property
    def costs(self) -> tuple[int, ...]:
        """The same for any operand: what a column of it takes."""
        words = self.column_words, self.column_sram_words, self.column_dram_bits
        cycles = self.latency_cycles, self.stream_cycles, self.tile_cycles
        return (self.rows, *words, *cycles, self.fifo_columns)


@dataclass(frozen=True)
class Norms:
    """Row scales and biases of a block's units: they come over the weight path before its first column, past the FIFO
    to the activation unit, and their latency hides behind the columns."""

    cycles: int
    """Of the weight path."""
    sram_words: int
    dram_bits: int


@dataclass(frozen=True)
class Block:
    """Units that are accumulated together, and what follows once they are."""

    index: int
    stage: int
    """Index into ``Plan.stages``."""
    first_unit: int
    units: int
    unit_by_unit: bool
    """A unit lies in one PE; else its rows are dealt out to the PEs one by one."""
    norms: Norms
    bursts: tuple[Burst, ...]
    activation_cycles: int
    encode_cycles: int
    list: int | None
    """The list that the encoder adds these units to; None: they are no operand of another product."""
    ends_list: bool
    """The list is known once this block is encoded."""
    results: tuple[tuple[str, str, int], ...]
    """(component, action, count per active lane) once the block is activated."""

    def on_channel(self, position: int, columns: int) -> bool:
        """Whether a burst takes the DRAM channel: for its columns, or, the first, for norms and biases."""
        return (columns > 0 and self.bursts[position].streamed) or (position == 0 and self.norms.dram_bits > 0)


@dataclass(frozen=True)
class BlockRun:
    """Blocks in a row that differ in nothing but their place: as a rule all of a stage but its first and last."""

    block: Block
    """The first of them."""
    count: int

    @property
    def blocks(self) -> tuple[Block, ...]:
        b = self.block
        return tuple(replace(b, index=b.index + k, first_unit=b.first_unit + k * b.units) for k in range(self.count))


@dataclass(frozen=True)
class Sum:
    """What is accumulated together: a group, or one product of it where products are scaled apart."""

    name: str
    mat_vecs: tuple[int, ...]
    rows_per_unit: int


@dataclass(frozen=True)
class Stage:
    """Products whose sums one elementwise operation reads, unit by unit; `kind` None: rows are handed on as they are
    (an embedding)."""

    streams: tuple[tuple[int, ...], ...]
    sums: tuple[Sum, ...]
    kind: ElementwiseKind | None
    units: int
    norms_per_unit: int
    """Row scales applied to one unit of one lane."""
    shifts_per_unit: int
    rows_per_unit: int
    """Most rows of a unit that one column feeds."""
    operand: str | None

    @property
    def norm_bits(self) -> int:
        """Stored row scales and biases of one unit."""
        return NORM_BITS * (self.norms_per_unit + self.shifts_per_unit)

    @property
    def sums_per_unit(self) -> int:
        """Accumulators of one unit and lane."""
        return sum(each.rows_per_unit for each in self.sums)

    @property
    def sums_per_row(self) -> int:
        return ceil_div(self.sums_per_unit, self.rows_per_unit)


@dataclass(frozen=True)
class Fetch:
    """The inputs of one step on their way over the DRAM channel, in whole accesses. Tuples go by the lanes that run,
    from none to all."""

    bits: tuple[int, ...]
    cycles: tuple[int, ...]
    """Of the channel, or of the inputs' own share of it (``tdm``)."""
    latency_cycles: int
    arbitration: Arbitration


@dataclass(frozen=True)
class Plan:
    """The static order of one step: the blocks of `runs` in sequence, each step the same."""

    mat_vecs: tuple[MatVec, ...]
    stages: tuple[Stage, ...]
    runs: tuple[BlockRun, ...]
    lists: tuple[str, ...]
    """Operands that the machine makes itself, in the order in which a step makes them."""
    fetch: Fetch | None
    """Inputs that come over the DRAM channel; None: they are there when they are needed."""
    lanes: int
    banks: int
    resident_bits: int
    """What of the model lies in the weight SRAM."""
    model_bits: int
    """Weights, norms and biases of what runs here, at storage width, padded to whole bus words."""
    left_out: tuple[str, ...]
    """Operations that run on the host or lie outside the scope."""

    @property
    def resident(self) -> bool:
        """Everything is in SRAM."""
        return self.resident_bits == self.model_bits

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for run in self.runs for block in run.blocks)


def plan(design: "Design", graph: Graph, lanes: int, scope: RunScope = "model") -> Plan:
    """The plan of `graph` on `design` with `lanes` sequences side by side.

    BadInput names what the design cannot do: a format, an operation, a state that does not fit, or an operation that
    neither the array nor (by the design's word) the host can run.
    """
    if scope not in RUN_SCOPES:
        raise BadInput(f"scope must be one of {', '.join(RUN_SCOPES)}, not {scope!r}")
    if not 1 <= lanes <= design.lanes:
        raise BadInput(f"design {design.name}: lanes must be between 1 and {design.lanes}, not {lanes}")
    mat_vecs, left_out = _selected(design, graph, scope)
    _check_operations(design, graph)
    _check_formats(design, graph, mat_vecs)
    stages = _stages(graph, mat_vecs)
    slices = _slices(design, stages)
    one_hot = {operand.name for operand in graph.operands if operand.kind == "one_hot"}
    reads = [min(1.0, lanes / mv.cols) if mv.operand in one_hot else mv.when == "every_step" for mv in mat_vecs]
    kept, norms_resident, resident_bits, model_bits = _residents(design, mat_vecs, stages, slices, reads)
    lists = tuple(stage.operand for stage in stages if stage.operand is not None)
    _check_order(mat_vecs, stages)
    runs: list[BlockRun] = []
    index = 0
    buffer = design.state_buffer
    for number, stage in enumerate(stages):
        made = None if stage.operand is None else lists.index(stage.operand)
        first_unit = 0
        order = _order(mat_vecs, stage, lists)
        made_of: dict[tuple[Slice, Collection[tuple[int, ...]]], list[Burst]] = {}
        for (opening, ends, part, resident), alike in groupby(_places(slices[number], kept[number])):
            count = len(list(alike))
            if (part, resident) not in made_of:
                made_of[part, resident] = [
                    _burst(design, mat_vecs, stage, stream, lists, part, stream in resident) for stream in order
                ]
            block = Block(
                index=index,
                stage=number,
                first_unit=first_unit,
                units=part.units,
                unit_by_unit=part.units_per_pe is not None,
                norms=_norms(design, stage.norm_bits * part.units, norms_resident),
                bursts=_merged(made_of[part, resident], opening),
                activation_cycles=buffer.access_cycles(
                    part.units * lanes,
                    design.activation_unit.units_per_cycle,
                    reads=OPS[stage.kind].cell_reads,
                    writes=1,  # of h, which lies elsewhere, if not of c
                ),
                encode_cycles=buffer.access_cycles(part.units, design.skip_encoder.columns_per_cycle, reads=1, writes=0)
                if made is not None and design.skip_encoder.enabled
                else 0,
                list=made,
                ends_list=made is not None and ends,
                results=results(stage.kind, part.units, stage.norms_per_unit),
            )
            runs.append(BlockRun(block, count))
            index, first_unit = index + count, first_unit + count * part.units
    return Plan(
        mat_vecs=mat_vecs,
        stages=tuple(stages),
        runs=tuple(runs),
        lists=lists,
        fetch=_fetch(design, graph, mat_vecs, lists, lanes),
        lanes=lanes,
        banks=design.pe_array.banks,
        resident_bits=resident_bits,
        model_bits=model_bits,
        left_out=left_out,
    )


def _fetch(
    design: "Design", graph: Graph, mat_vecs: Sequence[MatVec], lists: Collection[str], lanes: int
) -> Fetch | None:
    """What the products read from outside: of a one-hot operand its index. The lanes of a step lie side by side."""
    dram = design.dram
    if not dram.inputs:
        return None
    outside = {mv.operand: graph.operand(mv.operand) for mv in mat_vecs if mv.operand not in lists}
    a_lane = sum((o.size - 1).bit_length() if o.kind == "one_hot" else o.size * (o.bits or 0) for o in outside.values())
    if not a_lane:
        return None
    bits = [lane * a_lane for lane in range(lanes + 1)]
    return Fetch(
        bits=tuple(map(dram.transferred_bits, bits)),
        cycles=tuple(dram.channel_cycles(n, design.clock_mhz, "inputs") for n in bits),
        latency_cycles=dram.latency_cycles(design.clock_mhz),
        arbitration=dram.arbitration,
    )


def _places(
    slices: Sequence["Slice"], kept: Sequence[Collection[tuple[int, ...]]]
) -> Iterator[tuple[bool, bool, "Slice", Collection[tuple[int, ...]]]]:
    """(opens the stage, ends it, units, resident streams) of every block of a stage."""
    last = len(slices) - 1
    for number, (part, resident) in enumerate(zip(slices, kept, strict=True)):
        yield number == 0, number == last, part, resident


def _selected(design: "Design", graph: Graph, scope: RunScope) -> tuple[tuple[MatVec, ...], tuple[str, ...]]:
    kept: list[MatVec] = []
    left_out: list[str] = []
    for mv in graph.mat_vecs:
        if scope == "recurrent" and mv.scope in ("readout", "embedding"):
            left_out.append(f"{mv.name} ({mv.scope}: outside --scope recurrent)")
        elif mv.scope in design.host:
            left_out.append(f"{mv.name} ({mv.scope}: runs on the host)")
        else:
            kept.append(mv)
    if not any(mv.edge == "previous_step" for mv in kept):
        raise BadInput(f"design {design.name}: nothing recurrent is left to run")
    units = sum(o.size for o in graph.operands if o.kind in ("state", "result"))
    if units > design.state_buffer.units:
        raise BadInput(
            f"design {design.name}: state_buffer.units must be at least {units}, not {design.state_buffer.units}"
        )
    return tuple(kept), tuple(left_out)


def _check_operations(design: "Design", graph: Graph) -> None:
    """Refuse by name what no part of the machine does."""
    for op in graph.operations:
        if isinstance(op, LayerNorm):
            raise BadInput(
                f"design {design.name} cannot run operation {op.name}: a layer norm needs a mean and a variance of all"
                f" its rows at run time"
            )


def _check_formats(design: "Design", graph: Graph, mat_vecs: Sequence[MatVec]) -> None:
    for mv in mat_vecs:
        operand = graph.operand(mv.operand)
        bits = 1 if operand.kind == "one_hot" else operand.bits
        refusal = design.pe_array.refusal(mv.weight_format, bits)
        if refusal:
            raise BadInput(f"design {design.name} cannot run operation {mv.name}: {refusal}")


def _check_order(mat_vecs: Sequence[MatVec], stages: Sequence[Stage]) -> None:
    """Refuse what would wait for itself: an operand of the same step that is made after it is read."""
    later = {stage.operand for stage in stages}
    for stage in stages:
        for mv in (mat_vecs[i] for stream in stage.streams for i in stream):
            if mv.edge == "same_step" and mv.operand in later:
                raise BadInput(f"operation {mv.name}: reads {mv.operand} of the same step, which is made after it")
        later.discard(stage.operand)


def _stages(graph: Graph, mat_vecs: Sequence[MatVec]) -> list[Stage]:
    """The kept products, in the order of the operations that read their sums."""
    groups: dict[str, list[int]] = {}
    for index, mv in enumerate(mat_vecs):
        groups.setdefault(mv.group, []).append(index)
    encodes = {op.of: op.operand for op in graph.operations if isinstance(op, Encode)}
    normalised = {op.of for op in graph.operations if isinstance(op, RowAffine)}
    stages: list[Stage] = []
    for op in graph.operations:
        if isinstance(op, Elementwise):
            read, kind, operand = op.of, op.kind, encodes.get(op.name)
        elif isinstance(op, Encode) and op.of in groups:
            read, kind, operand = (op.of,), None, op.operand
        else:
            continue
        mine = [groups.pop(group) for group in read if group in groups]
        if mine:
            stages.append(_stage(mat_vecs, mine, kind, op.size, normalised, operand))
    if groups:
        raise BadInput(f"group {next(iter(groups))}: no operation reads it")
    return stages


def _stage(
    mat_vecs: Sequence[MatVec],
    groups: Sequence[Sequence[int]],
    kind: ElementwiseKind | None,
    units: int,
    normalised: Collection[str],
    operand: str | None,
) -> Stage:
    norms = shifts = 0
    sums: list[Sum] = []
    streams: dict[tuple[str, str], list[int]] = {}
    for members in groups:
        first = mat_vecs[members[0]]
        rows, remainder = divmod(first.rows, units)
        if remainder:
            raise BadInput(f"group {first.group}: rows must be a multiple of the {units} units, not {first.rows}")
        apart = [i for i in members if mat_vecs[i].name in normalised]
        sums += [Sum(mat_vecs[i].name, (i,), rows) for i in apart]
        if len(apart) < len(members):
            sums.append(Sum(first.group, tuple(i for i in members if i not in apart), rows))
        norms, shifts = norms + rows * len(apart), shifts + rows
        for i in members:
            streams.setdefault((mat_vecs[i].operand, mat_vecs[i].edge), []).append(i)
    return Stage(
        streams=tuple(map(tuple, streams.values())),
        sums=tuple(sums),
        kind=kind,
        units=units,
        norms_per_unit=norms,
        shifts_per_unit=shifts if kind else 0,
        rows_per_unit=max(sum(mat_vecs[i].rows for i in stream) // units for stream in streams.values()),
        operand=operand,
    )


@dataclass(frozen=True)
class Slice:
    """The units of one block."""

    units: int
    units_per_pe: int | None
    """Units that a PE owns whole; None: rows are dealt out to the PEs one by one."""


def _slices(design: "Design", stages: Sequence[Stage]) -> list[list[Slice]]:
    """Every stage cut into blocks that the scratch holds."""
    array, pes = design.pe_array, design.pes_per_lane
    cut = []
    for stage in stages:
        by_rows = pes * (array.accumulators // stage.sums_per_row) // stage.rows_per_unit
        # Unit by unit where more of them fit that way: a GRU's unit has three rows with four sums.
        by_units = pes * (array.accumulators // stage.sums_per_unit)
        most = max(by_rows, by_units)
        if not most:
            raise BadInput(
                f"design {design.name}: pe_array.accumulators x PEs per lane must hold the {stage.sums_per_unit} sums"
                f" of a unit, {stage.sums_per_row} of them a row, not {array.accumulators} x {pes}"
            )
        whole, rest = divmod(stage.units, most)
        units = [*[most] * whole, *[rest] * (rest > 0)]
        of = {n: Slice(n, ceil_div(n, pes) if by_units > by_rows else None) for n in set(units)}
        cut.append([of[n] for n in units])
    return cut


def _residents(
    design: "Design",
    mat_vecs: Sequence[MatVec],
    stages: Sequence[Stage],
    slices: Sequence[Sequence[Slice]],
    reads: Sequence[float],
) -> tuple[list[list[frozenset[tuple[int, ...]]]], bool, int, int]:
    """The streams whose weights lie in SRAM, for every block of every stage; whether norms and biases do; the bits of
    both; those of the model.

    Every column is padded to whole SRAM words. Where not all fit, a design with ``residency = "part"`` keeps what is
    read most often: `reads` is the share of its columns that a product reads at a step, at most (a one-hot operand: one
    a lane). Norms and biases come first.
    """
    memory, word_bits = design.weight_memory, design.bus_word_bits

    def stored(stage: Stage, stream: tuple[int, ...], units: int) -> int:
        column = sum(mat_vecs[i].rows // stage.units * units * mat_vecs[i].weight_format.bits for i in stream)
        return ceil_div(column, word_bits) * word_bits * mat_vecs[stream[0]].cols

    norms = sum(stage.norm_bits * stage.units for stage in stages)
    model = norms + sum(stored(stage, stream, stage.units) for stage in stages for stream in stage.streams)
    fits = 0 < model <= memory.capacity_bits
    if fits or memory.residency == "whole" or norms > memory.capacity_bits:
        of_stage = [frozenset(stage.streams if fits else ()) for stage in stages]
        return [[own] * len(cut) for own, cut in zip(of_stage, slices, strict=True)], fits, fits * model, model
    items = [
        (index, stream, number, stored(stage, stream, part.units), reads[stream[0]])
        for index, stage in enumerate(stages)
        for stream in stage.streams
        for number, part in enumerate(slices[index])
    ]
    kept: list[list[set[tuple[int, ...]]]] = [[set() for _ in cut] for cut in slices]
    used = norms
    for index, stream, number, bits, _ in sorted(items, key=lambda item: -item[4]):
        if used + bits <= memory.capacity_bits:
            kept[index][number].add(stream)
            used += bits
    return [[frozenset(streams) for streams in stage] for stage in kept], True, used, model


def _norms(design: "Design", bits: int, resident: bool) -> Norms:
    """A bus word of the weights' a cycle, or what the channel takes."""
    words = ceil_div(bits, design.bus_word_bits)
    return Norms(
        cycles=max(words, 0 if resident else design.dram.channel_cycles(bits, design.clock_mhz)),
        sram_words=words if resident else 0,
        dram_bits=0 if resident else design.dram.transferred_bits(bits),
    )


def _merged(bursts: Sequence[Burst], opening: bool) -> tuple[Burst, ...]:
    """Later blocks stream together what costs alike; the opening one what waits for the same lists, too."""
    merged: list[Burst] = []
    for burst in bursts:
        before = merged[-1] if merged else None
        if before and burst.costs == before.costs and (not opening or burst.waits == before.waits):
            waits = tuple(dict.fromkeys((*before.waits, *burst.waits)))
            reads = before.reads_inputs or burst.reads_inputs
            merged[-1] = replace(before, streams=(*before.streams, *burst.streams), waits=waits, reads_inputs=reads)
        else:
            merged.append(burst)
    return tuple(merged)


def _order(mat_vecs: Sequence[MatVec], stage: Stage, lists: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Streams that need no list come first, then those that the step before has listed, then those that this step
    lists, so that latencies hide behind each other."""

    def turn(stream: tuple[int, ...]) -> int:
        return max((2 - wait.steps_back for wait in _waits(mat_vecs[stream[0]], lists)), default=0)

    return sorted(stage.streams, key=turn)


def _waits(mat_vec: MatVec, lists: tuple[str, ...]) -> tuple[Wait, ...]:
    """The list a product's columns are on, unless its operand comes from outside."""
    if mat_vec.operand not in lists:
        return ()
    return (Wait(lists.index(mat_vec.operand), int(mat_vec.edge == "previous_step")),)


def _burst(
    design: "Design",
    mat_vecs: Sequence[MatVec],
    stage: Stage,
    stream: tuple[int, ...],
    lists: tuple[str, ...],
    part: Slice,
    resident: bool,
) -> Burst:
    memory = design.weight_memory
    per_unit = sum(mat_vecs[i].rows for i in stream) // stage.units
    rows = part.units * per_unit
    bits = sum(mat_vecs[i].rows // stage.units * part.units * mat_vecs[i].weight_format.bits for i in stream)
    waits = _waits(mat_vecs[stream[0]], lists)
    words = ceil_div(rows, memory.weights_per_cycle)
    if words > memory.fifo_words:
        raise BadInput(
            f"design {design.name}: weight_memory.fifo_words must be at least {words}, one column of a block,"
            f" not {memory.fifo_words}"
        )
    return Burst(
        streams=(stream,),
        waits=waits,
        reads_inputs=not waits,
        rows=rows,
        column_words=words,
        column_sram_words=ceil_div(bits, design.bus_word_bits) if resident else 0,
        column_dram_bits=0 if resident else design.dram.transferred_bits(bits),
        latency_cycles=1 if resident else design.dram.latency_cycles(design.clock_mhz),
        stream_cycles=max(
            memory.fifo_cycles(words), 0 if resident else design.dram.channel_cycles(bits, design.clock_mhz)
        ),
        tile_cycles=ceil_div(rows, design.pes_per_lane) if part.units_per_pe is None else per_unit * part.units_per_pe,
        fifo_columns=memory.fifo_words // words,
    )


def round_trips(burst: Burst, columns: int) -> int:
    """FIFO round trips on the longest path of a burst: one where the FIFO covers the latency, else all there are."""
    pace = max(burst.stream_cycles, burst.tile_cycles)
    trip = burst.stream_cycles + burst.latency_cycles + burst.tile_cycles
    return 1 if burst.fifo_columns * pace >= trip else max(1, (columns - 1) // burst.fifo_columns)


def last_issue_cycle(burst: Burst, columns: int, stream_start: int, tile_start: int) -> int:
    """Cycle at which the last of `columns` leaves the weight path.

    Columns take ``s = stream_cycles`` on the path and ``p = tile_cycles`` on the tiles; at most F lie in the FIFO, and
    a place is free once its column has been consumed. The longest path from the stream's start S is ``S + n s``; from
    the tiles' start C it goes through k round trips of ``s + L + p`` cycles that advance F columns each, and
    ``max(s, p)`` a column for the rest::

        I = max(S + n s,  C + p + (k - 1)(s + L + p) + (n - 1 - k F) max(s, p) + s    where n > F)
    """
    s, p = burst.stream_cycles, burst.tile_cycles
    last = stream_start + columns * s
    if columns > burst.fifo_columns:
        k = round_trips(burst, columns)
        rest = columns - 1 - k * burst.fifo_columns
        last = max(last, tile_start + p + (k - 1) * (s + burst.latency_cycles + p) + rest * max(s, p) + s)
    return last
