"""Area, energy and leakage: against arithmetic on the tables, and laws that must hold for any design."""

import csv
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archsim import catalogue, designs
from archsim.catalogue import CATALOGUE, Action
from archsim.costs import area, banks, energy, leakage
from archsim.costs.block import wires_pj
from archsim.costs.blocks.activation_unit import datapath
from archsim.costs.blocks.scratch import register_files
from archsim.costs.blocks.sequencer import counters
from archsim.costs.blocks.skip_encoder import nonzero_detect, scan
from archsim.costs.blocks.state_buffer import cell_state, cells_per_word, state
from archsim.costs.blocks.weight_memory import fifo
from archsim.costs.curves import curve
from archsim.costs.dram import BACKGROUND_MW, PJ_PER_BIT
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC, LOGIC_ENERGY_FACTOR
from archsim.costs.library import chip
from archsim.costs.logic import register_file
from archsim.costs.model import prices
from archsim.costs.pe import pe, zero_operand_share
from archsim.costs.sram import duplex, memory, sram_macro
from archsim.costs.technology import area_scale, delay_scale, energy_scale, logic_leakage, sram_leakage
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.ledger import Ledger
from archsim.mapping.operations import results
from archsim.simulation import simulate
from archsim.specs import ALL as SPECS
from archsim.trace.graph import UnitOperations
from archsim.trace.synthetic import FORMATS, synthesize

SKIP = load_design("skip-65nm")
SRAM = list(csv.DictReader(resources.files("archsim.costs").joinpath("sram_cacti7.csv").read_text().splitlines()))
ACTIONS = tuple(prices(SKIP))
COMPONENTS = CATALOGUE.with_area


def ledger_of(counts: dict[Action, int]) -> Ledger:
    ledger = Ledger()
    for action, amount in counts.items():
        ledger.add(action, amount)
    return ledger


def bus_pj(design: Design) -> float:
    """A word of weights on its way to the PEs."""
    return wires_pj(design, design.bus_word_bits, chip(design).side_um)


# --- SRAM -------------------------------------------------------------------------------------------------------------


def test_sram_is_the_running_maximum_of_the_table() -> None:
    """Along capacity and width; only area may lie below it, where two macros of half the size are smaller."""
    rows = {
        (r["cell"], r["ports"], int(r["capacity_bytes"]), int(r["width_bits"])): r for r in SRAM if r["node_nm"] == "65"
    }
    raised = 0
    for cell, ports, capacity, width in rows:
        macro = sram_macro(65, cell, ports, capacity, width)  # type: ignore[arg-type]
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
    small = sram_macro(node, cell, ports, capacity, width)  # type: ignore[arg-type]
    large = sram_macro(node, cell, ports, min(capacity * more, 2**23), min(width * wider, 1024))  # type: ignore[arg-type]
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


def test_banks_of_a_design() -> None:
    resident = load_design("edge-resident")
    found = banks(resident)
    assert found == next(m.sram for m in chip(resident).built["weight_memory"].srams)
    assert found.bank_bytes * found.banks == 256 * 1024
    assert banks(resident.override({"clock_mhz": 1200, "node_nm": 65})).banks > found.banks
    assert banks(SKIP).banks == 0  # it has no weight SRAM


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


def test_one_port_is_one_macro_with_one_port() -> None:
    one, two = (SKIP.override({"weight_memory.ports": n, "state_buffer.ports": n}) for n in (1, 2))
    single = memory(65, "itrs-lstp", "1RW", 64 * 192, 192, 5.0)
    assert (fifo(one), fifo(two)) == (single, duplex(65, "itrs-lstp", 64 * 192, 192, 5.0))
    assert cell_state(one) == memory(65, "itrs-lstp", "1RW", 1024 * 8 * 16, 4 * 16, 5.0)
    assert state(one) == state(two)  # h lies there twice: one is read while the other is written
    assert area(one).components["weight_memory"].value < area(two).components["weight_memory"].value
    assert area(one).components["state_buffer"].value <= area(two).components["state_buffer"].value  # two halves of it


def test_the_weight_sram_has_one_port_whatever_the_fifo_has() -> None:
    resident = load_design("edge-resident")
    assert banks(resident).ports == "1RW"
    assert banks(resident.override({"weight_memory.ports": 1})) == banks(resident)


# --- logic ------------------------------------------------------------------------------------------------------------

