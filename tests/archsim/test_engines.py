"""The three engines on drawn designs and traces: they agree in every cycle, stall and count."""

import re
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archsim import catalogue, designs
from archsim.analytic.closed_form import run_analytic
from archsim.design import Design, load_design
from archsim.errors import BadInput, Deadlock
from archsim.machine.functional import (
    Functional,
    Integers,
    Token,
    differences,
    run_check,
)
from archsim.machine.steps import run_machine
from archsim.machine.turns import BlockTurn
from archsim.mapping.plan import Block, Burst, Pace, Plan
from archsim.mapping.planner import plan
from archsim.mapping.work import (
    WINDOW,
    Work,
    measure,
)
from archsim.simulation import Job, prepare, run, simulate, simulate_many, time_run
from archsim.timing import Timing
from archsim.trace.columns import pack_mask
from archsim.trace.graph import (
    Elementwise,
    Graph,
    RowAffine,
)
from archsim.trace.header import VERSION, Header
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.cuts import largest_blocks
from workloads import cells
from workloads.config import Config, Embedding, LayerConfig, OneHot, Readout, Vector
from workloads.graphs import graph_of


@st.composite
def drawn_channels(draw: st.DrawFn, arbitration: tuple[str, ...] = ("static", "tdm")) -> dict[str, Any]:
    """A DRAM channel: in whole accesses or single bits, with few or unlimited accesses under way, with or without
    inputs."""
    burst_bits = draw(st.sampled_from([1, 64, 100]))
    return {
        "dram.bandwidth_gbps": draw(st.sampled_from([0.4, 1.61, 6.4, 7.0123456789012345, 51.2])),
        "dram.latency_ns": draw(st.sampled_from([1, 5, 50, 300])),
        "dram.burst_bits": burst_bits,
        "dram.outstanding": None if burst_bits == 1 else draw(st.sampled_from([None, 1, 3, 16])),
        "dram.inputs": draw(st.booleans()),
        "dram.arbitration": draw(st.sampled_from(arbitration)),
        "dram.input_share": draw(st.sampled_from([0.01, 0.3, 0.9])),
    }


