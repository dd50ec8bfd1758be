"""The weight memory: on-chip SRAM for resident weights, and the credit-based FIFO through which all weights pass."""

from typing import Literal

from pydantic import Field

from archsim.specs.base import (
    MOST,
    Spec,
    ceil_div,
)


class WeightMemorySpec(Spec):
    """`capacity_kib` of SRAM (0: none), a bus of `weights_per_cycle` to the PEs, a FIFO of `fifo_words` bus words."""

    capacity_kib: int = Field(ge=0, le=MOST)
    residency: Literal["whole", "part"] = Field(
        default="whole", description="whole: weights lie in SRAM if all of them fit; part: as many of them as fit"
    )
    weights_per_cycle: int = Field(ge=1, le=MOST)
    fifo_words: int = Field(
        ge=1, le=MOST, description="one word is `weights_per_cycle` weights at the PE's weight width"
    )
    ports: Literal[1, 2] = Field(description="of the FIFO; 1: a word a cycle goes in or comes out; 2: one in, one out")

    @property
    def capacity_bits(self) -> int:
        return self.capacity_kib * 1024 * 8

    def fifo_cycles(self, words: int) -> int:
        """Cycles for which `words` occupy the FIFO's ports: each word is written once and read once."""
        return ceil_div(2 * words, self.ports)
