"""Every cost figure of a design: component, figure, value with its band, unit, source, fitted or not."""

from collections.abc import Iterator
from dataclasses import dataclass

from archsim.costs import technology
from archsim.costs.clock import reaches
from archsim.costs.figures import Figure, Status, of_band
from archsim.costs.model import area, dram_background_mw, dram_pj_per_bit, leakage, prices
from archsim.costs.own import SHIPPED, CostTable
from archsim.costs.parts import parts
from archsim.costs.prices import LOGIC_SOURCE, SRAM_SOURCE
from archsim.costs.tables import curve
from archsim.design import Design
from archsim.specs.dram import Reader

CLOCK_SOURCE = f"{LOGIC_SOURCE} (delay)"
SCALING_SOURCE = "Stillmaker & Baas 2017, polynomials in the supply"
OF_THE_DESIGN = "of the design"


@dataclass(frozen=True)
class Row:
    """One figure of a component; `low` and `high` equal `value` where no two sources disagree."""

    component: str
    figure: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    status: Status

    def to_json(self) -> dict[str, str | float]:
        return {
            "component": self.component,
            "figure": self.figure,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "source": self.source,
            "status": self.status,
        }


def explain(design: Design, costs: CostTable = SHIPPED) -> tuple[Row, ...]:
    """Area and leakage of every component, energy of every action, DRAM, how far each clock reaches, memories as they
    are cut, the curve, what the DRAM channel gives to who reads it, the supply and what it scales.

    BadInput names what the cost tables do not cover.
    """
    return (
        *_areas(design, costs),
        *_energies(design, costs),
        *_leakages(design, costs),
        *_clocks(design),
        *_cut(design),
        *_curve(design),
        *_channel(design),
        *_scaling(design),
    )


def _row(component: str, name: str, figure: Figure) -> Row:
    band = figure.band
    return Row(component, name, figure.value, band.low, band.high, figure.unit, figure.source, figure.status)


def _areas(design: Design, costs: CostTable) -> Iterator[Row]:
    for component, figure in area(design, costs).components.items():
        yield _row(component, "area", figure)


def _energies(design: Design, costs: CostTable) -> Iterator[Row]:
    for (component, action), (_, figure) in prices(design, costs).items():
        yield _row(component, f"energy of {action}", figure)
    yield _row("dram", "energy of read_bits", dram_pj_per_bit(design, costs))


def _leakages(design: Design, costs: CostTable) -> Iterator[Row]:
    for component, figure in leakage(design, costs).items():
        yield _row(component, "leakage", figure)
    yield _row("dram", "background", dram_background_mw(design, costs))


def _clocks(design: Design) -> Iterator[Row]:
    meets = f"fewest that meet {design.clock_mhz} MHz"
    for reach in reaches(design):
        source = SRAM_SOURCE if reach.banks else CLOCK_SOURCE
        yield _row(reach.part, "clock reach", Figure(reach.reach_mhz, "MHz", "predicted", source))
        if reach.banks:
            yield _row(reach.part, "banks", Figure(float(reach.banks), "banks", "predicted", meets))
        else:
            yield _row(reach.part, "pipeline stages", Figure(float(reach.stages), "stages", "predicted", meets))


def _channel(design: Design) -> Iterator[Row]:
    dram = design.dram
    readers: tuple[Reader, ...] = ("weights", "inputs") if dram.inputs else ("weights",)
    for reader in readers:
        rate, bound = dram.rate_gbps(design.clock_mhz, reader)
        source = f"bound by {bound}" + (f", {dram.arbitration}" if dram.inputs else "")
        yield _row("dram", f"rate of {reader}", Figure(rate, "Gb/s", "predicted", source))


def _cut(design: Design) -> Iterator[Row]:
    """How each memory is made of macros."""
    for name, memory in parts(design).memories:
        source = f"{SRAM_SOURCE}, {memory.ports}"
        yield _row(name, "macros a bank", Figure(float(memory.wide), "macros", "predicted", source))
        yield _row(name, "bank size", Figure(memory.bank_bytes / 1024, "KiB", "predicted", source))
        yield _row(name, "bank cycle", Figure(memory.cycle_ns, "ns", "predicted", source))


def _curve(design: Design) -> Iterator[Row]:
    """What one sigmoid or tanh is made of."""
    unit = design.activation_unit
    kind = "words" if unit.curve == "table" else "segments"
    cells = curve(unit.curve, unit.entries, design.state_buffer.cell_bits)
    area_um2 = technology.area_scale(design.node_nm).times(cells.area_um2)
    yield _row(
        "activation_unit", f"{kind} of a curve", Figure(float(unit.entries), "entries", "predicted", OF_THE_DESIGN)
    )
    yield _row("activation_unit", "area of a curve", of_band(area_um2, "um2", "predicted", LOGIC_SOURCE))


def _scaling(design: Design) -> Iterator[Row]:
    """From the library at 45 nm to the design's node and supply."""
    node, volt = design.node_nm, design.voltage_v
    given = OF_THE_DESIGN if volt else "CACTI 7, high-performance devices"
    yield _row("logic", "supply", Figure(technology.supply(node, volt), "V", "predicted", given))
    for name, factor in (
        ("energy", technology.energy_scale(node, volt)),
        ("delay", technology.delay_scale(node, volt)),
    ):
        yield _row("logic", f"{name} over 45 nm", Figure(factor, "x", "predicted", SCALING_SOURCE))
