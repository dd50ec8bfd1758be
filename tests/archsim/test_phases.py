"""Networks of several phases on the machine: the engines agree, counts are those of the masks, phases add up."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archsim import catalogue
from archsim.analysis.perfetto import open_timeline
from archsim.analysis.roofline import column_histograms
from archsim.analysis.scenario import least_bandwidth, least_sram, streaming
from archsim.analysis.stalls import OccupationLog, slices
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.functional import Functional, differences, run_check
from archsim.simulation import ENGINES, Job, Prepared, prepare, quickest, run, simulate, simulate_many, time_run
from archsim.timing import Timing
from archsim.trace.trace import Trace
from tests.archsim.phased import drawn_stacks, stacked
from tests.archsim.test_engines import (
    TOO_SMALL,
    assert_equal,
    drawn_designs,
    drawn_integers,
    sums_of,
    without_idle,
)
from workloads.config import Vector

FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
SKIP = load_design("skip-65nm")
SMALL = SKIP.override({"pe_array.tiles": 1, "pe_array.pes_per_tile": 4, "lanes": 2, "pe_array.accumulators": 8})
RESIDENT = SMALL.override({"weight_memory.capacity_kib": 4096})


def _stack(**drawn: Any) -> Trace:
    return stacked(np.random.default_rng(7), np.array([9, 4, 7, 9]), **drawn)


def _prepared(design: Design, trace: Trace) -> Prepared:
    """A drawn design's job; the example is given up where a column or a unit does not fit."""
    try:
        return prepare(Job(design, trace))
    except BadInput as problem:
        assume(not TOO_SMALL.search(str(problem)))
        raise


@FEW
@given(drawn_designs(), drawn_stacks())
def test_burst_equals_analytic_and_counts_equal_column(design: Design, trace: Trace) -> None:
    prepared = _prepared(design, trace)
    burst, column, analytic = (run(prepared, engine) for engine in ("burst", "column", "analytic"))
    assert_equal(burst, analytic)
    assert without_idle(burst) == without_idle(column)
    assert burst.busy_cycles == column.busy_cycles
    for timing in (burst, column):
        assert timing.busy_cycles + sum(timing.stalls.values()) == timing.cycles
        assert min(timing.stalls.values()) >= 0
        assert len(timing.step_ends) == sum(phase.steps for phase in trace.phases)
        assert all(np.diff(timing.step_ends) >= 0)
        assert timing.step_ends[-1] <= timing.cycles


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn_designs(), drawn_stacks())
def test_fcfs_is_run_by_burst(design: Design, trace: Trace) -> None:
    design = design.override({"dram.inputs": True, "dram.arbitration": "fcfs"})
    prepared = _prepared(design, trace)
    assert quickest(design) == "burst"
    assert_equal(time_run(prepared), run(prepared, "burst"))
    assert without_idle(run(prepared, "burst")) == without_idle(run(prepared, "column"))
    with pytest.raises(BadInput, match="engine analytic cannot do"):
        run(prepared, "analytic")


def test_column_agrees_in_time() -> None:
    """Within the 0.5 % that one phase is within."""
    trace = stacked(np.random.default_rng(1), np.array([12, 12, 9]), hidden=60, source=Vector(size=40), outputs=10)
    for values in ({}, {"dram.inputs": True}, {"weight_memory.capacity_kib": 4096}):
        design = SKIP.override({"lanes": 3, **values})
        burst, column = (simulate(design, trace, engine) for engine in ("burst", "column"))
        assert abs(burst.cycles - column.cycles) <= 0.005 * column.cycles


def _counted_by_hand(design: Design, trace: Trace) -> tuple[int, int, int]:
    """Dense, issued and useful MACs, step by step and bit by bit; the design skips, and its list needs no padding."""
    dense = issued = useful = 0
    for phase in trace.phases:
        for mv in phase.graph.mat_vecs:
            operand, rows = phase.graph.operand(mv.operand), np.asarray(phase.arrays[mv.operand])
            for t in range(phase.steps):
                running = [lane for lane in range(design.lanes) if t < phase.lengths[lane]]
                if operand.kind == "one_hot":
                    lit = [{int(rows[t, lane])} for lane in running]
                else:
                    words = [int.from_bytes(rows[t, lane].tobytes(), "big") for lane in running]
                    bits = [f"{word:0{8 * rows.shape[2]}b}" for word in words]
                    lit = [{i for i in range(operand.size) if word[i] == "1"} for word in bits]
                dense += mv.rows * len(running) * (1 if operand.kind == "one_hot" else mv.cols)
                issued += mv.rows * len(running) * (1 if operand.kind == "one_hot" else len(set().union(*lit)))
                useful += mv.rows * sum(map(len, lit))
    return dense, issued, useful


