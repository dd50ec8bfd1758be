"""The model side of a search: accuracies and traces, measured once and kept on disk by the hash of what made them.

No hardware parameter enters here, so that a thousand designs cost one evaluation of a model.
"""

import json
import math
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from archsim.errors import BadInput
from archsim.trace.header import VERSION
from archsim.trace.trace import Trace
from dse.evaluation.ground import AnyModel, Ground, digest
from dse.evaluation.point import MeasuredModel
from dse.evaluation.workers import InProcess, Workers
from dse.results.files import write_text
from dse.space.choice import ModelChoice, PtqBits
from dse.space.space import Space
from dse.space.specs import Scenario
from workloads import zoo
from workloads.evaluate import evaluate
from workloads.fixed_point import IntegerModel, Ranges, Settings, quantize
from workloads.fixed_point.spec import VERSION as INTEGER_VERSION
from workloads.model import Model
from workloads.tasks.base import HeldOutSplit

OnDone = Callable[[ModelChoice], None]


class ModelSide(Protocol):
    """What a search needs to know of models.

    Choices are distinct, and each is taken when there is a worker free for it: they may end where time does.
    """

    def identity(self, choice: ModelChoice) -> str:
        """Digest of all that a measurement of `choice` depends on; of a model that cannot be had, of the reason."""
        ...

    def measure(
        self, choices: Iterable[ModelChoice], on_done: OnDone
    ) -> Mapping[ModelChoice, MeasuredModel | BadInput]:
        """Trace of each, with its validation loss where there is a task, or why it has none; `on_done` after each that
        had to be run over a whole split."""
        ...

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> Mapping[ModelChoice, float | None]:
        """Loss of each on the whole test split, None where it has none; `on_done` after each that had to be run."""
        ...


@dataclass(frozen=True)
class _Unit:
    """One evaluation, as it is sent to a worker."""

    choice: ModelChoice
    split: HeldOutSplit
    identity: str
    task: str | None
    """Of a model that has none of its own."""

    def __str__(self) -> str:
        return f"{self.choice.label} on its {self.split} split"


class Models:
    """Zoo models and model files, run on real data by the numpy reference of `workers`.

    `cache` is a folder that any number of searches may share; the workers never see it. `measured` False: they run on
    the inputs of the scenario alone, and have no loss.
    """

    def __init__(
        self, cache: Path, scenario: Scenario, workers: Workers | None = None, *, measured: bool = True
    ) -> None:
        self._cache = cache
        self._scenario = scenario
        self._ground = Ground.of(scenario, measured)
        self._workers = workers or InProcess()
        self._loaded: dict[ModelChoice, AnyModel | BadInput] = {}

    @classmethod
    def of(cls, space: Space, cache: Path, workers: Workers | None = None) -> "Models":
        """Those of a search, measured where it has a task."""
        return cls(cache, space.scenario, workers, measured=space.task is not None)

    def identity(self, choice: ModelChoice) -> str:
        model = self._model(choice)
        return digest(choice.label, str(model)) if isinstance(model, BadInput) else self._ground.identity(model)

    def measure(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, MeasuredModel | BadInput]:
        if not self._ground.measured:
            return {choice: self._measured(choice, None) for choice in choices}
        losses = self._losses(choices, "validation", on_done)
        return {choice: self._measured(choice, loss) for choice, loss in losses}

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float | None]:
        if not self._ground.measured:
            return dict.fromkeys(choices)
        losses = self._losses(choices, "test", on_done)
        return {choice: None if isinstance(loss, BadInput) else loss for choice, loss in losses}

    def _model(self, choice: ModelChoice) -> AnyModel | BadInput:
        """The model, or why there is none."""
        if choice not in self._loaded:
            try:
                self._loaded[choice] = load(choice, self._cache, self._ground)
            except BadInput as reason:
                self._loaded[choice] = reason
        return self._loaded[choice]

    def _measured(self, choice: ModelChoice, loss: float | BadInput | None) -> MeasuredModel | BadInput:
        model = self._model(choice)
        if isinstance(model, BadInput) or isinstance(loss, BadInput):
            return model if isinstance(model, BadInput) else BadInput(str(loss))
        try:
            trace = self._trace(model)
        except BadInput as reason:
            return reason
        return MeasuredModel(
            choice=choice,
            identity=self._ground.identity(model),
            threshold=model.threshold,
            weight_format=model.weight_format.name,
            weight_bytes=model.weight_bytes,
            state_sparsity=float(trace.header.provenance["state_sparsity"]),
            validation_loss=loss,
            trace=trace,
        )

    def _losses(
        self, choices: Iterable[ModelChoice], split: HeldOutSplit, on_done: OnDone
    ) -> Iterator[tuple[ModelChoice, float | BadInput]]:
        """Each choice with its loss, or why it has none, as they are found; those that need not be run last."""
        known: list[tuple[ModelChoice, float | BadInput]] = []

        def missing() -> Iterator[_Unit]:
            for choice in choices:
                model = self._model(choice)
                loss = model if isinstance(model, BadInput) else _stored_loss(self._loss_file(choice, split))
                if loss is None:
                    yield _Unit(choice, split, self._measured_by(choice), self._ground.task)
                else:
                    known.append((choice, loss))

        for unit, loss in self._workers.run(_loss, missing()):
            if not isinstance(loss, BadInput):
                self._store(unit, loss)
            on_done(unit.choice)
            yield unit.choice, loss
        yield from known

    def _store(self, unit: _Unit, loss: float) -> None:
        note = {"loss": loss, "model": unit.choice.network, "threshold": unit.choice.threshold, "split": unit.split}
        write_text(self._loss_file(unit.choice, unit.split), json.dumps(note))

    def _trace(self, model: AnyModel) -> Trace:
        scenario = self._scenario
        parts = (self._ground.identity(model), VERSION, scenario.sequences, scenario.steps, scenario.seed)
        path = self._cache / "traces" / f"{digest(*parts)}.npz"
        try:
            return Trace.load(path)
        except BadInput:  # not there, or of an older version: made again
            trace = self._ground.trace(model, scenario)
            trace.save(path)
            return trace

    def _loss_file(self, choice: ModelChoice, split: HeldOutSplit) -> Path:
        return self._cache / "loss" / f"{digest(self._measured_by(choice), split)}.json"

    def _measured_by(self, choice: ModelChoice) -> str:
        """Digest of what a loss depends on; of a model that cannot be had, of the reason."""
        model = self._model(choice)
        return self.identity(choice) if isinstance(model, BadInput) else self._ground.measured_by(model)


