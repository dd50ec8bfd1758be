"""The parts of a cost block and the prices of its actions, from which ``costs.blocks`` are built.

Logic is given as synthesised at 45 nm, memories at the design's node; here both become figures of a design.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

from archsim.catalogue import Action, Component
from archsim.columns.reading import per_design
from archsim.costs import technology
from archsim.costs.conditions import Conditions, conditions
from archsim.costs.devices import nearest_table
from archsim.costs.figures import Figure, exact, joined, of_band
from archsim.costs.fitted import LOGIC_ENERGY_FACTOR
from archsim.costs.logic import Logic
from archsim.costs.memories import Memory, Process, memory
from archsim.costs.registers import Factors
from archsim.costs.sources import (
    LOGIC_ENERGY_SOURCE,
    LOGIC_SOURCE,
    REGISTER_ENERGY_SOURCE,
    REGISTER_SOURCE,
    SRAM,
    SRAM_SOURCE,
    Origin,
)
from archsim.costs.sram_nodes import node_scale
from archsim.design import Design


def period_ns(design: Design) -> float:
    """The clock period of the design, ns."""
    return 1000 / design.clock_mhz


def allowed_ns(design: Design) -> float:
    """The clock period of the design, ns, scaled to delays of the 45 nm library."""
    return period_ns(design) / conditions(design).delay


@per_design
def process(design: Design) -> Process:
    """What the memories of a design are made of. BadInput for an unknown node or supply."""
    return _process(conditions(design))


@lru_cache(maxsize=4096)
def _process(at: Conditions) -> Process:
    nominal_pj = technology.energy_scale(at.node_nm, None, at.flavour)
    registers = Factors(
        area=at.area.mid,
        energy=at.energy * LOGIC_ENERGY_FACTOR,
        delay=at.delay,
        leak=at.logic_leakage.mid,
        usual=technology.area_scale(at.node_nm).mid * nominal_pj * LOGIC_ENERGY_FACTOR,
    )
    here, usual = at.sram, node_scale(at.node_nm)
    sram = Factors(here.area.mid, here.energy.mid, here.delay, here.leakage, usual.area.mid * usual.energy.mid)
    return Process(nearest_table(at.node_nm), "itrs-lstp", sram, registers)


def single_port(design: Design, capacity_bits: int, width_bits: int) -> Memory:
    """A memory with one port, for either a read or a write in a cycle. BadInput as for `process`."""
    return memory(process(design), "1RW", capacity_bits, width_bits, period_ns(design))


def in_order(design: Design, ports: int, capacity_bits: int, width_bits: int) -> Memory:
    """A memory that is read and written in order, with two `ports` in the same cycle. BadInput as for `process`."""
    if ports == 1:
        return single_port(design, capacity_bits, width_bits)
    return memory(process(design), "1R1W", capacity_bits, width_bits, period_ns(design))


# --- Prices -----------------------------------------------------------------------------------------------------------


class Price(Protocol):
    """The price of an action."""

    @property
    def wired(self) -> bool:
        """Whether it depends on how wide the chip is."""

    def figure(self, at: Conditions, side_um: float) -> Figure:
        """The energy of one action, pJ, on a chip that is `side_um` wide."""

    def wires_pj_per_um(self, at: Conditions) -> float:
        """What it rises by with each um that the chip is wider, pJ."""

    def fitted_pj(self, at: Conditions) -> float:
        """The part of it that is proportional to the fitted energy factor of logic, pJ."""


@dataclass(frozen=True)
class LogicPrice:
    """The energy of synthesised cells: `energy_pj` at 45 nm, scaled to the design, times the fitted factor."""

    energy_pj: float

    @property
    def wired(self) -> bool:
        return False

    def figure(self, at: Conditions, side_um: float) -> Figure:
        return Figure(self.fitted_pj(at), "pJ", "calibrated", LOGIC_ENERGY_SOURCE)

    def wires_pj_per_um(self, at: Conditions) -> float:
        return 0.0

    def fitted_pj(self, at: Conditions) -> float:
        return at.energy * LOGIC_ENERGY_FACTOR * self.energy_pj


def made_of(memory: Memory, at: Conditions) -> str:
    """What a memory is, with the source of its figures."""
    macros = f"SRAM: {at.sram_source(SRAM_SOURCE)}, {memory.ports}"
    if not memory.registers:
        return macros
    return REGISTER_SOURCE if memory.registers == 1 else f"{macros}; and the next smaller {REGISTER_SOURCE}"


@dataclass(frozen=True)
class MemoryPrice:
    """Part of the energy of `memory`, at the design's node; that of register arrays is logic's."""

    memory: Memory
    energy_pj: float
    origin: Origin = SRAM

    @property
    def wired(self) -> bool:
        return False

    def figure(self, at: Conditions, side_um: float) -> Figure:
        share = self.memory.registers
        of_registers = Figure(share * self.energy_pj, "pJ", "calibrated", REGISTER_ENERGY_SOURCE)
        if share == 1:
            return of_registers
        of_macros = at.of_sram(at.sram.energy, (1 - share) * self.energy_pj, "pJ", self.origin)
        return joined((of_macros, of_registers), "pJ") if share else of_macros

    def wires_pj_per_um(self, at: Conditions) -> float:
        return 0.0

    def fitted_pj(self, at: Conditions) -> float:
        return self.memory.registers * self.energy_pj


WIRE_FF_PER_UM = 0.177
"""Capacitance in the library's wire model (see the method of mac_nangate45); it hardly changes with the node."""
TOGGLES = 0.5
"""Share of the bits that change from one word to the next."""


