"""A person's own inputs: which axis is which is said, and never guessed from which is longer."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.record import given_sample


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([None, 1, 4]), st.booleans())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_axes_are_as_said_whichever_is_longer(tmp_path, steps, sequences, features, batch_first):
    shape = (steps, sequences) if features is None else (steps, sequences, features)
    inputs = np.arange(np.prod(shape)).reshape(shape)
    np.save(tmp_path / "x.npy", inputs.swapaxes(0, 1) if batch_first else inputs)
    sample = given_sample(tmp_path / "x.npy", batch_first)
    np.testing.assert_array_equal(sample.inputs, inputs)
    assert sample.lengths.tolist() == [steps] * sequences


@pytest.mark.parametrize(
    ("batch_first", "message"),
    [
        (False, r"x\.npy: inputs must be \(steps, sequences\) or \(steps, sequences, size\), not \(3,\)"),
        (True, r"x\.npy: inputs must be \(sequences, steps\) or \(sequences, steps, size\), not \(3,\)"),
    ],
)
def test_another_number_of_axes_is_refused(tmp_path, batch_first, message):
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(BadInput, match=message):
        given_sample(tmp_path / "x.npy", batch_first)
