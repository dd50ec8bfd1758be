"""What the models of a search run on, where that is not the data that a task has for them."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from archsim.errors import BadInput
from dse.space.specs import Scenario
from workloads import tasks
from workloads.config import Config
from workloads.record import given_sample
from workloads.tasks import own
from workloads.tasks.base import Sample
from workloads.tasks.normalisation import Normalisation


@dataclass(frozen=True, eq=False)
class OwnInputs:
    """The sequences of a person's own file."""

    name: str
    whole: Sample
    """All that the file holds: what integers are calibrated on, where there is no task."""
    run: Sample
    """What every design runs: its first sequences and steps, as many as the scenario has."""
    raw: bool
    """Whether each network's own normalisation comes first."""
    sha256: str
    """Digest of the whole, and of whether it is raw."""

    @classmethod
    def of(cls, scenario: Scenario) -> "OwnInputs | None":
        """None where the scenario names no file; BadInput where it is none of inputs, or holds too few sequences."""
        if scenario.inputs is None:
            return None
        path = Path(scenario.inputs)
        whole = given_sample(path, scenario.batch_first)
        inputs, (steps, sequences) = whole.inputs, whole.inputs.shape[:2]
        if sequences < scenario.sequences:
            rule = f"must hold at least the {scenario.sequences} sequences of the scenario"
            raise BadInput(f"{path}: inputs {rule}, not {sequences} (of {steps} steps)")
        first = np.ascontiguousarray(inputs[: scenario.steps, : scenario.sequences])
        lengths = np.full(scenario.sequences, len(first), np.int64)
        raw = bool(scenario.raw)
        content = f"{inputs.dtype.str} {inputs.shape} {raw}".encode() + np.ascontiguousarray(inputs).tobytes()
        return cls(path.name, whole, Sample(first, lengths, 0), raw, hashlib.sha256(content).hexdigest())

    def entering(self, sample: Sample, config: Config) -> Sample:
        """A sample as a network reads it."""
        if not self.raw or config.normalisation is None:
            return sample
        return replace(sample, inputs=config.normalisation(sample.inputs))


def check_inputs(own: OwnInputs, scenario: Scenario, config: Config, normalised: Normalisation | None) -> None:
    """BadInput where a network cannot read the inputs, or where the scenario leaves open whether they are `normalised`
    as it needs them."""
    config.check_inputs(own.whole.inputs)
    if normalised is None and own.raw:
        raise BadInput(f"model {config.name}: has no normalisation; leave raw = true out")
    if normalised is not None and scenario.raw is None:
        raise BadInput(
            f"model {config.name}: reads normalised numbers ({normalised.method}); say raw = true where {own.name} is "
            "to be normalised so, and raw = false where it is already"
        )


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
