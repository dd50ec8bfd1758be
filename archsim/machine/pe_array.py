"""The PE array, which consumes columns and accumulates the partial sums of a block in a scratch bank."""

from collections.abc import Iterable

from archsim import catalogue
from archsim.catalogue import Cause, Event
from archsim.ledger import Ledger
from archsim.machine.ports import (
    Clock,
    Datapath,
    Descriptor,
    FinishedBlock,
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
from archsim.machine.turns import BurstTurn
from archsim.mapping.fifo import Passed


class PEArray:
    """Consumes columns, or whole bursts, in order; the first of a block waits for a free scratch bank."""

    def __init__(
        self,
        order: Iterable[BurstTurn],
        descriptors_in: Queue[Descriptor],
        fifo: WordFifo,
        banks: ScratchBanks,
        sums_out: Queue[FinishedBlock],
        ledger: Ledger,
        clock: Clock,
        *,
        consumed: Signals | None = None,
        datapath: Datapath | None = None,
        stages: int = 1,
        free: int = 0,
    ) -> None:
        """`consumed` is given when a step has been consumed (None: nobody waits for it). `stages`: those of a PE's
        pipeline, which a block's last sums pass. The PEs are idle from cycle `free` on."""
        self._order, self._descriptors_in, self._fifo = order, descriptors_in, fifo
        self._banks, self._sums_out, self._consumed = banks, sums_out, consumed
        self._ledger, self._clock = ledger, clock
        self._datapath: Datapath = datapath or NoNumbers()
        self._stages = stages
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
            if ready > clock.now:
                yield clock.until(ready)
            start = yield from self._claim(descriptor)
            self.free, taken = start, burst.turns(turn.columns) * burst.tile_cycles
            if turn.columns:
                passed: Passed = yield descriptor.passed
                self.free = passed.consumed
                self._starved(descriptor, self.free - start - taken)
                if burst.idle_cycles:
                    at = start + burst.busy_cycles(turn.columns)
                    clock.note(Event.LOAD, turn.step, turn.block.index, at=at)
                clock.note(Event.WAIT_COLUMN, turn.step, turn.block.index, at=start + taken)
            yield from self._finish(turn)

    def columns(self) -> Process:
        """Engine `column`: the words of each column from the FIFO, which its cycles need one after the other."""
        for _ in self._order:
            descriptor = yield from self._next()
            turn = descriptor.turn
            ready: int = yield descriptor.arrival
            if turn.columns:
                starved = 0
                take = self._pass if turn.burst.group else self._consume
                for column in range(0, turn.columns, turn.burst.at_once):
                    starved += yield from take(descriptor, column)
                self._starved(descriptor, starved)
            else:
                yield self._clock.until(ready)
                self.free = yield from self._claim(descriptor)
            yield from self._finish(turn)

    def _consume(self, descriptor: Descriptor, column: int) -> Waiting[int]:
        """Consume one column, and return the cycles without work since the last one, or since the burst's start.

        Its cycle k runs at ``first + k``, where `first` grows whenever a word comes later than its cycle needs it.
        """
        clock, turn, burst = self._clock, descriptor.turn, descriptor.turn.burst
        place, steps, words = (turn.step, turn.block.index, column), burst.feed.steps(), self._fifo.words
        release, first = self._fifo.room.put, self.free
        clock.waits_for("a word of a column in the FIFO (from the weight stream)")
        clock.note(Event.WAIT_COLUMN, *place)
        for needed, _ in steps[: burst.first_words]:  # none of which is released before all of them are there
            arrival = words.items.popleft() if words.items else (yield from words.get())
            first = max(first, arrival - needed)
        yield clock.until(first)
        if column == 0:
            first = self.free = yield from self._claim(descriptor)
        clock.note(Event.COLUMN, *place)
        for cycles in steps[burst.first_words - 1].released:
            release(first + cycles)
        for needed, released in steps[burst.first_words :]:
            arrival = words.items.popleft() if words.items else (yield from words.get())
            if arrival > first + needed:
                yield clock.until(first + needed)
                clock.note(Event.WAIT_COLUMN, *place)
                first = arrival - needed
                yield clock.until(arrival)
                clock.note(Event.COLUMN, *place)
            for cycles in released:
                release(first + cycles)
        starved = first - self.free
        self.free = first + burst.tile_cycles
        yield clock.until(self.free)
        self._datapath.accumulate(turn, self._fifo.numbers.popleft())
        return starved

    def _pass(self, descriptor: Descriptor, column: int) -> Waiting[int]:
        """Take the group of columns that begins with `column`, which vectors then pass; returns the same as `_consume`.

        The group leaves the FIFO when its vectors begin to pass.
        """
        clock, turn, burst = self._clock, descriptor.turn, descriptor.turn.burst
        place, columns = (turn.step, turn.block.index, column), min(burst.group, turn.columns - column)
        begin, words = self.free, columns * burst.column_words
        clock.waits_for("a group of columns in the FIFO (from the weight stream)")
        clock.note(Event.WAIT_COLUMN, *place, at=begin)
        for _ in range(words):
            begin = max(begin, (yield from self._fifo.words.get()))
        yield clock.until(begin)
        if column == 0:
            begin = self.free = yield from self._claim(descriptor)
        clock.note(Event.COLUMN, *place)
        for _ in range(words):
            self._fifo.room.put(begin)
        starved = begin - self.free
        self.free = begin + burst.tile_cycles
        if burst.idle_cycles:
            clock.note(Event.LOAD, *place, at=self.free - burst.idle_cycles)
        yield clock.until(self.free - burst.idle_cycles)
        for _ in range(columns):
            self._datapath.accumulate(turn, self._fifo.numbers.popleft())
        return starved

    def count(self, turn: BurstTurn, times: int = 1) -> None:
        ledger, burst, rows = self._ledger, turn.burst, times * turn.burst.rows
        self.busy += times * burst.busy_cycles(turn.columns)
        if burst.group:
            ledger.add(catalogue.WEIGHT_LOAD, rows * turn.columns)
            ledger.add(catalogue.SCRATCH_ACCESS, rows * burst.turns(turn.columns) * turn.operands[0].lanes)
        issued = useful = read = 0
        for operand in turn.operands:
            columns = operand.issued
            issued, useful = issued + columns, useful + operand.nonzero
            if operand.in_state_buffer:
                read += columns
        ledger.add(catalogue.MAC, rows * useful)
        ledger.add(catalogue.MAC_ZERO_OPERAND, rows * (issued - useful))
        if not burst.group:
            ledger.add(catalogue.SCRATCH_ACCESS, rows * issued)
        ledger.add(catalogue.H_READ, times * read)

    def _next(self) -> Waiting[Descriptor]:
        self._clock.waits_for("the next burst from the weight stream")
        descriptor = yield from self._descriptors_in.get()
        self._clock.waits_for("the first column of a burst")
        return descriptor

    def _claim(self, descriptor: Descriptor) -> Waiting[int]:
        """Take a scratch bank if a block opens, and attribute the PEs' stall since `free`; the PEs start now."""
        turn, bank_free = descriptor.turn, 0
        if turn.opens_block:
            self._clock.waits_for("a free scratch bank (from the activation unit)")
            bank_free = yield from self._banks.get()
            if bank_free > self._clock.now:
                yield self._clock.until(bank_free)
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
        turn = descriptor.turn
        waited = [(cause, descriptor.waited.get(cause, 0)) for cause in (Cause.INPUT_FETCH, Cause.FIFO_CREDIT)]
        for cause, part in share_out(cycles, waited, Cause.WEIGHT_BANDWIDTH):
            self.stalls[cause] += part
        if turn.burst.idle_cycles:
            self.stalls[Cause.WEIGHT_BANDWIDTH] += turn.burst.turns(turn.columns) * turn.burst.idle_cycles

    def _finish(self, turn: BurstTurn) -> Process:
        """End a burst; a block's sums may be complete before its last group has taken all of its cycles."""
        clock, burst = self._clock, turn.burst
        early = burst.idle_cycles if turn.columns and turn.closes_block else 0
        if self.free - early > clock.now:
            yield clock.until(self.free - early)
        if turn.closes_block:
            self._sums_out.put(FinishedBlock(turn.of, clock.now + self._stages - 1))
        if early:
            yield clock.until(self.free)
        clock.note(Event.DONE, turn.step, turn.block.index)
        self.count(turn)
        if turn.closes_block:
            clock.note(Event.END, turn.step, turn.block.index)
        if turn.closes_step and self._consumed is not None:
            self._consumed.give(turn.step)