@st.composite
def drawn_designs(draw: st.DrawFn) -> Design:
    """Small machines of every shape: with one lane or many, one accumulator or many, a FIFO of one word or more, or
    memories of their own for tiles or PEs."""
    integer = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    lanes = draw(st.sampled_from([1, 2, 4]))
    fifo_words = integer(1, 24)
    per_lane = integer(1, 6)
    weights_per_cycle = integer(1, 8)
    accumulators = integer(1, 6)
    organisation = draw(
        st.sampled_from(["shared", "shared", "per_tile", "per_pe"] if lanes == 1 else ["shared", "per_tile"])
    )
    private: dict[str, Any] = {
        "weight_memory.organisation": organisation,
        "weight_memory.capacity_kib": 256,
        "weight_memory.residency": "whole",
        "weight_memory.weights_per_word": integer(1, 4),
    }
    array: dict[str, Any] = {
        "pe_array.tiles": 1 if organisation == "shared" else integer(1, 3),
        "pe_array.pes_per_tile": lanes * per_lane,
        "pe_array.accumulators": accumulators,
    }
    channel = draw(drawn_channels())
    if organisation == "shared" and draw(st.booleans()):
        rows = integer(4, 9)
        fifo_words += per_lane * -(-rows // weights_per_cycle)  # a group
        array = {
            "dataflow": "weight-stationary",
            "pe_array.tiles": per_lane,
            "pe_array.pes_per_tile": rows,
            "pe_array.accumulators": lanes * accumulators * draw(st.sampled_from([1, 9])),
            "sequencer.steps_at_once": 1 if channel["dram.inputs"] else draw(st.sampled_from([1, 2, 3])),
        }
    return load_design("skip-65nm").override(
        {
            "lanes": lanes,
            **array,
            "pe_array.double_buffered": draw(st.booleans()),
            "weight_memory.capacity_kib": draw(st.sampled_from([0, 0, 1, 64])),
            "weight_memory.residency": draw(st.sampled_from(["whole", "part"])),
            "weight_memory.weights_per_cycle": weights_per_cycle,
            "weight_memory.fifo_words": fifo_words,
            "skip_encoder.enabled": draw(st.booleans()),
            "skip_encoder.columns_per_cycle": integer(1, 4),
            "skip_encoder.offset_bits": integer(0, 3),
            "skip_encoder.stages": integer(1, 3),
            "state_buffer.banks": integer(1, 4),
            "state_buffer.ports": integer(1, 2),
            "weight_memory.ports": integer(1, 2),
            **channel,
            "sequencer.setup_cycles": integer(0, 3),
            "sequencer.empty_burst_cycles": integer(0, 1),
            "sequencer.bank_cycles": draw(st.sampled_from([0, 0, 1, 3, 20])),
            "weight_memory.forwarding": draw(st.sampled_from(["cut-through", "cut-through", "store-and-forward"])),
            "weight_memory.latency_cycles": draw(st.sampled_from([None, 1, 5])),
            "pe_array.stages": integer(1, 3),
            "pe_array.read_ports": integer(1, 3),
            "activation_unit.units_per_cycle": integer(1, 4),
            "activation_unit.depth_cycles": integer(0, 6),
            **(private if organisation != "shared" else {}),
        }
    )


UNITS = st.integers(1, 11)
"""Units of a layer of a drawn trace."""


@st.composite
def drawn_traces(
    draw: st.DrawFn, formats: Sequence[str] = ("fixed8", "fixed4"), units: st.SearchStrategy[int] = UNITS
) -> Trace:
    """Any cell, one or two layers, with or without norms, embedding, readout and pruned inputs, h pruned for all or for
    the recurrence alone; weights of any of `formats`, of which inputs have one of their own; masks from empty to full;
    4 sequences that end at different steps."""
    hidden, symbols, steps, sequences = draw(units), draw(st.integers(1, 5)), draw(st.integers(1, 4)), 4
    a_format = st.sampled_from(formats)
    seed, density = draw(st.integers(0, 2**31)), draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    inputs: Any = draw(
        st.sampled_from(
            [
                OneHot(symbols=symbols),
                Vector(size=symbols),
                Embedding(symbols=symbols, size=3, weight_format=draw(a_format)),
            ]
        )
    )
    when: Any = draw(st.sampled_from(["every_step", "last_step", None]))
    cell = draw(st.sampled_from([cell.name for cell in cells.ALL]))
    config = Config(
        name="drawn",
        input=inputs,
        layers=tuple(
            LayerConfig(
                cell=cell,
                hidden=hidden,
                weight_format=draw(a_format),
                input_weight_format=draw(a_format),
                state_bits=8,
                threshold=0.1,
                pruned=draw(st.sampled_from(["all", "recurrence"])),
                input_bits=None if inputs.kind == "one_hot" and not layer else 8,
                input_threshold=draw(st.sampled_from([0.0, 0.1])) if layer else 0.0,
            )
            for layer in range(draw(st.integers(1, 2)))
        ),
        readout=when and Readout(outputs=symbols, weight_format=draw(a_format), when=when),
    )
    scaled = draw(st.booleans())
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: scaled))
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, steps + 1, sequences)
    lengths[0] = steps
    arrays = {
        o.name: rng.integers(0, o.size, (steps, sequences), dtype=np.uint16)
        if o.kind == "one_hot"
        else pack_mask(rng.random((steps + (o.kind == "state"), sequences, o.size)) < density)
        for o in graph.operands
    }
    return Trace(Header(version=VERSION, workload="drawn", synthetic=True, provenance={}, graph=graph), arrays, lengths)


