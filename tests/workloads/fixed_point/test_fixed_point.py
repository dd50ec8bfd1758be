"""Integer-only inference against plain Python: one number at a time, in Python integers and fractions."""

import json
import math
import sys
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from archsim.errors import BadInput
from workloads import cells, tasks, zoo
from workloads import numbers as numbers_module
from workloads.config import Embedding, OneHot, Vector
from workloads.fixed_point import IntegerModel, Number, Ranges, Settings, analyse, calibrate, quantize
from workloads.fixed_point import activations as activations_module
from workloads.fixed_point import layers as layers_module
from workloads.fixed_point import products as products_module
from workloads.fixed_point.quantize import _finest, quantized
from workloads.formats.fixed import Fixed
from workloads.integer_bits import clipped_shares
from workloads.model import Model
from workloads.numbers import Kind
from workloads.record import record_sample
from workloads.tasks import Sample
from workloads.tasks.metrics import bits_per_character

CELLS = tuple(cell.name for cell in cells.ALL if cell.beyond_integers is None)
INPUTS = {
    "one_hot": OneHot(symbols=6),
    "embedding": Embedding(symbols=6, size=3, weight_format="float32"),
    "vector": Vector(size=3),
}


# The definition, as the package states it: real values of codes, exactly; every rounding half up; every clip in place.


def half_up(value: Fraction, fraction: int) -> int:
    return math.floor(value * Fraction(2) ** fraction + Fraction(1, 2))


def real(code, fraction) -> Fraction:
    return Fraction(int(code)) / Fraction(2) ** int(fraction)


def code_of(value: Fraction, number) -> int:
    low, high = -(2 ** (number.bits - 1)), 2 ** (number.bits - 1) - 1
    return int(min(max(half_up(value, number.fraction), low), high))


