"""Models: saved and loaded as they are, at their true width; broken files are named."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from archsim.errors import BadInput
from workloads import cells, formats
from workloads.config import Embedding, Vector
from workloads.fixed_point import analyse
from workloads.model import Model


def test_a_saved_model_is_the_same_model(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = Model.load(path)
    assert again.config == model.config
    assert again.sha256 == model.sha256
    symbols = np.random.default_rng(0).integers(0, model.config.input.symbols, (9, 3)).astype(np.uint8)
    np.testing.assert_array_equal(again.run(symbols)[0], model.run(symbols)[0])
    assert list(tmp_path.iterdir()) == [path]


def test_sizes_are_those_of_the_packed_file(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors = load_file(path)
    rows, bits = 4 * model.config.layers[0].hidden, model.weight_format.bits
    gates = -(-rows * model.config.layers[0].hidden * bits // 8) + -(-rows * model.config.input.symbols * bits // 8)
    readout = (
        model.config.input.symbols
        * model.config.layers[0].hidden
        * formats.by_name(model.config.readout.weight_format).bits
        // 8
    )
    assert model.gate_weight_bytes == gates
    assert model.weight_bytes == gates + readout + 4 * (3 * rows + model.config.input.symbols + 1)
    assert model.weight_bytes == sum(array.nbytes for array in tensors.values())
    assert path.stat().st_size < model.weight_bytes + 2048


def test_a_threshold_makes_another_model_of_the_same_weights(draw):
    model = draw(threshold=0.1)
    other = model.with_threshold(0.4)
    assert (other.threshold, model.threshold) == (0.4, 0.1)
    assert other.sha256 != model.sha256
    assert other.with_threshold(0.1).sha256 == model.sha256
    symbols = np.random.default_rng(0).integers(0, model.config.input.symbols, (50, 4)).astype(np.uint8)
    states = other.states(symbols)[0]
    assert not np.any((states != 0) & (np.abs(states) < 0.4 - 2**-8))  # rounded after it was pruned
    assert np.mean(states == 0) > np.mean(model.states(symbols)[0] == 0)


@pytest.mark.parametrize("threshold", [-0.1, float("inf"), float("nan")])
def test_a_threshold_out_of_range_is_refused(draw, threshold):
    with pytest.raises(BadInput, match=r"model drawn: layers.0.threshold: Input should be .*, not"):
        draw().with_threshold(threshold)


def test_a_threshold_each(draw):
    stack = draw(layers=2)
    assert [layer.threshold for layer in stack.with_threshold([0.1, 0.3]).config.layers] == [0.1, 0.3]
    with pytest.raises(BadInput, match="model drawn: thresholds must be 2, one a layer, not 3"):
        stack.with_threshold([0.1, 0.2, 0.3])


@pytest.mark.parametrize("cell", [c.name for c in cells.ALL])
@pytest.mark.parametrize(
    "inputs",
    [None, Embedding(symbols=65, size=6, weight_format="fixed5-row"), Vector(size=5)],
    ids=["one_hot", "embedding", "vector"],
)
@pytest.mark.parametrize("weight_format", ["float32", "float16", "fixed3-row", "exponential4", "pow2-ternary"])
def test_every_kind_of_model_is_saved_whole(draw, cell, inputs, weight_format, tmp_path):
    model = draw(task=None, cell=cell, layers=2, inputs=inputs, weight_format=weight_format, norm="layer",
                 initial=True, input_bits=9, input_integer_bits=2, input_threshold=0.1)  # fmt: skip
    model.save(tmp_path / "m.safetensors")
    again = Model.load(tmp_path / "m.safetensors")
    assert (again.config, again.sha256) == (model.config, model.sha256)
    data = np.random.default_rng(0)
    shape = (9, 3) if model.config.input.symbols else (9, 3, 5)
    values = data.integers(0, 65, shape) if model.config.input.symbols else data.normal(size=shape)
    np.testing.assert_array_equal(again.run(values)[0], model.run(values)[0])


def test_a_state_that_grows_without_bound_is_refused(draw):
    """A vanilla network whose h becomes ten times as large at each step passes float32's 3.4e38 at its 39th."""
    model = draw(
        task=None, cell="rnn-relu", hidden=1, weight_format="float32", state_bits=None, threshold=0.0,
        inputs=Vector(size=1), outputs=2,
    )  # fmt: skip
    one = np.ones(1, np.float32)
    layer = replace(
        model.layers[0], recurrent_codes=one[:, None], input_codes=one[:, None], scale_recurrent=10 * one,
        scale_input=one, shift=0 * one,
    )  # fmt: skip
    model = replace(model, layers=(layer,))
    inputs = np.zeros((60, 1, 1))
    inputs[0] = 1
    assert model.states(inputs[:39])[0][-1] == pytest.approx(1e38)
    assert model.states(inputs, None, np.float64)[0][-1] == pytest.approx(1e59)
    for run in (model.run, lambda inputs: model.last(inputs, np.array([60]))):
        with pytest.raises(BadInput, match=r"^model drawn: layers.0: h must be finite, and is not at step 39 of 60$"):
            run(inputs)
    with pytest.raises(BadInput, match=r"h must be finite, and is not at step 309 of 360$"):  # 1.8e308
        analyse(model, np.concatenate([inputs] * 6))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_vectors_that_are_not_finite_are_refused(draw, value):
    """1e39 is finite in double precision alone. Rounded to codes, each would be a number again."""
    model = draw(task=None, inputs=Vector(size=5), input_bits=8)
    inputs = np.full((3, 2, 5), value)
    with pytest.raises(BadInput, match=r"^model drawn: inputs must be finite numbers in float32$"):
        model.run(inputs)
    if value == 1e39:
        model.run(inputs, None, np.float64)


