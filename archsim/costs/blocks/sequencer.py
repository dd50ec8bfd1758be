"""The cost of the sequencer: the control of all units, and the path on which the address of a column is made.

The control was written as RTL and synthesised on Nangate 45 (costs/README.md, "Control"): 4,702 um2 and 1.5 ns where it
begins one burst a cycle, 7,755 um2 and 2.7 ns where it begins up to three, all with counters of 16 bits. Its area is
expressed in counters of the table, so that energy, leakage and wider counters follow from the same cells.
"""

from dataclasses import replace
from functools import cache, lru_cache
from math import sqrt

from archsim import catalogue
from archsim.costs.block import BuiltBlock, CriticalPath, HardwareBlock, LogicPart, LogicPrice
from archsim.costs.logic import Logic, by_bits, counter, equality, full_adder_ns, next_count, register_bits
from archsim.costs.sources import CONTROL_SOURCE, PARTS_SOURCE
from archsim.design import Design

COUNTER_BITS = 16
"""The fewest bits of a counter, those of the RTL: no design bounds the steps of a sequence or the columns of x."""
COUNTERS = 28
"""Counters with the area of the RTL's control: 4,702 um2 are 28.05 of them."""
NEXT_COUNTS = 16
"""Next values without a register that each further burst in the same cycle takes: 1,527 um2 are 16.03 of them."""
MOST_BURSTS = 3
"""Bursts that are begun in one cycle where an empty one takes no time: one ends, one is empty, one begins."""
SET_BY_A_COLUMN = 8
"""Counters that a column moves: position, columns left, credits and words of the weight path; the same of the PEs."""
TICKING = 4
"""Counters that move in every cycle: the pace of the weight path, of the PEs, the activation unit and the encoder."""
CONTROL_NS = 1.5
FURTHER_BURST_NS = 0.6
"""Delays at 45 nm with counters of 16 bits: the RTL has 1.5, 2.4 and 2.7 ns for one, two and three bursts."""
DRAM_ADDRESS_BITS = 32
"""Bits of an address in DRAM, as in the RTL."""


def bursts_a_cycle(design: Design) -> int:
    """Bursts that the control begins in one cycle: more than one only where a burst may be empty, and takes no time."""
    at_once = design.skip_encoder.enabled and not design.sequencer.empty_burst_cycles
    return MOST_BURSTS if at_once else 1


def counter_bits(design: Design) -> int:
    """Bits of a counter: enough for the units of a state and the words of a column."""
    most = max(design.state_buffer.units, most_words(design))
    return max(COUNTER_BITS, most.bit_length())


def most_words(design: Design) -> int:
    """The most words of a column: those that the FIFO holds, or the rows of a PE that reads a memory of its own."""
    memory = design.weight_memory
    return design.pe_array.accumulators if memory.private else memory.fifo_words


@cache
def control(bits: int, bursts: int) -> Logic:
    """The control of all units, with counters of `bits`, which begins up to `bursts` in a cycle."""
    logic = counter(bits).times(COUNTERS) + next_count(bits).times(NEXT_COUNTS * (bursts - 1))
    carry_ns = (bits - COUNTER_BITS) * full_adder_ns()
    return replace(logic, delay_ns=CONTROL_NS + FURTHER_BURST_NS * (bursts - 1) + carry_ns)


def control_of(design: Design) -> Logic:
    return _control(counter_bits(design), bursts_a_cycle(design), design.sequencer.bank_cycles)


@lru_cache(maxsize=4096)
def _control(bits: int, bursts: int, bank_cycles: int) -> Logic:
    """With the registers of a bank's handshake, a bit each. What they cut off its longest path is not measured."""
    whole = control(bits, bursts)
    return whole + register_bits(bank_cycles) if bank_cycles else whole


def address(design: Design) -> Logic:
    """The address of a column: its number times its words, plus where the block begins.

    Private memories are read at one address, since rows are dealt to them in turn.
    """
    return _address(counter_bits(design), max(2, most_words(design).bit_length()), address_bits(design))


@lru_cache(maxsize=4096)
def _address(bits: int, word_bits: int, long: int) -> Logic:
    return by_bits("multiplier", sqrt(bits * word_bits), 2) + by_bits("adder", long) + register_bits(long)


def address_bits(design: Design) -> int:
    """Bits of the address of a column: in DRAM, or without one in the weight memory."""
    return DRAM_ADDRESS_BITS if design.dram else max(bits_of_a_product(design), design.words_of_a_memory.bit_length())


def bits_of_a_product(design: Design) -> int:
    """Bits of a column's number times its words."""
    return counter_bits(design) + most_words(design).bit_length()


def union(design: Design) -> Logic:
    """The comparison of the one-hot inputs of all lanes with each other, so that equal ones share a column."""
    return _union(counter_bits(design), design.lanes)


@lru_cache(maxsize=4096)
def _union(bits: int, lanes: int) -> Logic:
    return equality(bits).times(lanes * (lanes - 1) // 2)


def _one(design: Design) -> int:
    return 1


def _build(design: Design) -> BuiltBlock:
    return _built(counter_bits(design), bursts_a_cycle(design), control_of(design), address(design), union(design))


@lru_cache(maxsize=4096)
def _built(bits: int, bursts: int, whole: Logic, path: Logic, compare: Logic) -> BuiltBlock:
    one = counter(bits)
    return BuiltBlock(
        logic=whole + path + compare,
        path=CriticalPath(whole.delay_ns, stages=1, instead=_faster(bursts)),
        prices={
            catalogue.BURST: LogicPrice(one.times(COUNTERS).energy_pj),
            catalogue.COLUMN: LogicPrice(one.times(SET_BY_A_COLUMN).energy_pj + path.energy_pj),
            catalogue.CONTROL_CYCLE: LogicPrice(whole.clock_pj + TICKING * (one.energy_pj - one.clock_pj)),
        },
        parts=(
            LogicPart("control", whole, CONTROL_SOURCE),
            LogicPart("addresses", path, PARTS_SOURCE),
            *((LogicPart("union of inputs", compare, PARTS_SOURCE),) if compare.area_um2 else ()),
        ),
    )


def _faster(bursts: int) -> str:
    return "sequencer.empty_burst_cycles = 1 does" if bursts > 1 else "a slower clock is needed"


SEQUENCER = HardwareBlock(catalogue.SEQUENCER, unit="sequencer", count=_one, build=_build)