class Plain:
    """An integer model computed from its stored integers alone."""

    def __init__(self, model: IntegerModel):
        self.model, self.wide = model, model.widths
        self.limit: int = 2 ** (self.wide.accumulator_bits - 1)
        self.clips: Counter[str] = Counter()

    def accumulator(self, code: int) -> int:
        """One number in an accumulator, which saturates."""
        clipped = min(max(code, -self.limit), self.limit - 1)
        self.clips["accumulator"] += clipped != code
        return clipped

    def code(self, kind: Kind, value: Fraction, number) -> int:
        """`value` rounded to a number, whose range may clip it."""
        code = code_of(value, number)
        self.clips[kind] += code != half_up(value, number.fraction)
        return code

    def curve(self, name: Literal["sigmoid", "tanh"], value: Fraction) -> Fraction:
        """sigmoid or tanh of a real value, rounded to the argument and approximated."""
        argument, stored = self.model.spec.argument(name), getattr(self.model, f"{name}_codes")
        x, g = self.code("argument", value, argument), self.wide.gate_bits
        if self.wide.activation == "table":
            word = (x + 2 ** (argument.bits - 1)) * 2**self.wide.table_bits // 2**argument.bits
            return real(stored[word], g - 1)
        top = 2 ** (g - 1) if name == "sigmoid" else 2 ** (g - 1) - 1
        a, s = min(abs(x), 2 ** (argument.bits - 1) - 1), self.wide.split_bits
        first = min(max(self.wide.first_breakpoint + argument.fraction, s), argument.bits - 2)
        if a < 2**first:
            segment = a * 2**s // 2**first
        else:
            octave = a.bit_length() - 1
            segment = (octave - first + 1) * 2**s + (a - 2**octave) * 2**s // 2**octave
        c = min(g + 2, 16)
        slope = real(stored[segment], c - 1 if name == "tanh" else c + 1)
        intercept = real(stored[len(stored) // 2 + segment], c - 1)
        y = min(max(half_up(slope * real(a, argument.fraction) + intercept, g - 1), 0), top)
        return real(y if x >= 0 else -y if name == "tanh" else top - y, g - 1)

    def run(self, inputs):
        """Codes of h of every layer ``[layer][t][b]``, and logits' real values ``[t][b]``."""
        steps, batch = inputs.shape[:2]
        states = [[None] * batch for _ in self.model.layers]
        hs = [[[None] * batch for _ in range(steps)] for _ in self.model.layers]
        logits = [[None] * batch for _ in range(steps)]
        for b in range(batch):
            for k, layer in enumerate(self.model.layers):
                numbers = layer.numbers.states
                zeros = [[0] * layer.config.hidden for _ in numbers]
                given = zeros if layer.initial_codes is None else [[int(v) for v in c] for c in layer.initial_codes]
                states[k][b] = [self.pruned(given[0], layer.config.threshold, layer.numbers.state), *given[1:]]
            for t in range(steps):
                x = self.entering(inputs[t, b])
                for k, layer in enumerate(self.model.layers):
                    if k > 0:
                        x = self.pruned(x, layer.config.input_threshold, self.model.layers[k - 1].numbers.state)
                    states[k][b] = self.step(layer, x, states[k][b])
                    x = hs[k][t][b] = states[k][b][0]
                logits[t][b] = self.readout(x)
        return hs, logits

    def pruned(self, codes, threshold, number):
        return [0 if abs(real(c, number.fraction)) < Fraction(threshold) else c for c in codes]

    def entering(self, given):
        first = self.model.layers[0]
        number, threshold = first.numbers.input, first.config.input_threshold
        if number is None:
            return int(given)
        if self.model.embedding is not None:
            return self.pruned([int(v) for v in self.model.embedding[int(given)]], threshold, number)
        values = [0.0 if abs(float(v)) < threshold else float(v) for v in given]
        low, high = -(2 ** (number.bits - 1)), 2 ** (number.bits - 1) - 1
        exact = [round(Fraction(v) * Fraction(2) ** number.fraction) for v in values]
        self.clips["input"] += sum(not low <= v <= high for v in exact)
        return [min(max(v, low), high) for v in exact]

    def fractions(self, layer):
        """Fraction of both products of every row, and whether they meet in one accumulator."""
        rows = len(layer.bias_codes)
        x = 0 if layer.numbers.input is None else layer.numbers.input.fraction
        of_x = [int(layer.input_fraction[r if len(layer.input_fraction) > 1 else 0]) + x for r in range(rows)]
        of_h = [
            int(layer.recurrent_fraction[r if len(layer.recurrent_fraction) > 1 else 0]) + layer.numbers.state.fraction
            for r in range(rows)
        ]
        apart = layer.config.cell == "gru"
        meet = [not (apart and r >= 2 * layer.config.hidden) for r in range(rows)]
        return of_x, of_h, meet

    def add(self, start, codes, operand, left):
        """One sum, clipped after every column; it is counted once, however often it saturates."""
        saturated = False
        for w, x in zip(codes, operand, strict=True):
            exact = start + int(w) * int(x) * 2**left
            start = min(max(exact, -self.limit), self.limit - 1)
            saturated |= start != exact
        self.clips["accumulator"] += saturated
        return start

    def bias(self, code, number, fraction):
        return self.accumulator(self.exact_bias(code, number, fraction))

    def exact_bias(self, code, number, fraction):
        return half_up(real(code, number.fraction), fraction)

    def step(self, layer, x, state):
        numbers = layer.numbers
        of_x, of_h, meet = self.fractions(layer)
        rows = range(len(layer.bias_codes))
        at = [max(of_x[r], of_h[r]) if meet[r] else of_x[r] for r in rows]
        acc = [self.bias(layer.bias_codes[r], numbers.bias, at[r]) for r in rows]
        for r in rows:
            if numbers.input is None:
                acc[r] = self.add(acc[r], [layer.input_codes[r, x]], [1], at[r] - of_x[r])
            else:
                acc[r] = self.add(acc[r], layer.input_codes[r], x, at[r] - of_x[r])

        def with_state(r, h):
            return real(self.add(acc[r], layer.recurrent_codes[r], h, at[r] - of_h[r]), at[r])

        return self.equations(layer.config.cell)(self, layer, with_state, acc, at, of_h, state)

    def equations(self, cell):
        if cell not in EQUATIONS:
            pytest.fail(f"cell {cell}: write its integer step out by hand, in EQUATIONS of {__file__}")
        return EQUATIONS[cell]

    def lstm(self, layer, with_state, acc, at, of_h, state):
        numbers, units, hidden = layer.numbers, range(layer.config.hidden), layer.config.hidden
        c = [real(v, numbers.cell.fraction) for v in state[1]]
        pre = [with_state(r, state[0]) for r in range(4 * hidden)]
        i, f, g, o = ([pre[n * hidden + u] for u in units] for n in range(4))
        i, f, o = ([self.curve("sigmoid", v) for v in gate] for gate in (i, f, o))
        g = [self.curve("tanh", v) for v in g]
        c = [self.code("state", f[u] * c[u] + i[u] * g[u], numbers.cell) for u in units]
        made = [o[u] * self.curve("tanh", real(c[u], numbers.cell.fraction)) for u in units]
        return [self.new_h(layer, made), c]

    def gru(self, layer, with_state, acc, at, of_h, state):
        numbers, units, hidden, h = layer.numbers, range(layer.config.hidden), layer.config.hidden, state[0]
        r = [self.curve("sigmoid", with_state(u, h)) for u in units]
        n = []
        for u in units:
            row = 2 * hidden + u
            own = self.bias(layer.recurrent_bias_codes[u], numbers.recurrent_bias, of_h[row])
            own = self.add(own, layer.recurrent_codes[row], h, 0)
            product = r[u] * real(self.code("argument", real(own, of_h[row]), numbers.reset), numbers.reset.fraction)
            n.append(real(self.accumulator(acc[row] + half_up(product, at[row])), at[row]))
        return self.interpolated(layer, with_state, n, h)

    def gru_classic(self, layer, with_state, acc, at, of_h, state):
        numbers, units, hidden, h = layer.numbers, range(layer.config.hidden), layer.config.hidden, state[0]
        r = [self.curve("sigmoid", with_state(u, h)) for u in units]
        rh = [code_of(r[u] * real(h[u], numbers.state.fraction), numbers.state) for u in units]
        return self.interpolated(layer, with_state, [with_state(2 * hidden + u, rh) for u in units], h)

    def interpolated(self, layer, with_state, candidate, h):
        units, fraction = range(layer.config.hidden), layer.numbers.state.fraction
        z = [self.curve("sigmoid", with_state(layer.config.hidden + u, h)) for u in units]
        n = [self.curve("tanh", v) for v in candidate]
        return [self.new_h(layer, [(1 - z[u]) * n[u] + z[u] * real(h[u], fraction) for u in units])]

    def rnn_tanh(self, layer, with_state, acc, at, of_h, state):
        pre = [with_state(r, state[0]) for r in range(layer.config.hidden)]
        return [self.new_h(layer, [self.curve("tanh", v) for v in pre])]

    def rnn_relu(self, layer, with_state, acc, at, of_h, state):
        pre = [with_state(r, state[0]) for r in range(layer.config.hidden)]
        return [self.new_h(layer, [max(v, 0) for v in pre])]

    def new_h(self, layer, values):
        threshold = Fraction(layer.config.threshold)
        number = layer.numbers.state
        return [self.code("state", Fraction(0) if abs(v) < threshold else Fraction(v), number) for v in values]

    def readout(self, h):
        m, state = self.model, self.model.layers[-1].numbers.state
        logits = []
        for r, codes in enumerate(m.readout_codes):
            fraction = int(m.readout_fraction[r if len(m.readout_fraction) > 1 else 0]) + state.fraction
            start = self.bias(m.readout_bias_codes[r], m.spec.readout_bias, fraction)
            logits.append(real(self.add(start, codes, h, 0), fraction))
        return logits


EQUATIONS = {
    "lstm": Plain.lstm,
    "gru": Plain.gru,
    "gru-classic": Plain.gru_classic,
    "rnn-tanh": Plain.rnn_tanh,
    "rnn-relu": Plain.rnn_relu,
}
"""New codes of every cell's state, from its accumulators and what came before."""


def drawn_inputs(model: Model | IntegerModel, steps: int, batch: int, seed: int):
    rng = np.random.default_rng(seed)
    given = model.config.input
    if given.symbols is None:
        return rng.normal(0, 0.7, (steps, batch, given.width)).astype(np.float32)
    return rng.integers(0, given.symbols, (steps, batch)).astype(np.uint8)


def squeezed(ranges, factor):
    """Ranges of which only a share is left, so that everything clips."""
    layers = [{k: v and v * factor for k, v in layer.model_dump().items()} for layer in ranges.layers]
    return Ranges.model_validate(ranges.model_dump() | {"layers": layers})


def drawn_integer_model(draw, wide, cell="lstm", kind="one_hot", seed=1, hidden=4, squeeze=1.0, **more) -> IntegerModel:
    model = draw(
        weight_format="float32", state_bits=None, hidden=hidden, task=None, seed=seed, cell=cell, inputs=INPUTS[kind],
        outputs=3, **more,
    )  # fmt: skip
    ranges = analyse(model, drawn_inputs(model, 40, 3, seed))
    return quantize(model, squeezed(ranges, squeeze), wide)


def check_against_plain(model: IntegerModel, steps=5, batch=2, seed=0):
    inputs = drawn_inputs(model, steps, batch, seed)
    plain = Plain(model)
    hs, logits = plain.run(inputs)
    counted = model.counting()
    operands, state = counted.operands(inputs)
    for k in range(len(model.layers)):
        np.testing.assert_array_equal(operands[f"h{model.config.suffix(k)}"], np.array(hs[k]))
    codes = counted.logits(operands[f"h{model.config.suffix(len(model.layers) - 1)}"])
    expected = [[[v * 2**model.logit_fraction for v in row] for row in step] for step in logits]
    assert codes.tolist() == expected
    for kind in ("accumulator", "argument", "state", "input"):
        assert counted.saturations.count(kind) == plain.clips[kind], kind
    np.testing.assert_array_equal(state[0], np.array(hs[0][-1]))
    return plain.clips["accumulator"]


WIDTHS = st.fixed_dictionaries(
    {
        "weight_bits": st.integers(2, 16),
        "activation_bits": st.integers(2, 16),
        "cell_bits": st.none() | st.integers(2, 16),
        "embedding_bits": st.none() | st.integers(2, 16),
        "gate_bits": st.none() | st.integers(2, 16),
        "preactivation_bits": st.none() | st.integers(5, 16),
        "bias_bits": st.none() | st.integers(2, 16),
        "accumulator_bits": st.sampled_from([8, 10, 12, 16, 24, 32, 48]),
        "per_row": st.booleans(),
        "weight_range": st.sampled_from(["max", "mse"]),
        "activation": st.sampled_from(["table", "segments"]),
        "table_bits": st.none() | st.integers(1, 4),
        "split_bits": st.integers(0, 2),
        "first_breakpoint": st.integers(-4, 2),
    }
)


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wide=WIDTHS,
    kind=st.sampled_from(sorted(INPUTS)),
    layers=st.integers(1, 2),
    threshold=st.sampled_from([0.0, 0.0, 0.1, 0.3]),
    input_threshold=st.sampled_from([0.0, 0.2]),
    initial=st.booleans(),
    squeeze=st.sampled_from([1.0, 1.0, 0.3, 0.01]),
    seed=st.integers(0, 2**16),
)
def test_every_cell_is_bit_exact(draw, cell, wide, kind, layers, threshold, input_threshold, initial, squeeze, seed):
    model = drawn_integer_model(
        draw, Settings(**wide), cell, kind, seed, layers=layers, threshold=threshold, initial=initial,
        input_threshold=input_threshold, squeeze=squeeze,
    )  # fmt: skip
    check_against_plain(model, seed=seed + 1)


@pytest.mark.parametrize("kind", sorted(INPUTS))
@pytest.mark.parametrize("cell", CELLS)
def test_narrow_accumulators_saturate_after_every_column_and_are_counted(draw, cell, kind):
    wide = Settings(weight_bits=8, activation_bits=8, accumulator_bits=12)
    model = drawn_integer_model(draw, wide, cell, kind, seed=3, layers=2, threshold=0.0)
    assert not all(proof.proved for proof in model.proofs)
    assert check_against_plain(model) > 0


@pytest.mark.parametrize("cell", CELLS)
def test_both_products_are_bit_equal(draw, cell):
    for wide in (Settings(), Settings(accumulator_bits=13), Settings(weight_bits=16, activation_bits=16)):
        model = drawn_integer_model(draw, wide, cell, "vector", seed=2, layers=2, hidden=17)
        inputs = drawn_inputs(model, 30, 5, 1)
        integer, blas = model.with_products("integer"), model.with_products("blas")
        ours, theirs = integer.operands(inputs), blas.operands(inputs)
        for name in ours[0]:
            np.testing.assert_array_equal(ours[0][name], theirs[0][name])
        np.testing.assert_array_equal(integer.run(inputs)[0], blas.run(inputs)[0])
        assert integer.saturations == blas.saturations
        assert integer.sha256 == blas.sha256


def test_floating_point_products_are_refused_where_they_are_not_proved_exact():
    codes = np.full((1, 2**24), 2**14, np.int16)
    with pytest.raises(BadInput, match=r"products 'blas' must have partial sums below 2\*\*53, not 55 bits"):
        products_module.dot(codes, 55, "blas")
    exact = products_module.dot(codes[:, :8], 54, "blas")
    assert exact(np.full((1, 8), 2**15)).tolist() == [[8 * 2**29]]


# No float in the step


class NoFloat(np.ndarray):
    """An array that refuses to become one of floats, and whatever is made of it likewise."""

    def __array_finalize__(self, source):
        assert self.dtype.kind not in "fc", "a float array in the step"


def guarded(value):
    if isinstance(value, np.ndarray | np.generic):
        assert value.dtype.kind not in "fc", "a float array in the step"
        return value.view(NoFloat) if isinstance(value, np.ndarray) else value
    assert not isinstance(value, float), "a float in the step"
    return type(value)(map(guarded, value)) if type(value) in (list, tuple) else value


class NoFloats:
    """numpy, but every function refuses floats in and out."""

    def __getattr__(self, name):
        function = getattr(np, name)
        if isinstance(function, type) or not callable(function):
            return function
        return lambda *args, **kwargs: guarded(function(*guarded(args), **{k: guarded(v) for k, v in kwargs.items()}))


def run_guarded(model, monkeypatch):
    inputs = drawn_inputs(model, 6, 3, 0)
    entering = guarded(model._entering(inputs)[1])  # real vectors are rounded before the step
    start = iter(guarded(model.start(3)))
    own = {sys.modules[type(machine.layer.cell).__module__] for machine in model._machines}
    for module in (numbers_module, activations_module, *own, layers_module, products_module):
        monkeypatch.setattr(module, "np", NoFloats())
    for machine in model._machines:
        entering, _, _ = machine.run(entering, tuple(next(start) for _ in machine.layer.numbers.states))
        assert isinstance(entering, NoFloat)
    return model.logits(entering)


@pytest.mark.parametrize("activation", ["table", "segments"])
@pytest.mark.parametrize("kind", sorted(INPUTS))
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("accumulator_bits", [12, 32])
def test_no_float_in_the_step(draw, monkeypatch, cell, kind, activation, accumulator_bits):
    wide = Settings(activation=activation, accumulator_bits=accumulator_bits)
    model = drawn_integer_model(draw, wide, cell, kind, layers=2, threshold=0.1)
    assert run_guarded(model, monkeypatch).dtype == np.int64


def test_the_guard_sees_a_float(draw, monkeypatch):
    model = drawn_integer_model(draw, Settings(), threshold=0.0).with_products("blas")
    with pytest.raises(AssertionError, match="a float"):
        run_guarded(model, monkeypatch)


# Accuracy


@pytest.mark.parametrize("kind", sorted(INPUTS))
@pytest.mark.parametrize("cell", CELLS)
def test_at_16_bits_states_are_those_of_the_float_model(draw, cell, kind):
    """Within 2^-9 of the largest over 40 steps of two layers, and 8 bits are further off.

    The coarsest numbers are the arguments: 16 bits up to 8 are units of 2^-12, and 16 of them meet in a row. Recurrent
    weights are made small: drawn networks are chaotic, and there errors grow from step to step.
    """
    model = draw(
        weight_format="float32", state_bits=None, hidden=16, task=None, cell=cell, inputs=INPUTS[kind], outputs=3,
        layers=2, threshold=0.0,
    )  # fmt: skip
    calm = (replace(layer, scale_recurrent=layer.scale_recurrent / 4) for layer in model.layers)
    model = replace(model, layers=tuple(calm))
    inputs = drawn_inputs(model, 40, 4, 5)
    expected, _ = model.states(inputs, dtype=np.float64)
    ranges = analyse(model, inputs)

    def off(bits):
        wide = Settings(weight_bits=bits, activation_bits=bits, accumulator_bits=48, table_bits=bits)
        small = quantize(model, ranges, wide)
        states, _ = small.states(inputs)
        return np.abs(small.layers[-1].numbers.state.values(states) - expected).max() / np.abs(expected).max()

    assert off(16) < 2**-9
    assert off(8) > off(16)


def test_a_quantized_model_still_means_its_weights(draw):
    """Ternary weights with folded row scales: what is quantized anew is codes times scales."""
    model = draw(weight_format="ternary", threshold=0.0, state_bits=None)
    ranges = analyse(model, drawn_inputs(model, 60, 4, 0))
    small = quantize(model, ranges, Settings(weight_bits=16, activation_bits=16, accumulator_bits=48))
    layer = small.layers[0]
    for codes, fraction, real_codes, scale in (
        (
            layer.recurrent_codes,
            layer.recurrent_fraction,
            model.layers[0].recurrent_codes,
            model.layers[0].scale_recurrent,
        ),
        (layer.input_codes, layer.input_fraction, model.layers[0].input_codes, model.layers[0].scale_input),
    ):
        weights = real_codes.astype(float) * scale[:, None]
        ours = np.ldexp(codes.astype(float), -fraction.astype(int)[:, None])
        np.testing.assert_allclose(ours, weights, rtol=0, atol=np.abs(weights).max() * 2**-12)


# Overflow


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 5), weight_bits=st.integers(2, 6))
def test_the_proof_is_the_worst_case(seed, bits, weight_bits):
    """Against every operand vector there is: no partial sum needs more bits than proved, and one needs them all."""
    rng = np.random.default_rng(seed)
    high = 2 ** (weight_bits - 1) - 1
    codes = rng.integers(-high, high + 1, (3, 3))
    left, start = rng.integers(0, 3, 3), rng.integers(-50, 51, 3)
    interval = products_module.Interval.point(start) + products_module.reach(
        codes, left, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    )
    values = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1))
    every = np.array(np.meshgrid(values, values, values)).reshape(3, -1).T  # (N, 3)
    terms = (codes * every[:, None]) << left[:, None]
    sums = start[:, None] + np.concatenate([np.zeros((len(every), 3, 1), int), terms.cumsum(axis=2)], axis=2)
    for row in range(3):
        reached = sums[:, row]
        assert (reached.min(), reached.max()) == (interval.low[row], interval.high[row])
        needed = (
            max(int(v).bit_length() if v >= 0 else int(~v).bit_length() for v in (reached.min(), reached.max())) + 1
        )
        assert interval.bits()[row] == needed