REGISTER_UM2, REGISTER_PJ = 72.4 / 16, 0.2099 / 16  # row register16


def test_pe_equals_the_table_where_the_table_has_it() -> None:
    cell = pe("fixed", 8, 8, 26, 2.5).cell  # row mac,fixed,8,8,26,400
    assert (cell.area_um2, cell.delay_ns, cell.energy_pj) == (619.2, 2.143, 1.2074)
    assert pe("fixed", 12, 12, 34, 5.0).cell.area_um2 == 1135.0  # row 200: smaller, slower
    assert pe("mux", 1, 12, 24, 2.5).cell.area_um2 == 319.5
    assert pe("mux", 2, 12, 24, 2.5).cell.area_um2 == 333.6
    assert pe("shift", 4, 8, 25, 2.5).cell.area_um2 == 382.2  # row mac,po2_exp3: a sign and 3 bits of exponent
    assert pe("shift", 3, 16, 29, 5.0).cell.energy_pj == 1.2597


def test_a_shifter_is_linear_in_its_distance() -> None:
    """5 bits of exponent are extrapolated from 3 and 4: distances 8, 16, 32."""
    three, four, five = (pe("shift", bits, 12, 45, 9.0).cell.area_um2 for bits in (4, 5, 6))
    assert five - four == pytest.approx(2 * (four - three))


def test_a_pe_that_misses_the_clock_is_cut_and_pays_for_the_registers() -> None:
    whole, cut = pe("fixed", 12, 12, 34, 5.0), pe("fixed", 12, 12, 34, 1.8)
    assert (whole.stages, cut.stages) == (1, 2)
    assert cut.cell.area_um2 == pytest.approx(1135.0 + 24 * REGISTER_UM2)  # a rank as wide as the product
    assert cut.cell.energy_pj == pytest.approx(whole.cell.energy_pj + 24 * 0.2088 / 16, rel=0.001)
    assert pe("mux", 1, 12, 24, 1.5).cell.area_um2 == pytest.approx(319.5 + 13 * REGISTER_UM2)


def test_a_larger_netlist_is_taken_only_where_it_is_cheaper_than_a_cut() -> None:
    # 12 x 12: ripple 1135.0 um2 and 2.76 ns, carry-select 1176.3 um2; a rank of 24 registers takes 108.6 um2
    assert pe("fixed", 12, 12, 34, 2.5).cell.area_um2 == 1176.3
    assert pe("fixed", 12, 12, 34, 2.4).cell.area_um2 == pytest.approx(1135.0 + 24 * REGISTER_UM2)


KINDS = st.sampled_from((("fixed", 2, 15), ("shift", 3, 5)))


@settings(deadline=None, max_examples=300)
@given(
    KINDS.flatmap(lambda k: st.tuples(st.just(k[0]), st.integers(k[1], k[2]))), st.integers(4, 15), st.integers(0, 20),
    st.floats(0.3, 8), st.sampled_from(("weight", "act", "accumulator")),
)  # fmt: skip
def test_a_wider_pe_is_never_cheaper(kind: tuple[str, int], act: int, guard: int, clock_ns: float, which: str) -> None:
    """A wider operand comes with a wider accumulator."""
    name, weight = kind
    product = act + (weight if name == "fixed" else 2 ** (weight - 1) - 1)
    grown = {"weight": 1 if name == "fixed" else 2 ** (weight - 1), "act": 1, "accumulator": 1}[which]
    narrow = pe(name, weight, act, product + guard, clock_ns)  # type: ignore[arg-type]
    wide = pe(name, weight + (which == "weight"), act + (which == "act"), product + guard + grown, clock_ns)  # type: ignore[arg-type]
    for quantity in ("area_um2", "energy_pj", "leak_nw"):
        assert getattr(wide.cell, quantity) >= getattr(narrow.cell, quantity)


@settings(deadline=None, max_examples=200)
@given(st.integers(2, 16), st.integers(4, 16), st.integers(8, 48), st.floats(0.3, 8), st.floats(0.2, 1))
def test_a_faster_clock_never_takes_a_smaller_pe(
    weight: int, act: int, accumulator: int, clock_ns: float, share: float
) -> None:
    slow, fast = (pe("fixed", weight, act, accumulator, t) for t in (clock_ns, share * clock_ns))
    assert fast.cell.area_um2 >= slow.cell.area_um2
    assert fast.stages >= slow.stages or fast.cell.delay_ns < slow.cell.delay_ns


