"""The fast path beside the plain one, bit for bit: over everything that a model can be."""

from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads import cells, fast
from workloads.cells import Product
from workloads.config import Config, Dense, Embedding, HeadLayer, LayerConfig, OneHot, Readout, Vector
from workloads.dense import DenseNumbers
from workloads.fast import layers, vnni
from workloads.model import Model
from workloads.record import record_sample
from workloads.state_pruning import Pruning
from workloads.tasks.base import Sample

FORMATS = ("binary", "ternary", "pow2-ternary", "fixed4", "fixed8", "fixed8-row", "fixed12", "exponential4", "float32")
OUTPUTS = 70  # more than a tile has


@contextmanager
def path(quick):
    """Everything is computed the fast way, or the plain way."""
    with mock.patch.object(fast, "pays", return_value=quick):
        yield


def of(*values):
    return st.sampled_from(values)


@st.composite
def configs(draw):
    cell, bits, input_bits = draw(of(*cells.ALL)), draw(of(None, 2, 5, 8, 8, 8, 9, 16)), draw(of(None, 4, 8, 12))
    entry = draw(
        of(
            OneHot(symbols=9),
            Embedding(symbols=9, size=6, weight_format="fixed8"),
            Vector(size=5),
            Dense(features=5, width=11, weight_format="fixed8", activation="tanh", input_bits=8),
        )
    )
    layer = {
        "cell": cell.name,
        "hidden": draw(st.integers(1, 75)),
        "weight_format": draw(of(*FORMATS)),
        "input_weight_format": draw(of(*FORMATS)),
        "state_bits": bits,
        "state_integer_bits": 1 if bits and (not cell.bounded or draw(st.booleans())) else 0,
        "threshold": draw(of(0.0, 0.1, 0.5)),
        "norm": draw(of("none", "none", "layer")),
        "projection": draw(of(None, 1, 13)) if cell.projects else None,
        "pruned": draw(of("all", "recurrence")),
        "unpruned": draw(of(0, 0, 1)),
    }
    rounded = {"input_bits": input_bits, "input_integer_bits": 2} if input_bits else {}
    both, made = draw(st.booleans()), []
    for level in range(draw(st.integers(1, 2))):
        own = layer | (rounded if level or entry.kind != "one_hot" else {})
        made += [LayerConfig(**own)] + ([LayerConfig(**own, reverse=True, beside=True)] if both else [])
    head = draw(of((), (HeadLayer(outputs=5, weight_format="fixed8", activation="sigmoid", bits=8),)))
    readout = Readout(outputs=OUTPUTS, weight_format=draw(of(*FORMATS)), head=head)
    return Config(name="drawn", input=entry, layers=tuple(made), readout=readout)


def with_numbers(config, drawn_codes, drawn_layer, seed):
    rng = np.random.default_rng(seed)

    def numbers(rows, columns, name):
        codes, scale = drawn_codes(name, (rows, columns), rng)
        bias = rng.normal(0, 0.3, rows).astype(np.float32)
        return codes, np.asarray(2 * scale, np.float32).reshape(-1), bias

    entry, table, dense, head = config.input, (None, None, None), None, []
    if entry.kind == "embedding":
        table = numbers(entry.symbols, entry.size, entry.weight_format)
    if entry.kind == "dense":
        dense = DenseNumbers(*numbers(entry.width, entry.features, entry.weight_format))
    made = tuple(drawn_layer(c, config.input_width(k), rng, initial=True) for k, c in enumerate(config.layers))
    width = config.level_outputs(-1)
    for each in config.readout.head:
        head.append(DenseNumbers(*numbers(each.outputs, width, each.weight_format)))
        width = each.outputs
    readout = numbers(OUTPUTS, width, config.readout.weight_format)
    return Model(config, made, *table[:2], *readout, dense=dense, head=tuple(head))


def inputs_of(config, lengths, seed):
    rng = np.random.default_rng(seed)
    shape = (max(lengths), len(lengths))
    if config.input.symbols is not None:
        return rng.integers(0, config.input.symbols, shape).astype(np.uint16)
    return rng.normal(0, 1, (*shape, config.input.features)).astype(np.float32)


def everything(model, inputs, lengths, quick):
    """Operands, logits, the state after a run, what was clipped, and the trace; or why there is none."""
    model, lengths = model.counting(), np.array(lengths)
    with path(quick):
        try:
            operands, state = model.operands(inputs, lengths=lengths)
            logits, _ = model.run(inputs, lengths=lengths)
            clipped = model.saturations.places
            trace = record_sample(model, Sample(inputs, lengths, 0), {})
        except BadInput as error:  # h that is not finite
            return str(error)
    named = operands | {"logits": logits} | {f"state {k}": part for k, part in enumerate(state)}
    return named, clipped, trace


