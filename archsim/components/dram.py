"""The DRAM channel that weights stream from."""

from pydantic import Field

from archsim.components.base import Spec, ceil_div


class DramSpec(Spec):
    """A channel by what it delivers; `kind` picks its energy per bit in ``costs``."""

    kind: str = "lpddr4"
    bandwidth_gbps: float = Field(gt=0, description="10^9 bits per second")
    latency_ns: float = Field(ge=0)
    burst_bits: int = Field(default=1, ge=1, description="what one access delivers; a column takes whole ones")

    def transferred_bits(self, bits: int) -> int:
        """What crosses the channel for `bits` that are wanted: whole accesses."""
        return ceil_div(bits, self.burst_bits) * self.burst_bits

    def transfer_cycles(self, bits: int, clock_mhz: int) -> int:
        """Cycles that `bits` occupy the channel, in whole cycles."""
        bits = self.transferred_bits(bits)
        mbps = round(self.bandwidth_gbps * 1000)  # integer, so that a cycle count never hangs on rounding
        return ceil_div(bits * clock_mhz, mbps)

    def latency_cycles(self, clock_mhz: int) -> int:
        return ceil_div(round(self.latency_ns * 1000) * clock_mhz, 1_000_000)