def test_accumulator_bits_cost_a_flip_flop_and_an_adder_bit() -> None:
    narrow, wide = pe("mux", 2, 12, 24, 9.0).cell, pe("mux", 2, 12, 32, 9.0).cell
    assert wide.area_um2 - narrow.area_um2 == pytest.approx(8 * (REGISTER_UM2 + (133.5 - 99.5) / 8))


def test_a_zero_operand_saves_more_in_a_larger_multiplier() -> None:
    shares = [zero_operand_share("fixed", b, b) for b in (4, 8, 12, 16)]
    assert shares == sorted(shares, reverse=True)
    assert zero_operand_share("fixed", 8, 8) == pytest.approx(2 * 0.9465 / 1.2074 - 1, abs=0.001)
    assert zero_operand_share("shift", 4, 12) == pytest.approx(2 * 1.1051 / 1.2768 - 1, abs=0.001)


def test_register_file_equals_the_table() -> None:
    assert register_file(16, 24).area_um2 == pytest.approx(2201.9)
    assert register_file(1, 16).energy_pj == pytest.approx(0.244)


def test_the_curve_of_a_design_is_its_spec() -> None:
    """Five curves a unit, four units a cycle; nothing else of the activation unit changes where no stage is added."""

    def unit_mm2(kind: str, entries: int) -> float:
        values = {"activation_unit.curve": kind, "activation_unit.entries": entries, "activation_unit.depth_cycles": 20}
        return area(SKIP.override(values)).components["activation_unit"].value

    for kind, entries in (("segments", 2), ("segments", 16), ("table", 256), ("table", 1024)):
        cell_um2 = curve(kind, entries, 16).area_um2 - curve("segments", 4, 16).area_um2  # type: ignore[arg-type]
        assert unit_mm2(kind, entries) - unit_mm2("segments", 4) == pytest.approx(4 * 5 * cell_um2 * 1.5e-6)
    table = prices(SKIP.override({"activation_unit.curve": "table", "activation_unit.entries": 1024}))
    assert table[catalogue.CURVE].value > prices(SKIP)[catalogue.CURVE].value


@pytest.mark.parametrize(
    ("kind", "entries", "um2", "pj", "ns"),
    [("segments", 4, 269, 0.26, 2.1), ("segments", 20, 2068, 1.34, 5.8), ("segments", 80, 2305, 1.59, 5.9),
     ("table", 256, 506, 0.53, 0.5), ("table", 1024, 2023, 2.11, 0.6), ("table", 4096, 8093, 8.42, 0.8)],
)  # fmt: skip
def test_curves_are_those_of_the_design_document(kind: str, entries: int, um2: float, pj: float, ns: float) -> None:
    cell = curve(kind, entries, 16)  # type: ignore[arg-type]
    assert cell.area_um2 * area_scale(65).mid == pytest.approx(um2, abs=0.5)
    assert cell.energy_pj * energy_scale(65) * LOGIC_ENERGY_FACTOR == pytest.approx(pj, abs=0.005)
    assert cell.delay_ns * delay_scale(65) == pytest.approx(ns, abs=0.05)


def test_curves_equal_the_table() -> None:
    assert curve("segments", 4, 16).area_um2 == 179.6  # PLAN
    assert curve("segments", 1, 16).area_um2 == 25.5  # hard sigmoid
    assert curve("segments", 2, 16).area_um2 == pytest.approx(25.5 + (179.6 - 25.5) / 3)
    assert curve("table", 256, 8).area_um2 == 168.6
    assert curve("table", 512, 8).energy_pj == pytest.approx(2 * curve("table", 256, 8).energy_pj)
    # eight slopes and intercepts of 16 bits, a multiplier and an adder
    assert curve("segments", 8, 16).area_um2 == pytest.approx(168.6 * 8 * 32 / 2048 + 1260.6 + 65.4)
    with pytest.raises(BadInput, match=r"^activation costs: size and bits must be at least 1, not 0 and 16$"):
        curve("table", 0, 16)


