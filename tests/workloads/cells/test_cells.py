"""Every cell against its equations written out, and against PyTorch's own modules where there are such."""

import numpy as np
import pytest

from archsim.costs import parts
from archsim.errors import BadInput
from archsim.trace.graph import Elementwise
from archsim.trace.synthetic import synthesize
from workloads import cells, formats
from workloads.model import Embedding, OneHot, Vector

STEPS, BATCH, HIDDEN = 40, 3, 12

every_cell = pytest.mark.parametrize("cell", [c.name for c in cells.ALL])
every_input = pytest.mark.parametrize(
    "inputs",
    [OneHot(symbols=9), Embedding(symbols=9, size=7, weight_format="fixed8"), Vector(size=5)],
    ids=lambda i: i.kind,
)


def some_inputs(kind, seed=0):
    rng = np.random.default_rng(seed)
    if kind.symbols is None:
        return rng.normal(0, 0.6, (STEPS, BATCH, kind.size))
    return rng.integers(0, kind.symbols, (STEPS, BATCH)).astype(np.uint16)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rounded(v, bits, integer_bits):
    if bits is None:
        return v
    unit = 2.0 ** -(bits - 1 - integer_bits)
    return np.clip(np.round(v / unit), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * unit


def kept(v, threshold, bits, integer_bits):
    return rounded(np.where(np.abs(v) < threshold, 0.0, v), bits, integer_bits)


def normalised(z):
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)


def product(codes, scale, gain, v):
    """A product as its definition says, in float64, with weights of their full value."""
    z = v @ (codes.astype(np.float64) * scale.astype(np.float64)[:, None]).T
    return z if gain is None else normalised(z) * gain


def gates_of(rows, v, hidden):
    return {gate: v[:, k * hidden : (k + 1) * hidden] for k, gate in enumerate(rows)}


def by_hand(layer, vectors):
    """h of every step ``(T, B, H)``, from the equations in the papers."""
    config, cell, n = layer.config, layer.config.cell, layer.config.hidden
    gate_names = {"lstm": "ifgo", "gru": "rzn", "gru-classic": "rzn"}.get(cell, "h")
    prune = config.threshold, config.state_bits, config.state_integer_bits
    start = np.zeros((2, n)) if layer.initial_state is None else layer.initial_state.astype(np.float64)
    h, c = np.tile(start[0], (vectors.shape[1], 1)), np.tile(start[-1], (vectors.shape[1], 1))

    def recurrent(v, rows):
        gain = None if layer.gain_recurrent is None else layer.gain_recurrent[rows]
        return product(layer.recurrent_codes[rows], layer.scale_recurrent[rows], gain, v)

    everything, out = slice(0, len(gate_names) * n), []
    for v in vectors:
        x = gates_of(gate_names, product(layer.input_codes, layer.scale_input, layer.gain_input, v) + layer.shift, n)
        if cell == "lstm":
            u = gates_of(gate_names, recurrent(h, everything), n)
            i, f, o = (sigmoid(x[k] + u[k]) for k in "ifo")
            c = f * c + i * np.tanh(x["g"] + u["g"])
            h = o * np.tanh(c)
        elif cell == "gru":
            u = gates_of(gate_names, recurrent(h, everything), n)
            r, z = sigmoid(x["r"] + u["r"]), sigmoid(x["z"] + u["z"])
            candidate = np.tanh(x["n"] + r * (u["n"] + layer.shift_recurrent))
            h = (1 - z) * candidate + z * h
        elif cell == "gru-classic":
            u = gates_of("rz", recurrent(h, slice(0, 2 * n)), n)
            r, z = sigmoid(x["r"] + u["r"]), sigmoid(x["z"] + u["z"])
            reset = rounded(r * h, config.state_bits, config.state_integer_bits)
            h = (1 - z) * np.tanh(x["n"] + recurrent(reset, slice(2 * n, 3 * n))) + z * h
        else:
            pre = x["h"] + recurrent(h, everything)
            h = np.tanh(pre) if cell == "rnn-tanh" else np.maximum(pre, 0)
        h = kept(h, *prune)
        out.append(h)
    return np.array(out)


