"""The physical section: what it adds is counted by hand, each knob moves its figures one way, and without it nothing
changes."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim import catalogue, designs
from archsim.analysis.explain import explain
from archsim.costs import area, clock_problems, energy, leakage
from archsim.costs.block import LogicPrice
from archsim.costs.clock import reaches
from archsim.costs.conditions import conditions
from archsim.costs.library import chip
from archsim.costs.logic import register_bits
from archsim.costs.model import clock_tree, prices
from archsim.costs.physical import pins_pj
from archsim.costs.technology import NODES
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.ledger import Ledger
from archsim.simulation import simulate
from archsim.specs import PhysicalSpec
from archsim.trace.synthetic import synthesize

SKIP = load_design("skip-65nm")


def physical(design: Design = SKIP, **fields: Any) -> Design:
    return design.override({f"physical.{name}": value for name, value in fields.items()})


@pytest.mark.parametrize("name", designs.ALL)
def test_an_empty_section_changes_nothing(name: str) -> None:
    design = load_design(name)
    empty = design.model_copy(update={"physical": PhysicalSpec()})
    assert (empty.sha256, area(empty), prices(empty), leakage(empty)) == (
        design.sha256,
        area(design),
        prices(design),
        leakage(design),
    )
    assert "physical" not in design.to_toml()
    assert "physical" in physical(design, pads=64).to_toml()


def test_placement_makes_room_for_logic_alone() -> None:
    placed = physical(utilisation=0.5)
    assert area(placed).components["pe_array"].value == pytest.approx(2 * area(SKIP).components["pe_array"].value)
    assert area(placed).components["state_buffer"] == area(SKIP).components["state_buffer"]
    assert chip(placed).side_um > chip(SKIP).side_um  # so the bus is longer
    assert prices(placed)[catalogue.FIFO_WORD].value > prices(SKIP)[catalogue.FIFO_WORD].value
    assert area(placed).basis == "placed: cells fill 0.5 of the core; cells and macros; no pads"


def test_pads_around_a_large_and_around_a_small_core() -> None:
    """A ring of 180 um; 100 pads of 80 um need an edge of 2 mm, of which the core fills 1.06."""
    few, many = (area(physical(pads=count)).components["pads"] for count in (16, 100))
    core = area(SKIP).total_chip
    assert few.value == pytest.approx((math.sqrt(core) + 0.36) ** 2 - core)
    assert many.value == pytest.approx((2.0 + 0.36) ** 2 - core)
    assert few.band.low < few.value < few.band.high
    assert area(physical(pads=100)).basis == "synthesis; cells and macros; 100 pads"


def test_the_clock_tree_runs_in_every_cycle() -> None:
    counted = physical(clock_tree=True)
    assert not SKIP.pe_array.clock_gated
    idle_pj = SKIP.pe_array.pes * prices(SKIP)[catalogue.IDLE_PE_CYCLE].value  # clock pins of PEs and their scratch
    others = sum(pins_pj(block) for name, block in chip(SKIP).built.items() if name not in ("pe_array", "scratch"))
    others += SKIP.pe_array.pes * 16 * register_bits(1).clock_pj  # the flags of the sums
    others_pj = LogicPrice(others).figure(conditions(SKIP), 0.0).value
    assert others_pj > 0
    assert clock_tree(SKIP).value == pytest.approx(0.5 * (idle_pj + others_pj))
    for cycles in (100, 200):
        report = energy(counted, Ledger(), cycles=cycles, tokens=4)
        assert report.components["clock_tree"].value == pytest.approx(clock_tree(SKIP).value * cycles / 4)
    assert report.total_chip == pytest.approx(
        energy(SKIP, Ledger(), cycles=200, tokens=4).total_chip + report.components["clock_tree"].value
    )


def test_what_is_left_out_is_said() -> None:
    said = [energy(design, Ledger(), 1, 1).left_out for design in (SKIP, physical(clock_tree=True, pads=64))]
    assert said[0] == ("clock tree, program store and long wires", "DRAM controller", "pads")
    assert said[1] == ("program store and long wires", "DRAM controller")


def test_a_run_reports_tree_and_pads() -> None:
    trace = synthesize(32, 10, 0.3, sequences=SKIP.lanes, steps=2)
    report = simulate(physical(clock_tree=True, pads=64), trace, "burst", scope="recurrent")
    assert report.energy.components["clock_tree"].value > 0
    assert report.area.components["pads"].value > 0


def test_sram_at_a_supply_of_its_own() -> None:
    low = physical(sram_voltage_v=0.9)
    ratio = prices(low)[catalogue.H_READ].value / prices(SKIP)[catalogue.H_READ].value
    assert ratio == pytest.approx(0.75**2)
    assert prices(low)[catalogue.H_READ].band.high == pytest.approx(0.75 * prices(SKIP)[catalogue.H_READ].value)
    assert prices(low)[catalogue.MAC] == prices(SKIP)[catalogue.MAC]
    slower = {r.part: r.needed_ns for r in reaches(low) if r.banks}
    assert all(r.needed_ns < slower[r.part] for r in reaches(SKIP) if r.banks and r.part != "scratch")


def test_a_low_power_process_needs_more_stages() -> None:
    assert clock_problems(SKIP) == ()
    assert any(line.startswith("pe_array") for line in clock_problems(physical(flavour="low-power")))
    assert leakage(physical(flavour="low-power"))["pe_array"].value < leakage(SKIP)["pe_array"].value
    assert leakage(physical(flavour="general-purpose"))["state_buffer"].value > leakage(SKIP)["state_buffer"].value


def figures(design: Design) -> list[float]:
    """Area, leakage and the energy of every action but those that a pipeline's registers are part of."""
    cost = [figure.value for figure in prices(design).values()]
    return [area(design).total_chip, sum(f.value for f in leakage(design).values()), *cost]


