"""Networks from Python: names and paths are as good as objects, and arrays as good as tasks."""

from pathlib import Path

import numpy as np
import pytest

import workloads
from archsim.errors import BadInput
from archsim.trace.trace import Trace
from workloads import zoo
from workloads.record import record

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


def test_mistakes_are_said() -> None:
    with pytest.raises(BadInput, match="settings: weight_bits: "):
        workloads.quantize("wp-lstm256-float", np.zeros((4, 1), np.uint8), weight_bits=40)
    with pytest.raises(AttributeError, match="module 'workloads' has no attribute 'nothing'"):
        getattr(workloads, "nothing")  # noqa: B009  the very call that `workloads.nothing` is
    names = {"Choices", "Model", "accuracy", "import_model", "load_model", "own_task", "quantize", "record_trace"}
    assert names <= set(dir(workloads))
    assert all(hasattr(workloads, name) for name in names)