@pytest.mark.parametrize("accumulator_bits", [8, 32])
@pytest.mark.parametrize("cell", CELLS)
def test_a_models_proofs_are_the_worst_case_over_every_symbol_and_state(draw, cell, accumulator_bits):
    """Every symbol and every h there is, in the sums of a layer of two units, from biases that need not fit."""
    wide = Settings(activation_bits=3, bias_bits=12, accumulator_bits=accumulator_bits)
    float_model = draw(
        weight_format="float32", state_bits=None, hidden=2, task=None, cell=cell, inputs=INPUTS["one_hot"], outputs=3,
        threshold=0.0,
    )  # fmt: skip
    if cell == "gru":  # so that the candidate's own accumulators are the widest
        own = np.array([40, -50], np.float32)
        float_model = replace(float_model, layers=(replace(float_model.layers[0], shift_recurrent=own),))
    model = quantize(float_model, analyse(float_model, drawn_inputs(float_model, 40, 3, 0)), wide)
    layer, plain = model.layers[0], Plain(model)
    of_x, of_h, meet = plain.fractions(layer)
    every_h = list(product(range(-4, 4), repeat=2))
    ends = np.cumsum([2 * len(stage.gates) for stage in cells.by_name(cell).stages])
    for proof, rows in zip(model.proofs[1:], np.split(np.arange(len(of_x)), ends[:-1]), strict=False):
        needed = 0
        for r in rows:
            at = max(of_x[r], of_h[r]) if meet[r] else of_x[r]
            columns = [0, *(int(w) << (at - of_x[r]) for w in layer.input_codes[r])]
            starts = [plain.exact_bias(layer.bias_codes[r], layer.numbers.bias, at) + column for column in columns]
            if not meet[r]:
                at = of_h[r]
                starts = [plain.exact_bias(layer.recurrent_bias_codes[r - 4], layer.numbers.recurrent_bias, at)]
            left = at - of_h[r]
            sums = [
                start + sum(int(w) * h << left for w, h in zip(layer.recurrent_codes[r], hs, strict=True))
                for start in starts for hs in every_h
            ]  # fmt: skip
            needed = max(needed, *(1 + (v if v >= 0 else ~v).bit_length() for v in sums))
        assert (proof.site, proof.bits_needed) == ("layer recurrent product", needed)


