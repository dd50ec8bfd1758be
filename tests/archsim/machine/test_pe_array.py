"""The PE array on a bench: no plan, no trace, no design."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archsim.catalogue import Cause
from archsim.machine.pe_array import PEArray
from archsim.machine.ports import Descriptor, FinishedBlock, Queue, ScratchBanks, Signals, WordFifo
from archsim.machine.turns import BurstTurn
from archsim.mapping.fifo import Passed
from archsim.mapping.plan import Block, Feed


@dataclass
class Tiles:
    """A PE array, and the ports at which a test plays its neighbours."""

    bench: Any
    order: Sequence[BurstTurn]
    room: int = 4
    stages: int = 1
    array: PEArray = field(init=False)

    def __post_init__(self) -> None:
        env = self.bench.env
        self.descriptors: Queue[Descriptor] = Queue(env)
        self.sums: Queue[FinishedBlock] = Queue(env)
        self.fifo, self.banks, self.consumed = WordFifo(env, self.room), ScratchBanks(env), Signals(env)
        clock = self.bench.clock("pe_array")
        self.array = PEArray(
            self.order, self.descriptors, self.fifo, self.banks, self.sums, self.bench.ledger, clock,
            consumed=self.consumed, stages=self.stages,
        )  # fmt: skip

    def send(self, turn: BurstTurn, arrival: int) -> Descriptor:
        """A burst whose first column is there at `arrival`."""
        descriptor = Descriptor.of(turn, self.bench.env)
        descriptor.arrival.succeed(arrival)
        self.descriptors.put(descriptor)
        self.fifo.numbers.extend([None] * turn.columns)
        return descriptor

    def fill(self, *arrivals: int) -> None:
        """Words in the FIFO, each with its room taken."""
        for arrival in arrivals:
            self.bench.env.process(self.fifo.room.get())
            self.fifo.words.put(arrival)


def two_blocks(bench: Any) -> tuple[Tiles, list[Descriptor]]:
    """Tiles to which the one column of each of two blocks has been sent: words arrive at 5 and at 7."""
    order = [bench.burst(1), bench.burst(1)]
    tiles = Tiles(bench, order, room=2)
    tiles.fill(5, 7)
    return tiles, [tiles.send(turn, arrival) for turn, arrival in zip(order, (5, 7), strict=True)]


def test_it_waits_for_a_scratch_bank_and_says_so(bench: Any) -> None:
    """Block 0's column arrives at 5 and is consumed at 6. Block 1's arrives at 7, but the one bank is free at 30."""
    tiles, sent = two_blocks(bench)
    for cycle in (0, 30):
        bench.after(cycle, lambda cycle=cycle: tiles.banks.put(cycle))
    bench.run(tiles.array.columns())
    assert [descriptor.started.value for descriptor in sent] == [5, 30]
    assert tiles.array.free == 31
    assert tiles.array.stalls[Cause.WEIGHT_LATENCY] == 5
    assert tiles.array.stalls[Cause.SCRATCH_BANK] == 30 - 6  # the bank is missing before the column is
    assert tuple(tiles.fifo.room.items) == (6, 31)


def test_it_waits_for_a_bank_that_it_knows_ahead(bench: Any) -> None:
    """The same, and that the bank will be free at 30 is known from the beginning."""
    tiles, sent = two_blocks(bench)
    for free in (0, 30):
        tiles.banks.put(free)
    bench.run(tiles.array.columns())
    assert [descriptor.started.value for descriptor in sent] == [5, 30]
    assert tiles.array.stalls[Cause.SCRATCH_BANK] == 30 - 6


def test_it_begins_with_the_first_word_that_it_needs(bench: Any, block: Block) -> None:
    """A column of 3 words and 6 cycles, two a word: the words arrive at 5, 7 and 20.

    Cycles 0 to 3 run from 5 to 9; cycle 4 needs the third word, and waits until 20: consumed at 22. The rooms are free
    once a word's second cycle has run.
    """
    feed = Feed(rows=12, word_rows=4, pes=2, full_rows=12, rest=2, whole=False)
    burst = replace(block.bursts[0], rows=12, column_words=3, tile_cycles=6, feed=feed)
    order = [bench.burst(1, replace(block, bursts=(burst,)))]
    tiles = Tiles(bench, order)
    tiles.fill(5, 7, 20)
    tiles.send(order[0], 5)
    tiles.banks.put(0)
    bench.run(tiles.array.columns())
    assert bench.times("start") == [5]
    assert bench.times("wait_column") == [0, 9]
    assert bench.times("column") == [5, 20]
    assert tuple(tiles.fifo.room.items) == (0, 7, 9, 22)  # one of four words was never taken
    assert tiles.array.free == 22
    assert tiles.array.stalls[Cause.WEIGHT_LATENCY] == 5
    assert tiles.array.stalls[Cause.WEIGHT_BANDWIDTH] == 22 - 5 - 6


def test_a_whole_column_is_waited_for_where_it_is_stored_before_it_is_forwarded(bench: Any, block: Block) -> None:
    """The same column begins once its third word is there, at 20, and runs without a pause."""
    feed = Feed(rows=12, word_rows=4, pes=2, full_rows=12, rest=2, whole=True)
    burst = replace(block.bursts[0], rows=12, column_words=3, tile_cycles=6, feed=feed)
    order = [bench.burst(1, replace(block, bursts=(burst,)))]
    tiles = Tiles(bench, order)
    tiles.fill(5, 7, 20)
    tiles.send(order[0], 20)
    tiles.banks.put(0)
    bench.run(tiles.array.columns())
    assert bench.times("column") == [20]
    assert tuple(tiles.fifo.room.items) == (0, 22, 24, 26)
    assert tiles.array.free == 26


def test_it_starves_when_columns_come_late(bench: Any) -> None:
    """Columns of one cycle arrive at 3, 4, 10 and 11, so that the PEs are idle between 5 and 10."""
    order = [bench.burst(4)]
    tiles = Tiles(bench, order)
    tiles.fill(3, 4, 10, 11)
    tiles.send(order[0], 3).wait(Cause.FIFO_CREDIT, 2)
    tiles.banks.put(0)
    bench.run(tiles.array.columns())
    assert tiles.array.stalls[Cause.WEIGHT_LATENCY] == 3
    assert tiles.array.stalls[Cause.FIFO_CREDIT] == 2  # so long the weight path had waited
    assert tiles.array.stalls[Cause.WEIGHT_BANDWIDTH] == 5 - 2
    assert tiles.array.busy == 4
    assert tiles.array.busy + sum(tiles.array.stalls.values()) == tiles.array.free == 12


def test_its_stalls_are_attributed_in_the_order_of_blame(bench: Any) -> None:
    """Idle from 0, with the bank free at 2, the list known at 6, inputs there at 9 and the first column at 14."""
    order = [bench.burst(1)]
    tiles = Tiles(bench, order)
    tiles.fill(14)
    descriptor = tiles.send(order[0], 14)
    descriptor.listed, descriptor.admitted = 6, 9
    bench.after(2, lambda: tiles.banks.put(2))
    bench.run(tiles.array.columns())
    waited = {cause: cycles for cause, cycles in tiles.array.stalls.items() if cycles}
    assert waited == {
        Cause.SCRATCH_BANK: 2, Cause.STATE_DEPENDENCY: 4, Cause.INPUT_FETCH: 3, Cause.WEIGHT_LATENCY: 5
    }  # fmt: skip


def test_a_whole_burst_ends_with_its_last_column(bench: Any) -> None:
    """Five columns from 5 on, a cycle each, would end at 10, but the last leaves the path at 20 and arrives at 23."""
    order = [bench.burst(5)]
    tiles = Tiles(bench, order)
    descriptor = tiles.send(order[0], 5)
    descriptor.passed.succeed(Passed(20, 24))
    tiles.banks.put(0)
    bench.run(tiles.array.bursts())
    assert tiles.array.free == 24
    assert tiles.array.stalls[Cause.WEIGHT_BANDWIDTH] == 24 - 10
    assert tiles.array.busy == 5


def test_sums_and_the_end_of_a_step_are_handed_on(bench: Any) -> None:
    order = [bench.burst(1), bench.burst(1, closes_step=True)]
    tiles = Tiles(bench, order, stages=3)
    tiles.fill(1, 2)
    for turn in order:
        tiles.send(turn, 1)
        tiles.banks.put(0)
    bench.run(tiles.array.columns())
    # Two cycles later than the PEs are free, the last sums have left three stages.
    assert tuple(tiles.sums.items) == (FinishedBlock(order[0].of, 4), FinishedBlock(order[1].of, 5))
    assert tiles.consumed.at(0).triggered
    assert bench.ledger.counts == {"pe_array": {"mac": 2 * 4, "scratch_access": 2 * 4}}
