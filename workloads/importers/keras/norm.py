"""BatchNormalization, Normalization and Rescaling of Keras: fixed after training, they join the weights beside them."""

from dataclasses import replace

import numpy as np

from workloads.importers.keras.chain import Item
from workloads.importers.keras.file import Part
from workloads.importers.keras.flow import Context, Flow, Reading, shaped
from workloads.importers.network import Float32s, FloatDense

_MOST_FEATURES = 2**16
"""Of a Rescaling: no array of the file has its size, which a config may exaggerate."""


def batch_norm(context: Context, item: Item, flow: Flow) -> Flow:
    """``gamma (x - mean) / sqrt(variance + epsilon) + beta``, of what was seen in training."""
    return _scaled_and_shifted(context, item, flow, *_scale_and_shift(context, item, flow))


def normalization(context: Context, item: Item, flow: Flow) -> Flow:
    """``(x - mean) / sqrt(variance)``, of what ``adapt`` was given."""
    if item.flag("invert", False) or item.config.get("mean") is not None:
        raise item.refused("must have been adapted, without invert, and without a mean of its own")
    _check_axis(item, flow)
    mean, variance, _ = context.arrays.of(item.name, item.place, [Part((), ("mean", "variance", "count"))])[0]
    means, variances = context.float32(item, "mean", mean), context.float32(item, "variance", variance)
    size = means.size if flow.width is None else flow.width
    shaped(item, "mean", means, (size,))
    shaped(item, "variance", variances, (size,))
    if np.any(variances < 0):
        raise item.refused("variance must not be negative")
    scale = np.reciprocal(np.maximum(np.sqrt(variances), np.float32(1e-7)))  # Keras' epsilon
    with np.errstate(over="ignore"):  # not finite: refused by name
        shift = context.float32(item, "shift", -means * scale)
    return _scaled_and_shifted(context, item, flow, scale, shift)


def rescaling(context: Context, item: Item, flow: Flow) -> Flow:
    """``scale x + offset``."""
    if flow.width is None or flow.width > _MOST_FEATURES:
        raise item.refused(f"must read vectors of a size that the model tells, at most {_MOST_FEATURES}: add an Input")
    scale, offset = (_constants(item, key, flow.width) for key in ("scale", "offset"))
    return _scaled_and_shifted(context, item, flow, scale, offset)


def _constants(item: Item, key: str, size: int) -> Float32s:
    """A number, or one for each element."""
    given = item.config.get(key, 0.0)
    numbers = given if isinstance(given, list) else [given] * size
    if len(numbers) != size or not all(isinstance(n, int | float) and abs(n) < 1e30 for n in numbers):
        raise item.refused(f"{key} must be a number, or {size} of them, not {str(given)[:80]}")
    return np.array(numbers, np.float32)


def _scaled_and_shifted(context: Context, item: Item, flow: Flow, scale: Float32s, shift: Float32s) -> Flow:
    if flow.symbols or flow.end is not None:
        raise item.refused("must read vectors, before a softmax")
    context.note(f"layer {item.name!r}: its scale and shift become part of the weights beside it")
    after = replace(flow, width=len(scale))
    if flow.head and flow.reading is None and flow.head[-1].activation == "none":
        return replace(after, codes=None, head=(*flow.head[:-1], _scaled(context, item, flow.head[-1], scale, shift)))
    if not flow.layers and flow.reading is None:
        if flow.table is not None:
            table = context.float32(item, "what symbols become", flow.table * scale + shift)
            return replace(after, table=table, table_codes=None)
        if flow.dense is not None and flow.dense.activation == "none":
            return replace(after, dense=_scaled(context, item, flow.dense, scale, shift))
    reading = flow.reading or Reading(np.ones_like(scale), np.zeros_like(scale))
    return replace(after, reading=reading.then(scale, shift))


def _scale_and_shift(context: Context, item: Item, flow: Flow) -> tuple[Float32s, Float32s]:
    _check_axis(item, flow)
    epsilon = item.config.get("epsilon", 1e-3)
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise item.refused(f"epsilon must be between 0 and 1, not {str(epsilon)[:40]}")
    parts = {"gamma": item.flag("scale", True), "beta": item.flag("center", True)}
    names = (*(name for name, there in parts.items() if there), "moving_mean", "moving_variance")
    arrays = dict(zip(names, context.read(item, [Part((), names)])[0], strict=True))
    size = len(arrays["moving_mean"]) if flow.width is None else flow.width
    for name, array in arrays.items():
        shaped(item, name, array, (size,))
    if np.any(arrays["moving_variance"] < 0):
        raise item.refused("moving_variance must not be negative")
    with np.errstate(over="ignore", invalid="ignore"):  # not finite: refused by name
        scale = arrays.get("gamma", 1) / np.sqrt(arrays["moving_variance"] + np.float32(epsilon))
        shift = arrays.get("beta", 0) - arrays["moving_mean"] * scale
    return context.float32(item, "scale", scale), context.float32(item, "shift", shift)


def _check_axis(item: Item, flow: Flow) -> None:
    axis, last = item.config.get("axis", -1), 2 if flow.steps else 1
    if axis not in (-1, last, [-1], [last]):
        raise item.refused(f"axis must be that of the elements of a vector, {last}, not {str(axis)[:40]}")


def _scaled(context: Context, item: Item, dense: FloatDense, scale: Float32s, shift: Float32s) -> FloatDense:
    with np.errstate(over="ignore", invalid="ignore"):  # not finite: refused by name
        weight, bias = dense.weight * scale[:, None], dense.bias * scale + shift
    return replace(dense, weight=context.float32(item, "weights", weight), bias=context.float32(item, "bias", bias))
