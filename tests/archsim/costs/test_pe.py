"""Processing elements, compared with the table's rows, and laws that hold for any kind."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.costs.pe import pe, zero_operand_share
from archsim.errors import BadInput

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
    narrow = pe(name, weight, act, product + guard, clock_ns)
    wide = pe(name, weight + (which == "weight"), act + (which == "act"), product + guard + grown, clock_ns)
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


def test_a_shifter_has_its_range() -> None:
    with pytest.raises(BadInput, match=r"^PE costs: a shift PE takes weights of 3 to 6 bits, not 7$"):
        pe("shift", 7, 8, 24, 5.0)
