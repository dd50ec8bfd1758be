"""Area and energy: against arithmetic on the tables, and laws that must hold for any design."""

import csv
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim import designs
from archsim.costs import area, clock_problems, energy
from archsim.costs.dram import PJ_PER_BIT
from archsim.costs.model import prices
from archsim.costs.tables import memory, pe, register_file, sram_macro
from archsim.costs.technology import area_scale, delay_scale, energy_scale
from archsim.design import Design, load_design
from archsim.ledger import Ledger
from archsim.trace import BadInput

SKIP = load_design("skip-65nm")
SRAM = list(csv.DictReader(resources.files("archsim.costs").joinpath("sram_cacti7.csv").read_text().splitlines()))
ACTIONS = sorted(prices(SKIP))


def ledger_of(counts: dict[tuple[str, str], int]) -> Ledger:
    ledger = Ledger()
    for (component, action), amount in counts.items():
        ledger.add(component, action, amount)
    return ledger


# --- SRAM -------------------------------------------------------------------------------------------------------------


def test_sram_is_the_running_maximum_of_the_table() -> None:
    series: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in SRAM:
        if row["node_nm"] == "65":
            series.setdefault((row["cell"], row["ports"], row["width_bits"]), []).append(row)
    raised = 0
    for (cell, ports, width), rows in series.items():
        rows.sort(key=lambda r: int(r["capacity_bytes"]))
        for i, row in enumerate(rows):
            macro = sram_macro(65, cell, ports, int(row["capacity_bytes"]), int(width))  # type: ignore[arg-type]
            for quantity in ("area_mm2", "read_pj", "cycle_ns"):
                expected = max(float(r[quantity]) for r in rows[: i + 1])
                assert getattr(macro, quantity) == pytest.approx(expected)
                raised += expected > float(row[quantity])
    assert raised == 59  # of 1,416 values: the table itself is nearly monotonic


@settings(deadline=None)
@given(
    st.sampled_from((90, 65, 45, 32, 22)),
    st.sampled_from(("1RW", "1R1W")),
    st.floats(256, 2**23),
    st.floats(1, 4),
    st.floats(8, 1024),
)
def test_sram_is_monotonic_in_capacity(node: int, ports: str, capacity: float, more: float, width: float) -> None:
    larger = min(capacity * more, 2**23)
    a, b = (sram_macro(node, "itrs-lstp", ports, c, width) for c in (capacity, larger))  # type: ignore[arg-type]
    for quantity in ("area_mm2", "cycle_ns", "read_pj", "write_pj", "leak_mw"):
        assert getattr(b, quantity) >= getattr(a, quantity) * (1 - 1e-9)


def test_sram_between_two_points_is_their_geometric_mean() -> None:
    small, large = (sram_macro(65, "itrs-lstp", "1RW", c, 64) for c in (16384, 32768))
    middle = sram_macro(65, "itrs-lstp", "1RW", 16384 * 2**0.5, 64)
    assert middle.area_mm2 == pytest.approx((small.area_mm2 * large.area_mm2) ** 0.5)


def test_memory_takes_the_fewest_banks_that_meet_the_clock() -> None:
    slow = memory(65, "itrs-lstp", "1RW", 256 * 8192, 64, 5.0)
    fast = memory(65, "itrs-lstp", "1RW", 256 * 8192, 64, 2.0)
    assert fast.cycle_ns <= 2.0 < sram_macro(65, "itrs-lstp", "1RW", 256 * 1024 / slow.wide, 64 / slow.wide).cycle_ns
    assert fast.banks > slow.banks or fast.wide > slow.wide
    halved = sram_macro(65, "itrs-lstp", "1RW", 256 * 1024 / fast.wide / (fast.banks / 2), 64 / fast.wide)
    assert fast.banks == 1 or halved.cycle_ns > 2.0


def test_wide_words_lie_across_parallel_macros() -> None:
    wide = memory(65, "itrs-lstp", "1RW", 300_000 * 8, 4096, 5.0)
    assert wide.wide >= 4
    assert wide.area_mm2 == pytest.approx(
        wide.wide
        * wide.banks
        * sram_macro(65, "itrs-lstp", "1RW", 300_000 / wide.wide / wide.banks, 4096 / wide.wide).area_mm2
    )
    assert memory(65, "itrs-lstp", "1RW", 0, 64, 5.0).area_mm2 == 0


# --- logic ------------------------------------------------------------------------------------------------------------


