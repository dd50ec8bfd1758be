"""Dense layers of Keras and the activations after them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from workloads.importers.keras.chain import Item
from workloads.importers.keras.file import Part
from workloads.importers.keras.flow import Context, Flow, check_policy, held_in_int8, shaped, stored_codes
from workloads.importers.network import Float32s, FloatDense, StoredCodes

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
    weight, bias, stored = _dense_arrays(context, item, path)
    shaped(item, "kernel", weight, (item.size("units"), flow.width))
    shaped(item, "bias", bias, weight.shape[:1])
    layer = FloatDense(*context.taken_in(item, flow, weight, bias))
    after = _with_dense(context, item, flow, layer, stored if flow.reading is None else None)
    return _activated(item, after, item.choice("activation", tuple(_DENSE), "linear"))


def _dense_arrays(context: Context, item: Item, path: tuple[str, ...]) -> tuple[Float32s, Float32s, StoredCodes | None]:
    """``(units, inputs)`` and ``(units,)``, and the integers that the matrix was stored as."""
    names = ("kernel", "bias") if item.flag("use_bias", True) else ("kernel",)
    stored = None
    if held_in_int8(item):
        codes, *given, scale = context.arrays.of(item.name, item.place, [Part(path, (*names, "kernel_scale"))])[0]
        stored = stored_codes(item, codes, scale, axis=1)
        weight, biases = stored.weight, [context.float32(item, "bias", bias) for bias in given]
        context.note(f"layer {item.name!r}: Keras rounds what it reads to 8 bits; the model does not")
    else:
        kernel, *biases = context.read(item, [Part(path, names)])[0]
        shaped(item, "kernel", kernel, (None, None))
        weight = np.ascontiguousarray(kernel.T)
    return weight, biases[0] if biases else np.zeros(len(weight), np.float32), stored


def _with_dense(context: Context, item: Item, flow: Flow, layer: FloatDense, stored: StoredCodes | None) -> Flow:
    if flow.end is not None:
        raise item.refused(f"reads a {flow.end}, which is supported at the end alone")
    after = replace(flow, width=len(layer.bias), reading=None)
    if flow.layers:
        names = {**flow.names, f"head {len(flow.head) + 1}": item.name}
        _say_of_integers(context, names.get(f"head {len(flow.head)}", ""), flow.codes)
        return replace(after, head=(*flow.head, layer), codes=stored, names=names)
    _say_of_integers(context, item.name, stored)
    if flow.table is not None or context.input_kind == "one_hot":  # a function of the symbol: a new table
        _say_of_integers(context, flow.names.get("embedding", ""), flow.table_codes)
        with np.errstate(over="ignore", invalid="ignore"):  # not finite: refused by name
            table = (layer.weight.T if flow.table is None else flow.table @ layer.weight.T) + layer.bias
        table = context.float32(item, "what symbols become", table)
        return replace(after, table=table, table_codes=None, names={"embedding": item.name} | dict(flow.names))
    if flow.dense is not None:
        raise item.refused("only one Dense layer before the first recurrent one is supported: leave one out")
    return replace(after, dense=layer, names={**flow.names, "dense": item.name})


def _say_of_integers(context: Context, name: str, stored: StoredCodes | None) -> None:
    """Those of an embedding and of the readout stay what they are; those of other layers do not."""
    if stored is not None:
        context.note(f"layer {name!r}: its 8-bit integers become the floats that they stand for")


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
        return replace(flow, table=_FUNCTIONS[how](flow.table), table_codes=None)
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
