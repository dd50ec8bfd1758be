"""Range analysis: how large inputs, pre-activations, states and cells get on calibration data, in the float model."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from archsim.errors import BadInput
from workloads.fixed_point.cells import STEPS
from workloads.model import Inputs, Layer, Model

Floats = NDArray[np.float64]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerRanges(_Frozen):
    """The stated percentile of magnitudes; None where the layer has no such number."""

    input: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="x, where it is a vector")
    sigmoid: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="what enters sigmoids")
    tanh: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="what enters tanh, c among it")
    reset: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="W_n h + b_n, which the reset gate of `gru` multiplies"
    )
    state: float = Field(ge=0, allow_inf_nan=False, description="h (and r h)")
    cell: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="c")


class Ranges(_Frozen):
    """Ranges of every layer, and how they were taken."""

    percentile: float = Field(gt=0, le=100, description="100: the maximum")
    sequences: int = Field(ge=1)
    steps: int = Field(ge=1, description="over all sequences")
    layers: tuple[LayerRanges, ...]


def analyse(
    model: Model, inputs: Inputs, lengths: NDArray[np.integer] | None = None, percentile: float = 100.0
) -> Ranges:
    """Ranges of `model` over calibration `inputs` ``(T, B[, I])``, padded after the `lengths` ``(B,)`` of sequences.

    Everything is computed in double precision from the model's own h and x. BadInput on a cell that integers have no
    step for, and on a layer norm, whose mean and variance are no fixed-point operation here.
    """
    refuse_unfit(model)
    if not 0 < percentile <= 100:
        raise BadInput(f"percentile must be above 0 and at most 100, not {percentile}")
    steps, batch = inputs.shape[:2]
    running = np.arange(steps)[:, None] < (np.full(batch, steps) if lengths is None else lengths)
    if not running.any():
        raise BadInput(f"calibration inputs must hold at least one step, not {inputs.shape}")
    operands, _ = model.operands(inputs, None, np.float64)
    layers = []
    for k, layer in enumerate(model.layers):
        x, h = operands[model.config.input_operand(k)], operands[f"h{model.config.suffix(k)}"]
        one_hot = k == 0 and model.config.input.kind == "one_hot"
        seen = _observe(layer, x, h, one_hot)
        largest: dict[str, float] = {}
        for what, values in seen:
            value = float(np.percentile(np.abs(values[running]), percentile))
            largest[what] = max(value, largest.get(what, 0.0))
        for what, initial in zip(("state", "cell"), effective(layer).initial, strict=False):
            largest[what] = max(largest[what], float(np.abs(initial).max()))
        layers.append(LayerRanges(**largest))
    return Ranges(percentile=percentile, sequences=batch, steps=int(running.sum()), layers=tuple(layers))


def refuse_unfit(model: Model) -> None:
    """BadInput where a layer is nothing that integers compute."""
    known = [cell for cell in _OBSERVERS if cell in STEPS]
    for k, layer in enumerate(model.config.layers):
        if layer.cell not in known:
            raise BadInput(
                f"model {model.name}: layers.{k}: cell must be one of {', '.join(known)} for integer inference, "
                f"not {layer.cell!r}"
            )
        if layer.norm != "none":
            raise BadInput(
                f"model {model.name}: layers.{k}: norm must be none for integer inference, not {layer.norm!r}: "
                "its mean and variance are taken at run time"
            )


def _observe(layer: Layer, x: Inputs, h: Floats, one_hot: bool) -> Iterator[tuple[str, Floats]]:
    """What to know the range of, by its field, ``(T, B, ...)``."""
    yield "state", h
    if not one_hot:
        yield "input", x
    weights = effective(layer)
    before = np.concatenate([np.broadcast_to(weights.initial[0], h[:1].shape), h[:-1]])
    of_input = (weights.inputs.T[x] if one_hot else x @ weights.inputs.T) + weights.bias
    yield from _OBSERVERS[layer.config.cell](weights, of_input, before)


@dataclass(frozen=True)
class Effective:
    """Real weights of a layer: codes times scales, in double precision."""

    recurrent: Floats  # (R, H)
    inputs: Floats  # (R, I)
    bias: Floats  # (R,)
    recurrent_bias: Floats  # (H,)
    initial: Floats  # (states, H)


def effective(layer: Layer) -> Effective:
    """Codes times row scales, batch norm included as it is folded into them."""
    hidden = layer.config.hidden
    return Effective(
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


def _lstm(weights: Effective, of_input: Floats, before: Floats) -> Iterator[tuple[str, Floats]]:
    i, f, g, o = np.split(of_input + before @ weights.recurrent.T, 4, axis=-1)
    yield from (("sigmoid", gate) for gate in (i, f, o))
    yield "tanh", g
    c = np.broadcast_to(weights.initial[1], g[0].shape)
    cells = np.empty_like(g)
    for t in range(len(g)):
        c = _sigmoid(f[t]) * c + _sigmoid(i[t]) * np.tanh(g[t])
        cells[t] = c
    yield "cell", cells
    yield "tanh", cells


def _gru(weights: Effective, of_input: Floats, before: Floats) -> Iterator[tuple[str, Floats]]:
    r, z, n = np.split(of_input, 3, axis=-1)
    r_h, z_h, n_h = np.split(before @ weights.recurrent.T, 3, axis=-1)
    r, n_h = r + r_h, n_h + weights.recurrent_bias
    yield from (("sigmoid", gate) for gate in (r, z + z_h))
    yield "reset", n_h
    yield "tanh", n + _sigmoid(r) * n_h


def _gru_classic(weights: Effective, of_input: Floats, before: Floats) -> Iterator[tuple[str, Floats]]:
    r, z, n = np.split(of_input, 3, axis=-1)
    of_r, of_z, of_n = np.split(weights.recurrent, 3)
    r = r + before @ of_r.T
    yield from (("sigmoid", gate) for gate in (r, z + before @ of_z.T))
    yield "tanh", n + (_sigmoid(r) * before) @ of_n.T


def _rnn_tanh(weights: Effective, of_input: Floats, before: Floats) -> Iterator[tuple[str, Floats]]:
    yield "tanh", of_input + before @ weights.recurrent.T


def _rnn_relu(weights: Effective, of_input: Floats, before: Floats) -> Iterator[tuple[str, Floats]]:
    return iter(())


_OBSERVERS = {"lstm": _lstm, "gru": _gru, "gru-classic": _gru_classic, "rnn-tanh": _rnn_tanh, "rnn-relu": _rnn_relu}


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(x / 2))
