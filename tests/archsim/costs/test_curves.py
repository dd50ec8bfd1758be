"""Activation functions, compared with the table's rows and the design document, and laws that hold for any size."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archsim.costs.curves import curve
from archsim.costs.fitted import LOGIC_ENERGY_FACTOR
from archsim.costs.technology import area_scale, delay_scale, energy_scale
from archsim.errors import BadInput


@pytest.mark.parametrize(
    ("kind", "entries", "um2", "pj", "ns"),
    [("segments", 4, 269, 0.26, 2.1), ("segments", 20, 2068, 1.34, 5.8), ("segments", 80, 2305, 1.59, 5.9),
     ("table", 256, 506, 0.53, 0.5), ("table", 1024, 2023, 2.11, 0.6), ("table", 4096, 8093, 8.42, 0.8)],
)  # fmt: skip
def test_curves_are_those_of_the_design_document(kind: str, entries: int, um2: float, pj: float, ns: float) -> None:
    cell = curve(kind, entries, 16)
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
    small, large = curve(kind, size, bits), curve(kind, size + more, bits + wider)
    for quantity in ("area_um2", "energy_pj", "leak_nw", "delay_ns"):
        assert getattr(large, quantity) >= getattr(small, quantity) * (1 - 1e-9)
