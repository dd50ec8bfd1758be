"""The read-out of sums on their way from the PEs to the activation unit, a part of the activation unit's cost.

It is counted in the Verilog of ``archsim/rtl`` (read_out.sv and read_places.sv), and its gates are those of the table.
"""

from dataclasses import replace
from functools import lru_cache

from archsim.columns.reading import per_design
from archsim.costs.blocks.sequencer import counter_bits
from archsim.costs.logic import Logic, by_bits, counter, mux_bits, next_count, register_bits
from archsim.design import Design
from archsim.specs.base import ceil_div

ROWS = 4
"""Rows of the unit with the most of them, an LSTM's."""
ADVANCES = 3
"""Places that are computed in a cycle: those of the next unit, of the next group, and of the unit after that."""


@per_design
def readout(design: Design) -> Logic:
    """The logic that takes the rows of each unit that is read from successive PEs, wherever the first of them is.

    The sums that all PEs of a lane show are rotated until those of the group of units come first, and the lanes of the
    group likewise; then each row is chosen. Beside it is the place that each PE shows. Energies are those of one
    cycle's sums. The delay is that of the longest way through the multiplexers.
    """
    array, units = design.pe_array, design.activation_unit.units_per_cycle
    lanes = 1 if design.shape.stationary else design.lanes  # those of a weight-stationary array lie in the same PEs
    return _readout(
        lanes, design.shape.scratches // lanes, units, array.accumulator_bits, array.read_ports,
        (array.accumulators - 1).bit_length(), counter_bits(design),
    )  # fmt: skip


def sums_a_cycle(design: Design) -> int:
    """The most sums that the read-out takes from the PEs in a cycle."""
    return ROWS * design.activation_unit.units_per_cycle * design.pe_array.read_ports


def choices(words: int, taken: int) -> int:
    """The 2:1 choices, of a word each, in a rotation of `words` of which `taken` successive ones are wanted."""
    levels = range((words - 1).bit_length())
    return sum(min(taken - 1 + 2**level, words + taken - 1 - 2**level) for level in levels)


@lru_cache(maxsize=4096)
def _readout(lanes: int, pes: int, units: int, bits: int, ports: int, place: int, count: int) -> Logic:
    side_by_side = min(lanes, units)
    span = min(pes, ROWS * ceil_div(units, lanes))  # PEs in which the group's sums of a lane lie
    rotated = lanes * choices(pes, span) + choices(lanes, side_by_side) * span
    order = ROWS * units * (span - 1)
    words = mux_bits(bits * ((rotated + order) * ports + ROWS * units * (ports - 1)))
    position = (pes - 1).bit_length() + place
    at_once = next_count(position) + by_bits("adder", position)  # it may go on with the first PE
    pointers = (
        counter(count + (lanes - 1).bit_length())
        + register_bits(position)
        + at_once.times(ADVANCES)
        + mux_bits(2 * position)
    )
    shown = mux_bits(lanes * pes * (place * ports + 1))  # the first place or the next, by the PE's number
    levels = sum((each - 1).bit_length() for each in (pes, lanes, span, ports))
    # Only the multiplexers on the way of a sum have new data.
    moving = mux_bits(bits * ROWS * units * max(1, levels)).times(ports) + pointers
    whole = words + pointers + shown
    return replace(whole, delay_ns=max(1, levels) * mux_bits(1).delay_ns, energy_pj=moving.energy_pj)
