"""A network on several cores: each runs some of the sequences that run side by side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from workloads.fixed_point import IntegerModel
from workloads.model import Model

MOST = 8
"""Threads of one model: a tenth of a step is Python, which one thread runs at a time."""
R = TypeVar("R")
Floats = NDArray[np.floating[Any]]


class SideBySide:
    """Runs as its model does, on so many threads; a context, at whose end the model has counted all that was clipped.

    The logits are those of the model on its own where its products are exact, and elsewhere there is but one thread.
    """

    def __init__(self, model: Model | IntegerModel, threads: int) -> None:
        alike = isinstance(model, IntegerModel) or (threads > 1 and model.exact)
        self._models = [model, *(model.counting() for _ in range(min(threads, MOST) - 1 if alike else 0))]
        self._pool = ThreadPoolExecutor(len(self._models), "lanes")

    def run(self, inputs: NDArray[Any], state: tuple[Any, ...] | None = None) -> tuple[Floats, tuple[Any, ...]]:
        """Logits of every step ``(T, B, V)``, and the state of each thread, which the next run may go on from."""
        states = state or (None,) * len(self._models)
        parts = self._each(inputs.shape[1], lambda k, lanes: self._models[k].run(inputs[:, lanes], states[k]))
        return np.concatenate([logits for logits, _ in parts], axis=1), tuple(own for _, own in parts)

    def last(self, inputs: NDArray[Any], lengths: NDArray[np.integer[Any]]) -> Floats:
        """Logits ``(B, V)`` at each sequence's own last step."""
        return np.concatenate(
            self._each(len(lengths), lambda k, lanes: self._models[k].last(inputs[:, lanes], lengths[lanes]))
        )

    def _each(self, batch: int, run: Callable[[int, slice], R]) -> list[R]:
        ends = np.linspace(0, batch, min(batch, len(self._models)) + 1).astype(int)
        lanes = [slice(first, last) for first, last in pairwise(ends)]
        if len(lanes) == 1:
            return [run(0, lanes[0])]
        return list(self._pool.map(run, range(len(lanes)), lanes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        first, *others = self._models
        for model in others:
            first.saturations.add(model.saturations)
