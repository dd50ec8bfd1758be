"""The cost of the weight memory: the SRAM of resident weights, and the FIFO on the way to the PEs."""

import math

from archsim import catalogue
from archsim.costs.block import (
    BuiltBlock,
    HardwareBlock,
    JointPrice,
    LogicPrice,
    PlacedSram,
    SramPrice,
    WiredPrice,
    cell_area,
    in_order,
    sram,
)
from archsim.costs.blocks.rotation import rotation
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC
from archsim.costs.sources import INFERRED_BUFFER, PARTS_SOURCE, SRAM
from archsim.costs.sram import Sram
from archsim.design import Design


def banks(design: Design) -> Sram:
    """The weight SRAM, with the fewest banks whose cycle time meets the clock; without capacity if a design has none.

    One port is enough, since the SRAM is written once before it is read. If no bank is fast enough, it is the fastest,
    and ``cycle_ns`` says how fast.
    """
    return sram(design, design.weight_memory.capacity_bits, design.bus_word_bits)


def fifo(design: Design) -> Sram:
    """The FIFO of bus words, written and read in order."""
    memory, width = design.weight_memory, design.bus_word_bits
    return in_order(design, memory.ports, memory.fifo_words * width, width)


def buffer_is_inferred(design: Design) -> bool:
    """Whether the weight FIFO (or SRAM) has the size that was fitted to the RBT areas."""
    memory, pes = design.weight_memory, design.pe_array.pes
    if memory.fifo_words * memory.weights_per_cycle == BUFFERED_WEIGHTS_PER_MAC * pes:
        return True
    return memory.capacity_kib == math.ceil(BUFFERED_WEIGHTS_PER_MAC * pes * design.pe_array.weight_bits / 8192)


def _bits(design: Design) -> int:
    memory = design.weight_memory
    return memory.capacity_bits + memory.fifo_words * design.bus_word_bits


def _build(design: Design) -> BuiltBlock:
    weights, queue = banks(design), fifo(design)
    origin = INFERRED_BUFFER if buffer_is_inferred(design) else SRAM
    through_fifo = SramPrice(queue.write_pj + queue.read_pj, origin)
    word, turned = WiredPrice(through_fifo, design.bus_word_bits, "the PEs"), rotation(design)
    return BuiltBlock(
        srams=(
            PlacedSram(catalogue.WEIGHT_MEMORY.name, weights),
            PlacedSram(f"{catalogue.WEIGHT_MEMORY.name} FIFO", queue),
        ),
        origin=origin,
        prices={
            catalogue.SRAM_READ_WORD: SramPrice(weights.read_pj, origin),
            catalogue.SRAM_WRITE_WORD: SramPrice(weights.write_pj, origin),
            catalogue.FIFO_WORD: JointPrice((word, LogicPrice(turned.energy_pj))) if turned else word,
        },
        logic=turned,
        details=(("area of the rotation", cell_area(design, turned, PARTS_SOURCE)),) if turned else (),
    )


WEIGHT_MEMORY = HardwareBlock(catalogue.WEIGHT_MEMORY, unit="bit", count=_bits, build=_build)
