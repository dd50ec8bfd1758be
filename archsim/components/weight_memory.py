"""Where weights come from: on-chip SRAM when they fit, else the DRAM channel, through a FIFO with credits."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy
from pydantic import Field

from archsim.components.base import Spec
from archsim.mapping import last_issue_cycle

if TYPE_CHECKING:
    from archsim.machine import Run, Transfer


class WeightMemorySpec(Spec):
    """`capacity_kib` of SRAM (0: none), a bus of `weights_per_cycle` to the PEs, a FIFO of `fifo_words` bus words."""

    capacity_kib: int = Field(ge=0)
    weights_per_cycle: int = Field(ge=1)
    fifo_words: int = Field(ge=1, description="one word is `weights_per_cycle` weights at the PE's weight width")

    @property
    def capacity_bits(self) -> int:
        return self.capacity_kib * 1024 * 8


class WeightStream:
    """Issues the columns of every burst in the machine's static order.

    It holds one descriptor ahead: a burst is issued only once consumption of the burst before it has started.
    """

    def __init__(self, run: "Run") -> None:
        self.run = run

    def bursts(self) -> Generator[simpy.Event, Any, None]:
        """One transaction a burst."""
        run = self.run
        latency = run.plan.latency_cycles
        for transfer in run.transfers():
            yield from self._begin(transfer)
            start, burst = run.now, transfer.burst
            consumption: int = yield transfer.started
            if transfer.columns:
                last = last_issue_cycle(burst, latency, transfer.columns, start, consumption)
                transfer.last_issue.succeed(last)
                yield run.env.timeout(max(0, last - run.now))
            self._count(transfer)

    def columns(self) -> Generator[simpy.Event, Any, None]:
        """One token a column: it waits for room in the FIFO, takes the weight path, and arrives a latency later."""
        run = self.run
        for transfer in run.transfers():
            yield from self._begin(transfer)
            for column in range(transfer.columns):
                yield run.credits.get(transfer.burst.column_words)
                run.note("weight_stream", "column", transfer.step, transfer.block.index, column)
                yield run.env.timeout(transfer.burst.stream_cycles)
                yield run.fifo.put(run.now + run.plan.latency_cycles)
            self._count(transfer)

    def _begin(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        """Wait until the burst's list is known and the burst before it is being consumed; hand its descriptor on."""
        run = self.run
        yield run.descriptors.put(transfer)
        transfer.path_free = run.now
        if transfer.previous is not None:
            started: int = yield transfer.previous.started
            transfer.path_free = max(transfer.path_free, started)
        for known in transfer.lists_known:
            yield known  # noqa: UP028 (a tuple cannot be sent to, a process is)
        run.note("weight_stream", "start", transfer.step, transfer.block.index)
        first = transfer.burst.stream_cycles + run.plan.latency_cycles if transfer.columns else 0
        transfer.descriptor.succeed(run.now + first)

    def _count(self, transfer: "Transfer") -> None:
        ledger, burst = self.run.ledger, transfer.burst
        ledger.add("dram", "read_bits", transfer.columns * burst.column_dram_bits)
        ledger.add("weight_memory", "sram_read_word", transfer.columns * burst.column_sram_words)
        ledger.add("weight_memory", "fifo_word", transfer.columns * burst.column_words)
