"""Streams, batches and deadlines, compared with steps cut out and simulated alone; rooflines and histograms."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim.analysis.roofline import (
    column_histograms,
    listed_columns,
    roofline,
    speedup,
)
from archsim.analysis.scenario import (
    batch,
    least_bandwidth,
    least_sram,
    streaming,
)
from archsim.analytic.closed_form import step_cycles
from archsim.costs import energy
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.steps import run_machine
from archsim.record import RooflineRecord, RunRecord
from archsim.simulation import Job, prepare, simulate
from archsim.trace.columns import pack_mask
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.cuts import largest_blocks

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SMALL = {
    "lanes": 2,
    "pe_array.tiles": 1,
    "pe_array.pes_per_tile": 8,
    "pe_array.accumulators": 4,
    "weight_memory.weights_per_cycle": 4,
    "weight_memory.fifo_words": 16,
}


@pytest.fixture
def design() -> Design:
    return load_design("skip-65nm").override(SMALL)


@pytest.fixture
def trace() -> Trace:
    return synthesize(24, 5, 0.4, sequences=4, steps=12)


def cut(trace: Trace, step: int) -> Trace:
    """One step of a trace as a trace of its own."""
    kinds = {o.name: o.kind for o in trace.graph.operands}
    arrays = {name: a[step : step + 1 + (kinds[name] == "state")] for name, a in trace.arrays.items()}
    return Trace(trace.header, arrays, np.ones(trace.sequences, np.int64))


def alone(design: Design, trace: Trace, lanes: int = 1) -> list[int]:
    """Cycles of every step, each simulated on its own."""
    jobs = [prepare(Job(design, cut(trace, step), lanes)) for step in range(trace.steps)]
    return [run_machine(*job.triple, "burst").cycles for job in jobs]


# --- streaming --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arbitration", [None, "static", "tdm", "fcfs"])
@pytest.mark.parametrize("lanes", [1, 2])
@largest_blocks()
def test_a_step_on_its_own_takes_what_it_takes_alone(
    design: Design, trace: Trace, lanes: int, arbitration: str | None
) -> None:
    """If inputs come over the channel, those of the step itself are fetched first."""
    if arbitration:
        inputs: dict[str, Any] = {
            "dram.inputs": True,
            "dram.arbitration": arbitration,
            "dram.input_share": 0.2,
            "dram.burst_bits": 256,
        }
        design = design.override(inputs)
    job = prepare(Job(design, trace, lanes))
    assert step_cycles(*job.triple).tolist() == alone(design, trace, lanes)


@pytest.mark.parametrize(("period_us", "lanes"), [(30.0, 1), (1.5, 2)])
def test_a_stream_by_burst_is_that_of_the_closed_form(
    design: Design, trace: Trace, period_us: float, lanes: int
) -> None:
    ragged = Trace(trace.header, trace.arrays, np.array([12, 7, 3, 9]))
    assert streaming(design, ragged, period_us, lanes=lanes, engine="burst") == streaming(
        design, ragged, period_us, lanes=lanes
    )


@pytest.mark.parametrize(("period_us", "deadline_us"), [(30.0, None), (3.0, 3.5), (1.5, 8.0)])
def test_slack_is_that_of_a_queue_written_as_a_loop(
    design: Design, trace: Trace, period_us: float, deadline_us: float | None
) -> None:
    found = streaming(design, trace, period_us, deadline_us)
    due, end, slack = period_us if deadline_us is None else deadline_us, 0.0, []
    for step, cycles in enumerate(alone(design, trace)):
        end = max(end, step * period_us) + cycles / design.clock_mhz
        slack.append(step * period_us + due - end)
    assert found.slack_us.least == pytest.approx(min(slack))
    assert found.slack_us.mean == pytest.approx(sum(slack) / len(slack))
    assert found.slack_us.most == pytest.approx(max(slack))
    assert found.missed_steps == sum(s < -1e-9 for s in slack)
    assert found.elapsed_us == pytest.approx(max(end, trace.steps * period_us), abs=0.5 / design.clock_mhz)
    assert found.missed_share == found.missed_steps / trace.steps


def test_energy_over_the_period_is_that_of_the_work_and_of_the_time(design: Design, trace: Trace) -> None:
    """Leakage is proportional to the period; other parts have one share per token and one per microsecond."""
    job = prepare(Job(design, trace, 1))
    timing = run_machine(*job.triple, "burst")
    busy_us = timing.cycles / design.clock_mhz / trace.steps
    works = energy(design, timing.ledger, timing.cycles, trace.steps).components
    short, long = (streaming(design, trace, period_us).energy.components for period_us in (20.0, 40.0))
    for name in works:
        a_us = (long[name].value - short[name].value) / 20.0
        assert a_us >= 0
        assert short[name].value == pytest.approx(works[name].value + a_us * (20.0 - busy_us))
    assert long["leakage"].value == pytest.approx(2 * short["leakage"].value)
    assert long["pe_array"].value > short["pe_array"].value
    for name in ("scratch", "weight_memory", "state_buffer", "skip_encoder", "activation_unit"):
        assert long[name].value == pytest.approx(short[name].value)
    gated = design.override({"pe_array.clock_gated": True})
    of_pes = [streaming(gated, trace, period_us).energy.components["pe_array"].value for period_us in (20.0, 40.0)]
    assert of_pes[0] == pytest.approx(of_pes[1])


def test_a_stream_faster_than_the_machine_never_waits(design: Design, trace: Trace) -> None:
    found = streaming(design, trace, 0.001, 1000.0)
    assert found.elapsed_us == pytest.approx(found.busy_us, abs=0.01)
    assert found.busy_us == pytest.approx(sum(alone(design, trace)) / design.clock_mhz)
    assert found.slack_us.least < found.slack_us.most


def test_only_steps_in_which_a_sequence_runs_are_streamed(design: Design, trace: Trace) -> None:
    short = Trace(trace.header, trace.arrays, np.array([3, 12, 12, 12]))
    found = streaming(design, short, 20.0)
    assert (found.steps, found.tokens) == (3, 3)
    assert json.loads(json.dumps(found.to_json()))["steps"] == 3


@pytest.mark.parametrize(
    ("period", "deadline", "name"), [(0.0, 1.0, "period"), (1.0, -2.0, "deadline"), (math.inf, 1.0, "period")]
)
def test_times_must_be_positive(design: Design, trace: Trace, period: float, deadline: float, name: str) -> None:
    with pytest.raises(BadInput, match=f"^{name} must be above 0 us and finite, not "):
        streaming(design, trace, period, deadline)


@pytest.mark.parametrize("arbitration", ["static", "fcfs"])
def test_a_batch_is_the_run_itself(design: Design, trace: Trace, arbitration: str) -> None:
    design = design.override({"dram.inputs": True, "dram.arbitration": arbitration})
    found, report = batch(design, trace), simulate(design, trace, "burst")
    assert found.lanes == 2
    assert found.tokens == 24
    assert found.tokens_per_second == report.tokens_per_second
    assert found.energy.total_system == report.energy.total_system
    assert json.loads(json.dumps(found.to_json()))["lanes"] == 2


# --- what a deadline asks ---------------------------------------------------------------------------------------------


def slowest_us(design: Design, trace: Trace) -> float:
    return max(alone(design, trace)) / design.clock_mhz


@pytest.mark.parametrize("deadline_us", [3.5, 5.0, 10.0])
def test_the_least_bandwidth_holds_the_deadline_and_a_little_less_does_not(
    design: Design, trace: Trace, deadline_us: float
) -> None:
    found = least_bandwidth(design, trace, deadline_us)
    assert found.slowest_step_us == slowest_us(found.design, trace) <= deadline_us
    assert found.design.dram.bandwidth_gbps == found.value
    less = design.override({"dram.bandwidth_gbps": found.value - 0.001})
    assert slowest_us(less, trace) > deadline_us
    assert streaming(found.design, trace, deadline_us).missed_steps == 0
    assert streaming(less, trace, deadline_us).missed_steps > 0


@pytest.mark.parametrize("arbitration", ["static", "tdm"])
def test_the_least_bandwidth_carries_inputs_too(design: Design, trace: Trace, arbitration: str) -> None:
    """The bound is what inputs alone could use: 6 bits in an access of 2,048, in the cycles that tdm leaves them."""
    inputs: dict[str, Any] = {
        "dram.inputs": True,
        "dram.arbitration": arbitration,
        "dram.input_share": 0.5,
        "dram.burst_bits": 2048,
    }
    over = design.override({**inputs, "weight_memory.capacity_kib": 64})
    found = least_bandwidth(over, trace, 3.0)
    assert found.slowest_step_us == slowest_us(found.design, trace) <= 3.0
    assert slowest_us(over.override({"dram.bandwidth_gbps": found.value - 0.001}), trace) > 3.0
    with pytest.raises(BadInput, match=r"with (409.6|819.2) Gb/s, as much as can be used"):
        least_bandwidth(over, trace, 0.1)


def test_a_fifo_of_one_port_takes_half_the_bandwidth(design: Design, trace: Trace) -> None:
    """4 weights of 8 bits enter it every other cycle of 200 MHz: 3.2 Gb/s. Above that, only row scales and biases gain,
    which bypass it: a word of 32 bits a cycle, 6.4 Gb/s."""
    one_port = design.override({"weight_memory.ports": 1})
    of_columns, enough, more = (
        alone(one_port.override({"dram.bandwidth_gbps": gbps}), trace) for gbps in (3.2, 6.4, 51.2)
    )
    assert enough == more
    assert all(a < b for a, b in zip(enough, of_columns, strict=True))
    with pytest.raises(BadInput, match=r"of 0.5 us: with 6.4 Gb/s, as much as can be used"):
        least_bandwidth(one_port, trace, 0.5)


@quick
@given(st.integers(0, 99), st.sampled_from(["whole", "part"]), st.sampled_from([1, 20, 400]), st.integers(0, 3))
def test_bandwidth_and_latency_never_cost_cycles_the_wrong_way(
    seed: int, residency: str, latency_ns: int, kib: int
) -> None:
    trace = synthesize(20, 3, 0.5, sequences=1, steps=1, seed=seed)
    base: dict[str, Any] = {**SMALL, "weight_memory.residency": residency, "weight_memory.capacity_kib": kib}
    cycles = [
        alone(load_design("skip-65nm").override({**base, "dram.bandwidth_gbps": gbps, "dram.latency_ns": late}), trace)
        for gbps, late in ((0.05, latency_ns), (0.3, latency_ns), (1.7, latency_ns), (9.0, latency_ns), (9.0, 1))
    ]
    assert cycles == sorted(cycles, reverse=True)


def test_weights_on_chip_need_no_bandwidth(design: Design, trace: Trace) -> None:
    resident = design.override({"weight_memory.capacity_kib": 64})
    assert least_bandwidth(resident, trace, 100.0).value == 0.0
    with pytest.raises(
        BadInput, match=r"no DRAM bandwidth holds a deadline of 0.1 us: all weights lie in SRAM, and the"
    ):
        least_bandwidth(resident, trace, 0.1)


def test_a_deadline_out_of_reach_is_refused(design: Design, trace: Trace) -> None:
    with pytest.raises(BadInput, match=r"no DRAM bandwidth holds a deadline of 0.5 us: with 6.4 Gb/s, as much as can"):
        least_bandwidth(design, trace, 0.5)
    with pytest.raises(
        BadInput, match=r"no weight SRAM holds a deadline of 0.5 us: with 3 KiB and all of the model on chip"
    ):
        least_sram(design, trace, 0.5)


@pytest.mark.parametrize("residency", ["whole", "part"])
def test_the_least_sram_is_the_first_that_holds(residency: str) -> None:
    large = synthesize(60, 9, 0.4, sequences=1, steps=3)
    design = load_design("skip-65nm").override(
        {**SMALL, "lanes": 1, "dram.bandwidth_gbps": 0.8, "weight_memory.residency": residency}
    )
    slowest = [slowest_us(design.override({"weight_memory.capacity_kib": kib}), large) for kib in range(20)]
    assert len(set(slowest)) == (2 if residency == "whole" else 18)
    for deadline_us in (min(slowest), 12.0, 40.0, 64.0, slowest[1], max(slowest)):
        found = least_sram(design, large, deadline_us)
        assert found.value == next(kib for kib, us in enumerate(slowest) if us <= deadline_us)
        assert found.slowest_step_us == slowest[int(found.value)]
        assert found.to_json()["unit"] == "KiB"
    with pytest.raises(BadInput, match="no weight SRAM holds"):
        least_sram(design, large, min(slowest) - 0.001)


@quick
@given(st.integers(0, 99), st.sampled_from([0.0, 0.2, 0.7]), st.booleans())
def test_more_columns_never_end_a_step_sooner(seed: int, density: float, double: bool) -> None:
    design = load_design("skip-65nm").override({**SMALL, "lanes": 1, "pe_array.double_buffered": double})
    drawn = synthesize(20, 3, density, sequences=1, steps=1, seed=seed)
    more = np.asarray(drawn.arrays["h"]) | synthesize(20, 3, 0.3, sequences=1, steps=1, seed=seed + 1).arrays["h"]
    heavier = Trace(drawn.header, {**drawn.arrays, "h": more}, drawn.lengths)
    assert alone(design, heavier) >= alone(design, drawn)


# --- roofs, speed-up, histograms --------------------------------------------------------------------------------------


@quick
@given(
    st.sampled_from([0.1, 1.6, 51.2]),
    st.sampled_from([1, 4, 16]),
    st.sampled_from([0, 64]),
    st.integers(1, 2),
    st.sampled_from([0.1, 1.0]),
    st.sampled_from([None, 1, 8]),
    st.booleans(),
)
def test_no_run_is_above_its_roofs(
    gbps: float, bus: int, kib: int, lanes: int, density: float, outstanding: int | None, inputs: bool
) -> None:
    design = load_design("skip-65nm").override(
        {
            **SMALL,
            "dram.bandwidth_gbps": gbps,
            "weight_memory.weights_per_cycle": bus,
            "weight_memory.capacity_kib": kib,
            "dram.burst_bits": 64,
            "dram.outstanding": outstanding,
            "dram.inputs": inputs,
        }
    )
    found = roofline(simulate(design, synthesize(24, 5, density, sequences=2, steps=6), "analytic", lanes=lanes))
    assert 0 < found.achieved_gops <= found.ceiling_gops * (1 + 1e-12)
    assert 0 < found.share <= 1 + 1e-12
    assert found.ceiling_pes_gops == pytest.approx(2 * 8 * 0.2)
    assert found.ceiling_lanes_gops == pytest.approx(2 * 4 * lanes * 0.2)


def test_roofs_of_a_dense_run_on_paper() -> None:
    """A weight of 8 bits feeds 8 lanes: one MAC per bit, except for biases of 16 bits. A word of 24 weights feeds 8
    lanes: 192 MACs a cycle, as many as there are PEs, or 76.8 GOPS at 200 MHz. With one MAC per bit, 51.2 Gb/s give
    102.4 GOPS, and 2 Gb/s give 4."""
    design, trace = load_design("skip-65nm"), synthesize(960, 1, 1.0, steps=2)
    found = roofline(simulate(design, trace))
    a_bit = 961 * 8 / (961 * 8 + 16)  # of a row: 961 weights, and a bias
    assert found.macs_per_dram_bit == pytest.approx(a_bit, rel=1e-12)
    assert found.ceiling_pes_gops == found.ceiling_lanes_gops == pytest.approx(76.8)
    assert found.ceiling_bus_gops == pytest.approx(76.8)
    assert found.ceiling_dram_gops == pytest.approx(102.4 * a_bit)
    assert found.share > 0.95
    one_port = roofline(simulate(design.override({"weight_memory.ports": 1}), trace))  # a word every other cycle
    assert (one_port.bound, one_port.ceiling_gops) == ("weight bus", pytest.approx(38.4))
    assert 0.95 < one_port.share <= 1
    starved = roofline(simulate(design.override({"dram.bandwidth_gbps": 2.0}), trace))
    assert (starved.bound, starved.ceiling_gops) == ("DRAM bandwidth", pytest.approx(4.0 * a_bit))
    # 8 accesses of 64 bits every 20 cycles of 5 ns: 5.12 Gb/s, of a MAC a bit
    few = roofline(simulate(design.override({"dram.burst_bits": 64, "dram.outstanding": 8}), trace))
    assert (few.bound, few.ceiling_gops) == ("DRAM accesses under way", pytest.approx(10.24 * a_bit))
    assert few.share > 0.95
    resident = roofline(simulate(design.override({"weight_memory.capacity_kib": 8192}), trace))
    assert math.isinf(resident.macs_per_dram_bit)
    assert json.loads(json.dumps(RooflineRecord.of(resident).to_json()))["macs_per_dram_bit"] is None


def test_speedup_is_that_of_two_runs(design: Design, trace: Trace) -> None:
    dense = design.override({"skip_encoder.enabled": False})
    for lanes in (1, 2):
        sparse, off = simulate(design, trace, lanes=lanes), simulate(dense, trace, lanes=lanes)
        found = speedup(sparse)
        assert found.achieved == off.cycles / sparse.cycles
        assert found.ideal == off.macs.issued / sparse.macs.issued
        assert found.share == found.achieved / found.ideal
        assert set(found.to_json()) == {"ideal", "achieved", "best_dense", "share"}


def test_the_best_dense_run_has_as_many_lanes_as_serve_a_token_soonest(design: Design, trace: Trace) -> None:
    """On one lane of two, the gain of skipping is over the machine as it would be used without skipping."""
    dense = design.override({"skip_encoder.enabled": False})
    sparse = simulate(design, trace, lanes=1)
    runs = [simulate(dense, trace, lanes=lanes) for lanes in (1, 2)]
    one, two = (run.cycles / run.tokens for run in runs)
    assert two < one
    assert speedup(sparse).best_dense == pytest.approx(two * sparse.tokens / sparse.cycles)
    assert speedup(sparse).best_dense < speedup(sparse).achieved
    a_token = sum(mv.rows * (mv.cols if mv.name == "W_h" else 1) for mv in trace.graph.mat_vecs)
    assert sparse.gops_effective == pytest.approx(2e-9 * a_token * sparse.tokens / sparse.seconds)
    assert sparse.gops < sparse.gops_effective


def test_a_run_without_work_has_no_ideal() -> None:
    """If all inputs and states are zero, nothing is issued, and JSON cannot represent an infinite ideal."""
    trace = synthesize(8, 4, 0.0, sequences=1, steps=2)
    graph = trace.graph.model_copy(
        update={
            "operands": tuple(o.model_copy(update={"kind": "vector", "bits": 8}) if o.name == "x" else o
                              for o in trace.graph.operands)
        }
    )  # fmt: skip
    arrays = {**trace.arrays, "h": trace.arrays["h"][:] * 0, "x": pack_mask(np.zeros((2, 1, 4), bool))}
    nothing = Trace(trace.header.model_copy(update={"graph": graph}), arrays, trace.lengths)
    report = simulate(load_design("skip-65nm"), nothing, lanes=1)
    assert report.macs.issued == 0
    assert RunRecord.of(report).to_json()["speedup_ideal"] is None


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_listed_columns_bit_by_bit(lanes: int) -> None:
    drawn = synthesize(19, 5, 0.3, sequences=7, steps=6)
    trace = Trace(drawn.header, drawn.arrays, np.array([6, 6, 2, 6, 1, 1, 6]))
    product = trace.graph.mat_vecs[1]
    found = listed_columns(trace, product, lanes, 6)
    for step in range(6):
        for group in range(7 // lanes):
            members = [s for s in range(group * lanes, group * lanes + lanes) if step < trace.lengths[s]]
            union = {
                column
                for s in members
                for column in range(19)
                if np.asarray(trace.arrays["h"])[step, s, column // 8] >> (7 - column % 8) & 1
            }
            assert found[step, group] == (len(union) if members else -1)
    assert found.shape == (6, 7 // lanes)
    np.testing.assert_array_equal(found[:, 0], trace.columns(product, lanes, 6).listed)


def test_a_histogram_counts_every_step_of_every_group_once(trace: Trace) -> None:
    x, h = column_histograms(trace, 2, bins=4)
    assert (x.operand, x.columns, h.operand, h.columns) == ("x", 5, "h", 24)
    assert sum(x.counts) == sum(h.counts) == 12 * 2
    assert h.edges == (0, 7, 14, 21, 25)
    listed = listed_columns(trace, trace.graph.mat_vecs[1], 2, 12)
    for count, low, high in zip(h.counts, h.edges, h.edges[1:], strict=False):
        assert count == sum(low <= value < high for value in listed.flatten().tolist())
    assert (h.least, h.most, h.mean) == (listed.min(), listed.max(), listed.mean())
    assert h.mean_by_group == tuple(listed.mean(axis=0))
    assert json.loads(json.dumps(h.to_json()))["groups"] == 2
    with pytest.raises(BadInput, match="lanes must be between 1 and the trace's 4 sequences, not 5"):
        column_histograms(trace, 5)
    with pytest.raises(BadInput, match="bins must be at least 1, not 0"):
        column_histograms(trace, 1, bins=0)