def load(choice: ModelChoice, cache: Path | None = None, ground: Ground | None = None) -> AnyModel:
    """The model of a choice, at its threshold; BadInput where that is not larger than the one it was trained with.

    What is quantized here is kept in `cache`, if there is one: calibration takes seconds. `ground`: what it is
    calibrated on, and the task of a model without one; None: its own task.
    """
    ground = ground or Ground()
    model = ground.placed(zoo.load_either(choice.name))
    if choice.ptq is not None:
        if isinstance(model, IntegerModel):
            raise BadInput(f"models.{choice.name}.ptq: is in integers already")
        if cache is None:
            model = _quantized(model, choice.ptq, ground)
        else:
            model = _quantized_once(model, choice.ptq, cache, ground)
    if choice.threshold is None:
        return model
    if choice.threshold <= model.threshold:
        raise BadInput(
            f"models.{choice.name}.thresholds must be larger than the {model.threshold:.4g} it was trained with, "
            f"not {choice.threshold:g}"
        )
    return model.with_threshold(choice.threshold)


def _quantized_once(model: Model, bits: PtqBits, cache: Path, ground: Ground) -> IntegerModel:
    settings = _settings(bits).model_dump(mode="json")
    path = cache / "quantized" / f"{digest(ground.measured_by(model), settings, INTEGER_VERSION)}.safetensors"
    try:
        return IntegerModel.load(path)
    except BadInput:  # not there, or of an older version: made again
        made = _quantized(model, bits, ground)
        made.save(path)
        return made


def _quantized(model: Model, bits: PtqBits, ground: Ground) -> IntegerModel:
    return quantize(model, _ranges(model, ground), _settings(bits))


def _settings(bits: PtqBits) -> Settings:
    return Settings(weight_bits=bits.weights, activation_bits=bits.activations, cell_bits=bits.cell)


_RANGES: dict[str, Ranges] = {}


def _ranges(model: Model, ground: Ground) -> Ranges:
    """Known from before where this process has seen the model on the same data."""
    key = ground.measured_by(model)
    if key not in _RANGES:
        _RANGES[key] = ground.ranges(model)
    return _RANGES[key]


def _loss(unit: _Unit) -> float | BadInput:
    """Runs a whole split, wherever it is called: its loss, or why there is none.

    Raises BadInput where that place lacks the model or its task, or knows another by this name.
    """
    ground = Ground(unit.task)
    try:
        model = load(unit.choice, ground=ground)
        identity = ground.measured_by(model)
    except BadInput as problem:
        raise BadInput(f"worker {platform.node()}: {problem}") from None
    if identity != unit.identity:
        raise BadInput(f"worker {platform.node()}: has another {unit.choice.name}, or other data of {model.task}")
    try:
        with np.errstate(over="raise", invalid="raise"):
            loss = evaluate(_fast(model), unit.split)
    except BadInput as reason:
        return reason
    except FloatingPointError as error:
        return BadInput(f"models.{unit}: numbers that do not fit ({error})")
    return loss if math.isfinite(loss) else BadInput(f"models.{unit}: its loss is {loss}, no finite number")


def _fast(model: AnyModel) -> AnyModel:
    """The same model; one in integers multiplies in floating point, where that is proved exact."""
    try:
        return model.with_products("blas") if isinstance(model, IntegerModel) else model
    except BadInput:
        return model


def _stored_loss(path: Path) -> float | None:
    """A figure from the cache; None where there is none, or the file is not one that this module wrote."""
    try:
        return float(json.loads(path.read_text())["loss"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
