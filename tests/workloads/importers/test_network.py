"""What becomes of an imported network: the model computes what PyTorch's own modules do, whatever it is made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers.network import FloatDense, FloatLayer, Formats, ImportedNetwork, make_layer, to_model
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks.base import Sample

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn-tanh": "RNN", "rnn-relu": "RNN"}
CURVES = {"none": lambda z: z, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
FEATURES, STEPS = 4, 9


def numbers(tensor):
    return tensor.detach().numpy().astype(np.float32).copy()


def recurrent(cell, inputs, hidden, layers, bidirectional, projection):
    kind = {"nonlinearity": cell[4:]} if cell.startswith("rnn") else {}
    if projection:
        kind["proj_size"] = projection
    return getattr(torch.nn, CELLS[cell])(inputs, hidden, num_layers=layers, bidirectional=bidirectional, **kind)


def float_layers(cell, module):
    """The layers of PyTorch's module, each direction one of its own."""
    layers = []
    for k in range(module.num_layers):
        for end in ("", "_reverse")[: 1 + module.bidirectional]:
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            made = vars(make_layer(cell, *(numbers(getattr(module, f"{name}_l{k}{end}")) for name in names)))
            made |= {"reverse": bool(end), "beside": bool(end)}
            if module.proj_size:
                made["projection"] = numbers(getattr(module, f"weight_hr_l{k}{end}"))
            layers.append(FloatLayer(**made))
    return tuple(layers)


def drawn(draw_seed, cell, layers, bidirectional, projection, dense, head, pooling, when, at_last_position):
    """PyTorch's modules and the network that they are: dense, recurrent layers, pooling, head and readout."""
    torch.manual_seed(draw_seed)
    hidden = int(torch.randint(4, 8, ()))
    before = torch.nn.Linear(FEATURES, 5) if dense else None
    module = recurrent(cell, 5 if dense else FEATURES, hidden, layers, bidirectional, projection)
    width = (projection or hidden) * (1 + bidirectional)
    above = []
    for _ in head:
        above.append(torch.nn.Linear(width, 6))
        width = 6
    readout = torch.nn.Linear(width, 3)
    network = ImportedNetwork(
        input="vector",
        layers=float_layers(cell, module),
        readout_weight=numbers(readout.weight),
        readout_bias=numbers(readout.bias),
        when=when,
        dense=FloatDense(numbers(before.weight), numbers(before.bias), dense) if dense else None,
        head=tuple(
            FloatDense(numbers(each.weight), numbers(each.bias), curve) for each, curve in zip(above, head, strict=True)
        ),
        pooling=pooling,
        at_last_position=at_last_position,
    )

    @torch.no_grad()
    def theirs(inputs, lengths):
        """Logits of every step ``(T, B, 3)``, or one a sequence ``(B, 3)``."""
        v = torch.from_numpy(inputs)
        v = CURVES[dense](before(v)) if dense else v
        packed = torch.nn.utils.rnn.pack_padded_sequence(v, torch.from_numpy(lengths), enforce_sorted=False)
        out, state = module(packed)
        out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, total_length=len(inputs))
        if when == "last_step":
            out = summary(out, state[0] if cell == "lstm" else state, lengths)
        for each, curve in zip(above, head, strict=True):
            out = CURVES[curve](each(out))
        return readout(out).numpy()

    def summary(out, h_n, lengths):
        if pooling == "mean":
            return torch.stack([out[:n, b].mean(0) for b, n in enumerate(lengths)])
        if pooling == "max":
            return torch.stack([out[:n, b].max(0).values for b, n in enumerate(lengths)])
        if at_last_position:
            return torch.stack([out[n - 1, b] for b, n in enumerate(lengths)])
        return torch.cat(list(h_n[-(1 + bidirectional) :]), dim=1)

    return network, theirs


@st.composite
def networks(draw):
    cell = draw(st.sampled_from(sorted(CELLS)))
    bidirectional = draw(st.booleans())
    when = draw(st.sampled_from(["every_step", "last_step"]))
    pooling = draw(st.sampled_from([None, "mean", "max"])) if when == "last_step" else None
    return drawn(
        draw(st.integers(0, 2**20)),
        cell,
        draw(st.integers(1, 3)),
        bidirectional,
        draw(st.integers(0, 3)) if cell == "lstm" else 0,
        draw(st.sampled_from([None, *CURVES])),
        draw(st.lists(st.sampled_from(sorted(CURVES)), max_size=2)),
        pooling,
        when,
        when == "last_step" and bidirectional and pooling is None and draw(st.booleans()),
    )


