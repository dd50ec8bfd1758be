"""The library of cost blocks for the components of a catalogue, and the chip that is built from it for a design."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from archsim.catalogue import CATALOGUE, READ_BITS, WRITE_BITS, Catalogue
from archsim.columns.reading import per_design
from archsim.costs import blocks
from archsim.costs.block import BuiltBlock, HardwareBlock
from archsim.costs.conditions import conditions
from archsim.design import Design

PRICED_BY_KIND = (READ_BITS, WRITE_BITS)
"""Off-chip actions, priced by the kind of DRAM (``dram.pj_per_bit``)."""


@dataclass(frozen=True)
class Library:
    """A cost block for each component of a catalogue that has area.

    ValueError if a block or the price of an off-chip action is missing, or if there is a block too many.
    """

    catalogue: Catalogue
    blocks: tuple[HardwareBlock, ...]

    def __post_init__(self) -> None:
        names = sorted(block.component.name for block in self.blocks)
        if names != sorted(self.catalogue.with_area):
            raise ValueError(
                f"costs: blocks of {', '.join(names)}; with area are {', '.join(self.catalogue.with_area)}"
            )
        for name in self.catalogue.off_chip:
            for action in self.catalogue.charged(name):
                if action not in PRICED_BY_KIND:
                    raise ValueError(f"costs: no price for {action.path}, which is off the chip")

    def __hash__(self) -> int:
        """Hash the names alone: libraries are keys of caches, and nearly always the same one."""
        return hash(self.catalogue.with_area)

    @cached_property
    def by_name(self) -> dict[str, HardwareBlock]:
        """The cost blocks by component name, in the order of the catalogue."""
        found = {block.component.name: block for block in self.blocks}
        return {name: found[name] for name in self.catalogue.with_area}


LIBRARY = Library(CATALOGUE, blocks.ALL)


Numbers = TypeVar("Numbers", float, NDArray[np.float64])


@dataclass(frozen=True)
class BuiltChip:
    """Every block of the chip built for one design, by name, in the order of the catalogue."""

    built: Mapping[str, BuiltBlock]
    side_um: float
    """Width of the chip, taken as a square of its cells and macros."""


@per_design
def chip(design: Design, library: Library = LIBRARY) -> BuiltChip:
    """Build the chip of a design.

    BadInput names what the tables do not cover. ValueError for a block whose prices do not match its actions.
    """
    built = {name: built_block(block, design, library.catalogue) for name, block in library.by_name.items()}
    logic_um2 = sum(b.logic.area_um2 for b in built.values() if b.logic) * conditions(design).area.mid
    memory_mm2 = sum(block.memory_mm2 for block in built.values())
    return BuiltChip(built, float(side_um(logic_um2, memory_mm2)))


def side_um(logic_um2: Numbers, memory_mm2: Numbers) -> Numbers:
    """The width of a chip, or of many, taken as a square of its cells and macros at the design's node."""
    side: Numbers = np.sqrt(logic_um2 + 1e6 * memory_mm2)
    return side


def built_block(block: HardwareBlock, design: Design, catalogue: Catalogue) -> BuiltBlock:
    """Build one block of a design. BadInput and ValueError as for `chip`."""
    name, built = block.component.name, block.build(design)
    if built.actions != catalogue.charged(name) or not built.absent.isdisjoint(built.prices):
        priced, charged = {a.path for a in built.prices}, {a.path for a in catalogue.charged(name) - built.absent}
        raise ValueError(f"costs: {name} prices {sorted(priced - charged)} too many, {sorted(charged - priced)} not")
    if built.logic is None and not built.memories:
        raise ValueError(f"costs: {name} has neither logic nor memories")
    return built