@pytest.mark.parametrize("kind", sorted(INPUTS))
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_row_whose_bias_does_not_fit_is_not_proved(draw, cell, kind, sign):
    """Not even where weights are zero, so that nothing is added to what it is clipped to."""
    model = drawn_integer_model(draw, Settings(accumulator_bits=24), cell, kind, threshold=0.0)
    (layer,) = model.layers
    own = None if layer.recurrent_bias_codes is None else np.full_like(layer.recurrent_bias_codes, 100 * sign)
    layer = replace(
        layer, bias_codes=np.full_like(layer.bias_codes, 100 * sign), recurrent_bias_codes=own,
        input_codes=np.zeros_like(layer.input_codes), recurrent_codes=np.zeros_like(layer.recurrent_codes),
    )  # fmt: skip
    wide = replace(model, layers=(layer,))
    of_x, of_h, meet = Plain(wide).fractions(layer)
    at = [max(x, h) if together else x for x, h, together in zip(of_x, of_h, meet, strict=True)]
    biases = [Plain(wide).exact_bias(100 * sign, layer.numbers.bias, f) for f in at]
    bits = max(abs(bias).bit_length() for bias in biases)  # and its sign: one too few
    spec = wide.spec.model_copy(update={"widths": wide.widths.model_copy(update={"accumulator_bits": bits})})
    narrow = replace(wide, spec=spec)
    assert all(proof.proved for proof in wide.proofs)
    assert narrow.proofs[0].rows_proved == sum(abs(b).bit_length() < bits for b in biases) < len(biases)
    assert not all(proof.proved for proof in narrow.proofs[1:-1])
    check_against_plain(narrow)


def test_a_bias_that_any_column_of_a_one_hot_input_brings_back_does_not_fit_either():
    """130 does not fit 8 bits and is clipped, though 120 would."""
    added = products_module.one_of(np.array([[-5, -8], [3, 4]], np.int8), np.array([1, 2]))
    sums = products_module.Interval.point(np.array([130, 100])) + added
    assert (sums.low.tolist(), sums.high.tolist()) == ([114, 100], [130, 116])
    assert sums.bits().tolist() == [9, 8]


def test_inputs_that_do_not_fit_are_clipped_and_counted(draw):
    model = drawn_integer_model(draw, Settings(activation_bits=4), "gru", "vector", squeeze=0.3, input_threshold=0.2)
    number, inputs = model.layers[0].numbers.input, drawn_inputs(model, 20, 2, 0)
    model.run(inputs)
    expected = sum(
        not -8 <= round(Fraction(float(v)) * Fraction(2) ** number.fraction) <= 7 for v in inputs.flat if abs(v) >= 0.2
    )
    assert 0 < expected < inputs.size
    assert model.saturations.count("input") == expected
    assert model.saturations.share("input") == expected / inputs.size


def test_small_candidate_weights_of_a_gru_keep_their_bits(draw):
    """What its reset gate multiplies has a number of its own, as fine as it is small."""
    model = draw(weight_format="float32", state_bits=None, task=None, cell="gru", threshold=0.0)
    small = np.repeat([1, 1, 2.0**-12], 24).astype(np.float32)
    (layer,) = model.layers
    layer = replace(layer, scale_recurrent=layer.scale_recurrent * small, shift_recurrent=None)
    model = replace(model, layers=(layer,))
    wide = Settings(weight_bits=16, activation_bits=16, accumulator_bits=48)
    ours = quantize(model, analyse(model, drawn_inputs(model, 30, 3, 0)), wide).layers[0]
    weights = (layer.recurrent_codes.astype(float) * layer.scale_recurrent[:, None])[48:]
    kept = np.ldexp(ours.recurrent_codes[48:].astype(float), -ours.recurrent_fraction[48:, None].astype(int))
    assert np.abs(kept - weights).max() < 2**-14 * np.abs(weights).max()


@pytest.mark.parametrize("kind", sorted(INPUTS))
@pytest.mark.parametrize("cell", CELLS)
def test_an_accumulator_that_is_proved_wide_enough_never_saturates_and_no_narrower_one_is_proved(draw, cell, kind):
    wide = Settings(weight_bits=6, activation_bits=6)
    model = drawn_integer_model(draw, wide, cell, kind, threshold=0.0)
    needed = max(proof.bits_needed for proof in model.proofs)
    enough, fewer = (
        drawn_integer_model(draw, wide.but(accumulator_bits=bits), cell, kind, threshold=0.0)
        for bits in (needed, needed - 1)
    )
    assert all(proof.proved for proof in enough.proofs)
    assert not all(proof.proved for proof in fewer.proofs)
    inputs = drawn_inputs(enough, 200, 8, 3)
    enough.run(inputs)
    assert enough.saturations.count("accumulator") == 0
    assert enough.saturations.seen


def test_saturations_are_told_by_kind_and_place(draw):
    model = drawn_integer_model(draw, Settings(accumulator_bits=12), "gru", threshold=0.0)
    model.run(drawn_inputs(model, 20, 2, 0))
    seen = model.saturations
    assert {place for kind, place in seen.seen if kind == "accumulator"} == {
        "layer bias", "layer input product", "layer recurrent product", "layer reset product", "readout", "readout bias"
    }  # fmt: skip
    assert seen.seen["state", "layer h"] == 20 * 2 * 4
    assert seen.share("accumulator") > 0
    assert model.counting().saturations.count("accumulator") == 0


