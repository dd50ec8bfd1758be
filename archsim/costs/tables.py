"""The cost tables as functions: SRAM by capacity and width (CACTI 7), logic by kind and bits (Nangate 45 nm).

Tables are read once; lookups take scalars and are cached, so that a search pays for a new shape once. Logic comes as
synthesised at 45 nm and 1.1 V: ``technology`` brings it to a design's node.
"""

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.specs.activation_unit import Curve

Ports = Literal["1RW", "1R1W"]
Cell = Literal["itrs-lstp", "itrs-hp"]
Multiplier = Literal["fixed", "mux", "shift"]


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


NOTHING = Memory(0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0.0, "1RW")

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
    for row in _rows("sram_cacti7.csv"):
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
def sram_macro(node_nm: int, cell: Cell, ports: Ports, capacity_bytes: float, width_bits: float) -> Macro:
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
def memory(node_nm: int, cell: Cell, ports: Ports, capacity_bits: int, width_bits: int, period_ns: float) -> Memory:
    """An SRAM of any shape from macros of the table.

    A word wider than 1,024 bits lies across 2, 4, 8, ... parallel macros; so do narrower words where that is cheaper
    (CACTI's wide, shallow macros are mostly periphery). Each split takes the fewest banks whose cycle time fits the
    clock, and the split of least area wins. Where no bank is fast enough the fastest is taken, and ``clock_problems``
    says so.
    """
    if not capacity_bits:
        return NOTHING
    options: list[Memory] = []
    wide = 1
    while width_bits > wide * _WIDTHS[-1]:
        wide *= 2
    while not options or 2 * width_bits > wide * _WIDTHS[0]:
        options.append(_banked(node_nm, cell, ports, capacity_bits / 8 / wide, width_bits / wide, period_ns, wide))
        wide *= 2
    return _least_area(options, period_ns)


def _least_area(options: list[Memory], period_ns: float) -> Memory:
    fitting = [m for m in options if m.cycle_ns <= period_ns]
    if not fitting:
        return min(options, key=lambda m: m.cycle_ns)
    return min(fitting, key=lambda m: m.area_mm2)


