"""Whether a network fits a task: what it reads, what it answers, and how its inputs were normalised."""

from typing import Any, Protocol

import numpy as np

from archsim.errors import BadInput
from workloads import tasks
from workloads.config import Config
from workloads.tasks import Normalisation, Sample, Split, Task
from workloads.tasks.language_model import WARMUP

_CLOSE = 1e-6
"""How far two normalisations may differ, as a share of a feature's scale."""


class Trained(Protocol):
    """A network with a task."""

    @property
    def task(self) -> str: ...

    @property
    def config(self) -> Config: ...


def task_of(model: Trained) -> Task[Any]:
    """The task of `model`. BadInput where it has none, the task's file is gone, or the two do not fit."""
    task = tasks.by_name(model.task)
    check_fits(model.config, task)
    return task


def available(model: Trained, split: Split) -> int:
    """The most sequences that a split of the model's task can give; of a text, each as long as its warm-up."""
    task = task_of(model)
    size = len(task.split(split))
    return max(1, size // (2 * WARMUP)) if task.predicts == "symbols" else size


def sample_of(model: Trained, split: Split, sequences: int, steps: int, seed: int = 0) -> Sample:
    """A sample of the model's own task, of so many sequences and steps, or of as many as there are."""
    task = task_of(model)
    sequences = min(sequences, available(model, split))
    return task.sample(split, sequences, min(steps, max(1, task.longest(split, sequences))), seed)


def check_fits(config: Config, task: Task[Any]) -> None:
    """BadInput, with a line for each mistake, where a network can't be measured on a task."""
    faults = [*config.misfits(task)]
    if config.normalisation and task.normalisation and not _alike(config.normalisation, task.normalisation):
        rule = f"its inputs are normalised ({config.normalisation.method}) by other figures than those of {task.name}"
        faults.append(f'{rule}; normalise the data as for the model, and say normalisation = "none" in the task')
    if faults:
        raise BadInput(*(f"model {config.name}: {fault}" for fault in faults))


def _alike(one: Normalisation, other: Normalisation) -> bool:
    if len(one.scale) != len(other.scale):
        return False
    scale = np.abs(one.scale)
    offsets, scales = np.subtract(one.offset, other.offset), np.subtract(one.scale, other.scale)
    return bool(np.all(np.abs(offsets) <= _CLOSE * scale) and np.all(np.abs(scales) <= _CLOSE * scale))
