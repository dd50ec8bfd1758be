"""The read-out of sums on their way from the PEs to the activation unit, a part of the activation unit's cost.

Each unit that is read in a cycle takes its rows from successive PEs, wherever the first of them is. So the PEs are read
through trees of multiplexers, one tree for each row of a cycle, and the rows of a unit are then put in order.
"""

from dataclasses import replace
from functools import lru_cache

from archsim.costs.logic import Logic, choice_bits, counter, mux_bits, register_bits
from archsim.design import Design

ROWS = 4
"""Rows of the unit with the most of them, an LSTM's."""
ORDER_LEVELS = 3
"""Multiplexers in sequence after a tree: two rotate four rows into any order of turn, one clears a sum whose entry
holds nothing yet."""


@lru_cache(maxsize=4096)
def readout(design: Design) -> Logic:
    """Trees, rotation, clearing, the counters of what is read, and a flag for each entry of the scratch that is in use.

    Each read port of the PEs has trees and a rotation of its own, and each but the first reads a PE's scratch through
    multiplexers of its own. Energies are those of one cycle's sums. The delay is that of the longest way through the
    multiplexers.
    """
    array = design.pe_array
    return _readout(
        design.shape.scratches,
        design.activation_unit.units_per_cycle,
        array.accumulator_bits,
        array.banks * array.accumulators,
        array.read_ports,
        pointer_bits(design),
    )


def pointer_bits(design: Design) -> int:
    """Bits of the lane, the PE, the entry of its scratch and the unit that are read."""
    most = (design.lanes, design.pes_per_lane, design.pe_array.accumulators, design.state_buffer.units)
    return sum(each.bit_length() for each in most)


def sums_a_cycle(design: Design) -> int:
    """The most sums that the read-out takes from the PEs in a cycle."""
    return ROWS * design.activation_unit.units_per_cycle * design.pe_array.read_ports


@lru_cache(maxsize=4096)
def _readout(pes: int, units: int, bits: int, entries: int, ports: int, position: int) -> Logic:
    rows = ROWS * units
    a_port = choice_bits(bits * max(0, pes - rows)) + mux_bits(bits * rows * ORDER_LEVELS)
    more_ports = choice_bits(bits * pes * (entries - 1)).times(ports - 1)
    pointers = counter(position).times(units)
    flags = register_bits(entries) + mux_bits(2 * entries)
    levels = (max(1, pes // rows) - 1).bit_length() + ORDER_LEVELS
    whole = a_port.times(ports) + more_ports + pointers + flags
    # Of a tree, only the multiplexers on the way of a sum have new data.
    moving = mux_bits(bits * rows * levels).times(ports) + pointers
    return replace(whole, delay_ns=levels * mux_bits(1).delay_ns, energy_pj=moving.energy_pj)
