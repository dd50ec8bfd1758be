"""The scale of an import: no other scale that the format may have comes nearer to the weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads import formats

FREE = ("ternary", "binary", "limp-ternary", "limp-binary")


def error(fmt, weights, scale):
    codes = fmt.quantize(weights, scale)
    return float(np.sum((weights - codes * np.reshape(scale, (-1, 1))).astype(np.float64) ** 2))


def drawn(seed, size):
    rng = np.random.default_rng(seed)
    return (rng.standard_t(3, (6, 9)) * size).astype(np.float32)


@pytest.mark.parametrize("name", FREE)
@given(seed=st.integers(0, 99), size=st.floats(2**-6, 2**6))
def test_a_free_scale_has_the_least_squared_error(name, seed, size):
    fmt, weights = formats.by_name(name), drawn(seed, size)
    ours = fmt.closest_scale(weights)
    least = min(error(fmt, weights, ours * k) for k in np.linspace(0.2, 3, 141))
    assert error(fmt, weights, ours) <= least * (1 + 1e-5)
    assert error(fmt, weights, ours) < error(fmt, weights, fmt.fit_scale(weights, 3)) * (1 + 1e-5)


@pytest.mark.parametrize("name", ["pow2-ternary", "fixed4", "fixed8", "fixed3-row", "exponential3"])
@given(seed=st.integers(0, 99), size=st.floats(2**-6, 2**6))
def test_a_power_of_two_is_the_best_one_nearby(name, seed, size):
    fmt, weights = formats.by_name(name), drawn(seed, size)
    ours = fmt.closest_scale(weights)
    assert np.all(np.frexp(ours)[0] == 0.5)
    for k in (0.25, 0.5, 2.0, 4.0):
        assert error(fmt, weights, ours) <= error(fmt, weights, ours * k) * (1 + 1e-5)
    assert np.any(fmt.quantize(weights, ours))


@pytest.mark.parametrize("fmt", formats.ALL, ids=lambda fmt: fmt.name)
def test_zeros_have_a_scale_too(fmt):
    scale = fmt.closest_scale(np.zeros((3, 4), np.float32))
    assert np.all((scale > 0) & np.isfinite(scale))


@pytest.mark.parametrize(
    ("name", "largest", "beyond"),
    [("fixed4", 7.4, 7.6), ("ternary", 1.4, 1.6), ("binary", 1.9, 2.1), ("pow2-ternary", 1.4, 1.6),
     ("exponential3", 1.4, 1.6)],
)  # fmt: skip
def test_reach_is_half_a_step_above_the_largest_code(name, largest, beyond):
    """What lies within it is no further from its code than from where another code would be."""
    fmt = formats.by_name(name)
    assert largest < fmt.reach < beyond
