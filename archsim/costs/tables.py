"""The cost tables as functions: SRAM by capacity and width (CACTI 7), logic by kind and bits (Nangate 45 nm).

Tables are read once; lookups take scalars and are cached, so that a search pays for a new shape once. Logic comes as
synthesised at 45 nm and 1.1 V: ``technology`` brings it to a design's node.
"""

import csv
import math
import re
from dataclasses import astuple, dataclass, replace
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archsim.trace import BadInput

Ports = Literal["1RW", "1R1W"]
Cell = Literal["itrs-lstp", "itrs-hp"]
Multiplier = Literal["fixed", "mux"]


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("archsim.costs").joinpath(name).read_text()
    return list(csv.DictReader(text.splitlines()))


# --- SRAM -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Macro:
    """One SRAM macro; energies are of one access of its whole width, leakage (subthreshold and gate) at 330 K."""

    area_mm2: float
    cycle_ns: float
    read_pj: float
    write_pj: float
    leak_mw: float


@dataclass(frozen=True)
class Memory:
    """`wide` macros side by side make a word, `banks` rows of them the capacity; an access takes one row of macros.

    Wires between macros are not counted: CACTI's own end at the macro.
    """

    area_mm2: float
    cycle_ns: float
    read_pj: float
    write_pj: float
    leak_mw: float
    wide: int
    banks: int


NOTHING = Memory(0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)

_WIDTHS = tuple(2**k for k in range(3, 11))  # 8 to 1,024 bits
_CAPACITIES = tuple(2**k for k in range(8, 24))  # 256 B to 8 MiB
_QUANTITIES = ("area_mm2", "cycle_ns", "read_pj", "write_pj")

Point = tuple[float, ...]


@cache
def _sram() -> dict[tuple[int, str, str], tuple[tuple[Point, ...], ...]]:
    """Logarithms of the table, ``[width][capacity] -> (*_QUANTITIES, leak)``, for each (node, cell, ports)."""
    shape = len(_WIDTHS), len(_CAPACITIES), len(_QUANTITIES) + 1
    raw: dict[tuple[int, str, str], NDArray[np.float64]] = {}
    for row in _rows("sram_cacti7.csv"):
        key = int(row["node_nm"]), row["cell"], row["ports"]
        table = raw.setdefault(key, np.full(shape, np.nan))
        leak_mw = float(row["leak_mw"]) + float(row["gate_leak_mw"])
        place = _WIDTHS.index(int(row["width_bits"])), _CAPACITIES.index(int(row["capacity_bytes"]))
        table[place] = np.log([*(float(row[q]) for q in _QUANTITIES), leak_mw])
    return {key: _monotonic(table) for key, table in raw.items()}


def _monotonic(table: NDArray[np.float64]) -> tuple[tuple[Point, ...], ...]:
    """Running maxima along capacity: CACTI picks aspect and banking anew for each row, so some quantities dip.

    What CACTI could not lay out (a width close to the capacity) is filled with the smallest macro of that width.
    """
    for column in table:
        first = int(np.isfinite(column[:, 0]).argmax())
        column[:first] = column[first]
    rising = np.maximum.accumulate(table, axis=1)
    return tuple(tuple(tuple(point) for point in column) for column in rising.tolist())


def sram_nodes() -> tuple[int, ...]:
    return tuple(sorted({key[0] for key in _sram()}, reverse=True))


