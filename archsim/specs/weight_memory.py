"""The weight memory: on-chip SRAM, shared by all PEs or private to each tile or PE, and the FIFO of a shared one.

Shared, it is one SRAM, whose words reach the PEs over a bus and through a credit-based FIFO, as words from DRAM do.
Private, each tile or PE has a memory of its own, which is read where its weights are used: there is neither bus nor
FIFO, and nothing is streamed.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from archsim.specs.base import LATER, MOST, Spec, ceil_div

Organisation = Literal["shared", "per_tile", "per_pe"]


class WeightMemorySpec(Spec):
    """`capacity_kib` of SRAM over all memories (0: none), which `organisation` distributes over the chip.

    A ``shared`` memory has a bus of `weights_per_cycle` and a FIFO of `fifo_words` bus words with `ports` and
    `forwarding`. Private memories (``per_tile``, ``per_pe``) have neither: these four may be left out, and are not read
    where they are given. A word of a private memory has `weights_per_word` for each of a lane's PEs that it serves.
    Private memories hold whole models only.
    """

    capacity_kib: int = Field(ge=0, le=MOST)
    residency: Literal["whole", "part"] = Field(
        default="whole", description="whole: weights lie in SRAM only if all fit; part: as many as fit do"
    )
    organisation: Annotated[Organisation, LATER] = Field(
        default="shared", description="one memory for all PEs, or a memory of its own for each tile or each PE"
    )
    weights_per_word: Annotated[int, LATER] = Field(
        default=1, ge=1, le=1024, description="weights of each PE in a word of a private memory, used one a cycle"
    )
    weights_per_cycle: int = Field(default=0, ge=0, le=MOST, description="weights of a bus word (shared memory)")
    fifo_words: int = Field(
        default=0, ge=0, le=MOST, description="one word is `weights_per_cycle` weights at the PE's weight width"
    )
    ports: int = Field(
        default=2, ge=1, le=2, description="ports of the FIFO: with 1 a word enters or leaves it a cycle, with 2 both"
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

    @model_validator(mode="after")
    def _says_what_it_is(self) -> Self:
        if self.private:
            if not self.capacity_kib:
                raise ValueError(f"organisation {self.organisation}: capacity_kib must be at least 1, not 0")
            if self.residency != "whole":
                raise ValueError(
                    f"organisation {self.organisation}: residency must be whole, not {self.residency}: private memories"
                    f" hold all weights of a model, since nothing can be streamed past them"
                )
            return self
        for name, given in (("weights_per_cycle", self.weights_per_cycle), ("fifo_words", self.fifo_words)):
            if not given:
                raise ValueError(f"{name} must be at least 1 for a shared memory, which has a bus and a FIFO, not 0")
        if "ports" not in self.model_fields_set:
            raise ValueError("ports of the FIFO must be given for a shared memory")
        return self

    @property
    def private(self) -> bool:
        """Whether each tile or PE has a memory of its own, so that there is neither bus nor FIFO."""
        return self.organisation != "shared"

    @property
    def stores(self) -> bool:
        """Whether the PEs begin a column only once all of it has arrived."""
        return self.forwarding == "store-and-forward"

    @property
    def capacity_bits(self) -> int:
        """Bits of all memories together."""
        return self.capacity_kib * 1024 * 8

    def fifo_cycles(self, words: int) -> int:
        """Cycles for which `words` occupy the FIFO's ports: each word is written once and read once."""
        return ceil_div(2 * words, self.ports)
