"""SRAM built from macros, compared with the table's rows, and laws that hold for any shape."""

import csv
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.costs import leakage
from archsim.costs.sram import duplex, memory, sram_macro
from archsim.design import load_design

SRAM = list(csv.DictReader(resources.files("archsim.costs").joinpath("sram_cacti7.csv").read_text().splitlines()))


def test_sram_is_the_running_maximum_of_the_table() -> None:
    """The maximum runs along capacity and width; only area may lie below it, where two half-size macros are smaller."""
    rows = {
        (r["cell"], r["ports"], int(r["capacity_bytes"]), int(r["width_bits"])): r for r in SRAM if r["node_nm"] == "65"
    }
    raised = 0
    for cell, ports, capacity, width in rows:
        macro = sram_macro(65, cell, ports, capacity, width)
        below = [r for (c, p, b, w), r in rows.items() if (c, p) == (cell, ports) and b <= capacity and w <= width]
        for quantity in ("read_pj", "write_pj", "cycle_ns"):
            expected = max(float(r[quantity]) for r in below)
            assert getattr(macro, quantity) == pytest.approx(expected)
            raised += expected > float(rows[cell, ports, capacity, width][quantity])
        assert macro.area_mm2 <= max(float(r["area_mm2"]) for r in below) * (1 + 1e-9)
    assert raised == 114  # of 1,416 values: the table itself is nearly monotonic


NODES = (90, 65, 45, 32, 22)
QUANTITIES = ("area_mm2", "cycle_ns", "read_pj", "write_pj", "leak_mw")


@settings(deadline=None)
@given(
    st.sampled_from(NODES),
    st.sampled_from(("itrs-lstp", "itrs-hp")),
    st.sampled_from(("1RW", "1R1W")),
    st.floats(256, 2**23),
    st.floats(8, 1024),
    st.floats(1, 4),
    st.floats(1, 4),
)
def test_a_macro_is_never_cheaper_for_more_capacity_or_width(
    node: int, cell: str, ports: str, capacity: float, width: float, more: float, wider: float
) -> None:
    small = sram_macro(node, cell, ports, capacity, width)
    large = sram_macro(node, cell, ports, min(capacity * more, 2**23), min(width * wider, 1024))
    for quantity in QUANTITIES:
        assert getattr(large, quantity) >= getattr(small, quantity) * (1 - 1e-9)


@settings(deadline=None)
@given(st.sampled_from(NODES), st.floats(256, 2**23), st.floats(8, 1024), st.integers(1, 64), st.integers(1, 16))
def test_more_banks_are_never_smaller_and_never_slower(
    node: int, capacity: float, width: float, count: int, more: int
) -> None:
    few, many = (sram_macro(node, "itrs-lstp", "1RW", capacity / n, width) for n in (count, count + more))
    assert (count + more) * many.area_mm2 >= count * few.area_mm2 * (1 - 1e-9)
    assert many.cycle_ns <= few.cycle_ns * (1 + 1e-9)
    assert many.read_pj <= few.read_pj * (1 + 1e-9)  # each access pays for its own bank


SLOW_NS = 2.2  # a period that every node's smallest bank of 1,024 bits meets


@settings(deadline=None)
@given(
    st.sampled_from(NODES), st.integers(8, 2**25), st.integers(1, 4096), st.floats(1, 2), st.integers(0, 512),
    st.floats(SLOW_NS, 20), st.floats(0.1, 1),
)  # fmt: skip
def test_a_memory_is_never_smaller_for_more_bits_a_wider_word_or_a_faster_clock(
    node: int, bits: int, width: int, more: float, wider: int, period_ns: float, faster: float
) -> None:
    for build in (
        lambda b, w, t: memory(node, "itrs-lstp", "1RW", b, w, t),
        lambda b, w, t: duplex(node, "itrs-lstp", b, w, t),
    ):
        less = build(bits, width, period_ns).area_mm2 * (1 - 1e-9)
        assert build(int(bits * more), width, period_ns).area_mm2 >= less
        assert build(bits, width + wider, period_ns).area_mm2 >= less
        assert build(bits, width, max(SLOW_NS, period_ns * faster)).area_mm2 >= less


