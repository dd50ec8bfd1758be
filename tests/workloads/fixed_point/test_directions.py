"""Integer models with layers in reverse, pooling and heads: sequence by sequence as alone, and near the float model."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads import cells
from workloads.config import Config, Dense, Embedding, HeadLayer, LayerConfig, OneHot, Readout, Vector
from workloads.dense import DenseNumbers
from workloads.fixed_point import IntegerModel, IntegerSpec, Settings, analyse, quantize
from workloads.integer_bits import clipped_shares
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks import Sample

CELLS = [cell.name for cell in cells.ALL if cell.beyond_integers is None]
STEPS, OUTPUTS = 6, 3
HEAD = HeadLayer(outputs=4, weight_format="float32", activation="relu")
WIDE = Settings(weight_bits=16, activation_bits=16, table_bits=14)


@st.composite
def configs(draw):
    inputs = draw(
        st.sampled_from(
            [
                Vector(size=3),
                OneHot(symbols=5),
                Embedding(symbols=5, size=4, weight_format="float32"),
                Dense(features=3, width=4, weight_format="float32", activation="relu"),
            ]
        )
    )
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        fields = {"cell": draw(st.sampled_from(CELLS)), "hidden": draw(st.integers(1, 6))}
        fields |= {"weight_format": "float32", "input_weight_format": "float32", "threshold": 0.05}
        fields |= {"input_threshold": draw(st.sampled_from([0.0, 0.1])) if layers else 0.0}
        direction = draw(st.sampled_from(["forward", "reverse", "both"]))
        layers += [LayerConfig(**fields, reverse=direction == "reverse")]
        layers += [LayerConfig(**fields, reverse=True, beside=True)] if direction == "both" else []
    when = draw(st.sampled_from(["every_step", "last_step"]))
    pooling = draw(st.sampled_from([None, "mean", "max"])) if when == "last_step" else None
    at_last = when == "last_step" and not pooling and layers[-1].reverse and draw(st.booleans())
    readout = Readout(
        outputs=OUTPUTS,
        weight_format="float32",
        when=when,
        at_last_position=at_last,
        pooling=pooling,
        head=draw(st.sampled_from([(), (HEAD,), (HEAD, HEAD.model_copy(update={"activation": "none"}))])),
    )
    return Config(name="drawn", input=inputs, layers=tuple(layers), readout=readout)


def with_numbers(config, layer, seed):
    rng = np.random.default_rng(seed)
    table = {}
    if config.input.kind == "embedding":
        codes = rng.normal(0, 0.5, (config.input.symbols, config.input.size)).astype(np.float32)
        table = {"embedding_codes": codes, "embedding_scale": np.ones(1, np.float32)}
    if config.input.kind == "dense":
        codes = rng.normal(0, 0.6, (config.input.width, config.input.features)).astype(np.float32)
        bias = rng.normal(0, 0.3, config.input.width).astype(np.float32)
        table = {"dense": DenseNumbers(codes, np.ones(1, np.float32), bias)}
    width, head = config.level_outputs(-1), []
    for dense in config.readout.head if config.readout else ():
        codes = rng.normal(0, 0.6, (dense.outputs, width)).astype(np.float32)
        head.append(DenseNumbers(codes, np.ones(1, np.float32), rng.normal(0, 0.3, dense.outputs).astype(np.float32)))
        width = dense.outputs
    return Model(
        config,
        tuple(layer(each, config.input_width(k), rng) for k, each in enumerate(config.layers)),
        readout_codes=rng.normal(0, 0.5, (OUTPUTS, width)).astype(np.float32),
        readout_scale=np.ones(1, np.float32),
        readout_bias=rng.normal(0, 0.3, OUTPUTS).astype(np.float32),
        head=tuple(head),
        **table,
    )


def some_inputs(config, lengths, seed):
    rng, shape = np.random.default_rng(seed), (max(lengths), len(lengths))
    if config.input.symbols is not None:
        return rng.integers(0, config.input.symbols, shape).astype(np.uint16)
    return rng.normal(0, 1, (*shape, config.input.features)).astype(np.float32)


lengths_drawn = st.lists(st.integers(1, STEPS), min_size=1, max_size=3)


@settings(max_examples=25)
@given(configs(), lengths_drawn, st.integers(0, 2**20))
def test_a_sequence_beside_others_is_computed_as_it_is_alone(drawn_numbers, tmp_path_factory, config, lengths, seed):
    model, inputs = with_numbers(config, drawn_numbers[1], seed), some_inputs(config, lengths, seed)
    made = quantize(model, analyse(model, inputs, np.array(lengths)))
    path = tmp_path_factory.mktemp("stored") / "integers.safetensors"
    made.save(path)
    again = IntegerModel.load(path)
    assert again.sha256 == made.sha256
    together, _ = again.operands(inputs, lengths=np.array(lengths))
    trace = record_sample(again, Sample(inputs, np.array(lengths), 0), {})
    for lane, length in enumerate(lengths):
        alone, _ = made.operands(inputs[:length, lane : lane + 1])
        for k, layer in enumerate(made.layers):  # each direction by its own machine, over rows turned by hand
            x = alone[config.input_operand(k)]
            h, _, _ = made._machines[k].run(x, layer.start(1))
            np.testing.assert_array_equal(alone[f"h{config.suffix(k)}"], h)
            np.testing.assert_array_equal(together[f"h{config.suffix(k)}"][:length, lane], h[:, 0])
        for level, below in zip(config.levels[1:], config.levels, strict=False):
            each = [(alone[f"h{config.suffix(j)}"], config.layers[j].reverse) for j in below]
            side_by_side = np.concatenate([h[::-1] if reverse else h for h, reverse in each], axis=-1)
            for k in level:
                if not config.layers[k].input_threshold:
                    entered = side_by_side[::-1] if config.layers[k].reverse else side_by_side
                    np.testing.assert_array_equal(alone[config.input_operand(k)], entered)
        for phase in trace.phases:
            for operand in (o for o in phase.graph.operands if o.kind != "one_hot" and o.name in alone):
                bits = np.unpackbits(phase.arrays[operand.name], axis=-1, count=operand.size).astype(bool)
                rows = bits[operand.kind == "state" :, lane][: len(alone[operand.name])]
                np.testing.assert_array_equal(rows, alone[operand.name][:, 0] != 0)


@settings(max_examples=25)
@given(configs(), lengths_drawn, st.integers(0, 2**20))
def test_wide_integers_come_near_the_float_model(drawn_numbers, config, lengths, seed):
    unpruned = {"threshold": 0.0, "input_threshold": 0.0}  # what lies near a threshold may fall on either side
    layers = tuple(layer.model_copy(update=unpruned) for layer in config.layers)
    config = config.model_copy(update={"layers": layers})
    model, inputs = with_numbers(config, drawn_numbers[1], seed), some_inputs(config, lengths, seed)
    made, lengths = quantize(model, analyse(model, inputs, np.array(lengths)), WIDE), np.array(lengths)
    if config.readout.when == "last_step":
        ours, theirs = made.last(inputs, lengths), model.last(inputs, lengths)
    else:
        running = np.arange(len(inputs))[:, None] < lengths
        ours, theirs = (each.run(inputs, lengths=lengths)[0][running] for each in (made, model))
    largest = max(1.0, float(np.abs(theirs).max()))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.1 * largest)


def test_a_state_cannot_be_carried_into_a_layer_in_reverse(drawn_numbers):
    fields = {"cell": "gru", "hidden": 4, "weight_format": "float32", "input_weight_format": "float32"}
    config = Config(name="drawn", input=Vector(size=3), layers=(LayerConfig(**fields, reverse=True),))
    model = Model(config, (drawn_numbers[1](config.layers[0], 3, np.random.default_rng(1)),))
    inputs = some_inputs(config, [5, 5], 1)
    made = quantize(model, analyse(model, inputs))
    with pytest.raises(BadInput, match=r"^model drawn-w8a8: layers\.0 reads a sequence from its last step on, so no"):
        made.operands(inputs, made.start(2))
    assert {clipped.kind for clipped in clipped_shares(made, inputs)} >= {"weight", "input", "state"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"input": {"kind": "dense", "features": 2, "width": 3, "weight_format": "fixed8", "activation": "tanh"}},
            "input: tanh of a dense layer",
        ),
        ({"projection": 2}, r"layers\.0: h is projected"),
        ({"threshold": 0.1, "pruned": "recurrence"}, r"layers\.0: h is pruned for its recurrence alone"),
        ({"threshold": 0.1, "unpruned": 1}, r"layers\.0: some elements of h are never pruned"),
        ({"cell": "lstm-peephole"}, r"layers\.0: its gates see c \(peepholes\)"),
        ({"cell": "lstm-normed-cell"}, r"layers\.0: its tanh reads c normalised"),
        (
            {"head": [{"outputs": 3, "weight_format": "fixed8", "activation": "tanh"}]},
            r"readout\.head\.0: tanh of a dense layer",
        ),
    ],
)
def test_what_integers_do_not_compute_is_refused_in_files_too(drawn_numbers, change, message):
    fields = {"cell": "lstm", "hidden": 4, "weight_format": "float32", "input_weight_format": "float32"}
    readout = Readout(outputs=OUTPUTS, weight_format="float32")
    config = Config(name="drawn", input=Vector(size=3), layers=(LayerConfig(**fields),), readout=readout)
    model = with_numbers(config, drawn_numbers[1], 1)
    raw = quantize(model, analyse(model, some_inputs(config, [5], 1))).spec.model_dump(mode="json")
    network = raw["network"]
    network["layers"][0] |= {key: value for key, value in change.items() if key not in ("head", "input")}
    network["readout"] |= {key: value for key, value in change.items() if key == "head"}
    network |= {key: value for key, value in change.items() if key == "input"}
    with pytest.raises(ValueError, match=message + ".*: integers compute stacked layers, in both directions, a"):
        IntegerSpec.model_validate(raw)


def half_up(value: Fraction, fraction: int) -> int:
    return math.floor(value * Fraction(2) ** fraction + Fraction(1, 2))


@settings(max_examples=15)
@given(configs(), st.integers(0, 2**20))
def test_dense_layers_are_exact_sums_rounded_half_up_once(drawn_numbers, config, seed):
    """Each dense layer from its stored integers alone, as fractions: bias, products, ReLU, and one rounding."""
    model, inputs = with_numbers(config, drawn_numbers[1], seed), some_inputs(config, [4, 4], seed)
    made = quantize(model, analyse(model, inputs))
    operands, _ = made.operands(inputs)
    if made.dense is not None:
        _, x = made._entering(inputs)
        as_dense_layer(made.dense, config.input.activation, operands["features"], made.spec.features, x)
    read, number = "y", made.layers[-1].numbers.state
    for k, (dense, layer) in enumerate(zip(made.head, config.readout.head, strict=True), 1):
        as_dense_layer(dense, layer.activation, operands[read], number, operands[f"y_{k}"])
        read, number = f"y_{k}", dense.numbers.result


def as_dense_layer(dense, activation, read, number, ours):
    result, own = dense.numbers.result, np.broadcast_to(dense.fraction, len(dense.codes))
    for row in range(len(dense.codes)):
        fraction = int(own[row]) + number.fraction  # of the accumulator, which the bias is rounded to
        bias = half_up(Fraction(int(dense.bias_codes[row])) / Fraction(2) ** dense.numbers.bias.fraction, fraction)
        total = bias + sum(int(w) * int(v) for w, v in zip(dense.codes[row], read[0, 0], strict=True))
        value = Fraction(max(total, 0) if activation == "relu" else total) / Fraction(2) ** fraction
        assert ours[0, 0, row] == min(max(half_up(value, result.fraction), result.low), result.high)
