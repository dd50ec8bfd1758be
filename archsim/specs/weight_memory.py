"""The weight memory: on-chip SRAM for resident weights, and the credit-based FIFO through which all weights pass."""

from typing import Annotated, Literal

from pydantic import Field

from archsim.specs.base import (
    LATER,
    MOST,
    Spec,
    ceil_div,
)


class WeightMemorySpec(Spec):
    """An SRAM of `capacity_kib` (0: none), a bus of `weights_per_cycle`, and a FIFO of `fifo_words` bus words."""

    capacity_kib: int = Field(ge=0, le=MOST)
    residency: Literal["whole", "part"] = Field(
        default="whole", description="whole: weights lie in SRAM only if all fit; part: as many as fit do"
    )
    weights_per_cycle: int = Field(ge=1, le=MOST)
    fifo_words: int = Field(
        ge=1, le=MOST, description="one word is `weights_per_cycle` weights at the PE's weight width"
    )
    ports: int = Field(
        ge=1, le=2, description="ports of the FIFO: with 1 a word enters or leaves it a cycle, with 2 both"
    )

    forwarding: Annotated[Literal["cut-through", "store-and-forward"], LATER] = Field(
        default="cut-through",
        description="cut-through: the PEs begin with the first words of a column; store-and-forward: with all of it",
    )
    latency_cycles: Annotated[int | None, LATER] = Field(
        default=None,
        ge=1,
        le=MOST,
        description="cycles from the SRAM to the PEs (absent: as many as its macro needs at the clock)",
    )

    @property
    def stores(self) -> bool:
        """Whether the PEs begin a column only once all of it has arrived."""
        return self.forwarding == "store-and-forward"

    @property
    def capacity_bits(self) -> int:
        return self.capacity_kib * 1024 * 8

    def fifo_cycles(self, words: int) -> int:
        """Cycles for which `words` occupy the FIFO's ports: each word is written once and read once."""
        return ceil_div(2 * words, self.ports)
