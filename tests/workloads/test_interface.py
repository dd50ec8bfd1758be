"""Networks from Python: names and paths are as good as objects, and arrays as good as tasks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workloads
from archsim.errors import BadInput
from archsim.trace.trace import Trace
from workloads import zoo
from workloads.record import record
from workloads.tasks.normalisation import Normalisation

NAME = "wp-lstm256-ternary"


def test_a_shipped_model_is_recorded_by_name(tmp_path: Path) -> None:
    out = str(tmp_path / "t.npz")
    trace = workloads.record_trace(NAME, sequences=2, steps=5, out=out)
    expected = record(zoo.load_model(NAME), "validation", 2, 5)
    assert trace.sha256 == expected.sha256 == Trace.load(out).sha256


def test_arrays_take_the_place_of_a_task(tmp_path: Path) -> None:
    model = zoo.load_model(NAME)
    tokens = np.random.default_rng(1).integers(0, 83, (12, 3)).astype(np.uint8)
    small = workloads.quantize(zoo.load_model("wp-lstm256-float"), tokens, weight_bits=5, activation_bits=6)
    assert (small.spec.widths.weight_bits, small.spec.widths.activation_bits) == (5, 6)
    trace = workloads.record_trace(model, tokens)
    assert (trace.steps, trace.sequences) == (12, 3)
    np.testing.assert_array_equal(trace.arrays["x"][:], tokens)


def test_files_are_named_by_text_as_well(tmp_path: Path) -> None:
    file = str(tmp_path / "m.safetensors")
    model = zoo.load_model(NAME)
    model.save(file)
    again = workloads.load_model(file)
    assert again.sha256 == model.sha256


def test_a_file_of_inputs_is_as_good_as_their_array(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    tokens = np.random.default_rng(1).integers(0, 83, (12, 3)).astype(np.uint8)
    np.save(file, tokens)
    for given in (str(file), file):
        trace = workloads.record_trace(NAME, given)
        np.testing.assert_array_equal(trace.arrays["x"][:], tokens)
        small = workloads.quantize("wp-lstm256-float", given, weight_bits=4, activation_bits=8)
        assert small.sha256 == workloads.quantize("wp-lstm256-float", tokens, weight_bits=4, activation_bits=8).sha256


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (3.0, r"inputs must be \(steps, sequences\) or \(steps, sequences, size\), not \(\)"),
        (np.zeros(4), r"inputs must be \(steps, sequences\) or .*, not \(4,\)"),
        (np.zeros((0, 2), np.uint8), r"inputs must hold at least one number, not \(0, 2\)"),
        ([["a"]], "inputs must be integers or floats, not <U1"),
        ([[1], [1, 2]], "inputs must be an array: "),
        ([[np.nan]], "inputs must be finite; 1 of 1 are not"),
        (np.zeros((2, 2, 5)), r"inputs must be symbols \(steps, sequences\), not float64 \(2, 2, 5\)"),
        ("no.npy", "no.npy: no such file of inputs"),
    ],
)
def test_inputs_that_are_none_are_one_line(inputs: Any, said: str) -> None:
    for call in (workloads.quantize, workloads.record_trace):
        with pytest.raises(BadInput, match=said) as caught:
            call("wp-lstm256-float", inputs)
        assert "\n" not in str(caught.value)


def test_it_is_said_whether_inputs_are_normalised() -> None:
    model = zoo.load_model("spoken-gru64-float")
    vectors = np.random.default_rng(1).normal(size=(6, 2, model.config.input.width)).astype(np.float32)
    with pytest.raises(BadInput, match="has no normalisation; leave raw=True out"):
        workloads.record_trace(model, vectors, raw=True)
    width = model.config.input.width
    method = Normalisation(method="standard", offset=(1.0,) * width, scale=(2.0,) * width)
    reads = replace(model, config=model.config.model_copy(update={"task": None, "normalisation": method}))
    with pytest.raises(BadInput, match=r"reads normalised numbers \(standard\); say raw=True where .* raw=False where"):
        workloads.record_trace(reads, vectors)
    expected = workloads.record_trace(model, method(vectors)).arrays["h"][:]
    np.testing.assert_array_equal(workloads.record_trace(reads, vectors, raw=True).arrays["h"][:], expected)
    as_they_are = workloads.record_trace(reads, method(vectors), raw=False).arrays["h"][:]
    np.testing.assert_array_equal(as_they_are, expected)


def test_mistakes_are_said() -> None:
    with pytest.raises(BadInput, match="settings: weight_bits: "):
        workloads.quantize("wp-lstm256-float", np.zeros((4, 1), np.uint8), weight_bits=40)
    with pytest.raises(AttributeError, match="module 'workloads' has no attribute 'nothing'"):
        getattr(workloads, "nothing")  # noqa: B009  the very call that `workloads.nothing` is
    names = {"Choices", "Model", "accuracy", "import_model", "load_model", "own_task", "quantize", "record_trace"}
    assert names <= set(dir(workloads))
    assert all(hasattr(workloads, name) for name in names)
