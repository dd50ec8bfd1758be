"""Bits per character: every transition counted once, and side by side as good as one after the other."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads import tasks, zoo
from workloads.evaluate import evaluate
from workloads.tasks.metrics import bits_per_character


def uniform(symbols, state):
    batch = symbols.shape[1]
    return np.zeros((*symbols.shape, 8), np.float32), (np.zeros((batch, 1)),)


def test_a_uniform_guess_costs_the_log_of_the_alphabet():
    text = np.random.default_rng(0).integers(0, 8, 999).astype(np.uint8)
    for streams in (1, 2, 7, 64):
        assert bits_per_character(uniform, text, streams) == pytest.approx(3.0, abs=1e-6)


@given(length=st.integers(2, 400), streams=st.integers(1, 20), warmup=st.integers(0, 40))
def test_a_memoryless_guess_costs_the_same_however_the_text_is_cut(length, streams, warmup):
    rng = np.random.default_rng(length)
    text = rng.integers(0, 5, length).astype(np.uint8)
    table = rng.normal(size=(5, 5))
    probabilities = np.exp(table) / np.exp(table).sum(axis=1, keepdims=True)
    expected = np.mean([-np.log2(probabilities[a, b]) for a, b in pairwise(text)])

    def run(symbols, state):
        return table[symbols], (np.zeros((symbols.shape[1], 1)),)

    assert bits_per_character(run, text, min(streams, length - 1), warmup) == pytest.approx(expected)


def test_one_stream_carries_the_state_from_the_first_symbol_to_the_last():
    text = np.arange(20_000).astype(np.uint8) % 7
    seen = []

    def run(symbols, state):
        before = 0 if state is None else state[0][0, 0]
        seen.append((before, len(symbols)))
        return np.zeros((*symbols.shape, 8)), (np.full((1, 1), before + len(symbols)),)

    bits_per_character(run, text, streams=1)
    starts, sizes = zip(*seen, strict=True)
    assert list(starts) == list(np.cumsum((0, *sizes[:-1])))
    assert sum(sizes) == len(text) - 1


def test_more_streams_than_transitions_are_refused():
    with pytest.raises(ValueError, match="streams must be between 1 and the 4 transitions of the split, not 5"):
        bits_per_character(uniform, np.zeros(5, np.uint8), 5)


def test_progress_is_reported_to_the_end():
    calls = []
    bits_per_character(uniform, np.zeros(10_000, np.uint8), 2, on_steps=lambda *at: calls.append(at))
    assert calls[-1] == (5_000, 5_000)
    assert calls == sorted(calls)


def test_streams_side_by_side_are_as_good_as_one(model):
    text = tasks.by_name(model.task).split("validation")[:16_001]
    apart = bits_per_character(model.run, text, streams=16) - bits_per_character(model.run, text, streams=1)
    assert abs(apart) < (0.01 if model.threshold else 0.001)  # pruned states forget slowly, and this is a short text


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALL)
def test_sixty_four_streams_are_as_good_as_one_on_the_whole_split(name):
    model = zoo.load_model(name)
    apart = evaluate(model, "validation", streams=64) - evaluate(model, "validation", streams=1)
    assert abs(apart) < (0.002 if model.threshold else 0.001)


def test_a_warm_up_ends_where_its_part_begins():
    text = np.arange(100).astype(np.uint8)
    calls = []

    def run(symbols, state):
        calls.append(symbols)
        return np.zeros((*symbols.shape, 100)), (np.zeros((symbols.shape[1], 1)),)

    bits_per_character(run, text, streams=9, warmup=50)  # parts of 11, shorter than the warm-up
    warmup, counted = calls
    np.testing.assert_array_equal(warmup[-1, 1:] + 1, counted[0, 1:])
    assert len(warmup) == 11


def test_evaluate_is_the_metric_over_the_whole_split(draw):
    model = draw(hidden=4)
    whole = bits_per_character(model.run, tasks.by_name(model.task).split("test"), 64)
    assert evaluate(model, "test") == whole
    assert whole < 7  # a guess that has learnt nothing, near log2(65) = 6.02
