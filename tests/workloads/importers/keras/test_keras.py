"""Models that Keras 3 saves, on its PyTorch backend: ours computes what it computes, or is refused by name."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is imported

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers import Choices, import_model

pytest.importorskip("torch")
keras: Any = pytest.importorskip("keras")
h5py: Any = pytest.importorskip("h5py")
L: Any = keras.layers

pytestmark = [
    pytest.mark.train,
    # NumPy 2 asks tensors of PyTorch for `copy`, which Keras' way of converting them lacks
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    # keras/src/trainers/data_adapters: PyTorch's own loader
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
]

FEATURES, SYMBOLS, STEPS, BATCH = 4, 9, 7, 3


def sequential(*layers: Any, symbols: bool = False) -> Any:
    steps = STEPS if L.Flatten in map(type, layers) else None
    start = keras.Input((steps,), dtype="int32") if symbols else keras.Input((steps, FEATURES))
    return redrawn(keras.Sequential([start, *layers]))


def redrawn(model: Any, seed: int = 0) -> Any:
    """The model with other weights: those that Keras begins with have many zeros, in biases."""
    rng = np.random.default_rng(seed)
    for layer in model.weights:
        if layer.dtype.startswith(("float", "bfloat")):
            drawn = rng.normal(0, 0.4, layer.shape).astype(np.float32)
            layer.assign(np.abs(drawn) + 0.3 if "variance" in layer.path else drawn)
    return model


def some_inputs(model: Any, seed: int = 1) -> Any:
    """``(T, B)`` of symbols, or ``(T, B, features)``."""
    rng = np.random.default_rng(seed)
    entering = model.inputs[0] if isinstance(model.inputs, list) else model.inputs
    if len(entering.shape) == 2:
        return rng.integers(0, SYMBOLS, (STEPS, BATCH))
    return rng.normal(0, 1, (STEPS, BATCH, entering.shape[2])).astype(np.float32)


def theirs(model: Any, x: Any) -> Any:
    return keras.ops.convert_to_numpy(model(np.ascontiguousarray(x.swapaxes(0, 1)), training=False))


def ours(model: Any, x: Any) -> Any:
    """As Keras has them: sequences first."""
    if model.config.readout is None:
        return model.states(x)[0].swapaxes(0, 1)
    if model.config.readout.when == "last_step":
        return model.last(x, np.full(x.shape[1], len(x)))
    return model.run(x)[0].swapaxes(0, 1)


@pytest.fixture(params=["keras", "h5"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def taken(tmp_path):
    """What becomes of a model in a file, and what is said of it."""

    def take(model, kind="keras", **options):
        path = tmp_path / f"net.{kind}"
        model.save(path)
        notes: list[str] = []
        return import_model(path, note=notes.append, **options), notes

    return take


def assert_equal(model: Any, source: Any, end: Any = lambda z: z) -> None:
    x = some_inputs(source)
    expected = theirs(source, x)
    given = end(ours(model, x))
    np.testing.assert_allclose(given.reshape(expected.shape), expected, rtol=0, atol=1e-5)


CELLS = {
    "lstm": lambda units, **more: L.LSTM(units, **more),
    "lstm without bias": lambda units, **more: L.LSTM(units, use_bias=False, **more),
    "gru": lambda units, **more: L.GRU(units, **more),
    "gru without bias": lambda units, **more: L.GRU(units, use_bias=False, **more),
    "gru-classic": lambda units, **more: L.GRU(units, reset_after=False, **more),
    "rnn-tanh": lambda units, **more: L.SimpleRNN(units, **more),
    "rnn-relu": lambda units, **more: L.SimpleRNN(units, activation="relu", **more),
    "rnn of a cell": lambda units, **more: L.RNN(L.GRUCell(units), **more),
}


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_in_both_files(taken, kind, cell):
    source = sequential(CELLS[cell](5, return_sequences=True), CELLS[cell](6), L.Dense(3))
    model, notes = taken(source, kind)
    assert_equal(model, source)
    assert notes == []


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sequences", [True, False])
def test_both_directions(taken, kind, cell, sequences):
    source = sequential(
        L.Bidirectional(CELLS[cell](4, return_sequences=True)),
        L.Bidirectional(CELLS[cell](3, return_sequences=sequences)),
        L.Dense(2),
    )
    assert_equal(taken(source, kind)[0], source)


def test_a_layer_that_goes_backwards_hands_on_what_it_computes_last_at_the_end(taken, kind):
    source = sequential(L.LSTM(4, go_backwards=True, return_sequences=True), L.GRU(5), L.Dense(2))
    model, _ = taken(source, kind)
    assert [layer.config.reverse for layer in model.layers] == [True, True]
    assert_equal(model, source)
    twice = sequential(L.LSTM(4, go_backwards=True, return_sequences=True), L.GRU(5, go_backwards=True), L.Dense(2))
    model, _ = taken(twice, kind)
    assert [layer.config.reverse for layer in model.layers] == [True, False]
    assert_equal(model, twice)


def test_steps_that_go_backwards_to_the_end_are_at_their_own_position(taken):
    source = sequential(L.LSTM(4, go_backwards=True, return_sequences=True), L.Dense(2))
    model, notes = taken(source)
    assert_equal(model, source, lambda z: z[:, ::-1])
    assert notes == [
        "Keras returns steps from the last to the first (go_backwards); the model has each at its own position"
    ]


def softmax(z: Any) -> Any:
    z = np.exp(z - z.max(-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)


ENDS = {"linear": lambda z: z, "softmax": softmax, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("apart", [True, False])
def test_what_comes_after_the_last_dense_layer_is_passed_over_with_a_word(taken, kind, end, apart):
    last = [L.Dense(3), L.Activation(end)] if apart else [L.Dense(3, activation=end)]
    source = sequential(L.GRU(5), L.Dense(4, activation="relu"), L.Dropout(0.2), *last)
    model, notes = taken(source, kind)
    assert_equal(model, source, ENDS[end])
    said = f"the {end} at the end is passed over: the outputs are those before it"
    assert notes == ([] if end == "linear" else [said])


@pytest.mark.parametrize("pool", ["GlobalAveragePooling1D", "GlobalMaxPooling1D"])
def test_pooling_over_steps(taken, kind, pool):
    source = sequential(
        L.Bidirectional(L.LSTM(4, return_sequences=True)), getattr(L, pool)(), L.Dense(4, activation="tanh"), L.Dense(2)
    )
    assert_equal(taken(source, kind)[0], source)


@pytest.mark.parametrize("merge", ["sum", "ave"])
@pytest.mark.parametrize("read_by", ["LSTM", "GRU", "Dense"])
def test_directions_that_are_added_up_and_a_norm_become_part_of_what_reads_them(taken, kind, merge, read_by):
    reader = getattr(L, read_by)(5)
    both = L.Bidirectional(L.GRU(4, return_sequences=read_by != "Dense"), merge_mode=merge)
    source = sequential(
        L.BatchNormalization(), both, L.BatchNormalization(), reader, L.BatchNormalization(), L.Dense(2)
    )
    model, notes = taken(source, kind)
    assert_equal(model, source)
    assert [note.partition(": ")[2] for note in notes] == [
        "its scale and shift become part of the weights beside it"
    ] * 3


@pytest.mark.parametrize("dense", [True, False])
def test_what_vectors_are_normalised_by_becomes_part_of_what_reads_them(taken, kind, dense):
    norm = L.Normalization()
    norm.adapt(np.random.default_rng(0).normal(3, 2, (50, 2, FEATURES)).astype(np.float32))
    reader = [L.Dense(3, activation="tanh")] if dense else []
    scales = L.Rescaling([0.5, 2.0, 1.0, -1.0], offset=0.25)
    source = keras.Sequential([keras.Input((None, FEATURES)), norm, scales, *reader, L.GRU(4), L.Dense(2)])
    assert_equal(taken(source, kind)[0], source)


@dataclass(frozen=True)
class Drawn:
    """How to make a model of Keras, what its end does, and what of it, if anything, is named where it is refused."""

    symbols: bool
    layers: tuple[Callable[[], Any], ...]
    end: str
    refused: str | None


UNSUPPORTED = {
    "Conv1D": lambda: L.Conv1D(4, 2),
    "LayerNormalization": lambda: L.LayerNormalization(),
    "Bidirectional": lambda: L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="mul"),
    "LSTM": lambda: L.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True),
    "GRU": lambda: L.GRU(3, activation="elu", return_sequences=True),
    "UpSampling1D": lambda: L.UpSampling1D(2),
}


NEVER = st.just(False)
ACTIVATIONS = st.sampled_from(["linear", "relu", "tanh", "sigmoid"])


@st.composite
def denses(draw, wrapped=NEVER):
    options = {"units": draw(st.integers(2, 4)), "activation": draw(ACTIVATIONS), "use_bias": draw(st.booleans())}
    if draw(wrapped):
        return lambda: L.TimeDistributed(L.Dense(**options))
    return lambda: L.Dense(**options)


@st.composite
def recurrents(draw, sequences, merges):
    cell, units, both = draw(st.sampled_from(sorted(CELLS))), draw(st.integers(2, 5)), draw(st.booleans())
    merge = draw(st.sampled_from(["concat", *merges]))

    def made():
        layer = CELLS[cell](units, return_sequences=sequences)
        return L.Bidirectional(layer, merge_mode=merge) if both else layer

    return made


@st.composite
def models(draw):
    """Everything that has a rule, in any order that Keras allows, and now and then a layer that has none."""
    layers: list[Callable[[], Any]] = []
    symbols = draw(st.booleans())
    if symbols:
        size = draw(st.integers(2, 5))
        layers.append(lambda: L.Embedding(SYMBOLS, size))
    layers += [L.BatchNormalization] if draw(st.booleans()) else []
    layers += draw(st.lists(denses(), max_size=1))
    layers += [L.BatchNormalization] if draw(st.booleans()) else []
    refused = draw(st.sampled_from([None] * 12 + sorted(UNSUPPORTED)))
    layers += [UNSUPPORTED[refused]] if refused else []
    stack, last = draw(st.integers(1, 3)), draw(st.sampled_from(["steps", "last", "Average", "Max"]))
    for k in range(stack):
        linear = k + 1 < stack or last != "Max"  # no maximum of sums, or of what is scaled
        layers.append(draw(recurrents(k + 1 < stack or last != "last", ["sum", "ave"] if linear else [])))
        layers += [lambda: L.Dropout(0.3)] if draw(st.booleans()) else []
        layers += [L.BatchNormalization] if linear and draw(st.booleans()) else []
    if last in ("Average", "Max"):
        layers.append(getattr(L, f"Global{last}Pooling1D"))
    layers += draw(st.lists(denses(st.booleans() if last == "steps" else NEVER), max_size=2))
    layers += [L.BatchNormalization] if draw(st.booleans()) else []
    end = draw(st.sampled_from(sorted(ENDS)))
    layers.append(lambda: L.Dense(3, activation=end))
    return Drawn(symbols, tuple(layers), end, refused)


@settings(max_examples=25)
@given(models(), st.sampled_from(["keras", "h5"]))
def test_a_drawn_model_computes_what_keras_computes_or_is_refused_by_name(tmp_path_factory, drawn, kind):
    path = tmp_path_factory.getbasetemp() / f"drawn.{kind}"
    source = sequential(*(make() for make in drawn.layers), symbols=drawn.symbols)
    source.save(path)
    if drawn.refused:
        with pytest.raises(BadInput, match=re.escape(f"({drawn.refused}): ")):
            import_model(path)
        return
    assert_equal(import_model(path), source, ENDS[drawn.end])


# --- graphs


def functional(build: Callable[..., Any], *inputs: Any) -> Any:
    return redrawn(keras.Model(list(inputs) if len(inputs) > 1 else inputs[0], build(*inputs)))


def vectors() -> Any:
    return keras.Input((None, FEATURES))


def test_a_functional_chain_of_stacked_cells(taken, kind):
    def build(x):
        x = L.RNN([L.LSTMCell(5), L.GRUCell(4), L.LSTMCell(3)], return_sequences=True)(x)
        x = L.RNN([L.SimpleRNNCell(3)], go_backwards=True, return_sequences=True)(x)
        return L.Dense(2)(L.GlobalAveragePooling1D()(L.GRU(4, return_sequences=True)(x)))

    source = functional(build, vectors())
    model, _ = taken(source, kind)
    assert [layer.config.cell for layer in model.layers] == ["lstm", "gru", "lstm", "rnn-tanh", "gru"]
    assert_equal(model, source)


def test_a_state_that_is_returned_is_the_h_of_the_last_step(taken, kind):
    def build(x):
        _, h, _ = L.LSTM(5, return_state=True, return_sequences=True)(x)
        return L.Dense(2)(h)

    source = functional(build, vectors())
    assert_equal(taken(source, kind)[0], source)


@pytest.mark.parametrize("both", [True, False])
def test_the_last_step_by_an_index(taken, kind, both):
    def build(x):
        layer = L.LSTM(5, return_sequences=True)
        return L.Dense(2)((L.Bidirectional(layer) if both else layer)(x)[:, -1])

    source = functional(build, vectors())
    model, _ = taken(source, kind)
    assert model.config.readout.at_last_position == both
    assert_equal(model, source)


def test_initial_states_that_are_inputs(taken, kind):
    def build(x, h, c):
        y, *states = L.LSTM(5, return_sequences=True, return_state=True)(x, initial_state=[h, c])
        return [L.Dense(2)(y), *states]

    source = functional(build, vectors(), keras.Input((5,), name="h"), keras.Input((5,), name="c"))
    model, notes = taken(source, kind)
    assert notes == ["initial states are inputs of the model (h, c): here a sequence starts from zeros"]
    x = some_inputs(source)
    zeros = np.zeros((BATCH, 5), np.float32)
    expected = keras.ops.convert_to_numpy(source([x.swapaxes(0, 1).copy(), zeros, zeros])[0])
    np.testing.assert_allclose(ours(model, x), expected, rtol=0, atol=1e-5)


def test_one_of_several_outputs_is_chosen_by_the_name_of_its_layer(taken, kind):
    def build(x):
        x = L.GRU(5)(x)
        return [L.Dense(2, name="one")(x), L.Dense(3, name="other")(x)]

    source = functional(build, vectors())
    with pytest.raises(BadInput, match=r"net\.\w+: the model has 2 outputs, one, other: choose one with --output"):
        taken(source, kind)
    model, _ = taken(source, kind, output="other")
    x = some_inputs(source)
    np.testing.assert_allclose(ours(model, x), theirs_of(source, x, 1), rtol=0, atol=1e-5)
    with pytest.raises(BadInput, match=r"output must be one of the layers .*one, other, not 'none'"):
        taken(source, kind, output="none")


def theirs_of(model: Any, x: Any, k: int) -> Any:
    return keras.ops.convert_to_numpy(model(np.ascontiguousarray(x.swapaxes(0, 1)))[k])


# --- Keras 2


def old_config(layer: Any) -> dict[str, Any]:
    """A layer as Keras 2 describes it."""
    config = {key: value for key, value in layer.get_config().items() if "backward" not in key}
    config |= {
        "dtype": "float32",
        "implementation": 2,
        "time_major": False,
        "batch_input_shape": [None, None, FEATURES],
    }
    if isinstance(layer, L.Bidirectional):
        config["layer"] = {"class_name": type(layer.forward_layer).__name__, "config": old_config(layer.forward_layer)}
    return {key: value for key, value in config.items() if "initializer" not in key}


def save_as_keras_2(model: Any, path: Path, graph: bool) -> None:
    """HDF5 as tf.keras 2.4 has it: nodes as lists, names of fixed length that end in ``:0``, no backward layer."""
    layers: list[Any] = [{"class_name": type(layer).__name__, "config": old_config(layer)} for layer in model.layers]
    if graph:
        start = {"name": "input_1", "batch_input_shape": [None, None, FEATURES]}
        layers = [{"class_name": "InputLayer", "config": start, "inbound_nodes": []}, *layers]
        for below, layer in pairwise(layers):
            layer["inbound_nodes"] = [[[below["config"]["name"], 0, 0, {}]]]
    config: dict[str, Any] = {"name": "model", "layers": layers}
    if graph:
        config |= {"input_layers": [["input_1", 0, 0]], "output_layers": [[layers[-1]["config"]["name"], 0, 0]]}
    with h5py.File(path, "w") as file:
        text = json.dumps({"class_name": "Functional" if graph else "Sequential", "config": config})
        file.attrs["model_config"], file.attrs["keras_version"] = text.encode(), b"2.4.0"
        for layer in model.layers:
            group = file.create_group(f"model_weights/{layer.name}")
            names = [f"{layer.name}/{weight.path}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([name.encode() for name in names])
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = keras.ops.convert_to_numpy(weight)


@pytest.mark.parametrize("graph", [True, False])
def test_whole_models_of_keras_2(tmp_path, graph):
    source = sequential(L.Bidirectional(L.LSTM(4, return_sequences=True)), L.GRU(5), L.Dropout(0.1), L.Dense(3))
    save_as_keras_2(source, path := tmp_path / "old.h5", graph)
    assert_equal(import_model(path), source)


# --- what is said


def test_masks_are_lengths_and_it_is_said(taken, kind):
    source = functional(lambda x: L.Dense(2)(L.Bidirectional(L.LSTM(4))(L.Masking(0.0)(x))), vectors())
    model, notes = taken(source, kind)
    assert len(notes) == 1
    assert re.fullmatch(
        r"layer 'masking\S*': Keras leaves out steps whose elements are all 0.0; here .* lengths.*", notes[0]
    )
    x, lengths = some_inputs(source), np.array([7, 3, 5])
    for b, length in enumerate(lengths):
        x[length:, b] = 0
    np.testing.assert_allclose(model.last(x, lengths), theirs(source, x), rtol=0, atol=1e-5)


def test_symbol_0_that_is_left_out(taken, kind):
    source = sequential(L.Embedding(SYMBOLS, 3, mask_zero=True), L.GRU(4), L.Dense(2), symbols=True)
    model, notes = taken(source, kind)
    assert "leaves out steps of symbol 0 (mask_zero)" in notes[0]
    x, lengths = np.maximum(some_inputs(source), 1), np.array([7, 3, 5])
    for b, length in enumerate(lengths):
        x[length:, b] = 0
    np.testing.assert_allclose(model.last(x, lengths), theirs(source, x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("policy", "floats"), [("mixed_float16", "float16"), ("bfloat16", "bfloat16"), ("float64", "float64")]
)
def test_other_floats_are_said(taken, policy, floats):
    # Keras 3.15 stores the first bfloat16 array of a model alone, and does not read that back either
    source = sequential(L.GRU(5), L.Dense(2, dtype=policy, use_bias=False))
    model, notes = taken(source)
    assert any(f"Keras computes in {floats} (dtype {policy})" in note for note in notes)
    x = some_inputs(source)
    np.testing.assert_allclose(ours(model, x), theirs(source, x).astype(np.float32), rtol=0, atol=0.05)
    weights = source.layers[1].kernel
    np.testing.assert_array_equal(model.readout_codes.T, keras.ops.convert_to_numpy(keras.ops.cast(weights, "float32")))


def test_a_stateful_layer_is_said(taken, kind):
    start = keras.Input(batch_shape=(BATCH, None, FEATURES))
    source = redrawn(keras.Sequential([start, L.LSTM(4, stateful=True), L.Dense(2)]))
    model, notes = taken(source, kind)
    assert len(notes) == 1
    assert "is stateful: Keras carries its state from batch to batch" in notes[0]
    assert_equal(model, source)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_8_bit_integers_stay_what_they_are(taken):
    source = sequential(L.Embedding(SYMBOLS, 5), L.LSTM(6), L.Dense(4, activation="relu"), L.Dense(3), symbols=True)
    source.quantize("int8")
    model, notes = taken(source)
    *_, hidden, dense = source.layers
    assert notes == [
        f"layer {hidden.name!r}: Keras rounds what it reads to 8 bits; the model does not",
        f"layer {dense.name!r}: Keras rounds what it reads to 8 bits; the model does not",
        f"layer {hidden.name!r}: its 8-bit integers become the floats that they stand for",
    ]
    np.testing.assert_array_equal(model.readout_codes.T, keras.ops.convert_to_numpy(dense._kernel))
    np.testing.assert_array_equal(
        model.embedding_codes, keras.ops.convert_to_numpy(source.layers[0]._embeddings)
    )  # fmt: skip
    assert (model.config.input.weight_format, model.config.readout.weight_format) == ("fixed8-row", "fixed8-row")
    x = some_inputs(source)
    np.testing.assert_allclose(ours(model, x), theirs(source, x), rtol=0, atol=0.05)


# --- what is refused


def shared(x):
    layer = L.LSTM(4, return_sequences=True)
    return layer(L.Dense(4)(layer(x)))


def encoder(x):
    _, *state = L.LSTM(4, return_state=True)(x)
    return L.LSTM(4)(x, initial_state=state)


REFUSED_LAYERS = {
    r"\(LSTM\): recurrent_activation must be sigmoid, not 'hard_sigmoid'": [
        lambda: L.LSTM(4, recurrent_activation="hard_sigmoid")
    ],
    r"\(GRU\): activation must be tanh, not 'relu'": [lambda: L.GRU(4, activation="relu")],
    r"\(SimpleRNN\): activation must be tanh or relu, not 'sigmoid'": [lambda: L.SimpleRNN(4, activation="sigmoid")],
    r"\(Bidirectional\): merge_mode must be concat or sum or ave, not 'mul'": [
        lambda: L.Bidirectional(L.GRU(4), merge_mode="mul")
    ],
    "a norm, or directions that are added up, must have a Dense layer after": [
        lambda: L.Bidirectional(L.GRU(4), merge_mode="ave")
    ],
    r"\(GlobalMaxPooling1D\): must not read a norm": [
        lambda: L.GRU(4, return_sequences=True), L.BatchNormalization, L.GlobalMaxPooling1D, lambda: L.Dense(2),
    ],
    r"\(Bidirectional\): stacked cells .* not supported: stack Bidirectional layers": [
        lambda: L.Bidirectional(L.RNN([L.GRUCell(3), L.GRUCell(3)]))
    ],
    r"\(Bidirectional\): above a layer that goes backwards is not supported": [
        lambda: L.GRU(3, go_backwards=True, return_sequences=True), lambda: L.Bidirectional(L.GRU(3)),
    ],
    r"\(Flatten\): joins all steps, .*: use the last step \(return_sequences=False\) or Global": [
        lambda: L.GRU(4, return_sequences=True), L.Flatten, lambda: L.Dense(2),
    ],
    r"\(RepeatVector\): layers of this class are not supported; those that are: InputLayer, ": [
        lambda: L.GRU(4), lambda: L.RepeatVector(3),
    ],
    r"\(LayerNormalization\): a norm of what each step holds is not supported": [
        L.LayerNormalization, lambda: L.GRU(4)
    ],
    r"\(LSTM\): a Dense layer between two recurrent ones": [
        lambda: L.GRU(4, return_sequences=True), lambda: L.Dense(3), lambda: L.LSTM(3),
    ],
    r"\(Dense\): only one Dense layer before the first recurrent one": [
        lambda: L.Dense(3), lambda: L.Dense(3), lambda: L.LSTM(3),
    ],
    r"the last Dense layer must be linear .*, not tanh: add a linear Dense": [
        lambda: L.GRU(4), lambda: L.Dense(3, activation="tanh"),
    ],
    r"\(Dense\): reads a softmax, which is supported at the end alone": [
        lambda: L.GRU(4), lambda: L.Dense(3, activation="softmax"), lambda: L.Dense(3),
    ],
    r"\(Dense\): activation must be linear or relu or .*, not 'gelu'": [
        lambda: L.GRU(4), lambda: L.Dense(3, activation="gelu"), lambda: L.Dense(3),
    ],
    r"\(Activation\): tanh of what is not a Dense layer's": [lambda: L.GRU(4), lambda: L.Activation("tanh")],
    r"\(Reshape\): must change nothing \(target_shape \[4\]\), not make \[2, 2\]": [
        lambda: L.GRU(4), lambda: L.Reshape((2, 2)),
    ],
    r"\(GlobalMaxPooling1D\): must follow a recurrent layer that returns sequences": [
        lambda: L.GRU(4, return_sequences=True), lambda: L.Dense(2), L.GlobalMaxPooling1D,
    ],
    "there must be a Dense layer after pooling": [lambda: L.GRU(4, return_sequences=True), L.GlobalMaxPooling1D],
    r"\(Lambda\): holds code, which is never run": [lambda: L.Lambda(lambda x: 2 * x), lambda: L.GRU(4)],
    "there is no recurrent layer": [lambda: L.Dense(2)],
}  # fmt: skip


@pytest.mark.parametrize(("message", "layers"), REFUSED_LAYERS.items(), ids=range(len(REFUSED_LAYERS)))
def test_what_has_no_rule_is_refused_by_name(taken, kind, message, layers):
    source = sequential(*(make() for make in layers))
    with pytest.raises(BadInput, match=rf"^\S*net\.{kind}: .*{message}") as refused:
        taken(source, kind)
    assert str(refused.value).isprintable()


REFUSED_GRAPHS = {
    r"layer 'lstm\S*': must be used once, and '\S+' reads its use 1": (shared, [vectors]),
    r"\(LSTM\): its initial state must be zeros or an input, not computed by 'lstm\S*'": (encoder, [vectors]),
    r"\(Concatenate\): joins 2 tensors: only a chain": (
        lambda x: L.Dense(2)(L.Concatenate()([L.LSTM(3)(x), L.GRU(3)(x)])), [vectors],
    ),
    r"\(Add\): joins several tensors: only a chain": (lambda x: L.GRU(3)(L.Dense(3)(x) + L.Dense(3)(x)), [vectors]),
    r"the model must have one input beside initial states, not": (
        lambda x, y: [L.Dense(2)(L.GRU(3)(x)), L.GRU(3, return_state=True)(y)[1]], [vectors, vectors],
    ),
    r"\(Bidirectional\): its output 1, a state after the last step, is not supported": (
        lambda x: L.Dense(2)(L.Bidirectional(L.GRU(3, return_state=True))(x)[1]), [vectors],
    ),
    r"\(LSTM\): its output 2 is c, or a state of an inner cell: only h goes on": (
        lambda x: L.Dense(2)(L.LSTM(3, return_state=True)(x)[2]), [vectors],
    ),
    r"\(GetItem\): must take the last step of a recurrent layer": (
        lambda x: L.Dense(2)(L.GRU(3, return_sequences=True)(x)[:, 0]), [vectors],
    ),
    r"\(Sequential\): a model within a model is not supported": (
        lambda x: L.Dense(2)(keras.Sequential([vectors(), L.GRU(3)])(x)), [vectors],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "graph"), REFUSED_GRAPHS.items(), ids=range(len(REFUSED_GRAPHS)))
def test_what_is_no_chain_is_refused_by_name(taken, kind, message, graph):
    build, inputs = graph
    source = functional(build, *(make() for make in inputs))
    with pytest.raises(BadInput, match=rf"^\S*net\.{kind}: .*{message}"):
        taken(source, kind)


@keras.saving.register_keras_serializable(package="mine")
class Doubled(L.Layer):  # type: ignore[misc]  # keras comes by importorskip, without its types
    def call(self, x):
        return 2 * x


def test_a_class_of_ones_own_is_refused(taken):
    source = sequential(Doubled(), L.GRU(3))
    with pytest.raises(BadInput, match=r"layer 'doubled' \(Doubled\): is of a class of one's own, 'mine>Doubled'"):
        taken(source)
    with pytest.raises(
        BadInput, match=r"layer 'doubled\S*' \(mine>Doubled\): is of a class of one's own, 'mine>Doubled'"
    ):
        taken(sequential(Doubled(), L.GRU(3)), "h5")


def test_code_in_a_file_is_not_run(taken, tmp_path, kind):
    """A Lambda holds the bytes of a function, which Keras itself would run without safe_mode."""
    marker = tmp_path / "marker"

    def touching(x, path=str(marker)):
        Path(path).touch()
        return x

    source = sequential(L.Lambda(touching, output_shape=(None, FEATURES)), L.GRU(3))
    theirs(source, some_inputs(source))
    assert marker.exists()  # the function is live
    marker.unlink()
    with pytest.raises(BadInput, match=r"\(Lambda\): holds code, which is never run"):
        taken(source, kind)
    assert not marker.exists()


def test_an_archive_of_something_else_says_which_member_is_broken(tmp_path):
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"x" * 99)
    with pytest.raises(BadInput, match=r"model\.weights\.h5 in it is not a whole HDF5 file as Keras writes them"):
        import_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(BadInput, match=r"a \.keras file must hold model\.weights\.h5, and this one holds config\.json"):
        import_model(path)


def test_members_that_unpack_to_more_than_the_file_could_hold_are_refused(taken, tmp_path):
    path = tmp_path / "net.keras"
    sequential(L.GRU(3)).save(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    import_model(path)  # packed again by hand, it is as good as before
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", files["config.json"] + b" " * 10**8)
        archive.writestr("model.weights.h5", files["model.weights.h5"])
    with pytest.raises(BadInput, match=r"config\.json must unpack to no more than 20 times the \d+ of the file"):
        import_model(path)


def test_weights_alone_are_refused_with_the_way(tmp_path):
    path = tmp_path / "net.weights.h5"
    sequential(L.GRU(3)).save_weights(path)
    with pytest.raises(BadInput, match=r"holds weights and no model .*: save all of it, model\.save\('model\.keras'\)"):
        import_model(path)


def test_options_of_a_state_dict_do_not_go_with_it(taken):
    with pytest.raises(BadInput, match="is of Keras, which says itself what its tensors are"):
        taken(sequential(L.GRU(3)), choices=Choices(when="last_step"))


def test_one_hot_symbols(taken):
    source = sequential(L.Dense(5, activation="tanh"), L.GRU(3), L.Dense(2))
    model, _ = taken(source, input_kind="one_hot")
    symbols = np.random.default_rng(0).integers(0, FEATURES, (STEPS, BATCH))
    expected = theirs(source, np.eye(FEATURES, dtype=np.float32)[symbols])
    np.testing.assert_allclose(ours(model, symbols), expected, rtol=0, atol=1e-5)
    with pytest.raises(BadInput, match="input: one_hot does not go with an embedding"):
        taken(sequential(L.Embedding(SYMBOLS, 3), L.GRU(3), symbols=True), input_kind="one_hot")


# --- nothing of a config is overlooked


VALUES = (
    True, False, -1, 0, 1, 2, 3, 4, 0.5, "relu", "tanh", "sigmoid", "linear", "softmax", "hard_sigmoid",
    "mixed_float16", "float64", "sum", "ave", "concat", "channels_first",
)  # fmt: skip


def places(tree: Any) -> Any:
    """Every (container, key) of what is not an object."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if not isinstance(value, dict | list):
            yield tree, key
        elif not str(key).endswith(("initializer", "regularizer", "constraint")):
            yield from places(value)


