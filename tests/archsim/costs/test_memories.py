"""Memories of any shape: laws that hold by construction, the table's own rows, and published figures."""

import csv
from collections.abc import Iterator
from importlib import resources
from math import isfinite
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.costs.block import process
from archsim.costs.library import chip
from archsim.costs.logic import register_file
from archsim.costs.macros import Ports
from archsim.costs.memories import Memory, Process, memory
from archsim.costs.technology import SUPPLY_V
from archsim.design import load_design
from archsim.specs.base import MOST

SKIP = load_design("skip-65nm")
ROWS = list(csv.DictReader(resources.files("archsim.costs").joinpath("sram_cacti7.csv").read_text().splitlines()))
NODES = (90, 65, 45, 32, 22)
ENERGY_AND_AREA = ("area_mm2", "read_pj", "write_pj")
processes = st.sampled_from(
    [process(SKIP.override({"node_nm": n, "voltage_v": v})) for n in (*NODES, 130, 28, 7) for v in (0.7, None)]
)
ports = st.sampled_from(get_args(Ports))
periods_ns = st.floats(-2, 5).map(lambda x: 2**x)
widths = st.floats(0, 13).map(lambda x: int(2**x))
words = st.floats(0, 24).map(lambda x: int(2**x))
capacities = st.floats(0, 34).map(lambda x: int(2**x))


def single_port(node_nm: int) -> list[dict[str, str]]:
    return [r for r in ROWS if (r["node_nm"], r["cell"], r["ports"]) == (str(node_nm), "itrs-lstp", "1RW")]


@settings(max_examples=100)
@given(processes, ports, words, widths, st.floats(1, 4), st.floats(1, 4), periods_ns, st.floats(0.1, 1))
def test_more_words_wider_ones_and_a_faster_clock_never_cost_less(
    process: Process,
    ports: Ports,
    words: int,
    width: int,
    more: float,
    wider: float,
    period_ns: float,
    faster: float,
) -> None:
    """Energy, area and access time; leakage too, as long as the memory stays SRAM. SRAM of 256 words and 1 KiB or more
    is also never cheaper for a wider word at the same capacity; a smaller one may follow a register array."""
    bits = words * width
    less = memory(process, ports, bits, width, period_ns)
    many = memory(process, ports, int(bits * more), width, period_ns)
    wide = memory(process, ports, words * int(width * wider), int(width * wider), period_ns)
    fast = memory(process, ports, bits, width, period_ns * faster)
    square = memory(process, ports, bits, int(width * wider), period_ns)
    large = bits >= max(2**13, 256 * square.width_bits)
    for other in (many, wide, fast, square if large else fast):
        for quantity in ENERGY_AND_AREA:
            assert getattr(other, quantity) >= getattr(less, quantity) * (1 - 1e-9)
        if not less.registers and not other.registers:
            assert other.leak_mw >= less.leak_mw * (1 - 1e-9)
    assert min(many.access_ns, wide.access_ns) >= less.access_ns * (1 - 1e-9)


@settings(max_examples=100)
@given(processes, ports, st.floats(0, 24), st.floats(6.7, 13), st.floats(6.7, 34), st.floats(1.1, 30))
def test_one_percent_more_is_at_most_five_percent_dearer(
    process: Process, ports: Ports, log_words: float, log_width: float, log_bits: float, period_ns: float
) -> None:
    """From 104 words or bits on, where one per cent is a step at all, and at clocks that SRAM meets."""
    words, bits, width = int(2**log_words), int(2**log_bits), int(2**log_width)
    wider = int(width * 1.01)
    for less, more in (
        ((bits, width), (int(bits * 1.01), width)),
        ((bits, width), (bits, wider)),
        ((words * width, width), (words * wider, wider)),
    ):
        cheap, dear = memory(process, ports, *less, period_ns), memory(process, ports, *more, period_ns)
        for quantity in (*ENERGY_AND_AREA, "access_ns"):
            assert getattr(dear, quantity) <= getattr(cheap, quantity) * 1.05


