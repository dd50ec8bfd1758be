"""The processing elements (PEs): tiles of multiply-accumulate units, each with a scratch of accumulators."""

from typing import Annotated, Literal

from pydantic import Field

from archsim.specs.base import LATER, MOST, Spec
from archsim.trace.graph import NumberFormat


class PEArraySpec(Spec):
    """`tiles` x `pes_per_tile` PEs, shared evenly among the lanes of a design.

    A `fixed` PE multiplies by integers of up to `weight_bits`, which include binary and ternary weights. A `mux` PE
    adds, subtracts or ignores its operand, for binary (1 bit) or ternary (2 bits) weights. A `shift` PE shifts, for
    weights that are powers of two, with sign and exponent in `weight_bits`.
    """

    multiplier: Literal["fixed", "mux", "shift"]
    tiles: int = Field(ge=1, le=MOST)
    pes_per_tile: int = Field(ge=1, le=MOST)
    weight_bits: int = Field(ge=1, le=16)
    act_bits: int = Field(ge=1, le=16)
    accumulator_bits: int = Field(ge=8, le=64, description="archsim run --check tests whether sums fit")
    accumulators: int = Field(ge=1, le=MOST, description="scratch entries per PE and bank")
    double_buffered: bool = Field(description="two scratch banks: one accumulates while the other is read")
    clock_gated: bool = Field(description="the clock of an idle PE is stopped")
    stages: Annotated[int, LATER] = Field(
        default=1, ge=1, le=64, description="pipeline stages of a PE; it has more where the clock requires them"
    )
    read_ports: Annotated[int, LATER] = Field(
        default=1, ge=1, le=MOST, description="sums that a PE shows the activation unit in a cycle"
    )

    @property
    def pes(self) -> int:
        return self.tiles * self.pes_per_tile

    @property
    def banks(self) -> int:
        return 2 if self.double_buffered else 1

    def refusal(self, weight_format: NumberFormat, act_bits: int | None) -> str | None:
        """Why this array cannot compute a product of these formats; None if it can.

        `act_bits` None: the operand is floating point.
        """
        if weight_format.multiplier == "float":
            return f"{weight_format.name} weights need a floating-point MAC, this array has {self.multiplier} PEs"
        if (weight_format.multiplier == "shift") != (self.multiplier == "shift"):
            needs = {"shift": "a shifter", "fixed": "a multiplier", "mux": "a multiplexer or a multiplier"}
            needed = needs[weight_format.multiplier]
            return f"{weight_format.name} weights need {needed}, this array has {self.multiplier} PEs"
        if weight_format.multiplier == "fixed" and self.multiplier == "mux":
            return f"{weight_format.name} weights need a multiplier, this array has mux PEs"
        if weight_format.bits > self.weight_bits:
            return f"{weight_format.name} weights take {weight_format.bits} bits, a PE takes {self.weight_bits}"
        if act_bits is None:
            return "the operand is floating point, a PE takes integers"
        if act_bits > self.act_bits:
            return f"the operand takes {act_bits} bits, a PE takes {self.act_bits}"
        return None
