"""A network on several threads beside the same on one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads import cells
from workloads.config import Embedding, OneHot, Vector
from workloads.evaluate import evaluate
from workloads.fixed_point import Settings, calibrate, quantize
from workloads.side_by_side import SideBySide

INPUTS = (OneHot(symbols=9), Embedding(symbols=9, size=7, weight_format="fixed8"), Vector(size=5))


def inputs_of(model, shape, seed):
    rng = np.random.default_rng(seed)
    if model.config.input.symbols is not None:
        return rng.integers(0, model.config.input.symbols, shape)
    return rng.normal(0, 1, (*shape, model.config.input.features)).astype(np.float32)


@settings(max_examples=40)
@given(
    cell=st.sampled_from([cell.name for cell in cells.ALL]),
    entry=st.sampled_from(INPUTS),
    weight_format=st.sampled_from(["ternary", "fixed8", "fixed12", "float32", "exponential4"]),
    state_bits=st.sampled_from([None, 6, 8, 12]),
    layers=st.integers(1, 2),
    batch=st.integers(1, 11),
    threads=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_no_number_depends_on_the_threads(draw, cell, entry, weight_format, state_bits, layers, batch, threads, seed):
    model = draw(
        cell=cell, inputs=entry, weight_format=weight_format, state_bits=state_bits, layers=layers, seed=seed,
        task=None, hidden=33, input_bits=8, input_integer_bits=2,
    )  # fmt: skip
    inputs, lengths = inputs_of(model, (12, batch), seed), np.random.default_rng(seed).integers(1, 13, batch)
    alone, state = model.counting(), None
    pieces = []
    for piece in np.split(inputs, 3):
        logits, state = alone.run(piece, state)
        pieces.append(logits)
    pieces.append(alone.last(inputs, lengths))
    shared, state = model.counting(), None
    with SideBySide(shared, threads) as side:
        for expected, piece in zip(pieces, np.split(inputs, 3), strict=False):
            logits, state = side.run(piece, state)
            np.testing.assert_array_equal(logits, expected)
        np.testing.assert_array_equal(side.last(inputs, lengths), pieces[-1])
    assert shared.saturations.places == alone.saturations.places


@pytest.mark.parametrize(
    ("fields", "exact"),
    [
        ({}, True),
        ({"weight_format": "fixed8", "layers": 2}, True),
        ({"weight_format": "fixed10", "state_bits": 10}, True),
        ({"weight_format": "fixed16", "state_bits": 16}, False),
        ({"weight_format": "float32"}, False),
        ({"weight_format": "exponential4"}, False),
        ({"state_bits": None}, False),
        ({"inputs": Vector(size=5), "task": None}, False),
        ({"inputs": Vector(size=5), "task": None, "input_bits": 8}, True),
    ],
)
def test_a_model_is_exact_where_all_its_products_are(draw, fields, exact):
    assert draw(**fields).exact == exact


def test_a_split_is_measured_alike_on_any_number_of_threads(draw, shorter_text):
    model = draw(hidden=8)
    integers = quantize(model, calibrate(model), Settings(weight_bits=8, activation_bits=8))
    for network in (model, integers):
        assert evaluate(network, "validation", threads=3) == evaluate(network, "validation")
