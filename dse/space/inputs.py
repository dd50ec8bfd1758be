"""What the models of a search run on, where that is not the data that a task has for them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsim.errors import BadInput
from dse.space.specs import Scenario
from workloads import tasks
from workloads.config import Config
from workloads.record import given_sample
from workloads.tasks import own
from workloads.tasks.base import Sample


@dataclass(frozen=True, eq=False)
class OwnInputs:
    """The sequences of a person's own file."""

    name: str
    whole: Sample
    """All that the file holds: what integers are calibrated on, where there is no task."""
    run: Sample
    """What every design runs: its first sequences and steps, as many as the scenario has."""
    sha256: str
    """Digest of the whole."""

    @classmethod
    def of(cls, scenario: Scenario) -> "OwnInputs | None":
        """None where the scenario names no file; BadInput where it is none of inputs, or holds too few sequences."""
        if scenario.inputs is None:
            return None
        path = Path(scenario.inputs)
        whole = given_sample(path, scenario.batch_first)
        inputs, (steps, sequences) = whole.inputs, whole.inputs.shape[:2]
        if sequences < scenario.sequences:
            asked = f"fewer than the {scenario.sequences} of the scenario"
            raise BadInput(f"{path}: inputs must not hold {sequences} sequences of {steps} steps, {asked}")
        first = np.ascontiguousarray(inputs[: scenario.steps, : scenario.sequences])
        lengths = np.full(scenario.sequences, len(first), np.int64)
        content = f"{inputs.dtype.str} {inputs.shape}".encode() + np.ascontiguousarray(inputs).tobytes()
        return cls(path.name, whole, Sample(first, lengths, 0), hashlib.sha256(content).hexdigest())


def task_at_hand(config: Config) -> str | None:
    """The task that a model has of its own; None where it has none, or where the file of that is gone."""
    task = config.task
    return None if task is None or (tasks.is_file(task) and own.found(task) is None) else task


def same_task(one: str, other: str) -> bool:
    """Whether two names are of one task; files in two places are, where what they say and their data are equal."""
    if one == other or not (tasks.is_file(one) and tasks.is_file(other)):
        return one == other
    try:
        return tasks.by_name(one).sha256 == tasks.by_name(other).sha256
    except BadInput:
        return False