@settings(max_examples=150)
@given(config=configs(), lengths=st.lists(st.integers(1, 12), min_size=1, max_size=9), seed=st.integers(0, 2**32 - 1))
def test_every_number_is_that_of_the_plain_path(drawn_numbers, config, lengths, seed):
    model, inputs = with_numbers(config, *drawn_numbers, seed), inputs_of(config, lengths, seed)
    plain, quick = (everything(model, inputs, lengths, way) for way in (False, True))
    if isinstance(plain, str):
        assert quick == plain
        return
    assert quick[0].keys() == plain[0].keys()
    for name, values in plain[0].items():
        assert quick[0][name].dtype == values.dtype
        np.testing.assert_array_equal(quick[0][name], values, err_msg=name)
    assert quick[1] == plain[1]
    assert quick[2].header == plain[2].header
    assert quick[2].arrays.keys() == plain[2].arrays.keys()
    for name, rows in plain[2].arrays.items():
        np.testing.assert_array_equal(quick[2].arrays[name], rows, err_msg=name)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_state_in_double_precision_is_carried_on_the_plain_way(draw, cell):
    model, inputs, found = draw(cell=cell, state_bits=None), np.random.default_rng(0).integers(0, 65, (5, 3)), []
    state = tuple(part.astype(np.float64) for part in model.start(3))
    for way in (False, True):
        with path(way):
            found.append(model.states(inputs, state)[0])
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("name", "bits", "of_bytes"),
    [(n, 8, True) for n in ("binary", "ternary", "pow2-ternary", "fixed2", "fixed8", "fixed8-row")]
    + [("fixed9", 8, False), ("exponential4", 8, False), ("float32", 8, False)]
    + [("ternary", 2, True), ("ternary", 9, False), ("ternary", None, False)],
)
def test_products_are_of_bytes_where_the_codes_are(draw, name, bits, of_bytes):
    model = draw(weight_format=name, state_bits=bits, hidden=40)
    (layer,) = model.layers
    with path(quick=True):
        start = layer.start(1, np.float32)
        folded, _ = layer._ready(np.zeros((1, 1), int), start, np.float32, True, Pruning())
    assert isinstance(folded.recurrent[0], layers.ByteProduct) == (of_bytes and vnni.at_hand())


@pytest.mark.parametrize("rows", [1, 63, 64, 65])
@pytest.mark.parametrize("lanes", [1, 4, 5, 257])
@pytest.mark.parametrize("inputs", [1, 3, 4, 130])
def test_a_product_of_bytes_is_that_of_integers(lanes, inputs, rows):
    rng = np.random.default_rng(lanes + inputs + rows)
    weight = rng.integers(-127, 128, (inputs, rows))
    codes = rng.integers(-128, 128, (lanes, inputs))
    codes[0], weight[:, 0] = -128, rng.choice([-127, 127])
    scale = np.exp2(rng.integers(-3, 3, rows)).astype(np.float32)
    product = layers.fast_product(Product(weight.astype(np.float32), scale, None), Pruning(bits=8))
    v = (codes / 128).astype(np.float32)
    expected = (codes @ weight) / 128 * scale
    np.testing.assert_array_equal(product(v), expected)
    sums = np.ones((lanes, rows), np.float32)
    product.onto(sums, v)
    np.testing.assert_array_equal(sums, (1 + expected).astype(np.float32))


@pytest.mark.parametrize("stray", [0.001, 1.5, -1.25, np.nan, np.inf])
def test_what_is_no_multiple_of_the_unit_is_multiplied_as_it_is(stray):
    rng = np.random.default_rng(3)
    plain = Product(rng.integers(-1, 2, (20, 9)).astype(np.float32), np.ones(9, np.float32), None)
    v = (rng.integers(-128, 128, (4, 20)) / 128).astype(np.float32)
    v[2, 7] = stray
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(layers.fast_product(plain, Pruning(bits=8))(v), plain(v))


def test_sums_that_float32_would_round_are_left_to_it():
    weight = np.full((1033, 4), 127, np.float32)  # 1033 * 127 * 128 > 2**24
    within = Product(weight[:1032], np.ones(4, np.float32), None)
    beyond = replace(within, weight=weight)
    assert layers.fast_product(beyond, Pruning(bits=8)) is beyond
    assert (layers.fast_product(within, Pruning(bits=8)) is not within) == vnni.at_hand()


def test_it_begins_once_a_process_has_much_to_do(monkeypatch):
    monkeypatch.setattr(fast._Plain, "made", 0)
    assert [fast.pays(fast.PAYS // 2) for _ in range(4)] == [False, False, True, True]
