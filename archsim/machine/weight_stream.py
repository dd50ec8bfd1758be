"""The weight path, which carries columns from SRAM or DRAM through a FIFO with credits to the PEs."""

from collections.abc import Iterable

from archsim import catalogue
from archsim.catalogue import Cause, Event
from archsim.ledger import Ledger
from archsim.machine.dram_channel import DramChannel
from archsim.machine.ports import (
    Clock,
    Datapath,
    Descriptor,
    NoNumbers,
    OperandLists,
    Process,
    Queue,
    Signals,
    Waiting,
    WordFifo,
)
from archsim.machine.turns import BurstTurn
from archsim.mapping.fifo import FifoTimes, Passed
from archsim.mapping.plan import Block
from archsim.specs.base import ceil_div
from archsim.specs.sequencer import SequencerSpec


class WeightStream:
    """Issues the columns of every burst in a static order.

    It holds one descriptor ahead: a burst is issued only once the PEs have begun the previous burst.
    """

    def __init__(
        self,
        spec: SequencerSpec,
        order: Iterable[BurstTurn],
        lists: OperandLists,
        channel: DramChannel,
        fifo: WordFifo,
        times: FifoTimes,
        descriptors_out: Queue[Descriptor],
        ledger: Ledger,
        clock: Clock,
        *,
        arrivals: Signals | None = None,
        datapath: Datapath | None = None,
        free: int = 0,
    ) -> None:
        """`spec` has the cycles between a burst's turn and its first column, and of a burst without columns. `times`
        are those of the FIFO for engine `burst`, which moves no words through `fifo`. `arrivals` is given with the
        cycle at which the inputs of a step arrive (None: they are always available). The path is busy until cycle
        `free`."""
        self._setup_cycles, self._empty_cycles, self._order = spec.setup_cycles, spec.empty_burst_cycles, order
        self._lists, self._arrivals, self._channel = lists, arrivals, channel
        self._fifo, self._descriptors_out = fifo, descriptors_out
        self._ledger, self._clock = ledger, clock
        self._datapath: Datapath = datapath or NoNumbers()
        self._previous: Descriptor | None = None
        self._times = times
        self._at = 0
        """When the last word has left the path, in parts of a cycle (engine `column`)."""
        self.free = free
        """Cycle from which the next burst can be taken."""

    def bursts(self) -> Process:
        """Engine `burst`: one transaction for each burst."""
        clock = self._clock
        yield clock.after(self.free)
        for turn in self._order:
            descriptor = yield from self._begin(turn)
            start, burst = clock.now, turn.burst
            if self._channel.needed_by(turn):
                clock.env.process(self._leave_channel(descriptor, start))
            clock.waits_for("the PE array to begin its burst")
            consumption: int = yield descriptor.started
            passed = self._times.take(burst, turn.columns, start, consumption)
            if turn.columns:
                sent, last = start + burst.pace.of(turn.columns * burst.column_words), passed.last_issue
                descriptor.wait(Cause.FIFO_CREDIT, last - sent)
                descriptor.passed.succeed(passed)
                clock.note(Event.WAIT_CREDIT, turn.step, turn.block.index, at=sent)
                clock.note(Event.END, turn.step, turn.block.index, at=last)
                yield clock.until(last)
            self.free = clock.now
            self.count(turn)

    def columns(self) -> Process:
        """Engine `column`: each word waits for room in the FIFO, takes the path, and arrives after the latency."""
        clock = self._clock
        for turn in self._order:
            descriptor = yield from self._begin(turn)
            sent = clock.now + turn.burst.pace.of(turn.columns * turn.burst.column_words)
            for column, token in enumerate(self._datapath.fetch(turn)):
                yield from self._send(descriptor, column, token)
                if self._channel.granted_by_columns(turn):
                    self._channel.column_left()
            clock.note(Event.END, turn.step, turn.block.index)
            for_channel = descriptor.waited.get(Cause.INPUT_FETCH, 0)
            descriptor.wait(Cause.FIFO_CREDIT, max(0, clock.now - sent - for_channel))
            if self._channel.needed_by(turn):
                self._channel.burst_left(turn)
            self.free = clock.now
            self.count(turn)

    def _send(self, descriptor: Descriptor, column: int, token: object) -> Process:
        """Send the words of a column back to back, except where one waits for room.

        Cycles are counted in parts of ``Pace.words``, so that words that take a fraction of a cycle more or less follow
        each other exactly.
        """
        clock, turn = self._clock, descriptor.turn
        burst, place = turn.burst, (turn.step, turn.block.index, column)
        cycles, parts = burst.pace
        at = self._at if column and clock.now * parts < self._at + parts else clock.now * parts
        clock.note(Event.WAIT_CREDIT, *place, at=ceil_div(at, parts))
        clock.waits_for("room for a word in the FIFO (credits from the PE array)")
        self._fifo.numbers.append(token)
        room, send = self._fifo.room, self._fifo.words.put
        for word in range(burst.column_words):
            asked = not word or not room.items
            if word and asked:
                clock.note(Event.WAIT_CREDIT, *place, at=ceil_div(at, parts))
            free = parts * (room.items.popleft() if room.items else (yield from room.get()))
            if free > at:
                if not asked:
                    clock.note(Event.WAIT_CREDIT, *place, at=ceil_div(at, parts))
                at, asked = free, True
            if not word and self._channel.granted_by_columns(turn):
                yield clock.until(ceil_div(at, parts))
                yield from self._take_channel(descriptor, column)
                at = clock.now * parts
            if asked:
                clock.note(Event.COLUMN, *place, at=ceil_div(at, parts))
            at += cycles
            send((at if parts == 1 else ceil_div(at, parts)) + burst.latency_cycles)
        self._at = at
        yield clock.until(ceil_div(at, parts))

    def count_norms(self, block: Block, times: int = 1) -> None:
        self._ledger.add(catalogue.READ_BITS, times * block.norms.dram_bits)
        self._ledger.add(catalogue.SRAM_READ_WORD, times * block.norms.sram_words)

    def count(self, turn: BurstTurn, times: int = 1) -> None:
        burst, columns = turn.burst, times * turn.columns
        self._ledger.add(catalogue.READ_BITS, columns * burst.column_dram_bits)
        self._ledger.add(catalogue.SRAM_READ_WORD, columns * burst.column_sram_words)
        self._ledger.add(catalogue.FIFO_WORD, columns * burst.column_fifo_words)

    def _begin(self, turn: BurstTurn) -> Waiting[Descriptor]:
        """Hand on the descriptor of a burst, and set the burst up once the PEs have begun the previous one, its operand
        lists are known, its inputs have arrived, and it may take the channel."""
        clock, step, block = self._clock, turn.step, turn.block.index
        descriptor = Descriptor.of(turn, clock.env)
        self._descriptors_out.put(descriptor)
        if self._previous is not None:
            clock.waits_for("the PE array to begin the burst before")
            yield self._previous.started
        self._previous = descriptor
        clock.note(Event.TURN, step, block)
        yield from self._await_lists(descriptor)
        clock.note(Event.LISTED, step, block)
        yield from self._await_admission(descriptor)
        clock.note(Event.ADMITTED, step, block)
        yield from self._set_up(turn)
        start = clock.now
        clock.note(Event.START, step, block)
        if turn.columns:
            ready = self._times.first_arrival(turn.burst, turn.columns, start)
        else:
            ready = start + self._empty_cycles
        descriptor.arrival.succeed(ready)
        return descriptor

    def _await_lists(self, descriptor: Descriptor) -> Process:
        turn = descriptor.turn
        if turn.opens_step:
            self._lists.forget(turn.step - 2)
        self._clock.waits_for("a list of non-zero columns from the encoder")
        for wait in turn.burst.waits:
            known: int = yield self._lists.at(wait.list, turn.step - wait.steps_back)
            descriptor.listed = max(descriptor.listed, known)

    def _await_admission(self, descriptor: Descriptor) -> Process:
        """Wait until its inputs have arrived and it may take the channel, if inputs come over the channel at all."""
        if self._arrivals is None:
            return
        turn, clock = descriptor.turn, self._clock
        if turn.burst.reads_inputs:
            clock.waits_for("inputs from the input reader")
            arrives: int = yield self._arrivals.at(turn.step)
            yield clock.until(arrives)
        if self._channel.needed_by(turn):
            clock.waits_for("the DRAM channel (from the input reader)")
            yield from self._channel.admit_burst(turn)
        descriptor.admitted = clock.now

    def _set_up(self, turn: BurstTurn) -> Process:
        """Set up a burst; a block that opens then has its row scales and biases carried, which bypass the FIFO."""
        clock, norms = self._clock, turn.block.norms
        carried = norms.cycles if turn.opens_block else 0
        if carried:
            clock.note(Event.NORMS, turn.step, turn.block.index, at=clock.now + self._setup_cycles)
            self.count_norms(turn.block)
        yield clock.after(self._setup_cycles + carried)
        if carried and norms.dram_bits and self._channel.granted_by_columns(turn):
            self._channel.column_left()

    def _take_channel(self, descriptor: Descriptor, column: int) -> Process:
        """Wait for the channel on behalf of one column, and attribute the wait to the inputs."""
        clock, turn = self._clock, descriptor.turn
        asked = clock.now
        clock.note(Event.WAIT_CHANNEL, turn.step, turn.block.index, column)
        clock.waits_for("the DRAM channel (from the input reader)")
        yield from self._channel.admit_column()
        if column:
            descriptor.wait(Cause.INPUT_FETCH, clock.now - asked)
        elif clock.now > asked:
            descriptor.admitted = clock.now

    def _leave_channel(self, descriptor: Descriptor, start: int) -> Process:
        """Release the channel when a burst's last word has left the path, perhaps before the PEs begin the burst."""
        turn, burst, clock = descriptor.turn, descriptor.turn.burst, self._clock
        if turn.columns * burst.column_words <= burst.fifo_words:  # no word waits for the room of another
            last = self._times.unhindered(burst, turn.columns, start)
        else:
            passed: Passed = yield descriptor.passed
            last = passed.last_issue
        yield clock.until(last)
        self._channel.burst_left(turn)
