"""Networks as people call them from Python: models by object, name or path; data by task or as arrays."""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archsim.errors import BadInput
from archsim.trace.trace import Trace
from workloads import zoo
from workloads.config import Config
from workloads.evaluate import evaluate
from workloads.fixed_point import IntegerModel, Settings, calibrate
from workloads.fixed_point import quantize as quantize_after
from workloads.model import Model
from workloads.record import given_sample, record, record_sample, sample_of_array
from workloads.tasks.base import Sample, Split

ModelLike: TypeAlias = Model | IntegerModel | str | Path
"""A model, the name of a shipped one, or its file."""
InputsLike: TypeAlias = ArrayLike | str | Path
"""Symbols ``(T, S)`` or vectors ``(T, S, I)``, steps first, or the ``.npy`` file that holds them."""


def load_model(name_or_path: str | Path) -> Model | IntegerModel:
    """A shipped model by name, or one from a file, in floating point or in integers; BadInput says what is wrong."""
    return zoo.load_either(name_or_path)


def quantize(
    model: Model | str | Path, inputs: InputsLike | None = None, *, raw: bool | None = None, **settings: Any
) -> IntegerModel:
    """`model` in integers, without training: ranges are those of its task's training split, or of `inputs`.

    `inputs` are symbols ``(T, S)`` or vectors ``(T, S, I)``, steps first, or their ``.npy`` file. `raw` says, where the
    network reads normalised numbers, whether they are to be normalised. `settings` are the fields of
    `workloads.fixed_point.Settings`, such as ``weight_bits=4, activation_bits=8``; what is left out follows from these.
    BadInput where the model computes what no integer model does, has neither a task nor `inputs`, or cannot read them.
    """
    real = model if isinstance(model, Model) else zoo.load_model(model)
    ranges = calibrate(real, inputs=None if inputs is None else _sample(inputs, raw, real.config).inputs)
    return quantize_after(real, ranges, Settings.of(**settings))


def accuracy(model: ModelLike, split: Split = "test") -> float:
    """The metric of the model's task over a whole split, in the task's unit; less is better, always.

    BadInput where the model has no task (`Model.with_task` gives it one).
    """
    return evaluate(_model(model), split)


def record_trace(
    model: ModelLike,
    inputs: InputsLike | None = None,
    *,
    raw: bool | None = None,
    split: Split = "validation",
    sequences: int = 16,
    steps: int = 1000,
    seed: int = 0,
    out: str | Path | None = None,
) -> Trace:
    """What was zero step by step, for `archsim.simulate`: over `sequences` sequences of the model's task drawn with
    `seed`, at most `steps` steps each, or over all of `inputs` ``(T, S)`` or ``(T, S, I)``, or of their ``.npy`` file.

    `raw` says, where the network reads normalised numbers, whether `inputs` are to be normalised. `out` is a file that
    the trace goes to as it is recorded. BadInput where there is less data than that, or the network cannot read it.
    """
    network, file = _model(model), None if out is None else Path(out)
    if inputs is None:
        return record(network, split, sequences, steps, seed, file)
    name = Path(inputs).name if isinstance(inputs, str | Path) else "array"
    return record_sample(network, _sample(inputs, raw, network.config), {"inputs": name}, file)


def _sample(inputs: InputsLike, raw: bool | None, config: Config) -> Sample:
    """Inputs as a network reads them; BadInput where they are none, or it is left open whether they are normalised."""
    sample = given_sample(inputs) if isinstance(inputs, str | Path) else sample_of_array(_array(inputs), "inputs")
    config.check_inputs(sample.inputs)
    if config.normalisation is None:
        if raw:
            raise BadInput(f"model {config.name}: has no normalisation; leave raw=True out")
        return sample
    if raw is None:
        how = f"reads normalised numbers ({config.normalisation.method})"
        rule = "say raw=True where inputs are to be normalised so, and raw=False where they are already"
        raise BadInput(f"model {config.name}: {how}; {rule}")
    return replace(sample, inputs=config.normalisation(sample.inputs)) if raw else sample


def _array(given: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError as error:  # rows of different lengths
        raise BadInput(f"inputs must be an array: {error}") from None


def _model(given: ModelLike) -> Model | IntegerModel:
    return zoo.load_either(given) if isinstance(given, str | Path) else given
