"""The cost of the sequencer's counters: row block, position in the operand list, address of the weights."""

from functools import cache

from archsim import catalogue
from archsim.costs.block import BuiltBlock, HardwareBlock, LogicPrice
from archsim.costs.logic import Logic, by_bits, register_bits
from archsim.design import Design

COUNTER_BITS = 24
"""Bits of a counter, which is as wide as an address."""
COUNTERS = 3
SET_BY_A_COLUMN = 2
"""Counters that a column advances: position in the list, and address. A burst sets all of them."""


@cache
def counters(count: int) -> Logic:
    """`count` counters at 45 nm, of an adder and a register each."""
    return (by_bits("adder", COUNTER_BITS) + register_bits(COUNTER_BITS)).times(count)


def _one(design: Design) -> int:
    return 1


def _build(design: Design) -> BuiltBlock:
    return BuiltBlock(
        logic=counters(COUNTERS),
        prices={
            catalogue.BURST: LogicPrice(counters(COUNTERS).energy_pj),
            catalogue.COLUMN: LogicPrice(counters(SET_BY_A_COLUMN).energy_pj),
        },
    )


SEQUENCER = HardwareBlock(catalogue.SEQUENCER, unit="sequencer", count=_one, build=_build)
