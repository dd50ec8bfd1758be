"""Stalls and timelines, compared with cycle-by-cycle definitions, recurrences, and a case worked out on paper."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim.analysis.perfetto import (
    open_timeline,
    parse_window,
    word_times,
)
from archsim.analysis.stalls import (
    Logged,
    OccupationLog,
    Slice,
    component_stalls,
    slices,
)
from archsim.catalogue import CATALOGUE, Catalogue, Cause, Component, Event
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.steps import run_machine
from archsim.mapping.fifo import GroupByGroup, WordByWord
from archsim.mapping.plan import Burst, Feed, Norms, Pace, Plan
from archsim.mapping.work import Work
from archsim.simulation import Job, prepare
from archsim.specs.dram import Arbitration
from archsim.timing import Timing
from archsim.trace.columns import pack_mask
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.cuts import largest_blocks

Engine = Literal["burst", "column"]
quick = settings(max_examples=90, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def runs(draw: st.DrawFn, arbitration: tuple[Arbitration, ...] = ("static", "tdm", "fcfs")) -> tuple[Design, Trace]:
    """A small machine of any shape that runs an LSTM of any density, with sequences that end at different steps."""
    integer = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    lanes, weights_per_cycle = draw(st.sampled_from([1, 2])), integer(2, 8)
    design = load_design("skip-65nm").override(
        {
            "clock_mhz": draw(st.sampled_from([200, 333, 1000])),
            "lanes": lanes,
            "pe_array.tiles": 1,
            "pe_array.pes_per_tile": lanes * integer(1, 6),
            "pe_array.accumulators": integer(4, 8),
            "pe_array.double_buffered": draw(st.booleans()),
            **draw(
                st.sampled_from(
                    [
                        {"weight_memory.capacity_kib": 0},
                        {"weight_memory.capacity_kib": 64},
                        {"weight_memory.capacity_kib": 64, "weight_memory.organisation": "per_tile"},
                    ]
                )
            ),
            "weight_memory.weights_per_cycle": weights_per_cycle,
            "weight_memory.fifo_words": integer(24, 48),
            "dram.bandwidth_gbps": draw(st.sampled_from([0.4, 1.6, 6.4, 51.2])),
            "dram.latency_ns": draw(st.sampled_from([1, 5, 50, 300])),
            "dram.inputs": draw(st.booleans()),
            "dram.burst_bits": draw(st.sampled_from([1, 200])),
            "dram.arbitration": draw(st.sampled_from(arbitration)),
            "dram.input_share": 0.2,
            "skip_encoder.enabled": draw(st.booleans()),
            "skip_encoder.columns_per_cycle": integer(1, 4),
            "activation_unit.units_per_cycle": integer(1, 4),
            "activation_unit.depth_cycles": integer(0, 6),
            "sequencer.setup_cycles": draw(st.sampled_from([0, 0, 3])),
        }
    )
    hidden, steps, density = integer(1, 11), integer(1, 4), draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    trace = synthesize(hidden, 3, density, sequences=lanes, steps=steps, seed=integer(0, 999))
    lengths = np.array([steps, integer(1, steps)][:lanes])
    return design, Trace(trace.header, trace.arrays, lengths)


def logged(design: Design, trace: Trace, engine: Engine) -> tuple[Plan, Work, Timing, list[Logged]]:
    events: list[Logged] = []
    prepared = prepare(Job(design, trace))
    timing = run_machine(*prepared.triple, engine, lambda *event: events.append(event))
    return prepared.only.plan, prepared.only.work, timing, events


# --- slices and stalls ------------------------------------------------------------------------------------------------


@quick
@given(runs(), st.sampled_from(["burst", "column"]))
def test_busy_and_stalls_tile_the_run_of_every_component(drawn: tuple[Design, Trace], engine: Engine) -> None:
    plan, _, timing, events = logged(*drawn, engine)
    found = list(slices(events, timing.cycles, plan.banks))
    assert {s.component for s in found} <= {c.name for c in CATALOGUE.processes}
    for component, causes in ((c.name, c.causes) for c in CATALOGUE.processes):
        track = [s for s in found if s.component == component]
        assert track[0].begin == 0
        assert track[-1].end == timing.cycles
        assert all(a.end == b.begin for a, b in pairwise(track))
        assert all(s.begin < s.end and s.state in ("busy", *causes) for s in track)
    busy = component_stalls(events, timing.cycles, plan.banks)["pe_array"].busy_cycles
    assert busy == timing.busy_cycles
    for name, occupation in component_stalls(events, timing.cycles, plan.banks).items():
        assert occupation.busy_cycles + sum(occupation.stalls.values()) == timing.cycles
        assert tuple(occupation.stalls) == CATALOGUE[name].causes


@quick
@given(runs(), st.sampled_from(["burst", "column"]))
def test_busy_is_the_work_of_the_plan(drawn: tuple[Design, Trace], engine: Engine) -> None:
    plan, work, timing, events = logged(*drawn, engine)
    ran = [(block, step) for step in range(work.steps) for block in plan.blocks if work.active_in(block, step)]
    found = component_stalls(events, timing.cycles, plan.banks)
    paced = [burst.pace.of(work.columns_of(burst, step) * burst.column_words) for block, step in ran
             for burst in block.bursts]  # fmt: skip
    # A word that waits for room in mid-cycle is logged as waiting from the next cycle on (engine `column`).
    waits = sum(event == "wait_credit" for _, component, event, *_ in events) if engine == "column" else 0
    least = sum(paced) + sum(block.norms.cycles for block, _ in ran)
    assert least <= found["weight_stream"].busy_cycles <= least + waits
    assert found["activation_unit"].busy_cycles == sum(block.activation_cycles for block, _ in ran)
    # The encoder is busy from the first elements of a block to the last, which it may have to wait for.
    listed = [block for block, _ in ran if block.list is not None]
    least, most = sum(b.encode_cycles for b in listed), sum(b.activation_cycles + b.encode_tail for b in listed)
    assert least <= found["skip_encoder"].busy_cycles <= most
    fetched = [plan.fetch.cycles[work.inputs_at(plan, step)] for step in range(work.steps)] if plan.fetch else []
    assert found["input_reader"].busy_cycles == sum(fetched)


@quick
@given(runs(), st.sampled_from(["burst", "column"]), st.sampled_from([0, 1, 9]))
def test_stalls_are_those_of_the_engine(drawn: tuple[Design, Trace], engine: Engine, bank_cycles: int) -> None:
    """Engine `column` attributes credits burst by burst, as `burst` does, but its log does so cycle by cycle: there,
    only the sum with bandwidth agrees."""
    design, trace = drawn
    plan, _, timing, events = logged(design.override({"sequencer.bank_cycles": bank_cycles}), trace, engine)
    occupations = component_stalls(events, timing.cycles, plan.banks, bank_cycles=bank_cycles)
    ours, theirs = occupations["pe_array"].stalls, timing.stalls
    found = {cause: ours[cause] for cause in theirs}
    if engine == "column":
        within = ["fifo_credit", "weight_bandwidth"]
        if drawn[0].dram.arbitration == "fcfs":  # the channel is waited for column by column
            within.append("input_fetch")
        assert sum(found[cause] for cause in within) == sum(theirs[cause] for cause in within)
        found |= {cause: theirs[cause] for cause in within}
    assert found == theirs


@quick
@given(runs())
def test_every_idle_cycle_of_column_has_the_first_cause_that_is_missing(drawn: tuple[Design, Trace]) -> None:
    plan, work, timing, events = logged(*drawn, "column")
    found = {t: s.state for s in slices(events, timing.cycles, plan.banks) if s.component == "pe_array"
            for t in range(s.begin, s.end)}  # fmt: skip
    assert found == by_definition(plan, work, events, timing.cycles)


def by_definition(plan: Plan, work: Work, events: list[Logged], cycles: int) -> dict[int, str]:
    """The state of the PE array in every cycle, from the bare log and the order of blame."""

    def times(component: str, *names: str) -> list[tuple[int, ...]]:
        return [(cycle, *place) for cycle, c, event, *place in events if c == component and event in names]

    freed = [cycle for cycle, *_ in times("activation_unit", "end")]
    positions = [
        position
        for step in range(work.steps)
        for block in plan.blocks
        if work.active_in(block, step)
        for position in range(len(block.bursts))
    ]
    begun = [cycle for cycle, *_ in times("pe_array", "start")]
    listed = [cycle for cycle, *_ in times("weight_stream", "listed")]
    admitted = [cycle for cycle, *_ in times("weight_stream", "admitted")]
    worked = iter(worked_by_burst(events))
    sent = iter(waits_by_burst(events))
    state: dict[int, str] = {}
    free, opened = 0, 0
    for position, start, known, free_to_go in zip(positions, begun, listed, admitted, strict=True):
        waits, consumed = next(sent), next(worked)
        _, credited, taken = waits[0] if waits else (0, 0, 0)
        for_inputs = taken if taken > credited else free_to_go
        opened += position == 0
        for t in range(free, start):
            if position == 0 and opened > plan.banks + sum(cycle <= t for cycle in freed):
                state[t] = "scratch_bank"
            elif t < known:
                state[t] = "state_dependency"
            else:
                state[t] = "input_fetch" if t < for_inputs else "weight_latency"
        free = start
        for cycle, until in consumed:
            for t in range(free, cycle):
                on_credit = any(a <= t < b for a, b, _ in waits)
                on_channel = any(b <= t < c for _, b, c in waits)
                state[t] = "input_fetch" if on_channel else "fifo_credit" if on_credit else "weight_bandwidth"
            free = until
            state |= dict.fromkeys(range(cycle, free), "busy")
    return state | dict.fromkeys(range(free, cycles), "drain")


def worked_by_burst(events: list[Logged]) -> list[list[tuple[int, int]]]:
    """For each burst, the spans in which the PEs worked: from a column, or its going on, to the next wait or end."""
    bursts: list[list[tuple[int, int]]] = []
    spans, begun = list[tuple[int, int]](), None
    for cycle, component, event, *_ in events:
        if component == "pe_array" and event in ("wait_column", "done") and begun is not None:
            spans, begun = [*spans, (begun, cycle)], None
        if component == "pe_array" and event == "column":
            begun = cycle
        if component == "pe_array" and event == "done":
            bursts, spans = [*bursts, spans], []
    return bursts


def waits_by_burst(events: list[Logged]) -> list[list[tuple[int, int, int]]]:
    """For each burst, the cycles at which a column asked for room, was given it, and went on."""
    bursts: list[list[tuple[int, int, int]]] = []
    asked: list[int] = []
    for cycle, component, event, *_ in events:
        if component != "weight_stream":
            continue
        if event == "start":
            bursts.append([])
        elif event in ("wait_credit", "wait_channel"):
            asked.append(cycle)
        elif event == "column":
            bursts[-1].append((asked[0], asked[-1] if len(asked) > 1 else cycle, cycle))
            asked.clear()
    return bursts


@quick
@given(runs(("static", "tdm")))
def test_stalls_of_burst_follow_from_its_recurrence(drawn: tuple[Design, Trace]) -> None:
    """The stalls of engine `burst`, recomputed without a log from the times of the recurrence alone."""
    plan, work, timing, events = logged(*drawn, "burst")
    expected, cycles = by_recurrence(drawn[0], plan, work)
    assert cycles == timing.cycles
    found = component_stalls(events, timing.cycles, plan.banks)
    assert found["pe_array"].stalls == {cause: expected[cause] for cause in CATALOGUE["pe_array"].causes}
    assert found["weight_stream"].stalls["state_dependency"] == expected["path list"]
    assert found["weight_stream"].stalls["fifo_credit"] == expected["path credit"]
    assert found["weight_stream"].stalls["input_fetch"] == expected["path input"]
    assert found["weight_stream"].stalls["setup"] == expected["path setup"]


def by_recurrence(design: Design, plan: Plan, work: Work) -> tuple[Counter[str], int]:
    depth, fetch = plan.activation_stages, plan.fetch
    fifo = GroupByGroup(plan.fifo_words) if plan.stationary else WordByWord(plan.fifo_words)
    stalls: Counter[str] = Counter()
    fetched = fetch.cycles[work.inputs_at(plan, 0)] if fetch else 0
    arrived = fetched + fetch.latency_cycles if fetch else 0
    path = began = tiles = activated = encoded = finished = 0
    lists: dict[tuple[int, int], int] = {}
    freed = [0] * plan.banks
    for step in range(work.steps):
        before, arrives, first = tiles, arrived, True
        for block in plan.blocks:
            if not work.active_in(block, step):
                continue
            for position, burst in enumerate(block.bursts):
                n, p = work.columns_of(burst, step), burst.tile_cycles
                turn = max(path, began)
                listed = max([turn, *(lists.get((w.list, step - w.steps_back), 0) for w in burst.waits)])
                norms = block.norms if position == 0 else Norms(0, 0, 0)
                reads = (burst.column_dram_bits > 0 and n > 0) or norms.dram_bits > 0
                shares = fetch is not None and fetch.arbitration == "static" and reads
                admitted = max(listed, arrived if burst.reads_inputs else 0, fetched if shares else 0)
                start = admitted + design.sequencer.setup_cycles + norms.cycles
                ready = fifo.first_arrival(burst, n, start) if n else start
                bank_free = freed.pop(0) if position == 0 else 0
                begin = max(tiles, ready, bank_free)
                last, end = fifo.take(burst, n, start, begin) if n else (start, begin)
                bank = max(0, bank_free - tiles)
                of_list = max(0, min(listed, begin) - tiles - bank)
                of_input = max(0, min(admitted, begin) - tiles - bank - of_list)
                starved, credit = end - begin - burst.turns(n) * p, last - start - burst.pace.of(n * burst.column_words)
                stalls["scratch_bank"] += bank
                stalls["state_dependency"] += of_list
                stalls["input_fetch"] += of_input
                stalls["weight_latency"] += begin - tiles - bank - of_list - of_input
                stalls["fifo_credit"] += min(starved, credit)
                stalls["weight_bandwidth"] += max(0, starved - credit) + burst.turns(n) * burst.idle_cycles
                stalls["path credit"] += turn - path + credit
                stalls["path list"] += listed - turn
                stalls["path input"] += admitted - listed
                stalls["path setup"] += design.sequencer.setup_cycles
                if first and fetch and work.inputs_at(plan, step + 1):
                    fetched = max(fetched, before, last if shares else 0) + fetch.cycles[work.inputs_at(plan, step + 1)]
                    arrives = fetched + fetch.latency_cycles
                first = False
                path, began, tiles = last, begin, end
                summed = end - (burst.idle_cycles if n else 0)
            activated = max(activated, summed + plan.pe_stages - 1) + block.activation_cycles
            freed.append(activated)
            finished = max(finished, activated + depth)
            if block.list is not None:
                encoded = max(encoded + block.encode_cycles, activated + depth + block.encode_tail)
                lists[block.list, step] = encoded
                finished = max(finished, encoded)
        arrived = arrives
    finished = max(finished, tiles)
    stalls["drain"] = finished - tiles
    return stalls, finished


def test_case_worked_on_paper() -> None:
    """The case of test_machine_by_hand. No cycle of 21 to 26 is attributed to the operand list, which is known at 21,
    when the PEs become idle. Activation takes a cycle: at 11 to 12 and at 27 to 28 the one bank is not free. Block 1
    has two columns, the second of which arrives a cycle late."""
    found = [s for s in slices(PAPER, 37, banks=1) if s.component == "pe_array"]
    assert [(s.state, s.begin, s.end) for s in found] == [
        ("weight_latency", 0, 5), ("busy", 5, 6),
        ("weight_latency", 6, 10), ("busy", 10, 11),
        ("scratch_bank", 11, 12), ("weight_latency", 12, 15), ("busy", 15, 16),
        ("weight_bandwidth", 16, 17), ("busy", 17, 18),
        ("scratch_bank", 18, 19), ("weight_latency", 19, 20), ("busy", 20, 21),
        ("weight_latency", 21, 26), ("busy", 26, 27),
        ("scratch_bank", 27, 28), ("weight_latency", 28, 31), ("busy", 31, 32),
        ("weight_bandwidth", 32, 33), ("busy", 33, 34), ("drain", 34, 37),
    ]  # fmt: skip
    assert [(s.step, s.block, s.burst) for s in found if s.state == "busy"] == [
        (0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 0),
    ]  # fmt: skip
    path = [(s.state, s.begin, s.end) for s in slices(PAPER, 37, banks=1) if s.component == "weight_stream"]
    assert path == [
        ("busy", 0, 2), ("fifo_credit", 2, 5), ("busy", 5, 7), ("fifo_credit", 7, 10), ("busy", 10, 14),
        ("fifo_credit", 14, 15), ("busy", 15, 17), ("fifo_credit", 17, 20), ("state_dependency", 20, 21),
        ("busy", 21, 23), ("fifo_credit", 23, 26), ("busy", 26, 30), ("drain", 30, 37),
    ]  # fmt: skip


def paper() -> list[Logged]:
    path = [("turn", 0, 0, 0, -1), ("start", 0, 0, 0, -1), ("wait_credit", 0, 0, 0, 0), ("column", 0, 0, 0, 0)]
    path += [("end", 2, 0, 0, -1), ("turn", 5, 0, 0, -1), ("start", 5, 0, 0, -1), ("wait_credit", 5, 0, 0, 0)]
    path += [("column", 5, 0, 0, 0), ("end", 7, 0, 0, -1), ("turn", 10, 0, 1, -1), ("start", 10, 0, 1, -1)]
    path += [("wait_credit", 10, 0, 1, 0), ("column", 10, 0, 1, 0), ("wait_credit", 12, 0, 1, 1)]
    path += [("column", 12, 0, 1, 1), ("end", 14, 0, 1, -1), ("turn", 15, 1, 0, -1), ("start", 15, 1, 0, -1)]
    path += [("column", 15, 1, 0, 0), ("end", 17, 1, 0, -1), ("turn", 20, 1, 0, -1), ("start", 21, 1, 0, -1)]
    path += [("column", 21, 1, 0, 0), ("end", 23, 1, 0, -1), ("turn", 26, 1, 1, -1), ("start", 26, 1, 1, -1)]
    path += [("column", 26, 1, 1, 0), ("column", 28, 1, 1, 1), ("end", 30, 1, 1, -1)]
    tiles = [("start", 5, 0, 0, -1), ("column", 5, 0, 0, 0), ("done", 6, 0, 0, -1), ("start", 10, 0, 0, -1)]
    tiles += [("column", 10, 0, 0, 0), ("done", 11, 0, 0, -1), ("end", 11, 0, 0, -1), ("start", 15, 0, 1, -1)]
    tiles += [("column", 15, 0, 1, 0), ("wait_column", 16, 0, 1, 1), ("column", 17, 0, 1, 1), ("done", 18, 0, 1, -1)]
    tiles += [("start", 20, 1, 0, -1), ("column", 20, 1, 0, 0), ("done", 21, 1, 0, -1), ("start", 26, 1, 0, -1)]
    tiles += [("column", 26, 1, 0, 0), ("done", 27, 1, 0, -1), ("start", 31, 1, 1, -1), ("column", 31, 1, 1, 0)]
    tiles += [("wait_column", 32, 1, 1, 1), ("column", 33, 1, 1, 1), ("done", 34, 1, 1, -1)]
    units = [("activate", t, s, b, -1) for t, s, b in ((11, 0, 0), (18, 0, 1), (27, 1, 0), (34, 1, 1))]
    units += [("end", t + 1, s, b, column) for _, t, s, b, column in units]
    parts = {"activation_unit": units, "weight_stream": path, "pe_array": tiles}
    events: list[Any] = [(cycle, part, event, *place) for part, log in parts.items() for event, cycle, *place in log]
    return sorted(events, key=lambda e: (e[0], list(parts).index(e[1])))


PAPER = paper()


@quick
@given(
    n=st.integers(1, 40),
    cycles=st.integers(1, 9),
    rows=st.integers(1, 20),
    word_rows=st.integers(1, 6),
    pes=st.integers(1, 6),
    fifo=st.integers(1, 40),
    latency=st.integers(1, 60),
    late=st.integers(0, 90),
)
def test_words_of_a_burst_end_when_the_engines_say(
    n: int, cycles: int, rows: int, word_rows: int, pes: int, fifo: int, latency: int, late: int
) -> None:
    """The levels of a FIFO that is drawn are those of `WordByWord`, with a jump over columns that repeat or without."""
    full, rest = divmod(rows, pes)
    feed = Feed(rows, word_rows, pes, full * pes, rest or pes, whole=False)
    fifo = max(fifo, feed.most_held)
    burst = Burst(
        streams=((0,),), waits=(), reads_inputs=False, rows=rows, column_words=feed.words, column_sram_words=0,
        column_dram_bits=1, latency_cycles=latency, pace=Pace(cycles, 1), tile_cycles=feed.cycles, fifo_words=fifo,
        feed=feed,
    )  # fmt: skip
    begin = WordByWord(fifo).first_arrival(burst, n, 0) + late
    taken, released = word_times(burst, n, 0, begin)
    last, end = WordByWord(fifo).take(burst, n, 0, begin)
    assert taken[-1] + cycles == last
    assert released[-1] == end
    if fifo >= 3 * feed.words:
        still = replace(burst, group=3)
        begin = GroupByGroup(fifo).first_arrival(still, n, 0) + late
        taken, released = word_times(still, n, 0, begin)
        assert (taken[-1] + cycles, released[-1] + feed.cycles) == GroupByGroup(fifo).take(still, n, 0, begin)


# --- files ------------------------------------------------------------------------------------------------------------

Json = dict[str, Any]


def written(path: Path, design: Design, trace: Trace, engine: Engine, first: int, last: int) -> tuple[Json, Timing]:
    with open_timeline(path, design, trace, first, last) as log:
        timing = run_machine(*prepare(Job(design, trace)).triple, engine, log)
    return json.loads(path.read_text()), timing


def validate(document: Json) -> None:
    """Check the used part of the trace-event format ("Trace Logged Format", Google 2016: JSON Object Format)."""
    assert set(document) == {"displayTimeUnit", "otherData", "traceEvents"}
    assert document["displayTimeUnit"] in ("ms", "ns")
    named: set[int] = set()
    ends: dict[int, float] = {}
    counted: dict[str, float] = {}
    for event in document["traceEvents"]:
        assert isinstance(event["pid"], int)
        assert isinstance(event["name"], str)
        match event["ph"]:
            case "M":
                assert event["name"] in ("process_name", "thread_name", "thread_sort_index")
                assert event["args"].keys() <= {"name", "sort_index"}
                named.add(event["tid"])
            case "X":
                assert event["tid"] in named
                assert event["dur"] >= 0
                assert event["ts"] >= ends.get(event["tid"], 0.0)  # slices never overlap, not even by rounding
                ends[event["tid"]] = event["ts"] + event["dur"]
            case "C":
                assert event["ts"] >= counted.get(event["name"], 0.0)
                counted[event["name"]] = event["ts"]
                assert all(isinstance(level, int) for level in event["args"].values())
            case "i":
                assert event["s"] in ("g", "p", "t")
                assert event["tid"] in named
            case phase:
                pytest.fail(f"phase {phase!r}")


def of(document: Json, thread: str) -> list[Json]:
    tid = next(e["tid"] for e in document["traceEvents"] if e["ph"] == "M" and e["args"].get("name") == thread)
    return [e for e in document["traceEvents"] if e["ph"] == "X" and e["tid"] == tid]


def levels(document: Json, name: str) -> list[int]:
    return [next(iter(e["args"].values())) for e in document["traceEvents"] if e["ph"] == "C" and e["name"] == name]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs(), st.sampled_from(["burst", "column"]))
def test_a_file_of_the_whole_run_is_valid_and_says_all(
    tmp_path: Path, drawn: tuple[Design, Trace], engine: Engine
) -> None:
    design, trace = drawn
    document, timing = written(tmp_path / "t.json", design, trace, engine, 0, trace.steps - 1)
    validate(document)
    tiles = of(document, "PE array")
    assert [(e["args"]["begin_cycle"], e["args"]["begin_cycle"] + e["args"]["cycles"]) for e in tiles] == [
        (s.begin, s.end) for s in pe_slices(design, trace, engine)
    ]
    assert sum(e["args"]["cycles"] for e in tiles) == timing.cycles
    assert sum(e["args"]["cycles"] for e in tiles if e["cat"] == "busy") == timing.busy_cycles
    for e in tiles:
        assert e["ts"] == pytest.approx(e["args"]["begin_cycle"] / design.clock_mhz, abs=0.5e-3)
    fifo, banks = levels(document, "weight FIFO, words"), levels(document, "scratch banks in use")
    assert (not fifo) or fifo[-1] == 0
    assert min(fifo, default=0) >= 0
    assert max(fifo, default=0) <= design.weight_memory.fifo_words
    assert banks[-1] == 0
    assert 0 <= min(banks) <= max(banks) <= design.pe_array.banks


def pe_slices(design: Design, trace: Trace, engine: Engine) -> list[Slice]:
    plan, _, timing, events = logged(design, trace, engine)
    return [s for s in slices(events, timing.cycles, plan.banks) if s.component == "pe_array"]


@pytest.mark.parametrize("engine", ["burst", "column"])
def test_a_window_holds_its_steps_and_no_others(tmp_path: Path, engine: Engine) -> None:
    design, trace = load_design("skip-65nm"), synthesize(200, 10, 0.2, steps=5)
    whole, _ = written(tmp_path / "whole.json", design, trace, engine, 0, 4)
    part, _ = written(tmp_path / "part.json", design, trace, engine, 2, 3)
    validate(part)
    inside = [e for e in whole["traceEvents"] if e["ph"] == "X" and e["args"]["step"] in (2, 3)]
    assert [e for e in part["traceEvents"] if e["ph"] == "X"] == inside
    assert part["otherData"]["first_step"] == 2
    assert part["otherData"]["last_step"] == 3
    assert part["otherData"]["synthetic"] is True
    assert "(synthetic)" in part["traceEvents"][0]["args"]["name"]


@pytest.mark.parametrize("engine", ["burst", "column"])
def test_private_memories_have_no_fifo_to_show(tmp_path: Path, engine: Engine) -> None:
    trace = synthesize(64, 10, 0.3, steps=3)
    private, _ = written(tmp_path / "private.json", load_design("edge-private"), trace, engine, 0, 2)
    shared, _ = written(tmp_path / "shared.json", load_design("edge-resident"), trace, engine, 0, 2)
    counters = [{event["name"] for event in each["traceEvents"] if event["ph"] == "C"} for each in (private, shared)]
    assert counters[1] - counters[0] == {"weight FIFO, words"}


@largest_blocks()
def test_slices_say_what_they_are(tmp_path: Path) -> None:
    design, trace = load_design("skip-65nm"), synthesize(200, 10, 0.2, steps=2)
    document, _ = written(tmp_path / "t.json", design, trace, "burst", 0, 1)
    work = prepare(Job(design, trace)).only.work
    first, second = [e for e in of(document, "PE array") if e["cat"] == "busy"][:2]
    assert first["name"] == "W_x block 0"
    assert second["name"] == "W_h block 0"
    assert second["args"]["columns"] == work.streamed_at(1, 0)[0]
    assert second["args"]["rows"] == 384
    assert second["args"]["step"] == 0
    assert of(document, "activation unit")[0]["args"]["units"] == 96


def test_the_input_reader_has_a_track_where_inputs_come_over_the_channel(tmp_path: Path) -> None:
    design, trace = load_design("skip-65nm"), synthesize(200, 10, 0.2, steps=3)
    without, _ = written(tmp_path / "t.json", design, trace, "burst", 0, 2)
    assert "input reader" not in {e["args"].get("name") for e in without["traceEvents"] if e["ph"] == "M"}
    over = design.override({"dram.inputs": True, "dram.burst_bits": 512})
    document, _ = written(tmp_path / "t.json", over, trace, "burst", 1, 2)
    validate(document)
    fetched = of(document, "input reader")
    assert [e["name"] for e in fetched] == ["inputs of step 1", "inputs of step 2"]
    assert [e["args"]["bits"] for e in fetched] == [512, 512]  # of 8 lanes x 4 bits
    assert [e["args"]["cycles"] for e in fetched] == [2, 2]


def with_component(component: Component) -> Catalogue:
    """The machine's catalogue with one more component, which replaces one of the same name."""
    others = tuple(c for c in CATALOGUE if c.name != component.name)
    return replace(CATALOGUE, components=(*others, component))