def test_pe_equals_the_table_where_the_table_has_it() -> None:
    cell = pe("fixed", 12, 12, 34, 2.5)  # row mac,fixed,12,12,34,400
    assert (cell.area_um2, cell.delay_ns, cell.energy_pj, cell.clock_pj) == (1176.3, 2.339, 2.3036, 0.409)
    assert pe("fixed", 12, 12, 34, 5.0).area_um2 == 1135.0  # row 200: smaller, slower
    assert pe("mux", 1, 12, 24, 2.5).area_um2 == 319.5
    assert pe("mux", 2, 12, 24, 2.5).area_um2 == 333.6


def test_accumulator_bits_cost_a_flip_flop_and_an_adder_bit() -> None:
    narrow, wide = pe("mux", 2, 12, 24, 2.5), pe("mux", 2, 12, 32, 2.5)
    assert wide.area_um2 - narrow.area_um2 == pytest.approx(8 * (72.4 / 16 + (133.5 - 99.5) / 8))


def test_register_file_equals_the_table() -> None:
    assert register_file(16, 24).area_um2 == pytest.approx(2201.9)
    assert register_file(1, 16).energy_pj == pytest.approx(0.244)


def test_scaling_follows_the_published_polynomials() -> None:
    # worked out by hand from the coefficients: 65 nm at 1.1 V over 45 nm at 1.1 V
    assert energy_scale(65) == pytest.approx(
        (3.755 * 1.21 - 4.398 * 1.1 + 1.975) / (1.018 * 1.21 - 0.3107 * 1.1 + 0.1539)
    )
    assert delay_scale(65) == pytest.approx(1.404, abs=0.001)
    assert area_scale(65) == 1.5
    for scale in (energy_scale, delay_scale, area_scale):
        assert scale(45) == 1
    assert [energy_scale(n) for n in (90, 65, 45, 32, 22)] == sorted(
        map(energy_scale, (90, 65, 45, 32, 22)), reverse=True
    )


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


# --- area -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", designs.ALL)
def test_area_adds_up_and_every_figure_has_its_source(name: str) -> None:
    report = area(load_design(name))
    assert report.total_chip == pytest.approx(sum(f.value for f in report.components.values()))
    assert list(report.components) == [
        "pe_array",
        "scratch",
        "weight_memory",
        "state_buffer",
        "skip_encoder",
        "activation_unit",
    ]
    for component, figure in report.components.items():
        assert (figure.value > 0) or (component == "skip_encoder" and not load_design(name).skip_encoder.enabled)
        assert figure.unit == "mm2"
        assert figure.source


def test_pe_array_area_by_hand() -> None:
    design = load_design("rbt-low-power-full")
    assert area(design).components["pe_array"].value == pytest.approx(100 * 1176.3e-6 * 1.5)


@pytest.mark.parametrize(
    ("path", "values", "component"),
    [
        ("pe_array.weight_bits", (2, 3, 5, 8, 12, 16), "pe_array"),
        ("pe_array.act_bits", (4, 6, 8, 12, 16), "pe_array"),
        ("pe_array.accumulator_bits", (16, 24, 32), "scratch"),
        ("pe_array.accumulators", (1, 2, 8, 16, 32), "scratch"),
        ("pe_array.tiles", (1, 2, 4), "pe_array"),
        ("weight_memory.capacity_kib", (1, 8, 64, 512, 4096), "weight_memory"),
        ("state_buffer.units", (256, 1024, 2048), "state_buffer"),
        ("skip_encoder.columns_per_cycle", (1, 16, 64), "skip_encoder"),
        ("activation_unit.units_per_cycle", (1, 2, 8), "activation_unit"),
        ("node_nm", (22, 32, 45, 65, 90), "pe_array"),
    ],
)
def test_more_costs_more(path: str, values: tuple[int, ...], component: str) -> None:
    areas = [area(SKIP.override({path: value})).components[component].value for value in values]
    assert areas == sorted(areas)
    assert len(set(areas)) == len(areas)


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
    chosen = load_design("rbt-low-power-full").override({"weight_memory.capacity_kib": 512})
    assert area(chosen).components["weight_memory"].status == "predicted"


# --- energy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", designs.ALL)
def test_an_empty_ledger_costs_only_leakage(name: str) -> None:
    report = energy(load_design(name), Ledger(), cycles=1000, tokens=8)
    assert {n for n, f in report.components.items() if f.value} == {"leakage"}
    assert report.total_chip == report.total_system == report.components["leakage"].value > 0


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.sampled_from([*ACTIONS, ("dram", "read_bits")]), st.integers(0, 10**9), min_size=1),
    st.integers(2, 7),
)
def test_energy_is_linear_in_counts_and_time(counts: dict[tuple[str, str], int], times: int) -> None:
    once = energy(SKIP, ledger_of(counts), cycles=1000, tokens=10)
    more = energy(SKIP, ledger_of({k: times * v for k, v in counts.items()}), cycles=1000 * times, tokens=10)
    for name, figure in once.components.items():
        assert more.components[name].value == pytest.approx(times * figure.value)