@cache
def sram_macro(node_nm: int, cell: Cell, ports: Ports, capacity_bytes: float, width_bits: float) -> Macro:
    """Interpolated in the logarithms of capacity and width; equal to the table's running maximum at its points.

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


@cache
def memory(node_nm: int, cell: Cell, ports: Ports, capacity_bits: int, width_bits: int, period_ns: float) -> Memory:
    """An SRAM of any shape from macros of the table.

    A word wider than 1,024 bits lies across parallel macros; so do narrower words where that is cheaper (CACTI's wide,
    shallow macros are mostly periphery). Each split takes the fewest banks whose cycle time fits the clock, and the
    split of least area wins. Where no macro is fast enough the fastest is taken, and ``clock_problems`` says so.
    """
    if not capacity_bits:
        return NOTHING
    options: list[Memory] = []
    wide = -(-width_bits // _WIDTHS[-1])
    while not options or width_bits >= wide * _WIDTHS[0]:
        options.append(_banked(node_nm, cell, ports, capacity_bits / 8 / wide, width_bits / wide, period_ns, wide))
        wide *= 2
    fitting = [m for m in options if m.cycle_ns <= period_ns]
    if not fitting:
        return min(options, key=lambda m: m.cycle_ns)
    return min(fitting, key=lambda m: m.area_mm2)


def _banked(
    node_nm: int, cell: Cell, ports: Ports, capacity_bytes: float, width_bits: float, period_ns: float, wide: int
) -> Memory:
    banks = 1
    while capacity_bytes / banks > _CAPACITIES[-1]:
        banks *= 2
    macro = sram_macro(node_nm, cell, ports, capacity_bytes / banks, width_bits)
    while macro.cycle_ns > period_ns and capacity_bytes / banks > _CAPACITIES[0]:
        banks *= 2
        macro = sram_macro(node_nm, cell, ports, capacity_bytes / banks, width_bits)
    macros = wide * banks
    return Memory(
        area_mm2=macros * macro.area_mm2,
        cycle_ns=macro.cycle_ns,
        read_pj=wide * macro.read_pj,
        write_pj=wide * macro.write_pj,
        leak_mw=macros * macro.leak_mw,
        wide=wide,
        banks=banks,
    )


# --- Logic ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Logic:
    """Synthesised cells at 45 nm, 1.1 V, 25 C, before placement; energy is of one operation, local wires included."""

    area_um2: float
    delay_ns: float
    energy_pj: float
    clock_pj: float
    """The part of `energy_pj` that clock pins take every clock, whether there is work or not."""
    leak_nw: float

    def __add__(self, other: "Logic") -> "Logic":
        """Side by side: areas, energies and leakage add; the slower delay stays."""
        a, b = astuple(self), astuple(other)
        return Logic(a[0] + b[0], max(a[1], b[1]), a[2] + b[2], a[3] + b[3], a[4] + b[4])

    def times(self, count: float) -> "Logic":
        """`count` of them, all at work."""
        return Logic(
            count * self.area_um2,
            self.delay_ns,
            count * self.energy_pj,
            count * self.clock_pj,
            count * self.leak_nw,
        )


def _mix(low: Logic, high: Logic, share: float) -> Logic:
    """Linear between two cells; a share outside 0..1 extrapolates."""
    return Logic(*((1 - share) * a + share * b for a, b in zip(astuple(low), astuple(high), strict=True)))


Key = tuple[str, str, int, int]


@cache
def _logic() -> dict[Key, tuple[Logic, ...]]:
    """(unit, weight format, weight bits, act bits) -> the netlists synthesised for it, smallest first."""
    table: dict[Key, list[Logic]] = {}
    for row in _rows("mac_nangate45.csv"):
        clock = re.search(r"(?:clk-pin|clk|clock) part (\d+\.\d+) pJ", row["notes"])
        key = row["unit"], row["weight_format"], int(row["weight_bits"]), int(row["act_bits"])
        cell = Logic(
            float(row["area_um2"]),
            float(row["delay_ns"]),
            float(row["energy_pj_per_op"]),
            float(clock[1]) if clock else 0.0,
            float(row["leakage_nw"]),
        )
        table.setdefault(key, []).append(cell)
    return {key: tuple(sorted(cells, key=lambda c: c.area_um2)) for key, cells in table.items()}


@cache
def by_bits(unit: str, bits: float, exponent: int = 1) -> Logic:
    """A unit whose rows differ in operand bits only; linear in ``bits ** exponent``, extrapolated beyond the table."""
    points = sorted((a, cells[0]) for (name, _, _, a), cells in _logic().items() if name == unit)
    return _along([(bits_**exponent, cell) for bits_, cell in points], bits**exponent)


def _along(points: list[tuple[int, Logic]], value: float) -> Logic:
    upper = next((i for i in range(1, len(points) - 1) if points[i][0] >= value), len(points) - 1)
    (x0, low), (x1, high) = points[upper - 1], points[upper]
    return _mix(low, high, (value - x0) / (x1 - x0))


@cache
def register_file(entries: float, bits: float) -> Logic:
    """`entries` x `bits` of flip-flops, one read and one write a clock; linear in both, extrapolated beyond 16 x 24.

    The table's clock-gated netlists, whatever a design's ``clock_gated``: that is about whole PEs, and a register file
    that clocks every entry every cycle takes three times the energy.
    """
    sizes = []
    for n in (1, 8, 16):
        narrow, wide = (one_of(f"batch_scratch_{n}x{b}_clock_gated") for b in (16, 24))
        sizes.append((n, _mix(narrow, wide, (bits - 16) / 8)))
    return _along(sizes, entries)


@cache
def one_of(unit: str) -> Logic:
    """A unit that the table has at one size."""
    return next(cells[0] for (name, *_), cells in _logic().items() if name == unit)


@cache
def zero_skip_scan(columns: float) -> Logic:
    """Mask register, first-set and clear over a window of `columns`; one non-zero column a clock."""
    return _along([(n, one_of(f"zero_skip_scan_{n}")) for n in (8, 16, 64)], max(columns, 8))


MUX_FORMATS = {1: "binary", 2: "ternary"}
_FIXED_WEIGHT_BITS: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16)


@cache
def pe(multiplier: Multiplier, weight_bits: int, act_bits: int, accumulator_bits: int, delay_ns: float) -> Logic:
    """One PE: operand registers, multiplier (or adder/subtractor), accumulator; the smallest that meets `delay_ns`.

    Linear between the table's weight and activation bits. The table's accumulators (act + weight + 10 bits, or act +
    12 for mux) are brought to `accumulator_bits` with a flip-flop and a full adder a bit. BadInput names what the table
    does not cover.
    """
    weights: tuple[int, ...]
    if multiplier == "mux":
        if weight_bits not in MUX_FORMATS:
            raise BadInput(f"PE costs: a mux PE takes weights of 1 bit (binary) or 2 (ternary), not {weight_bits}")
        name, weights, table_accumulator = MUX_FORMATS[weight_bits], (weight_bits,), act_bits + 12
    else:
        name, weights, table_accumulator = "fixed", _FIXED_WEIGHT_BITS, act_bits + weight_bits + 10
        if not weights[0] <= weight_bits <= weights[-1]:
            raise BadInput(f"PE costs: a fixed PE takes weights of 2 to 16 bits, not {weight_bits}")
    if not 4 <= act_bits <= 16:
        raise BadInput(f"PE costs: pe_array.act_bits must be 4 to 16, not {act_bits}")
    columns = [(w, _along([(a, _fitting(name, w, a, delay_ns)) for a in (4, 8, 12, 16)], act_bits)) for w in weights]
    cell = columns[0][1] if len(columns) == 1 else _along(columns, weight_bits)
    return _widened(cell, accumulator_bits - table_accumulator)


def _fitting(name: str, weight_bits: int, act_bits: int, delay_ns: float) -> Logic:
    """The smallest netlist that is fast enough, else the fastest."""
    netlists = _logic()[("mac", name, weight_bits, act_bits)]
    fast = [n for n in netlists if n.delay_ns <= delay_ns]
    return fast[0] if fast else min(netlists, key=lambda n: n.delay_ns)


def _widened(cell: Logic, bits: int) -> Logic:
    """`cell` with `bits` more of accumulator (or fewer, where negative): a flip-flop and a full adder each."""
    register, adder24, adder32 = one_of("register16"), by_bits("adder", 24), by_bits("adder", 32)
    wider = cell + (register.times(1 / 16) + adder32.times(1 / 8) + adder24.times(-1 / 8)).times(bits)
    # the carry ripples through added bits; fewer are not credited, since the slowest path may lie elsewhere
    slower_ns = max(bits, 0) * (adder32.delay_ns - adder24.delay_ns) / 8
    return replace(wider, delay_ns=cell.delay_ns + slower_ns)
