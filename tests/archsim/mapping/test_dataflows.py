"""Conformance of every dataflow, and plans compared with rows that are dealt out one by one.

The expectations are made only from the graph and the numbers of a design: rows are put into PEs, words and accesses one
at a time and counted, without the quotients with which a plan is computed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.mapping import dataflows
from archsim.mapping.dataflows import Dataflow
from archsim.mapping.plan import Block, Burst, Plan
from archsim.mapping.planner import plan
from archsim.trace.graph import Graph, MatVec
from tests.archsim.cuts import largest_blocks
from workloads import cells
from workloads.config import Config, Embedding, LayerConfig, OneHot, Readout, Vector
from workloads.graphs import graph_of


@st.composite
def drawn_graphs(draw: st.DrawFn) -> Graph:
    """Graphs of any cell, with one layer or two, products scaled separately or not, formats of different widths, an
    embedding, a readout."""
    symbols = draw(st.integers(1, 9))
    one_hot, vector = OneHot(symbols=symbols), Vector(size=symbols)
    embedding = Embedding(symbols=symbols, size=3, weight_format="fixed8")
    inputs = draw(st.one_of(st.just(one_hot), st.just(vector), st.just(embedding)))
    readout = Readout(outputs=symbols, weight_format="fixed8", when="last_step")
    cell = draw(st.sampled_from([cell.name for cell in cells.ALL]))
    layers = tuple(
        LayerConfig(
            cell=cell,
            hidden=draw(st.integers(1, 24)),
            weight_format="fixed8",
            input_weight_format=draw(st.sampled_from(["fixed8", "ternary"])),
            state_bits=8,
            input_bits=draw(st.sampled_from([None, 8])) if layer else None if inputs.kind == "one_hot" else 8,
        )
        for layer in range(draw(st.integers(1, 2)))
    )
    scaled = draw(st.booleans())
    config = Config(name="drawn", input=inputs, layers=layers, readout=draw(st.sampled_from([None, readout])))
    return graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: scaled))


@st.composite
def drawn_designs(draw: st.DrawFn) -> Design:
    """Small machines whose quotients nearly always have a remainder."""
    lanes, burst_bits = draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 48, 100]))
    values: dict[str, Any] = {
        "lanes": lanes,
        "pe_array.tiles": lanes,
        "pe_array.pes_per_tile": draw(st.integers(1, 9)),
        "pe_array.accumulators": draw(st.integers(1, 9)),
        "weight_memory.capacity_kib": draw(st.sampled_from([0, 1, 2, 64])),
        "weight_memory.residency": draw(st.sampled_from(["whole", "part"])),
        "weight_memory.weights_per_cycle": draw(st.integers(1, 7)),
        "weight_memory.fifo_words": draw(st.integers(1, 60)),
        "weight_memory.ports": draw(st.integers(1, 2)),
        "dram.bandwidth_gbps": draw(st.sampled_from([0.7, 6.4, 51.2])),
        "dram.latency_ns": draw(st.sampled_from([1, 12, 100])),
        "dram.burst_bits": burst_bits,
        "dram.outstanding": None if burst_bits == 1 else draw(st.sampled_from([None, 1, 3])),
    }
    return load_design("skip-65nm").override(values)


TOO_SMALL = re.compile(r"pe_array\.accumulators x PEs per lane must hold|weight_memory\.fifo_words must be at least")


def planned_or_not(design: Design, graph: Graph) -> Plan:
    """The plan; examples whose design is too small for its graph are discarded."""
    try:
        return plan(design, graph, design.lanes)
    except BadInput as problem:
        if not TOO_SMALL.search(str(problem)):
            raise
    assume(False)
    raise AssertionError


# --- what holds of every dataflow -------------------------------------------------------------------------------------


def test_names_are_distinct_and_the_default_is_one_of_them() -> None:
    assert len(set(dataflows.NAMES)) == len(dataflows.ALL)
    assert dataflows.DEFAULT in dataflows.NAMES
    assert load_design("skip-65nm").dataflow == dataflows.DEFAULT


def test_a_dataflow_that_there_is_not_is_no_design() -> None:
    with pytest.raises(BadInput, match=r"^design skip-65nm: dataflow: must be one of .*output-stationary.*, not 'x'$"):
        load_design("skip-65nm").override({"dataflow": "x"})


FEWER = settings(max_examples=60)


@pytest.mark.parametrize("dataflow", dataflows.ALL, ids=dataflows.NAMES)
class TestEveryDataflow:
    """A dataflow plans or refuses by name; its plan computes each product once, from operand lists that are known."""

    @staticmethod
    def planned(dataflow: Dataflow, design: Design, graph: Graph) -> Plan | None:
        """The plan; None if the dataflow refuses the graph by name."""
        try:
            return planned_or_not(design.override({"dataflow": dataflow.name}), graph)
        except BadInput as refusal:
            if f"dataflow {dataflow.name}" not in str(refusal):
                raise
            return None

    @FEWER
    @given(drawn_designs(), drawn_graphs())
    def test_every_row_of_every_product_meets_every_column_once(
        self, dataflow: Dataflow, design: Design, graph: Graph
    ) -> None:
        planned = self.planned(dataflow, design, graph)
        if planned is None:
            return
        fed: Counter[tuple[str, int]] = Counter()
        weights = 0
        for block in planned.blocks:
            units = planned.stages[block.stage].units
            for burst, stream in streams(block):
                for mv in products(planned, stream):
                    gates = mv.rows // units
                    rows = [k * units + u for k in range(gates) for u in range(block.first_unit, block_end(block))]
                    fed.update((mv.name, row) for row in rows)
                weights += burst.rows * planned.mat_vecs[stream[0]].cols
        assert fed == Counter((mv.name, row) for mv in graph.mat_vecs for row in range(mv.rows))
        assert weights == sum(mv.rows * mv.cols for mv in graph.mat_vecs)

    @FEWER
    @given(drawn_designs(), drawn_graphs())
    def test_a_burst_waits_for_the_lists_of_its_columns(self, dataflow: Dataflow, design: Design, graph: Graph) -> None:
        planned = self.planned(dataflow, design, graph)
        if planned is None:
            return
        made = {op.operand for op in graph.operations if op.op == "encode"}
        for block in planned.blocks:
            for burst in block.bursts:
                heads = [planned.mat_vecs[stream[0]] for stream in burst.streams]
                waits = {(operand, w.steps_back) for w in burst.waits for operand in planned.lists[w.list]}
                needed = {(mv.operand, int(mv.edge == "previous_step")) for mv in heads if mv.operand in made}
                assert needed <= waits
                assert len(burst.waits) <= len(needed)
                assert burst.reads_inputs == any(mv.operand not in made for mv in heads)

    @FEWER
    @given(drawn_designs(), drawn_graphs())
    def test_a_stage_ends_with_its_last_block(self, dataflow: Dataflow, design: Design, graph: Graph) -> None:
        """Blocks are numbered in order, their units are consecutive, and a list is known once, at the end."""
        planned = self.planned(dataflow, design, graph)
        if planned is None:
            return
        assert [block.index for block in planned.blocks] == list(range(len(planned.blocks)))
        for number, stage in enumerate(planned.stages):
            own = [block for block in planned.blocks if block.stage == number]
            assert [unit for b in own for unit in range(b.first_unit, block_end(b))] == list(range(stage.units))
            listed = bool(stage.operands)
            assert [b.ends_list for b in own] == [False] * (len(own) - 1) + [listed]


def streams(block: Block) -> Iterator[tuple[Burst, tuple[int, ...]]]:
    return ((burst, stream) for burst in block.bursts for stream in burst.streams)


def products(planned: Plan, stream: tuple[int, ...]) -> list[MatVec]:
    return [planned.mat_vecs[i] for i in stream]


def block_end(block: Block) -> int:
    return block.first_unit + block.units


# --- output-stationary, dealt out by hand -----------------------------------------------------------------------------


def dealt(things: int, places: int, each: int = 1) -> int:
    """The content of the fullest of `places` after `things` of size `each` have been dealt out to them in turn."""
    held = [0] * places
    for thing in range(things):
        held[thing % places] += each
    return max(held)


def boxes(things: int, size: int) -> int:
    """The number of boxes of `size` that `things` fill, one after the other."""
    full, room = 0, 0
    for _ in range(things):
        if not room:
            full, room = full + 1, size
        room -= 1
    return full


@dataclass(frozen=True)
class ByHand:
    """A stage read from its graph: the products that one elementwise operation (or the encoder) reads."""

    units: int
    operands: dict[tuple[str, str], list[MatVec]]
    """The products that read each operand of a step, in order."""
    sums_at: list[set[str]]
    """The sums that are accumulated at every row of a unit, in the order in which columns feed the rows."""
    norms: int
    """Row scales and biases of a unit."""

    @property
    def sums(self) -> int:
        return sum(len(each) for each in self.sums_at)

    @property
    def most_sums(self) -> int:
        return max(len(each) for each in self.sums_at)


def stages_by_hand(graph: Graph) -> list[ByHand]:
    apart = {op.of for op in graph.operations if op.op == "row_affine"}
    found, taken = [], set()
    for op in graph.operations:
        if op.op not in ("elementwise", "encode"):
            continue
        groups = (op.of,) if isinstance(op.of, str) else op.of
        mine = [mv for group in groups if group not in taken for mv in graph.mat_vecs if mv.group == group]
        taken |= set(groups)
        if not mine:
            continue
        operands: dict[tuple[str, str], list[MatVec]] = {}
        for mv in mine:
            operands.setdefault((mv.operand, mv.edge), []).append(mv)
        rows = max(sum(mv.rows for mv in read) // op.size for read in operands.values())
        sums_at: list[set[str]] = [set() for _ in range(rows)]
        for read in operands.values():
            names = [mv.name if mv.name in apart else mv.group for mv in read for _ in range(mv.rows // op.size)]
            for row, name in enumerate(names):
                sums_at[row].add(name)
        scales = sum(mv.rows // op.size for mv in mine if mv.name in apart)
        biases = sum({mv.group: mv.rows // op.size for mv in mine}.values()) if op.op == "elementwise" else 0
        found.append(ByHand(op.size, operands, sums_at, scales + biases))
    return found


def most_by_hand(stage: ByHand, pes: int, accumulators: int) -> tuple[int, int]:
    """The units of a block that is filled until a PE would run out of accumulators: by rows, and unit by unit."""
    rows = len(stage.sums_at)
    by_rows = by_units = 0
    while dealt((by_rows + 1) * rows, pes, stage.most_sums) <= accumulators:
        by_rows += 1
    while dealt(by_units + 1, pes, stage.sums) <= accumulators:
        by_units += 1
    return by_rows, by_units


def blocks_by_hand(stage: ByHand, most: int) -> list[int]:
    """The units of each block, of `most` units one after the other."""
    units = list(range(stage.units))
    return [len(units[i : i + most]) for i in range(0, stage.units, most)]


def by_stage(planned: Plan) -> Iterator[list[Block]]:
    return ([b for b in planned.blocks if b.stage == number] for number in range(len(planned.stages)))


@FEWER
@given(drawn_designs(), drawn_graphs())
def test_blocks_are_of_one_size_that_the_accumulators_hold(design: Design, graph: Graph) -> None:
    planned = planned_or_not(design, graph)
    stages = stages_by_hand(graph)
    assert len(stages) == len(planned.stages)
    for stage, blocks in zip(stages, by_stage(planned), strict=True):
        most = most_by_hand(stage, design.pes_per_lane, design.pe_array.accumulators)
        (by_units,) = {b.unit_by_unit for b in blocks}
        assert blocks[0].units <= most[by_units]
        assert [b.units for b in blocks] == blocks_by_hand(stage, blocks[0].units)


@FEWER
@given(drawn_designs(), drawn_graphs())
def test_where_all_are_alike_blocks_are_as_many_units_as_the_accumulators_hold(design: Design, graph: Graph) -> None:
    with largest_blocks():
        planned = planned_or_not(design, graph)
    for stage, blocks in zip(stages_by_hand(graph), by_stage(planned), strict=True):
        most = max(most_by_hand(stage, design.pes_per_lane, design.pe_array.accumulators))
        assert [b.units for b in blocks] == blocks_by_hand(stage, most)


@FEWER
@given(drawn_designs(), drawn_graphs())
def test_a_column_takes_the_words_accesses_and_cycles_that_its_rows_fill(design: Design, graph: Graph) -> None:
    planned, memory, dram = planned_or_not(design, graph), design.weight_memory, design.dram
    word_bits = memory.weights_per_cycle * design.pe_array.weight_bits
    for stage, blocks in zip(stages_by_hand(graph), by_stage(planned), strict=True):
        for block in blocks:
            for burst, stream in streams(block):
                read = products(planned, stream)
                assert read == stage.operands[read[0].operand, read[0].edge]
                per_unit = sum(mv.rows for mv in read) // stage.units
                bits = sum(mv.rows // stage.units * block.units * mv.weight_format.bits for mv in read)
                words = boxes(block.units * per_unit, memory.weights_per_cycle)
                assert burst.rows == block.units * per_unit
                assert burst.column_words == words
                assert burst.fifo_words == memory.fifo_words
                if block.unit_by_unit:
                    assert burst.tile_cycles == dealt(block.units, design.pes_per_lane, per_unit)
                else:
                    assert burst.tile_cycles == dealt(block.units * per_unit, design.pes_per_lane)
                resident = burst.column_dram_bits == 0
                assert burst.column_sram_words == (boxes(bits, word_bits) if resident else 0)
                assert burst.column_dram_bits == (0 if resident else boxes(bits, dram.burst_bits) * dram.burst_bits)
                through_fifo = Fraction(words if memory.ports == 2 else 2 * words)
                exact = max(through_fifo, Fraction(0) if resident else channel_time(design, bits))
                for columns in (1, 7, 1000):
                    assert burst.pace.of(columns * words) == ceil(columns * exact)
                held = words_in_turn(design, burst.rows, block, per_unit)
                cycles = range(burst.tile_cycles)
                assert [burst.feed.words_until(cycle) for cycle in cycles] == [max(each) + 1 for each in held]
                for word in range(words):
                    needed = [cycle for cycle in cycles if word in held[cycle]]
                    assert burst.feed.first_cycle(word) == needed[0]
                    assert burst.feed.last_cycle(word) == needed[-1]


def words_in_turn(design: Design, rows: int, block: Block, per_unit: int) -> list[set[int]]:
    """For each cycle of a column, the words that hold the rows that its PEs then take, dealt out one by one."""
    pes, cycles = design.pes_per_lane, list[list[int]]()
    if block.unit_by_unit:
        for first in range(0, block.units, pes):
            units = range(first, min(first + pes, block.units))
            cycles += [[unit * per_unit + k for unit in units] for k in range(per_unit)]
    else:
        cycles = [list(range(row, min(row + pes, rows))) for row in range(0, rows, pes)]
    order = [row for cycle in cycles for row in cycle]  # rows lie in memory in the order in which the PEs take them
    place = {row: order.index(row) // design.weight_memory.weights_per_cycle for row in order}
    return [{place[row] for row in cycle} for cycle in cycles]


def channel_time(design: Design, bits: int) -> Fraction:
    """The exact time of all accesses, in cycles, by bandwidth or latency, whichever is more."""
    dram = design.dram
    accesses, mbps = boxes(bits, dram.burst_bits), Fraction(str(dram.bandwidth_gbps)) * 1000
    by_bandwidth = accesses * dram.burst_bits * design.clock_mhz / mbps
    by_latency = Fraction(accesses * latency_cycles(design), dram.outstanding or 1)
    return max(by_bandwidth, by_latency) if dram.outstanding else by_bandwidth


def channel_cycles(design: Design, bits: int) -> int:
    """The first cycle by which both bandwidth and latency have let all accesses through."""
    dram = design.dram
    accesses, per_ns = boxes(bits, dram.burst_bits), Fraction(str(dram.bandwidth_gbps))
    period_ns, latency = Fraction(1000, design.clock_mhz), latency_cycles(design)
    cycle = 0
    while cycle * period_ns * per_ns < accesses * dram.burst_bits:
        cycle += 1
    while dram.outstanding and cycle * dram.outstanding < accesses * latency:
        cycle += 1
    return cycle


def latency_cycles(design: Design) -> int:
    cycle = 0
    while cycle * Fraction(1000, design.clock_mhz) < Fraction(str(design.dram.latency_ns)):
        cycle += 1
    return cycle


@FEWER
@given(drawn_designs(), drawn_graphs())
def test_norms_and_biases_of_a_block_are_16_bits_each(design: Design, graph: Graph) -> None:
    planned = planned_or_not(design, graph)
    word_bits = design.weight_memory.weights_per_cycle * design.pe_array.weight_bits
    for stage, blocks in zip(stages_by_hand(graph), by_stage(planned), strict=True):
        for block in blocks:
            bits, access = 16 * stage.norms * block.units, design.dram.burst_bits
            resident = block.norms.dram_bits == 0
            assert block.norms.sram_words == (boxes(bits, word_bits) if resident else 0)
            assert block.norms.dram_bits == (0 if resident else boxes(bits, access) * access)
            assert block.norms.cycles == max(boxes(bits, word_bits), 0 if resident else channel_cycles(design, bits))


# --- what lies in SRAM ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """The weights of one operand's columns for one block, padded to whole SRAM words."""

    bits: int
    read: Fraction
    """The largest share of the columns that a step reads."""
    resident: bool


