"""The on-chip buffers of the state: h twice (the old one is read while the new one is written), and c."""

from pydantic import Field

from archsim.components.base import Spec


class StateBufferSpec(Spec):
    """Room for `units` elements of h and c in every lane."""

    units: int = Field(ge=1)
    cell_bits: int = Field(ge=2, le=64, description="bits of one element of the cell state c")
