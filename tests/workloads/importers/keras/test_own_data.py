"""A model of Keras on a person's own data: its figure is the one that Keras computes on them."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is imported

from typing import Any

import numpy as np
import pytest

from workloads import tasks
from workloads.importers import import_with_report

pytest.importorskip("torch")
keras: Any = pytest.importorskip("keras")
L: Any = keras.layers

pytestmark = [
    pytest.mark.train,
    # NumPy 2 asks tensors of PyTorch for `copy`, which Keras' way of converting them lacks
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

SEQUENCES, STEPS, FEATURES = 90, 12, 3
TASK = """
kind = "{kind}"
files = "data.npz"
inputs = "x"
targets = "y"
layout = "sequences, steps, features"
splits = {{ by = "position", shares = [0.4, 0.2, 0.4] }}
"""
TEST = slice(54, 90)


@pytest.fixture
def prepared(tmp_path):
    """A task of drawn data, its test split, and the file of a model."""

    def prepare(kind, *ends):
        rng = np.random.default_rng(0)
        x = rng.normal(0, 1, (SEQUENCES, STEPS, FEATURES)).astype(np.float32)
        y = x.mean((1, 2)) if kind == "regression" else (x.sum((1, 2)) > 0).astype(int)
        np.savez(tmp_path / "data.npz", x=x, y=y.astype(np.float32) if kind == "regression" else y)
        (tmp_path / "task.toml").write_text(TASK.format(kind=kind))
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((None, FEATURES)), L.Bidirectional(L.GRU(6)), *ends])
        model.save(tmp_path / "net.keras")
        outputs = keras.ops.convert_to_numpy(model(x[TEST], training=False))
        imported = import_with_report(tmp_path / "net.keras", task=tmp_path / "task.toml")
        found = tasks.by_name(str(tmp_path / "task.toml")).evaluate(imported.model, "test")
        return found, outputs, y[TEST], imported, x[TEST]

    return prepare


def test_classes(prepared):
    found, outputs, y, _, _ = prepared("classification", L.Dense(2, activation="softmax"))
    assert found == pytest.approx(100 * np.mean(outputs.argmax(1) != y), abs=1e-3)


@pytest.mark.parametrize("end", ["sigmoid", "linear"])
def test_two_classes_of_one_score(prepared, end):
    found, outputs, y, imported, x = prepared("classification", L.Dense(1, activation=end))
    scores = outputs[:, 0] > (0.5 if end == "sigmoid" else 0)
    assert found == pytest.approx(100 * np.mean(scores != y), abs=1e-3)
    assert imported.notes[-1] == "the readout has one output, the score of the second class: that of the first is 0"
    assert imported.model.config.readout.outputs == 2
    assert imported.check(x).passed


def test_numbers(prepared):
    found, outputs, y, imported, x = prepared("regression", L.Dense(4, activation="relu"), L.Dense(1))
    assert found == pytest.approx(np.sqrt(np.mean((outputs[:, 0] - y) ** 2)), rel=1e-3)
    assert imported.model.config.readout.outputs == 1
    assert imported.check(x).passed