def with_fractions(model, **fractions):
    """The first layer with other fractions of its weights, from row to row."""
    rows = len(model.layers[0].bias_codes)
    changed = {name: np.broadcast_to(np.asarray(f, np.int8), (rows,)).copy() for name, f in fractions.items()}
    return replace(model, layers=(replace(model.layers[0], **changed), *model.layers[1:]))


@pytest.mark.parametrize("fraction", [100, -100])
def test_sums_of_numbers_that_lie_too_far_apart_are_refused(draw, fraction):
    with pytest.raises(BadInput, match=r"must fit 62 bits.*numbers lie too far apart"):
        with_fractions(drawn_integer_model(draw, Settings()), recurrent_fraction=fraction)


@pytest.mark.parametrize("cell", CELLS)
def test_sums_that_do_not_fit_once_rescaled_are_refused(draw, cell):
    model = drawn_integer_model(draw, Settings(), cell, threshold=0.0)
    with pytest.raises(BadInput, match=r"layer: sums must fit 62 bits when rescaled: numbers lie too far apart"):
        with_fractions(model, recurrent_fraction=-50, input_fraction=-43)
    check_against_plain(with_fractions(model, recurrent_fraction=-20, input_fraction=-13))


def test_a_reset_product_that_does_not_fit_once_rescaled_is_refused(draw):
    model = drawn_integer_model(draw, Settings(), "gru", threshold=0.0)
    own = model.layers[0].recurrent_fraction.copy()
    own[8:] = -60
    with pytest.raises(BadInput, match=r"layer: sums must fit 62 bits when rescaled"):
        with_fractions(model, recurrent_fraction=own)


def test_logits_that_do_not_fit_at_one_fraction_are_refused(draw):
    model = drawn_integer_model(draw, Settings())
    with pytest.raises(BadInput, match=r"readout: sums must fit 62 bits: numbers lie too far apart"):
        replace(model, readout_fraction=np.array([-30, 0, 30], np.int8))
    check_against_plain(replace(model, readout_fraction=np.array([-5, 0, 20], np.int8)))


def test_weights_are_no_finer_than_their_result_can_show():
    """256 roundings, times operands as large as they get, stay below a sixteenth of the result's unit, or nearly."""
    operand, target, columns = Number(bits=8, fraction=9), 6, 256
    finest = int(_finest(np.array([target]), operand, columns)[0])
    rng = np.random.default_rng(0)
    off = np.ldexp(rng.uniform(-0.5, 0.5, (2000, columns)), -finest)
    x = operand.values(rng.choice([operand.low, operand.high], (columns, 1)))
    assert np.abs(off @ x).mean() < 2.0**-target / 16
    assert np.abs(2 * off @ x).max() > 2.0**-target / 16  # one bit fewer would not do
    assert _finest(np.array([target]), None, 83).tolist() == [target + 2]  # one-hot: one rounding, an eighth


# Behaviour as a Model


