"""The compiled sweep: equal to designs that are planned and run one by one, in outcome, time and every count."""

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim import designs
from archsim.analytic import bulk_positions as at
from archsim.analytic.bulk import Machines, Runs
from archsim.analytic.bulk_timing import COUNTED
from archsim.columns.designs import Designs
from archsim.design import Design, Value, load_design
from archsim.errors import BadInput
from archsim.simulation import Job, prepare, time_run
from archsim.timing import STALLS
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.test_engines import drawn_designs, drawn_traces
from tests.sizes import NIGHTLY
from workloads import zoo
from workloads.record import record

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
COVERED = {at.RAN: "ran", at.REFUSED: "refused", at.NOT_COVERED: "not covered"}


def assert_as_one_by_one(found: Runs, machines: Designs, trace: Trace) -> list[str]:
    """What became of each design; each that has run or was refused is as `simulate_many` has it."""
    outcomes = [COVERED[code] for code in found.of(at.OUTCOME).tolist()]
    for n, outcome in enumerate(outcomes):
        if outcome == "not covered":
            continue
        try:
            prepared = prepare(Job(machines.design(n), trace))
            timing = time_run(prepared)
        except BadInput:
            assert outcome == "refused"
            continue
        assert outcome == "ran"
        row = found.rows[found.codes[n]]
        counts = {(a.component, a.name): c for a, c in zip(COUNTED, row[at.COUNTS :].tolist(), strict=True) if c}
        assert counts == {(c, a): k for c, actions in timing.ledger.counts.items() for a, k in actions.items()}
        assert (row[at.CYCLES], row[at.BUSY]) == (timing.cycles, timing.busy_cycles)
        assert dict(zip(STALLS, row[at.STALL_0 : at.DRAIN + 1].tolist(), strict=True)) == timing.stalls
        assert (row[at.RESIDENT_BITS], found.model_bits[n]) == (prepared.resident_bits, prepared.model_bits)
        assert found.tokens[found.codes[n]] == prepared.tokens
    return outcomes


@st.composite
def drawn_variants(draw: st.DrawFn) -> list[dict[str, Value]]:
    """A few designs around one, that differ in what decides about memories, blocks and the channel."""
    choices: dict[str, list[Any]] = {
        "clock_mhz": [100, 150, 900],
        "dram.bandwidth_gbps": [0.4, 6.4, 7.0123456789012345],
        "dram.inputs": [False, True],
        "dram.arbitration": ["static", "tdm", "fcfs"],
        "weight_memory.capacity_kib": [0, 1, 2, 64],
        "weight_memory.residency": ["whole", "part"],
        "weight_memory.fifo_words": [1, 2, 7, 24],
        "weight_memory.weights_per_cycle": [1, 3, 8],
        "pe_array.accumulators": [1, 2, 5, 16],
        "pe_array.double_buffered": [False, True],
        "skip_encoder.enabled": [False, True],
        "state_buffer.units": [4, 1024],
        "pe_array.weight_bits": [4, 8],
    }
    paths = draw(st.lists(st.sampled_from(sorted(choices)), min_size=1, max_size=4, unique=True))
    return [{path: draw(st.sampled_from(choices[path])) for path in paths} for _ in range(draw(st.integers(1, 8)))]


@settings(
    max_examples=4000 if NIGHTLY else 150,
    deadline=None,
    suppress_health_check=SLOW,
)
@given(drawn_designs(), drawn_traces(), st.data())
def test_a_sweep_equals_designs_one_by_one(base: Design, trace: Trace, data: st.DataObject) -> None:
    machines = Designs.of_settings(base, [{}, *data.draw(drawn_variants())])
    assert_as_one_by_one(Machines(machines).run(trace), machines, trace)


@settings(
    max_examples=1000 if NIGHTLY else 60,
    deadline=None,
    suppress_health_check=SLOW,
)
@given(drawn_designs(), drawn_variants(), st.integers(1, 24), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 2**31))
def test_steps_that_repeat_are_taken_from_what_is_remembered(
    base: Design, variants: list[dict[str, Value]], hidden: int, density: float, seed: int
) -> None:
    trace = synthesize(hidden=hidden, inputs=4, density=density, sequences=4, steps=120, seed=seed)
    machines = Designs.of_settings(base, [{}, *variants])
    assert_as_one_by_one(Machines(machines).run(trace), machines, trace)


@pytest.mark.parametrize("name", designs.ALL)
@pytest.mark.parametrize("model", ["wp-lstm256-ternary-s90", "wp-lstm512-fixed8"])
def test_shipped_designs_on_shipped_networks(name: str, model: str) -> None:
    """Each with other clocks, accumulators, capacities and lanes; weight-stationary arrays and private memories are
    left to be planned one by one."""
    base, lanes = load_design(name), load_design(name).lanes
    variants: list[dict[str, Value]] = [
        {"lanes": n, "clock_mhz": clock, "pe_array.accumulators": base.pe_array.accumulators * times}
        for n in (1, lanes)
        for clock in (50, base.clock_mhz)
        for times in (1, 3)
    ]
    trace = recorded(model, lanes)
    machines = Designs.of_settings(base, variants)
    outcomes = assert_as_one_by_one(Machines(machines).run(trace), machines, trace)
    apart = base.dataflow != "output-stationary" or base.weight_memory.private
    assert ("not covered" in outcomes) == apart


@cache
def recorded(model: str, sequences: int) -> Trace:
    return record(zoo.load_either(model), "validation", sequences, 20, 1)
