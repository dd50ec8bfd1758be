"""Bits per character over a whole split, with the state carried along."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

State = tuple[Any, ...]
Run = Callable[[NDArray[np.uint8], State | None], tuple[NDArray[np.floating], State]]
"""``run(symbols (T, B), state) -> (logits (T, B, V), state)``; state None is all zeros, arrays are ``(B, H)``."""


def bits_per_character(
    run: Run,
    symbols: NDArray[np.uint8],
    streams: int = 64,
    warmup: int = 256,
    on_steps: Callable[[int, int], None] | None = None,
) -> float:
    """Mean of -log2 P(next symbol) over every transition in `symbols` ``(N,)``.

    With ``streams=1`` the state is carried from the first symbol to the last. More streams cut the split into that
    many contiguous parts that run side by side; each but the first is warmed up on the `warmup` symbols before its
    part, which are not counted. A dense LSTM forgets: on War and Peace 64 streams differ from one by 0.00001 BPC. One
    whose state is pruned to 10 % forgets slowly, for what falls below the threshold hangs on all before it: they differ
    by up to 0.002 either way (tests/workloads/test_metrics.py). `on_steps(done, total)` is called now and then.
    """
    transitions = len(symbols) - 1
    if not 1 <= streams <= transitions:
        raise ValueError(f"streams must be between 1 and the {transitions} transitions of the split, not {streams}")
    length = -(-transitions // streams)
    starts = np.arange(streams) * length
    state: State | None = None
    if streams > 1:
        lead = min(warmup, length)
        before = np.clip(starts - lead + np.arange(lead)[:, None], 0, transitions)  # (lead, B)
        _, state = run(symbols[before], None)
        for array in state:
            array[0] = 0  # the first stream starts fresh
    bits = 0.0
    chunk = max(1, 8192 // streams)
    for first in range(0, length, chunk):
        at = starts + np.arange(first, min(first + chunk, length))[:, None]  # (T, B)
        counted = at < transitions
        at = np.where(counted, at, 0)
        logits, state = run(symbols[at], state)
        picked = np.take_along_axis(logits, symbols[at + 1][..., None].astype(np.intp), axis=-1)[..., 0]
        bits += float(np.sum((_log_sum_exp(logits) - picked)[counted], dtype=np.float64)) / np.log(2.0)
        if on_steps:
            on_steps(min(first + chunk, length), length)
    return float(bits / transitions)


def _log_sum_exp(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    top = logits.max(axis=-1, keepdims=True)
    summed: NDArray[np.floating] = np.log(np.exp(logits - top).sum(axis=-1)) + top[..., 0]
    return summed