def entering(model, inputs):
    """What the first layer multiplies its input weights with."""
    if model.config.input.kind == "one_hot":
        return np.eye(model.config.input.symbols)[inputs]
    if model.config.input.kind == "embedding":
        return (model.embedding_codes * model.embedding_scale[:, None].astype(np.float64))[inputs]
    return inputs


@every_cell
@every_input
@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize(
    ("weight_format", "state_bits", "threshold"), [("float32", None, 0.0), ("fixed8", 8, 0.1), ("ternary", 10, 0.05)]
)
def test_states_are_those_of_the_equations(draw, cell, inputs, norm, weight_format, state_bits, threshold):
    model = draw(
        weight_format=weight_format, state_bits=state_bits, threshold=threshold, hidden=HIDDEN, task=None, cell=cell,
        layers=2, inputs=inputs, norm=norm, input_bits=12, input_integer_bits=3, input_threshold=0.01,
        initial=cell != "rnn-relu",
    )  # fmt: skip
    given = some_inputs(inputs)
    vectors = entering(model, given)
    for k, layer in enumerate(model.layers):
        if k or inputs.kind != "one_hot":
            vectors = kept(
                vectors, *(getattr(layer.config, f"input_{w}") for w in ("threshold", "bits", "integer_bits"))
            )
        vectors = by_hand(layer, vectors)
    ours, state = model.states(given, dtype=np.float64)
    np.testing.assert_allclose(ours, vectors, rtol=0, atol=1e-9)
    assert len(state) == sum(len(layer.cell.states) for layer in model.layers)
    assert 0.01 < np.abs(ours).mean() < 5
    assert np.ptp(ours, axis=0).mean() > 0.01


@every_cell
@pytest.mark.parametrize("weight_format", [f.name for f in formats.ALL])
def test_every_format_in_every_cell(draw, cell, weight_format):
    inputs = Vector(size=5)
    model = draw(weight_format=weight_format, hidden=HIDDEN, task=None, cell=cell, inputs=inputs, input_bits=8)
    layer, given = model.layers[0], some_inputs(inputs)
    expected = by_hand(layer, rounded(given, 8, 0))
    ours, _ = model.states(given, dtype=np.float64)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


@every_cell
@every_input
@pytest.mark.parametrize("state_bits", [None, 8])
def test_the_input_product_of_many_steps_at_once_changes_nothing(draw, cell, inputs, state_bits, monkeypatch):
    exact = {"threshold": 0.0, "weight_format": "float32"} if state_bits is None else {"weight_format": "fixed8"}
    model = draw(hidden=HIDDEN, task=None, cell=cell, inputs=inputs, norm="layer", state_bits=state_bits, **exact)
    given = some_inputs(inputs)
    whole, _ = model.states(given)
    monkeypatch.setattr("workloads.model.CHUNK_BYTES", 1)  # one step at a time
    step_by_step, _ = model.states(given)
    if state_bits is None:
        np.testing.assert_allclose(step_by_step, whole, rtol=0, atol=1e-6)
    else:  # a state in the middle between two numbers may be rounded either way, and few are
        assert np.mean(step_by_step != whole) < 0.01