TOO_SMALL = re.compile(
    r"pe_array\.accumulators x PEs per lane must hold|weight_memory\.fifo_words must be at least"
    r"|dataflow weight-stationary: pe_array\.(pes_per_tile|accumulators) must be at least"
    r"|pe_array\.accumulators must be at least"
    r"|sequencer\.steps_at_once must be 1 where inputs come over the channel"
)


def fits(design: Design, trace: Trace) -> bool:
    """Whether every column fits the FIFO and every unit the accumulators, the only reasons for a refusal here."""
    try:
        plan(design, trace.graph, design.lanes)
    except BadInput as error:
        if not TOO_SMALL.search(str(error)):
            raise
        return False
    return True


def engines(design: Design, trace: Trace) -> tuple[Work, dict[str, Timing]]:
    planned = plan(design, trace.graph, design.lanes)
    work = measure(trace, planned, trace.steps, design.skip_encoder.enabled, design.skip_encoder.reach)
    return work, {
        "burst": run_machine(design, planned, work, "burst"),
        "without reuse": run_machine(design, planned, work, "burst", reuse=False),
        "column": run_machine(design, planned, work, "column"),
        "analytic": run_analytic(design, planned, work),
    }


def assert_equal(one: Timing, other: Timing) -> None:
    assert one.cycles == other.cycles
    assert one.stalls == other.stalls
    assert one.busy_cycles == other.busy_cycles
    assert one.step_ends.tolist() == other.step_ends.tolist()
    assert one.ledger == other.ledger


def without_idle(timing: Timing) -> dict[str, dict[str, int]]:
    """All counts except idle PE cycles, the only ones that depend on time."""
    counts = {component: dict(actions) for component, actions in timing.ledger.counts.items()}
    counts.get("pe_array", {}).pop("idle_pe_cycle", None)
    return counts