def pieces(design: Design, graph: Graph, planned: Plan) -> Iterator[Piece]:
    for stage, blocks in zip(stages_by_hand(graph), by_stage(planned), strict=True):
        for block in blocks:
            for burst, stream in streams(block):
                yield Piece(
                    padded(design, products(planned, stream), stage.units, block.units),
                    share(graph, planned, stream),
                    burst.column_dram_bits == 0,
                )


def padded(design: Design, read: Iterable[MatVec], units: int, of_them: int) -> int:
    bits = sum(mv.rows // units * of_them * mv.weight_format.bits for mv in read)
    word_bits = design.weight_memory.weights_per_cycle * design.pe_array.weight_bits
    return boxes(bits, word_bits) * word_bits * next(iter(read)).cols


def share(graph: Graph, planned: Plan, stream: tuple[int, ...]) -> Fraction:
    mv = planned.mat_vecs[stream[0]]
    if graph.operand(mv.operand).kind == "one_hot":
        return min(Fraction(1), Fraction(planned.lanes, mv.cols))
    return Fraction(mv.when == "every_step")


@FEWER
@given(drawn_designs(), drawn_graphs())
def test_what_is_resident_fits_and_what_streams_would_not(design: Design, graph: Graph) -> None:
    planned, memory = planned_or_not(design, graph), design.weight_memory
    stages, room = stages_by_hand(graph), memory.capacity_kib * 8192
    norms = sum(16 * stage.norms * stage.units for stage in stages)
    model = norms + sum(
        padded(design, read, stage.units, stage.units) for stage in stages for read in stage.operands.values()
    )
    assert planned.model_bits == model
    found = list(pieces(design, graph, planned))
    if model <= room:
        assert all(piece.resident for piece in found)
        assert planned.resident_bits == model
    elif memory.residency == "whole" or norms > room:
        assert not any(piece.resident for piece in found)
        assert planned.resident_bits == 0
    else:
        kept = [piece for piece in found if piece.resident]
        assert planned.resident_bits == norms + sum(piece.bits for piece in kept) <= room
        for piece in found:  # pieces read at least as often have taken the room
            before = sum(each.bits for each in kept if each.read >= piece.read)
            assert piece.resident or norms + before + piece.bits > room
    norms_resident = model <= room or (memory.residency == "part" and norms <= room)
    assert [b.norms.dram_bits == 0 for b in planned.blocks if b.norms.cycles] == [
        norms_resident for b in planned.blocks if b.norms.cycles
    ]


# --- laws -------------------------------------------------------------------------------------------------------------


def pe_cycles(planned: Plan) -> int:
    """PE cycles of a step in which every column is streamed."""
    return sum(
        burst.tile_cycles * planned.mat_vecs[stream[0]].cols
        for block in planned.blocks
        for burst, stream in streams(block)
    )


def cut_of(planned: Plan) -> list[tuple[int, bool]]:
    return [(block.units, block.unit_by_unit) for block in planned.blocks]


@FEWER
@given(drawn_designs(), drawn_graphs(), st.integers(1, 9))
def test_more_pes_never_take_longer(design: Design, graph: Graph, more: int) -> None:
    """With the blocks as they are: others may be cut for them, on which PEs take longer where the path is slower."""
    few = planned_or_not(design, graph)
    wider: dict[str, Any] = {
        "pe_array.pes_per_tile": design.pe_array.pes_per_tile + more,
        "weight_memory.fifo_words": 10**6,  # a wider block has longer columns
    }
    many = plan(design.override(wider), graph, design.lanes)
    assume(cut_of(many) == cut_of(few))
    assert pe_cycles(many) <= pe_cycles(few)


@FEWER
@given(drawn_designs(), drawn_graphs())
def test_a_pe_does_no_more_than_a_row_a_cycle(design: Design, graph: Graph) -> None:
    planned = planned_or_not(design, graph)
    for block in planned.blocks:
        for burst in block.bursts:
            assert burst.tile_cycles * design.pes_per_lane >= burst.rows
            if not block.unit_by_unit:  # rows dealt out one by one leave no PE idle for a whole cycle
                assert (burst.tile_cycles - 1) * design.pes_per_lane < burst.rows
