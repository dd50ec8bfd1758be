"""Node and supply, compared with values worked out by hand from the published coefficients."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim import catalogue
from archsim.costs import area, leakage
from archsim.costs.block import wires_pj
from archsim.costs.conditions import conditions
from archsim.costs.devices import low_power_delay
from archsim.costs.library import chip
from archsim.costs.model import prices
from archsim.costs.technology import NODES, area_scale, delay_scale, energy_scale, lowest_supply, nominal_supply
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.specs.physical import Flavour

SKIP = load_design("skip-65nm")


def bus_pj(design: Design) -> float:
    """The energy of a word of weights on its way to the PEs."""
    return wires_pj(conditions(design), design.bus_word_bits, chip(design).side_um)


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
    with pytest.raises(BadInput, match=r"^costs: voltage_v at 65 nm must be 0.7 to 1.21 V, not 1.3$"):
        energy_scale(65, 1.3)


FLAVOURS: tuple[Flavour | None, ...] = (None, "general-purpose", "low-power")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_no_node_is_worse_than_an_older_one_at_its_own_supply(flavour: Flavour | None) -> None:
    assert NODES == (130, 90, 65, 45, 40, 32, 28, 22, 16, 14, 10, 7)
    for factor in (
        lambda node: area_scale(node).mid,
        lambda node: energy_scale(node, None, flavour),
        lambda node: delay_scale(node, None, flavour),
    ):
        assert [factor(n) for n in NODES] == sorted(map(factor, NODES), reverse=True)


def test_interpolated_nodes_lie_between_the_published_ones() -> None:
    assert area_scale(28).mid == pytest.approx((0.46 * 8 + 0.21 * 4) / 12)
    assert area_scale(40).mid == pytest.approx((1.0 * 8 + 0.46 * 5) / 13)
    assert delay_scale(32) == delay_scale(22) > 0.62  # of the polynomial at 32 nm; see the module


@settings(max_examples=50)
@given(
    st.sampled_from(NODES),
    st.sampled_from(FLAVOURS),
    st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(sorted),
)
def test_more_supply_is_faster_and_takes_more_energy(node: int, flavour: Flavour | None, shares: list[float]) -> None:
    nominal, lowest = nominal_supply(node, flavour), lowest_supply(node)
    low, high = (lowest + share * (1.1 * nominal - lowest) for share in shares)
    assert energy_scale(node, low, flavour) <= energy_scale(node, high, flavour)
    assert delay_scale(node, low, flavour) >= delay_scale(node, high, flavour) * (1 - 1e-9)


def test_overdrive_by_hand() -> None:
    """The alpha-power law with the threshold of CACTI's devices at 65 nm, 0.19491 V."""
    ratio = (1.21 / (1.21 - 0.19491) ** 1.3) / (1.1 / (1.1 - 0.19491) ** 1.3)
    assert delay_scale(65, 1.21) == pytest.approx(delay_scale(65) * ratio)
    assert delay_scale(65, 1.1 + 1e-7) == pytest.approx(delay_scale(65))  # no step


def test_a_low_power_process_is_slower_at_a_supply_of_its_own() -> None:
    """V / I_on of CACTI's devices: at 45 nm 1.1 / 666.2 against 1.0 / 2046.6, 3.4 times, of which the mean is 2.4."""
    assert low_power_delay().low < 2 < low_power_delay().mid < 3 < low_power_delay().high
    assert delay_scale(45, None, "low-power") == pytest.approx(low_power_delay().mid)
    assert energy_scale(65, None, "low-power") == energy_scale(65, 1.2)


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
    for end in ("mid", "high"):
        assert getattr(scratch[0], end) == pytest.approx(getattr(scratch[1], end) * 0.9 / 1.1)
    assert scratch[0].low == pytest.approx(scratch[1].low * 0.9 / 1.1 * math.exp(-0.2 * 0.1 / 0.035))  # the barrier
    assert leakage(low)["state_buffer"] == leakage(SKIP)["state_buffer"]


def test_a_supply_outside_the_law_is_refused() -> None:
    for volt, node_nm, highest in ((0.6, 65, 1.21), (1.0, 22, 0.88)):
        design = load_design("skip-65nm").override({"node_nm": node_nm, "voltage_v": volt})
        with pytest.raises(
            BadInput, match=f"^costs: voltage_v at {node_nm} nm must be 0.7 to {highest:g} V, not {volt:g}$"
        ):
            area(design)