@pytest.mark.parametrize("cell", CELLS)
def test_cutting_the_inputs_changes_nothing_and_the_state_given_is_left_as_it_is(draw, cell):
    model = drawn_integer_model(draw, Settings(), cell, "vector", layers=2, initial=True)
    inputs = drawn_inputs(model, 21, 3, 0)
    whole, end = model.run(inputs)
    first, state = model.run(inputs[:8])
    kept = tuple(array.copy() for array in state)
    second, end_of_second = model.run(inputs[8:], state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    for ours, theirs, before, now in zip(end, end_of_second, kept, state, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(before, now)


def test_last_reads_each_sequence_at_its_end(draw):
    model = drawn_integer_model(draw, Settings(), "gru", "vector")
    inputs, lengths = drawn_inputs(model, 9, 4, 0), np.array([9, 1, 4, 7])
    logits, _ = model.run(inputs)
    expected = np.stack([logits[n - 1, b] for b, n in enumerate(lengths)])
    np.testing.assert_array_equal(model.last(inputs, lengths), expected)


@pytest.mark.parametrize("kind", sorted(INPUTS))
@pytest.mark.parametrize("cell", CELLS)
def test_a_trace_holds_the_non_zero_codes(draw, cell, kind):
    model = drawn_integer_model(draw, Settings(), cell, kind, layers=2, threshold=0.2, input_threshold=0.3)
    inputs, lengths = drawn_inputs(model, 12, 3, 0), np.array([9, 10, 7])
    trace = record_sample(model, Sample(inputs, lengths, 2), {})
    _, state = model.operands(inputs[:2])
    operands, _ = model.operands(inputs[2:], state)
    for operand in trace.graph.operands:
        stored = trace.arrays[operand.name]
        if operand.kind == "one_hot":
            np.testing.assert_array_equal(stored, operands[operand.name])
            continue
        bits = np.unpackbits(stored[1:] if operand.kind == "state" else stored, axis=-1, count=operand.size)
        np.testing.assert_array_equal(bits, operands[operand.name] != 0)
        assert operand.bits == (8 if operand.kind != "one_hot" else 1)
    assert {m.weight_format.name for m in trace.graph.mat_vecs if m.scope != "embedding"} == {"fixed8-row"}
    assert trace.header.provenance["model_sha256"] == model.sha256


def test_a_threshold_makes_another_model_of_the_same_integers(draw):
    model = drawn_integer_model(draw, Settings(), layers=2, threshold=0.1)
    other = model.with_threshold([0.1, 0.4])
    assert other.sha256 != model.sha256
    assert other.with_threshold(0.1).sha256 == model.sha256
    check_against_plain(other)
    with pytest.raises(BadInput, match="thresholds must be 2, one a layer, not 3"):
        model.with_threshold([0.1, 0.2, 0.3])
    with pytest.raises(BadInput, match="threshold: Input should be greater than or equal to 0"):
        model.with_threshold(-1.0)


def test_inputs_that_do_not_fit_are_refused(draw):
    one_hot = drawn_integer_model(draw, Settings())
    with pytest.raises(BadInput, match="symbols must be below 6"):
        one_hot.run(np.full((2, 2), 6, np.uint8))
    with pytest.raises(BadInput, match=r"inputs must be symbols \(steps, sequences\), not float32 \(2, 2, 3\)"):
        one_hot.run(np.zeros((2, 2, 3), np.float32))
    vector = drawn_integer_model(draw, Settings(), kind="vector")
    with pytest.raises(BadInput, match=r"inputs must be \(steps, sequences, 3\), not \(2, 2, 4\)"):
        vector.run(np.zeros((2, 2, 4), np.float32))
    with pytest.raises(BadInput, match="inputs must be finite numbers"):
        vector.run(np.full((2, 2, 3), np.nan, np.float32))


def test_a_layer_norm_is_refused_by_name(draw):
    model = draw(norm="layer", task=None)
    message = r"model drawn: layers\.0: norm must be none for integer inference, not 'layer'"
    with pytest.raises(BadInput, match=message):
        analyse(model, drawn_inputs(model, 5, 2, 0))
    plain = draw(task=None)
    with pytest.raises(BadInput, match=message):
        quantize(model, analyse(plain, drawn_inputs(plain, 5, 2, 0)))


def test_a_cell_by_another_name_has_integers_as_well(draw, monkeypatch):
    """All that is asked of a cell is in its class: nothing else here knows its name."""
    shipped = (*cells.ALL, replace(cells.by_name("lstm"), name="lstm-2"))
    monkeypatch.setitem(vars(cells.PLUGINS), "shipped", shipped)
    model, plain = draw(task=None, cell="lstm-2"), draw(task=None)
    inputs = drawn_inputs(model, 5, 2, 0)
    np.testing.assert_array_equal(model.run(inputs)[0], plain.run(inputs)[0])
    assert analyse(model, inputs) == analyse(plain, inputs)
    ours, theirs = (quantize(each, analyse(each, inputs)).run(inputs)[0] for each in (model, plain))
    np.testing.assert_array_equal(ours, theirs)


def test_a_cell_without_an_integer_step_by_hand_is_refused_by_name(draw):
    plain = Plain(drawn_integer_model(draw, Settings()))
    with pytest.raises(
        pytest.fail.Exception, match=r"^cell mgu-2: write its integer step out by hand, in EQUATIONS of"
    ):
        plain.equations("mgu-2")


def test_ranges_of_another_network_are_refused(draw):
    one, two = (draw(task=None, layers=n) for n in (1, 2))
    with pytest.raises(BadInput, match="ranges must be those of 2 layers, not 1"):
        quantize(two, analyse(one, drawn_inputs(one, 5, 2, 0)))
    lstm, relu = (draw(task=None, cell=cell) for cell in ("lstm", "rnn-relu"))
    with pytest.raises(BadInput, match=r"model drawn: .*must be"):
        quantize(lstm, analyse(relu, drawn_inputs(relu, 5, 2, 0)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weight_bits": 1}, "settings: weight_bits: Input should be greater than or equal to 2, not 1"),
        ({"weight_bits": 17}, "settings: weight_bits: Input should be less than or equal to 16, not 17"),
        ({"accumulator_bits": 64}, "settings: accumulator_bits: Input should be less than or equal to 62, not 64"),
        ({"activation": "cordic"}, "settings: activation: Input should be 'table' or 'segments', not 'cordic'"),
        ({"bits": 8}, "settings: bits: unknown key"),
    ],
)
def test_settings_that_break_a_rule_are_named(given, message):
    with pytest.raises(BadInput, match=message):
        Settings.of(**given)


# Ranges


class RealStep:
    """A step of a layer in float64, one sequence; what it says the range of is noted."""

    def __init__(self, layer, note):
        self.layer, self.hidden, self.note = layer, layer.config.hidden, note
        self.w_h = layer.recurrent_codes.astype(float) * layer.scale_recurrent[:, None].astype(float)
        self.w_x = layer.input_codes.astype(float) * layer.scale_input[:, None].astype(float)
        self.own = 0.0 if layer.shift_recurrent is None else layer.shift_recurrent.astype(float)

    def sigmoid(self, v):
        self.note("sigmoid", v)
        return 1 / (1 + np.exp(-v))

    def tanh(self, v):
        self.note("tanh", v)
        return np.tanh(v)

    def __call__(self, x, state):
        of_x = self.w_x @ x + self.layer.shift.astype(float)
        of_h = self.w_h @ state[0]
        if self.layer.config.cell not in REAL_EQUATIONS:
            pytest.fail(f"cell {self.layer.config.cell}: write its ranges out by hand, in REAL_EQUATIONS of {__file__}")
        equations = REAL_EQUATIONS[self.layer.config.cell]
        return equations(self, of_x.reshape(-1, self.hidden), of_h.reshape(-1, self.hidden), state)

    def lstm(self, x, h, state):
        i, f, g, o = x + h
        c = self.sigmoid(f) * state[1] + self.sigmoid(i) * self.tanh(g)
        self.note("cell", c)
        return [self.sigmoid(o) * self.tanh(c), c]

    def gru(self, x, h, state):
        r, z = self.sigmoid(x[0] + h[0]), self.sigmoid(x[1] + h[1])
        self.note("reset", h[2] + self.own)
        return [(1 - z) * self.tanh(x[2] + r * (h[2] + self.own)) + z * state[0]]

    def gru_classic(self, x, h, state):
        r, z = self.sigmoid(x[0] + h[0]), self.sigmoid(x[1] + h[1])
        candidate = self.w_h[2 * self.hidden :]
        # analyse does not round r h, which moves its candidate by less than half a unit of h
        self.note("tanh", x[2] + candidate @ (r * state[0]))
        exact = x[2] + candidate @ self.layer.config.pruning.rounded(r * state[0])
        return [(1 - z) * np.tanh(exact) + z * state[0]]

    def rnn_tanh(self, x, h, state):
        return [self.tanh(x[0] + h[0])]

    def rnn_relu(self, x, h, state):
        return [np.maximum(x[0] + h[0], 0)]


REAL_EQUATIONS = {
    "lstm": RealStep.lstm,
    "gru": RealStep.gru,
    "gru-classic": RealStep.gru_classic,
    "rnn-tanh": RealStep.rnn_tanh,
    "rnn-relu": RealStep.rnn_relu,
}


@pytest.mark.parametrize("cell", CELLS)
def test_ranges_are_those_of_the_float_model_step_by_step(draw, cell):
    """Against the cell's own step in float64, with its equations written out again here."""
    model = draw(
        weight_format="float32", state_bits=6, task=None, cell=cell, inputs=INPUTS["vector"], outputs=3, initial=True,
        threshold=0.1,
    )  # fmt: skip
    inputs, lengths = drawn_inputs(model, 12, 3, 1), np.array([12, 3, 8])
    layer = model.layers[0]
    seen: dict[str, list[float]] = {"input": [], "state": [], "sigmoid": [], "tanh": [], "reset": [], "cell": []}

    def note(what, values):
        seen[what].append(float(np.abs(values).max()))

    step = RealStep(layer, note)
    for b, length in enumerate(lengths):
        state = [row.astype(float) for row in layer.initial_state]
        for what, row in zip(("state", "cell"), state, strict=False):
            note(what, row)
        state[0] = layer.config.pruning(state[0])
        for t in range(length):
            note("input", inputs[t, b])
            state = step(inputs[t, b].astype(float), state)
            state[0] = layer.config.pruning(state[0])
            note("state", state[0])
    (ranges,) = analyse(model, inputs, lengths).layers
    for what, values in seen.items():
        if values:
            assert getattr(ranges, what) == pytest.approx(max(values), rel=1e-9), what
        else:
            assert getattr(ranges, what) is None, what


def test_a_percentile_leaves_outliers_out(draw):
    model = draw(weight_format="float32", task=None, inputs=INPUTS["vector"], outputs=3, state_bits=None)
    inputs = drawn_inputs(model, 50, 4, 0)
    inputs[3, 1, 2] = 1000.0
    assert analyse(model, inputs).layers[0].input == 1000.0
    trimmed = analyse(model, inputs, percentile=99.0)
    assert trimmed.layers[0].input == pytest.approx(np.percentile(np.abs(inputs.astype(float)), 99))
    assert (trimmed.percentile, trimmed.sequences, trimmed.steps) == (99.0, 4, 200)
    for percentile in (0, 101):
        with pytest.raises(BadInput, match=f"percentile must be above 0 and at most 100, not {percentile}"):
            analyse(model, inputs, percentile=percentile)
    with pytest.raises(BadInput, match="calibration inputs must hold at least one step"):
        analyse(model, inputs[:0])


def test_calibration_on_the_models_own_task_is_the_same_every_time(draw):
    model = draw()
    assert calibrate(model, sequences=4, steps=20) == calibrate(model, sequences=4, steps=20)
    assert calibrate(model, sequences=4, steps=20, seed=1) != calibrate(model, sequences=4, steps=20)


def test_a_calibrated_input_beyond_the_curves_flat_part_costs_no_bits(draw):
    """Arguments reach as far as calibration saw, but no further than the curve can tell apart at the gates' width."""
    model = draw(weight_format="float32", state_bits=None, task=None, inputs=INPUTS["vector"], outputs=3)
    inputs = drawn_inputs(model, 30, 3, 0)
    wild, calm = (analyse(model, inputs * scale) for scale in (100, 0.1))
    assert wild.layers[0].sigmoid > 100
    spec = quantize(model, wild, Settings()).spec
    assert (spec.sigmoid.integer_bits, spec.tanh.integer_bits) == (3, 2)
    assert max(calm.layers[0].sigmoid, calm.layers[0].tanh) < 4
    assert quantize(model, calm, Settings()).spec.sigmoid.integer_bits < 3


@pytest.mark.parametrize("weight_range", ["max", "mse"])
@pytest.mark.parametrize("per_row", [False, True])
def test_scales_are_the_formats_own_or_the_best_of_its_halves(weight_range, per_row):
    """Against every power of two from the largest weight's down."""
    weights = np.random.default_rng(0).normal(0, 1, (6, 500)) * np.array([[1.0], [1.3], [0.7], [1.1], [0.9], [0.8]])
    fixed = Fixed(3, per_row)
    codes, fraction = quantized(weights, 3, per_row, weight_range, np.full(6, 100))
    own = -np.log2(fixed.fit_scale(weights)).astype(int)
    if weight_range == "max":
        assert fraction.tolist() == own.tolist()
        return

    def errors(fractions):
        scale = np.ldexp(1.0, -fractions)
        off = (fixed.quantize(weights, scale) * scale[:, None] - weights) ** 2
        return off.sum(axis=1) if per_row else np.array([off.sum()])

    tried = np.array([errors(own + k) for k in range(4)])
    np.testing.assert_allclose(errors(fraction.astype(int)), tried.min(axis=0))
    assert np.any(fraction != own)
    np.testing.assert_array_equal(codes, fixed.quantize(weights, np.ldexp(1.0, -fraction.astype(int))))
    assert quantized(weights, 3, per_row, weight_range, np.full(6, -1))[1].max() == -1


@pytest.mark.slow
def test_war_and_peace_loses_less_than_one_percent_at_7_and_10_bits():
    """On 60,000 symbols of the validation split; the sweep of the whole one is in the README."""
    model = zoo.load_model("wp-lstm256-float")
    text = tasks.by_name(model.task).split("validation")[:60_000]
    small = quantize(model, calibrate(model), Settings(weight_bits=7, activation_bits=10))
    assert small.memory.cut > 0.77
    assert all(proof.proved for proof in small.proofs)
    exact, ours = (bits_per_character(m.run, text, 64) for m in (model, small))
    assert exact < ours < 1.01 * exact


# Memory


def test_memory_is_counted_bit_by_bit(draw):
    """One GRU of 24 units over 6 symbols and 3 outputs, one row a scale: the sum written out."""
    model = drawn_integer_model(
        draw, Settings(weight_bits=5, activation_bits=7, gate_bits=9, preactivation_bits=8), "gru", hidden=24
    )
    memory = model.memory
    weights, biases = 72 * (24 + 6) + 3 * 24, 72 + 24 + 3
    assert memory.weight_bits == 5 * weights
    assert memory.bias_bits == 8 * biases
    assert memory.shift_bits == 8 * (72 + 72 + 3)
    assert memory.table_bits == 2 * 2**8 * 9
    assert memory.activation_bits == 7 * 24
    assert memory.float32_bytes == 4 * (weights + biases + 24)
    assert memory.cut == pytest.approx(1 - memory.total_bits / (32 * (weights + biases + 24)))
    stored = memory.total_bits - memory.activation_bits
    assert stored <= 8 * model.weight_bytes < stored + 8 * 20  # each tensor is filled up to a byte
    assert model.gate_weight_bytes == 72 * 24 * 5 // 8 + 72 * 6 * 5 // 8


# Files


@pytest.fixture
def saved(draw, tmp_path):
    path = tmp_path / "integer.safetensors"
    drawn_integer_model(draw, Settings(), "gru", "embedding", layers=2).save(path)
    return path


def test_a_file_of_version_2_does_not_say_what_was_clipped(saved):
    made = IntegerModel.load(saved)
    assert made.constants_clipped

    def before(spec):
        spec["version"] = 2
        del spec["clipped"]

    rewrite(saved, before)
    assert IntegerModel.load(saved).constants_clipped == ()


@pytest.mark.parametrize("kind", sorted(INPUTS))
@pytest.mark.parametrize("cell", CELLS)
def test_a_saved_model_is_the_same_model(draw, tmp_path, cell, kind):
    path = tmp_path / "integer.safetensors"
    for n, wide in enumerate(
        (Settings(), Settings(weight_bits=11, activation_bits=5, activation="segments", per_row=False))
    ):
        model = drawn_integer_model(draw, wide.but(gate_bits=16), cell, kind, layers=2, initial=bool(n), threshold=0.1)
        model.save(path)
        again = IntegerModel.load(path)
        assert again.spec == model.spec
        assert again.sha256 == model.sha256
        inputs = drawn_inputs(model, 9, 3, 0)
        np.testing.assert_array_equal(again.run(inputs)[0], model.run(inputs)[0])
        tensors = load_file(path)
        assert sum(t.nbytes for t in tensors.values()) == model.weight_bytes
        rows = len(cells.by_name(cell).gates) * 4
        assert tensors["layers.1.recurrent_weight"].nbytes == -(-rows * 4 * wide.weight_bits // 8)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [0, 5, 200, 3000])
def test_a_truncated_file_is_named(saved, size):
    saved.write_bytes(saved.read_bytes()[:size])
    with pytest.raises(BadInput, match=r"integer\.safetensors: is not a whole safetensors file \(.+\)$"):
        IntegerModel.load(saved)


def test_files_that_are_not_integer_models_are_named(draw, tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.safetensors: no such model file"):
        IntegerModel.load(tmp_path / "nowhere.safetensors")
    path = tmp_path / "float.safetensors"
    draw().save(path)
    with pytest.raises(BadInput, match="metadata must hold the spec of an integer model under 'archsim_integer'"):
        IntegerModel.load(path)
    drawn_integer_model(draw, Settings()).save(path)
    with pytest.raises(BadInput, match="metadata must hold the config of an archsim model under 'archsim'"):
        Model.load(path)


def rewrite(path, change=None, tensors=None):
    """The file at `path` with its spec changed, and tensors replaced (None: left out)."""
    with safe_open(path, framework="numpy") as stored:
        spec = json.loads(stored.metadata()["archsim_integer"])
    if change:
        change(spec)
    kept = {k: v for k, v in (load_file(path) | (tensors or {})).items() if v is not None}
    save_file(kept, path, metadata={"archsim_integer": json.dumps(spec)})


def put(*path, value):
    def change(spec):
        for key in path[:-1]:
            spec = spec[key]
        if value is ...:
            del spec[path[-1]]
        else:
            spec[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("version", value=1), "integer model version must be 3, not 1"),
        (put("version", value=...), "integer model version must be 3, not None"),
        (put("more", value=1), "spec: more: unknown key"),
        (put("widths", "more", value=1), r"spec: widths\.more: unknown key"),
        (put("widths", "weight_bits", value=17), r"spec: widths\.weight_bits: Input should be less than .*, not 17"),
        (put("widths", "gate_bits", value=None), r"spec: widths\.gate_bits: Input should be a valid integer"),
        (put("widths", "table_bits", value=11), r"table_bits must be between 1 and the argument's 10, not 11"),
        (put("network", "layers", 0, "cell", value="lstm"), "must be"),
        (put("network", "layers", 0, "norm", value="layer"), r"network\.layers\.0\.norm must be none, not layer"),
        (put("network", "layers", 0, "weight_format", value="binary"), "must be fixed8-row, not binary"),
        (
            put("network", "layers", 1, "hidden", value=5),
            r"tensor layers\.1\.\w+: packed .* must be \d+ bytes, not \d+",
        ),
        (put("layers", 0, "state", "bits", value=7), r"layers\.0\.state\.bits must be 8, not 7"),
        (put("layers", 0, "state", "fraction", value=99), r"layers\.0\.state\.fraction: Input should be less"),
        (put("layers", 0, "reset", value=None), r"layers\.0\.reset\.bits must be 10, not None"),
        (put("layers", 1, "input", "fraction", value=3), r"layers\.1\.input must be .*fraction"),
        (put("sigmoid", value=None), "sigmoid.bits must be 10, not None"),
        (put("layers", value=[]), "layers must be 2, not 0"),
        (put("ranges", "layers", value=[]), r"ranges\.layers must be 2, not 0"),
        (put("readout_bias", value=None), "readout_bias.bits must be 8, not None"),
        (put("network", value=...), "network: is missing"),
    ],
)
def test_a_wrong_spec_is_refused(saved, change, message):
    rewrite(saved, change)
    with pytest.raises(BadInput, match=rf"^[^\n]*integer\.safetensors: .*{message}[^\n]*$"):
        IntegerModel.load(saved)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"embedding": None}, "tensors must be embedding, .*, not "),
        ({"more": np.zeros(1, np.uint8)}, "tensors must be .*, not .*more"),
        ({"tanh": np.zeros(3, np.uint8)}, r"tensor tanh: .* must be 1024 bytes, not 3"),
        ({"sigmoid": np.full(1024, 255, np.uint8)}, "sigmoid must lie within 0 to 128, not 255 to 255"),
        ({"layers.0.bias": np.zeros(12, np.float32)}, r"tensor layers\.0\.bias must be a vector of uint8, not float32"),
        (
            {"readout_weight": np.full(12, 128, np.uint8)},
            "readout_weight must lie within -127 to 127, not -128 to -128",
        ),
        ({"layers.1.input_fraction": np.full(12, 127, np.uint8)}, "must fit 62 bits"),
    ],
)
def test_wrong_tensors_are_refused(saved, tensors, message):
    rewrite(saved, tensors=tensors)
    with pytest.raises(BadInput, match=rf"integer\.safetensors: .*{message}"):
        IntegerModel.load(saved)


