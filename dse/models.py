"""The model side of a search: accuracies and traces, measured once and kept on disk by the hash of what made them.

No hardware parameter enters here, so that a thousand designs cost one evaluation of a model.
"""

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from archsim.trace import VERSION, BadInput, Trace
from dse.files import write_text
from dse.point import Measured, ModelChoice
from dse.space import Scenario
from workloads import tasks, zoo
from workloads.evaluate import evaluate
from workloads.model import Model
from workloads.record import record

OnDone = Callable[[ModelChoice], None]
Split = Literal["validation", "test"]


class ModelSide(Protocol):
    """What a search needs to know of models. BadInput where a choice cannot be run at all."""

    def identity(self, choice: ModelChoice) -> str:
        """Digest of all that a measurement of `choice` depends on."""
        ...

    def measure(self, choices: Sequence[ModelChoice], on_done: OnDone) -> dict[ModelChoice, Measured]:
        """Validation loss and trace of each; `on_done` after each that had to be run."""
        ...

    def test_loss(self, choices: Sequence[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float]:
        """Loss of each on the whole test split; `on_done` after each that had to be run."""
        ...


@dataclass(frozen=True)
class _Task:
    """One evaluation, as it is sent to another process."""

    choice: ModelChoice
    split: Split
    target: Path


class Models:
    """Zoo models and model files, run by the numpy reference on real data.

    `cache` is a folder that any number of processes may share. With ``processes=1`` models run here; with more, in
    that many others, one thread each.
    """

    def __init__(self, cache: Path, scenario: Scenario, processes: int = 1) -> None:
        if processes < 1:
            raise BadInput(f"processes must be at least 1, not {processes}")
        self._cache = cache
        self._scenario = scenario
        self._processes = processes
        self._loaded: dict[ModelChoice, Model] = {}

    def identity(self, choice: ModelChoice) -> str:
        model = self._model(choice)
        return _digest(model.sha256, tasks.by_name(model.task).sha256)

    def measure(self, choices: Sequence[ModelChoice], on_done: OnDone) -> dict[ModelChoice, Measured]:
        loss = self._evaluate(choices, "validation", on_done)
        return {choice: self._measured(choice, loss[choice]) for choice in choices}

    def test_loss(self, choices: Sequence[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float]:
        return self._evaluate(choices, "test", on_done)

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

    def _evaluate(self, choices: Sequence[ModelChoice], split: Split, on_done: OnDone) -> dict[ModelChoice, float]:
        wanted = [_Task(choice, split, self._loss_file(choice, split)) for choice in dict.fromkeys(choices)]
        for task in self._run([task for task in wanted if _stored_loss(task.target) is None]):
            on_done(task.choice)
        return {task.choice: _fresh_loss(task.target) for task in wanted}

    def _run(self, missing: Sequence[_Task]) -> Iterator[_Task]:
        """Carries out tasks and yields each when it is done."""
        if self._processes == 1 or len(missing) < 2:
            for task in missing:
                _carry_out(task)
                yield task
            return
        with _one_thread_each(), _pool(min(self._processes, len(missing))) as pool:
            running = {pool.submit(_carry_out, task): task for task in missing}
            for future in as_completed(running):
                future.result()
                yield running[future]

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


def _carry_out(task: _Task) -> None:
    """Evaluate and store. A function of the module, so that it can be sent to another process."""
    loss = evaluate(load(task.choice), task.split)
    note = {"loss": loss, "model": task.choice.name, "threshold": task.choice.threshold, "split": task.split}
    write_text(task.target, json.dumps(note))


def _stored_loss(path: Path) -> float | None:
    """A figure from the cache; None where there is none, or the file is not one that this module wrote."""
    try:
        return float(json.loads(path.read_text())["loss"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fresh_loss(path: Path) -> float:
    loss = _stored_loss(path)
    if loss is None:
        raise BadInput(f"{path}: the figure written here a moment ago cannot be read back")
    return loss


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Workers that end with this process, even if it is killed; nothing new is begun once the block is left."""
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a killed parent leaves its workers waiting for work for ever


_THREADS: Iterable[str] = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Environment in which a worker's matrix products take one thread: it is read when numpy is imported there."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
