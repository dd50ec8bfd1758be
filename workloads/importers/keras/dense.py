"""Dense layers of Keras and the activations after them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from workloads.importers.keras.chain import Item
from workloads.importers.keras.file import Part
from workloads.importers.keras.flow import Context, Flow, check_policy, dequantized, held_in_int8, shaped
from workloads.importers.network import Float32s, FloatDense, as_float32

_DENSE: Mapping[str, Literal["none", "relu", "tanh", "sigmoid"]] = {
    "linear": "none", "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "softmax": "none",
}  # fmt: skip


def time_distributed(context: Context, item: Item, flow: Flow) -> Flow:
    inner = item.inner("layer")
    if inner.kind == "Dense":
        check_policy(context, inner)
        return dense(context, replace(item, config=inner.config), flow, ("layer",))
    if inner.kind == "Activation":
        return activation(context, inner, flow)
    if inner.kind == "Dropout":
        return flow
    raise item.refused(f"must wrap Dense, Activation or Dropout, not {inner.kind}")


def dense(context: Context, item: Item, flow: Flow, path: tuple[str, ...] = ()) -> Flow:
    if flow.symbols:
        raise item.refused("must read vectors, or an Embedding goes before it")
    weight, bias = _dense_arrays(context, item, path)
    units = item.size("units")
    shaped(item, "kernel", weight, (flow.width, units))
    shaped(item, "bias", bias, (units,))
    layer = FloatDense(*context.taken_in(item, flow, np.ascontiguousarray(weight.T), bias))
    return _activated(item, _with_dense(context, item, flow, layer), item.choice("activation", tuple(_DENSE), "linear"))


def _dense_arrays(context: Context, item: Item, path: tuple[str, ...]) -> tuple[Float32s, Float32s]:
    """``(inputs, units)`` and ``(units,)``."""
    biased, units = item.flag("use_bias", True), item.size("units")
    names = ("kernel", "bias") if biased else ("kernel",)
    if held_in_int8(item):
        part = Part(path, (*names, "kernel_scale"))
        codes, *biases, scale = context.arrays.of(item.name, item.place, [part])[0]
        kernel = dequantized(context, item, codes, scale, axis=0)
        given = [as_float32(bias, f"layer {item.name!r}: bias", context.note) for bias in biases]
    else:
        kernel, *given = context.read(item, [Part(path, names)])[0]
    shaped(item, "kernel", kernel, (None, units))
    return kernel, given[0] if given else np.zeros(units, np.float32)


def _with_dense(context: Context, item: Item, flow: Flow, layer: FloatDense) -> Flow:
    if flow.end is not None:
        raise item.refused(f"reads a {flow.end}, which is supported at the end alone")
    after = replace(flow, width=len(layer.bias), reading=None)
    if flow.layers:
        return replace(after, head=(*flow.head, layer))
    if flow.table is not None or context.input_kind == "one_hot":  # a function of the symbol: a new table
        with np.errstate(over="ignore", invalid="ignore"):  # not finite: refused by name
            table = (layer.weight.T if flow.table is None else flow.table @ layer.weight.T) + layer.bias
        return replace(after, table=as_float32(table, f"layer {item.name!r}: what symbols become", context.note))
    if flow.dense is not None:
        raise item.refused("only one Dense layer before the first recurrent one is supported")
    return replace(after, dense=layer)


def _activated(item: Item, flow: Flow, how: str) -> Flow:
    """The last dense layer with an activation after it."""
    if how == "linear":
        return flow
    ours = _DENSE[how]
    if flow.end is not None or (flow.head and flow.head[-1].activation != "none"):
        raise item.refused(f"{how} after another activation is not supported")
    if flow.head:
        last = replace(flow.head[-1], activation=ours)
        return replace(flow, head=(*flow.head[:-1], last), end="softmax" if how == "softmax" else None)
    if flow.layers or how == "softmax":
        raise item.refused(f"{how} of what is not a Dense layer's is not supported")
    if flow.table is not None:
        return replace(flow, table=_FUNCTIONS[how](flow.table))
    if flow.dense is None or flow.dense.activation != "none":
        raise item.refused(f"{how} of what is not a Dense layer's is not supported")
    return replace(flow, dense=replace(flow.dense, activation=ours))


def _sigmoid(x: Float32s) -> Float32s:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x), np.float32)


_FUNCTIONS: Mapping[str, Callable[[Float32s], Float32s]] = {
    "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "sigmoid": _sigmoid,
}  # fmt: skip


def activation(context: Context, item: Item, flow: Flow) -> Flow:
    return _activated(item, flow, item.choice("activation", tuple(_DENSE)))


def relu(context: Context, item: Item, flow: Flow) -> Flow:
    given = item.config.get
    if given("max_value") is not None or given("negative_slope", 0.0) or given("threshold", 0.0):
        raise item.refused("must have no max_value, negative_slope or threshold")
    return _activated(item, flow, "relu")


def softmax(context: Context, item: Item, flow: Flow) -> Flow:
    if item.config.get("axis", -1) != -1:
        raise item.refused("axis must be -1")
    return _activated(item, flow, "softmax")