@settings(deadline=None)
@example("segments", 4, 2, 1, 0)
@example("segments", 4, 1, 1, 0)
@given(
    st.sampled_from(("table", "segments")),
    st.integers(1, 1024),
    st.integers(2, 32),
    st.integers(0, 64),
    st.integers(0, 8),
)
def test_a_larger_curve_is_never_cheaper(kind: str, size: int, bits: int, more: int, wider: int) -> None:
    small, large = curve(kind, size, bits), curve(kind, size + more, bits + wider)  # type: ignore[arg-type]
    for quantity in ("area_um2", "energy_pj", "leak_nw", "delay_ns"):
        assert getattr(large, quantity) >= getattr(small, quantity) * (1 - 1e-9)


def test_scaling_follows_the_published_polynomials() -> None:
    # worked out by hand from the coefficients: 65 nm at 1.1 V over 45 nm at 1.1 V
    assert energy_scale(65) == pytest.approx(
        (3.755 * 1.21 - 4.398 * 1.1 + 1.975) / (1.018 * 1.21 - 0.3107 * 1.1 + 0.1539)
    )
    # 45 nm turns up near 0.949 V, where it is 12.20; at 65 nm and 1.1 V it is 19.15
    assert delay_scale(65) == pytest.approx(19.15 / 12.20, abs=0.005)
    assert area_scale(65).mid == 1.5
    assert area_scale(65).high == pytest.approx((65 / 45) ** 2)
    for scale in (energy_scale, delay_scale):
        assert scale(45) == 1
    assert [energy_scale(n) for n in NODES] == sorted(map(energy_scale, NODES), reverse=True)


def test_scaling_with_the_supply() -> None:
    assert energy_scale(65, 1.0) / energy_scale(65) == pytest.approx(0.79, abs=0.005)  # of the README
    volts = (0.7, 0.8, 0.9, 1.0, 1.1)
    assert [energy_scale(65, v) for v in volts] == sorted(energy_scale(65, v) for v in volts)
    assert [delay_scale(65, v) for v in volts] == sorted((delay_scale(65, v) for v in volts), reverse=True)
    with pytest.raises(BadInput, match=r"^costs: voltage_v at 65 nm must be 0.7 to 1.1 V, not 1.3$"):
        energy_scale(65, 1.3)


def test_a_design_at_a_lower_supply() -> None:
    """Logic, its wires and its leakage follow; memories and DRAM have supplies of their own."""
    low = SKIP.override({"voltage_v": 0.9})
    nominal = SKIP.override({"voltage_v": 1.1})
    assert (area(nominal), prices(nominal)) == (area(SKIP), prices(SKIP))  # 1.1 V is what it has anyway
    by_action = {
        action: prices(low)[action].value / figure.value for action, figure in prices(SKIP).items() if figure.value
    }
    for action in (catalogue.MAC, catalogue.COLUMN, catalogue.LIST_COLUMN):
        assert by_action[action] == pytest.approx(energy_scale(65, 0.9) / energy_scale(65))
    assert by_action[catalogue.H_READ] == by_action[catalogue.C_WRITE] == 1
    side = (area(low).total_chip / area(SKIP).total_chip) ** 0.5  # of a chip whose pipelines are cut once more
    assert bus_pj(low) == pytest.approx(bus_pj(SKIP) * (0.9 / 1.1) ** 2 * side)
    scratch = [leakage(design)["scratch"].band for design in (low, SKIP)]
    for end in ("low", "mid", "high"):
        assert getattr(scratch[0], end) == pytest.approx(getattr(scratch[1], end) * 0.9 / 1.1)
    assert leakage(low)["state_buffer"] == leakage(SKIP)["state_buffer"]


def test_a_supply_outside_the_law_is_refused() -> None:
    for volt, node_nm, highest in ((0.6, 65, 1.1), (1.0, 22, 0.8)):
        design = load_design("skip-65nm").override({"node_nm": node_nm, "voltage_v": volt})
        with pytest.raises(
            BadInput, match=f"^costs: voltage_v at {node_nm} nm must be 0.7 to {highest:g} V, not {volt:g}$"
        ):
            area(design)


