"""Row affine, gate activations and the cell update; frees the accumulators of a block."""

from typing import Literal, Self

from pydantic import Field, model_validator

from archsim.specs.base import MOST, Spec

Curve = Literal["table", "segments"]
"""How sigmoid and tanh are made: looked up, or straight lines."""


class ActivationUnitSpec(Spec):
    """A pipeline that takes `units_per_cycle` units (all gates of one lane's unit) a cycle, `depth_cycles` long.

    `curve` and `entries` (words of a table, or segments) decide what it costs. What they do to accuracy is measured in
    ``workloads.fixed_point``: a trace does not say how its activations were computed.
    """

    units_per_cycle: int = Field(ge=1, le=MOST)
    depth_cycles: int = Field(ge=0, le=MOST)
    curve: Curve
    entries: int = Field(ge=1, le=65536)

    @model_validator(mode="after")
    def _table_has_an_address(self) -> Self:
        if self.curve == "table" and self.entries & (self.entries - 1):
            raise ValueError(f"entries of a table must be a power of two, not {self.entries}")
        return self
