"""The encoder that lists the non-zero columns of a new state, block by block."""

from pydantic import Field

from archsim.specs.base import MOST, Spec


class SkipEncoderSpec(Spec):
    """Scans the union over lanes at a fixed rate; each listed column is stored as (state, offset to the next).

    An offset of b bits reaches 2^b columns on. A longer run of zeros takes a listed column of zeros every 2^b, which is
    streamed like any other.
    """

    enabled: bool = Field(description="False: every column is listed and streamed")
    columns_per_cycle: int = Field(ge=1, le=MOST)
    offset_bits: int = Field(ge=0, le=32)

    @property
    def reach(self) -> int:
        """Columns from one on the list to the next, at most."""
        return int(2**self.offset_bits)
