"""Every cell against its equations written out, and against PyTorch's own modules where there are such."""

import numpy as np
import pytest

from archsim.costs.blocks import activation_unit
from archsim.errors import BadInput
from archsim.trace.graph import Elementwise
from archsim.trace.synthetic import synthesize
from workloads import cells, formats
from workloads.config import Embedding, OneHot, Vector

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


class ByHand:
    """One step of a layer: `x` of every gate, products with W_h, and what came before."""

    def __init__(self, layer, vector, state):
        self.layer, self.cell, self.hidden = layer, layer.cell, layer.config.hidden
        self.h, *self.rest = state
        z = product(layer.input_codes, layer.scale_input, layer.gain_input, vector) + layer.shift
        self.x = gates_of(self.cell.gates, z, self.hidden)

    def product(self, gates, v):
        """Products of `v` with the rows of `gates`, which are normalised together."""
        first = self.cell.gates.index(gates[0]) * self.hidden
        rows = slice(first, first + len(gates) * self.hidden)
        gain = None if self.layer.gain_recurrent is None else self.layer.gain_recurrent[rows]
        if self.layer.config.pruned == "recurrence":
            v = np.where(np.abs(v) < self.layer.config.threshold, 0.0, v)
        z = product(self.layer.recurrent_codes[rows], self.layer.scale_recurrent[rows], gain, v)
        return gates_of(gates, z, self.hidden)

    def rounded(self, v):
        return rounded(v, self.layer.config.state_bits, self.layer.config.state_integer_bits)


def lstm(at):
    u, (c,) = at.product("ifgo", at.h), at.rest
    i, f, o = (sigmoid(at.x[k] + u[k]) for k in "ifo")
    c = f * c + i * np.tanh(at.x["g"] + u["g"])
    return o * np.tanh(c), c


def lstm_peephole(at):
    u, (c,), (of_i, of_f, of_o) = at.product("ifgo", at.h), at.rest, at.layer.peepholes.astype(np.float64)
    i, f = sigmoid(at.x["i"] + u["i"] + of_i * c), sigmoid(at.x["f"] + u["f"] + of_f * c)
    c = f * c + i * np.tanh(at.x["g"] + u["g"])
    return sigmoid(at.x["o"] + u["o"] + of_o * c) * np.tanh(c), c


def lstm_normed_cell(at):
    u, (c,), (scale, shift) = at.product("ifgo", at.h), at.rest, at.layer.affine_cell.astype(np.float64)
    i, f, o = (sigmoid(at.x[k] + u[k]) for k in "ifo")
    c = f * c + i * np.tanh(at.x["g"] + u["g"])
    return o * np.tanh(scale * c + shift), c


def gru(at):
    u = at.product("rzn", at.h)
    r, z = sigmoid(at.x["r"] + u["r"]), sigmoid(at.x["z"] + u["z"])
    candidate = np.tanh(at.x["n"] + r * (u["n"] + at.layer.shift_recurrent))
    return ((1 - z) * candidate + z * at.h,)


def gru_classic(at):
    u = at.product("rz", at.h)
    r, z = sigmoid(at.x["r"] + u["r"]), sigmoid(at.x["z"] + u["z"])
    candidate = np.tanh(at.x["n"] + at.product("n", at.rounded(r * at.h))["n"])
    return ((1 - z) * candidate + z * at.h,)


def rnn_tanh(at):
    return (np.tanh(at.x["h"] + at.product("h", at.h)["h"]),)


def rnn_relu(at):
    return (np.maximum(at.x["h"] + at.product("h", at.h)["h"], 0),)


EQUATIONS = {
    "lstm": lstm,
    "gru": gru,
    "gru-classic": gru_classic,
    "rnn-tanh": rnn_tanh,
    "rnn-relu": rnn_relu,
    "lstm-peephole": lstm_peephole,
    "lstm-normed-cell": lstm_normed_cell,
}
"""A step of every cell, from the papers: h before it is pruned and rounded, then the rest of the state."""


