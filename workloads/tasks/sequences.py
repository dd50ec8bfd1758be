"""Sequences with targets, how a network is measured on them, and how a sample of them is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.base import OnSteps, Runnable, Sample, check_sample
from workloads.tasks.metrics import ErrorMetric
from workloads.tasks.scores import SCORES


@dataclass(frozen=True, eq=False)
class Sequences:
    """N sequences one after the other, none padded. Arrays are read-only."""

    values: NDArray[Any]
    """``(sum of lengths,)`` symbols, or ``(sum of lengths, F)`` float32 vectors."""
    lengths: NDArray[np.int64]
    """Steps of each, ``(N,)``, at least 1."""
    targets: NDArray[Any]
    """Classes ``(M,)`` int64, or numbers ``(M, outputs)`` float32: M is N, or the sum of lengths at every step."""
    every_step: bool = False
    """Whether there is a target for every step, instead of one for a sequence."""

    def __post_init__(self) -> None:
        steps = self.lengths.sum()
        expected = steps if self.every_step else len(self.lengths)
        if len(self.targets) != expected or steps != len(self.values) or self.lengths.min() < 1:
            raise ValueError("lengths must be positive, one a target, and add up to the steps of values")
        for array in (self.values, self.lengths, self.targets):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Steps of one sequence, ``(length,)`` or ``(length, F)``."""
        return self.values[self._steps(index)]

    def batch(self, indices: NDArray[np.integer[Any]]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[Any]]:
        """Inputs ``(T, B)`` or ``(T, B, F)``, lengths ``(B,)``, and targets ``(B, ...)``, or ``(T, B, ...)``.

        What has steps is padded with 0 to the longest.
        """
        lengths = self.lengths[indices]
        inputs = self._padded(self.values, indices)
        return inputs, lengths, self._padded(self.targets, indices) if self.every_step else self.targets[indices]

    def _padded(self, array: NDArray[Any], indices: NDArray[np.integer[Any]]) -> NDArray[Any]:
        lengths = self.lengths[indices]
        padded = np.zeros((lengths.max(), len(indices), *array.shape[1:]), array.dtype)
        for lane, index in enumerate(indices):
            padded[: lengths[lane], lane] = array[self._steps(int(index))]
        return padded

    def _steps(self, index: int) -> slice:
        start = self._starts[index]
        return slice(start, start + self.lengths[index])

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        starts: NDArray[np.int64] = np.cumsum(self.lengths) - self.lengths
        return starts


def measured(
    data: Sequences, model: Runnable, metric: ErrorMetric, expected: int, on_steps: OnSteps | None, streams: int
) -> float:
    """The metric of a network over whole sequences, up to `streams` of nearly equal length side by side.

    BadInput where it has not the `expected` number of outputs.
    """
    score, done = SCORES[metric](expected), 0
    for indices in _side_by_side(data, streams):
        inputs, lengths, targets = data.batch(indices)
        outputs = model.run(inputs)[0] if data.every_step else model.last(inputs, lengths)
        _check_outputs(outputs, expected)
        predictions = int(lengths.sum()) if data.every_step else len(indices)
        score.add(outputs.reshape(predictions, -1), targets.reshape(predictions, *targets.shape[outputs.ndim - 1 :]))
        done += len(indices)
        if on_steps:
            on_steps(done, len(data))
    return score.value()


def _side_by_side(data: Sequences, streams: int) -> Iterator[NDArray[np.intp]]:
    """Indices in order of length. What predicts at every step has no padding: a network may read from either end."""
    order = np.argsort(data.lengths, kind="stable")
    ends: NDArray[np.intp] = np.flatnonzero(np.diff(data.lengths[order])) + 1 if data.every_step else np.empty(0, int)
    for equal in np.split(order, ends):
        for first in range(0, len(equal), streams):
            yield equal[first : first + streams]


def _check_outputs(outputs: NDArray[Any], expected: int) -> None:
    if outputs.shape[-1] != expected:
        raise BadInput(f"outputs must be {expected}, as the task's, not {outputs.shape[-1]}")


def sampled(data: Sequences, where: str, sequences: int, steps: int, seed: int) -> Sample:
    """`sequences` different sequences, drawn with `seed`, each cut to its first `steps` steps."""
    check_sample(sequences, steps)
    if sequences > len(data):
        raise BadInput(f"sequences must be at most the {len(data)} of the {where}, not {sequences}")
    drawn = np.random.default_rng(seed).choice(len(data), sequences, replace=False)
    inputs, lengths, _ = data.batch(drawn)
    return Sample(inputs[:steps], np.minimum(lengths, steps), warmup=0)
