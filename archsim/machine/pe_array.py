"""The processing elements: tiles of multiply-accumulate units with a scratch of accumulators each."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from archsim import catalogue

if TYPE_CHECKING:
    from archsim.machine.assembly import Run
    from archsim.machine.sequencer import Transfer
    from archsim.mapping.plan import Burst


class PEArray:
    """Consumes columns (or bursts of them) in order; a block's first one waits for a free scratch bank."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.free = run.barrier.tiles
        """Cycle at which the last column was consumed."""

    def bursts(self) -> Generator[simpy.Event, Any, None]:
        """One transaction a burst."""
        run = self.run
        yield run.env.timeout(self.free)
        for step in run.steps:
            for _ in (burst for block in run.blocks(step) for burst in block.bursts):
                transfer: Transfer = yield from self._next()
                ready: int = yield transfer.descriptor
                yield run.env.timeout(max(0, ready - run.now))
                start = yield from self._claim(transfer)
                end = start
                if transfer.columns:
                    passes = transfer.burst.tile_cycles
                    last_issue: int = yield transfer.last_issue
                    end = max(start + transfer.columns * passes, last_issue + transfer.burst.latency_cycles + passes)
                    self._starved(transfer, end - start - transfer.columns * passes)
                    worked = start + transfer.columns * passes
                    run.note("pe_array", "wait_column", transfer.step, transfer.block.index, at=worked)
                    yield run.env.timeout(end - run.now)
                self.free = end
                yield from self._finish(transfer)
            run.reader.step_consumed(step)

    def columns(self) -> Generator[simpy.Event, Any, None]:
        """One token a column, out of the FIFO."""
        run = self.run
        for step in run.steps:
            for _ in (burst for block in run.blocks(step) for burst in block.bursts):
                transfer: Transfer = yield from self._next()
                yield transfer.descriptor
                if not transfer.columns:
                    self.free = yield from self._claim(transfer)
                starved = 0
                for column in range(transfer.columns):
                    run.waits("pe_array", "a column in the FIFO (from the weight stream)")
                    run.note("pe_array", "wait_column", transfer.step, transfer.block.index, column)
                    arrival, token = yield run.fifo.get()
                    yield run.env.timeout(max(0, arrival - run.now))
                    if column == 0:
                        self.free = yield from self._claim(transfer)
                    starved += run.now - self.free
                    run.note("pe_array", "column", transfer.step, transfer.block.index, column)
                    yield run.env.timeout(transfer.burst.tile_cycles)
                    if run.functional:
                        run.functional.accumulate(transfer.block, token, transfer.step)
                    self.free = run.now
                    yield run.credits.put(transfer.burst.column_words)
                self._starved(transfer, starved)
                yield from self._finish(transfer)
            run.reader.step_consumed(step)

    def _next(self) -> Generator[simpy.Event, Any, "Transfer"]:
        self.run.waits("pe_array", "the next burst from the weight stream")
        transfer: Transfer = yield self.run.descriptors.get()
        self.run.waits("pe_array", "the first column of a burst")
        return transfer

    def _claim(self, transfer: "Transfer") -> Generator[simpy.Event, Any, int]:
        """Take a scratch bank where a block opens; the tiles start now, idle since `free`."""
        run = self.run
        bank_free = 0
        if transfer.opens_block:
            run.waits("pe_array", "a free scratch bank (from the activation unit)")
            bank_free = yield run.scratch_banks.get()
            if run.functional:
                run.functional.open()
        start = run.now
        listed = max((int(known.value or 0) for known in transfer.lists_known), default=0)
        for_bank = max(0, bank_free - self.free)
        for_list = max(0, min(listed, start) - self.free - for_bank)
        for_input = max(0, min(transfer.admitted, start) - self.free - for_bank - for_list)
        run.stall("scratch_bank", for_bank)
        run.stall("state_dependency", for_list)
        run.stall("input_fetch", for_input)
        run.stall("weight_latency", start - self.free - for_bank - for_list - for_input)
        run.note("pe_array", "start", transfer.step, transfer.block.index)
        transfer.started.succeed(start)
        return start

    def _starved(self, transfer: "Transfer", cycles: int) -> None:
        """Without a column within a burst: for want of the channel or of credits while the stream waited for them, else
        of weights."""
        for_input = min(cycles, transfer.channel_wait)
        for_credit = min(cycles - for_input, transfer.credit_wait)
        self.run.stall("input_fetch", for_input)
        self.run.stall("fifo_credit", for_credit)
        self.run.stall("weight_bandwidth", cycles - for_input - for_credit)

    def _finish(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        run = self.run
        run.note("pe_array", "done", transfer.step, transfer.block.index)
        self.count(transfer.burst, transfer.columns, transfer.step)
        if transfer.closes_block:
            run.note("pe_array", "end", transfer.step, transfer.block.index)
            yield run.activation.inbox.put(transfer.block)

    def count(self, burst: "Burst", columns: int, step: int) -> None:
        run = self.run
        run.busy += columns * burst.tile_cycles
        for stream in burst.streams:
            streamed, nonzero, active = run.work.streamed_at(stream[0], step)
            issued, useful = burst.rows * streamed * active, burst.rows * nonzero
            run.ledger.add(catalogue.MAC, useful)
            run.ledger.add(catalogue.MAC_ZERO_OPERAND, issued - useful)
            run.ledger.add(catalogue.SCRATCH_ACCESS, issued)
            if run.work.reads_buffer[stream[0]]:
                run.ledger.add(catalogue.H_READ, streamed * active)
