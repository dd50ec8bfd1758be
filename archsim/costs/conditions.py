"""The conditions of a design: node, supplies, process and placement, as factors on what the tables state."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from archsim.columns.reading import per_design
from archsim.costs import technology
from archsim.costs.devices import low_power_delay
from archsim.costs.figures import Band, Figure, exact, of_band
from archsim.costs.leakage import logic_leakage, sram_leakage
from archsim.costs.sources import LOGIC_LEAKAGE_SOURCE, OF_THE_DESIGN, SRAM_LEAKAGE_SOURCE, SRAM_SOURCE, Origin
from archsim.costs.sram_nodes import UNSCALED, SramScale, sram_scale, sram_supply
from archsim.design import Design
from archsim.specs.physical import Flavour


@dataclass(frozen=True, eq=False)
class Conditions:
    """What a design's node, supplies and physical section make of the tables. BadInput names what they do not cover.

    Factors are looked up once, since designs of the same conditions share one object (`conditions`), by which what
    depends on them is cached.
    """

    node_nm: int
    voltage_v: float | None
    sram_voltage_v: float | None
    utilisation: float | None
    flavour: Flavour | None
    temperature_c: float | None

    @cached_property
    def supply_v(self) -> float:
        """The supply of logic and of its wires, V."""
        return technology.supply(self.node_nm, self.voltage_v, self.flavour)

    @cached_property
    def area(self) -> Band:
        """Area of logic over that synthesised at 45 nm, with the room that placement leaves between cells."""
        cells, share = technology.area_scale(self.node_nm), self.utilisation
        return cells if share is None else cells.times(1 / share)

    @cached_property
    def energy(self) -> float:
        return technology.energy_scale(self.node_nm, self.voltage_v, self.flavour)

    @cached_property
    def delay(self) -> float:
        return technology.delay_scale(self.node_nm, self.voltage_v, self.flavour)

    @cached_property
    def delay_band(self) -> Band:
        """`delay` over the band of low-power processes, if the design is in one."""
        slower = low_power_delay().over_mid() if self.flavour == "low-power" else exact(1.0)
        return slower.times(self.delay)

    @cached_property
    def logic_leakage(self) -> Band:
        return logic_leakage(self.node_nm, self.voltage_v, self.flavour, self.temperature_c)

    @cached_property
    def register_area(self) -> Band:
        """`area` over its middle, for register arrays, whose figures are at the middle of the band."""
        return self.area.over_mid()

    @cached_property
    def register_leakage(self) -> Band:
        """The same of `logic_leakage`."""
        return self.logic_leakage.over_mid()

    @cached_property
    def sram(self) -> SramScale:
        """The factors on SRAM of the nearest node that CACTI has."""
        return sram_scale(self.node_nm, self.sram_voltage_v)

    @cached_property
    def sram_supply_v(self) -> float:
        return sram_supply(self.node_nm, self.sram_voltage_v)

    @cached_property
    def sram_leakage(self) -> Band:
        """Leakage of SRAM over that of its table, at the supply of the table."""
        return sram_leakage(self.node_nm, self.flavour, self.temperature_c)

    def supply_source(self) -> str:
        """The source of the supply of logic."""
        given = self.voltage_v is not None
        return OF_THE_DESIGN if given else technology.supply_source(self.node_nm, self.flavour)

    def scaling_source(self, source: str) -> str:
        """The source of a factor on the logic of 45 nm, with the nodes that it lies between if it is not published."""
        between = technology.neighbours(self.node_nm)
        return source if between is None else f"{source}; between {between[0]} and {between[1]} nm"

    def delay_source(self, source: str) -> str:
        """The same of a delay, with what the process adds."""
        scaled = self.scaling_source(source)
        if self.flavour != "low-power":
            return scaled
        return f"{scaled}; low power: V/I_on of CACTI's devices, alpha-power law"

    def logic_source(self, source: str) -> str:
        """The source of a figure of logic, with what the section adds."""
        share = self.utilisation
        return source if share is None else f"{source}; placed, cells fill {share:g} of the core"

    def logic_leakage_source(self) -> str:
        """The source of a leakage of logic."""
        flavour, celsius = self.flavour, self.temperature_c
        if flavour is None and celsius is None:
            return LOGIC_LEAKAGE_SOURCE
        process = "low: low-standby-power process" if flavour is None else f"{flavour} by CACTI's devices"
        return f"Nangate 45 nm, scaled as CACTI's itrs-hp SRAM; {process}; {_heat(celsius, '25 C, high: 330 K')}"

    def sram_leakage_source(self) -> str:
        """The source of a leakage of SRAM."""
        flavour, celsius = self.flavour, self.temperature_c
        if flavour is None and celsius is None:
            return self.sram_source(SRAM_LEAKAGE_SOURCE)
        general = "in a general-purpose process as low-operating-power devices, high: high-performance ones"
        process = general if flavour == "general-purpose" else "high: low-operating-power devices"
        return self.sram_source(f"{SRAM_SOURCE}; {process}; {_heat(celsius, '330 K')}")

    def of_sram(self, band: Band, value: float, unit: str, origin: Origin) -> Figure:
        """A figure of SRAM whose middle is `value`, with the band of its factor."""
        if self.sram is UNSCALED:
            return Figure(value, unit, origin.status, origin.source)
        return of_band(band.over_mid().times(value), unit, origin.status, self.sram_source(origin.source))

    def sram_source(self, source: str) -> str:
        """The source of a figure of SRAM, with its table's node and its supply where they are not the usual ones."""
        return "; ".join([source, *self.sram.sources])


def _heat(celsius: float | None, usual: str) -> str:
    return usual if celsius is None else f"at {celsius:g} C"


_shared = lru_cache(maxsize=4096)(Conditions)


@per_design
def conditions(design: Design) -> Conditions:
    """The conditions of a design."""
    of = design.physical
    return _shared(design.node_nm, design.voltage_v, of.sram_voltage_v, of.utilisation, of.flavour, of.temperature_c)
