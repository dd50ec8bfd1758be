"""The cost of the sequencer: the control of all units, and the path on which the address of a column is made.

Its area is expressed in counters of the table, so that energy, leakage and wider counters follow from the same cells.
The numbers of counters are those with which it has the area of the Verilog of ``archsim/rtl`` on three designs
(docs/results/rtl-area.md). The delay is that of an older control on Nangate 45 (costs/README.md, "Control").
"""

from dataclasses import replace
from functools import cache, lru_cache
from math import sqrt

from archsim import catalogue
from archsim.costs.block import BuiltBlock, CriticalPath, HardwareBlock, LogicPart, LogicPrice
from archsim.costs.logic import Logic, by_bits, counter, equality, full_adder_ns, mux_bits, next_count, register_bits
from archsim.costs.sources import CONTROL_SOURCE, PARTS_SOURCE
from archsim.design import Design

COUNTER_BITS = 16
"""The fewest bits of a counter: no design bounds the steps of a sequence or the columns of x."""
COUNTERS = 30
"""Counters of a control that begins a burst a cycle."""
NEXT_COUNTS = 4
"""Next values without a register that each further burst in the same cycle takes."""
INPUT_COUNTERS, INPUT_SUMS, INPUT_SUMS_A_BURST = 4, 5, 3
"""Of a control that fetches inputs over the channel, counted in the Verilog: counters of steps, and sums or comparisons
of them, some for each burst of a cycle."""
MOST_BURSTS = 3
"""Bursts that are begun in one cycle where an empty one takes no time: one ends, one is empty, one begins."""
SET_BY_A_COLUMN = 8
"""Counters that a column moves: position, columns left, credits and words of the weight path; the same of the PEs."""
TICKING = 4
"""Counters that move in every cycle: the pace of the weight path, of the PEs, the activation unit and the encoder."""
ENDS, ENDS_A_BURST = 13, 2
"""Comparisons of a step with the length of a lane's sequence, counted in the Verilog: whether it ends, or runs on, in
the PEs, the activation unit, the encoder and the lists; and for each burst of a cycle, on the weight path and in the
PEs."""
CONTROL_NS = 1.5
FURTHER_BURST_NS = 0.6
"""Delays at 45 nm with counters of 16 bits: the older control has 1.5, 2.4 and 2.7 ns for one, two and three bursts."""
DRAM_ADDRESS_BITS = 32
"""Bits of an address in DRAM."""


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
def control(bits: int, bursts: int, inputs: bool = False) -> Logic:
    """The control of all units but for the ends of lanes, with counters of `bits`, which begins `bursts` in a cycle;
    `inputs`: they come over the DRAM channel."""
    logic = counter(bits).times(COUNTERS) + next_count(bits).times(NEXT_COUNTS * (bursts - 1))
    if inputs:
        sums = INPUT_SUMS + INPUT_SUMS_A_BURST * bursts
        logic = logic + counter(bits).times(INPUT_COUNTERS) + by_bits("adder", bits).times(sums)
    carry_ns = (bits - COUNTER_BITS) * full_adder_ns()
    return replace(logic, delay_ns=CONTROL_NS + FURTHER_BURST_NS * (bursts - 1) + carry_ns)


def control_of(design: Design) -> Logic:
    inputs = bool(design.dram and design.dram.inputs)
    return _control(counter_bits(design), bursts_a_cycle(design), inputs, design.sequencer.bank_cycles)


@lru_cache(maxsize=4096)
def _control(bits: int, bursts: int, inputs: bool, bank_cycles: int) -> Logic:
    """With the registers of a bank's handshake, a bit each. What they cut off its longest path is not measured."""
    whole = control(bits, bursts, inputs)
    return whole + register_bits(bank_cycles) if bank_cycles else whole


def ends(design: Design) -> Logic:
    """The comparisons that tell at which steps the sequence of each lane runs and ends."""
    return _ends(counter_bits(design), bursts_a_cycle(design), design.lanes)


