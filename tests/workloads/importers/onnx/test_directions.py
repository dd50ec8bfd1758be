"""Layers in either direction, with peepholes, by whatever nodes they are made of."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput

pytest.importorskip("onnxruntime")

from tests.workloads.importers.onnx.graphs import (
    FLOAT,
    GATES,
    computed,
    imported,
    node,
    runtime,
    saved,
    weights,
)

D, H, T, B = 3, 4, 7, 2
X = {"x": (FLOAT, ("t", "b", D))}
ONE, ROWS = np.array([1]), np.array([0, 0, -1])


def inputs(seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (T, B, D)).astype(np.float32)


def renamed(arrays: dict[str, Any], suffix: str) -> dict[str, Any]:
    return {f"{name}{suffix}": array for name, array in arrays.items()}


@settings(max_examples=25)
@given(
    op=st.sampled_from(sorted(GATES)),
    direction=st.sampled_from(["forward", "reverse", "bidirectional"]),
    end=st.sampled_from(["every", "position", "state", "states exchanged"]),
    peepholes=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_every_direction_computes_what_onnx_runtime_computes(tmp_path_factory, op, direction, end, peepholes, seed):
    """Two layers, whose second reads the first in the order of tf2onnx and PyTorch, and a readout."""
    rng, ways = np.random.default_rng(seed), 2 if direction == "bidirectional" else 1
    constants = {
        "one": ONE,
        "rows": ROWS,
        "last": np.array(-1),
        "V": rng.normal(0, 1, (ways * H, 2)).astype(np.float32),
    }
    nodes, source = [], "x"
    for k, width in enumerate((D, ways * H)):
        constants |= renamed(weights(rng, op, width, H, ways), str(k))
        names = [f"{name}{k}" for name in "WRB"]
        if op == "LSTM" and peepholes:
            constants[f"P{k}"] = rng.normal(0, 0.5, (ways, 3 * H)).astype(np.float32)
            names += ["", "", "", f"P{k}"]
        nodes += [
            node(op, [source, *names], [f"y{k}", f"end{k}"], hidden_size=H, direction=direction),
            node("Transpose", [f"y{k}"], [f"t{k}"], perm=[0, 2, 1, 3]),
            node("Reshape", [f"t{k}", "rows"], [f"h{k}"]),
        ]
        source = f"h{k}"
    nodes += {
        "every": [node("Identity", ["h1"], ["v"])],
        "position": [node("Gather", ["h1", "last"], ["v"], axis=0)],
        "state": [node("Transpose", ["end1"], ["e"], perm=[1, 0, 2]), node("Flatten", ["e"], ["v"])],
        "states exchanged": [
            node("Split", ["end1"], [f"s{k}" for k in range(ways)], num_outputs=ways),
            *(node("Squeeze", [f"s{k}", "zero"], [f"q{k}"]) for k in range(ways)),
            node("Concat", [f"q{k}" for k in reversed(range(ways))], ["v"], axis=-1),
        ],
    }[end]
    path = tmp_path_factory.mktemp("made") / "m.onnx"
    saved(path, [*nodes, node("MatMul", ["v", "V"], ["y"])], constants | {"zero": np.array([0])}, X)
    model, _ = imported(path)
    x = inputs(seed)
    np.testing.assert_allclose(computed(model, x), runtime(path, x), rtol=0, atol=1e-5)
    assert len(model.layers) == 2 * ways


FLIPPED = {
    "slice": [node("Slice", ["x", "start", "end", "zero", "back"], ["r"])],
    "sequences first": [
        node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
        node("Slice", ["xt", "start", "end", "one", "back"], ["rt"]),
        node("Transpose", ["rt"], ["r"], perm=[1, 0, 2]),
    ],
}
BOUNDS = {"start": np.array([-1]), "end": np.array([-(2**62)]), "zero": np.array([0]), "back": np.array([-1])}


@pytest.mark.parametrize("way", sorted(FLIPPED))
@pytest.mark.parametrize("reverse_first", [True, False])
def test_a_sequence_turned_round_is_a_layer_that_reads_in_reverse(tmp_path, way, reverse_first):
    """Two nodes of different cells, whose outputs are joined: a bidirectional layer."""
    rng = np.random.default_rng(1)
    constants = renamed(weights(rng, "LSTM", D, H), "f") | renamed(weights(rng, "GRU", D, 5), "r") | BOUNDS
    constants |= {"one": ONE, "V": rng.normal(0, 1, (H + 5, 2)).astype(np.float32)}
    forward = [node("LSTM", ["x", "Wf", "Rf", "Bf"], ["yf"], hidden_size=H), node("Squeeze", ["yf", "one"], ["hf"])]
    backward = [
        *FLIPPED[way],
        node("GRU", ["r", "Wr", "Rr", "Br"], ["yr"], hidden_size=5),
        node("Squeeze", ["yr", "one"], ["hr"]),
        node("Slice", ["hr", "start", "end", "zero", "back"], ["hb"]),
    ]
    layers = [*backward, *forward] if reverse_first else [*forward, *backward]
    joined = [node("Concat", ["hf", "hb"], ["h"], axis=-1), node("MatMul", ["h", "V"], ["y"])]
    path = saved(tmp_path / "m.onnx", [*layers, *joined], constants, X)
    model, _ = imported(path)
    np.testing.assert_allclose(computed(model, inputs()), runtime(path, inputs()), rtol=0, atol=1e-5)
    assert [(layer.cell, layer.reverse) for layer in model.config.layers] == [("lstm", False), ("gru-classic", True)]


def test_the_sum_of_both_directions_is_a_dense_layer(tmp_path):
    rng = np.random.default_rng(2)
    nodes = [
        node("GRU", ["x", "W", "R", "B"], ["h"], hidden_size=H, direction="bidirectional", linear_before_reset=1),
        node("Split", ["h"], ["f", "b"], axis=1, num_outputs=2),
        node("Add", ["f", "b"], ["s"], name="both"),
        node("Squeeze", ["s", "one"], ["v"]),
        node("MatMul", ["v", "V"], ["y"]),
    ]
    constants = weights(rng, "GRU", D, H, 2) | {"one": ONE, "V": rng.normal(0, 1, (H, 2)).astype(np.float32)}
    path = saved(tmp_path / "m.onnx", nodes, constants, X)
    model, notes = imported(path)
    np.testing.assert_allclose(computed(model, inputs()), runtime(path, inputs()), rtol=0, atol=1e-5)
    assert notes == ["the sum that 'both' makes of two vectors is taken as a dense layer"]


def test_one_direction_of_two_may_be_all_that_is_read(tmp_path):
    """``fc(h_n[-1])`` of a bidirectional layer: h of the direction that reads from the end."""
    rng = np.random.default_rng(3)
    nodes = [
        node("LSTM", ["x", "W", "R", "B"], ["", "h"], hidden_size=H, direction="bidirectional"),
        node("Gather", ["h", "last"], ["v"], axis=0),
        node("MatMul", ["v", "V"], ["y"]),
    ]
    constants = weights(rng, "LSTM", D, H, 2) | {"last": np.array(-1), "V": rng.normal(0, 1, (H, 2)).astype(np.float32)}
    path = saved(tmp_path / "m.onnx", nodes, constants, X)
    model, notes = imported(path)
    np.testing.assert_allclose(computed(model, inputs()), runtime(path, inputs()), rtol=0, atol=1e-5)
    assert [layer.reverse for layer in model.config.layers] == [True]
    assert notes == ["one of the two directions of 'h' is read by nothing, and left out"]


def bidirectional(*more: Any, outputs: tuple[str, ...] = ("h", "end", "c")) -> list[Any]:
    return [
        node("LSTM", ["x", "W", "R", "B"], list(outputs), name="both", hidden_size=H, direction="bidirectional"),
        *more,
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            [node("Split", ["h"], ["f", "r"], axis=1, num_outputs=2), node("Gather", ["r", "two"], ["v"], axis=0)],
            r"node 'both' \(LSTM\): step 2 of its h is read: only every step or the last one can be",
        ),
        ([node("Gather", ["c", "zero"], ["v"])], r"node 'both' \(LSTM\): its cell state is read"),
        ([node("Identity", ["end"], ["v"])], r"node 'fc' \(MatMul\): must read the same at all steps and sequences"),
    ],
)
def test_what_cannot_be_read_of_directions_is_named(tmp_path, more, message):
    rng = np.random.default_rng(4)
    constants = weights(rng, "LSTM", D, H, 2) | {"V": rng.normal(0, 1, (H, 2)).astype(np.float32), "zero": np.array(0)}
    constants |= {"two": np.array(2)}
    path = saved(tmp_path / "m.onnx", bidirectional(*more, node("MatMul", ["v", "V"], ["y"], name="fc")), constants, X)
    with pytest.raises(BadInput, match=message):
        imported(path)
