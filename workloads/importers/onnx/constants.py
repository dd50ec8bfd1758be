"""Operations that compute with numbers that do not depend on the input."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workloads.importers.onnx.context import Context, Rule
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Flow, Given, Order, Stored, Value, axes_of, integers
from workloads.importers.onnx.moves import check_small

_NUMPY_TYPES: dict[int, Any] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
_FLOAT_TYPES, _HALF_TYPES, _INT_TYPES = (1, 11), (10, 16), (6, 7)  # of onnx.proto's TensorProto.DataType


def known(value: Value | None) -> Array | None:
    """`value` where it is numbers."""
    if isinstance(value, Stored):
        return value.numbers
    return value if isinstance(value, np.ndarray) else None


def elementwise(function: Callable[..., Array], inputs: int, on_flow: Rule | None = None) -> Rule:
    """The rule of a numpy function of so many arrays that are broadcast; `on_flow` where one is no array."""

    def rule(context: Context, node: Node, given: Given) -> Sequence[Value]:
        arrays = [array for array in map(known, given) if array is not None]
        if len(given) != inputs:
            raise node.refused(f"must have {inputs} inputs, not {len(given)}")
        if len(arrays) < inputs:
            if on_flow is None:
                raise node.refused("is not supported on the way from the input to the output")
            return on_flow(context, node, given)
        context.spend(node, math.prod(np.broadcast_shapes(*(array.shape for array in arrays))))
        return [np.asarray(function(*arrays))]

    return rule


def divided(left: Array, right: Array) -> Array:
    """Integers are divided towards zero, as in ONNX."""
    if left.dtype.kind in "iu" and right.dtype.kind in "iu":
        return np.trunc(left / right).astype(left.dtype)
    return left / right


def literal(context: Context, node: Node, given: Given) -> Sequence[Value]:
    if len(node.attributes) != 1:
        raise node.refused("must have one value")
    ((name, value),) = node.attributes.items()
    context.spend(node, np.size(value))
    return [np.asarray(value, {"value_float": np.float32, "value_floats": np.float32}.get(name))]


def cast(context: Context, node: Node, given: Given) -> Sequence[Value]:
    (value,) = given
    to = node.integer("to", 0)
    array = known(value)
    if isinstance(value, Order):
        return [value]
    if isinstance(value, Flow):
        return [_cast_flow(context, node, value, to)]
    if array is None or to not in _NUMPY_TYPES:
        raise node.refused(f"type {to} is not supported")
    context.spend(node, array.size)
    return [array.astype(_NUMPY_TYPES[to])]


def _cast_flow(context: Context, node: Node, flow: Flow, to: int) -> Flow:
    if to in _HALF_TYPES:
        context.note("the graph computes in half precision, the model in float32")
    if to in _INT_TYPES:
        return flow if all(source.integers for source in context.found(flow.ids)[1]) else replace(flow, rounded=True)
    if to not in (*_FLOAT_TYPES, *_HALF_TYPES):
        raise node.refused(f"must not round (to type {to})")
    return flow


def filled(context: Context, node: Node, given: Given) -> Sequence[Value]:
    (sizes,) = given
    wanted = integers(node, "shape", sizes)
    value = node.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise node.refused("value must be one number")
    check_small(context, node, wanted)
    return [np.broadcast_to(value.reshape(()), wanted)]


def multiplied(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """ReduceProd: how many there are."""
    array, axes = known(given[0]) if given else None, axes_of(node, given)
    if array is None:
        raise node.refused("is not supported on the way from the input to the output")
    return [np.asarray(np.prod(array, axes, dtype=array.dtype, keepdims=bool(node.integer("keepdims", 1))))]


def counted(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Range."""
    bounds = [array for array in map(known, given) if array is not None and array.size == 1]
    if len(bounds) != 3 or not bounds[2].any():
        raise node.refused("start, limit and delta must be constant numbers, and delta not 0")
    start, limit, delta = (array.item() for array in bounds)
    context.spend(node, max(0, math.ceil((limit - start) / delta)))
    return [np.arange(start, limit, delta).astype(bounds[0].dtype)]
