"""Activation functions by kind and bits (Nangate 45 nm): sigmoid or tanh, as a table or piecewise-linear segments."""

import math
from dataclasses import replace
from functools import cache
from typing import assert_never

from archsim.costs.logic import Logic, by_bits, largest, mix, one_of
from archsim.errors import BadInput
from archsim.specs.activation_unit import Curve

_SHIFT_ADD_SEGMENTS = 4
"""The most segments whose slopes are powers of two (PLAN); more take a multiplier and a table of coefficients."""


@cache
def curve(kind: Curve, size: int, bits: int) -> Logic:
    """The logic of a sigmoid or tanh on `bits`: a table of `size` words, or `size` piecewise-linear segments.

    Three shapes were synthesised: one segment (hard sigmoid), four segments with slopes that are powers of two (PLAN),
    and 256 words of 8 bits as logic. Between one and four segments costs are interpolated; more segments multiply and
    add, with a table of slopes and intercepts. A table's cost is proportional to its bits, and its delay to the bits of
    its address. More words, segments or bits never cost less. BadInput for a size or bits below 1.
    """
    if size < 1 or bits < 1:
        raise BadInput(f"activation costs: size and bits must be at least 1, not {size} and {bits}")
    if kind == "table":
        return _table(size, bits)
    if kind != "segments":
        assert_never(kind)
    one, four = by_bits("hard_sigmoid_x4", bits), by_bits("sigmoid_plan4seg", bits)
    if size <= _SHIFT_ADD_SEGMENTS:
        return mix(one, four, (size - 1) / (_SHIFT_ADD_SEGMENTS - 1))
    # At 2 bits, far below the table, a multiplier and its coefficients would come out cheaper than shifting and adding.
    return largest(_multiplied(size, bits), four)


def _multiplied(segments: int, bits: int) -> Logic:
    """The operand times a slope plus an intercept, both from a table."""
    coefficients, product, sum_ = _table(segments, 2 * bits), by_bits("multiplier", bits, 2), by_bits("adder", bits)
    delay_ns = coefficients.delay_ns + product.delay_ns + sum_.delay_ns
    return replace(coefficients + product + sum_, delay_ns=delay_ns)


def _table(words: int, bits: int) -> Logic:
    cell = one_of("sigmoid_lut256x8").times(words * bits / 2048)
    return replace(cell, delay_ns=cell.delay_ns * max(1.0, math.log2(words)) / 8)