@lru_cache(maxsize=4096)
def _ends(bits: int, bursts: int, lanes: int) -> Logic:
    return equality(bits).times(lanes * (ENDS + ENDS_A_BURST * bursts))


def address(design: Design) -> Logic:
    """The address of a word: its column's number times its words, plus where the block begins and the word's number.

    Private memories are read at one address, since rows are dealt to them in turn.
    """
    return _address(counter_bits(design), max(2, most_words(design).bit_length()), address_bits(design))


@lru_cache(maxsize=4096)
def _address(bits: int, word_bits: int, long: int) -> Logic:
    sums = by_bits("adder", long).times(2)
    return by_bits("multiplier", sqrt(bits * word_bits), 2) + sums + register_bits(long)


def operands(design: Design) -> Logic:
    """The column that words belong to, and each lane's operand: its symbol compared with it, or one of two values."""
    return _operands(counter_bits(design), design.pe_array.act_bits, design.lanes)


@lru_cache(maxsize=4096)
def _operands(bits: int, act_bits: int, lanes: int) -> Logic:
    return register_bits(bits) + mux_bits(bits) + (equality(bits) + mux_bits(3 * (bits + act_bits))).times(lanes)


def address_bits(design: Design) -> int:
    """Bits of the address of a column: in DRAM, or without one in the weight memory."""
    return DRAM_ADDRESS_BITS if design.dram else max(bits_of_a_product(design), design.words_of_a_memory.bit_length())


def bits_of_a_product(design: Design) -> int:
    """Bits of a column's number times its words."""
    return counter_bits(design) + most_words(design).bit_length()


def union(design: Design) -> Logic:
    """The one-hot inputs of all lanes: equal ones share a column, and the columns are given out in order."""
    return _union(counter_bits(design), design.lanes)


@lru_cache(maxsize=4096)
def _union(bits: int, lanes: int) -> Logic:
    """In two copies, of a step and the next, each lane is compared with those before it; and the least beyond the last
    one is found."""
    if lanes == 1:
        return equality(bits).times(0)
    smaller = by_bits("adder", bits) + mux_bits(bits)
    return equality(bits).times(lanes * (lanes - 1)) + smaller.times(2 * lanes)


def _one(design: Design) -> int:
    return 1


def _build(design: Design) -> BuiltBlock:
    bits, beside = counter_bits(design), operands(design) + ends(design)
    return _built(bits, bursts_a_cycle(design), control_of(design), address(design), union(design), beside)


@lru_cache(maxsize=4096)
def _built(bits: int, bursts: int, whole: Logic, path: Logic, compare: Logic, lanes: Logic) -> BuiltBlock:
    one = counter(bits)
    return BuiltBlock(
        logic=whole + path + compare + lanes,
        path=CriticalPath(whole.delay_ns, stages=1, instead=_faster(bursts)),
        prices={
            catalogue.BURST: LogicPrice(one.times(COUNTERS).energy_pj),
            catalogue.COLUMN: LogicPrice(one.times(SET_BY_A_COLUMN).energy_pj + path.energy_pj),
            catalogue.CONTROL_CYCLE: LogicPrice(whole.clock_pj + TICKING * (one.energy_pj - one.clock_pj)),
        },
        parts=(
            LogicPart("control", whole, CONTROL_SOURCE),
            LogicPart("addresses", path, PARTS_SOURCE),
            LogicPart("operands and ends of lanes", lanes, PARTS_SOURCE),
            *((LogicPart("union of inputs", compare, PARTS_SOURCE),) if compare.area_um2 else ()),
        ),
    )


def _faster(bursts: int) -> str:
    return "sequencer.empty_burst_cycles = 1 does" if bursts > 1 else "a slower clock is needed"


SEQUENCER = HardwareBlock(catalogue.SEQUENCER, unit="sequencer", count=_one, build=_build)
