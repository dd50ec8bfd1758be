"""Each component on a bench: a source that feeds it, a sink that holds it up, and times worked out by hand."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import simpy

from archsim.components.activation_unit import ActivationUnit
from archsim.components.dram import DramSpec
from archsim.components.pe_array import PEArray
from archsim.components.sequencer import Sequencer, Transfer
from archsim.components.skip_encoder import SkipEncoder
from archsim.components.weight_memory import WeightStream
from archsim.design import Design, load_design
from archsim.machine import Barrier, Run
from archsim.mapping import Block, Burst, plan
from archsim.synthetic import synthesize
from archsim.work import measure

Process = Generator[simpy.Event, Any, None]

BURST = Burst(streams=((0,),), waits=(), rows=4, column_words=1, column_sram_words=0, column_dram_bits=32,
              latency_cycles=3, stream_cycles=2, tile_cycles=1, fifo_columns=2)  # fmt: skip
BLOCK = Block(index=0, stage=0, first_unit=0, units=2, unit_by_unit=False, bursts=(BURST,), activation_cycles=3,
              encode_cycles=2, list=0, ends_list=True, results=(("activation_unit", "curve", 5),))  # fmt: skip


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
    run = Run(design, planned, measure(trace, planned, 1, skipping=True), 0, 1, Barrier.start(planned))
    return Bench(run)


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
    assert bench.run.ledger.get("activation_unit", "curve") == 15


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
    assert bench.run.ledger.get("skip_encoder", "scan_column") == 4


def test_the_sequencer_passes_over_what_no_lane_needs(bench: Bench) -> None:
    design = load_design("skip-65nm")
    trace = synthesize(4, 2, 1.0, sequences=2, steps=3)
    trace.lengths[:] = [3, 1]
    planned = plan(design, trace.graph, 2)
    work = measure(trace, planned, 3, skipping=True)
    run = Run(design, planned, work, 0, 3, Barrier.start(planned))
    order = [(t.step, t.block.index, t.position, t.columns) for t in run.sequencer.transfers()]
    assert [(step, position) for step, _, position, _ in order] == [(s, p) for s in range(3) for p in (0, 1)]
    trace.lengths[:] = [1, 1]
    short = measure(trace, planned, 1, skipping=True)
    assert [t.step for t in Run(design, planned, short, 0, 1, Barrier.start(planned)).sequencer.transfers()] == [0, 0]


@pytest.mark.parametrize(
    ("bits", "cycles"),
    [(0, 0), (1, 1), (256, 1), (257, 2), (2560, 10)],
)
def test_the_channel_takes_whole_cycles(bits: int, cycles: int) -> None:
    dram = DramSpec(bandwidth_gbps=51.2, latency_ns=100)  # 256 bits a cycle at 200 MHz
    assert dram.transfer_cycles(bits, 200) == cycles
    assert dram.latency_cycles(200) == 20


def test_the_channel_takes_whole_accesses() -> None:
    dram = DramSpec(bandwidth_gbps=51.2, latency_ns=100, burst_bits=512)
    assert [dram.transfer_cycles(bits, 200) for bits in (1, 512, 513)] == [2, 2, 4]
    assert dram.transferred_bits(513) == 1024