def bits_by_definition(design: Design, trace: Trace, work: Work) -> int:
    """Bits that cross the channel: the columns streamed, block by block, and every step's inputs, in whole accesses."""
    planned, access = plan(design, trace.graph, design.lanes), design.dram.burst_bits
    made = {operand for operands in planned.lists for operand in operands}
    a_lane = 0
    for o in trace.graph.operands:
        if o.name not in made and any(mv.operand == o.name for mv in planned.mat_vecs):
            a_lane += max(o.size - 1, 0).bit_length() if o.kind == "one_hot" else o.size * (o.bits or 0)
    inputs = sum(
        -(-int(lanes) * a_lane // access) * access for lanes in trace.active(design.lanes, trace.steps).sum(axis=1)
    )
    weights = sum(
        work.totals.streamed[stream[0]] * burst.column_dram_bits
        for block in planned.blocks
        for burst in block.bursts
        for stream in burst.streams
    )
    return inputs + weights + norms_by_definition(design, trace, planned)


def norms_by_definition(design: Design, trace: Trace, planned: Plan) -> int:
    """Bits of row scales and biases of every block that runs, unless they lie in SRAM: a scale for each row of a
    normalised product and a bias for each row of a group, 16 bits each, in whole accesses."""
    scaled = {op.of for op in trace.graph.operations if isinstance(op, RowAffine)}
    rows: dict[str, int] = {}
    for op in (op for op in trace.graph.operations if isinstance(op, Elementwise)):
        for group in op.of:
            members = [mv for mv in planned.mat_vecs if mv.group == group]
            for mv in members:
                rows[mv.name] = mv.rows * (mv.name in scaled)
            if members:
                rows[members[0].name] += members[0].rows
    capacity, whole = design.weight_memory.capacity_bits, design.weight_memory.residency == "whole"
    if planned.resident or (not whole and 16 * sum(rows.values()) <= capacity):
        return 0
    bits = 0
    for block in planned.blocks:
        stage = planned.stages[block.stage]
        mine = [mv for stream in stage.streams for mv in (planned.mat_vecs[i] for i in stream)]
        of_block = 16 * sum(rows[mv.name] * block.units // stage.units for mv in mine if mv.name in rows)
        ran = trace.active(design.lanes, trace.steps, mine[0].when).any(axis=1).sum()
        bits += int(ran) * -(-of_block // design.dram.burst_bits) * design.dram.burst_bits
    return bits


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn_designs(), drawn_traces())
def test_all_engines_agree_in_time_stalls_and_counts(design: Design, trace: Trace) -> None:
    assume(fits(design, trace))
    work, timings = engines(design, trace)
    assert_equal(timings["burst"], timings["analytic"])
    assert_equal(timings["burst"], timings["without reuse"])
    assert_equal(timings["burst"], timings["column"])
    if plan(design, trace.graph, design.lanes).fetch:
        assert timings["burst"].ledger.get(catalogue.READ_BITS) == bits_by_definition(design, trace, work)
    for timing in timings.values():
        assert timing.busy_cycles + sum(timing.stalls.values()) == timing.cycles
        assert min(timing.stalls.values()) >= 0
        issued = timing.ledger.get(catalogue.MAC) + timing.ledger.get(catalogue.MAC_ZERO_OPERAND)
        assert issued == work.macs.issued
        assert timing.ledger.get(catalogue.MAC) == work.macs.useful


def cut_of(planned: Plan) -> list[tuple[int, bool]]:
    return [(block.units, block.unit_by_unit) for block in planned.blocks]


def faster_path(burst: Burst) -> Burst:
    return replace(burst, pace=Pace(max(1, burst.pace.cycles - 1), burst.pace.words))


def shorter_latency(burst: Burst) -> Burst:
    return replace(burst, latency_cycles=max(1, burst.latency_cycles - 1))


def deeper_fifo(burst: Burst) -> Burst:
    return replace(burst, fifo_words=burst.fifo_words + 1)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn_designs(), drawn_traces(), st.integers(0, 2**31), st.data())
def test_less_to_do_never_takes_longer(design: Design, trace: Trace, seed: int, data: st.DataObject) -> None:
    """With a fixed plan: fewer columns, cheaper columns, a shorter latency, a deeper FIFO."""
    assume(fits(design, trace))
    planned = plan(design, trace.graph, design.lanes)
    encoder = design.skip_encoder
    work = measure(trace, planned, trace.steps, encoder.enabled, None)
    before = run_analytic(design, planned, work).cycles

    rng = np.random.default_rng(seed)
    fewer = {
        o.name: trace.arrays[o.name] if o.kind == "one_hot" else np.asarray(trace.arrays[o.name]) & pack_mask(
            rng.random((*trace.arrays[o.name].shape[:2], o.size)) < 0.7
        )
        for o in trace.graph.operands
    }  # fmt: skip
    thinned = measure(Trace(trace.header, fewer, trace.lengths), planned, trace.steps, encoder.enabled, None)
    assert run_analytic(design, planned, thinned).cycles <= before

    if planned.fetch:
        quicker = replace(
            planned.fetch,
            cycles=tuple(max(0, cycles - 1) for cycles in planned.fetch.cycles),
            latency_cycles=max(0, planned.fetch.latency_cycles - 1),
        )
        assert run_analytic(design, replace(planned, fetch=quicker), work).cycles <= before
    change = data.draw(st.sampled_from([faster_path, shorter_latency, deeper_fifo]))
    runs = tuple(
        replace(
            run,
            block=replace(
                run.block,
                bursts=tuple(map(change, run.block.bursts)),
            ),
        )
        for run in planned.runs
    )
    assert run_analytic(design, replace(planned, runs=runs), work).cycles <= before


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn_designs(), drawn_traces(), st.data())
def test_a_better_channel_never_takes_longer(design: Design, trace: Trace, data: st.DataObject) -> None:
    """A shorter latency, more accesses under way, more bandwidth or no inputs on the channel, with the blocks as they
    are: these are cut for an estimate of the time, and others may take a cycle more."""
    assume(fits(design, trace))
    dram = design.dram
    better: list[dict[str, Any]] = [
        {"dram.latency_ns": dram.latency_ns * data.draw(st.floats(0.01, 1))},
        {"dram.bandwidth_gbps": dram.bandwidth_gbps * data.draw(st.floats(1, 8))},
        {"dram.outstanding": None if dram.outstanding is None else dram.outstanding + data.draw(st.integers(1, 9))},
        {"dram.outstanding": None},
        {"dram.inputs": False},
    ]
    first, *others = (prepare(Job(d, trace)).triple for d in (design, *(design.override(values) for values in better)))
    alike = [each for each in others if cut_of(each[1]) == cut_of(first[1])]
    before, *after = (run_analytic(*each).cycles for each in (first, *alike))
    assert max(after, default=0) <= before


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn_designs(), drawn_traces())
def test_fcfs_is_simulated_and_refused_by_name_in_closed_form(design: Design, trace: Trace) -> None:
    """As with a static order, reuse changes nothing, counts equal those of `column`, and no cycle is lost."""
    design = design.override({"dram.inputs": True, "dram.arbitration": "fcfs"})
    assume(fits(design, trace))
    prepared = prepare(Job(design, trace, design.lanes))
    design, planned, work = prepared.triple
    burst, column = (run_machine(design, planned, work, engine) for engine in ("burst", "column"))
    assert_equal(burst, run_machine(design, planned, work, "burst", reuse=False))
    assert without_idle(burst) == without_idle(column)
    for timing in (burst, column):
        assert timing.busy_cycles + sum(timing.stalls.values()) == timing.cycles
        assert min(timing.stalls.values()) >= 0
    with pytest.raises(BadInput, match=r"design skip-65nm: engine analytic cannot do dram\.arbitration fcfs"):
        run_analytic(design, planned, work)
    assert_equal(time_run(prepared), run(prepared, "burst"))  # with the scan of vectors that come in
    assert time_run(prepared).cycles == burst.cycles


