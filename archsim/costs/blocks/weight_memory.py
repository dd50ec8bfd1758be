"""The cost of the weight memory: that of resident weights, shared or private, and the FIFO of a shared one."""

import math
from dataclasses import replace
from functools import lru_cache

from archsim import catalogue
from archsim.catalogue import Action
from archsim.columns.reading import by_value
from archsim.costs.block import (
    BuiltBlock,
    HardwareBlock,
    JointPrice,
    LogicPart,
    LogicPrice,
    MemoryPrice,
    PlacedMemory,
    Price,
    WiredPrice,
    in_order,
    single_port,
)
from archsim.costs.blocks.rotation import rotation
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC
from archsim.costs.logic import Logic, mux_bits, register_bits
from archsim.costs.memories import Memory
from archsim.costs.sources import INFERRED_BUFFER, PARTS_SOURCE, SRAM
from archsim.design import Design


@by_value
def banks(design: Design) -> Memory:
    """A weight memory, as chosen within the clock; without capacity if a design has none.

    Private memories are all alike, and this is one of them. One port is enough, since it is written once before it is
    read. If none is fast enough, it is the fastest, and ``cycle_ns`` says how fast.
    """
    memory = design.weight_memory
    bits = design.words_of_a_memory * design.weight_word_bits if memory.private else memory.capacity_bits
    return single_port(design, bits, design.weight_word_bits)


@by_value
def fifo(design: Design) -> Memory:
    """The FIFO of bus words of a shared memory, written and read in order."""
    memory, width = design.weight_memory, design.bus_word_bits
    return in_order(design, memory.ports, memory.fifo_words * width, width)


@by_value
def buffer_is_inferred(design: Design) -> bool:
    """Whether the weight FIFO (or SRAM) has the size that was fitted to the RBT areas."""
    memory, pes = design.weight_memory, design.pe_array.pes
    if memory.private:
        return False
    if memory.fifo_words * memory.weights_per_cycle == BUFFERED_WEIGHTS_PER_MAC * pes:
        return True
    return memory.capacity_kib == math.ceil(BUFFERED_WEIGHTS_PER_MAC * pes * design.pe_array.weight_bits / 8192)


def _bits(design: Design) -> int:
    memory = design.weight_memory
    if memory.private:
        return design.weight_memories * design.words_of_a_memory * design.weight_word_bits
    return memory.capacity_bits + memory.fifo_words * design.bus_word_bits


def _build(design: Design) -> BuiltBlock:
    if design.weight_memory.private:
        return _private(design)
    return _shared(banks(design), fifo(design), design.bus_word_bits, rotation(design), buffer_is_inferred(design))


@lru_cache(maxsize=4096)
def _shared(weights: Memory, queue: Memory, word_bits: int, turned: Logic | None, inferred: bool) -> BuiltBlock:
    """The FIFO with the bus to the PEs, and the SRAM where there is any."""
    origin = INFERRED_BUFFER if inferred else SRAM
    through_fifo = MemoryPrice(queue, queue.write_pj + queue.read_pj, origin)
    word = WiredPrice(through_fifo, word_bits, "the PEs")
    accesses: dict[Action, Price] = {
        catalogue.SRAM_READ_WORD: MemoryPrice(weights, weights.read_pj, origin),
        catalogue.SRAM_WRITE_WORD: MemoryPrice(weights, weights.write_pj, origin),
    }
    there = weights.capacity_bits > 0
    return BuiltBlock(
        memories=(
            PlacedMemory(catalogue.WEIGHT_MEMORY.name, weights),
            PlacedMemory(f"{catalogue.WEIGHT_MEMORY.name} FIFO", queue),
        ),
        origin=origin,
        prices={
            **(accesses if there else {}),
            catalogue.FIFO_WORD: JointPrice((word, LogicPrice(turned.energy_pj))) if turned else word,
        },
        absent=frozenset(() if there else accesses),
        logic=turned,
        parts=(LogicPart("rotation", turned, PARTS_SOURCE),) if turned else (),
    )


def _private(design: Design) -> BuiltBlock:
    """Small macros beside the PEs, without FIFO and bus: only the memory of a tile has wires, to the tile's PEs."""
    one, held = banks(design), word_register(design)
    read = _short_read(design, MemoryPrice(one, one.read_pj))
    logic = held.times(design.weight_memories) if held else None
    return BuiltBlock(
        memories=(PlacedMemory(catalogue.WEIGHT_MEMORY.name, one, copies=design.weight_memories),),
        prices={
            catalogue.SRAM_READ_WORD: JointPrice((read, LogicPrice(held.energy_pj))) if held else read,
            catalogue.SRAM_WRITE_WORD: MemoryPrice(one, one.write_pj),
        },
        absent=frozenset((catalogue.FIFO_WORD,)),
        logic=logic,
        parts=(LogicPart("word registers", logic, PARTS_SOURCE),) if logic else (),
    )


def word_register(design: Design) -> Logic | None:
    """The register that holds a word of a private memory for as long as its weights last, and the choice of one weight
    a PE; None where a word lasts a cycle.

    Energies are those of a word: it is written once, and its weights are chosen one after the other.
    """
    weights, bits = design.weight_memory.weights_per_word, design.weight_word_bits
    if weights == 1:
        return None
    held, chosen = register_bits(bits), mux_bits(bits // weights)
    choice = chosen.times(weights - 1)
    levels = (weights - 1).bit_length()
    return replace(held + choice, energy_pj=held.energy_pj + weights * levels * chosen.energy_pj)


def _short_read(design: Design, read: Price) -> Price:
    """The read of a private memory. A tile is taken as a square, of which a square chip has as many as it has tiles."""
    if design.weight_memory.organisation == "per_pe":
        return read
    return WiredPrice(read, design.weight_word_bits, "the PEs of a tile", design.pe_array.tiles**-0.5)


WEIGHT_MEMORY = HardwareBlock(catalogue.WEIGHT_MEMORY, unit="bit", count=_bits, build=_build)
