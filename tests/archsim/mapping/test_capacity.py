"""What fits into private memories, compared with every arrangement, counted one by one or run on the machine."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.functional import places
from archsim.mapping import planner
from archsim.mapping.dataflows.base import BlockUnits, Cut, Schedule, cut
from archsim.mapping.estimate import StageTime
from archsim.mapping.plan import Plan, Stage
from archsim.mapping.private import stage_words
from archsim.mapping.streams import Stream
from archsim.simulation import Job, prepare, time_run
from archsim.trace.graph import Graph
from archsim.trace.trace import Trace
from tests.archsim.small_traces import trace_of

EDGE = load_design("edge-private")
KINDS = ("lstm", "gru")
UNLIMITED_KIB = 4096


def drawn_designs(**fixed: Any) -> st.SearchStrategy[Design]:
    """Memories of tiles or of PEs, for PEs and words that divide nothing, and accumulators for at least a unit."""
    knobs = {
        "weight_memory.organisation": st.sampled_from(["per_pe", "per_tile"]),
        "weight_memory.weights_per_word": st.sampled_from([1, 2, 3, 4, 8, 16]),
        "weight_memory.capacity_kib": st.integers(26, 110),
        "pe_array.tiles": st.integers(1, 4),
        "pe_array.pes_per_tile": st.integers(1, 6),
        "pe_array.accumulators": st.integers(4, 40),
        "pe_array.double_buffered": st.booleans(),
    }
    return st.fixed_dictionaries(knobs | {name: st.just(value) for name, value in fixed.items()}).map(EDGE.override)


def planned(design: Design, trace: Trace) -> Plan:
    return prepare(Job(design, trace, 1)).only.plan


def refusal(design: Design, trace: Trace) -> str:
    """Why a design does not run a trace; empty if it does."""
    try:
        planned(design, trace)
    except BadInput as error:
        return str(error)
    return ""


def least_kib(message: str) -> int:
    (found,) = re.findall(r"weight_memory\.capacity_kib must be at least ([\d,]+) for this model", message)
    return int(found.replace(",", ""))


def words_of_the_first(design: Design, plan: Plan, graph: Graph) -> int:
    """Words in the first memory, counted row by row, of a stage whose rows are all read by a column."""
    size, words = design.pes_per_lane // design.weight_memories, 0
    bits, columns = design.weight_word_bits, sum(mv.cols for mv in graph.mat_vecs)
    for block in plan.blocks:
        own = int((places(plan, block, design.pes_per_lane)["gates"].pe < size).sum())
        words += -(-own * 16 // bits) + columns * -(-own // (bits // 8))
    return words


def test_a_sparse_network_fits_where_its_dense_twin_does() -> None:
    """The fastest blocks for a tenth of the columns take 1,573 words of the 1,024 in each memory: slower ones do."""
    sparse, dense = (trace_of(kind, "fixed8", 2) for kind in ("lstm-sparse", "lstm-dense"))
    ample, small = (planned(EDGE.override({"weight_memory.capacity_kib": kib}), sparse) for kib in (99, 64))
    graph = sparse.header.graph
    assert words_of_the_first(EDGE, ample, graph) == 1573
    assert words_of_the_first(EDGE, small, graph) <= EDGE.words_of_a_memory == 1024
    assert not refusal(EDGE, dense)


@settings(max_examples=40)
@given(drawn_designs(), st.sampled_from(KINDS))
def test_whether_a_model_fits_depends_on_nothing_but_its_size(design: Design, kind: str) -> None:
    sparse, dense = (refusal(design, trace_of(f"{kind}-{how}", "fixed8", 2)) for how in ("sparse", "dense"))
    assert sparse == dense


@settings(max_examples=40)
@given(drawn_designs(), st.sampled_from(("lstm-sparse", "gru-stack")))
def test_a_refusal_names_the_least_capacity(design: Design, kind: str) -> None:
    trace = trace_of(kind, "fixed8", 2)
    message = refusal(design.override({"weight_memory.capacity_kib": 1 + design.pe_array.pes // 2}), trace)
    kib = least_kib(message)
    assert not refusal(design.override({"weight_memory.capacity_kib": kib}), trace)
    assert least_kib(refusal(design.override({"weight_memory.capacity_kib": kib - 1}), trace)) == kib


@settings(max_examples=10)
@given(drawn_designs(**{"weight_memory.weights_per_word": 64, "pe_array.tiles": 4, "pe_array.pes_per_tile": 4}))
def test_a_refusal_is_exact_to_a_word(design: Design) -> None:
    """A word in each of 16 memories of PEs is 1 KiB, and in each of four memories of tiles too."""
    trace = trace_of("lstm-sparse", "fixed8", 2)
    least = least_kib(refusal(design.override({"weight_memory.capacity_kib": 1}), trace))
    fits = design.override({"weight_memory.capacity_kib": least})
    assert fits.words_of_a_memory == least == words_of_the_first(fits, planned(fits, trace), trace.header.graph)
    assert least_kib(refusal(design.override({"weight_memory.capacity_kib": least - 1}), trace)) == least


@settings(max_examples=40)
@given(drawn_designs(), st.sampled_from(("lstm-sparse", "gru-sparse", "gru-stack")))
def test_weights_are_stored_once(design: Design, kind: str) -> None:
    """Every unit is in one block, and every row of it in one memory, which pads no word more than it has to."""
    trace = trace_of(kind, "fixed8", 2)
    if refusal(design, trace):
        return
    plan = planned(design, trace)
    bits = 0
    for number, stage in enumerate(plan.stages):
        blocks = [block for block in plan.blocks if block.stage == number]
        assert [block.first_unit for block in blocks] == np.cumsum([0, *(block.units for block in blocks)])[
            :-1
        ].tolist()
        assert sum(block.units for block in blocks) == stage.units
        bits += sum(plan.mat_vecs[i].rows * plan.mat_vecs[i].cols * 8 for own in stage.streams for i in own)
    assert bits <= plan.resident_bits <= design.weight_memory.capacity_bits


@pytest.mark.parametrize("capacity_kib", [54, 64, 80])
def test_no_arrangement_that_fits_is_faster_on_the_machine(capacity_kib: int) -> None:
    trace = trace_of("lstm-sparse", "fixed8", 2)
    design, graph = EDGE.override({"weight_memory.capacity_kib": capacity_kib}), trace.header.graph
    ample = EDGE.override({"weight_memory.capacity_kib": UNLIMITED_KIB})
    chosen = time_run(prepare(Job(design, trace, 1))).cycles
    fastest = chosen
    for size in range(1, 33):
        with mock.patch.object(
            StageTime, "fastest", lambda time, most, way, size=size: Cut(0, 1, way, min(size, most))
        ):
            prepared = prepare(Job(ample, trace, 1))
        if words_of_the_first(ample, prepared.only.plan, graph) <= design.words_of_a_memory:
            fastest = min(fastest, time_run(prepared).cycles)
    assert chosen <= 1.02 * fastest


class Looked:
    """The stages of a plan with all arrangements that the accumulators allow: the words and the cycles of each."""

    def __init__(self, design: Design, trace: Trace) -> None:
        self.by_stage: list[dict[BlockUnits, tuple[int, int]]] = []

        def look(
            design: Design,
            stages: Sequence[Stage],
            streams: Sequence[Sequence[Stream]],
            times: Sequence[planner.StageTimes],
        ) -> list[Schedule]:
            for stage, own, time in zip(stages, streams, times, strict=True):
                self.by_stage.append(arrangements(design, stage, own, time.made))
            return original(design, stages, streams, times)

        original = planner._schedules
        with mock.patch.object(planner, "_schedules", look):
            plan = planned(design, trace)
        parts = {block.stage: BlockUnits(block.units, block.unit_by_unit) for block in reversed(plan.blocks)}
        chosen = [own[parts[number]] for number, own in enumerate(self.by_stage)]
        self.words, self.cycles = (sum(each) for each in zip(*chosen, strict=True))


def arrangements(
    design: Design, stage: Stage, streams: Sequence[Stream], time: StageTime
) -> dict[BlockUnits, tuple[int, int]]:
    found = {}
    for unit_by_unit, sums in ((False, stage.sums_per_row), (True, stage.sums_per_unit)):
        most = design.pes_per_lane * (design.pe_array.accumulators // sums)
        most = min(stage.units, most if unit_by_unit else most // stage.rows_per_unit)
        for size in range(1, most + 1):
            part = BlockUnits(size, unit_by_unit)
            words = stage_words(design, stage, streams, Schedule(cut(stage.units, part), (), ())).most
            found[part] = words, int(time.cycles(size, unit_by_unit)[-1])
    return found


@settings(max_examples=40)
@given(drawn_designs(**{"weight_memory.organisation": "per_tile"}), st.integers(0, 99))
def test_the_arrangements_of_all_stages_are_the_fastest_that_fit_together(design: Design, percent: int) -> None:
    """Two GRU layers of 40 units, of which every pair of arrangements is looked at; room for less than the fastest."""
    trace = trace_of("gru-stack", "fixed8", 2)
    ample = Looked(design.override({"weight_memory.capacity_kib": UNLIMITED_KIB}), trace)
    least = least_kib(refusal(design.override({"weight_memory.capacity_kib": 1 + design.pe_array.pes // 2}), trace))
    most = -(-ample.words * design.weight_word_bits * design.weight_memories // 8192)
    design = design.override({"weight_memory.capacity_kib": least + (most - least) * percent // 100})
    if ample.words <= design.words_of_a_memory:
        return
    looked = Looked(design, trace)
    fitting = [
        sum(time for _, time in each)
        for each in product(*(set(own.values()) for own in looked.by_stage))
        if sum(words for words, _ in each) <= design.words_of_a_memory
    ]
    assert looked.words <= design.words_of_a_memory
    assert looked.cycles * 1024 <= min(fitting) * 1025