def test_an_event_of_a_part_without_a_process_becomes_an_instant(tmp_path: Path) -> None:
    design, trace = load_design("skip-65nm"), synthesize(20, 3, 0.2, steps=1)
    refreshed = with_component(replace(CATALOGUE["dram"], events=(Event.FETCH,)))
    with open_timeline(tmp_path / "t.json", design, trace, 0, 0, catalogue=refreshed) as log:
        log(7, "dram", "fetch", 0, -1, -1)
    document = json.loads((tmp_path / "t.json").read_text())
    validate(document)
    instant = next(e for e in document["traceEvents"] if e["ph"] == "i")
    assert (instant["name"], instant["args"]["begin_cycle"]) == ("fetch", 7)
    row = next(e for e in document["traceEvents"] if e["name"] == "thread_name" and e["tid"] == instant["tid"])
    assert row["args"]["name"] == "DRAM"


@pytest.mark.parametrize(
    ("component", "event"), [("pe_array", "yawn"), ("dram", "fetch"), ("coffee_machine", "end"), ("scratch", "end")]
)
def test_an_event_that_is_not_declared_is_a_mistake(component: str, event: str) -> None:
    with pytest.raises(ValueError, match=f"^event log: the catalogue declares no event '{event}' of '{component}'$"):
        component_stalls([(8, component, event, 0, 0, -1)], 10, banks=1)


