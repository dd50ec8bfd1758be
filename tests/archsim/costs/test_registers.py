"""Register arrays, compared with the rows of the synthesised register files."""

import numpy as np
import pytest

from archsim.costs.logic import register_file
from archsim.costs.macros import ACCESS, AREA, CYCLE, LEAK, READ, WRITE, energy_area
from archsim.costs.registers import Factors, register_arrays, scaled


def test_an_array_of_the_table_is_its_row() -> None:
    """16 words of 16 bits: batch_scratch_16x16_clock_gated. A read and a write share the energy of the row."""
    array = register_arrays(10, 6)[8, 4]
    assert array[AREA] == pytest.approx(1495.5e-6)
    assert array[READ] + array[WRITE] == pytest.approx(1.0967)
    assert array[LEAK] == pytest.approx(26448e-6)
    assert array[ACCESS] == array[CYCLE] == pytest.approx(0.488)


def test_a_write_is_that_of_a_register_and_the_clock_of_the_others() -> None:
    whole, one = register_file(16, 16), register_file(1, 16)
    array = register_arrays(10, 6)[8, 4]
    assert array[WRITE] == pytest.approx(one.energy_pj + whole.clock_pj - one.clock_pj)
    single = register_arrays(10, 6)[4, 4]
    assert single[WRITE] == pytest.approx(one.energy_pj)
    assert single[READ] == pytest.approx(16 * 0.00416)  # one multiplexer a bit


def test_a_narrow_word_lies_in_a_wider_one_where_that_is_better() -> None:
    arrays = register_arrays(14, 8)
    for i in range(14):
        costs = energy_area(arrays[i])
        assert (np.diff(costs) >= 0).all()
        for j in range(8):
            words, bits = 2 ** max(0, i - j), 2**j
            own = register_file(words, bits)
            multiplexer_pj = 0.00416 * bits
            assert costs[j] <= (own.energy_pj + multiplexer_pj) * own.area_um2 * 1e-6 * (1 + 1e-9)


def test_factors_reach_what_they_name() -> None:
    arrays = register_arrays(10, 6)
    ratio = scaled(arrays, Factors(area=2, energy=3, delay=5, leak=7)) / arrays
    assert [ratio[8, 4, q] for q in (AREA, READ, WRITE, ACCESS, CYCLE, LEAK)] == pytest.approx([2, 3, 3, 5, 5, 7])
