"""The rotation of bus words: there only where words are no rows of PEs, and priced with the word."""

import pytest

from archsim import catalogue
from archsim.analysis.explain import explain
from archsim.costs.blocks.rotation import rotation
from archsim.costs.library import chip
from archsim.costs.logic import mux_bits, register_bits
from archsim.costs.model import prices
from archsim.design import load_design

EDGE = load_design("edge-8pe")


def test_words_that_are_rows_need_none() -> None:
    assert rotation(EDGE) is None
    assert chip(EDGE).built["weight_memory"].logic is None
    assert not any("rotation" in row.figure for row in explain(EDGE))


@pytest.mark.parametrize(
    ("bus", "levels"),
    [(6, 2), (7, 3), (4, 1), (16, 1)],  # rows of eight begin at 4 of 8 places in words of 6, at all 8 in words of 7
)
def test_a_rotation_has_a_level_for_each_halving_of_the_places(bus: int, levels: int) -> None:
    design = EDGE.override({"weight_memory.weights_per_cycle": bus})
    by_hand = mux_bits(8 * 8 * levels) + register_bits(bus * 8)
    assert rotation(design).area_um2 == pytest.approx(by_hand.area_um2)
    assert rotation(design).delay_ns == pytest.approx(levels * 0.063)


def test_a_word_pays_for_its_rotation() -> None:
    straight, turned = (EDGE.override({"weight_memory.weights_per_cycle": n}) for n in (8, 7))
    word = prices(turned)[catalogue.FIFO_WORD]
    assert (word.status, prices(straight)[catalogue.FIFO_WORD].status) == ("calibrated", "predicted")
    assert "Nangate" in word.source
    assert any(row.figure == "area of rotation" for row in explain(turned))
