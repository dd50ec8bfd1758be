"""Node, supply and leakage, compared with values worked out by hand from the published coefficients."""

import pytest

from archsim import catalogue
from archsim.costs import area, leakage
from archsim.costs.block import wires_pj
from archsim.costs.library import chip
from archsim.costs.model import prices
from archsim.costs.technology import area_scale, delay_scale, energy_scale, logic_leakage, sram_leakage
from archsim.design import Design, load_design
from archsim.errors import BadInput

SKIP = load_design("skip-65nm")


def bus_pj(design: Design) -> float:
    """The energy of a word of weights on its way to the PEs."""
    return wires_pj(design, design.bus_word_bits, chip(design).side_um)


NODES = (90, 65, 45, 32, 22)


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
    """Logic, its wires and its leakage follow the supply; memories and DRAM have supplies of their own."""
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
