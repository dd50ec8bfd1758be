"""Metrics: every transition counted once, side by side as good as one after the other, brute force as the judge."""

from itertools import chain, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sizes import NIGHTLY
from workloads import tasks, zoo
from workloads.config import Vector
from workloads.evaluate import evaluate
from workloads.tasks.metrics import bits_per_character, error_pct, perplexity


def uniform(symbols, state):
    batch = symbols.shape[1]
    return np.zeros((*symbols.shape, 8), np.float32), (np.zeros((batch, 1)),)


def leaky(symbols, state):
    """A prediction that depends on all earlier symbols, from an initial state that is not zero."""
    (h,) = state or (np.full(symbols.shape[1], 3.0),)
    logits = np.empty((*symbols.shape, 5))
    for t, row in enumerate(symbols):
        h = 0.8 * h + row
        logits[t] = np.cos(h[:, None] * np.arange(1, 6))
    return logits, (h,)


def bits_by_hand(run, text, streams, warmup):
    """Each part on its own, one symbol at a time, after its warm-up: the definition, without batches."""
    transitions = len(text) - 1
    length = -(-transitions // streams)
    bits = 0.0
    for start in range(0, transitions, length):
        state = None
        for at in range(max(0, start - min(warmup, length)), min(start + length, transitions)):
            logits, state = run(text[at : at + 1, None], state)
            chances = np.exp(logits[0, 0]) / np.exp(logits[0, 0]).sum()
            if at >= start:
                bits -= np.log2(chances[text[at + 1]])
    return bits / transitions


def test_a_uniform_guess_costs_the_log_of_the_alphabet():
    text = np.random.default_rng(0).integers(0, 8, 999).astype(np.uint8)
    for streams in (1, 2, 7, 64):
        assert bits_per_character(uniform, text, streams) == pytest.approx(3.0, abs=1e-6)


def test_an_oracle_costs_nothing():
    text = np.random.default_rng(0).integers(0, 8, 999).astype(np.uint16)
    following = {at: text[at + 1] for at in range(998)}

    def run(symbols, state):
        start = 0 if state is None else state[0]
        logits = np.zeros((*symbols.shape, 8))
        for t in range(len(symbols)):
            logits[t, 0, following[start + t]] = 100.0
        return logits, (start + len(symbols),)

    assert bits_per_character(run, text, streams=1) == pytest.approx(0.0, abs=1e-9)


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


@given(length=st.integers(2, 150), streams=st.integers(1, 12), warmup=st.integers(0, 30), chunk=st.integers(1, 99))
def test_streams_are_what_each_would_be_alone(length, streams, warmup, chunk):
    text = np.random.default_rng(length).integers(0, 5, length).astype(np.uint8)
    streams = min(streams, length - 1)
    expected = bits_by_hand(leaky, text, streams, warmup)
    assert bits_per_character(leaky, text, streams, warmup, chunk=chunk) == pytest.approx(expected, rel=1e-12)


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
    assert calls[-1] == (5_256, 5_256)  # the warm-up is work too
    assert calls == sorted(calls)


def test_a_word_as_hard_as_a_die_has_perplexity_six():
    die = np.random.default_rng(0).integers(0, 6, 500)
    bits = bits_per_character(lambda symbols, state: (np.zeros((*symbols.shape, 6)), ()), die.astype(np.uint16), 1)
    assert perplexity(bits) == pytest.approx(6)
    chances = [0.5, 0.25, 0.125, 0.125]
    assert perplexity(-sum(p * np.log2(p) for p in chances)) == pytest.approx(np.prod([p**-p for p in chances]))


@given(st.data())
def test_error_is_the_share_of_wrong_answers(data):
    answers = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
    logits = np.array([[float(c == guess) for c in range(4)] for guess, _ in answers])
    wrong = sum(guess != label for guess, label in answers)
    assert error_pct(logits, np.array([label for _, label in answers])) == pytest.approx(100 * wrong / len(answers))


def test_logits_that_are_no_numbers_are_no_answer():
    """numpy takes the first NaN for the largest."""
    logits = np.array([[np.nan, 0.0], [0.0, np.nan], [1.0, 0.0], [-np.inf, np.inf]])
    assert error_pct(logits, np.array([0, 1, 0, 1])) == 50


class Perfect:
    """Answers with the label of the sequence it is shown, found by its content."""

    def __init__(self, split, outputs):
        self.labels = {split[i].tobytes(): split.targets[i] for i in range(len(split))}
        self.outputs = outputs

    def last(self, inputs, lengths):
        logits = np.zeros((len(lengths), self.outputs))
        for lane, length in enumerate(lengths):
            logits[lane, self.labels[np.ascontiguousarray(inputs[:length, lane]).tobytes()]] = 1
        return logits


@pytest.mark.parametrize("name", ["japanese-vowels", "digits"])
def test_error_of_an_oracle_a_constant_and_a_drawn_guess(name):
    task = tasks.by_name(name)
    split = task.split("test")
    assert task.evaluate(Perfect(split, task.outputs), "test") == 0.0

    constant = SimpleNamespace(last=lambda inputs, lengths: np.eye(task.outputs)[np.full(len(lengths), 3)])
    others = sum(1 for label in split.targets if label != 3)
    assert task.evaluate(constant, "test") == pytest.approx(100 * others / len(split))

    rng = np.random.default_rng(0)
    guess = SimpleNamespace(last=lambda inputs, lengths: rng.normal(size=(len(lengths), task.outputs)))
    assert task.evaluate(guess, "test") == pytest.approx(100 * (1 - 1 / task.outputs), abs=8)


class Summing:
    """A hand-made model that honours lengths: squared sum of a sequence's steps against drawn directions."""

    def last(self, inputs, lengths):
        directions = np.random.default_rng(5).normal(size=(9, inputs.shape[2]))
        inside = np.arange(len(inputs))[:, None] < lengths
        return (np.where(inside[..., None], inputs, 0).sum(axis=0) @ directions.T) ** 2


def test_batches_and_padding_change_no_answer():
    task = tasks.by_name("japanese-vowels")
    split = task.split("test")
    alone = [Summing().last(split[i][:, None], split.lengths[i : i + 1])[0].argmax() for i in range(len(split))]
    expected = 100 * sum(a != b for a, b in zip(alone, split.targets, strict=True)) / len(split)
    for streams in (1, 7, 64, 1000):
        assert task.evaluate(Summing(), "test", streams=streams) == pytest.approx(expected)


def test_a_model_answers_in_a_batch_as_it_does_alone(draw):
    model = draw(task="japanese-vowels", inputs=Vector(size=12), outputs=9, when="last_step", initial=True)
    split = tasks.by_name("japanese-vowels").split("validation")
    alone = np.stack([model.run(split[i][:, None])[0][-1, 0] for i in range(len(split))])
    inputs, lengths, labels = split.batch(np.arange(len(split)))
    np.testing.assert_allclose(model.last(inputs, lengths), alone, rtol=1e-4, atol=1e-5)
    assert evaluate(model, "validation", streams=5) == error_pct(alone, labels)


def test_every_sequence_is_shown_once_and_progress_ends_at_the_last():
    task = tasks.by_name("japanese-vowels")
    lengths, done = [], []

    def last(inputs, batch_lengths):
        lengths.append(list(batch_lengths))
        assert len(inputs) == max(batch_lengths)
        return np.zeros((len(batch_lengths), 9))

    task.evaluate(SimpleNamespace(last=last), "validation", on_steps=lambda *at: done.append(at), streams=10)
    assert list(chain(*lengths)) == sorted(task.split("validation").lengths)
    assert done == [(10, 54), (20, 54), (30, 54), (40, 54), (50, 54), (54, 54)]


@pytest.mark.parametrize("model", ["tiny-fixed8", "tiny-ternary", "tiny-float-pruned"], indirect=True)
def test_streams_side_by_side_are_as_good_as_one(model):
    text = tasks.by_name(model.task).split("validation")[:16_001]
    apart = bits_per_character(model.run, text, streams=16) - bits_per_character(model.run, text, streams=1)
    pruned = any(layer.threshold for layer in model.config.layers)
    assert abs(apart) < (0.01 if pruned else 0.001)  # pruned states forget slowly, and this is a short text


LSTM256 = tuple(name for name in zoo.ALL if name.startswith("wp-lstm256"))
STREAMED = LSTM256 if NIGHTLY else ("wp-lstm256-ternary", "wp-lstm256-ternary-s90")
"""Half a minute each."""


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMED)
def test_sixty_four_streams_are_as_good_as_one_on_the_whole_split(name):
    model = zoo.load_model(name)
    apart = evaluate(model, "validation", streams=64) - evaluate(model, "validation", streams=1)
    assert abs(apart) < (0.002 if any(layer.threshold for layer in model.config.layers) else 0.001)


def test_evaluate_is_the_metric_over_the_whole_split(draw):
    model = draw(hidden=4)
    whole = bits_per_character(model.run, tasks.by_name(model.task).split("test"), 64)
    assert evaluate(model, "test") == whole
    assert whole < 7  # a guess that has learnt nothing, near log2(65) = 6.02
