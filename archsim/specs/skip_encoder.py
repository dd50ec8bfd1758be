"""The skip encoder, which writes the operand list: the non-zero columns of a new state, block by block."""

from typing import Annotated

from pydantic import Field

from archsim.specs.base import LATER, MOST, Spec


class SkipEncoderSpec(Spec):
    """Scans the union over lanes at a fixed rate; each column on the list is stored as (state, offset to the next).

    An offset of b bits reaches at most 2^b columns ahead. A longer run of zeros needs padding: a column of zeros on the
    list every 2^b columns, which is streamed like any other.
    """

    enabled: bool = Field(description="whether zeros are skipped; if not, every column is streamed")
    columns_per_cycle: int = Field(ge=1, le=MOST)
    offset_bits: int = Field(ge=0, le=32)
    stages: Annotated[int, LATER] = Field(
        default=1, ge=1, le=64, description="pipeline stages of the scan; it has more where the clock requires them"
    )

    @property
    def reach(self) -> int:
        """The largest distance, in columns, from one column on the list to the next."""
        return int(2**self.offset_bits)
