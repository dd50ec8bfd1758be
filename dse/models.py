"""The model side of a search: accuracies and traces, measured once and kept on disk by the hash of what made them.

No hardware parameter enters here, so that a thousand designs cost one evaluation of a model.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from archsim.trace import VERSION, BadInput, Trace
from dse.files import write_text
from dse.point import Measured, ModelChoice
from dse.space import Scenario
from dse.workers import InProcess, Workers
from workloads import tasks, zoo
from workloads.evaluate import evaluate
from workloads.model import Model
from workloads.record import record

OnDone = Callable[[ModelChoice], None]
Split = Literal["validation", "test"]


class ModelSide(Protocol):
    """What a search needs to know of models. BadInput where a choice cannot be run at all.

    Choices are distinct, and each is taken when there is a worker free for it: they may end where time does.
    """

    def identity(self, choice: ModelChoice) -> str:
        """Digest of all that a measurement of `choice` depends on."""
        ...

    def measure(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, Measured]:
        """Validation loss and trace of each; `on_done` after each that had to be run."""
        ...

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float]:
        """Loss of each on the whole test split; `on_done` after each that had to be run."""
        ...


@dataclass(frozen=True)
class _Unit:
    """One evaluation, as it is sent to a worker."""

    choice: ModelChoice
    split: Split
    identity: str

    def __str__(self) -> str:
        return f"{self.choice.label} on its {self.split} split"


class Models:
    """Zoo models and model files, run on real data by the numpy reference of `workers`.

    `cache` is a folder that any number of searches may share; the workers never see it.
    """

    def __init__(self, cache: Path, scenario: Scenario, workers: Workers | None = None) -> None:
        self._cache = cache
        self._scenario = scenario
        self._workers = workers or InProcess()
        self._loaded: dict[ModelChoice, Model] = {}

    def identity(self, choice: ModelChoice) -> str:
        return _identity(self._model(choice))

    def measure(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, Measured]:
        losses = self._losses(choices, "validation", on_done)
        return {choice: self._measured(choice, loss) for choice, loss in losses}

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float]:
        return dict(self._losses(choices, "test", on_done))

    def _model(self, choice: ModelChoice) -> Model:
        if choice not in self._loaded:
            self._loaded[choice] = load(choice)
        return self._loaded[choice]

    def _measured(self, choice: ModelChoice, loss: float) -> Measured:
        model, trace = self._model(choice), self._trace(choice)
        return Measured(
            choice=choice,
            identity=self.identity(choice),
            threshold=model.threshold,
            weight_format=model.weight_format.name,
            weight_bytes=model.weight_bytes,
            state_sparsity=state_sparsity(trace),
            validation_loss=loss,
            trace=trace,
        )

    def _losses(
        self, choices: Iterable[ModelChoice], split: Split, on_done: OnDone
    ) -> Iterator[tuple[ModelChoice, float]]:
        """Each choice with its loss, as they are found; those from the cache last."""
        cached: list[tuple[ModelChoice, float]] = []

        def missing() -> Iterator[_Unit]:
            for choice in choices:
                loss = _stored_loss(self._loss_file(choice, split))
                if loss is None:
                    yield _Unit(choice, split, self.identity(choice))
                else:
                    cached.append((choice, loss))

        for unit, loss in self._workers.run(_loss, missing()):
            self._store(unit, loss)
            on_done(unit.choice)
            yield unit.choice, loss
        yield from cached

    def _store(self, unit: _Unit, loss: float) -> None:
        note = {"loss": loss, "model": unit.choice.name, "threshold": unit.choice.threshold, "split": unit.split}
        write_text(self._loss_file(unit.choice, unit.split), json.dumps(note))

    def _trace(self, choice: ModelChoice) -> Trace:
        scenario = self._scenario
        parts = (self.identity(choice), VERSION, scenario.sequences, scenario.steps, scenario.seed)
        path = self._cache / "traces" / f"{_digest(*parts)}.npz"
        try:
            return Trace.load(path)
        except BadInput:  # not there, or of an older version: made again
            trace = record(self._model(choice), "validation", scenario.sequences, scenario.steps, scenario.seed)
            trace.save(path)
            return trace

    def _loss_file(self, choice: ModelChoice, split: Split) -> Path:
        return self._cache / "loss" / f"{_digest(self.identity(choice), split)}.json"


def load(choice: ModelChoice) -> Model:
    """The model of a choice, at its threshold; BadInput where that is not larger than the one it was trained with."""
    model = zoo.load_model(choice.name)
    if choice.threshold is None:
        return model
    if choice.threshold <= model.threshold:
        raise BadInput(
            f"models.{choice.name}.thresholds must be larger than the {model.threshold:.4g} it was trained with, "
            f"not {choice.threshold:g}"
        )
    return model.with_threshold(choice.threshold)


def state_sparsity(trace: Trace) -> float:
    """Share of zeros among the operands that products take from the previous step, over all sequences and steps."""
    recurrent = [mv for mv in trace.graph.mat_vecs if mv.edge == "previous_step"]
    columns = [trace.columns(mv, trace.sequences, trace.steps) for mv in recurrent]
    possible = sum(int(c.possible.sum()) for c in columns)
    return 1 - sum(int(c.nonzero.sum()) for c in columns) / possible if possible else 0.0


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _identity(model: Model) -> str:
    return _digest(model.sha256, tasks.by_name(model.task).sha256)


def _loss(unit: _Unit) -> float:
    """Runs a whole split, wherever it is called; BadInput where that place knows another model by this name."""
    model = load(unit.choice)
    if _identity(model) != unit.identity:
        raise BadInput(f"worker {platform.node()}: has another {unit.choice.name}, or other data of {model.task}")
    return evaluate(model, unit.split)


def _stored_loss(path: Path) -> float | None:
    """A figure from the cache; None where there is none, or the file is not one that this module wrote."""
    try:
        return float(json.loads(path.read_text())["loss"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
