"""The processing elements: tiles of multiply-accumulate units with a scratch of accumulators each."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

import simpy
from pydantic import Field

from archsim.components.base import MOST, Spec
from archsim.trace import NumberFormat

if TYPE_CHECKING:
    from archsim.components.sequencer import Transfer
    from archsim.machine import Run
    from archsim.mapping import Burst


class PEArraySpec(Spec):
    """`tiles` x `pes_per_tile` PEs, shared evenly among the lanes of a design.

    A `fixed` PE multiplies integers of up to `weight_bits` (binary and ternary weights are such integers); a `mux` PE
    adds, subtracts or passes over, for binary (1 bit) or ternary (2 bits) weights; a `shift` PE shifts, for powers of
    two (sign and exponent in `weight_bits`).
    """

    multiplier: Literal["fixed", "mux", "shift"]
    tiles: int = Field(ge=1, le=MOST)
    pes_per_tile: int = Field(ge=1, le=MOST)
    weight_bits: int = Field(ge=1, le=16)
    act_bits: int = Field(ge=1, le=16)
    accumulator_bits: int = Field(ge=8, le=64, description="whether sums fit: archsim run --check")
    accumulators: int = Field(ge=1, le=MOST, description="scratch entries per PE and bank")
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
        if (weight_format.multiplier == "shift") != (self.multiplier == "shift"):
            needs = {"shift": "a shifter", "fixed": "a multiplier", "mux": "a multiplexer or a multiplier"}
            needed = needs[weight_format.multiplier]
            return f"{weight_format.name} weights need {needed}, this array has {self.multiplier} PEs"
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
            run.ledger.add("pe_array", "mac", useful)
            run.ledger.add("pe_array", "mac_zero_operand", issued - useful)
            run.ledger.add("pe_array", "scratch_access", issued)
            if run.work.reads_buffer[stream[0]]:
                run.ledger.add("state_buffer", "h_read", streamed * active)
