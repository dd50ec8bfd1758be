"""Leakage by process, temperature and supply, compared with ratios of published devices worked out by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.costs.devices import devices
from archsim.costs.figures import Band
from archsim.costs.leakage import logic_leakage, sram_leakage
from archsim.costs.technology import NODES
from archsim.specs.physical import Flavour

FLAVOURS: tuple[Flavour | None, ...] = (None, "general-purpose", "low-power")


def test_leakage_bands_by_hand() -> None:
    """Ratios of CACTI's devices at 65 nm: (I_off + I_gate) V."""
    operating, standby = (1.08e-8 + 9.61e-9) * 0.8, (3.64e-11 + 1.09e-10) * 1.2
    assert sram_leakage(65).high == pytest.approx(operating / standby)
    fast_300k, fast_330k = (1.96e-7 + 4.09e-8) * 1.1, (3.05e-7 + 4.09e-8) * 1.1
    band = logic_leakage(65)
    assert band.high / band.mid == pytest.approx(fast_330k / fast_300k)
    assert band.low / band.mid == pytest.approx((9.12e-12 + 1.09e-10) * 1.2 / fast_300k)


def test_a_low_power_process_by_hand() -> None:
    """Between low-standby-power and low-operating-power devices at 65 nm and 300 K."""
    fast = (1.96e-7 + 4.09e-8) * 1.1
    standby, operating = (9.12e-12 + 1.09e-10) * 1.2, (4.9e-9 + 9.61e-9) * 0.8
    band, usual = logic_leakage(65, None, "low-power"), logic_leakage(65).mid
    assert band.low == pytest.approx(usual * standby / fast)
    assert band.mid == pytest.approx(usual * math.sqrt(standby * operating) / fast)


def test_the_devices_pass_through_the_tables_temperatures() -> None:
    """I_off of the 65 nm devices as CACTI has them at 340 and 350 K, which are not used, within 13 %."""
    fast, standby, operating = devices(65)
    for device, at_340k, at_350k in ((fast, 3.49e-7, 3.95e-7), (operating, 1.37e-8, 1.71e-8)):
        assert device.off(330) == pytest.approx(device.off_330k)
        assert device.off(340) == pytest.approx(at_340k, rel=0.13)
        assert device.off(350) == pytest.approx(at_350k, rel=0.13)
    assert standby.off(300) == pytest.approx(9.12e-12)


bands = st.sampled_from([(node, flavour) for node in NODES for flavour in FLAVOURS])


@settings(max_examples=50)
@given(bands, st.tuples(st.floats(-40, 125), st.floats(-40, 125)).map(sorted))
def test_hotter_leaks_more(process: tuple[int, Flavour | None], celsius: list[float]) -> None:
    node, flavour = process
    for leak in (
        lambda at: logic_leakage(node, None, flavour, at),
        lambda at: sram_leakage(node, flavour, at),
    ):
        cool, hot = (leak(at) for at in celsius)
        assert_ordered(cool)
        assert cool.mid <= hot.mid * (1 + 1e-9)


@settings(max_examples=50)
@given(st.sampled_from(FLAVOURS), st.one_of(st.none(), st.floats(-40, 125)))
def test_no_node_leaks_more_than_an_older_one(flavour: Flavour | None, celsius: float | None) -> None:
    mids = [logic_leakage(node, None, flavour, celsius).mid for node in NODES]
    assert mids == sorted(mids, reverse=True)


@settings(max_examples=50)
@given(st.sampled_from((65, 45, 22)), st.tuples(st.floats(0.875, 1.1), st.floats(0.875, 1.1)).map(sorted))
def test_more_supply_leaks_more_and_is_not_flattered(node: int, shares: list[float]) -> None:
    """Below nominal at least in proportion to the supply, and above it at least that."""
    nominal = {65: 1.1, 45: 1.1, 22: 0.8}[node]
    low, high = (logic_leakage(node, share * nominal) for share in shares)
    assert_ordered(low)
    assert low.mid <= high.mid * (1 + 1e-9)
    for share, band in zip(shares, (low, high), strict=True):
        assert band.mid >= logic_leakage(node).mid * share * (1 - 1e-9)


def assert_ordered(band: Band) -> None:
    assert 0 < band.low <= band.mid * (1 + 1e-9) <= band.high * (1 + 2e-9)