def test_a_declared_event_that_no_track_answers_is_a_mistake() -> None:
    array = CATALOGUE["pe_array"]
    more = with_component(replace(array, events=(*array.events, Event.TURN)))
    rule = r"^pe_array logs start, load, wait_column, column, done, end, turn; its track answers start, .*, end$"
    with pytest.raises(ValueError, match=rule):
        OccupationLog(1, more)


def test_a_process_is_accounted_for_as_it_is_declared() -> None:
    """A process waits for its turn, then for the channel, and works. One without a cause for an event is refused."""
    events, causes = (Event.TURN, Event.FETCH, Event.END), (Cause.BLOCK_DATA, Cause.CHANNEL, Cause.DRAIN)
    store = Component("probe_store", "store of probes", events=events, causes=causes)
    log: list[Logged] = [(2, "probe_store", "turn", 0, 0, -1), (5, "probe_store", "fetch", 0, 0, -1)]
    log += [(9, "probe_store", "end", 0, 0, -1)]
    found = component_stalls(log, 10, 1, with_component(store))
    assert found["probe_store"].to_json() == {
        "busy_cycles": 4,
        "stalls": {"block_data": 2, "channel": 3, "drain": 1},
    }
    assert list(found) == [
        "weight_stream",
        "pe_array",
        "activation_unit",
        "skip_encoder",
        "input_reader",
        "probe_store",
    ]
    with pytest.raises(ValueError, match=r"^probe_store declares no cause for each of its events"):
        component_stalls([], 1, 1, with_component(replace(store, causes=causes[1:])))


