"""The cost of the accumulators beyond the one in each PE: one or two banks, each a register array or SRAM."""

from dataclasses import replace
from functools import lru_cache

from archsim import catalogue
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
    in_order,
    process,
)
from archsim.costs.logic import Logic, by_bits, mux_bits, register_bits, register_file
from archsim.costs.memories import NOTHING, Memory
from archsim.costs.registers import Factors
from archsim.costs.sources import PARTS_SOURCE
from archsim.design import Design


def bank(design: Design, entries: int) -> Memory:
    """A bank of accumulators of one PE, read and written in every cycle, in order."""
    bits = design.pe_array.accumulator_bits
    return in_order(design, 2, entries * bits, bits)


@by_value
def scratch(design: Design) -> Memory:
    """All banks of one PE, without the PE's own accumulator, which is a bank of one entry.

    An access takes the bank in use, which is read and written in place of the PE's own accumulator. In a
    weight-stationary array that holds the sum that passes the PE, and the scratch has all of its entries.
    """
    array = design.pe_array
    if design.shape.stationary:
        return bank(design, array.accumulators).times(array.banks)
    if array.accumulators * array.banks == 1:
        return NOTHING
    return _beyond(bank(design, array.accumulators), array.banks, process(design).registers)


@lru_cache(maxsize=4096)
def _beyond(one: Memory, count: int, factors: Factors) -> Memory:
    own, every = register_file(1, one.width_bits), one.times(count)
    return replace(
        every,
        area_mm2=every.area_mm2 - factors.area * own.area_um2 * 1e-6,
        write_pj=one.write_pj - factors.energy * own.energy_pj,
        register_leak_mw=every.register_leak_mw - every.registers * factors.leak * own.leak_nw * 1e-6,
    )


def idle_pj(design: Design) -> float:
    """Energy of the clock pins of the bank in use in a cycle without an access, pJ at 45 nm. SRAM takes none."""
    array = design.pe_array
    whole, own = (register_file(n, array.accumulator_bits) for n in (array.accumulators, 1))
    of_pe = 0.0 if design.shape.stationary else own.clock_pj
    return scratch(design).registers * (whole.clock_pj - of_pe)


def flags(design: Design) -> Logic:
    """A flag for each accumulator of one PE: whether something has been added to it since its block began.

    With it comes its share of what sets, clears and reads it. It changes once in a block, so that no access pays for
    it. A single accumulator has none: what a block adds first takes its place.
    """
    entries = design.pe_array.banks * design.pe_array.accumulators
    return (register_bits(1) + mux_bits(1)).times(entries if entries > 1 else 0)


def _scratches(design: Design) -> int:
    """PEs with a scratch: all of them, or those of the last tile of a weight-stationary array."""
    return design.shape.scratches


def _build(design: Design) -> BuiltBlock:
    added_bits = design.pe_array.accumulator_bits if design.shape.stationary else 0
    return _built(scratch(design), flags(design), _scratches(design), added_bits)


@lru_cache(maxsize=4096)
def _built(one: Memory, marks: Logic, count: int, added_bits: int) -> BuiltBlock:
    """`count` scratches with the flags of each; `added_bits`: of adders, where the PEs' own add up the products of a
    group, otherwise 0."""
    access: Price = MemoryPrice(one, one.read_pj + one.write_pj)
    logic = marks
    if added_bits:
        adder = by_bits("adder", added_bits)
        access, logic = JointPrice((access, LogicPrice(adder.energy_pj))), marks + adder
    return BuiltBlock(
        logic=logic.times(count) if logic.area_um2 else None,
        memories=(PlacedMemory(catalogue.SCRATCH.name, one, copies=count),),
        prices={catalogue.SCRATCH_ACCESS: access},
        parts=(LogicPart("flags", marks.times(count), PARTS_SOURCE),) if marks.area_um2 else (),
    )


SCRATCH = HardwareBlock(catalogue.SCRATCH, unit="PE", count=_scratches, build=_build)