def drawn_integers(trace: Trace, seed: int) -> Integers:
    """8-bit weights, and operands that are zero where the trace has zeros."""
    rng = np.random.default_rng(seed)
    operands = {}
    for o in trace.graph.operands:
        if o.kind != "one_hot":
            mask = np.unpackbits(np.asarray(trace.arrays[o.name]), axis=-1, count=o.size)
            operands[o.name] = mask * rng.choice([-1, 1], mask.shape) * rng.integers(1, 128, mask.shape)
    weights = {mv.name: rng.integers(-128, 128, (mv.rows, mv.cols)) for mv in trace.graph.mat_vecs}
    return Integers(weights, operands)


def sums_of(trace: Trace, planned: Plan, integers: Integers) -> dict[str, Any]:
    """The sums that the accumulators must hold, as matrix products over all columns."""
    sums = {}
    for each in (each for stage in planned.stages for each in stage.sums):
        total = 0
        for mv in (planned.mat_vecs[i] for i in each.mat_vecs):
            if trace.graph.operand(mv.operand).kind == "one_hot":
                values = np.eye(mv.cols, dtype=np.int64)[np.asarray(trace.arrays[mv.operand])]
            else:
                values = integers.operands[mv.operand]
                if trace.graph.operand(mv.operand).kind == "state":
                    values = values[1:] if mv.edge == "same_step" else values[:-1]
            running = trace.active(planned.lanes, trace.steps, mv.when)
            total = total + (values[:, : planned.lanes] * running[..., None]) @ integers.weights[mv.name].T
        sums[each.name] = total
    return sums