def test_a_failed_run_leaves_no_file(tmp_path: Path) -> None:
    design, trace = load_design("skip-65nm"), synthesize(20, 3, 0.2, steps=1)
    with pytest.raises(RuntimeError, match="stop"), open_timeline(tmp_path / "t.json", design, trace, 0, 0):
        raise RuntimeError("stop")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("3", "window must be FIRST:LAST, two steps, not '3'"),
        ("a:b", "window must be FIRST:LAST, two steps, not 'a:b'"),
        ("-1:2", "window must be FIRST:LAST, two steps, not '-1:2'"),
        ("2:1", "within steps 0 to 4, the first not after the last, not 2:1"),
        ("0:5", "within steps 0 to 4, the first not after the last, not 0:5"),
    ],
)
def test_a_bad_window_is_refused(text: str, rule: str) -> None:
    with pytest.raises(BadInput, match=rule):
        parse_window(text, 5)
    assert parse_window(" 1 : 4", 5) == (1, 4)


def test_a_fifo_too_small_for_the_latency_is_blamed_on_credits() -> None:
    design = load_design("skip-65nm").override({"weight_memory.fifo_words": 16, "dram.latency_ns": 1000})
    trace = synthesize(96, 3, 0.5, steps=1)
    for engine in ("burst", "column"):
        plan, _, timing, events = logged(design, trace, engine)
        stalls = component_stalls(events, timing.cycles, plan.banks)["pe_array"].stalls
        assert stalls["fifo_credit"] > 0.8 * timing.cycles


def test_adding_up_as_events_come_is_the_same() -> None:
    design, trace = load_design("skip-65nm"), synthesize(100, 5, 0.3, steps=3)
    plan, _, timing, events = logged(design, trace, "burst")
    log = OccupationLog(plan.banks)
    run_machine(*prepare(Job(design, trace)).triple, "burst", log)
    found = log.finish(timing.cycles)
    assert found == component_stalls(events, timing.cycles, plan.banks)
    assert found["pe_array"].to_json()["busy_cycles"] == timing.busy_cycles


def test_masks_of_a_lane_that_has_ended_draw_nothing(tmp_path: Path) -> None:
    drawn = synthesize(8, 2, 1.0, sequences=1, steps=3)
    mask = np.zeros((4, 1, 8), bool)
    trace = Trace(drawn.header, {**drawn.arrays, "h": pack_mask(mask)}, drawn.lengths)
    document, _ = written(tmp_path / "t.json", load_design("skip-65nm").override({"lanes": 1}), trace, "burst", 0, 2)
    validate(document)
    assert all("W_x" in e["name"] for e in of(document, "PE array") if e["cat"] == "busy")
