"""The cost of the state buffers: h twice (the old state is read while the new one is written), and c."""

from collections.abc import Callable
from functools import lru_cache

from archsim import catalogue
from archsim.costs.block import (
    BuiltBlock,
    HardwareBlock,
    JointPrice,
    LogicPrice,
    MemoryPrice,
    PlacedMemory,
    Price,
    in_order,
    single_port,
)
from archsim.costs.logic import Logic, mux_bits, register_bits
from archsim.costs.memories import Memory
from archsim.design import Design


def state(design: Design) -> Memory:
    """One of the two buffers of h. A word holds one column of all lanes, with the offset to the next if zeros are
    skipped."""
    encoder = design.skip_encoder
    bits = design.lanes * design.pe_array.act_bits + (encoder.offset_bits if encoder.enabled else 0)
    return _banked(design, bits, lambda bank, width: single_port(design, bank, width))


def cell_state(design: Design) -> Memory:
    """The buffer of c, read and written in order."""
    buffer = design.state_buffer
    width = cells_per_word(design) * buffer.cell_bits
    return _banked(design, design.lanes * buffer.cell_bits, lambda bank, _: in_order(design, buffer.ports, bank, width))


def cells_per_word(design: Design) -> int:
    """Elements in a word of c: those of all units of one cycle, or one if the design states the number of banks."""
    return 1 if design.state_buffer.banks else design.activation_unit.units_per_cycle


def operand_registers(design: Design) -> Logic:
    """The registers of a weight-stationary array's tiles for their elements of h: those of all lanes, twice.

    A word of h is a column of all lanes, which pass a tile one after the other while the next group's are read.
    """
    elements = design.shape.columns * design.lanes
    return register_bits(2 * elements * design.pe_array.act_bits) + mux_bits(elements * design.pe_array.act_bits)


def _banked(design: Design, unit_bits: int, of: Callable[[int, int], Memory]) -> Memory:
    """A buffer for all units, in as many banks as the design states; `of` makes a bank of given bits and word bits.

    Unit u lies in bank u modulo their number, so that some banks have one word more.
    """
    buffer = design.state_buffer
    count = buffer.banks or 1
    words, longer = divmod(buffer.units, count)
    if not longer:
        return of(words * unit_bits, unit_bits).times(count)
    short = of(words * unit_bits, unit_bits).times(count - longer)
    return of((words + 1) * unit_bits, unit_bits).times(longer).beside(short)


def _bits(design: Design) -> int:
    words = design.state_buffer.units * design.lanes
    return words * (2 * design.pe_array.act_bits + design.state_buffer.cell_bits)


def _build(design: Design) -> BuiltBlock:
    stationary = design.shape.stationary
    registers, bits = (operand_registers(design), design.pe_array.act_bits) if stationary else (None, 0)
    return _built(state(design), cell_state(design), design.lanes, cells_per_word(design), registers, bits)


@lru_cache(maxsize=4096)
def _built(h: Memory, c: Memory, lanes: int, per_word: int, registers: Logic | None, bits: int) -> BuiltBlock:
    """`registers`: those of a weight-stationary array for elements of h, of `bits` each."""
    name = catalogue.STATE_BUFFER.name
    h_read: Price = MemoryPrice(h, h.read_pj / lanes)
    if registers:
        h_read = JointPrice((h_read, LogicPrice(register_bits(bits).energy_pj + mux_bits(bits).energy_pj)))
    return BuiltBlock(
        logic=registers,
        memories=(PlacedMemory(f"{name} h", h, copies=2), PlacedMemory(f"{name} c", c)),
        prices={
            catalogue.H_READ: h_read,
            catalogue.H_WRITE: MemoryPrice(h, h.write_pj / lanes),
            catalogue.C_READ: MemoryPrice(c, c.read_pj / per_word),
            catalogue.C_WRITE: MemoryPrice(c, c.write_pj / per_word),
        },
    )


STATE_BUFFER = HardwareBlock(catalogue.STATE_BUFFER, unit="bit", count=_bits, build=_build)
