"""Tasks: a data set, its splits and its metric. A new one is one file and one line in ``ALL``.

Importing this reads no data. What may not be shipped is read from ``$ARCHSIM_DATA`` (see `files`).
"""

from typing import Any

from archsim.errors import BadInput
from workloads.tasks.base import METRIC_WORDS, SPLITS, Metric, MetricWords, Runnable, Sample, Split, Symbols, Task
from workloads.tasks.char_lm import LINUX, PTB_CHAR, TEXT8, TINY_SHAKESPEARE, WAR_AND_PEACE
from workloads.tasks.classification import Classification, Sequences
from workloads.tasks.digits import DIGITS
from workloads.tasks.imdb import IMDB
from workloads.tasks.japanese_vowels import JAPANESE_VOWELS
from workloads.tasks.language_model import LanguageModel
from workloads.tasks.ptb_word import PTB_WORD
from workloads.tasks.smnist import SMNIST, SMNIST_HALF, SMNIST_ROWS
from workloads.tasks.spoken_digits import SPOKEN_DIGITS

ALL: tuple[Task[Any], ...] = (
    WAR_AND_PEACE,
    TINY_SHAKESPEARE,
    LINUX,
    PTB_CHAR,
    TEXT8,
    PTB_WORD,
    SMNIST,
    SMNIST_HALF,
    SMNIST_ROWS,
    IMDB,
    SPOKEN_DIGITS,
    JAPANESE_VOWELS,
    DIGITS,
)


def by_name(name: str) -> Task[Any]:
    """The task called `name`; BadInput lists those there are."""
    for task in ALL:
        if task.name == name:
            return task
    raise BadInput(f"task must be one of {', '.join(t.name for t in ALL)}, not {name!r}")


__all__ = [
    "ALL",
    "METRIC_WORDS",
    "SPLITS",
    "Classification",
    "LanguageModel",
    "Metric",
    "MetricWords",
    "Runnable",
    "Sample",
    "Sequences",
    "Split",
    "Symbols",
    "Task",
    "by_name",
]
