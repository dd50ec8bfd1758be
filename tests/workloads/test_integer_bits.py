"""Integer bits and clips of float models, against a recount by equations in plain numpy."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads import cells
from workloads.config import Config, Embedding, LayerConfig, OneHot, Vector
from workloads.fixed_point import Settings, analyse, quantize
from workloads.integer_bits import clipped_shares, needed_bits
from workloads.model import Model

CELLS = tuple(cell.name for cell in cells.ALL)
IN_INTEGERS = tuple(cell.name for cell in cells.ALL if cell.beyond_integers is None)
INPUTS = {
    "one_hot": OneHot(symbols=6),
    "embedding": Embedding(symbols=6, size=3, weight_format="float32"),
    "vector": Vector(size=3),
}
WIDE = Settings(weight_bits=6, activation_bits=5, accumulator_bits=11)


def sigmoid(v):
    return 0.5 + 0.5 * np.tanh(v / 2)


class Recount:
    """h of every step as the equations have it, and how many numbers had no code near, place by place."""

    def __init__(self, model):
        self.model, self.clipped, self.of = model, Counter(), Counter()

    def held(self, place, v, threshold, bits, integer_bits):
        v = np.where(np.abs(v) < threshold, 0.0, v)
        if bits is None:
            return v
        code = np.round(v * 2.0 ** (bits - 1 - integer_bits))
        self.clipped[place] += int(((code < -(2 ** (bits - 1))) | (code > 2 ** (bits - 1) - 1)).sum())
        self.of[place] += v.size
        return np.clip(code, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) / 2.0 ** (bits - 1 - integer_bits)

    def state(self, place, v, c):
        return self.held(place, v, c.threshold, c.state_bits, c.state_integer_bits)

    def input(self, place, v, c):
        return self.held(place, v, c.input_threshold, c.input_bits, c.input_integer_bits)

    def run(self, inputs):
        table = self.model.embedding
        if table is not None:
            self.input("embedding", table.astype(np.float64), self.model.config.layers[0])
        x = inputs if table is None else table.astype(np.float64)[inputs]
        for k, layer in enumerate(self.model.layers):
            suffix = "" if len(self.model.layers) == 1 else f"_{k + 1}"
            c, turn = layer.config, slice(None, None, -1 if layer.config.reverse else 1)
            if x.ndim == 3 and (k == 0 or c.input_bits is not None or c.input_threshold):
                x = self.input(f"x{suffix if k else ''}{'_reverse' if c.reverse else ''}", x, c)
            x = np.stack(list(self.layer(layer, x[turn], suffix)))[turn]
        return x

    def layer(self, layer, x, suffix):
        hidden, c = layer.config.hidden, layer.config
        w_x = layer.input_codes.astype(float) * layer.scale_input.astype(float)[:, None]
        w_h = layer.recurrent_codes.astype(float) * layer.scale_recurrent.astype(float)[:, None]
        after = np.zeros(hidden) if layer.shift_recurrent is None else layer.shift_recurrent.astype(float)
        size = c.projection or hidden
        states = np.zeros(2 * hidden) if layer.initial_state is None else layer.initial_state.astype(float).reshape(-1)
        h, rest = states[:size], states[-hidden:]
        if layer.initial_state is not None:
            h = self.state(f"initial h{suffix}", h, c)
        h, cell = np.tile(h, (x.shape[1], 1)), np.tile(rest, (x.shape[1], 1))
        for step in x:
            z = (w_x.T[step] if step.ndim == 1 else step @ w_x.T) + layer.shift.astype(float)
            u = h @ w_h.T
            if c.cell.startswith("lstm"):
                i, f, g, o = np.split(z + u, 4, axis=1)
                sees = np.zeros((3, 1)) if layer.peepholes is None else layer.peepholes.astype(float)
                cell = sigmoid(f + sees[1] * cell) * cell + sigmoid(i + sees[0] * cell) * np.tanh(g)
                scale, after_c = (1, 0) if layer.affine_cell is None else layer.affine_cell.astype(float)
                new = sigmoid(o + sees[2] * cell) * np.tanh(scale * cell + after_c)
                if c.projection:
                    made = self.held(f"m{suffix}", new, 0.0, c.state_bits, c.state_integer_bits)
                    new = (
                        made @ (layer.projection_codes.astype(float) * layer.scale_projection.astype(float)[:, None]).T
                    )
            elif c.cell.startswith("gru"):
                r, update = sigmoid((z + u)[:, :hidden]), sigmoid((z + u)[:, hidden : 2 * hidden])
                if c.cell == "gru":
                    n = np.tanh(z[:, 2 * hidden :] + r * (u[:, 2 * hidden :] + after))
                else:
                    rh = r * h
                    rh = self.held(f"rh{suffix}", rh, 0.0, c.state_bits, c.state_integer_bits)
                    n = np.tanh(z[:, 2 * hidden :] + rh @ w_h[2 * hidden :].T)
                new = (1 - update) * n + update * h
            else:
                new = np.maximum(z + u, 0) if c.cell == "rnn-relu" else np.tanh(z + u)
            h = self.state(f"h{suffix}", new, c)
            yield h


def bare(drawn_numbers, cell, kind, seed, exponents, layers, initial, bits, threshold, projection, reverse):
    """A network without a readout, scaled by powers of two, of cells of any kind."""
    codes, layer = drawn_numbers
    rng, entering = np.random.default_rng(seed), INPUTS[kind]
    fields = {"cell": cell, "hidden": 5, "weight_format": "float32", "input_weight_format": "float32"}
    fields |= {"state_bits": bits, "threshold": threshold, "reverse": reverse}
    fields |= {"projection": 3} if projection and cell == "lstm" else {}
    rounded = {"input_bits": 6, "input_integer_bits": 1}
    configs = [LayerConfig(**fields, **(rounded if n or kind != "one_hot" else {})) for n in range(layers)]
    config = Config(name="drawn", input=entering, layers=tuple(configs))
    table = {}
    if kind == "embedding":
        table["embedding_codes"], scale = codes("float32", (entering.symbols, entering.size), rng)
        table["embedding_scale"] = np.asarray(3 * scale, np.float32).reshape(-1)
    made = tuple(layer(each, config.input_width(k), rng, initial) for k, each in enumerate(configs))
    return scaled(Model(config, made, **table), exponents)


def drawn(draw, cell, kind, seed, exponents, layers, initial, bits, threshold):
    """A model whose weights, table and initial states are scaled by powers of two."""
    model = draw(
        task=None, cell=cell, inputs=INPUTS[kind], seed=seed, layers=layers, hidden=5, initial=initial, outputs=4,
        weight_format="float32", state_bits=bits, threshold=threshold, input_bits=6, input_integer_bits=1,
    )  # fmt: skip
    return scaled(model, exponents)


def scaled(model, exponents):
    of_weights, of_table, of_state = (np.float32(2.0**e) for e in exponents)
    changed = [
        replace(
            layer,
            scale_input=layer.scale_input * of_weights,
            shift=layer.shift * of_weights,
            initial_state=None if layer.initial_state is None else layer.initial_state * of_state,
        )
        for layer in model.layers
    ]
    scale = None if model.embedding_scale is None else model.embedding_scale * of_table
    return replace(model, layers=tuple(changed), embedding_scale=scale)


@settings(max_examples=25)
@given(
    cell=st.sampled_from(CELLS),
    kind=st.sampled_from(tuple(INPUTS)),
    seed=st.integers(0, 2**16),
    exponents=st.tuples(*[st.integers(-6, 6)] * 4),
    layers=st.integers(1, 2),
    initial=st.booleans(),
    bits=st.sampled_from((3, 5, 8, None)),
    threshold=st.sampled_from((0.0, 0.1)),
    projection=st.booleans(),
    reverse=st.booleans(),
)
def test_no_clipped_share_goes_unsaid(drawn_numbers, kind, seed, exponents, **drawn):
    """Weights, embedding, initial states and inputs range from 2^-6 to 2^6."""
    model = bare(drawn_numbers, kind=kind, seed=seed, exponents=exponents[:3], **drawn)
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(6, 3, 3)) * 2.0 ** exponents[3] if kind == "vector" else rng.integers(0, 6, (6, 3))
    recount = Recount(model)
    h = recount.run(inputs)
    counted = model.counting()
    computed, _ = counted.states(inputs, None, np.float64)
    np.testing.assert_allclose(computed, h, rtol=1e-9, atol=1e-9)
    said = (*counted.constants_clipped, *counted.saturations.places)
    assert {s.place: (s.clipped, s.of) for s in said} == {p: (recount.clipped[p], n) for p, n in recount.of.items()}
    assert {s.place for s in clipped_shares(model, inputs)} == set(recount.of)


@pytest.mark.parametrize("cell", CELLS)
def test_needed_bits_hold_what_they_say(draw, cell):
    """On other inputs as well where they are proved; on their own where they are calibrated."""
    model = draw(task=None, cell=cell, inputs=Vector(size=3), layers=2, weight_format="float32", state_bits=None,
                 threshold=0.0, outputs=4, initial=True)  # fmt: skip
    rng = np.random.default_rng(0)
    inputs = 20 * rng.normal(size=(40, 3, 3))
    needed = {n.operand: n for n in needed_bits(model, inputs)}
    assert list(needed) == ["x", "h_1", "h_2"]
    assert needed["x"].basis == "calibrated"
    assert 2.0 ** (needed["x"].integer_bits - 1) <= np.abs(inputs).max() < 2.0 ** needed["x"].integer_bits
    given = inputs if cell == "rnn-relu" else 1000 * rng.normal(size=(40, 3, 3))
    operands, _ = model.operands(given, None, np.float64)
    for name in ("h_1", "h_2"):
        assert needed[name].basis == ("calibrated" if cell == "rnn-relu" else "proved")
        assert np.abs(operands[name]).max() <= 2.0 ** needed[name].integer_bits
    states = [needed[name].integer_bits for name in ("h_1", "h_2")]
    fixed = model.with_bits(12, 12, needed["x"].integer_bits, states)
    assert [layer.state_integer_bits for layer in fixed.config.layers] == states
    operands, _ = fixed.operands(inputs, None, np.float64)
    held, _ = model.operands(inputs, None, np.float64)
    assert np.abs(operands["x"] - held["x"]).max() <= 2.0 ** (needed["x"].integer_bits - 11)  # one unit, at the end
    assert {share.place: share.clipped for share in clipped_shares(fixed, inputs)}["x"] <= 1


def test_what_has_neither_proof_nor_inputs_is_refused_by_name(draw):
    with pytest.raises(BadInput, match=r"model drawn: x: vectors may be of any size, so inputs must be given to take"):
        needed_bits(draw(task=None, inputs=Vector(size=3)))
    relu = draw(task=None, cell="rnn-relu", state_bits=None)
    with pytest.raises(BadInput, match=r"model drawn: h: h of rnn-relu has no bound, so inputs must be given to take"):
        needed_bits(relu)
    with pytest.raises(BadInput, match=r"layers.0: state_integer_bits must be given, since h of rnn-relu has no bound"):
        relu.with_bits(8)
    assert relu.with_bits(8, state_integer_bits=3).config.layers[0].state_integer_bits == 3
    with pytest.raises(BadInput, match=r"state_integer_bits must be 1, one a layer, not 2"):
        relu.with_bits(8, state_integer_bits=[1, 2])


def test_an_initial_state_is_an_h_like_any_other(draw):
    model = draw(task=None, state_bits=None, threshold=0.0, initial=True)
    (layer,) = model.layers
    h0 = np.linspace(-3, 3, layer.config.hidden, dtype=np.float32)
    model = replace(model, layers=(replace(layer, initial_state=np.stack([h0, 2 * h0])),))
    with pytest.raises(BadInput, match=r"state_integer_bits must be at least 2, since its initial h reaches 3, not 0"):
        model.with_bits(8)
    fixed = model.with_bits(6, state_integer_bits=2).with_threshold(0.5)
    h, c = fixed.start(2)
    np.testing.assert_array_equal(h[1], np.where(np.abs(h0) < 0.5, 0, np.round(h0 * 8) / 8))
    np.testing.assert_array_equal(c[0], 2 * h0)  # c stays floating point
    np.testing.assert_array_equal(model.start(1)[0][0], h0)


def test_an_embedding_takes_the_bits_that_its_table_needs(draw):
    model = draw(task=None, inputs=INPUTS["embedding"], state_bits=None)
    model = replace(model, embedding_scale=model.embedding_scale * np.float32(3 / np.abs(model.embedding).max()))
    fixed = model.with_bits(8, 8)
    assert fixed.config.layers[0].input_integer_bits == 2
    assert [share.clipped for share in clipped_shares(fixed)] == [0]
    (tight,) = clipped_shares(model.with_bits(8, 8, 0))
    assert (tight.place, tight.clipped) == ("embedding", np.sum(np.abs(model.embedding) > 1 - 2**-8))
    assert tight.within == (-1, 1 - 2**-7)
    with pytest.raises(BadInput, match=r"input_integer_bits must be below input_bits = 2, not 2"):
        model.with_bits(8, 2)


@pytest.mark.parametrize("cell", IN_INTEGERS)
@pytest.mark.parametrize("kind", sorted(INPUTS))
def test_padding_does_not_count(draw, cell, kind):
    """Sequences side by side, padded with what clips, against each of them alone: of floats and of integers."""
    floats = drawn(draw, cell, kind, 3, (2, 2, 0), 2, True, 5, 0.0)
    rng = np.random.default_rng(1)
    inputs = 3 * rng.normal(size=(9, 4, 3)) if kind == "vector" else rng.integers(0, 6, (9, 4))
    lengths = np.array([9, 2, 5, 1])
    integers = quantize(floats, analyse(floats, inputs[:, :1] / 2 if kind == "vector" else inputs[:, :1]), WIDE)
    for model in (floats, integers):
        together, alone = model.counting(), model.counting()
        together.run(inputs, None, np.float32, lengths)
        for k, length in enumerate(lengths):
            alone.run(inputs[:length, k : k + 1])
        assert together.saturations == alone.saturations
        assert sum(together.saturations.clipped.values()) > 0
        last = model.counting()
        last.last(inputs, lengths)
        assert [s for s in last.saturations.places if "readout" not in s.place] == [
            s for s in alone.saturations.places if "readout" not in s.place
        ]
