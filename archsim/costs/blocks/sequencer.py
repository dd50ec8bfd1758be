"""The sequencer's counters: row block, place in the list of columns, address of the weights."""

from functools import cache

from archsim import catalogue
from archsim.costs.block import BuiltBlock, HardwareBlock, LogicPrice
from archsim.costs.logic import Logic, by_bits, register_bits
from archsim.design import Design

COUNTER_BITS = 24
"""As wide as an address."""
COUNTERS = 3
SET_BY_A_COLUMN = 2
"""A burst sets all counters; a column moves the place in the list and the address."""


@cache
def counters(count: int) -> Logic:
    """`count` counters, at 45 nm: an adder and a register each."""
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