def checked(design: Design, trace: Trace, seed: int = 0) -> int:
    """The number of sums that differ from the matrix products."""
    planned = plan(design, trace.graph, design.lanes)
    work = measure(trace, planned, trace.steps, design.skip_encoder.enabled, design.skip_encoder.reach)
    integers = drawn_integers(trace, seed)
    found = run_check(design, planned, work, integers)
    return sum(differences(found, sums_of(trace, planned, integers)).values())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn_designs(), drawn_traces(), st.integers(0, 2**31))
def test_the_sums_in_the_scratch_are_those_of_the_matrix_products(design: Design, trace: Trace, seed: int) -> None:
    assume(fits(design, trace))
    assert checked(design, trace, seed) == 0


class Mutants:
    """Faults of the datapath, each of which the check must notice."""

    @staticmethod
    def dropped_column(monkeypatch: pytest.MonkeyPatch) -> None:
        right, seen = Functional.accumulate, iter(range(10**9))
        monkeypatch.setattr(Functional, "accumulate", lambda self, *a: None if next(seen) == 17 else right(self, *a))

    @staticmethod
    def swapped_rows(monkeypatch: pytest.MonkeyPatch) -> None:
        right = Functional._fetch

        def fetch(self: Functional, block: Block, stream: tuple[int, ...], column: int | None) -> Token:
            token = right(self, block, stream, column)
            if block.index == 0:
                token.weights[[0, 1]] = token.weights[[1, 0]]
            return token

        monkeypatch.setattr(Functional, "_fetch", fetch)

    @staticmethod
    def wrong_lane(monkeypatch: pytest.MonkeyPatch) -> None:
        right = Functional._operand
        monkeypatch.setattr(Functional, "_operand", lambda self, *a: np.roll(right(self, *a), 1))

    @staticmethod
    def stale_scratch_bank(monkeypatch: pytest.MonkeyPatch) -> None:
        def opened(self: Functional) -> None:
            self._opened += 1

        monkeypatch.setattr(Functional, "open", opened)

    @staticmethod
    def the_other_bank_read_out(monkeypatch: pytest.MonkeyPatch) -> None:
        right = Functional.read_out

        def early(self: Functional, turn: BlockTurn) -> None:
            self._read += 1
            right(self, turn)

        monkeypatch.setattr(Functional, "read_out", early)

    @staticmethod
    def the_state_of_the_step_after(monkeypatch: pytest.MonkeyPatch) -> None:
        right = Functional._operand
        monkeypatch.setattr(
            Functional,
            "_operand",
            lambda self, mv, column, step: right(self, mv, column, step + 1 if step < 2 else step),
        )


def test_sums_that_do_not_fit_their_accumulators_are_noticed() -> None:
    """The sum of 128 products of 8 x 8 bits needs at most 22 bits, and that of random ones more than 16."""
    trace = synthesize(128, 10, 1.0, sequences=4, steps=2)
    wide, narrow = (
        load_design("skip-65nm").override({"lanes": 4, "pe_array.accumulator_bits": bits}) for bits in (22, 16)
    )
    assert checked(wide, trace) == 0
    assert checked(narrow, trace) > 0


def test_the_closed_form_has_no_events_to_log() -> None:
    trace = synthesize(8, 2, 0.5, steps=1)
    with pytest.raises(BadInput, match="engine analytic has no events to log"):
        simulate(load_design("skip-65nm"), trace, "analytic", lanes=1, log=lambda *_: None)


MUTANTS = [name for name in vars(Mutants) if not name.startswith("_")]


