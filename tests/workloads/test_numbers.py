"""Fixed-point numbers and shifts, against fractions."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workloads.numbers import Aligned, Number, Saturations, Shift


@given(value=st.integers(-(2**40), 2**40), right=st.integers(-12, 30))
def test_a_shift_rounds_half_up(value, right):
    exact = Fraction(value) / Fraction(2) ** right
    assert Shift.right_by(right)(np.array([value])).tolist() == [math.floor(exact + Fraction(1, 2))]
    rows = Shift.right_by(np.array([right, right + 1]))
    assert rows(np.array([value, value])).tolist() == [
        math.floor(exact + Fraction(1, 2)), math.floor(exact / 2 + Fraction(1, 2))
    ]  # fmt: skip


@given(terms=st.lists(st.tuples(st.integers(-(2**20), 2**20), st.integers(-5, 12)), min_size=1, max_size=4))
def test_an_aligned_sum_is_exact(terms):
    aligned = Aligned.of(*(fraction for _, fraction in terms))
    total = aligned(*(np.array([value]) for value, _ in terms))
    assert Fraction(int(total[0])) / Fraction(2) ** aligned.fraction == sum(
        Fraction(value) / Fraction(2) ** fraction for value, fraction in terms
    )


@given(bits=st.integers(2, 16), largest=st.floats(2.0**-15, 2.0**15))
def test_a_number_is_the_finest_that_reaches(bits, largest):
    number = Number.holding(bits, largest)
    assert -number.low * number.unit >= largest
    assert -number.low * number.unit < 2 * largest
    assert number.integer_bits + number.fraction == bits - 1


def test_a_range_beyond_all_numbers_is_held_as_well_as_can_be():
    assert Number.holding(8, 0.0) == Number(bits=8, fraction=7)
    assert Number.holding(8, 1e9) == Number(bits=8, fraction=-9)
    assert Number.holding(8, 1e-9) == Number(bits=8, fraction=23)


@given(value=st.floats(-5, 5), bits=st.integers(2, 16), fraction=st.integers(-2, 15))
def test_codes_are_nearest_and_clipped(value, bits, fraction):
    number = Number(bits=bits, fraction=fraction)
    (code,) = number.codes(np.array([value])).tolist()
    exact = Fraction(value) * Fraction(2) ** fraction
    assert code == min(max(round(exact), -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)
    assert number.values(np.array([code]))[0] == code * 2.0**-fraction


def test_clips_are_counted():
    saturations = Saturations()
    codes = saturations.clip("state", "h", np.array([-9, -8, 0, 7, 8, 100]), -8, 7)
    assert codes.tolist() == [-8, -8, 0, 7, 7, 7]
    assert (saturations.count("state"), saturations.share("state"), saturations.count("argument")) == (3, 0.5, 0)
    assert saturations.share("argument") == 0.0
