"""A person's own model: what it becomes computes what ONNX Runtime computes, and what it cannot be is named."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from archsim.errors import BadInput
from workloads import formats as all_formats
from workloads.importers import Choices, Formats, import_model
from workloads.model import Model

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
helper, numpy_helper, FLOAT, INT64 = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64

H, D, V, T, B = 5, 3, 4, 7, 2
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
RNG_SEED = 11


# --- graphs made by hand


def drawn(*shape: int, seed: int = RNG_SEED, dtype: Any = np.float32) -> Any:
    return np.random.default_rng([seed, *shape]).normal(0, 0.7, shape).astype(dtype)


def weights(op: str, inputs: int = D, hidden: int = H, biases: bool = True, seed: int = 1) -> dict[str, Any]:
    rows = GATES[op] * hidden
    arrays = {"W": drawn(1, rows, inputs, seed=seed), "R": drawn(1, rows, hidden, seed=seed + 100)}
    return arrays | ({"B": drawn(1, 2 * rows, seed=seed)} if biases else {})


def layer(op: str, x: str, y: str, names: list[str], **attributes: Any) -> Any:
    """A node that reads X, the tensors `names` (W, R, B and so on; empty: absent), and makes y, y_h and y_c."""
    outputs = [y, f"{y}_h", *([f"{y}_c"] if op == "LSTM" else [])]
    return helper.make_node(op, [x, *names], outputs, name=f"layer {y}", hidden_size=H, **attributes)


def constant(name: str, values: Any) -> Any:
    array = np.array(values, np.int64) if isinstance(values, list) else values
    return numpy_helper.from_array(array, name)


def saved(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    outputs: tuple[str, ...] = ("y",),
    shape: tuple[int | str, ...] = ("t", "b", D),
    kind: int = FLOAT,
    opset: int = 20,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [constant(name, values) for name, values in constants.items()],
    )
    for output in graph.output:
        output.type.tensor_type.elem_type = FLOAT
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def runtime(path: Path, x: Any) -> Any:
    """What ONNX Runtime computes: the first output."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(path.read_bytes(), options).run(None, {"x": x})[0]


def one_layer(path: Path, op: str, given: dict[str, Any] | None = None, **attributes: Any) -> Path:
    """X to y ``(T, B, H)`` through one layer and a Squeeze; `given` are further inputs by name."""
    arrays = weights(op) | (given or {})
    order = ["W", "R", "B", "sequence_lens", "initial_h", *(["initial_c", "P"] if op == "LSTM" else [])]
    names = [name if arrays.get(name) is not None else "" for name in order]
    while not names[-1]:
        names.pop()
    axis = 2 if attributes.get("layout") else 1
    nodes = [
        layer(op, "x", "y4", names, **attributes),
        helper.make_node("Squeeze", ["y4", "axis"], ["y"], name="squeeze"),
    ]
    constants = {name: array for name, array in arrays.items() if array is not None}
    return saved(path, nodes, constants | {"axis": [axis]})


def imported(path: Path, **options: Any) -> tuple[Model, list[str]]:
    notes: list[str] = []
    return import_model(path, note=notes.append, **options), notes


def outputs_of(model: Model, x: Any) -> Any:
    """Logits ``(T, B, V)``, of the last step ``(B, V)``, or h ``(T, B, H)`` where there is no readout."""
    if model.config.readout is None:
        return model.states(x)[0]
    logits = model.run(x)[0]
    return logits[-1] if model.config.readout.when == "last_step" else logits


def check_against_runtime(path: Path, x: Any, **options: Any) -> Model:
    model, _ = imported(path, **options)
    expected = runtime(path, x)
    np.testing.assert_allclose(outputs_of(model, x), expected, rtol=0, atol=1e-5)
    assert np.abs(expected).max() > 0.05
    return model


X = drawn(T, B, D, seed=5)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize(
    ("op", "attributes", "cell"),
    [
        ("LSTM", {}, "lstm"),
        ("LSTM", {"direction": "forward", "input_forget": 0, "activations": ["Sigmoid", "Tanh", "Tanh"]}, "lstm"),
        ("GRU", {"linear_before_reset": 1}, "gru"),
        ("GRU", {"linear_before_reset": 0, "activations": ["Sigmoid", "Tanh"]}, "gru-classic"),
        ("GRU", {}, "gru-classic"),
        ("RNN", {}, "rnn-tanh"),
        ("RNN", {"activations": ["Relu"]}, "rnn-relu"),
    ],
)
def test_a_layer_computes_what_onnx_runtime_computes(tmp_path, op, attributes, cell, biases):
    path = one_layer(tmp_path / "m.onnx", op, None if biases else {"B": None}, **attributes)
    model = check_against_runtime(path, X)
    assert [c.cell for c in model.config.layers] == [cell]
    assert (model.config.task, model.config.readout, model.config.input.kind) == (None, None, "vector")
    assert all(c.weight_format == "float32" for c in model.config.layers)


@pytest.mark.parametrize(("op", "attributes"), [("LSTM", {}), ("GRU", {"linear_before_reset": 1}), ("GRU", {})])
def test_layout_1_is_sequences_before_steps(tmp_path, op, attributes):
    """ONNX Runtime has no layout 1 on CPU: its answer for the same weights in layout 0 is the oracle."""
    states = {"initial_h": np.tile(drawn(1, H), (B, 1, 1))}
    path = one_layer(tmp_path / "1.onnx", op, states, layout=1, **attributes)
    twin = one_layer(tmp_path / "0.onnx", op, {"initial_h": states["initial_h"].swapaxes(0, 1)}, **attributes)
    wide = onnx.load(path)
    wide.graph.input[0].type.tensor_type.shape.dim[0].dim_value = B
    path.write_bytes(wide.SerializeToString())
    model, _ = imported(path)
    np.testing.assert_allclose(outputs_of(model, X), runtime(twin, X), rtol=0, atol=1e-5)
    assert model.layers[0].initial_state is not None


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_an_initial_state_that_all_sequences_share_is_the_models(tmp_path, op):
    names = ["initial_h", "initial_c"] if op == "LSTM" else ["initial_h"]
    start = {name: np.repeat(drawn(1, 1, H, seed=k), B, axis=1) for k, name in enumerate(names)}
    path = with_sizes(one_layer(tmp_path / "m.onnx", op, start), None, B)
    model = check_against_runtime(path, X)
    np.testing.assert_array_equal(model.layers[0].initial_state, [start[name][0, 0] for name in names])
    zeros = {name: np.zeros_like(array) for name, array in start.items()}
    assert imported(with_sizes(one_layer(path, op, zeros), None, B))[0].layers[0].initial_state is None