def test_leakage_bands_by_hand() -> None:
    """Ratios of CACTI's devices at 65 nm: (I_off + I_gate) V."""
    operating, standby = (1.08e-8 + 9.61e-9) * 0.8, (3.64e-11 + 1.09e-10) * 1.2
    assert sram_leakage(65).high == pytest.approx(operating / standby)
    fast_300k, fast_330k = (1.96e-7 + 4.09e-8) * 1.1, (3.05e-7 + 4.09e-8) * 1.1
    band = logic_leakage(65)
    assert band.high / band.mid == pytest.approx(fast_330k / fast_300k)
    assert band.low / band.mid == pytest.approx((9.12e-12 + 1.09e-10) * 1.2 / fast_300k)
    for node in NODES:
        for band in (sram_leakage(node), logic_leakage(node)):
            assert band.low <= band.mid <= band.high


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"node_nm": 28}, "costs: node_nm must be one of 90, 65, 45, 32, 22, not 28"),
        ({"pe_array.act_bits": 3}, "PE costs: pe_array.act_bits must be 4 to 16, not 3"),
        ({"pe_array.weight_bits": 1}, "PE costs: a fixed PE takes weights of 2 to 16 bits, not 1"),
        (
            {"pe_array.multiplier": "mux", "pe_array.weight_bits": 8},
            "PE costs: a mux PE takes weights of 1 bit (binary) or 2 (ternary), not 8",
        ),
    ],
)
def test_what_the_tables_do_not_cover_is_refused_by_name(override: dict[str, str | int], message: str) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(message)}$"):
        area(SKIP.override(override))


def test_a_shifter_has_its_range() -> None:
    with pytest.raises(BadInput, match=r"^PE costs: a shift PE takes weights of 3 to 6 bits, not 7$"):
        pe("shift", 7, 8, 24, 5.0)


# --- area ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", designs.ALL)
def test_area_adds_up_and_every_figure_has_its_source(name: str) -> None:
    design = load_design(name)
    report = area(design)
    assert report.total_chip == pytest.approx(sum(f.value for f in report.components.values()))
    assert report.band.low <= report.band.mid == pytest.approx(report.total_chip)
    assert report.band.high >= report.band.mid
    assert tuple(report.components) == COMPONENTS == tuple(leakage(design))
    for figures, unit in ((report.components, "mm2"), (leakage(design), "mW")):
        for component, figure in figures.items():
            absent = component == "skip_encoder" and not design.skip_encoder.enabled
            assert (figure.value > 0) or absent
            assert figure.unit == unit
            assert figure.source


def test_every_component_of_the_machine_is_priced() -> None:
    named = {name for name, field in Design.model_fields.items() if field.annotation in SPECS}
    assert named - {"dram"} <= set(COMPONENTS)
    assert {"dram", *COMPONENTS} - named == {"scratch"}  # a part of the PE array, shown apart


def test_pe_array_area_by_hand() -> None:
    # one clock of 400 MHz at 65 nm is 1.59 ns at 45 nm: the ripple netlist, cut once
    design = load_design("rbt-low-power-full")
    assert area(design).components["pe_array"].value == pytest.approx(100 * (1135.0 + 24 * REGISTER_UM2) * 1e-6 * 1.5)


@pytest.mark.parametrize(
    ("path", "values", "component"),
    [
        ("pe_array.weight_bits", (2, 3, 5, 8, 12, 16), "pe_array"),
        ("pe_array.act_bits", (4, 6, 8, 12, 16), "pe_array"),
        ("pe_array.accumulator_bits", (16, 24, 32), "scratch"),
        ("pe_array.accumulators", (1, 2, 8, 16, 32), "scratch"),
        ("pe_array.tiles", (1, 2, 4), "pe_array"),
        ("weight_memory.capacity_kib", (1, 8, 64, 512, 4096), "weight_memory"),
        ("weight_memory.fifo_words", (64, 256, 1024), "weight_memory"),
        ("state_buffer.units", (256, 1024, 2048), "state_buffer"),
        ("state_buffer.banks", (4, 16, 64), "state_buffer"),
        ("skip_encoder.columns_per_cycle", (1, 16, 64), "skip_encoder"),
        ("activation_unit.units_per_cycle", (1, 2, 8), "activation_unit"),
        ("activation_unit.depth_cycles", (5, 8, 16), "activation_unit"),
        ("node_nm", (22, 32, 45, 65, 90), "pe_array"),
    ],
)
def test_more_costs_more(path: str, values: tuple[int, ...], component: str) -> None:
    several = [SKIP.override({path: value}) for value in values]
    for report in (area, leakage):
        costs = [(r.components if report is area else r)[component].value for r in map(report, several)]  # type: ignore
        if path == "node_nm" and report is leakage:
            continue  # smaller nodes leak more
        assert costs == sorted(costs)
        assert len(set(costs)) == len(costs)


