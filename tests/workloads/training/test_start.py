"""What training does not start from is refused by name, before a batch is run."""

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.importers.network import FloatDense, FloatLayer, Formats, ImportedNetwork, make_layer, to_model
from workloads.training.recipe import load_recipe

pytest.importorskip("torch")
pytestmark = pytest.mark.train


def weights(*shape):
    return np.full(shape, 0.1, np.float32)


def layer(cell="lstm", **more):
    made = make_layer(cell, weights(16, 8), weights(16, 4), None, None)
    return FloatLayer(**vars(made) | more)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"layers": (layer(reverse=True),)}, r"layers\.0: reads in reverse"),
        ({"pooling": "mean"}, "readout: mean pooling"),
        ({"head": (FloatDense(weights(4, 4), weights(4)),)}, r"readout: dense layers below it \(a head\)"),
        ({"dense": FloatDense(weights(8, 3), weights(8))}, "input: a dense layer before the recurrent ones"),
        (
            {
                "layers": (layer(recurrent_weight=weights(16, 2), projection=weights(2, 4)),),
                "readout_weight": weights(10, 2),
            },
            r"layers\.0: h is projected",
        ),
        (
            {"layers": (layer("lstm-peephole", peepholes=weights(3, 4)),)},
            r"layers\.0: its gates see c \(peepholes\)",
        ),
    ],
)
def test_networks_that_training_has_not_are_refused_by_name(tmp_path, network, message):
    from workloads.training import start
    from workloads.training.train import build

    fields = {"input": "vector", "layers": (layer(),), "readout_weight": weights(10, 4), "when": "last_step"} | network
    to_model(ImportedNetwork(**fields), "own", Formats()).save(tmp_path / "own.safetensors")
    ours = build(load_recipe("smnist-rows-lstm100-float"))
    expected = f"^start_from .*own.safetensors: {message}: training is of stacked layers that read forwards and a plain"
    with pytest.raises(BadInput, match=expected):
        start.load(str(tmp_path / "own.safetensors"), ours, None)


def test_a_recipe_of_a_cell_that_is_not_trained_is_refused():
    recipe = load_recipe("smnist-rows-lstm100-float")
    with pytest.raises(BadInput, match="cell: lstm-peephole is not trained here; train an lstm, or import a trained"):
        recipe.changed(cell="lstm-peephole")