def test_sram_between_two_points_is_their_geometric_mean() -> None:
    small, large = (sram_macro(65, "itrs-lstp", "1RW", c, 64) for c in (16384, 32768))
    middle = sram_macro(65, "itrs-lstp", "1RW", 16384 * 2**0.5, 64)
    assert middle.area_mm2 == pytest.approx((small.area_mm2 * large.area_mm2) ** 0.5)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(NODES), st.integers(2**13, 2**26), st.integers(8, 2048), st.floats(0.8, 10))
def test_a_memory_takes_the_fewest_banks_that_meet_the_clock(
    node: int, bits: int, width: int, period_ns: float
) -> None:
    found = memory(node, "itrs-lstp", "1RW", bits, width, period_ns)
    macros = [
        sram_macro(node, "itrs-lstp", "1RW", bits / 8 / found.wide / n, width / found.wide)
        for n in range(max(1, -(-bits // found.wide // 2**26)), found.banks + 1)
    ]
    assert found.cycle_ns == macros[-1].cycle_ns
    assert found.bank_bytes == pytest.approx(bits / 8 / found.banks)
    assert found.read_pj == pytest.approx(found.wide * macros[-1].read_pj)
    assert found.area_mm2 == pytest.approx(found.wide * found.banks * macros[-1].area_mm2)
    if found.cycle_ns <= period_ns:
        assert all(fewer.cycle_ns > period_ns for fewer in macros[:-1])


def test_a_word_beyond_1024_bits_lies_across_macros() -> None:
    wide = memory(65, "itrs-lstp", "1RW", 300_000 * 8, 4096, 5.0)
    assert wide.wide >= 4
    assert memory(65, "itrs-lstp", "1RW", 0, 64, 5.0).area_mm2 == 0


def test_a_fifo_is_two_single_ported_halves_or_has_two_ports() -> None:
    for bits, width in ((64 * 192, 192), (2000 * 1200, 1200), (8 * 4096, 8)):
        found = duplex(65, "itrs-lstp", bits, width, 5.0)
        half = memory(65, "itrs-lstp", "1RW", bits // 2, width, 5.0)
        two_ports = memory(65, "itrs-lstp", "1R1W", bits, width, 5.0)
        assert found.area_mm2 == min(2 * half.area_mm2, two_ports.area_mm2)
        assert (found.read_pj, found.write_pj) in {(m.read_pj, m.write_pj) for m in (half, two_ports)}


def test_every_macro_of_an_sram_leaks() -> None:
    """Computed by hand, for memories whose macros are rows of the table. 64 KiB of weights in 64-bit words at 850 MHz
    are 4 banks of 4 macros, of 4 KiB and 16 bits. A FIFO of 512 words has two halves, for odd and even words. Each of
    the two buffers of h has 4 banks of 256 columns of 8 lanes. Each of the 4 banks of c, of 4 KiB in words of 16 bits,
    has two halves."""
    design = load_design("skip-65nm").override(
        {
            "clock_mhz": 850, "pe_array.tiles": 1, "pe_array.pes_per_tile": 64,
            "weight_memory.capacity_kib": 64, "weight_memory.weights_per_cycle": 8,
            "weight_memory.fifo_words": 512, "skip_encoder.enabled": False, "state_buffer.units": 1024,
            "state_buffer.banks": 4, "state_buffer.cell_bits": 16,
        }
    )  # fmt: skip

    def macro_mw(capacity_bytes: int, width_bits: int) -> float:
        """Subthreshold and gate leakage of one macro: the largest of all rows up to that shape."""
        one_port = [r for r in SRAM if (r["node_nm"], r["cell"], r["ports"]) == ("65", "itrs-lstp", "1RW")]
        return max(
            float(r["leak_mw"]) + float(r["gate_leak_mw"])
            for r in one_port
            if int(r["capacity_bytes"]) <= capacity_bytes and int(r["width_bits"]) <= width_bits
        )

    found = leakage(design)
    assert found["weight_memory"].value == pytest.approx(16 * macro_mw(4096, 16) + 2 * macro_mw(2048, 64))
    assert found["state_buffer"].value == pytest.approx(2 * 4 * macro_mw(2048, 64) + 4 * 2 * macro_mw(2048, 16))