def test_scratch_is_what_lies_beyond_the_accumulator_in_the_pe() -> None:
    def scratch(accumulators: int, double: bool) -> float:
        design = SKIP.override({"pe_array.accumulators": accumulators, "pe_array.double_buffered": double})
        return area(design).components["scratch"].value

    one_bank = 192 * (2201.9 - 112.0) * 1e-6 * 1.5
    assert scratch(1, False) == 0
    assert scratch(16, False) == pytest.approx(one_bank)
    assert scratch(16, True) == pytest.approx(one_bank + 192 * 2201.9e-6 * 1.5)


def test_the_inferred_weight_buffer_is_marked_and_a_chosen_one_is_not() -> None:
    for name in designs.ALL:
        design = load_design(name)
        expected = "calibrated" if name.startswith("rbt") else "predicted"
        assert area(design).components["weight_memory"].status == expected
    chosen = load_design("rbt-low-power-full").override(
        {"weight_memory.capacity_kib": 512, "weight_memory.fifo_words": 64}
    )
    assert area(chosen).components["weight_memory"].status == "predicted"
    streamed = chosen.override({"weight_memory.fifo_words": BUFFERED_WEIGHTS_PER_MAC})
    assert area(streamed).components["weight_memory"].status == "calibrated"


# --- energy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", designs.ALL)
def test_an_empty_ledger_costs_only_leakage(name: str) -> None:
    report = energy(load_design(name), Ledger(), cycles=1000, tokens=8)
    assert {n for n, f in report.components.items() if f.value} == {"leakage"}
    assert report.total_chip == report.total_system == report.components["leakage"].value > 0


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.sampled_from([*ACTIONS, catalogue.READ_BITS]), st.integers(0, 10**9), min_size=1),
    st.integers(2, 7),
)
def test_energy_is_linear_in_counts_and_time(counts: dict[Action, int], times: int) -> None:
    once = energy(SKIP, ledger_of(counts), cycles=1000, tokens=10)
    more = energy(SKIP, ledger_of({k: times * v for k, v in counts.items()}), cycles=1000 * times, tokens=10)
    for name, figure in once.components.items():
        assert more.components[name].value == pytest.approx(times * figure.value)


def test_energy_is_the_sum_over_actions() -> None:
    counts = {action: 3 + i for i, action in enumerate(ACTIONS)}
    report = energy(SKIP, ledger_of(counts), cycles=50, tokens=4)
    dynamic = sum(f.value for n, f in report.components.items() if n not in ("leakage", "dram"))
    assert dynamic == pytest.approx(sum(n * prices(SKIP)[action].value for action, n in counts.items()) / 4)


def test_system_is_chip_and_dram() -> None:
    report = energy(SKIP, ledger_of({catalogue.READ_BITS: 8000, catalogue.MAC: 1000}), cycles=200, tokens=8)
    background = BACKGROUND_MW.times(1000 / 8)  # mW over the microsecond that the run took
    dram = report.components["dram"]
    assert dram.value == pytest.approx(8000 * 11.0 / 8 + background.mid)
    assert (dram.band.low, dram.band.high) == pytest.approx((8000 + background.low, 14000 + background.high))
    assert report.total_system == pytest.approx(report.total_chip + dram.value)
    assert report.band.mid == pytest.approx(report.total_system)
    assert report.band_chip.mid == pytest.approx(report.total_chip)
    assert report.band.low == pytest.approx(report.band_chip.low + dram.band.low)
    assert report.band.high == pytest.approx(report.band_chip.high + dram.band.high)
    assert report.band_chip.low < report.total_chip < report.band_chip.high  # leakage
    assert report.time_us_per_token == pytest.approx(200 / 200 / 8)
    assert report.power_chip_mw == pytest.approx(report.total_chip / (1 / 8) / 1000)  # pJ / us = uW
    assert report.power_system_mw > report.power_chip_mw


def test_a_dram_takes_its_background_by_the_channel_and_the_time() -> None:
    once, twice = (energy(SKIP, ledger_of({catalogue.READ_BITS: 1}), c, 1) for c in (1000, 2000))
    slope = twice.components["dram"].value - once.components["dram"].value
    assert slope == pytest.approx(BACKGROUND_MW.mid * 5 * 1000)  # 1,000 cycles are 5 us
    wider = SKIP.override({"dram.bandwidth_gbps": 51.3})  # a second channel
    more = energy(wider, ledger_of({catalogue.READ_BITS: 1}), 1000, 1).components["dram"]
    assert more.value - 11 == pytest.approx(2 * (once.components["dram"].value - 11))
    # IDD2N at 1.2 V, and IDD5AB in 168 of 3,120 clocks
    assert BACKGROUND_MW.mid == pytest.approx(1.2 * (20.5 + 168 / 3120 * (150 - 20.5)))