@every_cell
def test_cutting_a_sequence_in_two_changes_nothing(draw, cell):
    model = draw(hidden=HIDDEN, task=None, cell=cell, inputs=Vector(size=5), layers=2, initial=True, input_bits=6)
    given = some_inputs(Vector(size=5)).astype(np.float32)
    whole, end = model.run(given)
    first, state = model.run(given[:17])
    before = tuple(array.copy() for array in state)
    second, last = model.run(given[17:], state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    for ours, theirs, kept_, now in zip(end, last, before, state, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(kept_, now)


@every_cell
def test_the_readout_at_the_last_step_is_that_of_every_step_there(draw, cell):
    model = draw(hidden=HIDDEN, task=None, cell=cell, inputs=Vector(size=5), when="last_step", outputs=4)
    given, lengths = some_inputs(Vector(size=5)).astype(np.float32), np.array([STEPS, 7, 1])
    every, _ = model.run(given)
    np.testing.assert_array_equal(model.last(given, lengths), every[lengths - 1, np.arange(BATCH)])
    given[7:, 1] = 9.0  # padding is not looked at
    np.testing.assert_array_equal(model.last(given, lengths)[1], every[6, 1])


@pytest.mark.parametrize(
    ("inputs", "given", "message"),
    [
        (Vector(size=5), np.zeros((4, 2, 3)), r"inputs must be \(steps, sequences, 5\), not \(4, 2, 3\)"),
        (Vector(size=5), np.zeros((4, 2), np.uint8), r"inputs must be \(steps, sequences, 5\), not \(4, 2\)"),
        (OneHot(symbols=5), np.zeros((4, 2)), r"inputs must be symbols \(steps, sequences\), not float64 \(4, 2\)"),
        (OneHot(symbols=5), np.full((4, 2), 5), "symbols must be below 5"),
        (OneHot(symbols=5), np.full((4, 2), -1), "symbols must be below 5"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(draw, inputs, given, message):
    with pytest.raises(BadInput, match=f"model drawn: {message}"):
        draw(task=None, inputs=inputs).run(given)


TORCH = {"lstm": "LSTM", "gru": "GRU", "rnn-tanh": "RNN", "rnn-relu": "RNN"}


@pytest.mark.train
@every_input
@pytest.mark.parametrize("cell", TORCH)
def test_float_layers_equal_those_of_pytorch(draw, cell, inputs):
    torch = pytest.importorskip("torch")
    model = draw(
        weight_format="float32", state_bits=None, threshold=0.0, hidden=HIDDEN, task=None, cell=cell, layers=2,
        inputs=inputs, initial=True,
    )  # fmt: skip
    extra = {"nonlinearity": cell[4:]} if cell.startswith("rnn") else {}
    theirs = getattr(torch.nn, TORCH[cell])(inputs.width, HIDDEN, num_layers=2, **extra).double()
    with torch.no_grad():
        for k, layer in enumerate(model.layers):
            shift = np.zeros(len(layer.shift))
            if layer.shift_recurrent is not None:
                shift[-HIDDEN:] = layer.shift_recurrent
            for name, value in {
                "weight_ih": layer.input_codes * layer.scale_input.astype(np.float64)[:, None],
                "weight_hh": layer.recurrent_codes * layer.scale_recurrent.astype(np.float64)[:, None],
                "bias_ih": layer.shift,
                "bias_hh": shift,
            }.items():
                getattr(theirs, f"{name}_l{k}").copy_(torch.from_numpy(np.array(value, np.float64)))
        start = [
            np.stack([layer.start(BATCH, np.float64)[s] for layer in model.layers])
            for s in range(2 if cell == "lstm" else 1)
        ]
        start = [torch.from_numpy(array) for array in start]
        given = some_inputs(inputs)
        expected, _ = theirs(torch.from_numpy(entering(model, given)), tuple(start) if cell == "lstm" else start[0])
    ours, _ = model.states(given, dtype=np.float64)
    np.testing.assert_allclose(ours, expected.numpy(), rtol=0, atol=1e-10)


def test_the_activation_unit_is_as_large_as_the_largest_cell_needs():
    """Its area is that of a unit a cycle: no cell here may ask for more than it has, and one asks for it all."""
    units = [unit for cell in cells.ALL for _, unit in cell.elementwise]
    assert max(unit.curves for unit in units) == parts.CURVES
    assert max(unit.multiplies for unit in units) == parts.MULTIPLIES


def test_a_synthetic_trace_counts_as_a_recorded_lstm_does():
    (drawn,) = [op.unit for op in synthesize(8, 2, 0.5, steps=1).graph.operations if isinstance(op, Elementwise)]
    assert cells.by_name("lstm").elementwise == (("cell", drawn),)
