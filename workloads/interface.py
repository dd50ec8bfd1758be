"""Networks as people call them from Python: models by object, name or path; data by task or as arrays."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from archsim.trace.trace import Trace
from workloads import zoo
from workloads.evaluate import evaluate
from workloads.fixed_point import IntegerModel, Settings, calibrate
from workloads.fixed_point import quantize as quantize_after
from workloads.model import Model
from workloads.record import record, record_sample
from workloads.tasks.base import Sample, Split

ModelLike: TypeAlias = Model | IntegerModel | str | Path
"""A model, the name of a shipped one, or its file."""


def load_model(name_or_path: str | Path) -> Model | IntegerModel:
    """A shipped model by name, or one from a file, in floating point or in integers; BadInput says what is wrong."""
    return zoo.load_either(name_or_path)


def quantize(model: Model | str | Path, inputs: ArrayLike | None = None, **settings: Any) -> IntegerModel:
    """`model` in integers, without training: ranges are those of its task's training split, or of `inputs`.

    `inputs` are symbols ``(T, S)`` or vectors ``(T, S, I)``, steps first. `settings` are the fields of
    `workloads.fixed_point.Settings`, such as ``weight_bits=4, activation_bits=8``; what is left out follows from these.
    BadInput where the model computes what no integer model does, or has neither a task nor `inputs`.
    """
    real = model if isinstance(model, Model) else zoo.load_model(model)
    ranges = calibrate(real, inputs=None if inputs is None else np.asarray(inputs))
    return quantize_after(real, ranges, Settings.of(**settings))


def accuracy(model: ModelLike, split: Split = "test") -> float:
    """The metric of the model's task over a whole split, in the task's unit; less is better, always.

    BadInput where the model has no task (`Model.with_task` gives it one).
    """
    return evaluate(_model(model), split)


def record_trace(
    model: ModelLike,
    inputs: ArrayLike | None = None,
    *,
    split: Split = "validation",
    sequences: int = 16,
    steps: int = 1000,
    seed: int = 0,
    out: str | Path | None = None,
) -> Trace:
    """What was zero step by step, for `archsim.simulate`: over `sequences` sequences of the model's task drawn with
    `seed`, at most `steps` steps each, or over all of `inputs` ``(T, S)`` or ``(T, S, I)``.

    `out` is a file that the trace goes to as it is recorded. BadInput where there is less data than that.
    """
    network, file = _model(model), None if out is None else Path(out)
    if inputs is None:
        return record(network, split, sequences, steps, seed, file)
    given = np.asarray(inputs)
    sample = Sample(given, np.full(given.shape[1], len(given), np.int64), warmup=0)
    return record_sample(network, sample, {"inputs": "array"}, file)


def _model(given: ModelLike) -> Model | IntegerModel:
    return zoo.load_either(given) if isinstance(given, str | Path) else given
