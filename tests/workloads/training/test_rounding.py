"""Weights rounded on a device are those rounded on the host, bit for bit."""

import numpy as np
import pytest

from workloads import formats

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


@pytest.mark.parametrize("weight_format", formats.ALL, ids=lambda weight_format: weight_format.name)
@pytest.mark.parametrize("size", [0.0, 1e-3, 0.1, 1.0, 3.0])
def test_weights_are_rounded_as_on_the_host(weight_format, size):
    from workloads.training import rounding

    weights = (size * np.random.default_rng(1).standard_normal((12, 7))).astype(np.float32)
    weights[0, :5] = 0, 0.25, -0.25, 0.75, -0.75  # zero, and halves between codes
    assert rounding.known(weight_format)
    found = rounding.rounded(weight_format, torch.from_numpy(weights), 4)
    np.testing.assert_array_equal(found.numpy(), formats.rounded(weight_format, weights, gates=4))


def test_a_format_that_was_added_is_not_known():
    from workloads.training import rounding

    assert not rounding.known(object())
