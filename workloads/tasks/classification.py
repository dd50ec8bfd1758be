"""Classification of sequences: one class for each, predicted at its last step; the metric is the error in %."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from archsim.errors import BadInput
from workloads.tasks.base import OnSteps, Runnable, Sample, Split, check_split
from workloads.tasks.files import NOT_INSTALLED, DataFile, Shipped, combined, installed
from workloads.tasks.sequences import Sequences, measured, sampled

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
    predicts: Literal["classes"] = "classes"
    normalisation: None = None

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
        return measured(self.split(split), model, self.metric, self.outputs, on_steps, streams)

    def sample(self, split: Split, sequences: int, steps: int, seed: int) -> Sample:
        """`sequences` different sequences of a split, drawn with `seed`, each cut to its first `steps` steps."""
        return sampled(self.split(split), f"{split} split of {self.name}", sequences, steps, seed)

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