def _banked(
    node_nm: int, cell: Cell, ports: Ports, capacity_bytes: float, width_bits: float, period_ns: float, wide: int
) -> Memory:
    def macro(banks: int) -> Macro:
        return sram_macro(node_nm, cell, ports, capacity_bytes / banks, width_bits)

    banks = _fewest(capacity_bytes, lambda n: macro(n).cycle_ns <= period_ns)
    one, macros = macro(banks), wide * banks
    return Memory(
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
def duplex(node_nm: int, cell: Cell, capacity_bits: int, width_bits: int, period_ns: float) -> Memory:
    """An SRAM that is read and written every cycle in order, as a FIFO is: the smaller of two ports, or of two
    single-ported halves for odd and even words, of which one is read while the other is written."""
    if not capacity_bits:
        return NOTHING
    two_ports = memory(node_nm, cell, "1R1W", capacity_bits, width_bits, period_ns)
    half = memory(node_nm, cell, "1RW", -(-capacity_bits // 2), width_bits, period_ns)
    halves = replace(half, area_mm2=2 * half.area_mm2, leak_mw=2 * half.leak_mw, banks=2 * half.banks)
    return _least_area([halves, two_ports], period_ns)


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
        return Logic(
            self.area_um2 + other.area_um2,
            max(self.delay_ns, other.delay_ns),
            self.energy_pj + other.energy_pj,
            self.clock_pj + other.clock_pj,
            self.leak_nw + other.leak_nw,
        )

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
    rest = 1 - share
    return Logic(
        rest * low.area_um2 + share * high.area_um2,
        rest * low.delay_ns + share * high.delay_ns,
        rest * low.energy_pj + share * high.energy_pj,
        rest * low.clock_pj + share * high.clock_pj,
        rest * low.leak_nw + share * high.leak_nw,
    )


@cache
def _logic() -> dict[tuple[str, int], Logic]:
    """(unit, bits) -> the smallest netlist synthesised for it; of all units but PEs."""
    table: dict[tuple[str, int], list[Logic]] = {}
    for row in _rows("mac_nangate45.csv"):
        table.setdefault((row["unit"], int(row["act_bits"])), []).append(_cell(row))
    return {key: min(cells, key=lambda c: c.area_um2) for key, cells in table.items()}


def _cell(row: dict[str, str]) -> Logic:
    clock = re.search(r"(?:clk-pin|clk|clock) part (\d+\.\d+) pJ", row["notes"])
    return Logic(
        float(row["area_um2"]),
        float(row["delay_ns"]),
        float(row["energy_pj_per_op"]),
        float(clock[1]) if clock else 0.0,
        float(row["leakage_nw"]),
    )


@cache
def by_bits(unit: str, bits: float, exponent: int = 1) -> Logic:
    """A unit whose rows differ in operand bits only; linear in ``bits ** exponent``, extrapolated beyond the table.

    Below the table in proportion to the smallest row.
    """
    points = sorted((a, cell) for (name, a), cell in _logic().items() if name == unit)
    least, smallest = points[0]
    if bits < least:
        share = (bits / least) ** exponent
        return replace(smallest.times(share), delay_ns=smallest.delay_ns * bits / least)
    return _along([(bits_**exponent, cell) for bits_, cell in points], bits**exponent)


def _along(points: Sequence[tuple[float, Logic]], value: float) -> Logic:
    cells = dict(points)
    return _between(tuple(x for x, _ in points), value, cells.__getitem__)


def _between(points: Sequence[float], value: float, cell: Callable[[float], Logic]) -> Logic:
    """Linear between the two of `points` around `value`, extrapolated beyond them; no other cell is looked up."""
    upper = next((i for i in range(1, len(points) - 1) if points[i] >= value), len(points) - 1)
    low, high = points[upper - 1], points[upper]
    return _mix(cell(low), cell(high), (value - low) / (high - low))


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
    return next(cell for (name, _), cell in _logic().items() if name == unit)


@cache
def zero_skip_scan(columns: float) -> Logic:
    """Mask register, first-set and clear over a window of `columns`; one non-zero column a clock."""
    return _along([(n, one_of(f"zero_skip_scan_{n}")) for n in (8, 16, 64)], max(columns, 8))


# --- Pipelines --------------------------------------------------------------------------------------------------------


@cache
def register_bits(bits: float) -> Logic:
    """A rank of flip-flops, all data new every clock."""
    return one_of("register16").times(bits / 16)


@cache
def full_adder_ns() -> float:
    """What a bit of carry takes."""
    return (by_bits("adder", 32).delay_ns - by_bits("adder", 24).delay_ns) / 8


@cache
def least_stage_ns() -> float:
    """The shortest stage: a flip-flop, then one full adder."""
    return one_of("register16").delay_ns + full_adder_ns()


def stages(delay_ns: float, allowed_ns: float) -> int:
    """Pipeline stages that bring `delay_ns` (from register to register) into a clock of `allowed_ns`, both at 45 nm.

    Each cut costs another flip-flop's delay. Where the clock is shorter than the shortest stage it is cut down to that,
    and ``clock_problems`` says so.
    """
    if delay_ns <= allowed_ns:
        return 1
    register_ns = one_of("register16").delay_ns
    return math.ceil((delay_ns - register_ns) / (max(allowed_ns, least_stage_ns()) - register_ns))


def stage_ns(delay_ns: float, count: int) -> float:
    """The longest of `count` even stages of a unit that takes `delay_ns` uncut."""
    register_ns = one_of("register16").delay_ns
    return register_ns + (delay_ns - register_ns) / count


@lru_cache(maxsize=65536)
def pipelined(cell: Logic, count: int, bits: float) -> Logic:
    """`cell` cut into `count` stages, with a rank of `bits` flip-flops between them."""
    return replace(cell + register_bits(bits).times(count - 1), delay_ns=cell.delay_ns)


# --- PEs --------------------------------------------------------------------------------------------------------------

MUX_FORMATS = {1: "binary", 2: "ternary"}
_FIXED_WEIGHT_BITS: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16)
_SHIFT_WEIGHT_BITS: tuple[int, ...] = (3, 4, 5)
"""A sign and 2 to 4 bits of exponent."""
WIDEST_SHIFT_BITS = 6
"""Five bits of exponent, as LIMP's format has: extrapolated from the rows of 3 and 4."""


@dataclass(frozen=True)
class PE:
    """One PE; energy, area and leakage with the registers between its stages."""

    cell: Logic
    """`delay_ns` is of the whole, uncut."""
    stages: int


@lru_cache(maxsize=65536)
def pe(multiplier: Multiplier, weight_bits: int, act_bits: int, accumulator_bits: int, delay_ns: float) -> PE:
    """Operand registers, multiplier (shifter; adder/subtractor) and accumulator, in a clock of `delay_ns` at 45 nm.

    Of the netlists synthesised for 200 and for 400 MHz the one of less area with the registers of the stages that it
    needs. Linear between the table's weight and activation bits; of a shifter in its distance. The table's accumulators
    (act + weight + 10 bits; act + 12 for mux; act + distance + 10 for shift) are brought to `accumulator_bits` with a
    flip-flop and a full adder a bit. BadInput names what the table does not cover.
    """
    if not 4 <= act_bits <= 16:
        raise BadInput(f"PE costs: pe_array.act_bits must be 4 to 16, not {act_bits}")
    kind = _kind(multiplier, weight_bits)
    options: list[PE] = []
    for target_mhz in _TARGETS_MHZ:
        netlist = _netlist(kind, weight_bits, act_bits, target_mhz)
        cell = _widened(netlist, accumulator_bits - kind.accumulator_bits(weight_bits, act_bits))
        count = stages(cell.delay_ns, delay_ns)
        options.append(PE(pipelined(cell, count, kind.product_bits(weight_bits, act_bits)), count))
    return min(options, key=lambda option: option.cell.area_um2)


_TARGETS_MHZ = (200, 400)


_Mac = tuple[str, int, int, int]
"""Weight format, weight bits, act bits, clock that was synthesised for."""


@cache
def _macs() -> dict[_Mac, Logic]:
    """Netlists with delays that never fall with more bits: a wider one may have a faster adder, at its price.

    Kept, such a delay would make the wider PE the one that needs fewer stages.
    """
    table: dict[_Mac, Logic] = {
        (row["weight_format"], int(row["weight_bits"]), int(row["act_bits"]), int(row["clock_target_mhz"])): _cell(row)
        for row in _rows("mac_nangate45.csv")
        if row["unit"] == "mac"
    }

    def slowest(key: _Mac) -> float:
        family = key[0][:3]  # po2_exp2, po2_exp3, po2_exp4 are one kind
        return max(
            cell.delay_ns
            for other, cell in table.items()
            if other[0][:3] == family and other[1] <= key[1] and other[2] <= key[2] and other[3] == key[3]
        )

    return {key: replace(cell, delay_ns=slowest(key)) for key, cell in table.items()}


@lru_cache(maxsize=4096)
def _netlist(kind: "_Kind", weight_bits: int, act_bits: int, target_mhz: int) -> Logic:
    def of_weight(w: int) -> Logic:
        return _between(kind.table_acts, act_bits, lambda a: _macs()[kind.unit(w), w, round(a), target_mhz])

    if len(kind.table_bits) == 1:
        return of_weight(weight_bits)
    by_size = {float(kind.size(w)): w for w in kind.table_bits}
    return _between(tuple(by_size), kind.size(weight_bits), lambda size: of_weight(by_size[size]))


@dataclass(frozen=True)
class _Kind:
    """The rows of the table for one kind of PE."""

    multiplier: Multiplier
    table_bits: tuple[int, ...]
    table_acts: tuple[int, ...] = (4, 8, 12, 16)

    def unit(self, weight_bits: int) -> str:
        if self.multiplier == "mux":
            return MUX_FORMATS[weight_bits]
        return "fixed" if self.multiplier == "fixed" else f"po2_exp{weight_bits - 1}"

    def size(self, weight_bits: int) -> int:
        """What a PE's cost is linear in: bits of the weight, or of a shifter its distance."""
        return 2 ** (weight_bits - 1) if self.multiplier == "shift" else weight_bits

    def product_bits(self, weight_bits: int, act_bits: int) -> int:
        """What crosses a cut: the product; of a mux PE the operand, its carry ripples on a clock later."""
        if self.multiplier == "mux":
            return act_bits + 1
        return act_bits + (weight_bits if self.multiplier == "fixed" else self.size(weight_bits) - 1)

    def accumulator_bits(self, weight_bits: int, act_bits: int) -> int:
        """Of the table."""
        return act_bits + 12 if self.multiplier == "mux" else self.product_bits(weight_bits, act_bits) + 10


def _kind(multiplier: Multiplier, weight_bits: int) -> _Kind:
    if multiplier == "mux":
        if weight_bits not in MUX_FORMATS:
            raise BadInput(f"PE costs: a mux PE takes weights of 1 bit (binary) or 2 (ternary), not {weight_bits}")
        return _Kind("mux", (weight_bits,))
    rows, widest = (_FIXED_WEIGHT_BITS, 16) if multiplier == "fixed" else (_SHIFT_WEIGHT_BITS, WIDEST_SHIFT_BITS)
    if not rows[0] <= weight_bits <= widest:
        raise BadInput(f"PE costs: a {multiplier} PE takes weights of {rows[0]} to {widest} bits, not {weight_bits}")
    return _Kind("fixed", rows) if multiplier == "fixed" else _Kind("shift", rows, (8, 12, 16))


def _widened(cell: Logic, bits: int) -> Logic:
    """`cell` with `bits` more of accumulator (or fewer, where negative): a flip-flop and a full adder each."""
    wider = cell + (register_bits(1) + by_bits("adder", 32).times(1 / 8) + by_bits("adder", 24).times(-1 / 8)).times(
        bits
    )
    # the carry ripples through added bits; fewer are not credited, since the slowest path may lie elsewhere
    return replace(wider, delay_ns=cell.delay_ns + max(bits, 0) * full_adder_ns())


# Energy of a MAC whose operand is zero over that of any other: 2 E(half zero) / E(uniform) - 1 of the stimulus table in
# mac_nangate45's method. Registers and accumulator stay clocked. Fixed point by the bits of weight x activation.
_ZERO_SHARE_FIXED = ((32, 0.614), (64, 0.568), (144, 0.517), (256, 0.478))  # 4x8, 8x8, 12x12, 16x16
_ZERO_SHARE = {"binary": 0.769, "ternary": 0.807, "shift": 0.731}  # 12-bit activations; shift: 3 bits of exponent


@cache
def zero_operand_share(multiplier: Multiplier, weight_bits: int, act_bits: int) -> float:
    """Energy of a MAC with a zero operand over that of any other; linear in the logarithm of weight x act bits."""
    if multiplier != "fixed":
        return _ZERO_SHARE[MUX_FORMATS[weight_bits] if multiplier == "mux" else multiplier]
    sizes, shares = zip(*_ZERO_SHARE_FIXED, strict=True)
    return float(np.interp(math.log(weight_bits * act_bits), np.log(sizes), shares))


# --- Gate functions ---------------------------------------------------------------------------------------------------

_SHIFT_ADD_SEGMENTS = 4
"""The most segments whose slopes are powers of two (PLAN); more take a multiplier and a table of coefficients."""


@cache
def curve(kind: Curve, size: int, bits: int) -> Logic:
    """A sigmoid or tanh on `bits`: a table of `size` words, or `size` piecewise-linear segments.

    Synthesised rows: one segment (hard sigmoid), four with slopes that are powers of two (PLAN), and 256 words of 8
    bits as logic. Segments between one and four are interpolated; more of them multiply and add, with a table of
    slopes and intercepts; a table goes with its bits, its delay with its address.
    """
    if size < 1 or bits < 1:
        raise BadInput(f"activation costs: size and bits must be at least 1, not {size} and {bits}")
    if kind == "table":
        return _table(size, bits)
    if kind != "segments":
        assert_never(kind)
    if size <= _SHIFT_ADD_SEGMENTS:
        one, four = by_bits("hard_sigmoid_x4", bits), by_bits("sigmoid_plan4seg", bits)
        return _mix(one, four, (size - 1) / (_SHIFT_ADD_SEGMENTS - 1))
    coefficients, product, sum_ = _table(size, 2 * bits), by_bits("multiplier", bits, 2), by_bits("adder", bits)
    delay_ns = coefficients.delay_ns + product.delay_ns + sum_.delay_ns
    return replace(coefficients + product + sum_, delay_ns=delay_ns)


def _table(words: int, bits: int) -> Logic:
    cell = one_of("sigmoid_lut256x8").times(words * bits / 2048)
    return replace(cell, delay_ns=cell.delay_ns * max(1.0, math.log2(words)) / 8)