def test_leakage_is_that_of_the_components_over_the_time() -> None:
    report = energy(SKIP, Ledger(), cycles=200, tokens=1)  # a microsecond
    assert report.components["leakage"].value == pytest.approx(1000 * sum(f.value for f in leakage(SKIP).values()))


def test_a_word_of_weights_pays_for_its_wires() -> None:
    side_um = (area(SKIP).total_chip * 1e6) ** 0.5
    expected_pj = 192 * 0.5 * 0.5 * 0.177e-3 * side_um * 1.1**2
    assert bus_pj(SKIP) == pytest.approx(expected_pj)
    word = prices(SKIP)[catalogue.FIFO_WORD]
    assert word.value == pytest.approx(fifo(SKIP).read_pj + fifo(SKIP).write_pj + expected_pj)
    assert "0.177 fF/um" in word.source


def test_the_mac_of_skip_by_hand() -> None:
    cell = pe("fixed", 8, 8, 24, 3.0).cell
    assert prices(SKIP)[catalogue.MAC].value == pytest.approx(cell.energy_pj * energy_scale(65) * LOGIC_ENERGY_FACTOR)


def test_every_action_costs_what_its_parts_do() -> None:
    """At 65 nm and 1.2 V, logic times the fitted factor; a word of h holds a column of all 8 lanes."""
    logic, unit = energy_scale(65) * LOGIC_ENERGY_FACTOR, datapath(SKIP)
    weights, queue, h, c = banks(SKIP), fifo(SKIP), state(SKIP), cell_state(SKIP)
    cell = pe("fixed", 8, 8, 24, 3.0).cell
    counter = counters(1).energy_pj
    expected = {
        catalogue.MAC: cell.energy_pj * logic,
        catalogue.MAC_ZERO_OPERAND: cell.energy_pj * logic * zero_operand_share("fixed", 8, 8),
        catalogue.IDLE_PE_CYCLE: (cell.clock_pj + register_files(SKIP).clock_pj) * logic,
        catalogue.SCRATCH_ACCESS: register_files(SKIP).energy_pj * logic,
        catalogue.SRAM_READ_WORD: weights.read_pj,
        catalogue.SRAM_WRITE_WORD: weights.write_pj,
        catalogue.FIFO_WORD: queue.write_pj + queue.read_pj + bus_pj(SKIP),
        catalogue.H_READ: h.read_pj / 8,
        catalogue.H_WRITE: h.write_pj / 8,
        catalogue.C_READ: c.read_pj / cells_per_word(SKIP),
        catalogue.C_WRITE: c.write_pj / cells_per_word(SKIP),
        catalogue.SCAN_COLUMN: nonzero_detect(SKIP).energy_pj * logic,
        catalogue.LIST_COLUMN: scan(SKIP).energy_pj * logic,
        catalogue.ROW_AFFINE: unit.affine.energy_pj * logic,
        catalogue.CURVE: unit.gate.energy_pj * logic,
        catalogue.MULTIPLY: unit.multiply.energy_pj * logic,
        catalogue.ADD: unit.add.energy_pj * logic,
        catalogue.BURST: 3 * counter * logic,
        catalogue.COLUMN: 2 * counter * logic,
    }
    found = {action: figure.value for action, figure in prices(SKIP).items() if action != catalogue.READ_BITS}
    assert found == pytest.approx(expected)
    assert SKIP.lanes == 8
    assert not SKIP.pe_array.clock_gated


def test_gated_idle_pes_cost_nothing() -> None:
    idle = ledger_of({catalogue.IDLE_PE_CYCLE: 1000})
    open_, gated = (energy(SKIP.override({"pe_array.clock_gated": g}), idle, 1000, 1) for g in (False, True))
    assert open_.components["pe_array"].value > 0 == gated.components["pe_array"].value
    assert open_.total_chip > gated.total_chip


