"""Logic by kind and bits (Nangate 45 nm), and how it is cut into pipeline stages.

As synthesised at 45 nm and 1.1 V: ``technology`` brings it to a design's node. The table is read once; lookups are
cached.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from archsim.costs.tables import rows


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


def mix(low: Logic, high: Logic, share: float) -> Logic:
    """Linear between two cells; a share outside 0..1 extrapolates."""
    rest = 1 - share
    return Logic(
        rest * low.area_um2 + share * high.area_um2,
        rest * low.delay_ns + share * high.delay_ns,
        rest * low.energy_pj + share * high.energy_pj,
        rest * low.clock_pj + share * high.clock_pj,
        rest * low.leak_nw + share * high.leak_nw,
    )


def largest(one: Logic, other: Logic) -> Logic:
    """Each quantity that of the cell which has more of it."""
    return Logic(
        max(one.area_um2, other.area_um2),
        max(one.delay_ns, other.delay_ns),
        max(one.energy_pj, other.energy_pj),
        max(one.clock_pj, other.clock_pj),
        max(one.leak_nw, other.leak_nw),
    )


@cache
def _logic() -> dict[tuple[str, int], Logic]:
    """(unit, bits) -> the smallest netlist synthesised for it; of all units but PEs."""
    table: dict[tuple[str, int], list[Logic]] = {}
    for row in rows("mac_nangate45.csv"):
        table.setdefault((row["unit"], int(row["act_bits"])), []).append(cell_of(row))
    return {key: min(cells, key=lambda c: c.area_um2) for key, cells in table.items()}


def cell_of(row: dict[str, str]) -> Logic:
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
    return between(tuple(x for x, _ in points), value, cells.__getitem__)


def between(points: Sequence[float], value: float, cell: Callable[[float], Logic]) -> Logic:
    """Linear between the two of `points` around `value`, extrapolated beyond them; no other cell is looked up."""
    upper = next((i for i in range(1, len(points) - 1) if points[i] >= value), len(points) - 1)
    low, high = points[upper - 1], points[upper]
    return mix(cell(low), cell(high), (value - low) / (high - low))


@cache
def register_file(entries: float, bits: float) -> Logic:
    """`entries` x `bits` of flip-flops, one read and one write a clock; linear in both, extrapolated beyond 16 x 24.

    The table's clock-gated netlists, whatever a design's ``clock_gated``: that is about whole PEs, and a register file
    that clocks every entry every cycle takes three times the energy.
    """
    sizes = []
    for n in (1, 8, 16):
        narrow, wide = (one_of(f"batch_scratch_{n}x{b}_clock_gated") for b in (16, 24))
        sizes.append((n, mix(narrow, wide, (bits - 16) / 8)))
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
