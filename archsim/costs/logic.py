"""Logic by kind and bits (Nangate 45 nm), and how it is cut into pipeline stages.

All figures are as synthesised at 45 nm and 1.1 V; ``technology`` scales them to a design's node. The table is read
once, and lookups are cached.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from archsim.costs.tables import rows


@dataclass(frozen=True)
class Logic:
    """Synthesised cells at 45 nm, 1.1 V and 25 C, before placement.

    Energy is that of one operation, local wires included.
    """

    area_um2: float
    delay_ns: float
    energy_pj: float
    clock_pj: float
    """The part of `energy_pj` that clock pins take in every cycle, whether the logic is busy or not."""
    leak_nw: float

    def __add__(self, other: "Logic") -> "Logic":
        """Two pieces of logic side by side: areas, energies and leakage add up, and the longer delay holds."""
        return Logic(
            self.area_um2 + other.area_um2,
            max(self.delay_ns, other.delay_ns),
            self.energy_pj + other.energy_pj,
            self.clock_pj + other.clock_pj,
            self.leak_nw + other.leak_nw,
        )

    def times(self, count: float) -> "Logic":
        """`count` copies, all of them busy."""
        return Logic(
            count * self.area_um2,
            self.delay_ns,
            count * self.energy_pj,
            count * self.clock_pj,
            count * self.leak_nw,
        )


def mix(low: Logic, high: Logic, share: float) -> Logic:
    """Interpolate linearly between two cells; a share outside 0 to 1 extrapolates."""
    rest = 1 - share
    return Logic(
        rest * low.area_um2 + share * high.area_um2,
        rest * low.delay_ns + share * high.delay_ns,
        rest * low.energy_pj + share * high.energy_pj,
        rest * low.clock_pj + share * high.clock_pj,
        rest * low.leak_nw + share * high.leak_nw,
    )


def largest(one: Logic, other: Logic) -> Logic:
    """The larger of two cells in each quantity."""
    return Logic(
        max(one.area_um2, other.area_um2),
        max(one.delay_ns, other.delay_ns),
        max(one.energy_pj, other.energy_pj),
        max(one.clock_pj, other.clock_pj),
        max(one.leak_nw, other.leak_nw),
    )


@cache
def _logic() -> dict[tuple[str, int], Logic]:
    """The smallest netlist synthesised for each unit and number of bits, for all units but PEs."""
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
    """A unit whose rows differ only in operand bits, interpolated linearly in ``bits ** exponent``.

    Above the table costs are extrapolated; below it they are proportional to the smallest row.
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
    """Interpolate linearly between the two `points` around `value`, or extrapolate beyond them.

    No other `cell` is looked up.
    """
    upper = next((i for i in range(1, len(points) - 1) if points[i] >= value), len(points) - 1)
    low, high = points[upper - 1], points[upper]
    return mix(cell(low), cell(high), (value - low) / (high - low))


@cache
def register_file(entries: float, bits: float) -> Logic:
    """A register file of `entries` x `bits`, with one read and one write a cycle.

    Costs are linear in both sizes, and extrapolated beyond 16 x 24. The table's clock-gated netlists are used whatever
    a design's ``clock_gated`` says, since that concerns whole PEs, and a register file that clocks every entry in every
    cycle takes three times the energy.
    """
    sizes = []
    for n in (1, 8, 16):
        narrow, wide = (one_of(f"batch_scratch_{n}x{b}_clock_gated") for b in (16, 24))
        sizes.append((n, mix(narrow, wide, (bits - 16) / 8)))
    return _along(sizes, entries)


@cache
def one_of(unit: str) -> Logic:
    """A unit that the table has in a single size."""
    return next(cell for (name, _), cell in _logic().items() if name == unit)


@cache
def zero_skip_scan(columns: float) -> Logic:
    """The scan over a window of `columns` (mask register, first-set and clear), for one non-zero column a cycle."""
    return _along([(n, one_of(f"zero_skip_scan_{n}")) for n in (8, 16, 64)], max(columns, 8))


# --- Pipelines --------------------------------------------------------------------------------------------------------


@cache
def register_bits(bits: float) -> Logic:
    """A rank of flip-flops, with new data in every cycle."""
    return one_of("register16").times(bits / 16)


@cache
def mux_bits(bits: float) -> Logic:
    """As many 2:1 multiplexers as `bits`, all with new data."""
    return one_of("mux2x16").times(bits / 16)


@cache
def next_count(bits: int) -> Logic:
    """What a counter's next value takes without its register: an adder, and the choice of a value to load."""
    adder, choice = by_bits("adder", bits), mux_bits(bits)
    return replace(adder + choice, delay_ns=adder.delay_ns + choice.delay_ns)


@cache
def counter(bits: int) -> Logic:
    """A register that counts on or is loaded."""
    return next_count(bits) + register_bits(bits)


@cache
def equality(bits: int) -> Logic:
    """The comparison of two words of `bits`: each bit as much as a 2:1 multiplexer (1.86 um2, an XNOR2 has 1.60), and
    the detection of a bit that differs."""
    return mux_bits(bits) + one_of("nonzero_detect_8x8").times(bits / 64)


@cache
def full_adder_ns() -> float:
    """The delay of one bit of carry, ns at 45 nm."""
    return (by_bits("adder", 32).delay_ns - by_bits("adder", 24).delay_ns) / 8


@cache
def least_stage_ns() -> float:
    """The delay of the shortest stage, a flip-flop followed by one full adder, ns at 45 nm."""
    return one_of("register16").delay_ns + full_adder_ns()


def stages(delay_ns: float, allowed_ns: float) -> int:
    """The pipeline stages that fit `delay_ns` (register to register) into a clock of `allowed_ns`, both at 45 nm.

    Each cut adds the delay of a flip-flop. If the clock is shorter than the shortest stage, the logic is cut down to
    that stage, and ``clock_problems`` reports it.
    """
    if delay_ns <= allowed_ns:
        return 1
    register_ns = one_of("register16").delay_ns
    return math.ceil((delay_ns - register_ns) / (max(allowed_ns, least_stage_ns()) - register_ns))


def stage_ns(delay_ns: float, count: int) -> float:
    """The delay of one of `count` even stages of a unit that takes `delay_ns` uncut, ns."""
    register_ns = one_of("register16").delay_ns
    return register_ns + (delay_ns - register_ns) / count


@lru_cache(maxsize=65536)
def pipelined(cell: Logic, count: int, bits: float) -> Logic:
    """`cell` cut into `count` stages, with a rank of `bits` flip-flops between them."""
    return replace(cell + register_bits(bits).times(count - 1), delay_ns=cell.delay_ns)
