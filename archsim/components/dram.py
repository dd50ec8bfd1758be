"""The DRAM channel that weights stream from."""

from pydantic import Field

from archsim.components.base import Spec, ceil_div


class DramSpec(Spec):
    """A channel by what it delivers; `kind` picks its energy per bit in ``costs``."""

    kind: str = "lpddr4"
    bandwidth_gbps: float = Field(gt=0, description="10^9 bits per second")
    latency_ns: float = Field(ge=0)

    def transfer_cycles(self, bits: int, clock_mhz: int) -> int:
        """Cycles that `bits` occupy the channel, in whole cycles."""
        mbps = round(self.bandwidth_gbps * 1000)  # integer, so that a cycle count never hangs on rounding
        return ceil_div(bits * clock_mhz, mbps)

    def latency_cycles(self, clock_mhz: int) -> int:
        return ceil_div(round(self.latency_ns * 1000) * clock_mhz, 1_000_000)
