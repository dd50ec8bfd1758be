"""What a task is: a data set, its splits and its metric. What a model must offer to be measured on one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.graph import When
from workloads.tasks.metrics import Metric, State
from workloads.tasks.normalisation import Normalisation

Split = Literal["train", "validation", "test"]
HeldOutSplit = Literal["validation", "test"]
"""A split that no model is trained on."""
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Predicts = Literal["symbols", "classes", "numbers"]
"""What a network is to predict: the next symbol of one long text; or classes or numbers of sequences."""


class MetricWords(NamedTuple):
    """A metric in words: what it is, its unit, and that in short for a table."""

    title: str
    unit: str
    short: str
    of_hundred: bool = False
    """Whether it is what is missing to 100 %, so that a loss is compared with the rest."""


METRIC_WORDS: dict[Metric, MetricWords] = {
    "bpc": MetricWords("loss", "bits per character", "bpc"),
    "ppw": MetricWords("perplexity", "per word", "ppw"),
    "error_pct": MetricWords("error", "%", "%", of_hundred=True),
    "f1_loss_pct": MetricWords("100 % less macro F1", "%", "% (100 - F1)", of_hundred=True),
    "rmse": MetricWords("root mean square error", "in units of the targets", "rmse"),
    "mae": MetricWords("mean absolute error", "in units of the targets", "mae"),
}
Symbols = NDArray[np.unsignedinteger[Any]]
OnSteps = Callable[[int, int], None]
"""``on_steps(done, total)``, called now and then for a progress bar."""

Data = TypeVar("Data", covariant=True)


class Runnable(Protocol):
    """A trained network. `inputs` are symbols ``(T, B)`` or vectors ``(T, B, I)``."""

    def run(self, inputs: NDArray[Any], state: State | None = None, /) -> tuple[NDArray[np.floating[Any]], State]:
        """Logits of every step ``(T, B, V)`` and the state after the last; state None: the initial one."""

    def last(self, inputs: NDArray[Any], lengths: NDArray[np.integer[Any]], /) -> NDArray[np.floating[Any]]:
        """Logits ``(B, V)`` at each sequence's own last step; what lies beyond `lengths` ``(B,)`` is padding."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What a trace is recorded on: `warmup` steps that are not recorded, then `lengths` steps that are."""

    inputs: NDArray[Any]
    """``(warmup + T, S)`` symbols, or ``(warmup + T, S, F)`` vectors; 0 beyond the end of a sequence."""
    lengths: NDArray[np.int64]
    """Recorded steps of each sequence ``(S,)``; T is the longest."""
    warmup: int


class Task(Protocol[Data]):
    """A data set, its splits and its metric; `Data` is what a split is: `Symbols` or `Sequences`."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def published(self) -> str:
        """Figures of other works on the same data, for orientation only."""

    @property
    def metric(self) -> Metric:
        """Lower is better, always."""

    @property
    def sha256(self) -> str:
        """Digest of the data (`files.combined` where they are several files)."""

    @property
    def symbols(self) -> int | None:
        """Distinct input symbols; None where inputs are vectors."""

    @property
    def features(self) -> int | None:
        """Size of an input vector; None where inputs are symbols."""

    @property
    def outputs(self) -> int:
        """Symbols to predict, classes, or numbers."""

    @property
    def readout(self) -> When:
        """At which steps a prediction is asked for."""

    @property
    def predicts(self) -> Predicts: ...

    @property
    def normalisation(self) -> Normalisation | None:
        """What was done to every vector of the data, by figures of the training split; None: nothing."""

    @property
    def ships(self) -> bool:
        """Whether the data come with archsim."""

    def missing(self) -> str | None:
        """One line on what is not there and where to put it; None: `split` finds all it needs. Reads no data."""

    def split(self, split: Split) -> Data:
        """The data of one split, read at the first call and remembered. BadInput where they are missing or damaged."""

    def evaluate(self, model: Runnable, split: Split, on_steps: OnSteps | None = None, streams: int = 64) -> float:
        """The metric over the whole split, `streams` sequences side by side."""

    def sample(self, split: Split, sequences: int, steps: int, seed: int) -> Sample:
        """At most `steps` steps of `sequences` sequences, drawn with `seed`; BadInput where there are fewer."""

    def longest(self, split: Split, sequences: int) -> int:
        """The most steps that `sample` can give."""


def check_split(split: str) -> None:
    """BadInput where there is no such split."""
    if split not in SPLITS:
        raise BadInput(f"split must be one of {', '.join(SPLITS)}, not {split!r}")


def check_sample(sequences: int, steps: int) -> None:
    """BadInput unless there is something to draw."""
    if sequences < 1 or steps < 1:
        raise BadInput(f"sequences and steps must be at least 1, not {sequences} and {steps}")
