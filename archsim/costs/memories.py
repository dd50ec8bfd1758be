"""Memories by capacity, width and clock: SRAM macros (CACTI 7), or register arrays where these are the better ones.

A memory is chosen by the least product of energy and area within the clock, at every power of two of capacity and
width; figures between them are interpolated in logarithms. An SRAM then costs at least what any SRAM of less capacity
or width does, and a memory what any with fewer words, narrower ones or a slower clock does (running maxima). So energy
and area are continuous and never fall with words, width or clock, in whatever way CACTI's rows jump. Leakage falls
where SRAM follows a register array: the flip-flops are of a general-purpose process, the SRAM cells of a low-power one.

Tables are made once for a process, and lookups take scalars and are cached, so that a search computes each shape once.
"""

import math
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache

import numpy as np

from archsim.costs.macros import (
    ACCESS,
    AREA,
    BANKS,
    CAPACITIES,
    CYCLE,
    LEAK,
    READ,
    WIDE,
    WIDTHS,
    WRITE,
    Floats,
    Ports,
    Transistors,
    columns,
    energy_area,
    score,
    table_of,
)
from archsim.costs.registers import Factors, register_arrays, scaled


@dataclass(frozen=True)
class Process:
    """What memories are made of: the table's node and transistors, and factors on both tables' figures."""

    node_nm: int
    transistors: Transistors
    sram: Factors
    registers: Factors

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Computed once, since every look-up of a memory has it in its key."""
        return hash((self.node_nm, self.sram, self.registers))


@dataclass(frozen=True)
class Memory:
    """A memory of `banks` banks, of which an access takes one; each is made of `wide` macros that together hold a word.

    Energies are per access of a whole word. Wires between the macros of a word are not counted: CACTI's wires end at
    the macro. Between a register array and the SRAM of the next power of two, figures lie between those of both:
    `registers` is the share of the register array, from 0 (SRAM) to 1.
    """

    area_mm2: float
    read_pj: float
    write_pj: float
    access_ns: float
    """From address to data."""
    cycle_ns: float
    sram_leak_mw: float
    register_leak_mw: float
    registers: float
    wide: int
    banks: int
    capacity_bits: int
    width_bits: int
    ports: Ports

    @property
    def leak_mw(self) -> float:
        return self.sram_leak_mw + self.register_leak_mw

    @property
    def bank_bytes(self) -> float:
        """Capacity of one bank."""
        return self.capacity_bits / 8 / self.banks

    def times(self, count: int) -> "Memory":
        """`count` such memories, of which an access takes one."""
        if count == 1:
            return self
        return replace(
            self,
            area_mm2=count * self.area_mm2,
            sram_leak_mw=count * self.sram_leak_mw,
            register_leak_mw=count * self.register_leak_mw,
            banks=count * self.banks,
            capacity_bits=count * self.capacity_bits,
        )

    def beside(self, other: "Memory") -> "Memory":
        """This memory and another, of which an access takes one; energies and times are those of this one."""
        area_mm2 = self.area_mm2 + other.area_mm2
        in_registers = self.registers * self.area_mm2 + other.registers * other.area_mm2
        return replace(
            self,
            area_mm2=area_mm2,
            sram_leak_mw=self.sram_leak_mw + other.sram_leak_mw,
            register_leak_mw=self.register_leak_mw + other.register_leak_mw,
            registers=in_registers / area_mm2,
            banks=self.banks + other.banks,
            capacity_bits=self.capacity_bits + other.capacity_bits,
        )


NOTHING = Memory(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0, "1RW")


@lru_cache(maxsize=65536)
def memory(process: Process, ports: Ports, capacity_bits: int, width_bits: int, period_ns: float) -> Memory:
    """A memory of any shape: with one port (1RW), or read and written in every cycle, in order (1R1W).

    The latter has two ports, or two single-ported halves for odd and even words, of which one is read while the other
    is written. If nothing meets the clock, it is the fastest, and ``clock_problems`` reports it. BadInput for a node
    without a table.
    """
    if not capacity_bits:
        return NOTHING
    table = _table(process, ports, capacity_bits >= _SMALL[0] or width_bits >= _SMALL[1])
    grid = table.at(int(table.periods_ns.searchsorted(period_ns, "right")) - 1)
    (a, near), (b, middle), (c, far), above = grid.around(capacity_bits, width_bits)
    figures = [a * x + b * y + c * z for x, y, z in zip(near, middle, far, strict=True)]
    return Memory(
        area_mm2=math.exp(figures[AREA]),
        read_pj=math.exp(figures[READ]),
        write_pj=math.exp(figures[WRITE]),
        access_ns=math.exp(figures[ACCESS]),
        cycle_ns=math.exp(figures[CYCLE]),
        sram_leak_mw=figures[LEAK],
        register_leak_mw=figures[_REGISTER_LEAK],
        registers=figures[_REGISTERS],
        wide=int(above[WIDE]),
        banks=int(above[BANKS]),
        capacity_bits=capacity_bits,
        width_bits=width_bits,
        ports=ports,
    )


# --- Tables -----------------------------------------------------------------------------------------------------------


_SMALL = 2**33, 2**13
"""Bits up to which memories and words are in the small table; the large one is for those that nobody builds."""
_ADDED = [AREA, LEAK]
"""Quantities of all macros together."""
_COSTS = [AREA, READ, WRITE]
_WHOLE = [*_COSTS, LEAK]
"""Quantities of all macros that hold a word."""
_LOGARITHMIC = (AREA, READ, WRITE, ACCESS, CYCLE)
_REGISTER_LEAK, _REGISTERS = BANKS + 1, BANKS + 2
_LEAST_BITS = CAPACITIES[0] * 8


Figures = list[float]
Corner = tuple[float, Figures]
"""The share of a neighbour in a shape between powers of two, and its figures."""


@dataclass(frozen=True)
class _Grid:
    """Memories of 1, 2, 4, ... bits, with words of 1, 2, 4, ... bits, that meet one clock: (capacity, width, quantity).

    It holds lists, since single numbers are read from them many times faster than from an array.
    """

    figures: list[list[Figures]]

    def around(self, capacity_bits: int, width_bits: int) -> tuple[Corner, Corner, Corner, Figures]:
        """The three neighbours between which a shape lies, and the next one up.

        The three are a triangle: along its long side both sizes double, so that an array keeps its words.
        """
        i, j = capacity_bits.bit_length() - 1, width_bits.bit_length() - 1
        v, u = math.log2(capacity_bits / 2**i), math.log2(width_bits / 2**j)
        here, more = self.figures[i], self.figures[i + 1]
        middle = more[j] if v > u else here[j + 1]
        above = (more if v else here)[j + (u > 0)]
        return (1 - max(u, v), here[j]), (abs(u - v), middle), (min(u, v), more[j + 1]), above


@dataclass(frozen=True)
class _Table:
    """The grid of every clock."""

    periods_ns: Floats
    """From which on each grid holds; the first is 0."""
    figures: Floats
    """As (capacity, width, period, quantity)."""
    grids: dict[int, _Grid]

    def at(self, period: int) -> _Grid:
        if period not in self.grids:
            self.grids[period] = _Grid(self.figures[:, :, period].tolist())
        return self.grids[period]


@lru_cache(maxsize=32)
def _table(process: Process, ports: Ports, large: bool) -> _Table:
    """All memories of a process, where the energy x area of a register array is less than that of SRAM."""
    periods_ns, sram = _srams(process.node_nm, process.transistors, ports, large)
    sram = scaled(sram, process.sram)
    registers = scaled(register_arrays(*sram.shape[:2]), process.registers)[:, :, None]
    table_ns, arrays_ns = process.sram.delay * periods_ns, registers[..., CYCLE].ravel()
    merged_ns = _distinct(table_ns, arrays_ns[arrays_ns < table_ns[-1]])
    sram = sram[:, :, table_ns.searchsorted(merged_ns, "right") - 1]
    better = _usual_score(registers, process.registers, merged_ns) < _usual_score(sram, process.sram, merged_ns)
    figures = np.zeros((*sram.shape[:3], _REGISTERS + 1))
    figures[..., : BANKS + 1] = np.where(better[..., None], registers, sram)
    figures[..., LEAK] = np.where(better, 0, sram[..., LEAK])
    figures[..., _REGISTER_LEAK] = np.where(better, registers[..., LEAK], 0)
    figures[..., _REGISTERS] = better
    if ports == "1R1W":
        figures[..., AREA] = np.maximum(figures[..., AREA], np.exp(_table(process, "1RW", large).figures[..., AREA]))
    _never_cheaper(figures)
    figures[..., _LOGARITHMIC] = np.log(figures[..., _LOGARITHMIC])
    return _Table(merged_ns, figures, {})


def _never_cheaper(figures: Floats) -> None:
    """Raise costs to the largest of any memory with fewer words, narrower ones or a slower clock; access times to that
    of any with fewer words or narrower ones.

    A wider word is compared at as many words: with fewer, a register array may well take less than SRAM.
    """
    _rise_with_the_clock(figures, _COSTS)
    raised = [*_COSTS, ACCESS]
    for width in range(figures.shape[1]):
        found = figures[:, width][..., raised]
        if width:
            found[1:] = np.maximum(found[1:], figures[:-1, width - 1][..., raised])
        figures[:, width][..., raised] = np.maximum.accumulate(found, axis=0)


def _usual_score(figures: Floats, factors: Factors, periods_ns: Floats) -> Floats:
    usual = factors.usual / (factors.energy * factors.area)
    return score(usual * energy_area(figures), figures[..., CYCLE], periods_ns)


def _rise_with_the_clock(figures: Floats, quantities: list[int]) -> None:
    """Raise quantities to the largest of any slower memory."""
    slower_first = figures[:, :, ::-1]
    slower_first[..., quantities] = np.maximum.accumulate(slower_first[..., quantities], axis=2)


@cache
def _srams(node_nm: int, cell: Transistors, ports: Ports, large: bool) -> tuple[Floats, Floats]:
    """Periods, and the best SRAM for each shape and period (capacity, width, period, quantity).

    A word lies in one macro, or across 2, 4, 8, ... narrower ones. No SRAM takes more area or leaks more than two of
    half its capacity. One with two ports is at least as large as one with a single port.
    """
    periods_ns = _periods(node_nm, cell)
    shape = (68, 45) if large else (35, 15)
    one_port, two_ports = (table_of(node_nm, cell, p) for p in ("1RW", "1R1W"))
    sizes = shape[0] - _LEAST_BITS.bit_length() + 1
    if ports == "1RW":
        best = _best(columns(one_port, periods_ns, sizes), periods_ns, shape)
    else:
        options = columns(two_ports, periods_ns, sizes), columns(one_port, periods_ns, sizes, least_banks=2)
        best = _best(np.concatenate(options), periods_ns, shape)
        added = best[..., _ADDED], _srams(node_nm, cell, "1RW", large)[1][..., _ADDED]
        best[..., _ADDED] = np.maximum(*added)
    _rise_with_the_clock(best, _WHOLE)
    for axis in (0, 1):
        best[..., [*_WHOLE, ACCESS]] = np.maximum.accumulate(best[..., [*_WHOLE, ACCESS]], axis=axis)
    for size in range(1, shape[0]):
        for quantity in _ADDED:
            best[size, ..., quantity] = np.minimum(best[size, ..., quantity], 2 * best[size - 1, ..., quantity])
    return periods_ns, best


def _periods(node_nm: int, cell: Transistors) -> Floats:
    """The cycle times of all macros, and 0."""
    one, two = (table_of(node_nm, cell, ports)[..., CYCLE].ravel() for ports in ("1RW", "1R1W"))
    return _distinct(np.zeros(1), one[np.isfinite(one)], two[np.isfinite(two)])


def _distinct(*times: Floats) -> Floats:
    """All times in order, each once; ``np.unique`` would load masked arrays, which take longer than all of this."""
    return np.array(sorted(set(np.concatenate(times).tolist())))


def _best(options: Floats, periods_ns: Floats, shape: tuple[int, int]) -> Floats:
    """Of the columns of macros (option, size, period, quantity) the best for each shape, with as many as a word needs.

    Options are in the order of `WIDTHS`, over and over.
    """
    widths = np.tile(WIDTHS, len(options) // len(WIDTHS))
    wide = np.maximum(1, 2.0 ** np.arange(shape[1]) / widths[:, None])  # (option, width)
    capacity_bits = 2.0 ** np.arange(shape[0])[:, None] / wide[:, None]  # (option, capacity, width)
    size = np.log2(np.maximum(capacity_bits / _LEAST_BITS, 1)).astype(int)
    option = np.arange(len(options))[:, None, None]
    product = energy_area(options)[option, size] * wide[:, None, :, None] ** 2
    best = score(product, options[..., CYCLE][option, size], periods_ns).argmin(axis=0)  # (capacity, width, period)
    row, column = np.arange(shape[0])[:, None, None], np.arange(shape[1])[None, :, None]
    found: Floats = options[best, size[best, row, column], np.arange(len(periods_ns))]
    found[..., [*_WHOLE, WIDE]] *= wide[best, column][..., None]
    return found
