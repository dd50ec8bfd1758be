"""The input reader, which fetches the next step's inputs x over the DRAM channel while this step runs."""

from collections.abc import Iterable

from archsim import catalogue
from archsim.catalogue import Event
from archsim.ledger import Ledger
from archsim.machine.dram_channel import DramChannel
from archsim.machine.ports import Clock, Process, Signals
from archsim.machine.turns import InputTurn
from archsim.mapping.plan import Fetch


class InputReader:
    """Fills one of two buffers while the other is read.

    The inputs of step t + 1 are requested once step t - 1, whose buffer they take, has been consumed; the first inputs
    are requested at the start. Bursts that read x wait until all of it has arrived.
    """

    def __init__(
        self,
        fetch: Fetch,
        order: Iterable[InputTurn],
        channel: DramChannel,
        consumed: Signals,
        arrivals: Signals,
        ledger: Ledger,
        clock: Clock,
        *,
        first: int,
        lanes: int,
        free: int,
        arrives: int,
        buffer_free: int,
    ) -> None:
        """`consumed` is given when the PEs have consumed a step; `arrivals` is given, ahead of time, with the cycle at
        which the inputs of a step arrive. The inputs of step `first`, for `lanes` lanes, occupy the channel until
        `free` and arrive at `arrives`; the step before `first` has been consumed at `buffer_free`."""
        self._fetch, self._order, self._channel = fetch, order, channel
        self._consumed, self._arrivals = consumed, arrivals
        self._ledger, self._clock = ledger, clock
        self._first, self._lanes, self._buffer_free = first, lanes, buffer_free
        self.free = free
        """Cycle at which the last inputs have left the channel."""
        self.arrives = arrives
        """Cycle at which the last inputs arrive."""
        arrivals.give(first, arrives)

    def process(self) -> Process:
        clock, fetch = self._clock, self._fetch
        yield from self._enter_channel(InputTurn(self._first - 1, self._lanes, follows_burst=False))
        if self._first == 0:
            clock.note(Event.TURN, 0)
            clock.note(Event.FETCH, 0)
        yield clock.after(self.free)
        if self._first == 0:
            clock.note(Event.END, 0)
        self._channel.inputs_left(self._first - 1)
        lanes = self._lanes
        for turn in self._order:
            self.count(lanes)
            if turn.lanes:
                yield from self._wait_for_buffer(turn.step)
                self._arrivals.forget(turn.step - 1)
                self._channel.forget(turn.step - 2)
                yield from self._enter_channel(turn)
                clock.note(Event.FETCH, turn.step + 1)
                yield clock.after(fetch.cycles[turn.lanes])
                clock.note(Event.END, turn.step + 1)
                self.free, self.arrives = clock.now, clock.now + fetch.latency_cycles
            self._channel.inputs_left(turn.step)
            self._arrivals.give(turn.step + 1, self.arrives)
            lanes = turn.lanes

    def count(self, lanes: int) -> None:
        """Count the inputs of one step for `lanes` lanes."""
        self._ledger.add(catalogue.READ_BITS, self._fetch.bits[lanes])

    def _enter_channel(self, turn: InputTurn) -> Process:
        self._clock.waits_for("the DRAM channel (from the weight stream)")
        yield from self._channel.admit_inputs(turn)

    def _wait_for_buffer(self, step: int) -> Process:
        self._clock.waits_for(f"the PE array to have consumed step {step - 1}")
        if step > self._first:
            yield self._consumed.at(step - 1)
            self._consumed.forget(step - 1)
        else:
            yield self._clock.until(self._buffer_free)
        self._clock.note(Event.TURN, step + 1)