def test_a_type_that_numpy_has_not_is_refused(saved, retype):
    retype(saved, "layers.0.bias", "F8_E5M2", 12)
    with pytest.raises(BadInput, match=r"integer\.safetensors: tensor layers.0.bias must have a type .*, not F8_E5M2$"):
        IntegerModel.load(saved)


def test_half_an_initial_state_is_refused(draw, tmp_path):
    path = tmp_path / "integer.safetensors"
    drawn_integer_model(draw, Settings(), initial=True).save(path)
    rewrite(path, tensors={"layers.0.initial_c": None})
    with pytest.raises(BadInput, match=r"tensors must be all or none of layers\.0\.initial_h, layers\.0\.initial_c"):
        IntegerModel.load(path)


def loaded(path) -> IntegerModel | str:
    try:
        return IntegerModel.load(path)
    except BadInput as error:
        return str(error)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_one_line_or_a_model(draw, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "integer.safetensors"
    drawn_integer_model(draw, Settings(activation="segments"), "lstm", layers=2).save(path)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    outcome = loaded(path)
    if isinstance(outcome, str):
        assert "\n" not in outcome
    else:
        outcome.run(drawn_inputs(outcome, 3, 2, 0))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cell=st.sampled_from(CELLS),
    kind=st.sampled_from(sorted(INPUTS)),
    wide=st.fixed_dictionaries(
        {
            "weight_bits": st.integers(2, 10),
            "activation_bits": st.integers(3, 10),
            "accumulator_bits": st.none() | st.sampled_from([8, 12, 16]),
            "per_row": st.booleans(),
            "weight_range": st.sampled_from(["max", "mse"]),
        }
    ),
    scales=st.tuples(*[st.integers(-6, 6)] * 4),
    layers=st.integers(1, 2),
    initial=st.booleans(),
    percentile=st.sampled_from([100.0, 90.0]),
    seed=st.integers(0, 2**16),
)
def test_no_clipped_share_and_no_saturated_sum_goes_unsaid(
    draw, cell, kind, wide, scales, layers, initial, percentile, seed
):  # fmt: skip
    """Weights, embedding, inputs and initial states range from 2^-6 to 2^6; data go beyond what was calibrated on."""
    model = draw(
        weight_format="float32", state_bits=None, hidden=4, task=None, seed=seed, cell=cell, inputs=INPUTS[kind],
        outputs=3, layers=layers, initial=initial, threshold=0.05,
    )  # fmt: skip
    of_weights, of_table, of_state, of_inputs = (np.float32(2.0**e) for e in scales)
    changed = tuple(
        replace(
            layer,
            scale_input=layer.scale_input * of_weights,
            shift=layer.shift * of_weights,
            initial_state=None if layer.initial_state is None else layer.initial_state * of_state,
        )
        for layer in model.layers
    )
    scale = None if model.embedding_scale is None else model.embedding_scale * of_table
    model = replace(model, layers=changed, embedding_scale=scale)
    inputs = drawn_inputs(model, 8, 2, seed)
    beyond = (inputs if kind != "vector" else inputs * of_inputs)[:4]
    small = quantize(model, analyse(model, inputs, percentile=percentile), Settings(**wide))
    plain, counted = Plain(small), small.counting()
    plain.run(beyond)
    counted.run(beyond)
    for what in ("accumulator", "argument", "state", "input"):
        assert counted.saturations.count(what) == plain.clips[what], what
    if wide["accumulator_bits"] is None:
        assert plain.clips["accumulator"] == 0
    said = {clip.place: clip.clipped for clip in small.constants_clipped}
    assert said == dict(constants_beyond(model, small))
    assert {clip.place for clip in clipped_shares(small, beyond)} >= {
        *said,
        *(place for _, place in counted.saturations.seen),
    }


