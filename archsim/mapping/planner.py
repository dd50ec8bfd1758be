"""From a graph and a design to the static order of work: rows -> blocks -> passes, columns -> bursts.

Pure functions and integers only; every engine reads the same plan.

Output-stationary over row blocks (SKIP): a block is as many whole units as the accumulators of one lane's PEs hold,
all gate rows of a unit together, so that the activation unit can finish them block by block. For each block the
listed columns are streamed once for all lanes: a column takes ``stream_cycles`` on the weight path and ``tile_cycles``
on the PEs. Products that are normalised apart need an accumulator each.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.operations import results
from archsim.mapping.plan import RUN_SCOPES, Block, BlockRun, Burst, Fetch, Norms, Plan, RunScope, Stage, Wait
from archsim.mapping.refusals import check_formats, check_operations, check_order
from archsim.mapping.residency import Slice, residents
from archsim.mapping.stages import stages_of
from archsim.specs.base import ceil_div
from archsim.trace.graph import (
    Graph,
    MatVec,
)


def plan(design: Design, graph: Graph, lanes: int, scope: RunScope = "model") -> Plan:
    """The plan of `graph` on `design` with `lanes` sequences side by side.

    BadInput names what the design cannot do: a format, an operation, a state that does not fit, or an operation that
    neither the array nor (by the design's word) the host can run.
    """
    if scope not in RUN_SCOPES:
        raise BadInput(f"scope must be one of {', '.join(RUN_SCOPES)}, not {scope!r}")
    if not 1 <= lanes <= design.lanes:
        raise BadInput(f"design {design.name}: lanes must be between 1 and {design.lanes}, not {lanes}")
    mat_vecs, left_out = _selected(design, graph, scope)
    check_operations(design, graph)
    check_formats(design, graph, mat_vecs)
    stages = stages_of(graph, mat_vecs)
    slices = _slices(design, stages)
    one_hot = {operand.name for operand in graph.operands if operand.kind == "one_hot"}
    reads = [min(1.0, lanes / mv.cols) if mv.operand in one_hot else mv.when == "every_step" for mv in mat_vecs]
    kept, norms_resident, resident_bits, model_bits = residents(design, mat_vecs, stages, slices, reads)
    lists = tuple(stage.operand for stage in stages if stage.operand is not None)
    check_order(mat_vecs, stages)
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
                    reads=stage.unit.cell_reads,
                    writes=1,  # of h, which lies elsewhere, if not of c
                ),
                encode_cycles=buffer.access_cycles(part.units, design.skip_encoder.columns_per_cycle, reads=1, writes=0)
                if made is not None and design.skip_encoder.enabled
                else 0,
                list=made,
                ends_list=made is not None and ends,
                results=results(stage.unit, part.units, stage.norms_per_unit),
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
    design: Design, graph: Graph, mat_vecs: Sequence[MatVec], lists: Collection[str], lanes: int
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


def _selected(design: Design, graph: Graph, scope: RunScope) -> tuple[tuple[MatVec, ...], tuple[str, ...]]:
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


def _slices(design: Design, stages: Sequence[Stage]) -> list[list[Slice]]:
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


def _norms(design: Design, bits: int, resident: bool) -> Norms:
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
    design: Design,
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