@pytest.mark.parametrize("mutant", [None, *MUTANTS])
def test_what_goes_wrong_in_the_machine_is_noticed(mutant: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    design = load_design("skip-65nm").override({"lanes": 4, "pe_array.double_buffered": True})
    trace = synthesize(100, 10, 0.3, sequences=4, steps=4)
    if mutant:
        getattr(Mutants, mutant)(monkeypatch)
    assert (checked(design, trace) > 0) == (mutant is not None)


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 40),
    stream=st.integers(1, 9),
    tile=st.integers(1, 9),
    words=st.integers(1, 12),
    latency_ns=st.integers(1, 100),
)
def test_one_burst_alone_takes_as_long_as_its_columns(
    n: int, stream: int, tile: int, words: int, latency_ns: int
) -> None:
    """Compared column by column with the definition, for a FIFO of `words` columns, from one upwards."""
    hidden = max(1, n)
    design = load_design("skip-65nm").override(
        {
            "clock_mhz": 1000,
            "lanes": 1,
            "pe_array.tiles": 1,
            "pe_array.pes_per_tile": 4 * hidden,
            "pe_array.accumulators": tile,
            "weight_memory.weights_per_cycle": 4 * hidden * tile,
            "weight_memory.fifo_words": words,
            "dram.bandwidth_gbps": 4 * hidden * tile * 8 / stream,
            "dram.latency_ns": latency_ns,
            "state_buffer.units": hidden * tile,
            "activation_unit.depth_cycles": 0,
        }
    )
    units = hidden * tile
    trace = synthesize(units, 1, 0.0, sequences=1, steps=1)
    graph = Graph(operations=trace.graph.operations[1:], operands=trace.graph.operands[1:])  # W_h alone: one burst
    mask = np.zeros((2, 1, units), bool)
    mask[0, 0, :n] = True
    header = trace.header.model_copy(update={"graph": graph})
    trace = Trace(header, {"h": pack_mask(mask)}, trace.lengths)
    _, timings = engines(design, trace)
    assert timings["burst"].cycles == timings["column"].cycles == timings["analytic"].cycles


@pytest.mark.parametrize("density", [pytest.param(1.0, marks=pytest.mark.slow), 0.19, 0.03])
@pytest.mark.parametrize("name", designs.ALL)
def test_all_engines_agree_at_1000_units(name: str, density: float) -> None:
    design = load_design(name)
    own = {"rbt-low-power-full": "fixed12", "edge-shift": "exponential5"}
    weights = own.get(name, name.rsplit("-", 1)[-1] if "rbt" in name else "fixed8")
    if design.dram is None:  # it must hold what the others stream
        design = design.override({"weight_memory.capacity_kib": 8192, "state_buffer.units": 1000})
    trace = synthesize(1000, 50, density, sequences=design.lanes, steps=2, weight_format=weights)
    _, timings = engines(design, trace)
    assert_equal(timings["burst"], timings["column"])
    assert_equal(timings["burst"], timings["analytic"])


@pytest.mark.parametrize("density", [1.0, 0.03])
@pytest.mark.parametrize("name", ["skip-65nm", "stream-only", "rbt-low-power-ternary"])
def test_fcfs_by_bursts_stays_within_half_a_percent_of_fcfs_by_columns(name: str, density: float) -> None:
    """`burst` admits inputs after a whole burst of weights, `column` after one of its columns."""
    design = load_design(name).override({"dram.inputs": True, "dram.arbitration": "fcfs"})
    weights = "ternary" if "rbt" in name else "fixed8"
    trace = synthesize(1000, 50, density, sequences=design.lanes, steps=2, weight_format=weights)
    planned = plan(design, trace.graph, design.lanes)
    work = measure(trace, planned, trace.steps, design.skip_encoder.enabled, design.skip_encoder.reach)
    burst, column = (run_machine(design, planned, work, engine) for engine in ("burst", "column"))
    assert burst.cycles == pytest.approx(column.cycles, rel=0.005)