def test_float_weights_take_half_the_bytes_in_float16_and_others_stay(draw):
    table = Embedding(symbols=65, size=6, weight_format="float32")
    model = draw(task=None, layers=2, inputs=table, weight_format="float32")
    half = model.with_float16()
    assert half.gate_weight_bytes * 2 == model.gate_weight_bytes
    assert half.config.model_dump_json() == model.config.model_dump_json().replace("float32", "float16")
    for layer, before in zip(half.layers, model.layers, strict=True):
        np.testing.assert_array_equal(layer.recurrent_codes, before.recurrent_codes.astype(np.float16))
        np.testing.assert_array_equal(layer.scale_input, before.scale_input)
    np.testing.assert_array_equal(half.embedding_codes, model.embedding_codes.astype(np.float16))
    np.testing.assert_array_equal(half.readout_codes, model.readout_codes.astype(np.float16))
    mixed = draw(task=None, inputs=table, weight_format="ternary").with_float16()
    formats_of = (mixed.config.input.weight_format, mixed.weight_format.name, mixed.config.readout.weight_format)
    assert formats_of == ("float16", "ternary", "fixed8")
    assert draw(weight_format="ternary").with_float16().sha256 == draw(weight_format="ternary").sha256


def test_a_weight_beyond_float16_is_refused(draw):
    model = draw(weight_format="float32")
    (layer,) = model.layers
    codes = layer.recurrent_codes.copy()
    codes[0, 0] = 70_000
    with pytest.raises(BadInput, match=r"model drawn: layers\.0\.recurrent_weight must hold finite numbers only"):
        replace(model, layers=(replace(layer, recurrent_codes=codes),)).with_float16()


def test_a_model_without_a_readout_has_states_alone(draw):
    model = draw(task=None)
    bare = replace(model, config=model.config.model_copy(update={"readout": None}), readout_codes=None,
                   readout_scale=None, readout_bias=None)  # fmt: skip
    symbols = np.zeros((3, 2), np.uint8)
    np.testing.assert_array_equal(bare.states(symbols)[0], model.states(symbols)[0])
    with pytest.raises(BadInput, match="model drawn: has no readout"):
        bare.run(symbols)
    with pytest.raises(BadInput, match="model drawn: has no task, so its accuracy is not known"):
        _ = bare.task


def test_numbers_that_have_no_place_are_refused(draw):
    layer = draw().layers[0]
    extra = replace(layer, shift_recurrent=np.zeros(24, np.float32))
    with pytest.raises(BadInput, match=r"model drawn: layers\.0\.shift_recurrent has no place in it"):
        replace(draw(), layers=(extra,))
    with pytest.raises(BadInput, match="model drawn: readout_weight is missing"):
        replace(draw(), readout_codes=None)


def test_the_state_given_is_left_as_it_is_and_cutting_the_text_changes_nothing(model):
    symbols = np.random.default_rng(3).integers(0, model.config.input.symbols, (40, 3)).astype(np.uint8)
    whole, end = model.run(symbols)
    first, state = model.run(symbols[:17])
    kept = tuple(array.copy() for array in state)
    second, end_of_second = model.run(symbols[17:], state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    for ours, theirs, before, now in zip(end, end_of_second, kept, state, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(before, now)


@pytest.mark.parametrize("readout_format", ["ternary", "fixed5-row"])
def test_logits_are_products_of_codes_scaled_afterwards(draw, readout_format):
    """Against a sum of integers. So a sequence has the same logits alone or beside others, to the last bit."""
    model, fmt = draw(task=None, outputs=7, hidden=40), formats.by_name(readout_format)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(7, 40))
    scale = np.asarray(fmt.fit_scale(weights), np.float32).reshape(-1)
    config = model.config.model_copy(
        update={"readout": model.config.readout.model_copy(update={"weight_format": fmt.name})}
    )
    codes = fmt.quantize(weights, fmt.fit_scale(weights))
    model = replace(model, config=config, readout_codes=codes, readout_scale=scale)
    states = rng.integers(-128, 128, (30, 9, 40))  # codes of 8 bits
    sums = np.einsum("tbk,rk->tbr", states, codes.astype(np.int64))
    logits = model.readout((states / 128).astype(np.float32))
    np.testing.assert_array_equal(logits, (sums / 128).astype(np.float32) * scale + model.readout_bias)


def test_states_and_inputs_in_fixed_point(draw):
    float_ = draw(task=None, weight_format="float32", state_bits=None, threshold=0.0, inputs=Vector(size=5), layers=2)
    fixed = float_.with_bits(8, 6, 2)
    values = np.random.default_rng(0).normal(size=(9, 3, 5)).astype(np.float32)
    operands, _ = fixed.operands(values)
    for name, unit in (("x", 2**-3), ("h_1", 2**-7), ("h_2", 2**-7)):
        np.testing.assert_array_equal(operands[name] / unit, np.rint(operands[name] / unit))
    assert np.abs(fixed.states(values)[0] - float_.states(values)[0]).max() < 0.2
    with pytest.raises(BadInput, match=r"model drawn: input_bits: its input \(vector\) needs some \(--input-bits\)"):
        float_.with_bits(8)
    with pytest.raises(BadInput, match=r"model drawn: input_bits: its input \(one_hot\) takes none"):
        draw(task=None).with_bits(8, 8)
    with pytest.raises(BadInput, match=r"layers.0.state_bits: Input should be less than or equal to 16, not 17"):
        draw(task=None).with_bits(17)
