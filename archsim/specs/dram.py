"""The DRAM channel that weights are streamed from, and inputs too where a design says so."""

from fractions import Fraction
from functools import cache
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
"""`input_share` is counted in thousandths, so that no cycle count depends on the rounding of floats."""


@cache
def _exact_mbps(bandwidth_gbps: float) -> tuple[int, int]:
    """The bandwidth in 10^6 bits per second, exactly as it is written, as a numerator and a denominator."""
    exact = Fraction(str(bandwidth_gbps)) * 1000
    return exact.numerator, exact.denominator


class DramSpec(Spec):
    """A DRAM channel, described by what it delivers; `kind` selects its energy per bit in ``costs``.

    Where `inputs` come over the channel, `arbitration` shares it between weights and inputs:

    - ``static``: the inputs of the next step follow the first burst of this one;
    - ``tdm``: inputs own `input_share` of the channel's time, weights the rest;
    - ``fcfs``: the channel goes to whoever asks first.
    """

    kind: str = "lpddr4"
    bandwidth_gbps: float = Field(ge=0.001, le=1e6, description="10^9 bits per second")
    latency_ns: float = Field(ge=0.001, le=1e6)
    burst_bits: int = Field(default=1, ge=1, le=MOST, description="bits of an access; a column takes whole ones")
    outstanding: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description="the most accesses under way at once (absent: as many as bandwidth takes)",
    )
    inputs: bool = Field(default=False, description="inputs x come over the channel, a step before their use")
    arbitration: Arbitration = "static"
    input_share: float | None = Field(
        default=None, ge=0.001, le=0.999, description="share of the channel's time that inputs own under tdm, to 0.001"
    )

    @model_validator(mode="after")
    def _says_what_it_counts(self) -> Self:
        if self.outstanding is not None and self.burst_bits == 1:
            raise ValueError("outstanding counts accesses: burst_bits must say what one delivers, not 1 bit")
        if self.arbitration == "tdm" and self.input_share is None:
            raise ValueError("arbitration tdm: input_share must say what part of the channel is the inputs'")
        return self

    def transferred_bits(self, bits: int) -> int:
        """Bits that cross the channel to deliver `bits`: those of whole accesses."""
        return ceil_div(bits, self.burst_bits) * self.burst_bits

    def channel_cycles(self, bits: int, clock_mhz: int, reader: Reader = "weights") -> int:
        """Cycles for which `bits` of a reader occupy the channel, bound by bandwidth or by the accesses under way.

        By Little's law, W accesses under way, each with a latency of L cycles, complete at a rate of W every L cycles,
        so that n evenly spread accesses take ``n L / W``: the bound that MSHRs put on memory bandwidth. A reader that
        owns a share of the channel's time owns that share of its bandwidth and of its accesses.
        """
        cycles, parts = self.channel_time(bits, clock_mhz, reader)
        return ceil_div(cycles, parts)

    def channel_time(self, bits: int, clock_mhz: int, reader: Reader = "weights") -> tuple[int, int]:
        """The exact time of `channel_cycles` before it is rounded up, as a numerator and a denominator."""
        share, mbps = self._parts(reader), _exact_mbps(self.bandwidth_gbps)
        time = self.transferred_bits(bits) * clock_mhz * PARTS * mbps[1], mbps[0] * share
        if self.outstanding is None:
            return time
        accesses = ceil_div(bits, self.burst_bits)
        by_accesses = accesses * self.latency_cycles(clock_mhz) * PARTS, self.outstanding * share
        return max(time, by_accesses, key=lambda t: Fraction(*t))

    def mbps_for(self, bits: int, clock_mhz: int, cycles: int, reader: Reader = "weights") -> int:
        """The least bandwidth, in 10^6 bits per second, that transfers `bits` of a reader in `cycles`."""
        return ceil_div(self.transferred_bits(bits) * clock_mhz * PARTS, cycles * self._parts(reader))

    def rate_gbps(self, clock_mhz: int, reader: Reader) -> tuple[float, str]:
        """The highest rate that a reader gets while it reads, in 10^9 bits per second, and what bounds it."""
        bandwidth, accesses = self.bandwidth_gbps, self.sustained_gbps(clock_mhz)
        rate, bound = min((bandwidth, "bandwidth"), (accesses, "accesses under way"))
        return rate * self._parts(reader) / PARTS, bound

    def sustained_gbps(self, clock_mhz: int) -> float:
        """The rate that the accesses under way sustain, in 10^9 bits per second, whatever the bandwidth.

        Infinite if nothing bounds them.
        """
        latency = self.latency_cycles(clock_mhz)
        if self.outstanding is None or not latency:
            return float("inf")
        return self.outstanding * self.burst_bits * clock_mhz / latency / 1000

    def latency_cycles(self, clock_mhz: int) -> int:
        """The latency in cycles, rounded up."""
        return ceil_div(round(self.latency_ns * 1000) * clock_mhz, 1_000_000)

    def _parts(self, reader: Reader) -> int:
        """Thousandths of the channel's time that a reader owns: all of them unless arbitration is ``tdm``."""
        if not self.inputs or self.arbitration != "tdm" or self.input_share is None:
            return PARTS
        inputs = round(self.input_share * PARTS)
        return inputs if reader == "inputs" else PARTS - inputs