def wires_pj(at: Conditions, bits: int, side_um: float) -> float:
    """The energy of a word of `bits` that crosses a chip `side_um` wide, pJ: C V^2 / 2 for each bit that changes."""
    return bits * TOGGLES * side_um * WIRE_FF_PER_UM * at.supply_v**2 / 2 / 1000


@dataclass(frozen=True)
class WiredPrice:
    """A price plus the wires of a word of `bits` that crosses the chip, or a `share` of its side, `to` other parts.

    It is used for wide words only; wires of a few bits are not counted.
    """

    price: Price
    bits: int
    to: str
    share: float = 1.0

    @property
    def wired(self) -> bool:
        return True

    def figure(self, at: Conditions, side_um: float) -> Figure:
        figure = self.price.figure(at, side_um)
        source = f"{figure.source}; wires to {self.to}: Nangate's {WIRE_FF_PER_UM:g} fF/um"
        wires = wires_pj(at, self.bits, self.share * side_um)
        spread = figure.spread and figure.spread + exact(wires)
        return Figure(figure.value + wires, figure.unit, figure.status, source, spread)

    def wires_pj_per_um(self, at: Conditions) -> float:
        return self.price.wires_pj_per_um(at) + wires_pj(at, self.bits, self.share)

    def fitted_pj(self, at: Conditions) -> float:
        return self.price.fitted_pj(at)


@dataclass(frozen=True)
class JointPrice:
    """The prices of everything that happens in one action."""

    prices: tuple[Price, ...]

    @property
    def wired(self) -> bool:
        return any(price.wired for price in self.prices)

    def figure(self, at: Conditions, side_um: float) -> Figure:
        return joined((price.figure(at, side_um) for price in self.prices), "pJ")

    def wires_pj_per_um(self, at: Conditions) -> float:
        return sum(price.wires_pj_per_um(at) for price in self.prices)

    def fitted_pj(self, at: Conditions) -> float:
        return sum(price.fitted_pj(at) for price in self.prices)


# --- Blocks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlacedMemory:
    """A memory of a block, of which there are `copies`, with the name that reports show."""

    name: str
    memory: Memory
    copies: int = 1


@dataclass(frozen=True)
class CriticalPath:
    """The longest path of a block's logic from register to register."""

    delay_ns: float
    """Delay at 45 nm, in as many stages as the design itself gives the block."""
    stages: int
    """Stages that the clock requires, with which the block is built."""
    given: int = 1
    """Stages that the design itself gives the block."""
    instead: str | None = None
    """What shortens a path that decides in one cycle what the next one does, which no cut can; None if cuts can."""


@dataclass(frozen=True)
class LogicPart:
    """A part of a block's logic whose area ``archsim explain`` shows, with the source of its figures."""

    name: str
    logic: Logic
    source: str

    def area(self, design: Design) -> Figure:
        """Its area at the design's node, um2."""
        at = conditions(design)
        return of_band(at.area.times(self.logic.area_um2), "um2", "predicted", at.logic_source(self.source))


