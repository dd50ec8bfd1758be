"""Every cost figure of a design, with its component, value and band, unit, source and status."""

from collections.abc import Iterator
from dataclasses import dataclass

from archsim.catalogue import DRAM, READ_BITS, WRITE_BITS
from archsim.costs.block import PlacedMemory, made_of
from archsim.costs.clock import reaches
from archsim.costs.conditions import Conditions, conditions
from archsim.costs.figures import Figure, Status, exact, of_band
from archsim.costs.library import BuiltChip, chip
from archsim.costs.model import (
    area,
    clock_tree,
    dram_background_mw,
    dram_pj_per_bit,
    dram_write_pj_per_bit,
    leakage,
    prices,
)
from archsim.costs.own import SHIPPED, CostTable
from archsim.costs.sources import LOGIC_SOURCE, OF_THE_DESIGN, SRAM_SOURCE
from archsim.costs.sram_nodes import UNSCALED
from archsim.design import Design
from archsim.specs.dram import DramSpec, Reader

CLOCK_SOURCE = f"{LOGIC_SOURCE} (delay)"
SCALING_SOURCE = "Stillmaker & Baas 2017, polynomials in the supply"
AREA_SOURCE = "Stillmaker & Baas 2017, table; the other end: square of the node"


@dataclass(frozen=True)
class ExplainRow:
    """One figure of a component; `low` and `high` equal `value` unless sources disagree."""

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


def explain(design: Design, costs: CostTable = SHIPPED) -> tuple[ExplainRow, ...]:
    """All cost figures of a design: area and leakage of every component, energy of every action, DRAM, the fastest
    clock of each part, the macros of each memory, further details of components, the DRAM channel's rate for each
    reader, and the node, supplies and physical section with what they scale and add. What a design lacks has no row.

    BadInput names what the cost tables do not cover.
    """
    built = chip(design, costs.library)
    return (
        *_areas(design, costs),
        *_energies(design, costs),
        *_leakages(design, costs),
        *_clocks(design, costs, built),
        *_cut(design, built),
        *_details(design, built),
        *(_dram(design, design.dram, costs) if design.dram else ()),
        *_scaling(design),
    )


def _row(component: str, name: str, figure: Figure) -> ExplainRow:
    band = figure.band
    return ExplainRow(component, name, figure.value, band.low, band.high, figure.unit, figure.source, figure.status)


def _there(design: Design, costs: CostTable) -> tuple[str, ...]:
    """The components that a design has: a scratch of one entry, or an encoder that is switched off, takes no area."""
    return tuple(name for name, figure in area(design, costs).components.items() if figure.band.high)


def _areas(design: Design, costs: CostTable) -> Iterator[ExplainRow]:
    for component in _there(design, costs):
        yield _row(component, "area", area(design, costs).components[component])


def _energies(design: Design, costs: CostTable) -> Iterator[ExplainRow]:
    there = _there(design, costs)
    for action, figure in prices(design, costs).items():
        if action.charged_to in there:
            yield _row(action.component, f"energy of {action.name}", figure)


def _leakages(design: Design, costs: CostTable) -> Iterator[ExplainRow]:
    there = _there(design, costs)
    for component, figure in leakage(design, costs).items():
        if component in there:
            yield _row(component, "leakage", figure)


def _clocks(design: Design, costs: CostTable, built: BuiltChip) -> Iterator[ExplainRow]:
    meets = f"fewest that meet {design.clock_mhz} MHz"
    sources = {placed.name: made_of(placed.memory, conditions(design)) for placed in _memories(built)}
    for reach in reaches(design, costs):
        source = sources.get(reach.part, CLOCK_SOURCE)
        yield _row(reach.part, "clock reach", Figure(reach.reach_mhz, "MHz", "predicted", source))
        if reach.banks:
            yield _row(reach.part, "banks", Figure(float(reach.banks), "banks", "predicted", meets))
        else:
            yield _row(reach.part, "pipeline stages", Figure(float(reach.stages), "stages", "predicted", meets))


