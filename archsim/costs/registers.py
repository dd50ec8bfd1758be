"""Register arrays: small memories of clock-gated flip-flops, as the synthesised register files of `logic`."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from archsim.costs.logic import one_of, register_file
from archsim.costs.macros import ACCESS, AREA, BANKS, CYCLE, LEAK, READ, WIDE, WRITE, Floats, energy_area


@dataclass(frozen=True)
class Factors:
    """What a table's figures are multiplied by at a design's node and supply."""

    area: float = 1.0
    energy: float = 1.0
    delay: float = 1.0
    leak: float = 1.0
    usual: float = 1.0
    """On energy x area at the node's own supply and without placement, by which memories are chosen: otherwise a volt
    less would change what a memory is."""


@cache
def register_arrays(capacities: int, widths: int) -> Floats:
    """Figures at 45 nm (capacity, width, quantity) of arrays of 1, 2, 4, ... bits, with words of 1, 2, 4, ... bits.

    A capacity below one word is one word. A word is part of a wider one where that takes less energy x area: many
    narrow words are mostly decoders. An array is read and written in the same cycle.
    """
    found = np.array([[_array(2.0 ** max(0, i - j), 2.0**j) for j in range(widths)] for i in range(capacities)])
    product = energy_area(found)
    for j in reversed(range(widths - 1)):
        wider = product[:, j + 1] < product[:, j]
        found[wider, j], product[wider, j] = found[wider, j + 1], product[wider, j + 1]
    return found


def _array(words: float, bits: float) -> Floats:
    """One array. A write takes what a single register does, and the clock pins of the others; the rest is the read,
    which passes one multiplexer at least.

    The delay is the larger one of 16 and 24 bits, since the table's falls with the width.
    """
    whole, one = register_file(words, bits), register_file(1, bits)
    figures = np.ones(BANKS + 1)
    write_pj = one.energy_pj + whole.clock_pj - one.clock_pj
    read_pj = max(whole.energy_pj - write_pj, bits * one_of("mux2_bit").energy_pj)
    figures[[AREA, LEAK]] = whole.area_um2 * 1e-6, whole.leak_nw * 1e-6
    figures[[READ, WRITE]] = read_pj, write_pj
    figures[[ACCESS, CYCLE]] = max(register_file(words, 16).delay_ns, register_file(words, 24).delay_ns)
    figures[[WIDE, BANKS]] = 1
    return figures


def scaled(figures: Floats, by: Factors) -> Floats:
    """Figures (..., quantity) multiplied by factors."""
    found = figures.copy()
    found[..., AREA] *= by.area
    found[..., [READ, WRITE]] *= by.energy
    found[..., LEAK] *= by.leak
    found[..., [ACCESS, CYCLE]] *= by.delay
    return found
