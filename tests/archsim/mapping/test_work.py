"""What a run is charged for, compared with every lane's own bits: nothing for a lane that does not run."""

import tracemalloc

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archsim import catalogue
from archsim.analytic.closed_form import run_analytic
from archsim.design import Design, load_design
from archsim.mapping.planner import plan
from archsim.mapping.work import Work, measure
from archsim.simulation import ENGINES, Job, prepare, simulate
from archsim.timing import Macs
from archsim.trace.columns import pack_mask
from archsim.trace.graph import Operand
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.test_engines import drawn_designs, drawn_traces, engines, fits

DRAWN = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def by_lane(trace: Trace, work: Work) -> tuple[Macs, int]:
    """MACs and reads of h or of an input vector, each lane by itself, a column and a step at a time.

    A lane is issued every column on the list, or all columns where nothing is skipped, but of a one-hot operand only
    the column of its own symbol.
    """
    dense = issued = useful = read = 0
    for mv, streamed_at, at_once in zip(work.mat_vecs, streamed(work), work.steps_at_once, strict=True):
        bits = trace.nonzero(mv, work.lanes, work.steps)
        running = trace.active(work.lanes, work.steps, mv.when)
        one_hot = trace.graph.operand(mv.operand).kind == "one_hot"
        for step, lane in np.argwhere(running).tolist():
            columns = [column for column in range(mv.cols) if bits[step, lane, column]]
            own = 1 if one_hot else streamed_at[step - step % at_once]
            dense += mv.rows * (1 if one_hot else mv.cols)
            issued += mv.rows * own
            useful += mv.rows * len(columns)
            read += 0 if one_hot else own
    return Macs(dense, issued, useful), read


def streamed(work: Work) -> list[list[int]]:
    return [[work.streamed_at(index, step)[0] for step in range(work.steps)] for index in range(len(work.mat_vecs))]


@DRAWN
@given(drawn_designs(), drawn_traces(), st.integers(1, 4))
def test_issued_macs_are_at_most_dense_ones_and_at_least_useful_ones(design: Design, trace: Trace, lanes: int) -> None:
    assume(fits(design, trace) and lanes <= design.lanes)
    planned = plan(design, trace.graph, lanes)
    encoder = design.skip_encoder
    work = measure(trace, planned, trace.steps, encoder.enabled, encoder.reach)
    macs, _ = by_lane(trace, work)
    assert work.macs == macs
    assert macs.useful <= macs.issued <= macs.dense
    if not encoder.enabled:
        assert macs.issued == macs.dense


@DRAWN
@given(drawn_designs(), drawn_traces())
def test_the_ledger_counts_what_the_lanes_were_issued(design: Design, trace: Trace) -> None:
    assume(fits(design, trace))
    work, timings = engines(design, trace)
    macs, _ = by_lane(trace, work)
    for timing in timings.values():
        ledger = timing.ledger
        assert ledger.get(catalogue.MAC) == macs.useful
        assert ledger.get(catalogue.MAC_ZERO_OPERAND) == macs.issued - macs.useful
        assert design.shape.stationary or ledger.get(catalogue.SCRATCH_ACCESS) == macs.issued
        assert 0 <= ledger.get(catalogue.IDLE_PE_CYCLE) <= design.pe_array.pes * timing.cycles - macs.issued


def test_h_is_read_once_a_block_for_every_lane_that_runs_and_a_symbol_never() -> None:
    trace = synthesize(100, 10, 0.3, sequences=4, steps=3)
    design = load_design("skip-65nm").override({"lanes": 4})
    for lanes in (1, 3):
        phase = prepare(Job(design, trace, lanes)).only
        counted = run_analytic(*phase.triple).ledger.get(catalogue.H_READ)
        assert counted == len(phase.plan.blocks) * by_lane(trace, phase.work)[1]


def test_a_lane_that_the_run_does_not_use_costs_nothing() -> None:
    """A run of one lane of eight counts no more than one on a design with that lane alone."""
    trace = synthesize(100, 10, 0.3, sequences=8, steps=4)
    eight = load_design("skip-65nm")
    alone = eight.override({"lanes": 1, "pe_array.tiles": 1, "pe_array.pes_per_tile": eight.pes_per_lane})
    assert not eight.pe_array.clock_gated
    of_eight, of_one = (simulate(design, trace, lanes=1) for design in (eight, alone))
    assert of_eight.cycles == of_one.cycles
    assert of_eight.ledger == of_one.ledger


def test_a_lane_is_switched_off_a_step_after_its_sequence_has_ended() -> None:
    """Four steps of 10, 20, 30 and 40 cycles, and 5 to drain; of three lanes, one ends after step 0, one after 2."""
    drawn = synthesize(8, 3, 0.5, sequences=3, steps=4)
    trace = Trace(drawn.header, drawn.arrays, np.array([4, 1, 3]))
    work = measure(trace, plan(load_design("skip-65nm"), trace.graph, 3), 4, skipping=True)
    step_ends = np.array([10, 30, 60, 100])
    assert work.lane_cycles(step_ends, 105) == 105 + 30 + 100
    shorter = measure(trace, plan(load_design("skip-65nm"), trace.graph, 3), 1, skipping=True)
    assert shorter.lane_cycles(step_ends[:1], 15) == 3 * 15


def test_counts_of_a_long_run_take_no_more_memory_than_those_of_a_shorter_one() -> None:
    """9 and 27 windows of 1,024 steps, each of 80 KiB: the latest two are held, whatever the length."""
    rng, peaks = np.random.default_rng(1), []
    for steps in (9 * 1024, 27 * 1024):
        header, lengths = synthesize(8, 3, 0.5, sequences=2, steps=1).header, np.full(2, steps)
        arrays = {"x": np.zeros((steps, 2), np.uint16), "h": rng.integers(0, 256, (steps + 1, 2, 1), np.uint8)}
        trace = Trace(header, arrays, lengths)
        work = measure(trace, plan(load_design("skip-65nm"), trace.graph, 2), steps, skipping=True)
        tracemalloc.start()
        assert work.totals.tokens == 2 * steps
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2**14


def test_vectors_that_come_in_are_scanned_for_their_zeros() -> None:
    """A vector of six elements over three steps: the encoder's flags see each element once, and its list has those that
    are not zero in any of two lanes."""
    design = load_design("skip-65nm").override({"lanes": 2, "pe_array.tiles": 1})
    mask = np.array(
        [
            [[1, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0]],
            [[0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0]],
            [[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]],
        ],
        bool,
    )
    trace = synthesize(4, 6, 0.0, sequences=2, steps=3)
    vector = Operand(name="x", size=6, bits=8, kind="vector")
    graph = trace.graph.model_copy(update={"operands": (vector, *trace.graph.operands[1:])})
    header = trace.header.model_copy(update={"graph": graph})
    given = Trace(header, {**trace.arrays, "x": pack_mask(mask)}, trace.lengths)
    for engine in ENGINES:
        with_vector, one_hot = (simulate(design, each, engine).ledger for each in (given, trace))
        assert with_vector.get(catalogue.SCAN_COLUMN) - one_hot.get(catalogue.SCAN_COLUMN) == 3 * 6
        assert with_vector.get(catalogue.LIST_COLUMN) - one_hot.get(catalogue.LIST_COLUMN) == 2 + 2 + 6
        off = simulate(design.override({"skip_encoder.enabled": False}), given, engine).ledger
        assert off.get(catalogue.SCAN_COLUMN) == off.get(catalogue.LIST_COLUMN) == 0