def _dram(design: Design, dram: DramSpec, costs: CostTable) -> Iterator[ExplainRow]:
    """The energy of a bit, the background power, and the rate of each reader."""
    yield _row(READ_BITS.component, f"energy of {READ_BITS.name}", dram_pj_per_bit(design, costs))
    yield _row(WRITE_BITS.component, f"energy of {WRITE_BITS.name}", dram_write_pj_per_bit(design, costs))
    yield _row(DRAM.name, "background", dram_background_mw(design, costs))
    readers: tuple[Reader, ...] = ("weights", "inputs") if dram.inputs else ("weights",)
    for reader in readers:
        rate, bound = dram.rate_gbps(design.clock_mhz, reader)
        source = f"bound by {bound}" + (f", {dram.arbitration}" if dram.inputs else "")
        yield _row(DRAM.name, f"rate of {reader}", Figure(rate, "Gb/s", "predicted", source))


def _cut(design: Design, built: BuiltChip) -> Iterator[ExplainRow]:
    """What each memory is made of: its words, banks and macros."""
    for placed in _memories(built):
        memory, source = placed.memory, made_of(placed.memory, conditions(design))
        for name, value, unit in (
            ("memories", placed.copies, "memories"),
            ("words", memory.capacity_bits / memory.width_bits, "words"),
            ("word", memory.width_bits, "bits"),
            ("macros a bank", memory.wide, "macros"),
            ("bank size", memory.bank_bytes / 1024, "KiB"),
            ("bank cycle", memory.cycle_ns, "ns"),
            ("access", memory.access_ns, "ns"),
        ):
            yield _row(placed.name, name, Figure(float(value), unit, "predicted", source))


def _memories(built: BuiltChip) -> Iterator[PlacedMemory]:
    """Every memory that a design has."""
    return (placed for block in built.built.values() for placed in block.memories if placed.memory.banks)


def _details(design: Design, built: BuiltChip) -> Iterator[ExplainRow]:
    for component, block in built.built.items():
        for part in block.parts:
            yield _row(component, f"area of {part.name}", part.area(design))
        for name, figure in block.details:
            yield _row(component, name, figure)


def _scaling(design: Design) -> Iterator[ExplainRow]:
    """The scaling from the tables to the design's node, supplies, process and placement."""
    at = conditions(design)
    yield _row("logic", "supply", Figure(at.supply_v, "V", "predicted", at.supply_source()))
    for name, band, source in (
        ("energy", exact(at.energy), at.scaling_source(SCALING_SOURCE)),
        ("delay", at.delay_band, at.delay_source(SCALING_SOURCE)),
        ("area", at.area, at.logic_source(at.scaling_source(AREA_SOURCE))),
    ):
        yield _row("logic", f"{name} over 45 nm", of_band(band, "x", "predicted", source))
    if at.sram is not UNSCALED:
        yield from _sram_scaling(at)
    yield from _physical(design)


def _sram_scaling(at: Conditions) -> Iterator[ExplainRow]:
    source = at.sram_source(SRAM_SOURCE)
    yield _row("SRAM", "supply", Figure(at.sram_supply_v, "V", "predicted", source))
    for name, band in (("energy", at.sram.energy), ("delay", exact(at.sram.delay)), ("area", at.sram.area)):
        yield _row("SRAM", f"{name} over its table", of_band(band, "x", "predicted", source))


def _physical(design: Design) -> Iterator[ExplainRow]:
    """What the physical section states, and the clock tree where it is counted; pads are among the areas."""
    physical = design.physical
    stated = (
        ("utilisation", physical.utilisation, "of the core"),
        ("temperature", physical.temperature_c, "C"),
        ("pads", physical.pads, "pads"),
    )
    for name, value, unit in stated:
        if value is not None:
            yield _row("physical", name, Figure(float(value), unit, "predicted", OF_THE_DESIGN))
    if physical.clock_tree:
        yield _row("clock_tree", "energy of a cycle", clock_tree(design))
