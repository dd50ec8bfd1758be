"""The rows of the SRAM table (CACTI 7), and the least energy x area of macros for a word of each width and clock."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archsim.costs.tables import rows
from archsim.errors import BadInput

Ports = Literal["1RW", "1R1W"]
Transistors = Literal["itrs-lstp", "itrs-hp"]
Floats = NDArray[np.float64]

WIDTHS = tuple(2**k for k in range(3, 11))
"""Widths of the table's macros, bits."""
CAPACITIES = tuple(2**k for k in range(8, 24))
"""Capacities of the table's macros, bytes."""
QUANTITIES = ("area_mm2", "read_pj", "write_pj", "access_ns", "cycle_ns", "leak_mw")
AREA, READ, WRITE, ACCESS, CYCLE, LEAK = range(len(QUANTITIES))
WIDE, BANKS = len(QUANTITIES), len(QUANTITIES) + 1
"""Further quantities of a memory: macros that together hold a word, and banks."""


@dataclass(frozen=True)
class Macro:
    """One SRAM macro. Energies are per access of its whole width; leakage is subthreshold and gate leakage at 330 K."""

    area_mm2: float
    read_pj: float
    write_pj: float
    access_ns: float
    """From address to data."""
    cycle_ns: float
    leak_mw: float


@cache
def sram_nodes() -> tuple[int, ...]:
    """Nodes of the table, nm, the largest first."""
    return tuple(sorted({key[0] for key in _tables()}, reverse=True))


def sram_macro(node_nm: int, cell: Transistors, ports: Ports, capacity_bytes: int, width_bits: int) -> Macro:
    """One row of the table. BadInput for a macro that is not in it."""
    table = table_of(node_nm, cell, ports)
    if capacity_bytes in CAPACITIES and width_bits in WIDTHS:
        row = table[WIDTHS.index(width_bits), CAPACITIES.index(capacity_bytes)]
        if np.isfinite(row[CYCLE]):
            return Macro(*row.tolist())
    raise BadInput(f"SRAM costs: the table has no macro of {capacity_bytes:g} B and {width_bits:g} bits")


def table_of(node_nm: int, cell: Transistors, ports: Ports) -> Floats:
    """The table's rows, as (width, capacity, `QUANTITIES`); those that CACTI could not lay out are infinite.

    BadInput for a node without a table.
    """
    table = _tables().get((node_nm, cell, ports))
    if table is None:
        raise BadInput(f"SRAM costs: node_nm must be one of {', '.join(map(str, sram_nodes()))}, not {node_nm}")
    return table


@cache
def _tables() -> dict[tuple[int, str, str], Floats]:
    tables: dict[tuple[int, str, str], Floats] = {}
    for row in rows("sram_cacti7.csv"):
        key = int(row["node_nm"]), row["cell"], row["ports"]
        table = tables.setdefault(key, np.full((len(WIDTHS), len(CAPACITIES), len(QUANTITIES)), np.inf))
        place = WIDTHS.index(int(row["width_bits"])), CAPACITIES.index(int(row["capacity_bytes"]))
        table[place] = [float(row[quantity]) for quantity in QUANTITIES]
        table[place][LEAK] += float(row["gate_leak_mw"])
    return tables


# --- Columns: macros of one width -------------------------------------------------------------------------------------


NO_FIT = 1e30
"""A factor on the cycle time of what misses the clock, so that it comes after all that meet it, the fastest first."""


def score(product: Floats, cycle_ns: Floats, period_ns: Floats) -> Floats:
    """By which the least of several memories is chosen: the `product` of energy and area.

    Those that miss the clock come last, the fastest first.
    """
    return np.where(cycle_ns <= period_ns, product, NO_FIT * cycle_ns)


def energy_area(figures: Floats) -> Floats:
    """The energy of a read and a write, times area, of figures (..., quantity)."""
    return (figures[..., READ] + figures[..., WRITE]) * figures[..., AREA]


def columns(table: Floats, periods_ns: Floats, sizes: int, least_banks: int = 1) -> Floats:
    """Memories as wide as one macro, as (width, size, period, quantity), with banks in column `BANKS`.

    A size is a power of two from the table's least capacity on. Banks are the fewest that meet the clock, a power of
    two and at least `least_banks`; among macros that need no more, a larger one may be the better one.
    """
    return np.stack([_column(rows_, periods_ns, sizes, least_banks) for rows_ in table])


def _column(macros: Floats, periods_ns: Floats, sizes: int, least_banks: int) -> Floats:
    """The best macro of one width (capacity, quantity) for each size and period."""
    found = np.empty((sizes, len(periods_ns), BANKS + 1))
    capacity, fastest = np.arange(len(macros)), macros[:, CYCLE].argmin()
    fits = macros[None, :, CYCLE] <= periods_ns[:, None]  # (period, capacity)
    fits[~fits.any(axis=1), fastest] = True
    largest = len(macros) - 1 - fits[:, ::-1].argmax(axis=1)  # (period,)
    cost = np.where(fits, energy_area(macros), np.inf)
    for size in range(sizes):
        needed = max(0, size - (least_banks.bit_length() - 1))
        enough = np.where(capacity >= np.minimum(needed, largest)[:, None], cost, np.inf)
        best = enough.argmin(axis=1)
        banks = least_banks * 2.0 ** np.maximum(needed - best, 0)
        found[size, :, :WIDE] = macros[best]
        found[size, :, [AREA, LEAK]] *= banks
        found[size, :, WIDE], found[size, :, BANKS] = 1, banks
    return found
