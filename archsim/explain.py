"""Every cost figure of a design: component, figure, value with its band, unit, source, fitted or not."""

from collections.abc import Iterator
from dataclasses import dataclass

from archsim.costs.clock import reaches
from archsim.costs.figures import Figure, Status
from archsim.costs.model import area, dram_background_mw, dram_pj_per_bit, leakage, prices
from archsim.costs.own import SHIPPED, CostTable
from archsim.costs.parts import banks
from archsim.costs.prices import LOGIC_SOURCE, SRAM_SOURCE
from archsim.design import Design

CLOCK_SOURCE = f"{LOGIC_SOURCE} (delay)"


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
    """Area and leakage of every component, energy of every action, DRAM, how far each clock reaches, and banks.

    BadInput names what the cost tables do not cover.
    """
    return (
        *_areas(design, costs),
        *_energies(design, costs),
        *_leakages(design, costs),
        *_clocks(design),
        *_banks(design),
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


def _banks(design: Design) -> Iterator[Row]:
    memory = banks(design)
    if memory.banks:
        source = f"{SRAM_SOURCE}, {memory.ports}"
        figures = (("macros a bank", float(memory.wide), "macros"), ("bank size", memory.bank_bytes / 1024, "KiB"))
        for name, value, unit in (*figures, ("bank cycle", memory.cycle_ns, "ns")):
            yield _row("weight_memory", name, Figure(value, unit, "predicted", source))
