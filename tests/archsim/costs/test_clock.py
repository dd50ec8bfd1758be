"""Timing closure: pipeline stages, banks, and what neither can fix."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim import catalogue, designs
from archsim.costs import area, clock_problems, leakage
from archsim.costs.blocks.activation_unit import datapath
from archsim.costs.blocks.pe_array import pe_of
from archsim.costs.clock import extra_stages, reachable, reaches
from archsim.costs.logic import least_stage_ns, stage_ns, stages
from archsim.costs.model import prices
from archsim.costs.technology import delay_scale
from archsim.design import load_design

SKIP = load_design("skip-65nm").override({"activation_unit.depth_cycles": 8})
FULL = load_design("rbt-low-power-full")


def test_a_design_that_meets_its_clock_has_no_problems() -> None:
    assert clock_problems(SKIP) == ()


def test_a_problem_names_part_need_and_remedy() -> None:
    # the 12 x 12 ripple PE: 2.76 ns at 45 nm, times 1.569
    assert clock_problems(FULL)[0] == (
        "pe_array: takes 4.33 ns, the clock allows 2.50 ns: 2 pipeline stages (their registers are priced)"
    )
    shallow = clock_problems(SKIP.override({"activation_unit.depth_cycles": 2}))
    assert shallow == (
        "activation_unit: takes 10.47 ns, the clock allows 5.00 ns: 5 pipeline stages (their registers are priced)",
    )


def test_the_curve_decides_how_many_stages_the_activation_unit_takes() -> None:
    """Two curves in a row, gate and tanh: a table is faster than shifts and adds, and a multiplication is slower."""

    def stages_flagged(kind: str, entries: int) -> tuple[int, bool]:
        values: dict[str, Any] = {
            "activation_unit.curve": kind,
            "activation_unit.entries": entries,
            "activation_unit.depth_cycles": 4,
        }
        design = SKIP.override(values)
        flagged = any(line.startswith("activation_unit") for line in clock_problems(design))
        return datapath(design).stages, flagged

    assert stages_flagged("table", 256) == (4, False)
    assert stages_flagged("segments", 4) == (5, True)
    assert stages_flagged("segments", 20) == (6, True)


def test_a_lower_supply_reaches_a_slower_clock() -> None:
    """The clock falls by the ratio of the delays; logic that then misses it is flagged, and memories are no slower."""
    nominal, low = ({r.part: r.reach_mhz for r in reaches(SKIP.override({"voltage_v": v}))} for v in (1.1, 0.8))
    slower = delay_scale(65, 0.8) / delay_scale(65)
    assert slower > 1.5
    assert low["skip_encoder"] == pytest.approx(nominal["skip_encoder"] / slower)
    assert low["state_buffer c"] == nominal["state_buffer c"]
    assert any(line.startswith("pe_array") for line in clock_problems(SKIP.override({"voltage_v": 0.8})))


def test_what_no_stage_and_no_bank_fixes_says_so() -> None:
    fast = clock_problems(SKIP.override({"clock_mhz": 2000, "weight_memory.capacity_kib": 64}))
    assert "weight_memory: takes 0.74 ns, the clock allows 0.50 ns: no number of banks meets it" in fast
    beyond = clock_problems(SKIP.override({"clock_mhz": 4000}))
    assert any(line.endswith("the clock allows 0.25 ns: no number of pipeline stages meets it") for line in beyond)
    assert delay_scale(65) * least_stage_ns() == pytest.approx(0.264, abs=0.001)


@pytest.mark.parametrize(("mhz", "extra"), [(200, 0), (400, 2), (4000, None)])
def test_stages_beyond_those_of_the_design(mhz: int, extra: int | None) -> None:
    """As many as the lines of `clock_problems` say, less those that the design has anyway."""
    design = SKIP.override({"clock_mhz": mhz, "sequencer.empty_burst_cycles": 1})
    assert extra_stages(design) == extra
    assert reachable(design) == (extra is not None)
    said = [int(line.split(": ")[2].split()[0]) for line in clock_problems(design) if "(their registers" in line]
    given = {"pe_array": 1, "activation_unit": design.activation_unit.depth_cycles}
    parts = [line.split(":")[0] for line in clock_problems(design) if "(their registers" in line]
    if extra is not None:
        assert extra == sum(said) - sum(given[part] for part in parts)


def test_banks_are_no_problem() -> None:
    """256 KiB in one bank at 65 nm have a cycle of more than 2 ns; split into banks they meet 800 MHz."""
    design = load_design("edge-resident").override({"node_nm": 65, "clock_mhz": 800})
    memory = next(r for r in reaches(design) if r.part == "weight_memory")
    assert memory.banks > 1
    assert memory.reach_mhz >= 800
    assert not [line for line in clock_problems(design) if line.startswith("weight_memory")]


@settings(deadline=None)
@given(st.floats(0.1, 20), st.floats(0.17, 20))
def test_as_few_stages_as_meet_the_clock(delay_ns: float, clock_ns: float) -> None:
    count = stages(delay_ns, clock_ns)
    assert stage_ns(delay_ns, count) <= clock_ns * (1 + 1e-9)
    assert count == 1 or stage_ns(delay_ns, count - 1) > clock_ns * (1 - 1e-9)


def test_registers_of_stages_are_in_area_energy_and_leakage() -> None:
    slow, fast = (FULL.override({"clock_mhz": f}) for f in (200, 400))
    assert (pe_of(slow).stages, pe_of(fast).stages) == (1, 2)
    ranks = 100 * 24 * 72.4 / 16 * 1.5e-6  # PEs x bits of a product x a flip-flop at 65 nm
    areas = [area(d).components["pe_array"].value for d in (slow, fast)]
    assert areas[1] - areas[0] == pytest.approx(ranks)
    for of in (lambda d: prices(d)[catalogue.MAC], lambda d: leakage(d)["pe_array"]):
        assert of(fast).value > of(slow).value


@pytest.mark.parametrize("name", designs.ALL)
def test_a_faster_clock_is_never_smaller(name: str) -> None:
    design = load_design(name)
    totals = [area(design.override({"clock_mhz": f})).total_chip for f in (50, 100, 200, 400)]
    assert totals == sorted(totals)
