"""The DRAM channel that weights stream from, and inputs where they come over it."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal, Self

import simpy
from pydantic import Field, model_validator
from simpy.events import NORMAL, EventPriority

from archsim.components.base import MOST, Spec, ceil_div

if TYPE_CHECKING:
    from archsim.components.sequencer import Transfer
    from archsim.machine import Run

Reader = Literal["weights", "inputs"]
Arbitration = Literal["static", "tdm", "fcfs"]

PARTS = 1000
"""`input_share` counts in thousandths, so that a cycle count never hangs on rounding."""


class DramSpec(Spec):
    """A channel by what it delivers; `kind` picks its energy per bit in ``costs``.

    `arbitration` between weights and inputs, where `inputs` come over the channel:

    - ``static``: inputs of the next step follow the first burst of this one;
    - ``tdm``: inputs own `input_share` of the channel's time, weights the rest;
    - ``fcfs``: who asks first.
    """

    kind: str = "lpddr4"
    bandwidth_gbps: float = Field(ge=0.001, le=1e6, description="10^9 bits per second")
    latency_ns: float = Field(ge=0, le=1e6)
    burst_bits: int = Field(default=1, ge=1, le=MOST, description="what one access delivers; a column takes whole ones")
    outstanding: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description="accesses under way at once, at most; absent: as many as bandwidth takes",
    )
    inputs: bool = Field(default=False, description="inputs x come over the channel, a step ahead of their use")
    arbitration: Arbitration = "static"
    input_share: float | None = Field(
        default=None, ge=0.001, le=0.999, description="tdm: the inputs' part of the channel's time, to a thousandth"
    )

    @model_validator(mode="after")
    def _says_what_it_counts(self) -> Self:
        if self.outstanding is not None and self.burst_bits == 1:
            raise ValueError("outstanding counts accesses: burst_bits must say what one delivers, not 1 bit")
        if self.arbitration == "tdm" and self.input_share is None:
            raise ValueError("arbitration tdm: input_share must say what part of the channel is the inputs'")
        return self

    def transferred_bits(self, bits: int) -> int:
        """What crosses the channel for `bits` that are wanted: whole accesses."""
        return ceil_div(bits, self.burst_bits) * self.burst_bits

    def channel_cycles(self, bits: int, clock_mhz: int, reader: Reader = "weights") -> int:
        """Cycles that `bits` of a reader occupy its channel: as bandwidth or as the accesses under way allow.

        Little's law: with W accesses under way, each for a latency of L cycles, W of them finish every L cycles, so
        that n accesses, evenly spread, take ``n L / W`` (the bound that MSHRs put on a memory's bandwidth). A reader
        that owns a share of the channel's time owns that share of its bandwidth and of its accesses.
        """
        share = self._parts(reader)
        mbps = round(self.bandwidth_gbps * 1000)  # integer, so that a cycle count never hangs on rounding
        transfer = ceil_div(self.transferred_bits(bits) * clock_mhz * PARTS, mbps * share)
        if self.outstanding is None:
            return transfer
        accesses = ceil_div(bits, self.burst_bits)
        return max(transfer, ceil_div(accesses * self.latency_cycles(clock_mhz) * PARTS, self.outstanding * share))

    def mbps_for(self, bits: int, clock_mhz: int, cycles: int, reader: Reader = "weights") -> int:
        """The least bandwidth, 10^6 bits per second, at which `bits` of a reader are transferred in `cycles`."""
        return ceil_div(self.transferred_bits(bits) * clock_mhz * PARTS, cycles * self._parts(reader))

    def rate_gbps(self, clock_mhz: int, reader: Reader) -> tuple[float, str]:
        """The most that a reader gets while it reads, 10^9 bits per second, and what bounds it."""
        bandwidth, accesses = self.bandwidth_gbps, self.sustained_gbps(clock_mhz)
        rate, bound = min((bandwidth, "bandwidth"), (accesses, "accesses under way"))
        return rate * self._parts(reader) / PARTS, bound

    def sustained_gbps(self, clock_mhz: int) -> float:
        """What accesses under way sustain, whatever the bandwidth; infinite where nothing bounds them."""
        latency = self.latency_cycles(clock_mhz)
        if self.outstanding is None or not latency:
            return float("inf")
        return self.outstanding * self.burst_bits * clock_mhz / latency / 1000

    def latency_cycles(self, clock_mhz: int) -> int:
        return ceil_div(round(self.latency_ns * 1000) * clock_mhz, 1_000_000)

    def _parts(self, reader: Reader) -> int:
        """Thousandths of the channel's time that a reader owns, alone or in turn."""
        if not self.inputs or self.arbitration != "tdm" or self.input_share is None:
            return PARTS
        inputs = round(self.input_share * PARTS)
        return inputs if reader == "inputs" else PARTS - inputs


class _EndOfCycle(simpy.Event):
    """Fires once all else has that happens in this cycle."""

    def __init__(self, env: simpy.Environment) -> None:
        super().__init__(env)
        self._ok, self._value = True, None  # as a Timeout does, but for the priority
        env.schedule(self, EventPriority(NORMAL + 1))


class DramChannel:
    """Lets weights and inputs onto the channel where they share its time: ``static`` by a fixed order, ``fcfs`` by
    who asks first; inputs first where both ask in one cycle.

    ``fcfs`` grants the channel for a burst of weights (engine `burst`) or for one column of it (`column`).
    """

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.order = run.plan.fetch.arbitration if run.plan.fetch else None
        self.by_columns = False
        self._turns = simpy.Resource(run.env)
        self._granted: dict[Reader, Any] = {}
        self._opened: dict[int, simpy.Event] = {}
        """Static: the first burst of a step has left the channel."""
        self._fetched: dict[int, simpy.Event] = {}
        """Static: so have the inputs fetched during a step."""

    def needed_by(self, transfer: "Transfer") -> bool:
        """Whether a burst and the inputs keep each other waiting."""
        return self.order in ("static", "fcfs") and transfer.block.on_channel(transfer.position, transfer.columns)

    def granted_by_columns(self, transfer: "Transfer") -> bool:
        """Norms and biases first, where there are some, then column by column."""
        return self.by_columns and self.order == "fcfs" and self.needed_by(transfer)

    def admit_burst(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        """Weights may begin once inputs that come before them have left, or once it is their turn."""
        self.run.waits("weight_stream", "the DRAM channel (from the input reader)")
        if self.order == "static":
            yield self._event(self._fetched, transfer.step - transfer.opens_step)
        elif not self.by_columns or (transfer.opens_block and transfer.block.norms.dram_bits):
            yield from self._ask_for_weights()

    def burst_left(self, transfer: "Transfer") -> None:
        if self.order == "static" and transfer.opens_step:
            self._event(self._opened, transfer.step).succeed()
        elif self.order == "fcfs" and not self.by_columns:
            self._leave("weights")

    def admit_column(self) -> Generator[simpy.Event, Any, None]:
        self.run.waits("weight_stream", "the DRAM channel (from the input reader)")
        yield from self._ask_for_weights()

    def column_left(self) -> None:
        self._leave("weights")

    def admit_inputs(self, step: int) -> Generator[simpy.Event, Any, None]:
        """Inputs fetched during `step`; those of the step before a run hold the channel when it begins."""
        self.run.waits("input_reader", "the DRAM channel (from the weight stream)")
        if self.order == "static" and step >= self.run.first and self.run.sequencer.opens_on_channel(step):
            yield self._event(self._opened, step)
            del self._opened[step]
        elif self.order == "fcfs":
            yield from self._ask("inputs")

    def inputs_left(self, step: int) -> None:
        """Also where none were fetched."""
        if self.order == "static":
            self._event(self._fetched, step).succeed()
        elif "inputs" in self._granted:
            self._leave("inputs")

    def forget(self, step: int) -> None:
        """No burst waits any more for inputs fetched during `step`."""
        self._fetched.pop(step, None)

    def _event(self, events: dict[int, simpy.Event], step: int) -> simpy.Event:
        return events.setdefault(step, self.run.env.event())

    def _ask_for_weights(self) -> Generator[simpy.Event, Any, None]:
        yield _EndOfCycle(self.run.env)
        yield from self._ask("weights")

    def _ask(self, reader: Reader) -> Generator[simpy.Event, Any, None]:
        request = self._turns.request()
        yield request
        self._granted[reader] = request

    def _leave(self, reader: Reader) -> None:
        self._turns.release(self._granted.pop(reader))
