"""The channel shared by weights and inputs, and the input reader: 4 cycles a step, which arrive 3 cycles later."""

from typing import Any

import pytest

from archsim.machine.dram_channel import DramChannel
from archsim.machine.input_reader import InputReader
from archsim.machine.ports import Process, Signals
from archsim.machine.turns import BurstTurn, InputTurn
from archsim.mapping.plan import Fetch
from archsim.specs.dram import Arbitration


class Shared:
    """A channel with an input reader. The inputs fetched before the run have left the channel at 0."""

    def __init__(self, bench: Any, arbitration: Arbitration, steps: int = 1, more: int = 1) -> None:
        """`more`: 1 if another step follows those of the run, whose inputs are fetched too."""
        fetch = Fetch(bits=(0, 64), cycles=(0, 4), latency_cycles=3, arbitration=arbitration)
        last = steps - 1 + more
        order = [InputTurn(step, int(step < last), follows_burst=step < last) for step in range(steps)]
        self.bench, self.channel = bench, DramChannel(bench.env, arbitration, by_columns=False)
        self.consumed, self.arrivals = Signals(bench.env), Signals(bench.env)
        self.reader = InputReader(
            fetch, order, self.channel, self.consumed, self.arrivals, bench.ledger, bench.clock("input_reader"),
            first=0, lanes=1, free=0, arrives=0, buffer_free=0,
        )  # fmt: skip

    def weights(self, turn: BurstTurn, asks: int, leaves: int) -> Process:
        """A burst of weights that asks for the channel at a cycle, and leaves it a number of cycles after admission."""
        yield self.bench.env.timeout(asks)
        yield from self.channel.admit_burst(turn)
        self.bench.note("weights")
        yield self.bench.env.timeout(leaves)
        self.channel.burst_left(turn)


def test_static_inputs_follow_the_first_burst_and_the_next_follows_them(bench: Any) -> None:
    """Weights have the channel from 0 to 10, inputs from 10 to 14 though they could come at 0, and the weights that ask
    at 10 get it at 14."""
    shared = Shared(bench, "static")
    first, second = bench.burst(2, opens_step=True), bench.burst(2)
    bench.run(shared.reader.process(), shared.weights(first, 0, 10), shared.weights(second, 10, 5))
    assert bench.times("weights") == [0, 14]
    assert bench.times("fetch") == [0, 10]  # the first fetch ends before the run begins
    assert shared.reader.free == 14
    assert shared.reader.arrives == 17
    assert bench.ledger.counts == {"dram": {"read_bits": 64}}


def test_a_buffer_is_free_once_the_step_before_is_consumed(bench: Any) -> None:
    """The inputs of step 2 may come when step 0 has been consumed, at 30; there are none after that."""
    shared = Shared(bench, "tdm", steps=3, more=0)
    bench.after(30, lambda: shared.consumed.give(0))
    bench.run(shared.reader.process())
    assert bench.times("turn") == [0, 0, 30]
    assert bench.times("end") == [0, 4, 34]
    assert shared.reader.arrives == 37
    assert bench.ledger.counts == {"dram": {"read_bits": 3 * 64}}


def test_tdm_inputs_do_not_wait_for_weights_nor_weights_for_them(bench: Any) -> None:
    shared = Shared(bench, "tdm")
    assert not shared.channel.needed_by(bench.burst(2))
    bench.run(shared.reader.process())
    assert bench.times("fetch") == [0, 0]
    assert shared.reader.arrives == 7


@pytest.mark.parametrize(
    ("asks", "weights", "fetch"),
    [(3, 4, 0), (0, 4, 0)],  # weights ask while inputs are on it; both ask at once: inputs first
)
def test_fcfs_is_who_asks_first(bench: Any, asks: int, weights: int, fetch: int) -> None:
    shared = Shared(bench, "fcfs")
    bench.run(shared.reader.process(), shared.weights(bench.burst(2), asks, 10))
    assert bench.times("weights") == [weights]
    assert bench.times("fetch") == [0, fetch]


def test_fcfs_inputs_wait_for_weights_that_asked_before(bench: Any) -> None:
    """Step 1's inputs may come at 0, step 2's once step 0 is consumed, at 8; but weights have the channel until 16."""
    shared = Shared(bench, "fcfs", steps=2)
    bench.after(8, lambda: shared.consumed.give(0))
    bench.run(shared.reader.process(), shared.weights(bench.burst(2), 6, 10))
    assert bench.times("turn") == [0, 0, 8]
    assert bench.times("fetch") == [0, 0, 16]
    assert shared.reader.arrives == 23
