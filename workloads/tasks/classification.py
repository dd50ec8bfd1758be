"""Classification of sequences: one label for each, predicted at its last step; the metric is the error in %."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.base import OnSteps, Runnable, Sample, Split, check_sample, check_split
from workloads.tasks.files import NOT_INSTALLED, DataFile, Shipped, combined, installed
from workloads.tasks.metrics import error_pct


@dataclass(frozen=True, eq=False)
class Sequences:
    """N sequences one after the other, none padded. Arrays are read-only."""

    values: NDArray[Any]
    """``(sum of lengths,)`` symbols, or ``(sum of lengths, F)`` float32 vectors."""
    lengths: NDArray[np.int64]
    """Steps of each, ``(N,)``, at least 1."""
    labels: NDArray[np.int64]
    """Class of each, ``(N,)``."""

    def __post_init__(self) -> None:
        if self.lengths.shape != self.labels.shape or self.lengths.sum() != len(self.values) or self.lengths.min() < 1:
            raise ValueError("lengths must be positive, one a label, and add up to the steps of values")
        for array in (self.values, self.lengths, self.labels):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Steps of one sequence, ``(length,)`` or ``(length, F)``."""
        start = self._starts[index]
        return self.values[start : start + self.lengths[index]]

    def batch(self, indices: NDArray[np.integer[Any]]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Inputs ``(T, B)`` or ``(T, B, F)``, padded with 0 to the longest; their lengths and their labels ``(B,)``."""
        lengths = self.lengths[indices]
        inputs = np.zeros((lengths.max(), len(indices), *self.values.shape[1:]), self.values.dtype)
        for lane, index in enumerate(indices):
            inputs[: lengths[lane], lane] = self[int(index)]
        return inputs, lengths, self.labels[indices]

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        starts: NDArray[np.int64] = np.cumsum(self.lengths) - self.lengths
        return starts


Splits = Mapping[Split, Sequences]


@dataclass(frozen=True)
class Classification:
    """Labelled sequences of symbols (`symbols`) or of vectors (`features`).

    `parse` makes the splits of what is in the files; `library` is a module it needs and the extra that brings it.
    """

    name: str
    title: str
    published: str
    outputs: int
    files: tuple[DataFile, ...]
    parse: Callable[[tuple[bytes, ...]], Splits]
    symbols: int | None = None
    features: int | None = None
    library: tuple[str, str] | None = None

    metric: Literal["error_pct"] = "error_pct"
    readout: Literal["last_step"] = "last_step"

    @property
    def sha256(self) -> str:
        return combined(self.files)

    @property
    def ships(self) -> bool:
        return all(isinstance(file, Shipped) for file in self.files)

    def missing(self) -> str | None:
        absent = (line for file in self.files if (line := file.missing(self.name)))
        return next(absent, None) or self._not_installed()

    def split(self, split: Split) -> Sequences:
        check_split(split)
        return _splits(self)[split]

    def evaluate(self, model: Runnable, split: Split, on_steps: OnSteps | None = None, streams: int = 64) -> float:
        """Error in % over a whole split, `streams` sequences of nearly equal length side by side."""
        data = self.split(split)
        order = np.argsort(data.lengths, kind="stable")
        logits = np.empty((len(data), self.outputs))
        for first in range(0, len(data), streams):
            indices = order[first : first + streams]
            inputs, lengths, _ = data.batch(indices)
            logits[indices] = model.last(inputs, lengths)
            if on_steps:
                on_steps(first + len(indices), len(data))
        return error_pct(logits, data.labels)

    def sample(self, split: Split, sequences: int, steps: int, seed: int) -> Sample:
        """`sequences` different sequences of a split, drawn with `seed`, each cut to its first `steps` steps."""
        check_sample(sequences, steps)
        data = self.split(split)
        if sequences > len(data):
            raise BadInput(
                f"sequences must be at most the {len(data)} of the {split} split of {self.name}, not {sequences}"
            )
        drawn = np.random.default_rng(seed).choice(len(data), sequences, replace=False)
        inputs, lengths, _ = data.batch(drawn)
        return Sample(inputs[:steps], np.minimum(lengths, steps), warmup=0)

    def longest(self, split: Split, sequences: int) -> int:
        return int(self.split(split).lengths.max())

    def _not_installed(self) -> str | None:
        if not self.library or installed(self.library[0]):
            return None
        return f"task {self.name}: {NOT_INSTALLED.format(*self.library)}"


@cache
def _splits(task: Classification) -> Splits:
    absent = task._not_installed()
    if absent:
        raise BadInput(absent)
    return task.parse(tuple(file.read(task.name) for file in task.files))
