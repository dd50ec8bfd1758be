"""What becomes of an imported network: the model computes what PyTorch's own modules do, whatever it is made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.importers.network import FloatDense, FloatLayer, Formats, ImportedNetwork, make_layer, to_model
from workloads.model import Model

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
