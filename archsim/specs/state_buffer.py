"""The on-chip buffers of the state: h twice (the old state is read while the new one is written), and c."""

from pydantic import Field

from archsim.specs.base import MOST, Spec


class StateBufferSpec(Spec):
    """Room for `units` elements of h and c in every lane; unit u lies in bank u modulo `banks`."""

    units: int = Field(ge=1, le=MOST)
    cell_bits: int = Field(ge=2, le=64, description="bits of one element of the cell state c")
    banks: int | None = Field(
        default=None, ge=1, le=MOST, description="banks (absent: as many as units are accessed at once)"
    )
    ports: int = Field(
        ge=1, le=2, description="ports of a bank of c: with 1 it reads or writes a word a cycle, with 2 it does both"
    )

    def turns(self, reads: int, writes: int) -> int:
        """Cycles that a bank takes for `reads` and `writes` of one element."""
        return reads + writes if self.ports == 1 else max(reads, writes)
