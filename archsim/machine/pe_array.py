"""The PE array, which consumes columns and accumulates the partial sums of a block in a scratch bank."""

from collections.abc import Iterable

from archsim import catalogue
from archsim.catalogue import Cause, Event
from archsim.ledger import Ledger
from archsim.machine.ports import (
    Clock,
    ColumnToken,
    Datapath,
    Descriptor,
    NoNumbers,
    Process,
    Queue,
    ScratchBanks,
    Signals,
    Waiting,
    WordFifo,
    blame,
    share_out,
)
from archsim.machine.turns import BlockTurn, BurstTurn


class PEArray:
    """Consumes columns, or whole bursts, in order; the first of a block waits for a free scratch bank."""

    def __init__(
        self,
        order: Iterable[BurstTurn],
        descriptors_in: Queue[Descriptor],
        fifo: WordFifo,
        banks: ScratchBanks,
        sums_out: Queue[BlockTurn],
        ledger: Ledger,
        clock: Clock,
        *,
        consumed: Signals | None = None,
        datapath: Datapath | None = None,
        free: int = 0,
    ) -> None:
        """`consumed` is given when a step has been consumed (None: nobody waits for it). The PEs are idle from cycle
        `free` on."""
        self._order, self._descriptors_in, self._fifo = order, descriptors_in, fifo
        self._banks, self._sums_out, self._consumed = banks, sums_out, consumed
        self._ledger, self._clock = ledger, clock
        self._datapath: Datapath = datapath or NoNumbers()
        self.free = free
        """Cycle at which the last column was consumed."""
        self.busy = 0
        """Busy cycles."""
        self.stalls = dict.fromkeys(clock.component.causes, 0)
        """Stall cycles by cause."""

    def bursts(self) -> Process:
        """Engine `burst`: one transaction for each burst."""
        clock = self._clock
        yield clock.after(self.free)
        for _ in self._order:
            descriptor = yield from self._next()
            turn, burst = descriptor.turn, descriptor.turn.burst
            ready: int = yield descriptor.arrival
            yield clock.until(ready)
            start = yield from self._claim(descriptor)
            worked = end = start + turn.columns * burst.tile_cycles
            if turn.columns:
                last_issue: int = yield descriptor.last_issue
                end = max(worked, last_issue + burst.latency_cycles + burst.tile_cycles)
                self._starved(descriptor, end - worked)
                clock.note(Event.WAIT_COLUMN, turn.step, turn.block.index, at=worked)
                yield clock.after(end - clock.now)
            self.free = end
            yield from self._finish(turn)

    def columns(self) -> Process:
        """Engine `column`: one token from the FIFO for each column."""
        clock = self._clock
        for _ in self._order:
            descriptor = yield from self._next()
            turn = descriptor.turn
            yield descriptor.arrival
            if not turn.columns:
                self.free = yield from self._claim(descriptor)
            starved = 0
            for column in range(turn.columns):
                clock.waits_for("a column in the FIFO (from the weight stream)")
                clock.note(Event.WAIT_COLUMN, turn.step, turn.block.index, column)
                received: ColumnToken = yield self._fifo.receive()
                yield clock.until(received.arrival)
                if column == 0:
                    self.free = yield from self._claim(descriptor)
                starved += clock.now - self.free
                clock.note(Event.COLUMN, turn.step, turn.block.index, column)
                yield clock.after(turn.burst.tile_cycles)
                self._datapath.accumulate(turn, received.token)
                self.free = clock.now
                yield self._fifo.release(turn.burst.column_words)
            self._starved(descriptor, starved)
            yield from self._finish(turn)

    def count(self, turn: BurstTurn) -> None:
        ledger, burst = self._ledger, turn.burst
        self.busy += turn.columns * burst.tile_cycles
        for operand in turn.operands:
            issued, useful = burst.rows * operand.issued, burst.rows * operand.nonzero
            ledger.add(catalogue.MAC, useful)
            ledger.add(catalogue.MAC_ZERO_OPERAND, issued - useful)
            ledger.add(catalogue.SCRATCH_ACCESS, issued)
            if operand.in_state_buffer:
                ledger.add(catalogue.H_READ, operand.issued)

    def _next(self) -> Waiting[Descriptor]:
        self._clock.waits_for("the next burst from the weight stream")
        descriptor: Descriptor = yield self._descriptors_in.get()
        self._clock.waits_for("the first column of a burst")
        return descriptor

    def _claim(self, descriptor: Descriptor) -> Waiting[int]:
        """Take a scratch bank if a block opens, and attribute the PEs' stall since `free`; the PEs start now."""
        turn, bank_free = descriptor.turn, 0
        if turn.opens_block:
            self._clock.waits_for("a free scratch bank (from the activation unit)")
            bank_free = yield self._banks.get()
            self._datapath.open()
        start = self._clock.now
        waited = (
            (Cause.SCRATCH_BANK, bank_free),
            (Cause.STATE_DEPENDENCY, descriptor.listed),
            (Cause.INPUT_FETCH, descriptor.admitted),
        )
        for cause, cycles in blame(self.free, start, waited, Cause.WEIGHT_LATENCY):
            self.stalls[cause] += cycles
        self._clock.note(Event.START, turn.step, turn.block.index)
        descriptor.started.succeed(start)
        return start

    def _starved(self, descriptor: Descriptor, cycles: int) -> None:
        """Attribute cycles without a column within a burst to the weight path's own waits, then to its bandwidth."""
        waited = [(cause, descriptor.waited.get(cause, 0)) for cause in (Cause.INPUT_FETCH, Cause.FIFO_CREDIT)]
        for cause, part in share_out(cycles, waited, Cause.WEIGHT_BANDWIDTH):
            self.stalls[cause] += part

    def _finish(self, turn: BurstTurn) -> Process:
        self._clock.note(Event.DONE, turn.step, turn.block.index)
        self.count(turn)
        if turn.closes_block:
            self._clock.note(Event.END, turn.step, turn.block.index)
            yield self._sums_out.put(turn.of)
        if turn.closes_step and self._consumed is not None:
            self._consumed.give(turn.step)