def no_more(less: Design, more: Design) -> bool:
    return all(a <= b * (1 + 1e-9) for a, b in zip(figures(less), figures(more), strict=True))


@settings(max_examples=15)  # each makes tables of memories of its own
@given(st.tuples(st.floats(0.3, 1.0), st.floats(0.3, 1.0)).map(sorted))
def test_a_denser_core_costs_no_more(shares: list[float]) -> None:
    loose, dense = (physical(utilisation=share) for share in shares)
    assert no_more(dense, loose)


@settings(max_examples=15)  # each makes tables of memories of its own
@given(st.tuples(st.floats(-40, 125), st.floats(-40, 125)).map(sorted))
def test_a_hotter_chip_costs_no_less(celsius: list[float]) -> None:
    cool, hot = (physical(temperature_c=at) for at in celsius)
    assert no_more(cool, hot)


@settings(max_examples=15)  # each makes tables of memories of its own
@given(st.tuples(st.integers(4, 400), st.integers(4, 400)).map(sorted))
def test_more_pads_take_no_less_area(counts: list[int]) -> None:
    few, many = (physical(pads=count) for count in counts)
    assert no_more(few, many)


def test_no_node_costs_more_than_an_older_one() -> None:
    """At a clock that even 130 nm reaches without a further stage, so that the machine is the same at every node."""
    slow = SKIP.override({"clock_mhz": 20})
    for older, newer in itertools.pairwise(NODES):
        old, new = (slow.override({"node_nm": node}) for node in (older, newer))
        assert area(new).total_chip < area(old).total_chip
        for action, figure in prices(new).items():
            assert figure.value <= prices(old)[action].value, (older, newer, action)


def test_a_node_beyond_the_tables_carries_its_band_and_says_so() -> None:
    at_28 = area(SKIP.override({"node_nm": 28})).components["state_buffer"]
    assert at_28.band.low < at_28.value < at_28.band.high
    assert "32 nm scaled to 28 nm by published cells" in at_28.source
    rows = {(row.component, row.figure): row for row in explain(SKIP.override({"node_nm": 28}))}
    assert "between 20 and 32 nm" in rows["logic", "energy over 45 nm"].source
    assert rows["SRAM", "area over its table"].high > 1


def test_explain_shows_the_section_with_its_sources() -> None:
    design = physical(utilisation=0.7, clock_tree=True, pads=64, flavour="low-power", temperature_c=85)
    rows = {(row.component, row.figure): row for row in explain(design)}
    assert rows["physical", "utilisation"].value == 0.7
    assert rows["clock_tree", "energy of a cycle"].value == clock_tree(design).value
    assert "SG13G2" in rows["pads", "area"].source
    assert "low-power by CACTI's devices; at 85 C" in rows["pe_array", "leakage"].source
    delay = rows["logic", "delay over 45 nm"]
    assert delay.low < delay.value < delay.high
    assert "physical" not in {row.component for row in explain(SKIP)}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"utilisation": 0.2}, "physical.utilisation: Input should be greater than or equal to 0.3, not 0.2"),
        ({"pads": 2}, "physical.pads: Input should be greater than or equal to 4, not 2"),
        ({"flavour": "rf"}, "physical.flavour: Input should be 'general-purpose' or 'low-power', not 'rf'"),
        ({"temperature_c": 200.0}, "physical.temperature_c: Input should be less than or equal to 125, not 200.0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadInput, match=f"^design skip-65nm: {rule}$"):
        physical(**values)
