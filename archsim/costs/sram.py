"""SRAM by capacity, width and clock (CACTI 7): energy, area, leakage and cycle time of any shape.

The table is read once; lookups take scalars and are cached, so that a search pays for a new shape once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archsim.costs.tables import rows
from archsim.errors import BadInput

Ports = Literal["1RW", "1R1W"]
Transistors = Literal["itrs-lstp", "itrs-hp"]


@dataclass(frozen=True)
class Macro:
    """One SRAM macro; energies are of one access of its whole width, leakage (subthreshold and gate) at 330 K."""

    area_mm2: float
    cycle_ns: float
    read_pj: float
    write_pj: float
    leak_mw: float


@dataclass(frozen=True)
class Sram:
    """`wide` macros side by side are a bank and make a word, `banks` of them the capacity; an access takes one bank.

    Energies are of one access, whole word. Wires between macros are not counted: CACTI's own end at the macro.
    """

    area_mm2: float
    cycle_ns: float
    read_pj: float
    write_pj: float
    leak_mw: float
    wide: int
    banks: int
    bank_bytes: float
    """Capacity of one bank."""
    ports: Ports


NOTHING = Sram(0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0.0, "1RW")

_WIDTHS: tuple[int, ...] = tuple(2**k for k in range(3, 11))  # 8 to 1,024 bits
_CAPACITIES: tuple[int, ...] = tuple(2**k for k in range(8, 24))  # 256 B to 8 MiB
_QUANTITIES = ("area_mm2", "cycle_ns", "read_pj", "write_pj")
_ADDED = [0, len(_QUANTITIES)]
"""Columns of what two macros have twice of: area and leakage."""

Point = tuple[float, ...]


@cache
def _sram() -> dict[tuple[int, str, str], tuple[tuple[Point, ...], ...]]:
    """Logarithms of the table, ``[width][capacity] -> (*_QUANTITIES, leak)``, for each (node, cell, ports)."""
    shape = len(_WIDTHS), len(_CAPACITIES), len(_QUANTITIES) + 1
    raw: dict[tuple[int, str, str], NDArray[np.float64]] = {}
    for row in rows("sram_cacti7.csv"):
        key = int(row["node_nm"]), row["cell"], row["ports"]
        table = raw.setdefault(key, np.full(shape, np.nan))
        leak_mw = float(row["leak_mw"]) + float(row["gate_leak_mw"])
        place = _WIDTHS.index(int(row["width_bits"])), _CAPACITIES.index(int(row["capacity_bytes"]))
        table[place] = np.log([*(float(row[q]) for q in _QUANTITIES), leak_mw])
    return {key: _monotonic(table) for key, table in raw.items()}


def _monotonic(table: NDArray[np.float64]) -> tuple[tuple[Point, ...], ...]:
    """Running maxima along width and capacity: CACTI picks aspect and banking anew for each row, so quantities dip.

    What CACTI could not lay out (a width close to the capacity) is filled with the smallest macro of that width. Rows
    also jump (ED^2 is what CACTI minimises): where one has more than twice the area of the macro of half its capacity,
    its area and leakage are those of two such; its energy and cycle stay.
    """
    for column in table:
        first = int(np.isfinite(column[:, 0]).argmax())
        column[:first] = column[first]
    rising = np.maximum.accumulate(np.maximum.accumulate(table, axis=1), axis=0)
    for k in range(1, rising.shape[1]):
        halves = rising[:, k - 1, _ADDED] + np.log(2)
        rising[:, k, _ADDED] = np.minimum(rising[:, k, _ADDED], halves)
    return tuple(tuple(tuple(point) for point in column) for column in rising.tolist())


def sram_nodes() -> tuple[int, ...]:
    return tuple(sorted({key[0] for key in _sram()}, reverse=True))


@lru_cache(maxsize=65536)
def sram_macro(node_nm: int, cell: Transistors, ports: Ports, capacity_bytes: float, width_bits: float) -> Macro:
    """Interpolated in the logarithms of capacity and width, and monotonic in both (``_monotonic``).

    Below 256 B or 8 bits a macro costs what the smallest one does. BadInput for a node without a table, or a macro
    above 8 MiB or 1,024 bits.
    """
    grid = _sram().get((node_nm, cell, ports))
    if grid is None:
        raise BadInput(f"SRAM costs: node_nm must be one of {', '.join(map(str, sram_nodes()))}, not {node_nm}")
    if width_bits > _WIDTHS[-1] or capacity_bytes > _CAPACITIES[-1]:
        raise BadInput(
            f"SRAM costs: a macro has up to 1024 bits and 8 MiB, not {width_bits:g} bits, {capacity_bytes:g} B"
        )
    i, u = _place(width_bits, _WIDTHS)
    j, v = _place(capacity_bytes, _CAPACITIES)
    corners = zip(grid[i][j], grid[i][j + 1], grid[i + 1][j], grid[i + 1][j + 1], strict=True)
    return Macro(
        *(math.exp((1 - u) * ((1 - v) * a + v * b) + u * ((1 - v) * c + v * d)) for a, b, c, d in corners),
    )


def _place(value: float, powers: tuple[int, ...]) -> tuple[int, float]:
    """Which interval of consecutive powers of two `value` lies in, and how far along it (0 to 1, logarithmically)."""
    position = min(max(math.log2(value / powers[0]), 0.0), len(powers) - 1)
    index = min(int(position), len(powers) - 2)
    return index, position - index


@lru_cache(maxsize=65536)
def memory(
    node_nm: int, cell: Transistors, ports: Ports, capacity_bits: int, width_bits: int, period_ns: float
) -> Sram:
    """An SRAM of any shape from macros of the table.

    A word wider than 1,024 bits lies across 2, 4, 8, ... parallel macros; so do narrower words where that is cheaper
    (CACTI's wide, shallow macros are mostly periphery). Each split takes the fewest banks whose cycle time fits the
    clock, and the split of least area wins. Where no bank is fast enough the fastest is taken, and ``clock_problems``
    says so.
    """
    if not capacity_bits:
        return NOTHING
    options: list[Sram] = []
    wide = 1
    while width_bits > wide * _WIDTHS[-1]:
        wide *= 2
    while not options or 2 * width_bits > wide * _WIDTHS[0]:
        options.append(_banked(node_nm, cell, ports, capacity_bits / 8 / wide, width_bits / wide, period_ns, wide))
        wide *= 2
    return _least_area(options, period_ns)


def _least_area(options: list[Sram], period_ns: float) -> Sram:
    fitting = [m for m in options if m.cycle_ns <= period_ns]
    if not fitting:
        return min(options, key=lambda m: m.cycle_ns)
    return min(fitting, key=lambda m: m.area_mm2)


def _banked(
    node_nm: int, cell: Transistors, ports: Ports, capacity_bytes: float, width_bits: float, period_ns: float, wide: int
) -> Sram:
    def macro(banks: int) -> Macro:
        return sram_macro(node_nm, cell, ports, capacity_bytes / banks, width_bits)

    banks = _fewest(capacity_bytes, lambda n: macro(n).cycle_ns <= period_ns)
    one, macros = macro(banks), wide * banks
    return Sram(
        area_mm2=macros * one.area_mm2,
        cycle_ns=one.cycle_ns,
        read_pj=wide * one.read_pj,
        write_pj=wide * one.write_pj,
        leak_mw=macros * one.leak_mw,
        wide=wide,
        banks=banks,
        bank_bytes=wide * capacity_bytes / banks,
        ports=ports,
    )


def _fewest(capacity_bytes: float, fits: Callable[[int], bool]) -> int:
    """The fewest banks that fit, by bisection (a smaller bank is never slower); the most there can be if none do."""
    low = math.ceil(capacity_bytes / _CAPACITIES[-1])
    if fits(low):
        return low
    high = max(low, math.ceil(capacity_bytes / _CAPACITIES[0]))
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


@lru_cache(maxsize=65536)
def duplex(node_nm: int, cell: Transistors, capacity_bits: int, width_bits: int, period_ns: float) -> Sram:
    """An SRAM that is read and written every cycle in order, as a FIFO is: the smaller of two ports, or of two
    single-ported halves for odd and even words, of which one is read while the other is written."""
    if not capacity_bits:
        return NOTHING
    two_ports = memory(node_nm, cell, "1R1W", capacity_bits, width_bits, period_ns)
    half = memory(node_nm, cell, "1RW", -(-capacity_bits // 2), width_bits, period_ns)
    halves = replace(half, area_mm2=2 * half.area_mm2, leak_mw=2 * half.leak_mw, banks=2 * half.banks)
    return _least_area([halves, two_ports], period_ns)
