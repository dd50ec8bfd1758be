"""What a block of the chip is made of and what its actions cost: the vocabulary of ``costs.blocks``.

Logic is as synthesised at 45 nm, memories are at the design's node; both become figures of a design here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from archsim.catalogue import Action, Component
from archsim.costs import technology
from archsim.costs.figures import Figure, joined, of_band
from archsim.costs.fitted import LOGIC_ENERGY_FACTOR
from archsim.costs.logic import Logic
from archsim.costs.sources import (
    LOGIC_ENERGY_SOURCE,
    LOGIC_LEAKAGE_SOURCE,
    LOGIC_SOURCE,
    SRAM,
    SRAM_LEAKAGE_SOURCE,
    Origin,
)
from archsim.costs.sram import Sram, duplex, memory
from archsim.design import Design

SRAM_TRANSISTORS = "itrs-lstp"


def period_ns(design: Design) -> float:
    """A clock period of the design."""
    return 1000 / design.clock_mhz


def allowed_ns(design: Design) -> float:
    """A clock period of the design, in delays of the 45 nm library."""
    return period_ns(design) / technology.delay_scale(design.node_nm, design.voltage_v)


def sram(design: Design, capacity_bits: int, width_bits: int) -> Sram:
    """An SRAM with one port, for a read or a write; BadInput for a node without a table."""
    technology.check_node(design.node_nm)
    return memory(design.node_nm, SRAM_TRANSISTORS, "1RW", capacity_bits, width_bits, period_ns(design))


def in_order(design: Design, ports: int, capacity_bits: int, width_bits: int) -> Sram:
    """An SRAM that is read and written in order; with two ports in one cycle."""
    if ports == 1:
        return sram(design, capacity_bits, width_bits)
    technology.check_node(design.node_nm)
    return duplex(design.node_nm, SRAM_TRANSISTORS, capacity_bits, width_bits, period_ns(design))


# --- Prices -----------------------------------------------------------------------------------------------------------


class Price(Protocol):
    """What one action costs."""

    def figure(self, design: Design, side_um: float) -> Figure:
        """pJ, on a chip that is `side_um` wide."""


@dataclass(frozen=True)
class LogicPrice:
    """The energy of synthesised cells: `energy_pj` at 45 nm, scaled to the design and times the fitted factor."""

    energy_pj: float

    def figure(self, design: Design, side_um: float) -> Figure:
        scale = technology.energy_scale(design.node_nm, design.voltage_v) * LOGIC_ENERGY_FACTOR
        return Figure(scale * self.energy_pj, "pJ", "calibrated", LOGIC_ENERGY_SOURCE)


@dataclass(frozen=True)
class SramPrice:
    """The energy of an access to memory, at the design's node."""

    energy_pj: float
    origin: Origin = SRAM

    def figure(self, design: Design, side_um: float) -> Figure:
        return Figure(self.energy_pj, "pJ", self.origin.status, self.origin.source)


WIRE_FF_PER_UM = 0.177
"""Capacitance of the library's wire model (mac_nangate45, method); it hardly changes with the node."""
TOGGLES = 0.5
"""Share of the bits that change from one word to the next."""


def wires_pj(design: Design, bits: int, side_um: float) -> float:
    """A word of `bits` across a chip that is `side_um` wide: C V^2 / 2 for each bit that changes."""
    volt = technology.supply(design.node_nm, design.voltage_v)
    return bits * TOGGLES * side_um * WIRE_FF_PER_UM * volt**2 / 2 / 1000


@dataclass(frozen=True)
class WiredPrice:
    """A price, and a word of `bits` that crosses the chip `to` another component.

    Wires of a few bits are not counted.
    """

    price: Price
    bits: int
    to: str

    def figure(self, design: Design, side_um: float) -> Figure:
        figure = self.price.figure(design, side_um)
        source = f"{figure.source}; wires to {self.to}: Nangate's {WIRE_FF_PER_UM:g} fF/um"
        return replace(figure, value=figure.value + wires_pj(design, self.bits, side_um), source=source)


# --- Blocks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlacedSram:
    """An SRAM of a block, under the name that reports show; `copies` of them lie there."""

    name: str
    sram: Sram
    copies: int = 1


@dataclass(frozen=True)
class CriticalPath:
    """The longest path of a block's logic from register to register."""

    delay_ns: float
    """At 45 nm, in as many stages as the design itself gives the block."""
    stages: int
    """Those that the clock asks for; the block has them."""


@dataclass(frozen=True)
class BuiltBlock:
    """A block as one design has it."""

    prices: Mapping[Action, Price]
    logic: Logic | None = None
    """All its cells."""
    srams: tuple[PlacedSram, ...] = ()
    origin: Origin = SRAM
    """Where the area of its SRAM comes from."""
    path: CriticalPath | None = None
    """None where nothing but SRAM has a clock to meet."""
    details: tuple[tuple[str, Figure], ...] = ()
    """What else ``archsim explain`` shows of it."""

    @property
    def sram_mm2(self) -> tuple[float, ...]:
        """Area of each SRAM."""
        return tuple(placed.sram.area_mm2 for placed in self.srams for _ in range(placed.copies))

    def area(self, design: Design) -> Figure:
        """Area of cells and macros, mm2."""
        figures = []
        if self.logic is not None:
            band = technology.area_scale(design.node_nm).times(self.logic.area_um2 / 1e6)
            figures.append(of_band(band, "mm2", "predicted", LOGIC_SOURCE))
        if self.srams:
            figures.append(Figure(sum(self.sram_mm2), "mm2", self.origin.status, self.origin.source))
        return joined(figures, "mm2")

    def leakage(self, design: Design) -> Figure:
        """Leakage of cells and macros, mW; not fitted."""
        figures = []
        if self.logic is not None:
            band = technology.logic_leakage(design.node_nm, design.voltage_v).times(self.logic.leak_nw / 1e6)
            figures.append(of_band(band, "mW", "predicted", LOGIC_LEAKAGE_SOURCE))
        if self.srams:
            leak_mw = sum(placed.sram.leak_mw for placed in self.srams for _ in range(placed.copies))
            band = technology.sram_leakage(design.node_nm).times(leak_mw)
            figures.append(of_band(band, "mW", "predicted", SRAM_LEAKAGE_SOURCE))
        return joined(figures, "mW")


@dataclass(frozen=True)
class HardwareBlock:
    """All that one component costs: its area, its leakage, its clock and every action charged to it."""

    component: Component
    unit: str
    """What area and leakage may be given for one of, in a cost table of one's own."""
    count: Callable[[Design], int]
    """How many of them a design has."""
    build: Callable[[Design], BuiltBlock]
    """BadInput names what the tables do not cover."""
