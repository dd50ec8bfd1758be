"""Both ends of a network: symbols, initial states, and outputs that are not those of a plain readout."""

from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput

pytest.importorskip("onnxruntime")

from tests.workloads.importers.onnx.graphs import FLOAT, INT64, computed, imported, node, runtime, saved, weights

D, H, T, B = 3, 4, 7, 2
X = {"x": (FLOAT, ("t", "b", D))}


def inputs(seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (T, B, D)).astype(np.float32)


def constants(seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shapes = {"V": (H, 5), "c": (5,), "U": (D, D), "u": (D,), "table": (9, D), "S": (H,)}
    drawn = {name: rng.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
    return weights(rng, "LSTM", D, H) | drawn | {"one": np.array([1]), "zero": np.array([0]), "last": np.array(-1)}


def layer(source: str = "x", *states: str) -> list[Any]:
    """h ``(T, B, H)`` of one LSTM."""
    given = ["W", "R", "B", "", *states] if states else ["W", "R", "B"]
    return [
        node("LSTM", [source, *given], ["y4", "end", "cell"], name="rnn", hidden_size=H),
        node("Squeeze", ["y4", "one"], ["h"]),
    ]


ENDS = {
    "tanh of logits": (
        [node("MatMul", ["h", "V"], ["p"]), node("Add", ["p", "c"], ["l"]), node("Tanh", ["l"], ["y"])],
        "the output is tanh of a dense layer: its readout is the identity",
    ),
    "pooled h": (
        [node("ReduceMax", ["h", "zero"], ["y"], keepdims=0)],
        "the output is pooled h: its readout is the identity",
    ),
    "scaled h": (
        [node("Mul", ["h", "S"], ["y"])],
        "output 'y' is scaled or shifted by constants: its readout is that",
    ),
    "relu of h": (
        [node("Gather", ["h", "last"], ["e"]), node("Relu", ["e"], ["a"]), node("MatMul", ["a", "V"], ["y"])],
        "relu of what is no dense layer is taken as a dense layer of the identity",
    ),
    "mean of logits": ([node("MatMul", ["h", "V"], ["l"]), node("ReduceMean", ["l", "zero"], ["y"], keepdims=0)], None),
    "negative logits": (
        [node("MatMul", ["h", "V"], ["l"]), node("Neg", ["l"], ["y"])],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("end", sorted(ENDS))
def test_an_output_is_made_a_readout(tmp_path, end):
    nodes, said = ENDS[end]
    path = saved(tmp_path / "m.onnx", [*layer(), *nodes], constants(), X)
    model, notes = imported(path)
    np.testing.assert_allclose(computed(model, inputs()), runtime(path, inputs()), rtol=0, atol=1e-5)
    assert notes == ([] if said is None else [said])


BELOW = {
    "one-hot and dense": [node("OneHot", ["x", "depth", "values"], ["o"]), node("MatMul", ["o", "table"], ["d"])],
    "embedding, scale and dense": [
        node("Gather", ["table", "x"], ["e"]),
        node("Mul", ["e", "u"], ["s"]),
        node("MatMul", ["s", "U"], ["p"]),
        node("Add", ["p", "u"], ["q"]),
        node("Sigmoid", ["q"], ["d"]),
    ],
}


@pytest.mark.parametrize("below", sorted(BELOW))
def test_what_is_computed_of_a_symbol_is_a_table(tmp_path, below):
    more = {"depth": np.array(9), "values": np.array([0, 1], np.float32)}
    nodes = [*BELOW[below], *layer("d"), node("MatMul", ["h", "V"], ["y"])]
    path = saved(tmp_path / "m.onnx", nodes, constants() | more, {"x": (INT64, ("t", "b"))})
    model, notes = imported(path)
    symbols = np.random.default_rng(2).integers(0, 9, (T, B))
    np.testing.assert_allclose(computed(model, symbols), runtime(path, symbols), rtol=0, atol=1e-5)
    assert (model.config.input.kind, model.config.input.symbols) == ("embedding", 9)
    assert "what is computed of a symbol before the first recurrent layer is folded into the embedding" in notes


def test_one_hot_vectors_by_word_make_a_table_of_a_dense_layer(tmp_path):
    nodes = [node("MatMul", ["x", "U"], ["d"]), *layer("d"), node("MatMul", ["h", "V"], ["y"])]
    path = saved(tmp_path / "m.onnx", nodes, constants(), X)
    model, _ = imported(path, input_kind="one_hot")
    symbols = np.random.default_rng(3).integers(0, D, (T, B))
    expected = runtime(path, np.eye(D, dtype=np.float32)[symbols])
    np.testing.assert_allclose(computed(model, symbols), expected, rtol=0, atol=1e-5)


def test_symbols_must_be_the_inputs_own(tmp_path):
    nodes = [
        node("Mul", ["x", "two"], ["t"]),
        node("Cast", ["t"], ["i"], to=INT64),
        node("Gather", ["table", "i"], ["e"], name="look up"),
        *layer("e"),
    ]
    path = saved(tmp_path / "m.onnx", nodes, constants() | {"two": np.float32(2)}, {"x": (FLOAT, ("t", "b"))}, ("h",))
    with pytest.raises(BadInput, match=r"'look up' \(Gather\): must be given the input's symbols, as they are"):
        imported(path)


def test_features_that_are_rounded_on_the_way_are_refused(tmp_path):
    nodes = [node("Cast", ["x"], ["i"], to=INT64), node("Cast", ["i"], ["v"], to=FLOAT), *layer("v")]
    with pytest.raises(BadInput, match=r"'rnn' \(LSTM\): must not round: reads what was cast to integers"):
        imported(saved(tmp_path / "m.onnx", nodes, constants(), X, ("h",)))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("zeros", [True, False])
def test_initial_states_of_any_number_of_sequences_that_are_equal_are_the_models(tmp_path, rows, zeros):
    """A batch that was traced stays in the file as a constant, though the graph's is open."""
    rng = np.random.default_rng(4)
    state = np.zeros((1, 1, H), np.float32) if zeros else rng.normal(0, 0.5, (1, 1, H)).astype(np.float32)
    given = {"h0": np.repeat(state, rows, 1), "c0": np.repeat(-state, rows, 1)}
    path = saved(tmp_path / "m.onnx", layer("x", "h0", "c0"), constants() | given, X, ("h",))
    model, notes = imported(path)
    x = np.repeat(inputs()[:, :1], rows, 1)
    np.testing.assert_allclose(computed(model, x), runtime(path, x), rtol=0, atol=1e-5)
    assert (model.layers[0].initial_state is None) == zeros
    assert notes == []


def test_a_state_that_is_computed_is_refused(tmp_path):
    nodes = [node("MatMul", ["z", "Z"], ["p"]), node("Unsqueeze", ["p", "zero"], ["h0"]), *layer("x", "h0")]
    more = {"Z": np.ones((2, H), np.float32)}
    path = saved(tmp_path / "m.onnx", nodes, constants() | more, X | {"z": (FLOAT, ("b", 2))}, ("h",))
    with pytest.raises(BadInput, match="initial_h must be constant, or an input of the graph that is nothing else"):
        imported(path)