def test_energy_is_the_sum_over_actions() -> None:
    counts = {action: 3 + i for i, action in enumerate(ACTIONS)}
    report = energy(SKIP, ledger_of(counts), cycles=50, tokens=4)
    dynamic = sum(f.value for n, f in report.components.items() if n not in ("leakage", "dram"))
    assert dynamic == pytest.approx(sum(n * prices(SKIP)[action][1] for action, n in counts.items()) / 4)


def test_system_is_chip_and_dram() -> None:
    report = energy(SKIP, ledger_of({("dram", "read_bits"): 8000, ("pe_array", "mac"): 1000}), cycles=200, tokens=8)
    assert report.components["dram"].value == pytest.approx(8000 * 11.0 / 8)
    assert report.total_system == pytest.approx(report.total_chip + 8000 * 11.0 / 8)
    assert report.band.mid == pytest.approx(report.total_system)
    assert (report.band.low, report.band.high) == pytest.approx(
        (report.total_chip + 8000.0, report.total_chip + 14000.0)
    )
    assert report.time_us_per_token == pytest.approx(200 / 200 / 8)
    assert report.power_chip_mw == pytest.approx(report.total_chip / (1 / 8) / 1000)  # pJ / us = uW
    assert report.power_system_mw > report.power_chip_mw


def test_gated_idle_pes_cost_nothing() -> None:
    idle = ledger_of({("pe_array", "idle_pe_cycle"): 1000})
    open_, gated = (energy(SKIP.override({"pe_array.clock_gated": g}), idle, 1000, 1) for g in (False, True))
    assert open_.components["pe_array"].value > 0 == gated.components["pe_array"].value
    assert open_.total_chip > gated.total_chip


@pytest.mark.parametrize("name", designs.ALL)
def test_a_mac_costs_more_than_a_zero_one_and_that_more_than_idling(name: str) -> None:
    price = {
        action: pj for (component, action), (_, pj) in prices(load_design(name)).items() if component == "pe_array"
    }
    assert price["mac"] > price["mac_zero_operand"] > price["idle_pe_cycle"]
    assert (price["idle_pe_cycle"] > 0) != load_design(name).pe_array.clock_gated


def test_more_bits_take_more_energy() -> None:
    macs = [prices(SKIP.override({"pe_array.weight_bits": b}))["pe_array", "mac"][1] for b in (2, 4, 8, 12, 16)]
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
        energy(SKIP, ledger_of({("pe_array", "divide"): 1}), 1, 1)


def test_reports_say_their_basis() -> None:
    report = energy(SKIP, Ledger(), 1, 1)
    assert "back to back" in report.basis
    assert "DRAM background and refresh power" in report.left_out
    assert "synthesis" in area(SKIP).basis


def test_every_action_of_the_engines_has_a_price() -> None:
    source = Path(str(resources.files("archsim"))).rglob("*.py")
    literal = re.compile(r'\("(weight_memory|pe_array|state_buffer|skip_encoder|activation_unit)", "(\w+)"')
    added = re.compile(r'add\("(\w+)", "(\w+)"')
    text = "\n".join(p.read_text() for p in source if "costs" not in p.parts)
    counted = set(added.findall(text)) | {
        (c, a) for c, a in literal.findall(text) if a in {name for _, name in ACTIONS}
    }
    assert counted - {("dram", "read_bits")} <= set(ACTIONS)


# --- clock ------------------------------------------------------------------------------------------------------------


def test_clock_problems_name_part_and_remedy() -> None:
    assert clock_problems(SKIP) == ()
    slow = clock_problems(load_design("rbt-low-power-full"))
    # the 12 x 12 PE: 2.339 ns at 45 nm, times 1.404
    assert slow[0] == "pe_array: takes 3.28 ns, the clock allows 2.50 ns: 2 pipeline stages"
    fast = clock_problems(SKIP.override({"clock_mhz": 2000, "weight_memory.capacity_kib": 64}))
    assert "weight_memory: takes 0.74 ns, the clock allows 0.50 ns: 2 interleaved banks" in fast


def test_a_faster_clock_takes_a_larger_pe() -> None:
    design: Design = SKIP.override({"pe_array.weight_bits": 12, "pe_array.act_bits": 12, "node_nm": 45})
    relaxed, tight = (area(design.override({"clock_mhz": f})).components["pe_array"].value for f in (200, 400))
    assert tight > relaxed


def test_figures_are_frozen() -> None:
    figure = area(SKIP).components["pe_array"]
    with pytest.raises(AttributeError):
        figure.value = 0.0  # type: ignore[misc]
    assert replace(figure, value=0.0).value == 0