@settings(max_examples=100)
@given(processes, capacities, widths, periods_ns, st.integers(1, 64))
def test_more_ports_and_more_banks_take_no_less_area(
    process: Process, bits: int, width: int, period_ns: float, banks: int
) -> None:
    one, two = (memory(process, p, bits, width, period_ns) for p in get_args(Ports))
    assert two.area_mm2 >= one.area_mm2 * (1 - 1e-9)
    bank = memory(process, "1RW", -(-bits // banks), width, period_ns)
    if not bank.registers:
        assert bank.times(banks).area_mm2 >= one.area_mm2 * (1 - 1e-9)


@settings(max_examples=100)
@given(processes, ports, capacities, widths, periods_ns)
def test_a_memory_meets_every_clock_that_a_macro_meets(
    process: Process, ports: Ports, bits: int, width: int, period_ns: float
) -> None:
    fastest_ns = process.sram.delay * min(float(row["cycle_ns"]) for row in single_port(process.node_nm))
    found = memory(process, ports, bits, width, period_ns)
    assert found.cycle_ns <= period_ns * (1 + 1e-9) or period_ns < fastest_ns
    assert found.access_ns > 0
    assert 0 <= found.registers <= 1


def options(rows: list[dict[str, str]], bits: int, width: int) -> Iterator[tuple[int, float, float]]:
    """Every memory with one port that `rows` make: how many times the fewest banks it has, its energy and its area."""
    for macro_bits in {int(row["width_bits"]) for row in rows}:
        wide = -(-width // macro_bits)
        macros = [
            (max(1, -(-bits // (8 * wide * int(row["capacity_bytes"])))), row)
            for row in rows
            if int(row["width_bits"]) == macro_bits
        ]
        fewest = min(banks for banks, _ in macros)
        for banks, row in macros:
            energy_pj = float(row["read_pj"]) + float(row["write_pj"])
            yield banks // fewest, wide * energy_pj, wide * banks * float(row["area_mm2"])


@pytest.mark.parametrize("node_nm", [65, 22])
@pytest.mark.parametrize("period_ns", [1.3, 30.0])
def test_there_is_no_free_lunch_in_the_tables_own_rows(node_nm: int, period_ns: float) -> None:
    """At powers of two a memory is never better in energy x area than the best that the rows make, even with four
    times the banks that the clock takes, or than the best register array. At a slow clock, being
    monotone costs a factor of three at most, where SRAM follows a register array that is larger; at a fast one, a
    memory takes the energy of the slower one, and what its banks save is not counted.
    """
    here, over = process(SKIP.override({"node_nm": node_nm})), []
    fits = [r for r in single_port(node_nm) if float(r["cycle_ns"]) <= period_ns]
    for bits, width in ((2**i, 2**j) for i in range(6, 28, 3) for j in range(3, 12, 2)):
        found = memory(here, "1RW", bits, width, period_ns)
        product = (found.read_pj + found.write_pj) * found.area_mm2
        arrays = [register_file(max(1, bits // 2**j), 2**j) for j in range(width.bit_length() - 1, 14)]
        best = [here.registers.energy * here.registers.area * a.energy_pj * a.area_um2 * 1e-6 for a in arrays]
        best += [energy * area for banks, energy, area in options(fits, bits, width) if banks <= 4]
        assert product >= min(best) * (1 - 1e-9)
        over.append(product / min(energy * area for banks, energy, area in options(fits, bits, width) if banks == 1))
    if period_ns == 30.0:
        assert max(over) < 3
        assert sorted(over)[len(over) // 2] < 1.05


def test_small_memories_are_register_arrays_and_large_ones_are_sram() -> None:
    here = process(SKIP)
    scratch = [memory(here, "1R1W", n * 24, 24, 5.0) for n in (1, 8, 16, 64, 256, 1024)]
    assert [m.registers for m in scratch] == [1, 1, 1, 0, 0, 0]
    for n, found in zip((8, 16), scratch[1:], strict=False):
        file = register_file(n, 24)
        assert found.area_mm2 == pytest.approx(file.area_um2 * here.registers.area * 1e-6, rel=0.06)
        assert found.read_pj + found.write_pj == pytest.approx(file.energy_pj * here.registers.energy, rel=0.03)
    assert scratch[-1].area_mm2 < 0.2 * register_file(1024, 24).area_um2 * here.registers.area * 1e-6


@given(processes, st.sampled_from((8, 24, 64, 192)), st.integers(1, 4000))
def test_a_shape_between_a_register_array_and_sram_has_part_of_each(process: Process, width: int, words: int) -> None:
    found = memory(process, "1R1W", width * words, width, 5.0)
    assert (found.register_leak_mw > 0) == (found.registers > 0)
    assert (found.sram_leak_mw > 0) == (found.registers < 1)


def test_two_halves_are_read_and_written_in_turn() -> None:
    """A FIFO of 2 x 8 KiB, at a clock that one row of 8 KiB meets: each access is one of half the memory."""
    found, half = memory(process(SKIP), "1R1W", 2**17, 64, 5.0), memory(process(SKIP), "1RW", 2**16, 64, 5.0)
    assert found.banks == 2 * half.banks
    assert found.read_pj == pytest.approx(half.read_pj, rel=0.1)
    assert found.area_mm2 == pytest.approx(2 * half.area_mm2, rel=0.05)


def test_words_and_capacities_beyond_the_table() -> None:
    here = process(SKIP)
    wide = memory(here, "1RW", 300_000 * 8, 4096, 5.0)
    assert wide.wide >= 4
    large = memory(here, "1RW", 2**30 * 8, 64, 5.0)
    assert large.banks * large.bank_bytes == 2**30
    assert large.banks >= 128
    for bits, width in ((2**33, 64), (2**40, 2**13)):  # where the large table takes over
        less, more = memory(here, "1RW", bits - 1, width - 1, 5.0), memory(here, "1RW", bits, width, 5.0)
        for quantity in ENERGY_AND_AREA:
            assert getattr(more, quantity) == pytest.approx(getattr(less, quantity), rel=0.02)


@pytest.mark.parametrize(
    "values",
    [
        {"activation_unit.units_per_cycle": MOST, "state_buffer.cell_bits": 64},
        {"weight_memory.weights_per_cycle": MOST, "weight_memory.fifo_words": MOST, "pe_array.weight_bits": 16},
        {
            "weight_memory.organisation": "per_tile",
            "weight_memory.capacity_kib": MOST,
            "weight_memory.weights_per_word": 1024,
            "pe_array.pes_per_tile": MOST // 2,
            "pe_array.weight_bits": 16,
        },
        {"lanes": 1024, "pe_array.pes_per_tile": 1024, "state_buffer.units": MOST, "state_buffer.cell_bits": 64},
    ],
)
def test_every_memory_that_a_design_may_state_has_a_price(values: dict[str, int | str]) -> None:
    design = load_design("edge-8pe").override(values)
    for placed in (each for block in chip(design).built.values() for each in block.memories):
        assert placed.memory.area_mm2 >= 0
        assert isfinite(placed.memory.area_mm2 + placed.memory.read_pj + placed.memory.write_pj)


def test_no_memory_costs_nothing() -> None:
    nothing = memory(process(SKIP), "1RW", 0, 64, 5.0)
    assert (nothing.area_mm2, nothing.read_pj, nothing.leak_mw, nothing.banks) == (0, 0, 0, 0)


def test_many_memories_are_as_large_as_all_of_them_and_an_access_takes_one() -> None:
    one = memory(process(SKIP), "1RW", 2**16, 64, 5.0)
    four = one.times(4)
    assert (four.area_mm2, four.leak_mw, four.banks, four.capacity_bits) == pytest.approx(
        (4 * one.area_mm2, 4 * one.leak_mw, 4 * one.banks, 4 * one.capacity_bits)
    )
    assert (four.read_pj, four.bank_bytes) == (one.read_pj, one.bank_bytes)


def test_a_lower_supply_does_not_change_what_a_memory_is() -> None:
    """A register array takes less energy at a lower supply, and is no other memory for it."""
    for words in range(1, 200, 7):
        nominal, low = (
            memory(process(SKIP.override({"voltage_v": v})), "1R1W", words * 24, 24, 50.0) for v in (SUPPLY_V[65], 0.7)
        )
        assert (nominal.registers, nominal.banks) == (low.registers, low.banks)
        assert nominal.read_pj >= low.read_pj


def test_leakage_is_that_of_every_macro() -> None:
    """At powers of two, where the memory is macros of the table; being monotone adds a quarter at most."""
    for bits, width in ((2**19, 64), (2**21, 256), (2**24, 64)):
        found = memory(process(SKIP), "1RW", bits, width, 2.5)
        macro = next(
            float(r["leak_mw"]) + float(r["gate_leak_mw"])
            for r in single_port(65)
            if int(r["capacity_bytes"]) == found.bank_bytes / found.wide and int(r["width_bits"]) == width // found.wide
        )
        assert macro * found.wide * found.banks * (1 - 1e-9) <= found.leak_mw <= 1.25 * macro * found.wide * found.banks


def kib(node_nm: int, size: float, width: int) -> Memory:
    return memory(process(SKIP.override({"node_nm": node_nm})), "1RW", int(size * 8192), width, 5.0)


@pytest.mark.parametrize(
    ("found_pj", "published_pj", "within"),
    [
        # Horowitz, ISSCC 2014, 45 nm, 0.9 V: caches with words of 64 bits. 8 KB: read in PMC8934428, table 3, and in
        # stillwater-sc/universal; 32 KB and 1 MB: recalled. A cache of 8 KB also reads its tags, and every way.
        (kib(45, 8, 64).read_pj, 10, 0.45),
        (kib(45, 32, 64).read_pj, 20, 0.3),
        (kib(45, 1024, 64).read_pj, 100, 0.3),
        # Eyeriss, ISCA 2016, 65 nm, over a 16-bit MAC (2 pJ, as the issue gives it): 512 B 1 x, buffer of 108 KB 6 x.
        # The buffer's words are of 64 bits (recalled), and the figure is that of 16.
        ((kib(65, 0.5, 16).read_pj + kib(65, 0.5, 16).write_pj) / 2, 2, 0.3),
        (kib(65, 108, 64).read_pj / 4, 12, 0.3),
    ],
)
def test_published_energies(found_pj: float, published_pj: float, within: float) -> None:
    """Blind: no number of the tables or of the choice is fitted to these."""
    assert found_pj == pytest.approx(published_pj, rel=within)


def test_a_memory_is_larger_than_its_cells() -> None:
    """Wang et al., JSSC 2008, 65 nm: a cell of 0.667 um2 in a macro of 1 Mb that runs at 1.1 GHz (abstract read)."""
    found = kib(65, 128, 64)
    assert 1 < found.area_mm2 * 1e6 / 2**20 / 0.667 < 1.5
