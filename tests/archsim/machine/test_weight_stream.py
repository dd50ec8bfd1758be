"""The weight path on a bench: no plan, no trace, no design."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from archsim.catalogue import Cause
from archsim.machine.dram_channel import DramChannel
from archsim.machine.ports import Descriptor, OperandLists, Queue, Signals, WordFifo
from archsim.machine.turns import BurstTurn
from archsim.machine.weight_stream import WeightStream
from archsim.mapping.fifo import WordByWord
from archsim.mapping.plan import Block, Norms, Pace, Wait
from archsim.specs.sequencer import SequencerSpec


@dataclass
class Path:
    """A weight path with a FIFO of two words, and its outputs."""

    stream: WeightStream
    fifo: WordFifo
    descriptors: Queue[Descriptor]
    lists: OperandLists

    def begin(self, number: int, cycle: int) -> None:
        """The PEs begin with a burst."""
        self.descriptors.items[number].started.succeed(cycle)


def path(bench: Any, order: Sequence[BurstTurn], setup_cycles: int = 0, empty: int = 0, **more: Any) -> Path:
    fifo, descriptors = WordFifo(bench.env, 2), Queue[Descriptor](bench.env)
    lists = OperandLists(bench.env, [0], before=-1)
    channel = DramChannel(bench.env, None, by_columns=True)
    clock = bench.clock("weight_stream")
    spec = SequencerSpec(setup_cycles=setup_cycles, empty_burst_cycles=empty)
    times = WordByWord(2)
    stream = WeightStream(spec, order, lists, channel, fifo, times, descriptors, bench.ledger, clock, **more)
    return Path(stream, fifo, descriptors, lists)


def test_it_waits_for_room_in_the_fifo(bench: Any) -> None:
    """Two columns fit, and a sink frees a place at 20, 30 and 40; s = 2, L = 3.

    Columns 0 and 1 take the path at 0 and 2, arrive at 5 and 7; 2, 3 and 4 take it when places come free.
    """
    made = path(bench, [bench.burst(5)])
    for cycle in (20, 30, 40):
        bench.after(cycle, lambda cycle=cycle: made.fifo.room.put(cycle))
    bench.run(made.stream.columns())
    assert bench.times("column") == [0, 2, 20, 30, 40]
    assert tuple(made.fifo.words.items) == (5, 7, 25, 35, 45)
    assert bench.ledger.counts == {"dram": {"read_bits": 5 * 32}, "weight_memory": {"fifo_word": 5}}
    assert made.descriptors.items[0].waited == {Cause.FIFO_CREDIT: (20 - 4) + (30 - 22) + (40 - 32)}


def test_words_follow_each_other_at_their_exact_pace(bench: Any, block: Block) -> None:
    """Three words take seven cycles: they leave at 7/3, 14/3 and 7, and arrive, L = 3 cycles later, at 6, 8 and 10."""
    paced = replace(block, bursts=(replace(block.bursts[0], pace=Pace(7, 3)),))
    made = path(bench, [bench.burst(3, paced)])
    bench.after(0, lambda: made.fifo.room.put(0))
    bench.run(made.stream.columns())
    assert tuple(made.fifo.words.items) == (6, 8, 10)
    assert made.stream.free == 7


def test_it_holds_one_burst_ahead(bench: Any, block: Block) -> None:
    """The second burst is not issued before the first is being consumed, at 9, nor before its list is known, at 14."""
    waits = replace(block, bursts=(replace(block.bursts[0], waits=(Wait(0, 0),)),))
    made = path(bench, [bench.burst(1), bench.burst(1, waits)])
    bench.after(9, lambda: made.begin(0, 9))
    bench.after(14, lambda: made.lists.give(0, 0, 14))
    bench.run(made.stream.columns())
    assert bench.times("column") == [0, 14]
    assert bench.times("listed") == [0, 14]
    assert [descriptor.listed for descriptor in made.descriptors.items] == [0, 14]


def test_a_burst_held_up_by_its_sink_goes_on_place_by_place(bench: Any) -> None:
    """Five columns, two places, s = 2, L = 3, p = 1, and PEs that begin at 30: columns 0 and 1 are issued at 0 and 2.

    Column 2 takes the place that column 0 leaves at 31 (31-33, there at 36), column 3 that of column 1 (33-35), column
    4 that of column 2, consumed at 37: 37-39. The path waited for credits 39 - 10 cycles.
    """
    made = path(bench, [bench.burst(5)])
    bench.after(30, lambda: made.begin(0, 30))
    bench.run(made.stream.bursts())
    [descriptor] = made.descriptors.items
    assert descriptor.passed.value.last_issue == made.stream.free == 39
    assert descriptor.waited == {Cause.FIFO_CREDIT: 29}


def test_every_burst_is_set_up(bench: Any) -> None:
    """Three cycles to set a burst up: issued at 3, though it could be at 0; the next, whose turn is at 20, at 23."""
    made = path(bench, [bench.burst(1), bench.burst(0)], setup_cycles=3, empty=1)
    bench.after(20, lambda: made.begin(0, 20))
    bench.run(made.stream.columns())
    assert bench.times("turn") == [0, 20]
    assert bench.times("start") == [3, 23]
    assert bench.times("column") == [3]
    arrivals = [descriptor.arrival.value for descriptor in made.descriptors.items]
    assert arrivals == [3 + 2 + 3, 23 + 1]  # without columns: a cycle after its start


def test_row_scales_and_biases_come_before_the_first_column_of_a_block(bench: Any, block: Block) -> None:
    """They take four cycles and bypass the FIFO, on a path that is free at 10: the column arrives at 10 + 4 + 2 + 3."""
    made = path(bench, [bench.burst(1, replace(block, norms=Norms(4, 0, 64)))], free=10)
    bench.after(30, lambda: made.begin(0, 30))
    bench.run(made.stream.bursts())
    assert bench.times("norms") == [10]
    assert bench.times("start") == [14]
    assert made.descriptors.items[0].arrival.value == 19
    assert bench.ledger.counts["dram"] == {"read_bits": 64 + 32}
    assert tuple(made.fifo.room.items) == (0, 0)


@pytest.mark.parametrize(("arrives", "admitted"), [(9, 9), (0, 0)])
def test_a_burst_that_reads_inputs_waits_until_they_are_there(bench: Any, arrives: int, admitted: int) -> None:
    arrivals = Signals(bench.env)
    made = path(bench, [bench.burst(1)], arrivals=arrivals)
    arrivals.give(0, arrives)
    bench.run(made.stream.columns())
    assert bench.times("listed") == [0]
    assert bench.times("admitted") == bench.times("column") == [admitted]
    assert made.descriptors.items[0].admitted == admitted
