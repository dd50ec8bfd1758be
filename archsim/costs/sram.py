"""SRAM by capacity, width and clock (CACTI 7): energy, area, leakage and cycle time of any shape.

The table is read once; lookups take scalars and are cached, so that a search computes each shape once.
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
    """One SRAM macro. Energies are per access of its whole width; leakage is subthreshold and gate leakage at 330 K."""

    area_mm2: float
    cycle_ns: float
    read_pj: float
    write_pj: float
    leak_mw: float


@dataclass(frozen=True)
class Sram:
    """An SRAM of `banks` banks, of which an access takes one; each is made of `wide` macros that together hold a word.

    Energies are per access of a whole word. Wires between macros are not counted: CACTI's wires end at the macro.
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
"""Indices of the quantities that add up over macros: area and leakage."""

Point = tuple[float, ...]


@cache
def _sram() -> dict[tuple[int, str, str], tuple[tuple[Point, ...], ...]]:
    """Logarithms of the table by (node, cell, ports), then by width and capacity: the `_QUANTITIES`, then leakage."""
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
    """Running maxima of the table along width and capacity.

    CACTI chooses aspect ratio and banking for each row separately, so that quantities may dip. Rows that it could not
    lay out (a width close to the capacity) are filled with the smallest macro of that width. Quantities may also jump,
    since CACTI minimises ED^2: a row with more than twice the area or leakage of the macro of half its capacity takes
    those of two such macros, and keeps its own energy and cycle time.
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
    """A macro interpolated in the logarithms of capacity and width, and monotonic in both (``_monotonic``).

    Below 256 B or 8 bits it costs as much as the smallest macro. BadInput for a node without a table, or for a macro
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
    """The index of the interval of `powers` that contains `value`, and its logarithmic position in it (0 to 1)."""
    position = min(max(math.log2(value / powers[0]), 0.0), len(powers) - 1)
    index = min(int(position), len(powers) - 2)
    return index, position - index


@lru_cache(maxsize=65536)
def memory(
    node_nm: int, cell: Transistors, ports: Ports, capacity_bits: int, width_bits: int, period_ns: float
) -> Sram:
    """An SRAM of any shape, built from macros of the table.

    A word wider than 1,024 bits lies across 2, 4, 8, ... parallel macros, and so does a narrower word where that is
    smaller (CACTI's wide, shallow macros are mostly periphery). Each split takes the fewest banks whose cycle time
    meets the clock, and the split of least area is chosen. If no bank is fast enough, the fastest is chosen, and
    ``clock_problems`` reports it. BadInput for a node without a table.
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
    """The fewest banks that fit, by bisection, since a smaller bank is never slower; the most possible if none fit."""
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
    """An SRAM that is both read and written in every cycle, in order, as a FIFO is.

    It is the smaller of an SRAM with two ports, and two single-ported halves for odd and even words, of which one is
    read while the other is written.
    """
    if not capacity_bits:
        return NOTHING
    two_ports = memory(node_nm, cell, "1R1W", capacity_bits, width_bits, period_ns)
    half = memory(node_nm, cell, "1RW", -(-capacity_bits // 2), width_bits, period_ns)
    halves = replace(half, area_mm2=2 * half.area_mm2, leak_mw=2 * half.leak_mw, banks=2 * half.banks)
    return _least_area([halves, two_ports], period_ns)
