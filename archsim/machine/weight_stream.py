"""Where weights come from: on-chip SRAM when they fit, else the DRAM channel, through a FIFO with credits."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from archsim import catalogue
from archsim.mapping.fifo import last_issue_cycle
from archsim.mapping.plan import Block, Burst

if TYPE_CHECKING:
    from archsim.machine.assembly import Run
    from archsim.machine.sequencer import Transfer


class WeightStream:
    """Issues the columns of every burst in the machine's static order.

    It holds one descriptor ahead: a burst is issued only once consumption of the burst before it has started.
    """

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.free = run.barrier.path
        """Cycle from which the next burst can be taken."""

    def bursts(self) -> Generator[simpy.Event, Any, None]:
        """One transaction a burst."""
        run = self.run
        yield run.env.timeout(self.free)
        for transfer in run.sequencer.transfers():
            yield from self._begin(transfer)
            start, burst = run.now, transfer.burst
            if run.channel.needed_by(transfer):
                run.env.process(self._leave_channel(transfer))
            run.waits("weight_stream", "the PE array to begin its burst")
            consumption: int = yield transfer.started
            if transfer.columns:
                last = last_issue_cycle(burst, transfer.columns, start, consumption)
                transfer.credit_wait = last - start - transfer.columns * burst.stream_cycles
                transfer.last_issue.succeed(last)
                sent = start + transfer.columns * burst.stream_cycles
                run.note("weight_stream", "wait_credit", transfer.step, transfer.block.index, at=sent)
                run.note("weight_stream", "end", transfer.step, transfer.block.index, at=last)
                yield run.env.timeout(max(0, last - run.now))
            self.free = run.now
            self.count(burst, transfer.columns)

    def columns(self) -> Generator[simpy.Event, Any, None]:
        """One token a column: it waits for room in the FIFO, takes the weight path, and arrives a latency later."""
        run = self.run
        for transfer in run.sequencer.transfers():
            yield from self._begin(transfer)
            words = transfer.burst.column_words
            carried = run.functional and run.functional.columns(transfer.block, transfer.position, transfer.step)
            for column in range(transfer.columns):
                run.waits("weight_stream", f"room for {words} words in the FIFO (credits from the PE array)")
                run.note("weight_stream", "wait_credit", transfer.step, transfer.block.index, column)
                asked = run.now
                yield run.credits.get(words)
                transfer.credit_wait += run.now - asked
                if run.channel.granted_by_columns(transfer):
                    yield from self._take_channel(transfer, column)
                run.note("weight_stream", "column", transfer.step, transfer.block.index, column)
                yield run.env.timeout(transfer.burst.stream_cycles)
                if run.channel.granted_by_columns(transfer):
                    run.channel.column_left()
                yield run.fifo.put((run.now + transfer.burst.latency_cycles, carried and carried[column]))
            run.note("weight_stream", "end", transfer.step, transfer.block.index)
            if run.channel.needed_by(transfer):
                run.channel.burst_left(transfer)
            self.free = run.now
            self.count(transfer.burst, transfer.columns)

    def _take_channel(self, transfer: "Transfer", column: int) -> Generator[simpy.Event, Any, None]:
        """For one column."""
        run, asked = self.run, self.run.now
        run.note("weight_stream", "wait_channel", transfer.step, transfer.block.index, column)
        yield from run.channel.admit_column()
        if column:
            transfer.channel_wait += run.now - asked
        elif run.now > asked:
            transfer.admitted = run.now

    def _leave_channel(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        """When a burst's last column has left the path, which may be before the PEs begin with it."""
        burst = transfer.burst
        if transfer.columns <= burst.fifo_columns:  # none waits for credits
            yield self.run.env.timeout(transfer.columns * burst.stream_cycles)
        else:
            last: int = yield transfer.last_issue
            yield self.run.env.timeout(last - self.run.now)
        self.run.channel.burst_left(transfer)

    def _begin(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        """Wait until the burst before is being consumed, until list and inputs are known, and for the channel; hand the
        burst's descriptor on."""
        run = self.run
        yield run.descriptors.put(transfer)
        if transfer.previous is not None:
            run.waits("weight_stream", "the PE array to begin the burst before")
            yield transfer.previous.started
        run.note("weight_stream", "turn", transfer.step, transfer.block.index)
        run.waits("weight_stream", "a list of non-zero columns from the encoder")
        for known in transfer.lists_known:  # noqa: UP028 (SimPy sends to what is yielded from; a tuple cannot be sent to)
            yield known
        run.note("weight_stream", "listed", transfer.step, transfer.block.index)
        if run.plan.fetch:
            if transfer.burst.reads_inputs:
                yield from run.reader.wait(transfer.step)
            if run.channel.needed_by(transfer):
                yield from run.channel.admit_burst(transfer)
            transfer.admitted = run.now
        run.note("weight_stream", "admitted", transfer.step, transfer.block.index)
        yield run.env.timeout(run.design.sequencer.setup_cycles)
        if transfer.opens_block and transfer.block.norms.cycles:
            yield from self._norms(transfer)
        run.note("weight_stream", "start", transfer.step, transfer.block.index)
        first = transfer.burst.stream_cycles + transfer.burst.latency_cycles if transfer.columns else 0
        transfer.descriptor.succeed(run.now + first)

    def _norms(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        """A block's row scales and biases pass by the FIFO."""
        run, norms = self.run, transfer.block.norms
        run.note("weight_stream", "norms", transfer.step, transfer.block.index)
        yield run.env.timeout(norms.cycles)
        if norms.dram_bits and run.channel.granted_by_columns(transfer):
            run.channel.column_left()
        self.count_norms(transfer.block)

    def count_norms(self, block: Block) -> None:
        self.run.ledger.add(catalogue.READ_BITS, block.norms.dram_bits)
        self.run.ledger.add(catalogue.SRAM_READ_WORD, block.norms.sram_words)

    def count(self, burst: Burst, columns: int) -> None:
        ledger = self.run.ledger
        ledger.add(catalogue.READ_BITS, columns * burst.column_dram_bits)
        ledger.add(catalogue.SRAM_READ_WORD, columns * burst.column_sram_words)
        ledger.add(catalogue.FIFO_WORD, columns * burst.column_words)
