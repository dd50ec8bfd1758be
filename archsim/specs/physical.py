"""The physical design: what a chip is beyond its synthesised cells and macros. Everything in it may be left out."""

from typing import Literal

from pydantic import Field

from archsim.specs.base import Spec

Flavour = Literal["general-purpose", "low-power"]


class PhysicalSpec(Spec):
    """Placement, clock tree, pads, process and environment; what is left out is priced as if this section were absent.

    Without it logic is that of a general-purpose process at 25 C, SRAM cells have low leakage and are at 57 C, area is
    that of synthesis, and clock tree and pads are not counted.
    """

    utilisation: float | None = Field(
        default=None, ge=0.3, le=1.0, description="share of the placed core that cells fill (absent: area of synthesis)"
    )
    clock_tree: bool = Field(default=False, description="whether the wires and buffers of the clock are counted")
    pads: int | None = Field(
        default=None, ge=4, le=4096, description="pads of signals and supplies around the core (absent: not counted)"
    )
    flavour: Flavour | None = Field(
        default=None, description="process: leakage, delay and supply (absent: fast logic, SRAM cells of low leakage)"
    )
    temperature_c: float | None = Field(
        default=None, ge=-40.0, le=125.0, description="of the junctions, for leakage (absent: logic 25 C, SRAM 57 C)"
    )
    sram_voltage_v: float | None = Field(
        default=None, gt=0, description="supply of all SRAM (absent: that of low-standby-power devices at the node)"
    )