def constants_beyond(model, small):
    """How many real constants do not round to a code, one number at a time."""

    def beyond(reals, fractions, bits, symmetric):
        low, high = (1 if symmetric else 0) - 2 ** (bits - 1), 2 ** (bits - 1) - 1
        rows = [(row, int(fractions[r if len(fractions) > 1 else 0])) for r, row in enumerate(np.atleast_2d(reals))]
        return sum(not low <= round(Fraction(float(v)) * Fraction(2) ** f) <= high for row, f in rows for v in row)

    wide = small.widths
    if model.embedding_codes is not None:
        table = model.embedding_codes.astype(np.float32) * model.embedding_scale.reshape(-1, 1)
        yield "embedding", beyond(table, [small.layers[0].numbers.input.fraction], wide.embedding_bits, True)
    for k, (layer, own) in enumerate(zip(model.layers, small.layers, strict=True)):
        for name, codes, scale, fraction in (
            ("recurrent", layer.recurrent_codes, layer.scale_recurrent, own.recurrent_fraction),
            ("input", layer.input_codes, layer.scale_input, own.input_fraction),
        ):
            real_weights = codes.astype(float) * scale.astype(float)[:, None]
            yield f"layers.{k}.{name}_weight", beyond(real_weights, fraction, wide.weight_bits, True)
        yield f"layers.{k}.bias", beyond(layer.shift, [own.numbers.bias.fraction], wide.bias_bits, False)
        if own.numbers.recurrent_bias is not None:
            number = own.numbers.recurrent_bias
            yield f"layers.{k}.recurrent_bias", beyond(layer.shift_recurrent, [number.fraction], wide.bias_bits, False)
        if layer.initial_state is not None:
            for state, number, values in zip(layer.cell.states, own.numbers.states, layer.initial_state, strict=True):
                yield f"layers.{k}.initial_{state}", beyond(values, [number.fraction], number.bits, False)
    readout = model.readout_codes.astype(float) * model.readout_scale.astype(float)[:, None]
    yield "readout_weight", beyond(readout, small.readout_fraction, wide.weight_bits, True)
    yield "readout_bias", beyond(model.readout_bias, [small.spec.readout_bias.fraction], wide.bias_bits, False)