def some_inputs(seed, batch=3):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, STEPS + 1, batch)
    return rng.normal(0, 1, (STEPS, batch, FEATURES)).astype(np.float32), lengths


@settings(max_examples=60)
@given(networks(), st.integers(0, 100))
def test_the_model_of_a_network_computes_what_pytorch_does(both, seed):
    network, theirs = both
    model = to_model(network, "imported", Formats())
    inputs, lengths = some_inputs(seed)
    expected = theirs(inputs, lengths)
    if expected.ndim == 2:
        np.testing.assert_allclose(model.last(inputs, lengths), expected, rtol=0, atol=1e-5)
    else:
        ours, _ = model.run(inputs, None, np.float32, lengths)
        running = np.arange(STEPS)[:, None] < lengths
        np.testing.assert_allclose(ours[running], expected[running], rtol=0, atol=1e-5)


@settings(max_examples=15)
@given(networks())
def test_it_is_stored_whole(tmp_path_factory, both):
    network, _ = both
    model = to_model(network, "imported", Formats())
    path = tmp_path_factory.mktemp("stored") / "model.safetensors"
    model.save(path)
    again = Model.load(path)
    assert again.config == model.config
    assert again.sha256 == model.sha256
    inputs, lengths = some_inputs(1)
    if model.config.readout.when == "last_step":
        np.testing.assert_array_equal(again.last(inputs, lengths), model.last(inputs, lengths))
    else:
        np.testing.assert_array_equal(again.run(inputs)[0], model.run(inputs)[0])