@pytest.mark.parametrize("arbitration", ["static", "tdm"])
def test_inputs_of_a_long_run_with_sequences_that_end(arbitration: str) -> None:
    """`analytic` advances by windows of steps, `burst` by steps: sequences end within, with and after a window."""
    inputs: dict[str, Any] = {
        "dram.inputs": True,
        "dram.arbitration": arbitration,
        "dram.input_share": 0.1,
        "dram.burst_bits": 64,
    }
    design = load_design("skip-65nm").override({**inputs, "lanes": 4})
    drawn = synthesize(6, 5, 0.3, sequences=4, steps=WINDOW + 9)
    trace = Trace(drawn.header, drawn.arrays, np.array([WINDOW + 9, 700, WINDOW, WINDOW + 1]))
    prepared = prepare(Job(design, trace))
    assert_equal(run_machine(*prepared.triple, "burst"), run_analytic(*prepared.triple))


def test_what_analytic_refuses_is_left_to_burst() -> None:
    """Each of several jobs is run by an engine that can run it, and its report names the engine."""
    design = load_design("skip-65nm")
    fcfs = design.override({"dram.inputs": True, "dram.arbitration": "fcfs"})
    trace = synthesize(64, 10, 0.3, sequences=8, steps=6)
    with pytest.raises(
        BadInput, match=r"analytic cannot do dram\.arbitration fcfs: who asks first is not known ahead$"
    ):
        simulate(fcfs, trace, "analytic")
    found = list(simulate_many([Job(design, trace), Job(fcfs, trace), Job(design, trace)]))
    assert [each.engine for each in found if not isinstance(each, BadInput)] == ["analytic", "burst", "analytic"]
    alone = simulate(fcfs, trace)
    assert not isinstance(found[1], BadInput)
    assert found[1].cycles == alone.cycles
    assert found[1].ledger == alone.ledger
    assert alone.dense
    assert alone.dense.macs_streamed == simulate(design, trace).dense.macs_streamed


def test_the_same_run_twice_is_the_same() -> None:
    design = load_design("skip-65nm")
    trace = synthesize(64, 10, 0.2, sequences=8, steps=5)
    _, first = engines(design, trace)
    _, second = engines(design, trace)
    for engine in first:
        assert_equal(first[engine], second[engine])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skip-65nm", "rbt-low-power-ternary"])
def test_steps_that_meet_what_earlier_ones_met_are_not_simulated_again(name: str) -> None:
    design = load_design(name)
    weights = {"skip-65nm": "fixed8"}.get(name, "ternary")
    trace = synthesize(100, 5, 0.2, correlation=0.5, sequences=design.lanes, steps=600, weight_format=weights)
    _, timings = engines(design, trace)
    assert timings["burst"].reused_steps > 150
    assert timings["without reuse"].reused_steps == 0
    assert_equal(timings["burst"], timings["without reuse"])
    assert_equal(timings["burst"], timings["analytic"])


@largest_blocks()
def test_a_deadlock_says_who_waits_for_whom() -> None:
    """A cycle of the PEs that needs more words than the FIFO can hold stops the machine. The mapping refuses it, so the
    plan is made by hand; biases still pass, since they bypass the FIFO."""
    design = load_design("skip-65nm")
    trace = synthesize(64, 10, 0.5, sequences=8, steps=3)
    planned = plan(design, trace.graph, 8)
    first, *rest = planned.runs
    burst = first.block.bursts[0]
    words = design.weight_memory.fifo_words + 1
    feed = burst.feed._replace(rows=words, word_rows=1, pes=words, full_rows=words)  # all in one cycle of the PEs
    wide = replace(burst, column_words=words, feed=feed)
    block = replace(first.block, bursts=(wide, *first.block.bursts[1:]))
    broken = replace(planned, runs=(replace(first, block=block), *rest))
    message = (
        r"design skip-65nm: deadlock at cycle 22, in step 0: weight_stream waits for room for a word in the FIFO"
        r" \(credits from the PE array\); pe_array waits for a word of a column in the FIFO \(from the weight stream\);"
        r" activation_unit waits for a finished block from the PE array;"
        r" skip_encoder waits for an activated block from the activation unit"
    )
    with pytest.raises(Deadlock, match=message):
        run_machine(design, broken, measure(trace, planned, 3, skipping=True), "column")
