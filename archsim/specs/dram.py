"""The DRAM channel that weights stream from, and inputs where they come over it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from archsim.specs.base import (
    MOST,
    Spec,
    ceil_div,
)

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
