"""Components connected by their ports, and the diagram of the machine."""

from typing import Any

from archsim.catalogue import Cause
from archsim.machine.dram_channel import DramChannel
from archsim.machine.input_reader import InputReader
from archsim.machine.pe_array import PEArray
from archsim.machine.ports import (
    Descriptor,
    FinishedBlock,
    OperandLists,
    Queue,
    ScratchBanks,
    Signals,
    WordFifo,
)
from archsim.machine.turns import InputTurn
from archsim.machine.weight_stream import WeightStream
from archsim.mapping.fifo import WordByWord
from archsim.mapping.plan import Fetch
from archsim.specs.sequencer import SequencerSpec


def test_a_burst_that_reads_inputs_waits_and_the_pes_blame_the_inputs(bench: Any) -> None:
    """The inputs of step 0 arrive at 9; the burst's turn is at 0, its first column is issued at 9 and arrives at 14."""
    env, ledger, order = bench.env, bench.ledger, [bench.burst(1, opens_step=True, closes_step=True)]
    channel, fifo = DramChannel(env, "static", by_columns=True), WordFifo(env, 2)
    descriptors, sums, banks = Queue[Descriptor](env), Queue[FinishedBlock](env), ScratchBanks(env)
    arrivals, consumed = Signals(env), Signals(env)
    fetch = Fetch(bits=(0, 64), cycles=(0, 4), latency_cycles=3, arbitration="static")
    reader = InputReader(
        fetch, [InputTurn(0, 1, follows_burst=True)], channel, consumed, arrivals, ledger, bench.clock("input_reader"),
        first=0, lanes=1, free=0, arrives=9, buffer_free=0,
    )  # fmt: skip
    stream = WeightStream(
        SequencerSpec(), order, OperandLists(env, [0], before=-1), channel, fifo, WordByWord(2), descriptors, ledger,
        bench.clock("weight_stream"), arrivals=arrivals,
    )  # fmt: skip
    array = PEArray(order, descriptors, fifo, banks, sums, ledger, bench.clock("pe_array"), consumed=consumed)
    banks.put(0)
    bench.run(reader.process(), stream.columns(), array.columns())
    assert bench.times("listed") == [0]
    assert bench.times("admitted") == [9]
    assert bench.times("column") == [9, 14]  # onto the path, and onto the PEs
    assert array.stalls[Cause.INPUT_FETCH] == 9
    assert array.stalls[Cause.WEIGHT_LATENCY] == 14 - 9
    assert array.free == 15