def equations_of(cell):
    if cell not in EQUATIONS:
        pytest.fail(f"cell {cell}: write its equations out by hand, in EQUATIONS of {__file__}")
    return EQUATIONS[cell]


def by_hand(layer, vectors):
    """h of every step ``(T, B, H)``, from the equations in the papers; the h that a sequence starts from is pruned and
    rounded as every h is. Pruned for the recurrence alone, what enters its products is, and nothing else."""
    config, equations, out = layer.config, equations_of(layer.config.cell), []
    states, hidden = len(layer.cell.states), layer.config.hidden
    start = np.zeros((states, hidden)) if layer.initial_state is None else layer.initial_state.astype(np.float64)
    of_h = config.threshold * (config.pruned == "all"), config.state_bits, config.state_integer_bits
    start[0] = kept(start[0], *of_h)
    state = [np.tile(row, (vectors.shape[1], 1)) for row in start]
    for v in vectors:
        h, *rest = equations(ByHand(layer, v, state))
        state = [kept(h, *of_h), *rest]
        out.append(state[0])
    return np.array(out)


def test_a_cell_without_equations_by_hand_is_refused_by_name():
    with pytest.raises(pytest.fail.Exception, match=r"^cell mgu-2: write its equations out by hand, in EQUATIONS of "):
        equations_of("mgu-2")


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
@pytest.mark.parametrize("state_bits", [None, 8])
def test_states_pruned_for_the_recurrence_alone(draw, cell, state_bits):
    inputs = Vector(size=5)
    model = draw(hidden=HIDDEN, weight_format="fixed8", task=None, cell=cell, layers=2, inputs=inputs, threshold=0.3,
                 state_bits=state_bits, pruned="recurrence", initial=cell != "rnn-relu")  # fmt: skip
    given = some_inputs(inputs)
    expected = given
    for layer in model.layers:
        expected = by_hand(layer, expected)
    ours, _ = model.states(given, dtype=np.float64)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    below = np.mean((np.abs(ours) < 0.3) & (ours != 0))
    assert below > 0.02
    stored_pruned, _ = model.with_pruned(["recurrence", "next_layer", "readout"]).states(given, dtype=np.float64)
    assert np.mean((np.abs(stored_pruned) < 0.29) & (stored_pruned != 0)) == 0
    assert np.abs(stored_pruned - ours).max() > 0.1


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
    monkeypatch.setattr("workloads.layer.CHUNK_BYTES", 1)  # one step at a time
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
    """Its area is that of a unit a cycle: no cell here may ask for more than it has, and one asks for it all.

    A unit with peepholes reads three weights beside c, one after the other, and multiplies by each as it comes."""
    units = [stage.unit for cell in cells.ALL for stage in cell.stages]
    assert max(unit.curves for unit in units) == activation_unit.CURVES
    assert max(-(-unit.multiplies // max(unit.cell_reads, 1)) for unit in units) == activation_unit.MULTIPLIES


def test_a_synthetic_trace_counts_as_a_recorded_lstm_does():
    (drawn,) = [op.unit for op in synthesize(8, 2, 0.5, steps=1).graph.operations if isinstance(op, Elementwise)]
    (recorded,) = cells.by_name("lstm").stages
    assert (recorded.name, recorded.unit) == ("cell", drawn)


@every_cell
def test_what_a_cell_says_of_itself_fits_together(cell):
    """Each gate has a curve and two groups; the last stage makes h; a stage takes what there is before it."""
    cell = cells.by_name(cell)
    assert len(cell.gates) == len(set(cell.gates)) == len(cell.curves)
    assert len(cell.gates) == len(cell.input_groups) == len(cell.recurrent_groups)
    assert cell.states[0] == cell.stages[-1].result == "h"
    assert cell.stages[-1].name == "cell"
    assert all(stage.result not in cell.states for stage in cell.stages[:-1])
    assert all(carried < len(cell.states) for carried in cell.stages[0].carries)
    assert sum(stage.unit.curves for stage in cell.stages) >= len(cell.gates)
