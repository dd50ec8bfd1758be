"""Sigmoid and tanh in integers: error over every argument, against math.tanh."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.fixed_point import Number, Segments, WordTable, error_table
from workloads.fixed_point.activations import CURVES, error, flat_from, size_bits

EXACT = {"sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2, "tanh": math.tanh}
ARGUMENTS = [
    Number(bits=10, fraction=6),
    Number(bits=8, fraction=6),
    Number(bits=12, fraction=9),
    Number(bits=5, fraction=1),
]


def largest_error(activation) -> float:
    """Argument by argument."""
    codes = range(activation.argument.low, activation.argument.high + 1)
    got = activation(np.array(codes)).tolist()
    worst: float = max(
        abs(y * 2.0 ** (1 - activation.gate_bits) - EXACT[activation.curve](x * 2.0**-activation.argument.fraction))
        for x, y in zip(codes, got, strict=True)
    )
    return worst


@pytest.mark.parametrize("gate_bits", [2, 8, 16])
@pytest.mark.parametrize("argument", ARGUMENTS, ids=str)
@pytest.mark.parametrize("curve", CURVES)
def test_the_error_told_is_the_largest_there_is(curve, argument, gate_bits):
    for activation in (
        WordTable.fit(curve, argument, gate_bits, argument.bits),
        WordTable.fit(curve, argument, gate_bits, 3),
        Segments.fit(curve, argument, gate_bits, split_bits=2),
    ):
        assert error(activation).max_error == pytest.approx(largest_error(activation), abs=1e-12)


@pytest.mark.parametrize("gate_bits", [4, 8, 12])
@pytest.mark.parametrize("argument", ARGUMENTS, ids=str)
@pytest.mark.parametrize("curve", CURVES)
def test_a_word_for_every_argument_is_off_by_half_a_unit_at_most(curve, argument, gate_bits):
    """One unit where tanh, which cannot hold 1, is clipped."""
    table = error(WordTable.fit(curve, argument, gate_bits, argument.bits))
    assert table.max_error_units <= (0.5 if curve == "sigmoid" else 1.0) + 1e-9
    assert table.entries == 2**argument.bits


@pytest.mark.parametrize("curve", CURVES)
def test_no_other_words_are_better(curve):
    """Against every word there is, for each index of a small table."""
    argument, gate_bits, table_bits = Number(bits=7, fraction=4), 7, 4
    table = WordTable.fit(curve, argument, gate_bits, table_bits)
    unit = 2.0 ** (1 - gate_bits)
    low, high = table.coefficient_range
    for index in range(2**table_bits):
        codes = argument.low + index * 8 + np.arange(8)
        exact = [EXACT[curve](code * 2.0**-argument.fraction) for code in codes]
        best = min(max(abs(word * unit - y) for y in exact) for word in range(low, high + 1))
        ours = max(abs(table.coefficients[index] * unit - y) for y in exact)
        assert ours == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("curve", CURVES)
def test_segments_are_near_the_best_straight_lines(curve):
    """Half the largest gap between curve and chord is what the best line of a segment leaves; rounding adds to it."""
    argument, gate_bits = Number(bits=13, fraction=9), 14
    for split_bits in range(4):
        segments = Segments.fit(curve, argument, gate_bits, first_breakpoint=-1, split_bits=split_bits)
        ends = [0.0, *(2.0**k for k in range(-1, 3)), 8.0]
        bounds = [a + (b - a) * k / 2**split_bits for a, b in pairwise(ends) for k in range(2**split_bits)]
        best = 0.0
        for a, b in zip(bounds, [*bounds[1:], 8.0], strict=True):
            x = np.linspace(a, b, 400)
            y = np.array([EXACT[curve](v) for v in x])
            best = max(best, float(np.max(y - (y[0] + (y[-1] - y[0]) * (x - a) / (b - a)))) / 2)
        assert segments.entries == len(bounds)
        assert best * 0.9 < error(segments).max_error < best + 2.5 * 2.0 ** (1 - gate_bits)


@pytest.mark.parametrize("curve", CURVES)
def test_both_rise_and_keep_their_symmetry(curve):
    argument = Number(bits=11, fraction=8)
    codes = np.arange(argument.low, argument.high + 1)
    table, segments = WordTable.fit(curve, argument, 9, 7)(codes), Segments.fit(curve, argument, 9)(codes)
    low, high = (0, 256) if curve == "sigmoid" else (-255, 255)
    for y in (table, segments):
        assert np.all(np.diff(y) >= -1)  # lines that meet may miss each other by a unit
        assert low <= y.min() <= y.max() <= high
    assert np.all(np.abs(table + table[::-1] - (low + high)) <= 1)  # a word serves codes from 16 k to 16 k + 15
    np.testing.assert_array_equal(
        segments[1:] + segments[1:][::-1], np.where(codes[1:] == 0, 2 * segments[1024], low + high)
    )


def test_an_open_gate_is_exactly_one():
    argument = Number.holding(12, flat_from("sigmoid", 8))
    for activation in (WordTable.fit("sigmoid", argument, 8, 12), Segments.fit("sigmoid", argument, 8)):
        assert activation(np.array([argument.high])).tolist() == [128]
        assert activation(np.array([argument.low])).tolist() == [0]


@pytest.mark.parametrize("gate_bits", range(3, 17))
@pytest.mark.parametrize("curve", CURVES)
def test_beyond_the_flat_part_a_curve_is_within_half_a_unit_of_its_limit(curve, gate_bits):
    half_unit = 2.0**-gate_bits
    assert 1 - EXACT[curve](flat_from(curve, gate_bits)) == pytest.approx(half_unit, rel=1e-6)


def test_the_table_of_error_against_size():
    """Twice the words, half the error, until words are as fine as the result; both methods' sizes are told."""
    argument = Number(bits=12, fraction=9)
    rows = error_table("tanh", argument, 12)
    tables = [row for row in rows if row.method == "table"]
    segments = [row for row in rows if row.method == "segments"]
    assert [row.entries for row in tables] == [2**k for k in range(2, 13)]
    assert [row.size_bits for row in tables] == [12 * 2**k for k in range(2, 13)]
    assert [row.size_bits for row in segments] == [row.entries * 2 * 14 for row in segments]
    for coarse, fine in pairwise(tables[1:7]):
        assert fine.max_error == pytest.approx(coarse.max_error / 2, rel=0.25)
    for coarse, fine in pairwise(segments):
        assert fine.max_error < coarse.max_error
    assert all(row.mean_error <= row.max_error for row in rows)
    equal = next(row for row in segments if row.max_error <= tables[5].max_error)
    assert equal.size_bits < tables[5].size_bits  # lines are what small memories want