@settings(max_examples=25)
@given(drawn_stacks())
def test_macs_equal_a_popcount_over_all_phases(trace: Trace) -> None:
    report = simulate(SMALL, trace, "analytic")
    assert (report.macs.dense, report.macs.issued, report.macs.useful) == _counted_by_hand(SMALL, trace)
    ledger = report.ledger
    assert ledger.get(catalogue.MAC) == report.macs.useful
    assert ledger.get(catalogue.MAC) + ledger.get(catalogue.MAC_ZERO_OPERAND) == report.macs.issued
    assert report.steps == trace.steps
    assert report.tokens == trace.lengths[: SMALL.lanes].sum()


def _between_phases(design: Design, trace: Trace, reverse: bool) -> int:
    """Bits of what later phases read of earlier ones, with or without what is read again, in whole accesses."""
    access, bits = design.dram.burst_bits, 0
    for phase in trace.phases[1:]:
        names = [o.name for o in phase.graph.operands if o.kind == "vector"]
        a_lane = sum(8 * phase.graph.operand(name).size for name in names if reverse or not name.endswith("reverse"))
        for t in range(phase.steps):
            lanes = sum(t < length for length in phase.lengths[: design.lanes])
            bits += -(-lanes * a_lane // access) * access
    return bits


@settings(max_examples=25)
@given(drawn_stacks(), st.sampled_from([1, 64]), st.sampled_from(ENGINES))
def test_what_passes_between_phases_is_written_once_and_fetched(trace: Trace, access: int, engine: Any) -> None:
    """Also where the design has its inputs x for nothing: this is its own result, of a whole sequence."""
    design = RESIDENT.override({"dram.burst_bits": access})
    assert not design.dram.inputs
    ledger = simulate(design, trace, engine).ledger
    assert ledger.get(catalogue.WRITE_BITS) == _between_phases(design, trace, reverse=False)
    assert ledger.get(catalogue.READ_BITS) == _between_phases(design, trace, reverse=True)


def test_inputs_of_the_first_phase_are_fetched_where_the_design_fetches_inputs() -> None:
    trace = _stack(source=Vector(size=5))
    free, fetched = (simulate(RESIDENT.override({"dram.inputs": inputs}), trace) for inputs in (False, True))
    x = 2 * 5 * 8 * int(trace.lengths[: RESIDENT.lanes].sum())
    assert fetched.ledger.get(catalogue.READ_BITS) == free.ledger.get(catalogue.READ_BITS) + x
    assert fetched.ledger.get(catalogue.WRITE_BITS) == free.ledger.get(catalogue.WRITE_BITS) > 0


def test_what_is_written_is_paid_for() -> None:
    """By the energy of DRAM and by the bandwidth in use."""
    report = simulate(RESIDENT, _stack())
    moved = report.ledger.get(catalogue.READ_BITS) + report.ledger.get(catalogue.WRITE_BITS)
    assert report.dram_gbps == pytest.approx(1e-9 * moved / report.seconds)
    assert "a write is assumed to cost as much as a read" in report.energy.components["dram"].source


@FEW
@given(drawn_designs(), drawn_stacks(), st.sampled_from([0, 4096]))
def test_phases_cut_into_traces_of_their_own_add_up(design: Design, trace: Trace, capacity: int) -> None:
    """Alone, what a phase reads is an input, so inputs are fetched; a readout has no recurrence to be run alone."""
    memory = {} if design.weight_memory.private else {"weight_memory.capacity_kib": capacity}
    design = design.override({"dram.inputs": True, **memory})
    whole = run(_prepared(design, trace), "analytic")
    recurrent = [phase for phase in trace.phases if any(mv.edge == "previous_step" for mv in phase.graph.mat_vecs)]
    parts = [run(prepare(Job(design, phase)), "analytic") for phase in recurrent]
    header = trace.header.model_copy(update={"later": trace.header.later[: len(recurrent) - 1]})
    names = {name for phase in recurrent for name in phase.arrays}
    without = Trace(header, {n: a for n, a in trace.arrays.items() if n in names}, trace.lengths)
    stack = run(prepare(Job(design, without)), "analytic")
    assert stack.cycles == sum(part.cycles for part in parts)
    assert stack.stalls == {cause: sum(part.stalls[cause] for part in parts) for cause in stack.stalls}
    assert stack.busy_cycles == sum(part.busy_cycles for part in parts)
    begins = np.cumsum([0, *(part.cycles for part in parts)])
    ends = [begin + part.step_ends for begin, part in zip(begins, parts, strict=False)]
    assert stack.step_ends.tolist() == np.concatenate(ends).tolist()
    assert whole.step_ends[: len(stack.step_ends)].tolist() == stack.step_ends.tolist()
    assert (whole.cycles > stack.cycles) == (len(recurrent) < len(trace.phases))


def test_a_readout_that_is_a_phase_is_timed_by_hand() -> None:
    """One step: inputs, the bias of a block, columns of one word each, activation, and the pipeline's depth."""
    values: dict[str, Any] = {
        "dram.latency_ns": 1,
        "dram.bandwidth_gbps": 1e6,
        "weight_memory.latency_cycles": 2,
    }
    with_it, without = (simulate(RESIDENT.override(values), _stack(outputs=outputs)) for outputs in (1, None))
    trace = _stack(outputs=1)
    top = np.unpackbits(trace.arrays["top"][:][0, : RESIDENT.lanes], axis=-1).any(axis=0).sum()
    fetched, waited, bias, issue, latency, column, activated, depth = 1, 1, 1, 1, 2, 1, 1, 5
    path = fetched + waited + bias + issue + latency
    assert with_it.cycles - without.cycles == path + top * column + activated + depth


def test_weights_of_all_phases_share_the_sram() -> None:
    """An SRAM that holds either layer and not both keeps none, or, where it may keep a part, no more than it holds."""
    trace = _stack(hidden=20, source=Vector(size=40), outputs=None)
    one, two = (prepare(Job(RESIDENT, phase)).model_bits for phase in trace.phases)
    both = prepare(Job(RESIDENT, trace))
    assert both.model_bits == both.resident_bits == one + two
    kib = -(-max(one, two) // 8192)
    assert 8192 * kib < one + two
    small = RESIDENT.override({"weight_memory.capacity_kib": kib})
    assert [prepare(Job(small, phase)).resident_bits for phase in trace.phases] == [one, two]
    assert prepare(Job(small, trace)).resident_bits == 0
    assert not simulate(small, trace).resident
    part = prepare(Job(small.override({"weight_memory.residency": "part"}), trace))
    assert 0 < part.resident_bits <= 8192 * kib
    reads = [simulate(each, trace).ledger.get(catalogue.READ_BITS) for each in (RESIDENT, part.job.design, small)]
    assert reads == sorted(set(reads))


def test_a_readout_of_one_step_is_the_last_to_be_kept() -> None:
    """Under ``part``, what a sequence reads once does not displace what it reads in every step."""
    trace = _stack(hidden=8, outputs=60)
    part = RESIDENT.override({"weight_memory.residency": "part"})
    whole = prepare(Job(part, trace)).model_bits
    kib = whole // 8192  # a part of a KiB too few
    *layers, readout = prepare(Job(part.override({"weight_memory.capacity_kib": kib}), trace)).phases
    assert not any(burst.column_dram_bits for phase in layers for b in phase.plan.blocks for burst in b.bursts)
    assert any(burst.column_dram_bits for block in readout.plan.blocks for burst in block.bursts)


def test_the_state_buffer_holds_one_phase_at_a_time() -> None:
    trace = _stack(hidden=10)
    enough = SMALL.override({"state_buffer.units": 20})  # two directions of 10 units
    assert simulate(enough, trace).cycles == simulate(SMALL, trace).cycles
    with pytest.raises(BadInput, match=r"state_buffer\.units must be at least 20, not 19$"):
        simulate(SMALL.override({"state_buffer.units": 19}), trace)


def _checked(design: Design, trace: Trace) -> int:
    """The number of sums of all phases that differ from the matrix products."""
    wrong = 0
    for prepared, phase in zip(_prepared(design, trace).phases, trace.phases, strict=True):
        integers = drawn_integers(phase, seed=3)
        found = run_check(*prepared.triple, integers)
        wrong += sum(differences(found, sums_of(phase, prepared.plan, integers)).values())
    return wrong


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn_designs(), drawn_stacks())
def test_the_sums_in_the_scratch_are_those_of_the_matrix_products(design: Design, trace: Trace) -> None:
    assert _checked(design, trace) == 0


def test_the_check_notices_a_fault_of_a_later_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, right = _stack(density=0.8), Functional._operand
    assert _checked(SMALL, trace) == 0

    def without_readout(self: Functional, mat_vec: int, column: int, step: int) -> Any:
        return right(self, mat_vec, column, step) * (self.plan.mat_vecs[mat_vec].name != "readout")

    monkeypatch.setattr(Functional, "_operand", without_readout)
    assert _checked(SMALL, trace) > 0


def test_the_host_may_take_a_phase() -> None:
    """A readout on the host is neither run nor written for; the report says that it is left out."""
    trace, alone = _stack(), _stack(outputs=None)
    for report in (simulate(SMALL.override({"host": ["readout"]}), trace), simulate(SMALL, trace, scope="recurrent")):
        assert report.cycles == simulate(SMALL, alone).cycles
        assert report.ledger == simulate(SMALL, alone).ledger
        assert len(report.left_out) == 1
        assert report.left_out[0].startswith("readout (readout: ")


def test_at_least_one_phase_must_be_recurrent() -> None:
    with pytest.raises(BadInput, match=r"^design skip-65nm: nothing recurrent is left to run$"):
        simulate(SMALL, _stack().phases[2])
    with pytest.raises(BadInput, match=r"^design skip-65nm: nothing recurrent is left to run$"):
        simulate(SMALL.override({"host": ["recurrent"]}), _stack())


def test_a_run_of_fewer_steps_is_refused() -> None:
    trace = _stack()
    assert simulate(SMALL, trace, steps=9).cycles == simulate(SMALL, trace).cycles
    rule = r"^steps must be all 9 of the trace, not 5: workload stacked: "
    with pytest.raises(BadInput, match=rule + "a layer reads sequences from their end$"):
        simulate(SMALL, trace, steps=5)
    phases = "its 3 phases begin one after the other, each once whole sequences are through$"
    with pytest.raises(BadInput, match=rule + phases):
        simulate(SMALL, _forwards(trace), steps=5)


def _forwards(trace: Trace) -> Trace:
    """The same phases, as those of a network whose layers all read forwards."""
    return Trace(trace.header.model_copy(update={"reads_ahead": False}), trace.arrays, trace.lengths)


@pytest.mark.parametrize(
    ("trace", "why"),
    [
        (_stack(), "a layer reads sequences from their end"),
        (_stack(layers=1, outputs=None), "a layer reads sequences from their end"),  # one phase, and yet no stream
        (_forwards(_stack()), "its 3 phases begin one after the other, each once whole sequences are through"),
    ],
)
def test_a_stream_is_refused(trace: Trace, why: str) -> None:
    rule = rf"^workload stacked: cannot run as a stream, a step every period: {why}; run whole sequences instead"
    with pytest.raises(BadInput, match=rule):
        streaming(SMALL, trace, 100.0)
    with pytest.raises(BadInput, match=rule):
        least_bandwidth(SMALL, trace, 100.0)
    with pytest.raises(BadInput, match=rule):
        least_sram(SMALL, trace, 100.0)


def test_recurrent_layers_that_read_forwards_may_stream_alone() -> None:
    """A network whose readout is a phase of its own (a head, or pooling) has steps once that is left out."""
    trace = _forwards(_stack(layers=1))
    layer = _forwards(_stack(layers=1, outputs=None))
    with pytest.raises(
        BadInput, match=r"instead \(archsim run\), or the recurrent layers alone \(--scope recurrent\)$"
    ):
        streaming(SMALL, trace, 100.0)
    assert streaming(SMALL, trace, 100.0, scope="recurrent").latency_us == streaming(SMALL, layer, 100.0).latency_us
    assert simulate(SMALL, trace, steps=3, scope="recurrent").cycles == simulate(SMALL, layer, steps=3).cycles
    with pytest.raises(BadInput, match=r"from their end; run whole sequences instead \(archsim run\)$"):
        streaming(SMALL, _stack(), 100.0, scope="recurrent")


def test_speed_ups_are_relative_to_dense_runs_of_all_phases() -> None:
    trace = _stack(density=0.2)
    report = simulate(SMALL, trace)
    off = simulate(SMALL.override({"skip_encoder.enabled": False}), trace)
    assert report.against.cycles_same_lanes == off.cycles > report.cycles
    assert report.against.macs_streamed == off.macs.issued
    (bulk,) = simulate_many([Job(SMALL, trace)])
    assert isinstance(bulk, type(report))
    assert (bulk.cycles, bulk.ledger, bulk.energy) == (report.cycles, report.ledger, report.energy)


Event = tuple[int, str, str, int, int, int]


def _logged(design: Design, trace: Trace, engine: Any) -> tuple[Timing, list[Event]]:
    events: list[Event] = []
    timing = run(prepare(Job(design, trace)), engine, lambda *event: events.append(event))
    return timing, events


@pytest.mark.parametrize("engine", ["burst", "column"])
@pytest.mark.parametrize(("inputs", "bank_cycles"), [(False, 0), (True, 0), (False, 9)])
def test_every_cycle_of_every_phase_is_accounted_for(engine: Any, inputs: bool, bank_cycles: int) -> None:
    """The log of all phases: the slices of a component cover the run, and the PE array's add up to its stalls."""
    design = SMALL.override({"dram.inputs": inputs, "sequencer.bank_cycles": bank_cycles})
    timing, events = _logged(design, _stack(), engine)
    log = OccupationLog(design.pe_array.banks, bank_cycles=bank_cycles)
    for event in events:
        log(*event)
    found = log.finish(timing.cycles)
    assert found["pe_array"].busy_cycles == timing.busy_cycles
    assert found["pe_array"].stalls == timing.stalls
    for each in found.values():
        assert each.busy_cycles + sum(each.stalls.values()) == timing.cycles
    for name in found:
        own = [s for s in slices(events, timing.cycles, design.pe_array.banks) if s.component == name]
        assert own[0].begin == 0
        assert all(one.end == next_.begin for one, next_ in pairwise(own))
        assert own[-1].end == timing.cycles


def test_steps_and_blocks_are_numbered_through() -> None:
    trace = _stack()
    prepared = prepare(Job(SMALL, trace))
    _, events = _logged(SMALL, trace, "burst")
    phases = [event for event in events if event[2] == "phase"]
    assert [(step, block) for _, _, _, step, block, _ in phases] == [
        (phase.first_step, phase.first_block) for phase in prepared.phases[1:]
    ]
    assert [phase.first_step for phase in prepared.phases] == [0, 9, 18]
    assert {event[3] for event in events} == set(range(19))
    assert phases[0][0] == simulate(SMALL, trace.phases[0]).cycles
    assert phases[1][0] == simulate(SMALL, _stack(outputs=None)).cycles


def test_completed_steps_are_those_of_all_phases() -> None:
    done: list[int] = []
    simulate(SMALL, _stack(), on_step=done.append)
    assert done == list(range(1, 20))


def _slices(path: Path) -> Iterator[dict[str, Any]]:
    return (event for event in json.loads(path.read_text())["traceEvents"] if event["ph"] == "X")


def test_a_timeline_shows_every_phase(tmp_path: Path) -> None:
    """The cycles of its slices are those of the log, and its bursts are named after the products of their phase."""
    trace, path = _stack(), tmp_path / "t.json"
    with open_timeline(path, SMALL, trace, 0, 18) as log:
        report = simulate(SMALL, trace, log=log)
    busy = [event for event in _slices(path) if event["cat"] == "busy" and event["tid"] == 2]
    assert sum(event["args"]["cycles"] for event in busy) == report.busy_cycles
    shown = {name for event in busy for name in event["args"]["products"].split()}
    assert shown == {mv.name for phase in trace.phases for mv in phase.graph.mat_vecs}
    events = json.loads(path.read_text())["traceEvents"]
    assert [event["args"]["step"] for event in events if event["name"] == "phase"] == [9, 18]
    with (
        pytest.raises(BadInput, match="window must lie within steps 0 to 18"),
        open_timeline(path, SMALL, trace, 0, 19),
    ):
        pass


def test_histograms_are_of_all_phases() -> None:
    trace = _stack()
    found = {histogram.operand: histogram for histogram in column_histograms(trace, 2)}
    assert set(found) == set(trace.arrays)
    assert sum(found["y_0"].counts) == 9 + 9  # two groups of lanes, the longest of each of 9 steps
    assert sum(found["top"].counts) == 2
