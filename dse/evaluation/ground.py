"""What the models of a search stand on: the data of a task, or a person's own inputs.

A task says how large a loss is, and has data to calibrate integers and to record traces on. Inputs alone say what
enters: integers are calibrated on them and traces are of them, and there is no loss.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from archsim.errors import BadInput
from archsim.trace.trace import Trace
from dse.space.inputs import OwnInputs, task_at_hand
from dse.space.specs import Scenario
from workloads import tasks
from workloads.fixed_point import IntegerModel, Ranges, calibrate
from workloads.model import Model
from workloads.record import record, record_sample

AnyModel: TypeAlias = Model | IntegerModel


@dataclass(frozen=True, eq=False)
class Ground:
    """A task (that of each model, or `task`), or `inputs`, or both: then losses are of the task, traces of the inputs.

    A space sees to it that there is one of them.
    """

    task: str | None = None
    """Of models that have none of their own."""
    inputs: OwnInputs | None = None
    measured: bool = True
    """Whether there is a task, which losses are measured by."""

    @classmethod
    def of(cls, scenario: Scenario, measured: bool = True) -> "Ground":
        return cls(scenario.task, OwnInputs.of(scenario), measured)

    def placed(self, model: AnyModel) -> AnyModel:
        """The model with the task that it is measured by; BadInput where it does not fit that."""
        if self.task is None or not self.measured or task_at_hand(model.config):
            return model
        return model.with_task(self.task)

    def measured_by(self, model: AnyModel) -> str:
        """Digest of all that a loss of `model`, or a calibration, depends on."""
        return digest(model.sha256, tasks.by_name(model.task).sha256 if self.measured else self._inputs.sha256)

    def identity(self, model: AnyModel) -> str:
        """Digest of all that a measurement depends on, the trace included, but for the size of the scenario."""
        known = self.measured_by(model)
        return known if self.inputs is None or not self.measured else digest(known, self.inputs.sha256)

    def ranges(self, model: Model) -> Ranges:
        """How large numbers get: on the training split, or without a task on the inputs."""
        if self.measured:
            return calibrate(model)
        return calibrate(model, inputs=self._inputs.entering(self._inputs.whole, model.config).inputs)

    def trace(self, model: AnyModel, scenario: Scenario) -> Trace:
        """What every design runs of a model."""
        if self.inputs is None:
            return record(model, "validation", scenario.sequences, scenario.steps, scenario.seed)
        provenance = {"inputs": self.inputs.name, "inputs_sha256": self.inputs.sha256}
        return record_sample(model, self.inputs.entering(self.inputs.run, model.config), provenance)

    @property
    def _inputs(self) -> OwnInputs:
        if self.inputs is None:
            raise BadInput("scenario.inputs: models without a task must have inputs to run on")
        return self.inputs


def digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
