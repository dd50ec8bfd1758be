"""Area, energy and leakage of a design and a run: their sums, their bands, and what an energy depends on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim import catalogue, designs
from archsim.catalogue import CATALOGUE, Action
from archsim.costs import area, energy, leakage
from archsim.costs.dram import KINDS
from archsim.costs.model import prices
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.ledger import Ledger
from archsim.simulation import simulate
from archsim.trace.synthetic import FORMATS, synthesize

LPDDR4_MW = KINDS["lpddr4"].devices[0].background_mw
SKIP = load_design("skip-65nm")
ACTIONS = tuple(prices(SKIP))
COMPONENTS = CATALOGUE.with_area


def ledger_of(counts: dict[Action, int]) -> Ledger:
    ledger = Ledger()
    for action, amount in counts.items():
        ledger.add(action, amount)
    return ledger


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


@pytest.mark.parametrize("name", designs.ALL)
def test_a_machine_that_does_nothing_costs_leakage_and_the_clock_of_its_control(name: str) -> None:
    design = load_design(name)
    report = energy(design, Ledger(), cycles=1000, tokens=8)
    assert {n for n, f in report.components.items() if f.value} == {"leakage", "sequencer"}
    assert report.components["sequencer"].value == pytest.approx(prices(design)[catalogue.CONTROL_CYCLE].value * 125)
    assert report.total_chip == report.total_system > report.components["leakage"].value > 0


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from([*ACTIONS, catalogue.READ_BITS, catalogue.WRITE_BITS]), st.integers(0, 10**9), min_size=1
    ),
    st.integers(2, 7),
)
def test_energy_is_linear_in_counts_and_time(counts: dict[Action, int], times: int) -> None:
    once = energy(SKIP, ledger_of(counts), cycles=1000, tokens=10)
    more = energy(SKIP, ledger_of({k: times * v for k, v in counts.items()}), cycles=1000 * times, tokens=10)
    for name, figure in once.components.items():
        assert more.components[name].value == pytest.approx(times * figure.value)


def test_a_bit_written_to_dram_is_assumed_to_cost_as_much_as_one_read() -> None:
    """Its source says that this is an assumption; a DRAM that is only written is switched on too."""
    read, written = (
        energy(SKIP, ledger_of({action: 8000}), cycles=200, tokens=8).components["dram"]
        for action in (catalogue.READ_BITS, catalogue.WRITE_BITS)
    )
    assert written.value == read.value > 0
    assert written.band == read.band
    assert "a write is assumed to cost as much as a read" in written.source
    assert "a write" not in read.source


def test_energy_is_the_sum_over_actions() -> None:
    counts = {action: 3 + i for i, action in enumerate(ACTIONS)}
    report = energy(SKIP, ledger_of(counts), cycles=50, tokens=4)
    dynamic = sum(f.value for n, f in report.components.items() if n not in ("leakage", "dram"))
    counts[catalogue.CONTROL_CYCLE] += 50  # cycles of the run, beside those that this ledger counts
    assert dynamic == pytest.approx(sum(n * prices(SKIP)[action].value for action, n in counts.items()) / 4)


def test_system_is_chip_and_dram() -> None:
    report = energy(SKIP, ledger_of({catalogue.READ_BITS: 8000, catalogue.MAC: 1000}), cycles=200, tokens=8)
    background = LPDDR4_MW.times(1000 / 8)  # mW over the microsecond that the run took
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
    assert slope == pytest.approx(LPDDR4_MW.mid * 5 * 1000)  # 1,000 cycles are 5 us
    wider = SKIP.override({"dram.bandwidth_gbps": 51.3})  # a second channel
    more = energy(wider, ledger_of({catalogue.READ_BITS: 1}), 1000, 1).components["dram"]
    assert more.value - 11 == pytest.approx(2 * (once.components["dram"].value - 11))


def test_leakage_is_that_of_the_components_over_the_time() -> None:
    report = energy(SKIP, Ledger(), cycles=200, tokens=1)  # a microsecond
    assert report.components["leakage"].value == pytest.approx(1000 * sum(f.value for f in leakage(SKIP).values()))


def test_unknown_dram_kind_is_refused_by_name() -> None:
    design = SKIP.override({"dram.kind": "optane"})
    rule = f"dram.kind must be one of {', '.join(KINDS)}, not 'optane'"
    with pytest.raises(BadInput, match=f"^{rule}$"):
        energy(design, Ledger(), 1, 1)
    for kind in KINDS:
        energy(SKIP.override({"dram.kind": kind}), Ledger(), 1, 1)


def test_bad_runs_are_refused() -> None:
    with pytest.raises(BadInput, match=r"^energy: cycles and tokens must be at least 1, not 0 and 1$"):
        energy(SKIP, Ledger(), 0, 1)
    with pytest.raises(BadInput, match=r"^energy: no price for action 'divide' of component 'pe_array'$"):
        energy(SKIP, ledger_of({Action("pe_array", "divide", "pe_array"): 1}), 1, 1)


def test_reports_say_their_basis() -> None:
    report = energy(SKIP, Ledger(), 1, 1)
    assert "back to back" in report.basis
    assert "clock tree, program store and long wires" in report.left_out
    assert "synthesis" in area(SKIP).basis


@pytest.mark.parametrize("name", designs.ALL)
def test_whatever_a_run_counts_is_priced(name: str) -> None:
    design = load_design(name)
    formats = ("binary", "ternary", "fixed8", "exponential5")
    kinds = [f for f in formats if design.pe_array.refusal(FORMATS[f], design.pe_array.act_bits) is None]
    trace = synthesize(128, 20, 0.4, sequences=design.lanes, steps=3, weight_format=kinds[0])
    report = simulate(design, trace, "burst", scope="recurrent")
    assert energy(design, report.ledger, report.cycles, report.tokens) == report.energy
    assert report.energy.total_system > report.energy.total_chip or not report.ledger.get(catalogue.READ_BITS)


def test_energy_does_not_depend_on_the_order_in_which_things_were_counted() -> None:
    """Engines count in orders of their own, and a search compares costs to the last digit."""
    counts = simulate(SKIP, synthesize(64, 10, 0.3, sequences=8, steps=7)).ledger.counts
    backwards = {c: dict(reversed(actions.items())) for c, actions in reversed(counts.items())}
    tokens = [energy(SKIP, Ledger(each), cycles=12345, tokens=7) for each in (counts, backwards)]
    assert tokens[0] == tokens[1]
