"""The activation unit: row scales and biases, activation functions, and the update of the state."""

from typing import Literal, Self

from pydantic import Field, model_validator

from archsim.specs.base import MOST, Spec

Curve = Literal["table", "segments"]
"""How sigmoid and tanh are computed: by a look-up table or by piecewise-linear segments."""


class ActivationUnitSpec(Spec):
    """A pipeline of `depth_cycles` that takes `units_per_cycle` units a cycle, each with all gates of one lane.

    `curve` and `entries` (words of a table, or segments) determine its cost. Their effect on accuracy is measured in
    ``workloads.fixed_point``, since a trace does not record how its activations were computed.
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
