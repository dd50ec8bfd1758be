"""The read-out and the store of row scales by hand, and what grows with what."""

import pytest

from archsim.costs.block import in_order
from archsim.costs.blocks.activation_unit import norm_pj, norm_store
from archsim.costs.blocks.readout import readout, sums_a_cycle
from archsim.costs.logic import choice_bits, counter, mux_bits, register_bits
from archsim.design import load_design

EDGE, SKIP = load_design("edge-8pe"), load_design("skip-65nm")


def test_the_read_out_of_edge_8pe_by_hand() -> None:
    """Eight PEs onto four rows of 24 bits, three levels after it, 2 x 16 flags, and the place of one unit."""
    place = 1 + 4 + 5 + 11  # bits of a lane, a PE, an entry and a unit
    parts = choice_bits(4 * 24) + mux_bits(4 * 24 * 3) + counter(place) + register_bits(32) + mux_bits(2 * 32)
    assert readout(EDGE).area_um2 == pytest.approx(parts.area_um2)
    assert readout(EDGE).delay_ns == pytest.approx(4 * mux_bits(1).delay_ns)
    assert sums_a_cycle(EDGE) == 4


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("pe_array.tiles", (1, 2, 4, 64)),
        ("pe_array.accumulator_bits", (16, 24, 32)),
        ("pe_array.accumulators", (1, 16, 64)),
        ("pe_array.read_ports", (1, 2, 4)),
        ("activation_unit.units_per_cycle", (1, 2, 4, 8)),
    ],
)
def test_the_read_out_grows_with_what_it_reads(path: str, values: tuple[int, ...]) -> None:
    logic = [readout(SKIP.override({path: value})) for value in values]
    for quantity in ("area_um2", "energy_pj", "leak_nw"):
        sizes = [getattr(each, quantity) for each in logic]
        assert sizes == sorted(sizes)
    assert logic[0].area_um2 < logic[-1].area_um2


def test_the_store_holds_the_scales_of_a_block_for_each_bank_and_of_the_next() -> None:
    """128 sums of a lane are 64 rows of two products at most: 128 scales and 64 shifts of 16 bits, three times."""
    assert norm_store(EDGE) == in_order(EDGE, 2, 16 * 192 * 3, 16 * 12)
    single = EDGE.override({"pe_array.double_buffered": False})
    assert norm_store(single) == in_order(single, 2, 16 * 192 * 2, 16 * 12)


def test_the_store_has_whole_words() -> None:
    """1,000 sums of a lane take 1,500 numbers: 31.25 words of four units, twice."""
    chip = load_design("rbt-high-speed-ternary")
    assert chip.shape.block_sums == 1000
    assert norm_store(chip) == in_order(chip, 2, 16 * 48 * 32 * 2, 16 * 48)


def test_the_store_is_no_larger_than_the_units_of_a_state_need() -> None:
    few = EDGE.override({"state_buffer.units": 8})
    assert norm_store(few) == in_order(few, 2, 16 * 12 * 8 * 3, 16 * 12)


def test_lanes_share_what_is_read_for_a_unit() -> None:
    store = norm_store(SKIP)
    assert norm_pj(SKIP, store) == pytest.approx((store.write_pj + store.read_pj) / 12 / 8)
