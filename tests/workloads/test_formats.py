"""Every number format keeps the same promises."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from archsim.trace import BadInput
from workloads import formats

CODES = {"float32": None, "fixed8": range(-127, 128), "ternary": (-1, 0, 1), "binary": (-1, 1)}
BITS = {"float32": 32, "fixed8": 8, "ternary": 2, "binary": 1}

every_format = pytest.mark.parametrize("fmt", formats.ALL, ids=lambda f: f.name)
matrices = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-4, 4, width=32, allow_nan=False)
)


def test_every_format_is_covered_here():
    assert {f.name: f.bits for f in formats.ALL} == BITS


@every_format
@given(weights=matrices)
def test_packing_keeps_every_code_in_its_true_width(fmt, weights):
    codes = fmt.quantize(weights, fmt.fit_scale(weights))
    packed = fmt.pack(codes)
    assert packed.dtype == np.uint8
    assert packed.shape == (-(-weights.size * BITS[fmt.name] // 8),)
    unpacked = fmt.unpack(packed, weights.shape)
    assert unpacked.dtype == codes.dtype
    np.testing.assert_array_equal(unpacked, codes)


@every_format
@given(weights=matrices)
def test_quantized_weights_are_representable_and_stay_so(fmt, weights):
    scale = fmt.fit_scale(weights)
    assert scale > 0
    codes = fmt.quantize(weights, scale)
    assert codes.shape == weights.shape
    if (allowed := CODES[fmt.name]) is not None:
        assert codes.dtype == np.int8
        assert set(codes.ravel().tolist()) <= set(allowed)
    np.testing.assert_array_equal(fmt.quantize(codes.astype(np.float64) * scale, scale), codes)


@given(weights=matrices)
def test_fixed_point_rounds_to_nearest_on_a_power_of_two_scale(weights):
    fixed = formats.by_name("fixed8")
    scale = fixed.fit_scale(weights)
    assert np.log2(scale) == round(np.log2(scale))
    error = np.abs(fixed.quantize(weights, scale).astype(np.float64) * scale - weights)
    assert error.max() <= scale / 2
    if scale > 2.0**-126 and weights.any():
        assert np.abs(weights).max() > 127 * scale / 2  # half the scale would not hold the largest weight


def test_ternary_and_binary_take_the_likelier_value():
    # RBT at alpha = 1: P(w != 0) = |w| and P(+1) = (w + 1) / 2, so the switch is at 0.5 and at 0.
    weights = np.array([[-0.9, -0.51, -0.49, 0.0, 0.49, 0.51, 2.0]])
    np.testing.assert_array_equal(formats.by_name("ternary").quantize(weights, 1.0), [[-1, -1, 0, 0, 0, 1, 1]])
    np.testing.assert_array_equal(formats.by_name("binary").quantize(weights, 1.0), [[-1, -1, -1, 1, 1, 1, 1]])


def test_alpha_is_half_the_glorot_bound_of_the_fused_matrix():
    weights = np.zeros((4 * 512, 83))
    assert formats.by_name("ternary").fit_scale(weights) == pytest.approx((6 / (83 + 4 * 512)) ** 0.5 / 2)


@every_format
def test_a_wrong_byte_count_is_refused(fmt):
    message = rf"packed weights of shape \(3, 4\) at {fmt.bits} bits must be \d+ bytes, not 1$"
    with pytest.raises(ValueError, match=message):
        fmt.unpack(np.zeros(1, np.uint8), (3, 4))


def test_a_ternary_code_that_stands_for_nothing_is_refused():
    with pytest.raises(ValueError, match="code 2, which stands for no weight"):
        formats.by_name("ternary").unpack(np.array([0b10], np.uint8), (1, 4))


def test_an_unknown_format_is_refused_by_name():
    with pytest.raises(BadInput, match=re.escape("must be one of float32, fixed8, ternary, binary, not 'fp4'")):
        formats.by_name("fp4")