def test_segments_as_stored_are_what_is_looked_up():
    """The look-up that `__call__` uses equals the integer operations, and exact fractions rounded half up."""
    argument = Number(bits=9, fraction=6)
    for curve in CURVES:
        segments = Segments.fit(curve, argument, 8, split_bits=1)
        codes = np.arange(argument.low, argument.high + 1)
        np.testing.assert_array_equal(segments(codes), segments.line(codes))
        slopes, intercepts = np.split(segments.coefficients, 2)
        for a in range(argument.high + 1):
            k = int(segments.segment(np.array([a]))[0])
            slope = Fraction(int(slopes[k]), 2 ** (9 if curve == "tanh" else 11))
            exact = slope * Fraction(a, 2**6) + Fraction(int(intercepts[k]), 2**9)
            expected = min(math.floor(exact * 2**7 + Fraction(1, 2)), 127 if curve == "tanh" else 128)
            assert int(segments(np.array([a]))[0]) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda n: WordTable.fit("tanh", n, 8, 11), "table_bits must be between 1 and the argument's 10, not 11"),
        (lambda n: WordTable.fit("tanh", n, 8, 0), "table_bits must be between 1 and the argument's 10, not 0"),
        (lambda n: Segments.fit("tanh", n, 8, split_bits=9), "split_bits must be between 0 and 8, not 9"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make(Number(bits=10, fraction=7))


def test_size_is_that_of_the_coefficients():
    argument = Number(bits=10, fraction=7)
    assert size_bits(WordTable.fit("tanh", argument, 8, 6)) == 64 * 8
    assert size_bits(Segments.fit("tanh", argument, 8, split_bits=0)) == 4 * 2 * 10  # [0, 1/2), then 1/2, 1, 2 to 4
