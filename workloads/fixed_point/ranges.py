"""Range analysis: how large inputs, pre-activations, states and cells get on calibration data, in the float model."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from archsim.errors import BadInput
from archsim.frozen import Frozen
from workloads.cells.integer import Doubles, EffectiveWeights
from workloads.config import Inputs
from workloads.layer import Layer
from workloads.model import Model
from workloads.stated import LATER, Stated

ALONE = "integers compute stacked layers, in both directions, a readout that may pool, and dense layers with ReLU"


class LayerRanges(Frozen):
    """The stated percentile of magnitudes; None where the layer has no such number."""

    input: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="x, where it is a vector")
    sigmoid: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="what enters sigmoids")
    tanh: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="what enters tanh, c among it")
    reset: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="W_n h + b_n, which the reset gate of `gru` multiplies"
    )
    state: float = Field(ge=0, allow_inf_nan=False, description="h (and r h)")
    cell: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="c")


class Ranges(Stated):
    """Ranges of every layer, and how they were taken."""

    percentile: float = Field(gt=0, le=100, description="100: the maximum")
    sequences: int = Field(ge=1)
    steps: int = Field(ge=1, description="over all sequences")
    layers: tuple[LayerRanges, ...]
    features: Annotated[float | None, LATER] = Field(default=None, description="what enters a dense layer before them")
    head: Annotated[tuple[float, ...], LATER] = Field(default=(), description="results of each dense layer of a head")


def analyse(
    model: Model, inputs: Inputs, lengths: NDArray[np.integer] | None = None, percentile: float = 100.0
) -> Ranges:
    """Ranges of `model` over calibration `inputs` ``(T, B[, I])``, padded after the `lengths` ``(B,)`` of sequences.

    Everything is computed in double precision from the model's own h and x. BadInput on a layer norm, whose mean and
    variance are no fixed-point operation here.
    """
    refuse_unfit(model)
    if not 0 < percentile <= 100:
        raise BadInput(f"percentile must be above 0 and at most 100, not {percentile}")
    steps, batch = inputs.shape[:2]
    running = np.arange(steps)[:, None] < (np.full(batch, steps) if lengths is None else lengths)
    if not running.any():
        raise BadInput(f"calibration inputs must hold at least one step, not {inputs.shape}")
    operands, _ = model.operands(inputs, None, np.float64, lengths)
    layers = []
    for k, layer in enumerate(model.layers):
        x, h = operands[model.config.input_operand(k)], operands[f"h{model.config.suffix(k)}"]
        seen = _observe(layer, x, h, model.config.is_one_hot(k))
        largest: dict[str, float] = {}
        for what, values in seen:
            value = float(np.percentile(np.abs(values[running]), percentile))
            largest[what] = max(value, largest.get(what, 0.0))
        for what, initial in zip(("state", "cell"), effective(layer).initial, strict=False):
            largest[what] = max(largest[what], float(np.abs(initial).max()))
        layers.append(LayerRanges(**largest))

    def largest_of(operand: str) -> float:
        values = operands[operand]
        return float(np.percentile(np.abs(values[running] if len(values) == steps else values), percentile))

    return Ranges(
        percentile=percentile,
        sequences=batch,
        steps=int(running.sum()),
        layers=tuple(layers),
        features=largest_of("features") if model.dense is not None else None,
        head=tuple(largest_of(f"y_{k}") for k in range(1, len(model.head) + 1)),
    )


def refuse_unfit(model: Model) -> None:
    """BadInput where something is nothing that integers compute."""
    for where, what in model.config.beyond_integers():
        raise BadInput(f"model {model.name}: {where}: {what}: {ALONE}; evaluate, record and simulate it as it is")
    for k, layer in enumerate(model.config.layers):
        if layer.norm != "none":
            raise BadInput(
                f"model {model.name}: layers.{k}: norm must be none for integer inference, not {layer.norm!r}: "
                "its mean and variance are taken at run time"
            )


def _observe(layer: Layer, x: Inputs, h: Doubles, one_hot: bool) -> Iterator[tuple[str, Doubles]]:
    """What to know the range of, by its field, ``(T, B, ...)``."""
    yield "state", h
    if not one_hot:
        yield "input", x
    weights = effective(layer)
    before = np.concatenate([layer.start(h.shape[1], h.dtype)[0][None], h[:-1]])
    of_input = (weights.inputs.T[x] if one_hot else x @ weights.inputs.T) + weights.bias
    yield from layer.cell.ranges(weights, of_input, before)


def effective(layer: Layer) -> EffectiveWeights:
    """Codes times row scales, batch norm included as it is folded into them."""
    hidden = layer.config.hidden
    return EffectiveWeights(
        recurrent=layer.recurrent_codes.astype(np.float64) * layer.scale_recurrent.astype(np.float64)[:, None],
        inputs=layer.input_codes.astype(np.float64) * layer.scale_input.astype(np.float64)[:, None],
        bias=layer.shift.astype(np.float64),
        recurrent_bias=(
            np.zeros(hidden) if layer.shift_recurrent is None else layer.shift_recurrent.astype(np.float64)
        ),
        initial=(
            np.zeros((len(layer.cell.states), hidden))
            if layer.initial_state is None
            else layer.initial_state.astype(np.float64)
        ),
    )