def changed(data: bytes, seed: int) -> bytes:
    """A ``.keras`` file with one value of its config exchanged for another, mostly of the same type."""
    rng = np.random.default_rng(seed)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    found = list(places(config["config"]))
    container, key = found[int(rng.integers(len(found)))]
    alike = [value for value in VALUES if type(value) is type(container[key])]
    container[key] = (alike or VALUES)[int(rng.integers(len(alike or VALUES)))]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in (files | {"config.json": json.dumps(config).encode()}).items():
            archive.writestr(name, content)
    return stream.getvalue()


def graph(x: Any) -> Any:
    x = L.RNN([L.SimpleRNNCell(4), L.LSTMCell(4)], return_sequences=True)(L.Dense(4, activation="tanh")(x))
    _, h = L.GRU(4, return_state=True, reset_after=False)(L.TimeDistributed(L.Dropout(0.1))(x))
    return L.Dense(3)(h)


@pytest.mark.parametrize("shape", ["pooled", "graph"])
def test_a_changed_model_that_is_taken_computes_what_keras_computes(tmp_path, shape):
    """What is taken is taken whole: no change of a config is overlooked that Keras sees."""
    pooled = [
        L.Bidirectional(L.LSTM(4, return_sequences=True)), L.BatchNormalization(), L.GRU(4, return_sequences=True),
        L.GlobalAveragePooling1D(), L.Dense(4, activation="relu"), L.Dense(4),
    ]  # fmt: skip
    source = sequential(*pooled) if shape == "pooled" else functional(graph, vectors())
    path, compared = tmp_path / "net.keras", 0
    source.save(path)
    data = path.read_bytes()
    for seed in range(30):
        path.write_bytes(changed(data, seed))
        notes: list[str] = []
        try:
            model = import_model(path, note=notes.append)
            again = keras.models.load_model(path, safe_mode=True)
            x = some_inputs(again)
            expected = theirs(again, x)
        except Exception:  # one of both refuses it; that ours does so on one line is tested elsewhere
            continue
        if any("passed over" in note or "Keras computes in" in note for note in notes):
            continue
        np.testing.assert_allclose(
            ours(model, x).reshape(expected.shape), expected, rtol=0, atol=1e-4, err_msg=str(seed)
        )
        compared += 1
    assert compared >= 7