@pytest.mark.parametrize("projection", [0, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_sequences_start_from_states_of_each_direction(projection, bidirectional):
    module = recurrent("lstm", FEATURES, 5, 2, bidirectional, projection)
    outputs, directions = projection or 5, 1 + bidirectional
    h, c = torch.randn(2 * directions, outputs), torch.randn(2 * directions, 5)
    starts = [
        np.concatenate([numbers(of_h), numbers(of_c)]) if projection else np.stack([numbers(of_h), numbers(of_c)])
        for of_h, of_c in zip(h, c, strict=True)
    ]
    layers = [
        FloatLayer(**vars(layer) | {"initial_state": start})
        for layer, start in zip(float_layers("lstm", module), starts, strict=True)
    ]
    model = to_model(ImportedNetwork(input="vector", layers=tuple(layers)), "imported", Formats())
    inputs, lengths = some_inputs(3)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.from_numpy(inputs), torch.from_numpy(lengths), enforce_sorted=False
    )
    start = tuple(state[:, None].repeat(1, len(lengths), 1) for state in (h, c))
    with torch.no_grad():
        expected, _ = torch.nn.utils.rnn.pad_packed_sequence(module(packed, start)[0], total_length=STEPS)
    ours, _ = model.states(inputs, lengths=lengths)
    running = np.arange(STEPS)[:, None] < lengths
    np.testing.assert_allclose(ours[running], expected.numpy()[running], rtol=0, atol=1e-6)


def nonzero(module, inputs):
    """Which h of each layer of a stack are not zero ``(layers, T, B, both directions)``, for sequences all whole."""
    found, v = [], torch.from_numpy(inputs)
    for k in range(module.num_layers):
        one = recurrent("rnn-relu", v.shape[-1], module.hidden_size, 1, True, 0)
        ends = ("", "_reverse")
        names = [f"{name}_l{{}}{end}" for end in ends for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        one.load_state_dict({name.format(0): module.state_dict()[name.format(k)] for name in names})
        with torch.no_grad():
            v, _ = one(v)
        found.append(v.numpy() != 0)
    return np.array(found)


def test_recorded_zeros_of_both_directions_are_those_of_pytorch():
    """The positive part makes zeros without any pruning: those that PyTorch's own module finds."""
    torch.manual_seed(4)
    module = recurrent("rnn-relu", FEATURES, 7, 2, True, 0)
    model = to_model(ImportedNetwork(input="vector", layers=float_layers("rnn-relu", module)), "imported", Formats())
    inputs, lengths = some_inputs(5)
    trace = record_sample(model, Sample(inputs, lengths, 0), {})

    def recorded(name, size, lane):
        bits = np.unpackbits(trace.arrays[name], axis=-1, count=size).astype(bool)
        return bits[name.startswith("h") :][: lengths[lane], lane]

    for lane, length in enumerate(lengths):
        below, above = nonzero(module, inputs[:length, lane : lane + 1])[:, :, 0]
        np.testing.assert_array_equal(recorded("h_1", 7, lane), below[:, :7])
        np.testing.assert_array_equal(recorded("h_2", 7, lane), below[::-1, 7:])
        np.testing.assert_array_equal(recorded("x_3", 14, lane), below)
        np.testing.assert_array_equal(recorded("x_3_reverse", 14, lane), below[::-1])
        np.testing.assert_array_equal(recorded("h_3", 7, lane), above[:, :7])
        np.testing.assert_array_equal(recorded("h_4", 7, lane), above[::-1, 7:])


def test_peepholes_are_those_of_onnx_runtime():
    """Its LSTM has the gates i o f g and the peepholes i o f, and runs both directions on padded sequences."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    rng, hidden, batch = np.random.default_rng(6), 5, 3
    sizes = {"W": (2, 4 * hidden, FEATURES), "R": (2, 4 * hidden, hidden), "B": (2, 8 * hidden), "P": (2, 3 * hidden)}
    given = {name: rng.normal(0, 0.6, size).astype(np.float32) for name, size in sizes.items()}
    inputs, lengths = some_inputs(6, batch)
    node = onnx.helper.make_node(
        "LSTM", ["X", "W", "R", "B", "lengths", "", "", "P"], ["Y"], hidden_size=hidden, direction="bidirectional"
    )
    graph = onnx.helper.make_graph(
        [node],
        "peepholes",
        [
            onnx.helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, [STEPS, batch, FEATURES]),
            onnx.helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, [batch]),
        ],
        [onnx.helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in given.items()],
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"X": inputs, "lengths": lengths.astype(np.int32)})  # (T, 2, B, H)

    def rows(array):
        i, o, f, g = np.split(array, 4)
        return np.concatenate([i, f, g, o])

    def direction(d):
        of_x, of_h = (rows(half) for half in np.split(given["B"][d], 2))
        made = make_layer("lstm-peephole", rows(given["W"][d]), rows(given["R"][d]), of_x, of_h)
        i, o, f = given["P"][d].reshape(3, hidden)
        return FloatLayer(**vars(made) | {"peepholes": np.stack([i, f, o]), "reverse": d == 1, "beside": d == 1})

    network = ImportedNetwork(input="vector", layers=(direction(0), direction(1)))
    ours, _ = to_model(network, "imported", Formats()).states(inputs, lengths=lengths)
    running = np.arange(STEPS)[:, None] < lengths
    expected = theirs.transpose(0, 2, 1, 3).reshape(STEPS, batch, 2 * hidden)
    np.testing.assert_allclose(ours[running], expected[running], rtol=0, atol=1e-5)


def test_a_head_that_leads_nowhere_is_refused():
    network, _ = drawn(1, "gru", 1, False, 0, None, ["relu"], None, "last_step", False)
    with pytest.raises(BadInput, match=r"^a head or a pooling without a readout above it leads to nothing"):
        to_model(ImportedNetwork(**vars(network) | {"readout_weight": None}), "imported", Formats())


def test_quantized_layers_keep_their_codes_in_both_directions_and_projections():
    network, _ = drawn(2, "lstm", 2, True, 3, "tanh", ["relu"], "mean", "last_step", False)
    model = to_model(network, "imported", Formats(layers="fixed8", readout="ternary"))
    for theirs, layer in zip(network.layers, model.layers, strict=True):
        ours = layer.projection_codes * layer.scale_projection[:, None]
        assert np.abs(ours - theirs.projection).max() <= layer.scale_projection.max() * 0.51
    assert {layer.weight_format for layer in model.config.readout.head} == {"ternary"}
    assert model.config.input.weight_format == "fixed8"
