"""The processing elements: tiles of multiply-accumulate units with a scratch of accumulators each."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

import simpy
from pydantic import Field

from archsim.components.base import Spec
from archsim.trace import NumberFormat

if TYPE_CHECKING:
    from archsim.machine import Run, Transfer


class PEArraySpec(Spec):
    """`tiles` x `pes_per_tile` PEs, shared evenly among the lanes of a design.

    A `fixed` PE multiplies integers of up to `weight_bits` (binary and ternary weights are such integers); a `mux` PE
    adds, subtracts or passes over, for binary (1 bit) or ternary (2 bits) weights.
    """

    multiplier: Literal["fixed", "mux"]
    tiles: int = Field(ge=1)
    pes_per_tile: int = Field(ge=1)
    weight_bits: int = Field(ge=1, le=16)
    act_bits: int = Field(ge=1, le=16)
    accumulator_bits: int = Field(ge=8, le=64)
    accumulators: int = Field(ge=1, description="scratch entries per PE and bank")
    double_buffered: bool = Field(description="two banks of scratch: one accumulates while the other is read out")
    clock_gated: bool = Field(description="an idle PE's clock is stopped")

    @property
    def pes(self) -> int:
        return self.tiles * self.pes_per_tile

    @property
    def banks(self) -> int:
        return 2 if self.double_buffered else 1

    def refusal(self, weight_format: NumberFormat, act_bits: int | None) -> str | None:
        """Why this array cannot do a product of that format, or None where it can."""
        if weight_format.multiplier == "float":
            return f"{weight_format.name} weights need a floating-point MAC, this array has {self.multiplier} PEs"
        if weight_format.multiplier == "shift":
            return f"{weight_format.name} weights need a shifter, this array has {self.multiplier} PEs"
        if weight_format.multiplier == "fixed" and self.multiplier == "mux":
            return f"{weight_format.name} weights need a multiplier, this array has mux PEs"
        if weight_format.bits > self.weight_bits:
            return f"{weight_format.name} weights take {weight_format.bits} bits, a PE takes {self.weight_bits}"
        if act_bits is None:
            return "the operand is floating point, a PE takes integers"
        if act_bits > self.act_bits:
            return f"the operand takes {act_bits} bits, a PE takes {self.act_bits}"
        return None


class PEArray:
    """Consumes columns (or bursts of them) in order; a block's first one waits for a free scratch bank."""

    def __init__(self, run: "Run") -> None:
        self.run = run

    def bursts(self) -> Generator[simpy.Event, Any, int]:
        """One transaction a burst; returns the cycle at which the last one ended."""
        run = self.run
        latency = run.plan.latency_cycles
        free = 0
        for _ in range(run.transfer_count):
            transfer: Transfer = yield run.descriptors.get()
            ready: int = yield transfer.descriptor
            yield run.env.timeout(max(0, ready - run.now))
            start = yield from self._claim(transfer, free, ready)
            end = start
            if transfer.columns:
                passes = transfer.burst.tile_cycles
                last_issue: int = yield transfer.last_issue
                end = max(start + transfer.columns * passes, last_issue + latency + passes)
                run.stall("weight_bandwidth", end - start - transfer.columns * passes)
                yield run.env.timeout(end - run.now)
            yield from self._finish(transfer)
            free = end
        return free

    def columns(self) -> Generator[simpy.Event, Any, int]:
        """One token a column, out of the FIFO; returns the cycle at which the last one ended."""
        run = self.run
        free = 0
        for _ in range(run.transfer_count):
            transfer: Transfer = yield run.descriptors.get()
            ready: int = yield transfer.descriptor
            if not transfer.columns:
                free = yield from self._claim(transfer, free, ready)
            for column in range(transfer.columns):
                arrival: int = yield run.fifo.get()
                yield run.env.timeout(max(0, arrival - run.now))
                if column == 0:
                    free = yield from self._claim(transfer, free, arrival)
                run.stall("weight_bandwidth", run.now - free)
                run.note("pe_array", "column", transfer.step, transfer.block.index, column)
                yield run.env.timeout(transfer.burst.tile_cycles)
                free = run.now
                yield run.credits.put(transfer.burst.column_words)
            yield from self._finish(transfer)
        return free

    def _claim(self, transfer: "Transfer", free: int, ready: int) -> Generator[simpy.Event, Any, int]:
        """Take a scratch bank where a block opens; the tiles start now. Idle since `free`, data there from `ready`."""
        run = self.run
        if transfer.opens_block:
            yield run.scratch_banks.get(1)
        start = run.now
        listed = max((int(known.value or 0) for known in transfer.lists_known), default=0)
        waited = max(0, ready - free)
        for_list = min(waited, max(0, listed - transfer.path_free))
        run.stall("scratch_bank", start - max(free, ready))
        run.stall("state_dependency", for_list)
        run.stall("weight_latency", waited - for_list)
        run.note("pe_array", "start", transfer.step, transfer.block.index)
        transfer.started.succeed(start)
        return start

    def _finish(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        run, burst = self.run, transfer.burst
        run.busy += transfer.columns * burst.tile_cycles
        for stream in burst.streams:
            columns, nonzero, active = run.work.streamed_at(stream[0], transfer.step)
            issued, useful = burst.rows * columns * active, burst.rows * nonzero
            run.ledger.add("pe_array", "mac", useful)
            run.ledger.add("pe_array", "mac_zero_operand", issued - useful)
            run.ledger.add("pe_array", "scratch_access", issued)
            if run.work.reads_buffer[stream[0]]:
                run.ledger.add("state_buffer", "h_read", columns * active)
        if transfer.closes_block:
            run.note("pe_array", "end", transfer.step, transfer.block.index)
            yield run.activation.inbox.put(transfer.block)
