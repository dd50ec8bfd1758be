"""A model of Keras, loaded and run by Keras itself over inputs in its own layout: sequences first."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.check.runs import Numbers, SourceRun

_ENDS = ("softmax", "log_softmax", "sigmoid")
"""Activations of the last layer that an import passes over."""


def run_keras(path: Path, inputs: Numbers, symbols: bool) -> SourceRun:
    """The model over `inputs` ``(B, T[, I])``. BadInput where Keras is absent, or does not take them."""
    os.environ.setdefault("KERAS_BACKEND", "torch")  # what this project has; a person's own choice comes first
    try:
        import keras  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise BadInput(
            f"--check runs a model of Keras with Keras, and {error.name} is missing: pip install keras"
        ) from None
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        recurrent = list(_recurrent(model))
        told = [layer.output for layer, _ in recurrent if layer.return_sequences]
        entering = model.inputs if len(model.inputs) > 1 else model.inputs[0]
        run = keras.Model(entering, [*told, _answer(keras, model)])
        values = run(inputs, training=False)
        listed = values if isinstance(values, list | tuple) else [values]  # Keras hands on one alone as it is
        *hs, answer = map(keras.ops.convert_to_numpy, listed)
    except Exception as error:  # a program of its own: whatever it meets, the source cannot be run
        lines = str(error).strip().splitlines()
        said = lines[0][:200] if lines else type(error).__name__
        raise BadInput(f"--check: Keras cannot run the model on {inputs.dtype} {inputs.shape} ({said})") from None
    given = inputs.swapaxes(0, 1)
    return SourceRun(
        "Keras", given.astype(np.int64) if symbols else given, tuple(_by_direction(recurrent, iter(hs))), (answer,)
    )


def _recurrent(model: Any) -> Iterator[tuple[Any, int]]:
    """Recurrent layers, with the directions that lie side by side in what they hand on."""
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("LSTM", "GRU", "SimpleRNN"):
            yield layer, 1
        elif kind == "Bidirectional" and layer.merge_mode == "concat":
            yield layer, 2


def _by_direction(recurrent: list[tuple[Any, int]], hs: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any] | None]:
    """h ``(T, B, P)`` of every direction; None of a layer that hands on its last step alone."""
    for layer, directions in recurrent:
        if layer.return_sequences:
            yield from (part.swapaxes(0, 1) for part in np.split(next(hs), directions, -1))
        else:
            yield from [None] * directions


def _answer(keras: Any, model: Any) -> Any:
    """The output without a softmax or a sigmoid at its end."""
    last = model.layers[-1]
    if type(last).__name__ in ("Softmax", "Activation"):
        return last.input
    if getattr(getattr(last, "activation", None), "__name__", "") in _ENDS:
        last.activation = keras.activations.linear
        return last(last.input)
    return model.outputs[0]
