"""The rotation of bus words to the PEs where the bus is not as wide as a lane's PEs, a part of the weight memory."""

from dataclasses import replace
from functools import lru_cache
from math import gcd

from archsim.columns.reading import by_value
from archsim.costs.logic import Logic, mux_bits, register_bits
from archsim.design import Design


@by_value
def rotation(design: Design) -> Logic | None:
    """A barrel shifter, and a register for what a word has left over; None where every word is a row of PEs.

    A row of PEs begins at as many places of a word as the two widths have no common divisor for; each halving of them
    takes a level of 2:1 multiplexers. Energies are those of one bus word.
    """
    if design.weight_memory.private:  # every PE, or every tile, has words of its own
        return None
    bus, pes = design.weight_memory.weights_per_cycle, design.pes_per_lane
    return None if bus == pes else _rotation(bus, pes, design.pe_array.weight_bits)


@lru_cache(maxsize=4096)
def _rotation(bus: int, pes: int, weight_bits: int) -> Logic:
    levels = (max(bus, pes) // gcd(bus, pes) - 1).bit_length()
    shifter, kept = mux_bits(pes * weight_bits * levels), register_bits(bus * weight_bits)
    moved = mux_bits(min(bus, pes) * weight_bits * levels) + kept
    return replace(shifter + kept, delay_ns=levels * mux_bits(1).delay_ns, energy_pj=moved.energy_pj)
