"""The weight path, which carries columns from SRAM or DRAM through a FIFO with credits to the PEs."""

from collections.abc import Iterable

from archsim import catalogue
from archsim.catalogue import Cause, Event
from archsim.ledger import Ledger
from archsim.machine.dram_channel import DramChannel
from archsim.machine.ports import (
    Clock,
    ColumnToken,
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
from archsim.mapping.fifo import last_issue_cycle
from archsim.mapping.plan import Block


class WeightStream:
    """Issues the columns of every burst in a static order.

    It holds one descriptor ahead: a burst is issued only once the PEs have begun the previous burst.
    """

    def __init__(
        self,
        setup_cycles: int,
        order: Iterable[BurstTurn],
        lists: OperandLists,
        channel: DramChannel,
        fifo: WordFifo,
        descriptors_out: Queue[Descriptor],
        ledger: Ledger,
        clock: Clock,
        *,
        arrivals: Signals | None = None,
        datapath: Datapath | None = None,
        free: int = 0,
    ) -> None:
        """`setup_cycles` pass between a burst's turn and its first column. `arrivals` is given with the cycle at which
        the inputs of a step arrive (None: they are always available). The path is busy until cycle `free`."""
        self._setup_cycles, self._order = setup_cycles, order
        self._lists, self._arrivals, self._channel = lists, arrivals, channel
        self._fifo, self._descriptors_out = fifo, descriptors_out
        self._ledger, self._clock = ledger, clock
        self._datapath: Datapath = datapath or NoNumbers()
        self._previous: Descriptor | None = None
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
                clock.env.process(self._leave_channel(descriptor))
            clock.waits_for("the PE array to begin its burst")
            consumption: int = yield descriptor.started
            if turn.columns:
                sent = start + turn.columns * burst.stream_cycles
                last = last_issue_cycle(burst, turn.columns, start, consumption)
                descriptor.wait(Cause.FIFO_CREDIT, last - sent)
                descriptor.last_issue.succeed(last)
                clock.note(Event.WAIT_CREDIT, turn.step, turn.block.index, at=sent)
                clock.note(Event.END, turn.step, turn.block.index, at=last)
                yield clock.until(last)
            self.free = clock.now
            self.count(turn)

    def columns(self) -> Process:
        """Engine `column`: each column waits for room in the FIFO, takes the path, and arrives after the latency."""
        clock = self._clock
        for turn in self._order:
            descriptor = yield from self._begin(turn)
            step, block, burst = turn.step, turn.block.index, turn.burst
            for column, token in enumerate(self._datapath.fetch(turn)):
                clock.waits_for(f"room for {burst.column_words} words in the FIFO (credits from the PE array)")
                clock.note(Event.WAIT_CREDIT, step, block, column)
                waited = yield from self._fifo.reserve(burst.column_words, clock)
                descriptor.wait(Cause.FIFO_CREDIT, waited)
                if self._channel.granted_by_columns(turn):
                    yield from self._take_channel(descriptor, column)
                clock.note(Event.COLUMN, step, block, column)
                yield clock.after(burst.stream_cycles)
                if self._channel.granted_by_columns(turn):
                    self._channel.column_left()
                yield self._fifo.send(ColumnToken(clock.now + burst.latency_cycles, token))
            clock.note(Event.END, step, block)
            if self._channel.needed_by(turn):
                self._channel.burst_left(turn)
            self.free = clock.now
            self.count(turn)

    def count_norms(self, block: Block) -> None:
        self._ledger.add(catalogue.READ_BITS, block.norms.dram_bits)
        self._ledger.add(catalogue.SRAM_READ_WORD, block.norms.sram_words)

    def count(self, turn: BurstTurn) -> None:
        burst = turn.burst
        self._ledger.add(catalogue.READ_BITS, turn.columns * burst.column_dram_bits)
        self._ledger.add(catalogue.SRAM_READ_WORD, turn.columns * burst.column_sram_words)
        self._ledger.add(catalogue.FIFO_WORD, turn.columns * burst.column_words)

    def _begin(self, turn: BurstTurn) -> Waiting[Descriptor]:
        """Hand on the descriptor of a burst, and set the burst up once the PEs have begun the previous one, its operand
        lists are known, its inputs have arrived, and it may take the channel."""
        clock, step, block = self._clock, turn.step, turn.block.index
        descriptor = Descriptor.of(turn, clock.env)
        yield self._descriptors_out.put(descriptor)
        if self._previous is not None:
            clock.waits_for("the PE array to begin the burst before")
            yield self._previous.started
        self._previous = descriptor
        clock.note(Event.TURN, step, block)
        yield from self._await_lists(descriptor)
        clock.note(Event.LISTED, step, block)
        yield from self._await_admission(descriptor)
        clock.note(Event.ADMITTED, step, block)
        yield clock.after(self._setup_cycles)
        if turn.opens_block and turn.block.norms.cycles:
            yield from self._norms(turn)
        clock.note(Event.START, step, block)
        burst = turn.burst
        first = burst.stream_cycles + burst.latency_cycles if turn.columns else 0
        descriptor.arrival.succeed(clock.now + first)
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

    def _norms(self, turn: BurstTurn) -> Process:
        """Carry the row scales and biases of a block, which bypass the FIFO."""
        norms = turn.block.norms
        self._clock.note(Event.NORMS, turn.step, turn.block.index)
        yield self._clock.after(norms.cycles)
        if norms.dram_bits and self._channel.granted_by_columns(turn):
            self._channel.column_left()
        self.count_norms(turn.block)

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

    def _leave_channel(self, descriptor: Descriptor) -> Process:
        """Release the channel when a burst's last column has left the path, perhaps before the PEs begin the burst."""
        turn, burst, clock = descriptor.turn, descriptor.turn.burst, self._clock
        if turn.columns <= burst.fifo_columns:  # no column waits for credits
            yield clock.after(turn.columns * burst.stream_cycles)
        else:
            last: int = yield descriptor.last_issue
            yield clock.after(last - clock.now)
        self._channel.burst_left(turn)
