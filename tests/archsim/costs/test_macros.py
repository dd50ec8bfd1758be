"""The rows of the SRAM table, and banks of macros of one width."""

import csv
from importlib import resources

import numpy as np
import pytest

from archsim.costs.macros import (
    AREA,
    BANKS,
    CAPACITIES,
    CYCLE,
    LEAK,
    READ,
    WIDTHS,
    Ports,
    Transistors,
    columns,
    sram_macro,
    sram_nodes,
    table_of,
)
from archsim.errors import BadInput

ROWS = list(csv.DictReader(resources.files("archsim.costs").joinpath("sram_cacti7.csv").read_text().splitlines()))


def test_a_macro_is_a_row_of_the_table() -> None:
    for row in ROWS[::50]:
        cell: Transistors = "itrs-hp" if row["cell"] == "itrs-hp" else "itrs-lstp"
        ports: Ports = "1R1W" if row["ports"] == "1R1W" else "1RW"
        shape = int(row["capacity_bytes"]), int(row["width_bits"])
        found = sram_macro(int(row["node_nm"]), cell, ports, *shape)
        for quantity in ("area_mm2", "cycle_ns", "access_ns", "read_pj", "write_pj"):
            assert getattr(found, quantity) == float(row[quantity])
        assert found.leak_mw == pytest.approx(float(row["leak_mw"]) + float(row["gate_leak_mw"]))
    assert sram_nodes() == (90, 65, 45, 32, 22)


def test_what_the_table_lacks_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^SRAM costs: node_nm must be one of 90, 65, 45, 32, 22, not 28$"):
        table_of(28, "itrs-lstp", "1RW")
    for capacity, width in ((256, 1024), (300, 64), (2**24, 64), (1024, 7)):
        with pytest.raises(BadInput, match=rf"^SRAM costs: the table has no macro of .* B and {width} bits$"):
            sram_macro(65, "itrs-lstp", "1RW", capacity, width)


@pytest.mark.parametrize("least_banks", [1, 2])
def test_a_column_takes_the_fewest_banks_that_meet_the_clock(least_banks: int) -> None:
    """Compared with a search through the rows, size by size; no macro at all meets 0.1 ns, and all meet 100 ns."""
    table, sizes = table_of(65, "itrs-lstp", "1RW"), 20
    periods_ns = np.array([0.1, 0.8, 1.2, 1.7, 2.5, 4.5, 100.0])
    found = columns(table, periods_ns, sizes, least_banks)
    for w in range(len(WIDTHS)):
        rows = {c: row for c, row in zip(CAPACITIES, table[w], strict=True) if np.isfinite(row[CYCLE])}
        for size in range(sizes):
            for period, memory in zip(periods_ns, found[w, size], strict=True):
                assert _cost(memory) == pytest.approx(_least(rows, CAPACITIES[0] * 2**size, period, least_banks))


def _cost(memory: np.ndarray) -> tuple[float, ...]:
    return memory[BANKS], memory[READ], memory[AREA], memory[LEAK], memory[CYCLE]


def _least(rows: dict[int, np.ndarray], capacity: int, period: float, least_banks: int) -> tuple[float, ...]:
    """Of the macros that meet the clock, those of the fewest banks; of these, the least energy x area."""
    fits = {c: row for c, row in rows.items() if row[CYCLE] <= period}
    if not fits:
        fastest = min(rows, key=lambda c: rows[c][CYCLE])
        fits = {fastest: rows[fastest]}
    options = []
    for c, row in fits.items():
        banks = max(least_banks, -(-capacity // c))
        memory = np.append(row, [1, banks])
        memory[[AREA, LEAK]] *= banks
        options.append((banks, (row[READ] + row[READ + 1]) * row[AREA], memory))
    return _cost(min(options, key=lambda option: option[:2])[2])