def with_sizes(path: Path, *sizes: int | None) -> Path:
    """The file with the first axes of its input fixed."""
    model = onnx.load(path)
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, sizes, strict=False):
        if size is not None:
            dim.dim_value = size
    path.write_bytes(model.SerializeToString())
    return path


def test_lengths_that_are_all_steps_say_nothing(tmp_path):
    lengths = {"sequence_lens": np.full(B, T, np.int32)}
    check_against_runtime(with_sizes(one_layer(tmp_path / "m.onnx", "GRU", lengths), T, B), X)
    shorter = with_sizes(one_layer(tmp_path / "m.onnx", "GRU", {"sequence_lens": np.array([T, 3], np.int32)}), T, B)
    with pytest.raises(BadInput, match=r"sequence_lens must be an input of the graph, or the number of steps"):
        imported(shorter)


def test_peepholes_of_zeros_are_none(tmp_path):
    check_against_runtime(one_layer(tmp_path / "m.onnx", "LSTM", {"P": np.zeros((1, 3 * H), np.float32)}), X)


@pytest.mark.parametrize(
    ("op", "given", "attributes", "message"),
    [
        ("LSTM", {"P": drawn(1, 2 * H)}, {}, r"P must be of shape \(1, 15\), not \(1, 10\)"),
        ("LSTM", {}, {"clip": 3.0}, "attribute clip is not supported"),
        ("LSTM", {}, {"input_forget": 1}, "attribute input_forget is not supported"),
        ("GRU", {}, {"activation_alpha": [0.5]}, "attribute activation_alpha is not supported"),
        ("LSTM", {}, {"clip": numpy_helper.from_array(np.ones(2))}, "attribute clip is not supported"),
        ("RNN", {}, {"activation_alpha": numpy_helper.from_array(np.ones(0))}, "attribute activation_alpha is not sup"),
        ("RNN", {}, {"activation_beta": [0.5]}, "attribute activation_beta is not supported"),
        ("RNN", {}, {"activations": ["Sigmoid"]}, "activations must be tanh, not sigmoid"),
        (
            "LSTM",
            {},
            {"activations": ["Sigmoid", "Tanh", "Relu"]},
            "activations must be sigmoid, tanh, tanh, not .*relu",
        ),
        (
            "LSTM",
            {},
            {"direction": "backward"},
            "direction must be one of forward, reverse, bidirectional, not backward",
        ),
        ("LSTM", {}, {"direction": "bidirectional"}, r"R must be of shape \(2, 20, 5\), not \(1, 20, 5\)"),
        ("GRU", {}, {"layout": 2}, "layout must be 0 or 1, not 2"),
        ("GRU", {}, {"output_sequence": 1}, "attribute output_sequence is not supported"),
        ("LSTM", {"W": drawn(1, 12, D)}, {}, r"W must be of shape \(1, 20, 3\), not \(1, 12, 3\)"),
        ("LSTM", {"R": drawn(20, H)}, {}, "R must be 3-dimensional and constant"),
        ("LSTM", {"B": drawn(1, 4 * H)}, {}, r"B must be of shape \(1, 40\), not \(1, 20\)"),
        ("LSTM", {"W": drawn(1, 20, 2)}, {}, "X must have 2 elements, as W has columns, not 3"),
        ("GRU", {"initial_h": drawn(1, B, H)}, {}, "initial_h must be equal over the sequences"),
        ("GRU", {"initial_h": drawn(1, H)}, {}, r"initial_h must be of shape \(1, 2, 5\), not \(1, 5\)"),
        ("GRU", {"B": np.full((1, 6 * H), np.inf, np.float32)}, {}, "B must hold finite numbers only"),
        ("GRU", {"B": np.zeros((1, 6 * H), np.int32)}, {}, "B must be of float32, .*, not int32"),
    ],
)
def test_what_a_layer_here_cannot_do_is_named(tmp_path, op, given, attributes, message):
    path = with_sizes(one_layer(tmp_path / "m.onnx", op, given, **attributes), None, B)
    with pytest.raises(BadInput, match=rf"^\S*m\.onnx: node 'layer y4' \({op}\): {message}"):
        imported(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_other_floats_are_converted_and_it_is_said(tmp_path, dtype):
    single = one_layer(tmp_path / "single.onnx", "LSTM", {n: a.astype(dtype) for n, a in weights("LSTM").items()})
    model, notes = imported(single)
    assert notes == [f"{np.dtype(dtype)} weights are converted to float32"]
    rounded = {n: a.astype(dtype).astype(np.float32) for n, a in weights("LSTM").items()}
    twin = one_layer(tmp_path / "twin.onnx", "LSTM", rounded)
    np.testing.assert_allclose(outputs_of(model, X), runtime(twin, X), rtol=0, atol=1e-5)


# --- whole networks


def chain(op: str, layers: int, source: str, **attributes: Any) -> tuple[list[Any], dict[str, Any]]:
    """Layers over `source`, each followed by a Squeeze; the last one makes h0, h1 and so on ``(T, B, H)``."""
    nodes, constants = [], {"one": [1]}
    for k in range(layers):
        constants |= {f"{n}{k}": a for n, a in weights(op, D if k == 0 else H, seed=k).items()}
        nodes += [
            layer(op, source, f"y{k}", [f"{n}{k}" for n in ("W", "R", "B")], **attributes),
            helper.make_node("Squeeze", [f"y{k}", "one"], [f"h{k}"], name=f"squeeze {k}"),
        ]
        source = f"h{k}"
    return nodes, constants


READOUT = {"V": drawn(H, V), "c": drawn(V)}
MATMUL = [
    helper.make_node("MatMul", ["h1", "V"], ["p"], name="product"),
    helper.make_node("Add", ["c", "p"], ["y"], name="bias"),
]


@pytest.mark.parametrize(
    ("op", "attributes"), [("LSTM", {}), ("GRU", {"linear_before_reset": 1}), ("GRU", {}), ("RNN", {})]
)
def test_stacked_layers_and_a_readout(tmp_path, op, attributes):
    nodes, constants = chain(op, 2, "x", **attributes)
    path = saved(tmp_path / "m.onnx", [*nodes, *MATMUL], constants | READOUT)
    model = check_against_runtime(path, X)
    assert len(model.layers) == 2
    assert model.config.readout is not None
    assert model.config.readout.when == "every_step"


def test_an_embedding(tmp_path):
    nodes, constants = chain("LSTM", 2, "e")
    table = helper.make_node("Gather", ["table", "x"], ["e"], name="look up")
    constants |= READOUT | {"table": drawn(9, D)}
    path = saved(tmp_path / "m.onnx", [table, *nodes, *MATMUL], constants, shape=("t", "b"), kind=INT64)
    symbols = np.random.default_rng(0).integers(0, 9, (T, B))
    model = check_against_runtime(path, symbols)
    assert model.config.input.kind == "embedding"
    assert model.config.input.symbols == 9
    with pytest.raises(BadInput, match="input: one_hot does not go with an embedding"):
        imported(path, input_kind="one_hot")


def test_one_hot_by_an_operation_or_by_word(tmp_path):
    nodes, constants = chain("GRU", 1, "e")
    encode = helper.make_node("OneHot", ["x", "depth", "values"], ["e"], name="encode")
    constants |= {"depth": np.array(D), "values": np.array([0, 1], np.float32)}
    path = saved(tmp_path / "m.onnx", [encode, *nodes], constants, ("h0",), shape=("t", "b"), kind=INT64)
    symbols = np.random.default_rng(0).integers(0, D, (T, B))
    assert check_against_runtime(path, symbols).config.input.kind == "one_hot"

    nodes, constants = chain("GRU", 1, "x")
    path = saved(tmp_path / "m.onnx", nodes, constants, ("h0",))
    model, _ = imported(path, input_kind="one_hot")
    expected = runtime(path, np.eye(D, dtype=np.float32)[symbols])
    np.testing.assert_allclose(model.states(symbols)[0], expected, rtol=0, atol=1e-5)


LAST_STEP = {
    "gather": [helper.make_node("Gather", ["h1", "minus_one"], ["h"], axis=0)],
    "gather of the last index": [helper.make_node("Gather", ["h1", "six"], ["h"], axis=0)],
    "slice": [
        helper.make_node("Slice", ["h1", "minus_ones", "huge", "zero"], ["s"]),
        helper.make_node("Squeeze", ["s", "zero"], ["h"]),
    ],
    "final state": [helper.make_node("Squeeze", ["y1_h", "zero"], ["h"])],
    "transposed": [
        helper.make_node("Transpose", ["h1"], ["s"], perm=[1, 0, 2]),
        helper.make_node("Gather", ["s", "minus_one"], ["h"], axis=1),
    ],
}
INDICES = {
    "minus_one": np.array(-1), "six": np.array(T - 1), "minus_ones": [-1], "huge": [2**62], "zero": [0],
}  # fmt: skip


@pytest.mark.parametrize("way", sorted(LAST_STEP))
def test_a_readout_of_the_last_step(tmp_path, way):
    nodes, constants = chain("LSTM", 2, "x")
    gemm = helper.make_node("Gemm", ["h", "V", "c"], ["y"], alpha=0.5, beta=2.0)
    path = saved(tmp_path / "m.onnx", [*nodes, *LAST_STEP[way], gemm], constants | READOUT | INDICES)
    model = check_against_runtime(with_sizes(path, T), X)
    assert model.config.readout is not None
    assert model.config.readout.when == "last_step"


def test_an_index_that_is_the_last_for_one_length_only_is_refused(tmp_path):
    """10 is the last of the first size that open axes are tried with."""
    nodes, constants = chain("LSTM", 2, "x")
    gemm = helper.make_node("Gemm", ["h", "V", "c"], ["y"])
    for index, message in (
        (T - 1, "step 6 of its h is read: only every"),
        (10, "step 10 of its h"),
        (99, "within t, not"),
    ):
        path = saved(
            tmp_path / "m.onnx", [*nodes, *LAST_STEP["gather of the last index"], gemm],
            constants | READOUT | INDICES | {"six": np.array(index)},
        )  # fmt: skip
        with pytest.raises(BadInput, match=message):
            imported(path)


def test_an_initial_state_computed_from_the_number_of_steps_is_refused(tmp_path):
    path = saved(
        tmp_path / "m.onnx",
        [
            helper.make_node("Shape", ["x"], ["steps"], start=0, end=1),
            helper.make_node("Cast", ["steps"], ["number"], to=FLOAT),
            helper.make_node("Mul", ["number", "state"], ["start"]),
            layer("GRU", "x", "y", ["W", "R", "B", "", "start"]),
        ],
        weights("GRU") | {"state": drawn(1, 1, H)},
        shape=("t", 1, D),
    )
    with pytest.raises(BadInput, match="must not depend on how many steps or sequences"):
        imported(path)


GLUE = {
    "sequences first": (
        [helper.make_node("Transpose", ["x"], ["s"], perm=[1, 0, 2])],
        [helper.make_node("Transpose", ["h1"], ["g"], perm=[1, 0, 2])],
        ("b", "t", D),
    ),
    "merged rows": (
        [helper.make_node("Identity", ["x"], ["s"])],
        [helper.make_node("Reshape", ["h1", "rows"], ["m"]), helper.make_node("Dropout", ["m"], ["g"])],
        ("t", "b", D),
    ),
    "reshape for squeeze": (
        [helper.make_node("Cast", ["x"], ["s"], to=FLOAT)],
        [
            helper.make_node("Transpose", ["y1"], ["q"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", ["q", "same"], ["g"]),
        ],
        ("t", "b", D),
    ),
    "flattened": (
        [helper.make_node("Slice", ["x", "zeros", "huges"], ["s"])],
        [helper.make_node("Flatten", ["h1"], ["g"], axis=2)],
        ("t", "b", D),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", sorted(GLUE))
def test_glue_is_followed(tmp_path, way):
    before, after, shape = GLUE[way]
    nodes, constants = chain("GRU", 2, "s", linear_before_reset=1)
    product = helper.make_node("MatMul", ["g", "V"], ["y"])
    constants |= READOUT | {"rows": [-1, H], "same": [0, 0, -1], "zeros": [0, 0, 0], "huges": [2**40] * 3}
    path = saved(tmp_path / "m.onnx", [*before, *nodes, *after, product], constants, shape=shape)
    model, _ = imported(path)
    x = X.swapaxes(0, 1) if shape[0] == "b" else X
    expected = runtime(path, np.ascontiguousarray(x))
    logits = model.run(X)[0]
    logits = logits.swapaxes(0, 1) if shape[0] == "b" else logits
    np.testing.assert_allclose(logits.reshape(expected.shape), expected, rtol=0, atol=1e-5)


def test_glue_of_old_opsets_is_followed(tmp_path):
    """Axes were attributes up to opset 12, and Slice's up to 9."""
    nodes = [
        helper.make_node("Unsqueeze", ["x"], ["x3"], axes=[1]),
        layer("RNN", "x3", "y4", ["W", "R", "B"]),
        helper.make_node("Slice", ["y4"], ["all"], starts=[0], ends=[2**31 - 1], axes=[0]),
        helper.make_node("Squeeze", ["all"], ["y"], axes=[1, 2]),
    ]
    path = saved(tmp_path / "m.onnx", nodes, weights("RNN"), shape=("t", D), opset=9)
    model, _ = imported(path)
    np.testing.assert_allclose(model.states(X[:, :1])[0][:, 0], runtime(path, X[:, 0]), rtol=0, atol=1e-5)


def test_weights_may_be_laid_out_by_nodes(tmp_path):
    """As PyTorch leaves them without constant folding: cut, put into another order, and stacked."""
    arrays = weights("LSTM")
    pieces = np.split(arrays["W"][0], 4)
    nodes = [
        helper.make_node("Constant", [], [f"w{k}"], value=constant("", np.ascontiguousarray(piece.T)))
        for k, piece in enumerate(pieces)
    ]
    nodes += [
        *(helper.make_node("Transpose", [f"w{k}"], [f"t{k}"]) for k in range(4)),
        helper.make_node("Concat", ["t0", "t1"], ["upper"], axis=0),
        helper.make_node("Concat", ["upper", "t2", "t3"], ["w"], axis=-2),
        helper.make_node("Constant", [], ["zero"], value_ints=[0]),
        helper.make_node("Unsqueeze", ["w", "zero"], ["W"]),
        helper.make_node("Slice", ["wide", "zero", "forty", "one"], ["B"]),
        layer("LSTM", "x", "y4", ["W", "R", "B"]),
        helper.make_node("Squeeze", ["y4", "one"], ["y"]),
    ]
    wide = np.concatenate([arrays["B"], arrays["B"]], axis=1)
    constants = {"R": arrays["R"], "wide": wide, "one": [1], "forty": [8 * H]}
    check_against_runtime(saved(tmp_path / "m.onnx", nodes, constants), X)


def test_states_may_leave_beside_the_output(tmp_path):
    nodes, constants = chain("LSTM", 2, "x")
    stacked = [
        helper.make_node("Concat", ["y0_h", "y1_h"], ["h_n"], axis=0),
        helper.make_node("Concat", ["y0_c", "y1_c"], ["c_n"], axis=0),
    ]
    outputs = ("y", "h_n", "c_n", "y0_h", "h0")
    path = saved(tmp_path / "m.onnx", [*nodes, *stacked, *MATMUL], constants | READOUT, outputs)
    check_against_runtime(path, X)
    assert imported(path)[1] == ["output 'h0' is h of recurrent layer 1, which the model has beside"]


def test_any_tensor_may_be_the_output(tmp_path):
    nodes, constants = chain("LSTM", 2, "x")
    softmax = helper.make_node("Softmax", ["y"], ["probabilities"], name="probability")
    path = saved(tmp_path / "m.onnx", [*nodes, *MATMUL, softmax], constants | READOUT, ("probabilities",))
    whole, notes = imported(path)
    assert notes == [
        "Softmax at the end is passed over: the model gives what it is taken of (logits), in the same order of size"
    ]
    model, _ = imported(path, output="y")
    both = saved(tmp_path / "both.onnx", [*nodes, *MATMUL, softmax], constants | READOUT, ("y", "probabilities"))
    assert imported(both, name="m")[0].sha256 == whole.sha256
    assert whole.sha256 == model.sha256
    exp = np.exp(model.run(X)[0])
    np.testing.assert_allclose(exp / exp.sum(-1, keepdims=True), runtime(path, X), rtol=0, atol=1e-5)
    assert imported(path, output="h0")[0].config.readout is None
    with pytest.raises(BadInput, match="output 'nowhere' must be computed by recurrent layers"):
        imported(path, output="nowhere")


@pytest.mark.parametrize("opset", [12, 20])
def test_a_softmax_without_an_axis_runs_over_what_its_opset_says(tmp_path, opset):
    """Up to opset 12 over all axes from the second on, since then over the last one."""
    nodes, constants = chain("LSTM", 2, "x")
    softmax = helper.make_node("Softmax", ["p"], ["y"], name="end")
    path = saved(tmp_path / "m.onnx", [*nodes, MATMUL[0], softmax], constants | READOUT, opset=opset)
    if opset == 20:
        assert imported(path)[1]
    else:
        with pytest.raises(BadInput, match=r"'end' \(Softmax\): must "):
            imported(path)


def test_data_beside_the_file_is_read(tmp_path):
    path = one_layer(tmp_path / "m.onnx", "LSTM")
    expected = runtime(path, X)
    onnx.save_model(onnx.load(path), path, save_as_external_data=True, location="m.data", size_threshold=0)
    assert (tmp_path / "m.data").stat().st_size > 500
    np.testing.assert_allclose(outputs_of(imported(path)[0], X), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("location", "../m.data", "tensor W: its data must lie in a file beside the model, not '../m.data'"),
        ("location", "/etc/passwd", "its data must lie in a file beside the model, not '/etc/passwd'"),
        ("location", "", "its data must lie in a file beside the model, not ''"),
        ("location", "inner", "its data must lie in a file beside the model, not 'inner'"),
        ("offset", "-4", "m.data must hold 240 bytes from -4 on"),
        ("offset", "100000", "m.data must hold 240 bytes from 100000 on"),
        ("length", "99999999999999", "m.data must hold 240 bytes from 0 on"),
        ("offset", "x", "tensor W: 'm.data': invalid literal"),
    ],
)
def test_data_elsewhere_is_refused(tmp_path, key, value, message):
    (tmp_path / "inner").mkdir()
    path = one_layer(tmp_path / "inner" / "m.onnx", "LSTM")
    onnx.save_model(onnx.load(path), path, save_as_external_data=True, location="m.data", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    entries = {entry.key: entry for entry in model.graph.initializer[0].external_data}
    assert set(entries) >= {"location", "offset", "length"}
    entries[key].value = value
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match=rf"m\.onnx: .*{message}"):
        imported(path)


def refused_graphs() -> dict[str, tuple[list[Any], dict[str, Any], tuple[str, ...], str]]:
    """Graphs that are not understood: nodes, constants, outputs, and what is said."""
    two, constants = chain("LSTM", 2, "x")
    one, _ = chain("LSTM", 1, "x")
    constants = constants | READOUT | INDICES | {"U": drawn(D, D), "square": drawn(H, H), "many": drawn(T, 1, V)}
    power = helper.make_node("Elu", ["h1"], ["a"], name="between")
    return {
        "an operation": ([*two, power], constants, ("a",), r"node 'between' \(Elu\): this operation is not supported"),
        "layer normalisation": (
            [*two, helper.make_node("LayerNormalization", ["h1", "scale"], ["y"])], constants | {"scale": drawn(H)},
            ("y",), r"\(LayerNormalization\): this operation is not supported: replace it by constants, or",
        ),
        "a convolution before": (
            [helper.make_node("Conv", ["x", "U"], ["y"])], constants, ("y",),
            r"\(Conv\): this operation is not supported: compute on the data what lies before the recurrent layers",
        ),
        "a branch": (
            [helper.make_node("If", ["x"], ["y"])], constants, ("y",),
            r"\(If\): a graph that branches or loops is not supported: export a module that does not",
        ),
        "a cut that may be of any size": (
            [helper.make_node("Slice", ["x", "zero", "large"], ["s"]), layer("LSTM", "s", "y", ["W0", "R0", "B0"])],
            constants | {"large": [512]}, ("y",), r"\(Slice\): must not cut axis t at 512",
        ),
        "all steps flattened": (
            [
                *two,
                helper.make_node("Reshape", ["h1", "all"], ["f"]),
                helper.make_node("MatMul", ["f", "V7"], ["y"], name="fc"),
            ],
            constants | {"all": [1, T * H], "V7": drawn(T * H, V)}, ("y",), r"must not bring \(t, b, 5\) to",
        ),
        "no recurrent layer": (
            [helper.make_node("MatMul", ["x", "U"], ["y"], name="in")], constants, ("y",),
            "output 'y' must be computed by recurrent layers",
        ),
        "a second readout": (
            [*two, *MATMUL, helper.make_node("MatMul", ["y", "y"], ["z"])], constants, ("z",),
            r"node 'z' \(MatMul\): must multiply what comes from the input by a constant matrix",
        ),
        "two readouts": (
            [*two, *MATMUL, helper.make_node("MatMul", ["h1", "V"], ["z"])], constants, ("y", "z"),
            "outputs 'y' and 'z' are of different networks: choose with --output",
        ),
        "a product of c": (
            [*two, helper.make_node("MatMul", ["y1_c", "V"], ["y"])], constants, ("y",),
            "its cell state is read, which is not supported: only h can be",
        ),
        "a bias over steps": (
            [*two, helper.make_node("MatMul", ["h1", "V"], ["p"]), helper.make_node("Add", ["p", "many"], ["y"])],
            constants, ("y",), r"its constants must fit \(t, b, 4\), and are \(7, 1, 4\)",
        ),
        "a residual": (
            [*two, helper.make_node("Add", ["h0", "h1"], ["y"])], constants, ("y",),
            "its h is joined with something else before it is read",
        ),
        "one sequence": (
            [*two, helper.make_node("Gather", ["h1", "minus_one"], ["y"], axis=1)], constants, ("y",),
            "output 'y' must give every sequence and every element once, in order",
        ),
        "the first step": (
            [*two, helper.make_node("Gather", ["h1", "zero"], ["y"], axis=0)], constants, ("y",),
            "step 0 of its h is read: only every step or the last one can be",
        ),
        "some steps": (
            [*two, helper.make_node("Slice", ["h1", "zero", "minus_ones", "zero"], ["y"])], constants, ("y",),
            "output 'y' must be of every step or of the last one, not of some",
        ),
        "steps and sequences exchanged": (
            [
                *one,
                helper.make_node("Transpose", ["h0"], ["s"], perm=[1, 0, 2]),
                layer("LSTM", "s", "y", ["W1", "R1", "B1"]),
            ],
            constants, ("y",), "X must have the steps and the sequences of the layer before it, in the same places",
        ),
        "an axis cut": (
            [*two, helper.make_node("Reshape", ["h1", "shape"], ["y"])], constants | {"shape": [-1, 2]}, ("y",),
            r"node 'y' \(Reshape\): must not",
        ),
        "a given initial state": (
            [layer("LSTM", "x", "y", ["W0", "R0", "B0", "", "x"])], constants, ("y",),
            r"initial_h must be of shape \(1, b, 5\), not \(t, b, 3\)",
        ),
        "an encoder's state": (
            [*one, layer("LSTM", "h0", "y", ["W1", "R1", "B1", "", "y0_h"])], constants, ("y",),
            "initial_h must be constant, or an input of the graph that is nothing else",
        ),
        "computing with stacked states": (
            [
                *two,
                helper.make_node("Concat", ["y0_h", "y1_h"], ["s"], axis=0),
                helper.make_node("MatMul", ["s", "V"], ["y"]),
            ],
            constants, ("y",), "must read the same at all steps and sequences",
        ),
        "joined sequences": (
            [*two, helper.make_node("Concat", ["h0", "h1"], ["y"], axis=2)], constants, ("y",),
            "no output is that of a readout, or h: name a tensor with --output",
        ),
        "no layer": ([helper.make_node("Identity", ["x"], ["y"])], constants, ("y",), "output 'y' must be computed by"),
        "only states": (
            [*two, helper.make_node("Concat", ["y0_h", "y1_h"], ["y"], axis=0)], constants, ("y",),
            "no output is that of a readout, or h: name a tensor with --output",
        ),
        "only c": (two, constants, ("y1_c",), "no output is that of a readout, or h: name a tensor with --output"),
        "a missing tensor": (
            [helper.make_node("Identity", ["nothing"], ["y"], name="copy")], constants, ("y",),
            r"node 'copy' \(Identity\): reads 'nothing', which nothing before it computes",
        ),
        "a tensor made twice": (
            [*two, helper.make_node("Squeeze", ["y0", "one"], ["h1"])], constants, ("h1",),
            "tensor 'h1' must be made once, not 2 times",
        ),
        "another domain": (
            [helper.make_node("LSTM", ["x"], ["y"], name="own", domain="com.example")], constants, ("y",),
            r"node 'own' \(LSTM\): operations of domain 'com.example' are not supported",
        ),
        "an unknown attribute": (
            [*two, helper.make_node("Squeeze", ["h1"], ["y"], name="odd", keep=1)], constants, ("y",),
            r"node 'odd' \(Squeeze\): attribute keep is not supported",
        ),
        "numbers out of nothing": (
            [
                helper.make_node("ConstantOfShape", ["large"], ["a"]),
                helper.make_node("Mul", ["a", "a"], ["b"], name="much"),
                layer("LSTM", "x", "y", ["W0", "R0", "B0", "", "b"]),
            ],
            constants | {"large": [1, 2**13, 2**12]}, ("y",), r"node 'much' \(Mul\): makes more numbers than",
        ),
        "a giant shape": (
            [
                helper.make_node("ConstantOfShape", ["large"], ["a"], name="giant"),
                layer("LSTM", "x", "y", ["W0", "R0", "a"]),
            ],
            constants | {"large": [1, 2**40]}, ("y",), r"node 'giant' \(ConstantOfShape\): a shape must be positive",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("what", sorted(refused_graphs()))
def test_a_graph_that_is_not_understood_is_refused_by_name(tmp_path, what):
    nodes, constants, outputs, message = refused_graphs()[what]
    with pytest.raises(BadInput, match=rf"^\S*m\.onnx: .*{message}") as caught:
        imported(saved(tmp_path / "m.onnx", nodes, constants, outputs))
    assert "\n" not in str(caught.value)


def test_what_no_output_needs_is_not_looked_at(tmp_path):
    nodes, constants = chain("LSTM", 2, "x")
    idle = helper.make_node("NonMaxSuppression", ["x", "x"], ["idle"])
    check_against_runtime(saved(tmp_path / "m.onnx", [*nodes, *MATMUL], constants | READOUT), X)
    model, _ = imported(saved(tmp_path / "n.onnx", [idle, *nodes, *MATMUL], constants | READOUT))
    assert len(model.layers) == 2


# --- state dicts


def state_dict(
    op: str = "LSTM", layers: int = 1, prefix: str = "rnn.", inputs: int = D, biases: bool = True
) -> dict[str, Any]:
    """A state dict as PyTorch's modules have it, drawn."""
    tensors: dict[str, Any] = {}
    for k in range(layers):
        rows, columns = GATES[op] * H, inputs if k == 0 else H
        tensors |= {
            f"{prefix}weight_ih_l{k}": drawn(rows, columns, seed=k),
            f"{prefix}weight_hh_l{k}": drawn(rows, H, seed=k),
        }
        if biases:
            tensors |= {f"{prefix}bias_ih_l{k}": drawn(rows, seed=k), f"{prefix}bias_hh_l{k}": drawn(rows, seed=k + 9)}
    return tensors  # fmt: skip


def linear(prefix: str, outputs: int, inputs: int, bias: bool = True) -> dict[str, Any]:
    tensors = {f"{prefix}.weight": drawn(outputs, inputs)}
    return tensors | ({f"{prefix}.bias": drawn(outputs)} if bias else {})


def stored(path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> Path:
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path, metadata)
    return path


def test_a_state_dict_and_onnx_of_the_same_weights_are_the_same_model(tmp_path):
    """ONNX's gates lie i o f c, PyTorch's i f g o."""
    tensors = state_dict("LSTM", 1) | linear("out", V, H)

    def reordered(array: Any) -> Any:
        i, f, g, o = np.split(array, 4)
        return np.concatenate([i, o, f, g])[None]

    both = np.concatenate([reordered(tensors["rnn.bias_ih_l0"])[0], reordered(tensors["rnn.bias_hh_l0"])[0]])[None]
    constants = {
        "W0": reordered(tensors["rnn.weight_ih_l0"]), "R0": reordered(tensors["rnn.weight_hh_l0"]), "B0": both,
        "V": tensors["out.weight"].T.copy(), "c": tensors["out.bias"], "one": [1],
    }  # fmt: skip
    nodes, _ = chain("LSTM", 1, "x")
    product = [helper.make_node("MatMul", ["h0", "V"], ["p"]), helper.make_node("Add", ["p", "c"], ["y"])]
    path = saved(tmp_path / "net.onnx", [*nodes, *product], constants)
    ours = check_against_runtime(path, X)
    theirs, notes = imported(stored(tmp_path / "net.safetensors", tensors))
    assert ours.sha256 == theirs.sha256
    assert notes == [
        "out is taken as the readout",
        "a state dict does not tell which steps the readout runs at: every step is taken",
    ]
    assert ours.name == "net"
    assert import_model(path, "mine").name == "mine"


def test_an_imported_model_is_saved_and_loaded_as_any_other(tmp_path):
    model, _ = imported(stored(tmp_path / "m.safetensors", state_dict("GRU", 2) | linear("out", V, H)))
    model.save(tmp_path / "ours.safetensors")
    again = Model.load(tmp_path / "ours.safetensors")
    assert again.sha256 == model.sha256
    np.testing.assert_array_equal(again.run(X)[0], model.run(X)[0])
    with pytest.raises(BadInput, match=r"ours\.safetensors: is an archsim model already"):
        imported(tmp_path / "ours.safetensors")


@pytest.mark.parametrize("name", ["fixed8", "fixed4-row", "ternary", "binary", "pow2-ternary", "exponential4"])
def test_weights_may_be_rounded_on_import(tmp_path, name):
    tensors = {"embed.weight": drawn(9, D), **state_dict("GRU", 1), **linear("out", V, H)}
    path = stored(tmp_path / "m.safetensors", tensors)
    model, _ = imported(path, formats=Formats(name, readout="fixed8"))
    fmt, config = all_formats.by_name(name), model.config.layers[0]
    assert (config.weight_format, config.input_weight_format) == (name, name)
    assert model.config.readout is not None
    assert model.config.readout.weight_format == "fixed8"
    weight = tensors["rnn.weight_hh_l0"]
    layer = model.layers[0]
    ours = layer.recurrent_codes * layer.scale_recurrent[:, None]
    np.testing.assert_array_equal(fmt.quantize(weight, layer.scale_recurrent), layer.recurrent_codes)
    assert 0 < np.linalg.norm(ours - weight) <= np.linalg.norm(all_formats.rounded(fmt, weight, gates=3) - weight)
    assert model.gate_weight_bytes < 4 * (weight.size + tensors["rnn.weight_ih_l0"].size)
    model.save(tmp_path / "ours.safetensors")
    assert Model.load(tmp_path / "ours.safetensors").sha256 == model.sha256


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"m\.safetensors: weight format must be one of .*, not 'fp4'"):
        imported(stored(tmp_path / "m.safetensors", state_dict()), formats=Formats("fp4"))


@pytest.mark.parametrize(
    ("tensors", "choices", "kind", "readout"),
    [
        (state_dict(prefix=""), Choices(), "vector", False),
        (state_dict() | linear("out", V, H), Choices(), "vector", True),
        (state_dict() | linear("out", V, H, bias=False), Choices(), "vector", True),
        (state_dict() | linear("enc", 9, D, bias=False), Choices(), "embedding", False),
        (state_dict() | linear("emb", 9, D, bias=False) | linear("o", V, H, bias=False), Choices(), "embedding", True),
        (state_dict(inputs=H) | linear("emb", 9, H, bias=False) | linear("b", V, H), Choices(), "embedding", True),
        (state_dict(inputs=H) | linear("a", 9, H, bias=False), Choices(embedding="a"), "embedding", False),
        (state_dict(inputs=H) | linear("a", 9, H, bias=False), Choices(readout="a"), "vector", True),
        (state_dict(inputs=H) | linear("a", 9, H, bias=False), Choices(embedding="a", readout="a"), "embedding", True),
        (state_dict(inputs=H) | linear("enc", 9, H, bias=False) | linear("b", V, H, bias=False), Choices(readout="b"),
         "embedding", True),
        (state_dict() | linear("norm", V, 6) | {"steps": drawn(1)}, Choices(ignore=("norm", "steps")), "vector", False),
        (state_dict() | state_dict(prefix="old."), Choices(recurrent=("rnn",), ignore=("old",)), "vector", False),
    ],
)  # fmt: skip
def test_tensors_are_found_by_name_and_shape_or_as_told(tmp_path, tensors, choices, kind, readout):
    model, _ = imported(stored(tmp_path / "m.safetensors", tensors), choices=choices)
    assert model.config.input.kind == kind
    assert (model.config.readout is not None) == readout


def test_modules_are_stacked_in_the_order_told(tmp_path):
    upper, lower = state_dict("LSTM", 1, "a.", inputs=H), state_dict("GRU", 2, "b.")
    path = stored(tmp_path / "m.safetensors", upper | lower)
    model, _ = imported(path, choices=Choices(recurrent=("b", "a")))
    assert [c.cell for c in model.config.layers] == ["gru", "gru", "lstm"]
    np.testing.assert_array_equal(model.layers[2].recurrent_codes, upper["a.weight_hh_l0"])
    with pytest.raises(BadInput, match="recurrent layer 2 must have 5 inputs, as the layer below has outputs, not 3"):
        imported(path, choices=Choices(recurrent=("a", "b")))


def test_a_cell_of_pytorch_is_a_layer(tmp_path):
    cells = {name.removesuffix("_l0"): array for name, array in state_dict("GRU", 1, "cell.").items()}
    ours, _ = imported(stored(tmp_path / "m.safetensors", cells))
    theirs, _ = imported(stored(tmp_path / "m.safetensors", state_dict("GRU", 1)))
    assert ours.sha256 == theirs.sha256


def test_tied_tensors_that_were_stored_once_are_both_there(tmp_path):
    """safetensors.torch.save_model leaves one of them out, and writes its name into the metadata."""
    tensors = state_dict(inputs=H) | {"enc.weight": drawn(9, H), "out.bias": drawn(9)}
    model, _ = imported(stored(tmp_path / "m.safetensors", tensors, {"out.weight": "enc.weight"}))
    assert model.config.input.kind == "embedding"
    assert model.embedding_codes is not None
    assert model.readout_codes is not None
    np.testing.assert_array_equal(model.embedding_codes, model.readout_codes)


def test_the_activation_of_an_rnn_and_the_steps_of_a_readout_are_told(tmp_path):
    path = stored(tmp_path / "m.safetensors", state_dict("RNN") | linear("out", V, H))
    model, notes = imported(path)
    assert model.config.layers[0].cell == "rnn-tanh"
    assert notes[0] == "a state dict does not tell the activation of an RNN: tanh is taken"
    model, _ = imported(path, choices=Choices(activation="relu", when="last_step"), input_kind="one_hot")
    assert (model.config.layers[0].cell, model.config.input.kind) == ("rnn-relu", "one_hot")
    assert model.config.readout is not None
    assert model.config.readout.when == "last_step"


@pytest.mark.parametrize("dtype", ["F16", "F64", "BF16"])
def test_other_floats_of_a_state_dict_are_converted(tmp_path, dtype):
    """The bytes are written by hand: numpy has no bfloat16."""
    tensors = {name: array.astype(np.float32) for name, array in state_dict().items()}
    encode = {
        "F16": lambda a: a.astype("<f2").tobytes(),
        "F64": lambda a: a.astype("<f8").tobytes(),
        "BF16": lambda a: (a.view("<u4") >> 16).astype("<u2").tobytes(),
    }[dtype]
    header, data = {}, b""
    for name, array in tensors.items():
        part = encode(array)
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    model, notes = imported(path)
    kind = {"F16": "float16", "F64": "float64", "BF16": "bfloat16"}[dtype]
    assert notes == [f"{kind} weights are converted to float32"]
    np.testing.assert_allclose(model.layers[0].recurrent_codes, tensors["rnn.weight_hh_l0"], rtol=2**-7, atol=1e-6)


RNN = state_dict()
WIDE = state_dict(inputs=H)  # inputs as many as units
LOOSE = {"foo.scale": drawn(3)}


@pytest.mark.parametrize(
    ("tensors", "options", "message"),
    [
        (linear("out", V, H), {}, r"there is no recurrent layer \(.+\) among out\.bias, out\.weight"),
        (RNN | LOOSE, {}, r"tensor foo\.scale \(3,\) is used by nothing: say what it is with .*--ignore"),
        (RNN | linear("a", V, H) | linear("b", V, H), {}, r"tensor a\.bias \(4,\) is used by nothing"),
        (RNN | linear("a", 9, 7, bias=False), {}, r"tensor a\.weight \(9, \d\) is used by nothing"),
        (RNN | {"a.weight": drawn(V, H), "a.bias": drawn(3)}, {}, r"tensor a\.\w+ \(\d,\) is used by nothing"),
        (RNN | {"a.weight": drawn(V, H), "a.more": drawn(V)}, {}, r"tensor a\.\w+ \(\d,\) is used by nothing"),
        (WIDE | linear("a", 9, H, bias=False), {}, r"a\.weight may be the embedding or the readout: say"),
        (RNN | linear("a", V, H), {"choices": Choices(readout="b")}, "readout must be a module with .*, not 'b'"),
        (RNN | linear("a", V, H), {"choices": Choices(embedding="a")}, "embedding must be a module .*, not 'a'"),
        (RNN | linear("a", 9, D, bias=False), {"input_kind": "one_hot"}, r"tensor a\.weight \(9, \d\)"),
        (
            RNN | linear("a", 9, D, bias=False),
            {"input_kind": "one_hot", "choices": Choices(embedding="a")},
            "input: one_hot does not go with an embedding",
        ),
        (RNN, {"choices": Choices(ignore=("x",))}, "ignore: there is no tensor or module 'x' among rnn"),
        (RNN, {"choices": Choices(recurrent=("foo",))}, "recurrent must be one of rnn, not 'foo'"),
        (RNN, {"choices": Choices(recurrent=("rnn", "rnn"))}, "recurrent: modules must be distinct"),
        (RNN, {"choices": Choices(when="last_step")}, "when: there is no readout that could use it: name it"),
        (RNN, {"choices": Choices(state_dict="model")}, "state dict: a safetensors file is one itself"),
        (RNN, {"output": "y"}, "output: a state dict has none"),
        (RNN | state_dict(prefix="b."), {}, "there are 2 recurrent modules, .*: say their order with --recurrent"),
        (
            RNN | state_dict(prefix="b."), {"choices": Choices(recurrent=("b",))},
            r"tensor rnn\.\w+ \(20,\) is used by nothing",
        ),
        (RNN | {"rnn.weight_ih_l0_reverse": drawn(20, D)}, {}, r"tensor rnn\.weight_hh_l0_reverse is missing"),
        (RNN | {"rnn.weight_hr_l0": drawn(2, H)}, {}, r"weight_hr_l0 must be \(P, H\) beside rnn\.weight_hh_l0"),
        (RNN | {"rnn.weight_ih_l2": drawn(20, H)}, {}, "rnn: layers must be l0, l1 and so on without a gap"),
        (
            {n: a for n, a in RNN.items() if n != "rnn.bias_hh_l0"}, {}, r"tensor rnn\.bias_hh_l0 is missing",
        ),
        ({n: a for n, a in RNN.items() if "weight_ih" not in n}, {}, r"tensor rnn\.weight_ih_l0 is missing"),
        (RNN | {"rnn.weight_hh_l0": drawn(10, H)}, {}, r"must be \(4 H, H\) of an LSTM.*, not \(10, 5\)"),
        (RNN | {"rnn.weight_hh_l0": drawn(10)}, {}, r"must be \(4 H, H\) of an LSTM.*, not \(10,\)"),
        (RNN | {"rnn.weight_ih_l0": drawn(15, D)}, {}, r"weight_ih_l0 must be \(20, inputs\), not \(15, 3\)"),
        (RNN | {"rnn.bias_ih_l0": drawn(15)}, {}, r"bias_ih_l0 must be \(20,\), not \(15,\)"),
        (
            RNN | {"rnn.weight_ih_l0": np.zeros((20, D), np.int32)}, {},
            "weight_ih_l0 must be of float32, .*, not int32",
        ),
        (
            RNN | {"rnn.weight_hh_l0": np.full((20, H), np.nan, np.float32)}, {},
            "tensor rnn.weight_hh_l0 must hold finite numbers only",
        ),
        (
            RNN | {"rnn.bias_ih_l0": np.full(20, 1e300)}, {}, "tensor rnn.bias_ih_l0 must hold finite numbers only",
        ),
        (RNN | {"a\nb.weight": drawn(2, 2)}, {}, r"a\\nb\.weight. \(2, 2\) is used by nothing"),
    ],
)  # fmt: skip
def test_what_a_state_dict_does_not_say_is_asked_for(tmp_path, tensors, options, message):
    path = stored(tmp_path / "m.safetensors", tensors)
    with pytest.raises(BadInput, match=rf"^\S*m\.safetensors: .*{message}") as caught:
        imported(path, **options)
    assert "\n" not in str(caught.value)


# --- files


def test_the_kind_of_a_file_is_seen_from_its_content(tmp_path):
    tensors = stored(tmp_path / "a.onnx", state_dict())
    graph = one_layer(tmp_path / "b.safetensors", "LSTM")
    assert imported(tensors)[0].layers[0].config.cell == "lstm"
    assert imported(graph)[0].layers[0].config.cell == "lstm"
    with pytest.raises(BadInput, match="is ONNX, which says itself what its tensors are"):
        imported(graph, choices=Choices(ignore=("W",)))


@pytest.mark.parametrize("content", [b"", b"hello", b"{}", b"\x00" * 100, b"# a TOML file\n[x]\n"])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    path = tmp_path / "m.bin"
    path.write_bytes(content)
    with pytest.raises(
        BadInput,
        match=r"m\.bin: must be safetensors, a torch\.save file, ONNX or Keras' \.keras or \.h5, whole, and it is none",
    ):
        imported(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.onnx: no such file"):
        imported(tmp_path / "nowhere.onnx")


def test_a_truncated_state_dict_is_named(tmp_path):
    path = stored(tmp_path / "m.safetensors", state_dict())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"m\.safetensors: is not a whole safetensors file \(.+\)$"):
        imported(path)


def test_without_the_package_onnx_it_is_named(tmp_path, monkeypatch):
    path = one_layer(tmp_path / "m.onnx", "LSTM")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(BadInput, match=r"an ONNX file needs the package onnx: pip install 'archsim\[onnx\]'"):
        imported(path)


def test_an_import_leaves_its_file_alone(tmp_path):
    path = stored(tmp_path / "m.safetensors", state_dict())
    before = load_file(path)
    imported(path)
    for name, array in load_file(path).items():
        np.testing.assert_array_equal(array, before[name])
