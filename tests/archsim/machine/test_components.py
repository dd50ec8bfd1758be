"""Each component on a bench: a source that feeds it, a sink that holds it up, and times worked out by hand."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim import catalogue
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.activation_unit import ActivationUnit
from archsim.machine.assembly import Run
from archsim.machine.barrier import Barrier
from archsim.machine.input_reader import InputReader
from archsim.machine.pe_array import PEArray
from archsim.machine.sequencer import Sequencer, Transfer
from archsim.machine.skip_encoder import SkipEncoder
from archsim.machine.weight_stream import WeightStream
from archsim.mapping.plan import (
    Block,
    Burst,
    Fetch,
    Norms,
)
from archsim.mapping.planner import plan
from archsim.mapping.work import measure
from archsim.specs.dram import Arbitration, DramSpec
from archsim.trace.synthetic import synthesize

Process = Generator[simpy.Event, Any, None]

BURST = Burst(streams=((0,),), waits=(), reads_inputs=True, rows=4, column_words=1, column_sram_words=0,
              column_dram_bits=32, latency_cycles=3, stream_cycles=2, tile_cycles=1, fifo_columns=2)  # fmt: skip
BLOCK = Block(index=0, stage=0, first_unit=0, units=2, unit_by_unit=False, norms=Norms(0, 0, 0), bursts=(BURST,),
              activation_cycles=3, encode_cycles=2, list=0, ends_list=True,
              results=((catalogue.CURVE, 5),))  # fmt: skip


@dataclass
class Bench:
    """A run of one step whose other components are played by the test."""

    run: Run
    log: list[tuple[str, int]] = field(default_factory=list)

    @property
    def env(self) -> simpy.Environment:
        return self.run.env

    def transfer(self, columns: int, previous: Transfer | None = None, block: Block = BLOCK) -> Transfer:
        events = (self.env.event(), self.env.event(), self.env.event())
        return Transfer(0, block, 0, columns, (), previous, *events)

    def after(self, cycles: int, action: Callable[[], object]) -> None:
        def process() -> Process:
            yield self.env.timeout(cycles)
            action()

        self.env.process(process())

    def note(self, what: str) -> None:
        self.log.append((what, self.run.now))

    def times(self, what: str) -> list[int]:
        return [cycle for name, cycle in self.log if name == what]


@pytest.fixture
def design() -> Design:
    small = {"weight_memory.fifo_words": 2, "pe_array.double_buffered": False, "activation_unit.depth_cycles": 1}
    return load_design("skip-65nm").override(small)


@pytest.fixture
def bench(design: Design) -> Bench:
    trace = synthesize(2, 1, 1.0, sequences=1, steps=1)
    planned = plan(design, trace.graph, 1)
    work = measure(trace, planned, 1, skipping=True)
    return Bench(Run(design, planned, work, 0, 1, Barrier.start(planned, work)))


def played(bench: Bench, transfers: list[Transfer]) -> None:
    """The sequencer hands out just these."""

    class Player(Sequencer):
        def transfers(self) -> Iterator[Transfer]:
            return iter(transfers)

        def blocks(self, step: int) -> Iterator[Block]:
            return (transfer.block for transfer in transfers)

    bench.run.sequencer = Player(bench.run)


def test_the_weight_path_waits_for_room_in_the_fifo(bench: Bench) -> None:
    """Two columns fit; a sink frees a place at 20, 30 and 40. s = 2, L = 3.

    Columns 0 and 1 take the path at 0 and 2, arrive at 5 and 7; 2, 3 and 4 take it when places come free.
    """
    played(bench, [bench.transfer(5)])
    bench.run.log = lambda cycle, component, event, *_: bench.log.append((event, cycle))
    bench.env.process(WeightStream(bench.run).columns())
    for cycle in (20, 30, 40):
        bench.after(cycle, lambda: bench.run.credits.put(1))
    bench.env.run()
    assert bench.times("column") == [0, 2, 20, 30, 40]
    assert [arrival for arrival, _ in bench.run.fifo.items] == [5, 7, 25, 35, 45]
    assert bench.run.ledger.counts == {"dram": {"read_bits": 5 * 32}, "weight_memory": {"fifo_word": 5}}


def test_the_weight_path_holds_one_burst_ahead(bench: Bench) -> None:
    """The second burst is not issued before the first is being consumed, at 9, nor before its list is known, at 14."""
    first = bench.transfer(1)
    second = bench.transfer(1, first)
    known = bench.env.timeout(14, value=14)
    second.lists_known = (known,)
    played(bench, [first, second])
    bench.run.log = lambda cycle, component, event, *_: bench.log.append((event, cycle))
    bench.env.process(WeightStream(bench.run).columns())
    bench.after(9, lambda: first.started.succeed(9))
    bench.env.run()
    assert bench.times("column") == [0, 14]


def test_a_burst_held_up_by_its_sink_goes_on_place_by_place(bench: Bench) -> None:
    """Five columns, two places, s = 2, L = 3, p = 1, and PEs that begin at 30: columns 0 and 1 are issued at 0 and 2.

    Column 2 takes the place that column 0 leaves at 31 (31-33, there at 36), column 3 that of column 1 (33-35), column
    4 that of column 2, consumed at 37: 37-39. The path waited for credits 39 - 10 cycles.
    """
    transfer = bench.transfer(5)
    played(bench, [transfer])
    stream = WeightStream(bench.run)
    bench.env.process(stream.bursts())
    bench.after(30, lambda: transfer.started.succeed(30))
    bench.env.run()
    assert transfer.last_issue.value == stream.free == 39
    assert transfer.credit_wait == 29


def test_the_sequencer_takes_its_time_for_every_burst(bench: Bench) -> None:
    """Three cycles to set a burst up: issued at 3, though it could be at 0; the next, whose turn is at 20, at 23."""
    bench.run.design = bench.run.design.override({"sequencer.setup_cycles": 3})
    first = bench.transfer(1)
    second = bench.transfer(0, first)
    played(bench, [first, second])
    bench.run.log = lambda cycle, component, event, *_: bench.log.append((event, cycle))
    bench.env.process(WeightStream(bench.run).columns())
    bench.after(20, lambda: first.started.succeed(20))
    bench.env.run()
    assert bench.times("turn") == [0, 20]
    assert bench.times("start") == [3, 23]
    assert bench.times("column") == [3]
    assert [transfer.descriptor.value for transfer in (first, second)] == [3 + 2 + 3, 23]  # without columns: its start


def test_the_array_waits_for_a_scratch_bank_and_says_so(bench: Bench) -> None:
    """Block 0's column is there at 5, consumed at 6. Block 1's is there at 7, but the one bank is free at 30."""
    transfers = [bench.transfer(1), bench.transfer(1)]
    played(bench, transfers)
    array = PEArray(bench.run)
    bench.run.array = array
    bench.env.process(array.columns())
    for transfer, arrival in zip(transfers, (5, 7), strict=True):
        bench.run.descriptors.put(transfer)
        transfer.descriptor.succeed(arrival)
        bench.run.fifo.put((arrival, None))
        bench.run.credits.get(1)
    bench.after(0, lambda: bench.run.scratch_banks.put(0))
    bench.after(30, lambda: bench.run.scratch_banks.put(30))
    bench.env.run()
    assert [transfer.started.value for transfer in transfers] == [5, 30]
    assert array.free == 31
    assert bench.run.stalls["weight_latency"] == 5
    assert bench.run.stalls["scratch_bank"] == 30 - 6  # the bank is missing before the column is
    assert bench.run.credits.level == 2


def test_the_array_starves_when_columns_come_late(bench: Bench) -> None:
    """One column a cycle, there at 3, 4, 10 and 11: between 5 and 10 it has nothing to do."""
    transfer = bench.transfer(4)
    played(bench, [transfer])
    bench.env.process(PEArray(bench.run).columns())
    bench.run.descriptors.put(transfer)
    transfer.descriptor.succeed(3)
    bench.run.scratch_banks.put(0)
    transfer.credit_wait = 2
    for arrival in (3, 4, 10, 11):
        bench.run.fifo.put((arrival, None))
    bench.run.credits = simpy.Container(bench.env, 4, 0)
    bench.env.run()
    assert bench.run.stalls["weight_latency"] == 3
    assert bench.run.stalls["fifo_credit"] == 2  # so long the stream had waited
    assert bench.run.stalls["weight_bandwidth"] == 5 - 2
    assert bench.run.busy == 4


def test_the_activation_unit_takes_blocks_in_turn_and_frees_their_bank(bench: Bench) -> None:
    """Three cycles a block; blocks come at 0, 1 and 20. Banks come free, and the encoder hears, at 3, 6 and 23."""
    transfers = [bench.transfer(1) for _ in range(3)]
    played(bench, transfers)
    unit = ActivationUnit(bench.run)
    bench.env.process(unit.process())
    for cycle in (0, 1, 20):
        bench.after(cycle, lambda: unit.inbox.put(BLOCK))
    bench.env.run()
    assert bench.run.scratch_banks.items == [3, 6, 23]
    assert bench.run.encoder.inbox.items == [3, 6, 23]
    assert unit.free == 23
    assert bench.run.finished == 24  # one cycle deep
    assert bench.run.ledger.get(catalogue.CURVE) == 15


def test_the_encoder_lists_a_block_after_the_unit_has_drained(bench: Bench) -> None:
    """Activated at 4 and 5, one cycle deep, two cycles to scan: encoded at 7 and 9, when the list is known."""
    blocks = [replace(BLOCK, ends_list=False), BLOCK]
    played(bench, [bench.transfer(1, block=block) for block in blocks])
    encoder = SkipEncoder(bench.run)
    bench.env.process(encoder.process())
    known = bench.run.list_event(0, 0)
    for cycle in (4, 5):
        bench.after(cycle, lambda cycle=cycle: encoder.inbox.put(cycle))  # type: ignore[misc]
    bench.env.run()
    assert known.value == 9
    assert encoder.free == 9
    assert bench.run.ledger.get(catalogue.SCAN_COLUMN) == 4


def test_the_sequencer_passes_over_what_no_lane_needs(bench: Bench) -> None:
    design = load_design("skip-65nm")
    trace = synthesize(4, 2, 1.0, sequences=2, steps=3)
    trace.lengths[:] = [3, 1]
    planned = plan(design, trace.graph, 2)
    work = measure(trace, planned, 3, skipping=True)
    run = Run(design, planned, work, 0, 3, Barrier.start(planned, work))
    order = [(t.step, t.block.index, t.position, t.columns) for t in run.sequencer.transfers()]
    assert [(step, position) for step, _, position, _ in order] == [(s, p) for s in range(3) for p in (0, 1)]
    trace.lengths[:] = [1, 1]
    short = measure(trace, planned, 1, skipping=True)
    assert [t.step for t in Run(design, planned, short, 0, 1, Barrier.start(planned, short)).sequencer.transfers()] == [
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("bits", "cycles"),
    [(0, 0), (1, 1), (256, 1), (257, 2), (2560, 10)],
)
def test_the_channel_takes_whole_cycles(bits: int, cycles: int) -> None:
    dram = DramSpec(bandwidth_gbps=51.2, latency_ns=100)  # 256 bits a cycle at 200 MHz
    assert dram.channel_cycles(bits, 200) == cycles
    assert dram.latency_cycles(200) == 20


def test_the_channel_takes_whole_accesses() -> None:
    dram = DramSpec(bandwidth_gbps=51.2, latency_ns=100, burst_bits=512)
    assert [dram.channel_cycles(bits, 200) for bits in (1, 512, 513)] == [2, 2, 4]
    assert dram.transferred_bits(513) == 1024


@settings(max_examples=200)
@given(
    mbps=st.integers(100, 60_000),
    latency_ns=st.integers(0, 200),
    burst_bits=st.sampled_from([8, 64, 256]),
    outstanding=st.integers(1, 40),
    accesses=st.integers(1, 30),
)
def test_accesses_under_way_bound_the_channel_as_they_do_one_by_one(
    mbps: int, latency_ns: int, burst_bits: int, outstanding: int, accesses: int
) -> None:
    """A channel that takes an access every so many cycles and has `outstanding` of them under way, each for a latency:
    in the steady state a column takes as long as `channel_cycles` says, in whole cycles."""
    dram = DramSpec(bandwidth_gbps=mbps / 1000, latency_ns=latency_ns, burst_bits=burst_bits, outstanding=outstanding)
    clock_mhz = 500
    transfer, latency = Fraction(burst_bits * clock_mhz, mbps), dram.latency_cycles(clock_mhz)
    issued: list[Fraction] = []
    for i in range(4 * outstanding):
        after_the_last = issued[-1] + transfer if issued else Fraction(0)
        returned = issued[i - outstanding] + latency if i >= outstanding else Fraction(0)
        issued.append(max(after_the_last, returned))
    an_access = (issued[-1] - issued[-1 - outstanding]) / outstanding
    assert dram.channel_cycles(accesses * burst_bits, clock_mhz) == ceil(accesses * an_access)
    unbounded = dram.model_copy(update={"outstanding": None})
    assert unbounded.channel_cycles(accesses * burst_bits, clock_mhz) == ceil(accesses * transfer)


@given(share=st.integers(1, 999), bits=st.integers(1, 5000), outstanding=st.sampled_from([None, 1, 7]))
def test_a_share_of_the_channel_is_a_share_of_its_time(share: int, bits: int, outstanding: int | None) -> None:
    """Weights and inputs together get what either alone would: to the cycle that rounding up takes."""
    alone = DramSpec(bandwidth_gbps=3.2, latency_ns=100, burst_bits=64, outstanding=outstanding)
    tdm = alone.model_copy(update={"inputs": True, "arbitration": "tdm", "input_share": share / 1000})
    per_access = max(Fraction(64 * 200, 3200), Fraction(20, outstanding) if outstanding else Fraction(0))
    time = -(-bits // 64) * per_access
    assert alone.channel_cycles(bits, 200) == ceil(time)
    assert tdm.channel_cycles(bits, 200, "inputs") == ceil(time * Fraction(1000, share))
    assert tdm.channel_cycles(bits, 200, "weights") == ceil(time * Fraction(1000, 1000 - share))
    assert alone.model_copy(update={"inputs": True}).channel_cycles(bits, 200, "inputs") == ceil(time)
    assert tdm.model_copy(update={"inputs": False}).channel_cycles(bits, 200) == ceil(time)


@given(bits=st.integers(1, 4000), cycles=st.integers(1, 60))
def test_the_least_bandwidth_for_so_many_cycles(bits: int, cycles: int) -> None:
    dram = DramSpec(bandwidth_gbps=1, latency_ns=0, burst_bits=32)
    mbps = dram.mbps_for(bits, 333, cycles)
    assert dram.model_copy(update={"bandwidth_gbps": mbps / 1000}).channel_cycles(bits, 333) <= cycles
    if mbps > 1:
        assert dram.model_copy(update={"bandwidth_gbps": (mbps - 1) / 1000}).channel_cycles(bits, 333) > cycles


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"dram.outstanding": 4}, "outstanding counts accesses: burst_bits must say what one delivers, not 1 bit"),
        ({"dram.arbitration": "tdm"}, "arbitration tdm: input_share must say what part of the channel is the inputs'"),
        ({"dram.input_share": 1.0}, "less than or equal to 0.999, not 1.0"),
        ({"dram.arbitration": "random"}, "'static', 'tdm' or 'fcfs', not 'random'"),
        ({"dram.outstanding": 0}, "greater than or equal to 1, not 0"),
        ({"dram.bandwidth_gbps": 0.0001}, "greater than or equal to 0.001, not 0.0001"),
    ],
)
def test_a_channel_that_says_too_little_is_refused(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadInput, match=f"design skip-65nm: dram.*{rule}"):
        load_design("skip-65nm").override(values)


# --- the channel between weights and inputs ---------------------------------------------------------------------------

FETCH = Fetch(bits=(0, 64), cycles=(0, 4), latency_cycles=3, arbitration="static")


def shared_bench(arbitration: Arbitration, steps: int = 1) -> Bench:
    """The bench's machine with inputs over the channel: 4 cycles a step, there 3 cycles later. What of them comes
    before the run has left at 0."""
    trace = synthesize(2, 1, 1.0, sequences=1, steps=steps + 1)
    design = load_design("skip-65nm")
    planned = replace(plan(design, trace.graph, 1), fetch=replace(FETCH, arbitration=arbitration))
    work = measure(trace, planned, steps + 1, skipping=True)
    barrier = replace(Barrier.start(planned, work), channel=0, inputs=0)
    bench = Bench(Run(design, planned, work, 0, steps, barrier))
    bench.run.log = lambda cycle, component, event, *_: bench.log.append((event, cycle))
    return bench


def weights_on_the_channel(bench: Bench, transfer: Transfer, asks: int, leaves: int) -> None:
    """A burst of weights that asks at one cycle, and leaves so many after it was let on."""

    def process() -> Process:
        yield bench.env.timeout(asks)
        yield from bench.run.channel.admit_burst(transfer)
        bench.note("weights")
        yield bench.env.timeout(leaves)
        bench.run.channel.burst_left(transfer)

    bench.env.process(process())


def test_static_inputs_follow_the_first_burst_and_the_next_follows_them() -> None:
    """Weights are on the channel at 0 to 10, inputs at 10 to 14 though they could come at 0, weights asked for at 10
    again at 14."""
    bench = shared_bench("static")
    first, second = bench.transfer(2), bench.transfer(2)
    first.opens_step = True
    bench.env.process(bench.run.reader.process())
    weights_on_the_channel(bench, first, asks=0, leaves=10)
    weights_on_the_channel(bench, second, asks=10, leaves=5)
    bench.env.run()
    assert bench.times("weights") == [0, 14]
    assert bench.times("fetch") == [0, 10]  # the first of all is over before the run begins
    assert bench.run.reader.free == 14
    assert bench.run.reader.arrives == 17
    assert bench.run.ledger.counts == {"dram": {"read_bits": 64}}


def test_a_buffer_is_free_once_the_step_before_is_consumed() -> None:
    """Inputs of step 2 may come when step 0 is consumed, at 30; after that there are none."""
    bench = shared_bench("tdm", steps=3)
    bench.run.work = measure(bench.run.work.trace, bench.run.plan, 3, skipping=True)
    bench.env.process(bench.run.reader.process())
    bench.after(30, lambda: bench.run.reader.step_consumed(0))
    bench.env.run()
    assert bench.times("turn") == [0, 0, 30]
    assert bench.times("end") == [0, 4, 34]
    assert bench.run.reader.arrives == 37
    assert bench.run.ledger.counts == {"dram": {"read_bits": 3 * 64}}


def test_tdm_inputs_do_not_wait_for_weights_nor_weights_for_them() -> None:
    bench = shared_bench("tdm")
    first, second = bench.transfer(2), bench.transfer(2)
    assert not bench.run.channel.needed_by(first)
    bench.env.process(bench.run.reader.process())
    weights_on_the_channel(bench, second, asks=1, leaves=5)
    bench.env.run()
    assert bench.times("fetch") == [0, 0]
    assert bench.run.reader.arrives == 7


@pytest.mark.parametrize(
    ("asks", "weights", "fetch"),
    [(3, 4, 0), (0, 4, 0)],  # weights ask while inputs are on it; both ask at once: inputs first
)
def test_fcfs_is_who_asks_first(asks: int, weights: int, fetch: int) -> None:
    bench = shared_bench("fcfs")
    bench.env.process(bench.run.reader.process())
    weights_on_the_channel(bench, bench.transfer(2), asks, leaves=10)
    bench.env.run()
    assert bench.times("weights") == [weights]
    assert bench.times("fetch") == [0, fetch]


def test_fcfs_inputs_wait_for_weights_that_asked_before() -> None:
    """Step 1's inputs may come at 0; step 2's once step 0 is consumed, at 8, when weights have the channel until 16."""
    bench = shared_bench("fcfs", steps=2)
    bench.env.process(bench.run.reader.process())
    weights_on_the_channel(bench, bench.transfer(2), asks=6, leaves=10)
    bench.after(8, lambda: bench.run.reader.step_consumed(0))
    bench.env.run()
    assert bench.times("turn") == [0, 0, 8]
    assert bench.times("fetch") == [0, 0, 16]
    assert bench.run.reader.arrives == 23


def test_a_burst_that_reads_inputs_waits_until_they_are_there() -> None:
    """Inputs of step 0 arrive at 9; the burst's turn is at 0, its first column is issued at 9 and arrives at 14."""
    bench = shared_bench("static")
    bench.run.barrier = replace(bench.run.barrier, inputs=9)
    bench.run.reader = InputReader(bench.run)
    transfer = bench.transfer(1)
    transfer.opens_step = True
    played(bench, [transfer])
    bench.env.process(bench.run.reader.process())
    bench.env.process(WeightStream(bench.run).columns())
    bench.env.process(PEArray(bench.run).columns())
    bench.run.scratch_banks.put(0)
    bench.env.run()
    assert bench.times("listed") == [0]
    assert bench.times("admitted") == [9]
    assert bench.times("column") == [9, 14]  # onto the path, and onto the PEs
    assert transfer.descriptor.value == 14
    assert bench.run.stalls["input_fetch"] == 9
    assert bench.run.stalls["weight_latency"] == 14 - 9
