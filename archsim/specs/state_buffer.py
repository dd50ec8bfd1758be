"""The on-chip buffers of the state: h twice (the old state is read while the new one is written), and c."""

from typing import Literal

from pydantic import Field

from archsim.specs.base import (
    MOST,
    Spec,
    ceil_div,
)


class StateBufferSpec(Spec):
    """Room for `units` elements of h and c in every lane; unit u lies in bank u modulo `banks`."""

    units: int = Field(ge=1, le=MOST)
    cell_bits: int = Field(ge=2, le=64, description="bits of one element of the cell state c")
    banks: int | None = Field(
        default=None, ge=1, le=MOST, description="banks (absent: as many as units are accessed at once)"
    )
    ports: Literal[1, 2] = Field(
        description="ports of a bank of c: with 1 it reads or writes a word a cycle, with 2 it does both"
    )

    def access_cycles(self, units: int, at_once: int, reads: int, writes: int) -> int:
        """Cycles for `reads` and `writes` of each of `units` consecutive units, of which at most `at_once` go together.

        Units of one bank would take turns, so no more go together than there are banks.
        """
        turns = reads + writes if self.ports == 1 else max(reads, writes)
        return turns * ceil_div(units, min(at_once, self.banks or at_once))
