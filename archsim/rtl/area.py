"""Areas of a synthesised folder by component, beside those of the cost model for the same design."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from archsim.catalogue import ACTIVATION_UNIT, CATALOGUE, PE_ARRAY, SCRATCH, Component
from archsim.costs.block import BuiltBlock
from archsim.costs.conditions import conditions
from archsim.costs.library import chip
from archsim.costs.parts import NAND2_UM2
from archsim.costs.technology import area_scale
from archsim.design import Design
from archsim.files import JsonValue, whole_file
from archsim.rtl.gates import COMPONENTS
from archsim.rtl.synthesis import DELAY, Module, Synthesis

READ_OUT: Mapping[Component, str] = {ACTIVATION_UNIT: "read-out"}
"""The only part of a component that the core has: the arithmetic of the activation unit is outside."""
WITH: Mapping[Component, tuple[Component, str]] = {PE_ARRAY: (SCRATCH, "PEs + scratch")}
"""A component of the cost model without a module of its own, by the one whose modules have it; what both are called."""
LEFT_OUT = (
    "activation arithmetic, which the core does not have, with its pipeline; all memories but the PEs' sums and flags"
)
"""What is compared on neither side."""


@dataclass(frozen=True)
class Compared:
    """A component in gates and in the cost model; areas without any macro."""

    component: str
    label: str
    """What of it is compared, in short."""
    modules: tuple[Module, ...]
    nand2_um2: float
    priced_um2: float
    """At the design's node, before placement."""
    priced_gates: float
    """Gate equivalents: over the NAND2 of the cost model's own library."""

    @cached_property
    def cells(self) -> int:
        return sum(each.copies * each.cells for each in self.modules)

    @cached_property
    def area_um2(self) -> float:
        return sum(each.copies * each.area_um2 for each in self.modules)

    @property
    def gates(self) -> float:
        """Gate equivalents: over the library's NAND2."""
        return self.area_um2 / self.nand2_um2

    @property
    def ratio(self) -> float | None:
        """Gate equivalents over those that are priced; None where nothing is."""
        return self.gates / self.priced_gates if self.priced_gates else None

    @property
    def delay_ns(self) -> float | None:
        """Of its slowest module."""
        return max((each.delay_ns for each in self.modules if each.delay_ns is not None), default=None)

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "component": self.component,
            "compared": self.label,
            "modules": [*sorted({each.name for each in self.modules})],
            "cells": self.cells,
            "area_um2": self.area_um2,
            "gate_equivalents": self.gates,
            "priced_um2": self.priced_um2,
            "priced_gate_equivalents": self.priced_gates,
            "over_priced": self.ratio,
            "delay_ns": self.delay_ns,
        }


@dataclass(frozen=True)
class Comparison:
    """All components of a design, and their total."""

    design: Design
    synthesis: Synthesis
    rows: tuple[Compared, ...]

    @property
    def total(self) -> Compared:
        modules = tuple(module for row in self.rows for module in row.modules)
        priced = sum(row.priced_um2 for row in self.rows), sum(row.priced_gates for row in self.rows)
        return Compared("total", "total", modules, self.synthesis.nand2_um2, *priced)

    def to_json(self) -> dict[str, JsonValue]:
        found = self.synthesis
        return {
            "library": found.library,
            "nand2_um2": found.nand2_um2,
            "tool": found.tool,
            "node_nm": self.design.node_nm,
            "clock_gates": found.clock_gates,
            "components": [row.to_json() for row in (*self.rows, self.total)],
            "modules": [dict(vars(each)) for each in found.modules],
            "macros_left_out": [dict(vars(each)) for each in found.macros],
            "left_out": LEFT_OUT,
            "delay": DELAY,
        }

    def write(self, path: Path) -> None:
        """A CSV with a line a component, and the total."""
        lines = [row.to_json() | {"modules": " ".join(sorted({m.name for m in row.modules}))} for row in self.rows]
        total = self.total.to_json() | {"modules": ""}
        with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(total))
            writer.writeheader()
            writer.writerows([*lines, total])


def compare(design: Design, synthesis: Synthesis) -> Comparison:
    """The gates of a design beside what the cost model has for it. BadInput names what its tables do not cover."""
    return Comparison(design, synthesis, tuple(_rows(design, synthesis)))


def _rows(design: Design, synthesis: Synthesis) -> Iterator[Compared]:
    built, node = chip(design).built, area_scale(design.node_nm).mid
    compared = {component for component in COMPONENTS.values() if component}
    for component in (each for each in CATALOGUE.components if each in compared):
        owned = tuple(each for each in synthesis.modules if COMPONENTS[each.name] is component)
        label = READ_OUT.get(component, component.name)
        um2 = _logic_um2(built[component.name], READ_OUT.get(component))
        if component in WITH:
            beside, label = WITH[component]
            other = built[beside.name]
            um2 += _logic_um2(other) + other.memory_mm2 * 1e6 / conditions(design).area.mid
        yield Compared(component.name, label, owned, synthesis.nand2_um2, um2 * node, um2 / NAND2_UM2)


def _logic_um2(block: BuiltBlock, part: str | None = None) -> float:
    """The area of a block's logic, or of a part of it, at 45 nm."""
    if part is not None:
        return next(each.logic.area_um2 for each in block.parts if each.name == part)
    return block.logic.area_um2 if block.logic else 0.0
