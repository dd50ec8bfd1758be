"""The read-out and the store of row scales by hand, and what grows with what."""

from dataclasses import replace

import pytest

from archsim.costs.block import in_order
from archsim.costs.blocks.activation_unit import norm_pj, norm_store
from archsim.costs.blocks.readout import choices, readout, sums_a_cycle
from archsim.costs.logic import by_bits, counter, mux_bits, register_bits
from archsim.design import load_design

EDGE, SKIP = load_design("edge-8pe"), load_design("skip-65nm")


def turned(words: int, taken: int) -> int:
    """The choices in a rotation, found by following the wanted words back, from the last level to the first."""
    count, wanted = 0, set(range(taken))
    for level in range((words - 1).bit_length()):
        chosen = {word for word in wanted if word + 2**level < words + taken - 1}
        wanted |= {word + 2**level for word in chosen}
        count += len(chosen)
    return count


@pytest.mark.parametrize("words", [1, 2, 3, 8, 24, 100])
def test_a_rotation_has_as_many_choices_as_words_are_wanted_at_its_levels(words: int) -> None:
    for taken in range(1, words + 1):
        assert choices(words, taken) == turned(words, taken)


def test_the_read_out_of_edge_8pe_by_hand() -> None:
    """Eight PEs onto four rows of 24 bits: 7, 5 and 4 choices of a word; three for each row to order them. The place of
    one unit, and what each PE shows."""
    words = mux_bits(24 * (7 + 5 + 4 + 4 * 3))
    position = 3 + 4  # bits of a PE and an entry
    advance = counter(position) + by_bits("adder", position)
    advance = replace(advance, area_um2=advance.area_um2 - register_bits(position).area_um2)
    place = counter(16).area_um2 + register_bits(position).area_um2 + mux_bits(2 * position).area_um2
    parts = words.area_um2 + place + 3 * advance.area_um2 + mux_bits(8 * (4 + 1)).area_um2
    assert readout(EDGE).area_um2 == pytest.approx(parts)
    assert readout(EDGE).delay_ns == pytest.approx((3 + 2) * mux_bits(1).delay_ns)
    assert sums_a_cycle(EDGE) == 4


def test_lanes_are_rotated_apart_and_then_among_each_other() -> None:
    """Eight lanes of 24 PEs, four units a cycle, one in a lane: all but the bits of a sum is counted."""
    words = 8 * (11 + 11 + 7 + 5 + 4) + (7 + 5 + 4) * 4 + 4 * 4 * 3
    few = readout(SKIP).area_um2 - mux_bits(24 * words).area_um2
    wide = SKIP.override({"pe_array.accumulator_bits": 32})
    assert readout(wide).area_um2 - mux_bits(32 * words).area_um2 == pytest.approx(few)


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
