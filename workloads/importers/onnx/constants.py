"""Operations on numbers that do not depend on the input: weights laid out anew, and sizes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import (
    ConstantRule,
    Context,
    Given,
    axes_of,
    checked_axis,
    integers,
    part_of_shape,
    slices,
    target_shape,
)

_NUMPY_TYPES: dict[int, Any] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


def elementwise(function: Callable[..., Array], inputs: int) -> ConstantRule:
    """The rule of a numpy function of so many arrays that are broadcast."""

    def rule(context: Context, node: Node, given: Given) -> Array:
        arrays = _known(node, given, inputs, inputs)
        context.spend(node, math.prod(np.broadcast_shapes(*(array.shape for array in arrays))))
        return np.asarray(function(*arrays))

    return rule


def literal(context: Context, node: Node, given: Given) -> Array:
    if len(node.attributes) != 1:
        raise node.refused("must have one value")
    ((name, value),) = node.attributes.items()
    context.spend(node, np.size(value))
    return np.asarray(value, {"value_float": np.float32, "value_floats": np.float32}.get(name))


def unchanged(context: Context, node: Node, given: Given) -> Array:
    return _known(node, given, 1, 1)[0]


def cast(context: Context, node: Node, given: Given) -> Array:
    (array,) = _known(node, given, 1, 1)
    to = node.integer("to", 0)
    if to not in _NUMPY_TYPES:
        raise node.refused(f"type {to} is not supported")
    context.spend(node, array.size)
    return array.astype(_NUMPY_TYPES[to])


def shape(context: Context, node: Node, given: Given) -> Array:
    return part_of_shape(node, _known(node, given, 1, 1)[0].shape)


def gather(context: Context, node: Node, given: Given) -> Array:
    data, indices = _known(node, given, 2, 2)
    axis = checked_axis(node, node.integer("axis", 0), data.ndim)
    context.spend(node, data.size // max(1, data.shape[axis]) * indices.size)
    return np.asarray(np.take(data, indices, axis))


def slice_(context: Context, node: Node, given: Given) -> Array:
    data = _known(node, given, 1, 5)[0]
    parts = slices(node, given, data.ndim)
    return data[tuple(parts.get(k, slice(None)) for k in range(data.ndim))]


def concat(context: Context, node: Node, given: Given) -> Array:
    arrays = _known(node, given, 1, 1000)
    context.spend(node, sum(array.size for array in arrays))
    return np.concatenate(arrays, node.integer("axis", 0))


def squeeze(context: Context, node: Node, given: Given) -> Array:
    return np.squeeze(_known(node, given, 1, 2)[0], axes_of(node, given))


def unsqueeze(context: Context, node: Node, given: Given) -> Array:
    return np.expand_dims(_known(node, given, 1, 2)[0], axes_of(node, given) or ())


def reshape(context: Context, node: Node, given: Given) -> Array:
    array, target = _known(node, given, 2, 2)
    context.spend(node, array.size)
    return array.reshape(target_shape(node, array.shape, target))


def transpose(context: Context, node: Node, given: Given) -> Array:
    return _known(node, given, 1, 1)[0].transpose(node.integers("perm"))


def expand(context: Context, node: Node, given: Given) -> Array:
    array, target = _known(node, given, 2, 2)
    wanted = np.broadcast_shapes(array.shape, integers(node, "shape", target))
    _check_small(node, wanted)
    return np.broadcast_to(array, wanted)


def filled(context: Context, node: Node, given: Given) -> Array:
    wanted = integers(node, "shape", _known(node, given, 1, 1)[0])
    value = node.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise node.refused("value must be one number")
    _check_small(node, wanted)
    return np.broadcast_to(value.reshape(()), wanted)


def _check_small(node: Node, wanted: tuple[int, ...]) -> None:
    """A repeated number takes no memory, but what is made of it may."""
    if any(size < 0 for size in wanted) or math.prod(wanted) > 2**26:
        raise node.refused(f"a shape must be positive and not huge, not {wanted}")


def _known(node: Node, given: Given, least: int, most: int) -> list[Array]:
    """`given`, which must be between `least` and `most` arrays."""
    arrays = [value for value in given if isinstance(value, np.ndarray)]
    if len(arrays) != len(given) or not least <= len(arrays) <= most:
        raise node.refused(f"must have {least} to {most} constant inputs, not {len(given)}")
    return arrays