@dataclass(frozen=True, eq=False)
class BuiltBlock:
    """A cost block built for one design, or for all designs that have the same: then it is one object, made once."""

    prices: Mapping[Action, Price]
    absent: frozenset[Action] = frozenset()
    """Actions of the component that the design never takes, since it lacks the part: they have no price."""
    logic: Logic | None = None
    """All cells of the block."""
    memories: tuple[PlacedMemory, ...] = ()
    origin: Origin = SRAM
    """Status and source of the area of its SRAM macros."""
    path: CriticalPath | None = None
    """None if only its memories have a clock to meet."""
    parts: tuple[LogicPart, ...] = ()
    details: tuple[tuple[str, Figure], ...] = ()
    """Further figures of the block that ``archsim explain`` shows."""

    @cached_property
    def actions(self) -> frozenset[Action]:
        """All actions of the component, with those that the design never takes."""
        return frozenset(self.prices) | self.absent

    @cached_property
    def memory_mm2(self) -> float:
        """Area of its memories, copies included, mm2."""
        return sum(placed.copies * placed.memory.area_mm2 for placed in self.memories)

    def energies(self, design: Design, side_um: float) -> Mapping[Action, Figure]:
        """The energy of every action that has a price, pJ, on a chip that is `side_um` wide."""
        at = conditions(design)
        wired = {action: price.figure(at, side_um) for action, price in self.prices.items() if price.wired}
        return {**_unwired(self, at), **wired} if wired else _unwired(self, at)

    def area(self, design: Design) -> Figure:
        """Area of cells, macros and register arrays, mm2."""
        return _area(self, conditions(design))

    def leakage(self, design: Design) -> Figure:
        """Leakage of cells, macros and register arrays, mW; none of it is fitted."""
        return _leakage(self, conditions(design))

    @cached_property
    def has_macros(self) -> bool:
        """Whether it has SRAM; a block that consists of nothing is SRAM of no size."""
        sram = any(placed.memory.banks and placed.memory.registers < 1 for placed in self.memories)
        return sram or (self.logic is None and not self.has_registers)

    @cached_property
    def has_registers(self) -> bool:
        return any(placed.memory.registers for placed in self.memories)


@lru_cache(maxsize=16384)
def _unwired(block: BuiltBlock, at: Conditions) -> Mapping[Action, Figure]:
    """The energy of every action whose price does not depend on how wide the chip is."""
    return {action: price.figure(at, 0.0) for action, price in block.prices.items() if not price.wired}


@lru_cache(maxsize=16384)
def _area(block: BuiltBlock, at: Conditions) -> Figure:
    figures = []
    if block.logic is not None:
        band = at.area.times(block.logic.area_um2 / 1e6)
        figures.append(of_band(band, "mm2", "predicted", at.logic_source(LOGIC_SOURCE)))
    arrays_mm2 = sum(placed.copies * placed.memory.registers * placed.memory.area_mm2 for placed in block.memories)
    if block.has_macros:
        figures.append(at.of_sram(at.sram.area, block.memory_mm2 - arrays_mm2, "mm2", block.origin))
    if block.has_registers:
        band = at.register_area.times(arrays_mm2)
        figures.append(of_band(band, "mm2", "predicted", at.logic_source(REGISTER_SOURCE)))
    return joined(figures, "mm2")


@lru_cache(maxsize=16384)
def _leakage(block: BuiltBlock, at: Conditions) -> Figure:
    figures = []
    if block.has_macros:
        macros_mw = sum(placed.copies * placed.memory.sram_leak_mw for placed in block.memories)
        figures.append(of_band(at.sram_leakage.times(macros_mw), "mW", "predicted", at.sram_leakage_source()))
    if block.logic is not None or block.has_registers:
        cells_nw = block.logic.leak_nw if block.logic else 0.0
        arrays_mw = sum(placed.copies * placed.memory.register_leak_mw for placed in block.memories)
        band = at.logic_leakage.times(cells_nw / 1e6) + at.register_leakage.times(arrays_mw)
        figures.append(of_band(band, "mW", "predicted", at.logic_leakage_source()))
    return joined(figures, "mW")


@dataclass(frozen=True)
class HardwareBlock:
    """The costs of one component: its area, its leakage, its clock and every action charged to it."""

    component: Component
    unit: str
    """The unit for which a user's cost table may state area and leakage, such as "PE"."""
    count: Callable[[Design], int]
    """The number of these units in a design."""
    build: Callable[[Design], BuiltBlock]
    """Builds the block for a design. BadInput names what the tables do not cover.

    Those of the library are cached by what they read of a design, since a search meets them in thousands of designs.
    """
