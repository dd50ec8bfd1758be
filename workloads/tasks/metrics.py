"""Metrics of texts, bits per character and perplexity per word, and the error in %. Lower is better, for each."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ErrorMetric = Literal["error_pct", "f1_loss_pct", "rmse", "mae"]
"""Metrics of sequences (`workloads.tasks.scores`)."""
TextMetric = Literal["bpc", "ppw"]
Metric = TextMetric | ErrorMetric
State = tuple[Any, ...]
Run = Callable[[NDArray[Any], State | None], tuple[NDArray[np.floating[Any]], State]]
"""``run(symbols (T, B), state) -> (logits (T, B, V), state)``; state None is the initial one."""

CHUNK = 8192
"""Predictions made at a time, which bounds the memory of the logits."""


def bits_per_character(
    run: Run,
    symbols: NDArray[Any],
    streams: int = 64,
    warmup: int = 256,
    on_steps: Callable[[int, int], None] | None = None,
    chunk: int = CHUNK,
) -> float:
    """Mean of -log2 P(next symbol) over every transition in `symbols` ``(N,)``, which may as well be words.

    With ``streams=1`` the state is carried from the first symbol to the last. More streams cut the split into that
    many contiguous parts that run side by side; each but the first is warmed up on the `warmup` symbols before its
    part, which are not counted. A dense LSTM forgets: on War and Peace 64 streams differ from one by 0.00001 BPC. One
    whose state is pruned to 10 % forgets slowly, for what falls below the threshold depends on all before it: they
    differ by up to 0.002 either way (tests/workloads/tasks/test_metrics.py).
    `on_steps(done, total)` is called now and then.
    """
    transitions = len(symbols) - 1
    if not 1 <= streams <= transitions:
        raise ValueError(f"streams must be between 1 and the {transitions} transitions of the split, not {streams}")
    length = -(-transitions // streams)
    starts = np.arange(streams) * length
    ends = np.minimum(starts + length, transitions)
    lead = min(warmup, length) if streams > 1 else 0
    # While the others warm up, the first, which has nothing before it, is on its part already.
    begins = np.where(starts, starts - lead, 0)
    bits, state = 0.0, None
    steps, total = max(1, chunk // streams), lead + length
    for first in range(0, total, steps):
        at = begins + np.arange(first, min(first + steps, total))[:, None]  # (T, B)
        counted = (at >= starts) & (at < ends)
        at = np.minimum(at, transitions - 1)
        logits, state = run(symbols[at], state)
        bits += float(np.sum(_nats(logits, symbols[at + 1])[counted], dtype=np.float64)) / np.log(2.0)
        if on_steps:
            on_steps(min(first + steps, total), total)
    return float(bits / transitions)


def perplexity(bits: float) -> float:
    """Perplexity of so many bits a word: among how many equally likely words a guess is as hard."""
    return float(2.0**bits)


def error_pct(logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> float:
    """Share in % of N sequences whose largest logit ``(N, V)``, of equals the first, is not at the label ``(N,)``.

    Where a logit is NaN there is no largest.
    """
    wrong = (logits.argmax(axis=-1) != labels) | np.isnan(logits).any(axis=-1)
    return float(100.0 * np.mean(wrong))


def _nats(logits: NDArray[np.floating[Any]], target: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """-ln softmax(logits ``(T, B, V)``) at `target` ``(T, B)``."""
    top = logits.max(axis=-1, keepdims=True)
    log_sum: NDArray[np.floating[Any]] = np.log(np.exp(logits - top).sum(axis=-1)) + top[..., 0]
    picked = np.take_along_axis(logits, target[..., None].astype(np.intp), axis=-1)[..., 0]
    nats: NDArray[np.floating[Any]] = log_sum - picked
    return nats