@pytest.mark.parametrize("name", designs.ALL)
def test_a_mac_costs_more_than_a_zero_one_and_that_more_than_idling(name: str) -> None:
    price = {action: f.value for action, f in prices(load_design(name)).items()}
    assert price[catalogue.MAC] > price[catalogue.MAC_ZERO_OPERAND] > price[catalogue.IDLE_PE_CYCLE] >= 0
    assert (price[catalogue.IDLE_PE_CYCLE] == 0) == load_design(name).pe_array.clock_gated


def test_more_bits_take_more_energy() -> None:
    macs = [prices(SKIP.override({"pe_array.weight_bits": b}))[catalogue.MAC].value for b in (2, 4, 8, 12, 16)]
    assert macs == sorted(macs)


def test_unknown_dram_kind_is_refused_by_name() -> None:
    design = SKIP.override({"dram.kind": "optane"})
    rule = "dram.kind must be one of lpddr4, lpddr, lpddr3, ddr3, gddr5, hbm2, hmc, not 'optane'"
    with pytest.raises(BadInput, match=f"^{rule}$"):
        energy(design, Ledger(), 1, 1)
    for kind in PJ_PER_BIT:
        energy(SKIP.override({"dram.kind": kind}), Ledger(), 1, 1)


def test_bad_runs_are_refused() -> None:
    with pytest.raises(BadInput, match=r"^energy: cycles and tokens must be at least 1, not 0 and 1$"):
        energy(SKIP, Ledger(), 0, 1)
    with pytest.raises(BadInput, match=r"^energy: no price for action 'divide' of component 'pe_array'$"):
        energy(SKIP, ledger_of({Action("pe_array", "divide", "pe_array"): 1}), 1, 1)


def test_reports_say_their_basis() -> None:
    report = energy(SKIP, Ledger(), 1, 1)
    assert "back to back" in report.basis
    assert "clock tree, control and long wires" in report.left_out
    assert "synthesis" in area(SKIP).basis


@pytest.mark.parametrize("name", designs.ALL)
def test_every_action_has_a_price_with_unit_and_source(name: str) -> None:
    for action, figure in prices(load_design(name)).items():
        assert action.charged_to in COMPONENTS
        assert action.component in COMPONENTS
        assert figure.unit == "pJ"
        assert figure.source
        assert figure.value >= 0


def test_every_action_that_is_counted_has_a_price_and_every_price_is_of_one() -> None:
    """Those that the source adds to a ledger by name, and what an elementwise operation asks for."""
    source = [p.read_text() for p in Path(str(resources.files("archsim"))).rglob("*.py") if "costs" not in p.parts]
    named = {name for text in source for name in re.findall(r"ledger\.add\(\s*catalogue\.(\w+)", text)}
    assert len(named) > 8
    counted = {getattr(catalogue, name) for name in named} | {
        action for action, _ in results(UnitOperations(**dict.fromkeys(UnitOperations.model_fields, 1)), 1, 1)
    }
    assert counted - {catalogue.READ_BITS} == set(ACTIONS)


@pytest.mark.parametrize("name", designs.ALL)
def test_whatever_a_run_counts_is_priced(name: str) -> None:
    design = load_design(name)
    formats = ("binary", "ternary", "fixed8", "exponential5")
    kinds = [f for f in formats if design.pe_array.refusal(FORMATS[f], design.pe_array.act_bits) is None]
    trace = synthesize(128, 20, 0.4, sequences=design.lanes, steps=3, weight_format=kinds[0])
    report = simulate(design, trace, "burst", scope="recurrent")
    assert energy(design, report.ledger, report.cycles, report.tokens) == report.energy
    assert report.energy.total_system > report.energy.total_chip or not report.ledger.get(catalogue.READ_BITS)


def test_figures_are_frozen() -> None:
    figure = area(SKIP).components["pe_array"]
    with pytest.raises(AttributeError):
        figure.value = 0.0  # type: ignore[misc]
    assert replace(figure, value=0.0).value == 0


def test_energy_does_not_depend_on_the_order_in_which_things_were_counted() -> None:
    """Engines book in orders of their own, and a search compares what they cost to the last digit."""
    counts = simulate(SKIP, synthesize(64, 10, 0.3, sequences=8, steps=7)).ledger.counts
    backwards = {c: dict(reversed(actions.items())) for c, actions in reversed(counts.items())}
    tokens = [energy(SKIP, Ledger(each), cycles=12345, tokens=7) for each in (counts, backwards)]
    assert tokens[0] == tokens[1]
