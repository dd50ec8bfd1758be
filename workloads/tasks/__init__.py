"""Tasks: a data set, its splits and its metric. A new one is one file and one line in ``ALL``.

One's own is a TOML file, whose path is its name (see `own`). Importing this reads no data. What may not be shipped is
read from ``$ARCHSIM_DATA`` (see `files`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsim.plugins import Group, having_all_of
from workloads.tasks.base import METRIC_WORDS, SPLITS, MetricWords, Predicts, Runnable, Sample, Split, Symbols, Task
from workloads.tasks.char_lm import LINUX, PTB_CHAR, TEXT8, TINY_SHAKESPEARE, WAR_AND_PEACE
from workloads.tasks.classification import Classification
from workloads.tasks.digits import DIGITS
from workloads.tasks.imdb import IMDB
from workloads.tasks.japanese_vowels import JAPANESE_VOWELS
from workloads.tasks.language_model import LanguageModel
from workloads.tasks.metrics import Metric
from workloads.tasks.normalisation import Normalisation
from workloads.tasks.ptb_word import PTB_WORD
from workloads.tasks.sequences import Sequences
from workloads.tasks.smnist import SMNIST, SMNIST_HALF, SMNIST_ROWS
from workloads.tasks.spoken_digits import SPOKEN_DIGITS

if TYPE_CHECKING:
    from workloads.tasks.own import OwnTask, own_task
else:

    def __getattr__(name: str) -> Any:
        """Load tasks of one's own when they are first asked for (PEP 562)."""
        if name in ("OwnTask", "own_task"):
            from workloads.tasks import own

            return getattr(own, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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


SUFFIX = ".toml"
"""By which the path of a task of one's own is told from a name."""

PLUGINS: Group[Task[Any]] = Group(
    "archsim.tasks", "task", "what has all of workloads.tasks.Task", having_all_of(Task), ALL, others=", or a TOML file"
)
every = PLUGINS.every


def by_name(given: str | Path) -> Task[Any]:
    """The task of a name, or of the path of a TOML file; BadInput lists what there is, or where it looked."""
    if is_file(given):
        from workloads.tasks import own

        return own.load_task(given)
    return PLUGINS.by_name(str(given))


def known_as(given: str | Path) -> str:
    """What a model, a recipe or a study calls a task: its name, or the absolute path of its file, there or not."""
    return str(Path(given).absolute()) if is_file(given) else by_name(given).name


def is_file(name: str | Path) -> bool:
    """Whether a task is called by the path of its file."""
    return str(name).endswith(SUFFIX)


def at_hand(name: str) -> Task[Any] | None:
    """The task, unless its file is gone: what was trained on it still runs, and is measured no more."""
    if is_file(name):
        from workloads.tasks import own

        return None if own.found(name) is None else by_name(name)
    return by_name(name)


__all__ = [
    "ALL",
    "METRIC_WORDS",
    "PLUGINS",
    "SPLITS",
    "Classification",
    "LanguageModel",
    "Metric",
    "MetricWords",
    "Normalisation",
    "OwnTask",
    "Predicts",
    "Runnable",
    "Sample",
    "Sequences",
    "Split",
    "Symbols",
    "Task",
    "at_hand",
    "by_name",
    "every",
    "is_file",
    "known_as",
    "own_task",
]
