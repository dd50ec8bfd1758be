"""Numbers that lie in the file as integers, and integers on the way, which a model takes as the numbers they stand for.

Operations of ONNX Runtime's quantizer: onnxruntime/core/graph/contrib_ops/quantization_defs.cc.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.onnx import dense, layers
from workloads.importers.onnx.constants import known
from workloads.importers.onnx.context import Context
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Flow, Given, Stored, Value, checked_axis, padded

_BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32}
ROUNDED = "the graph rounds activations to integers on the way; here they are floats, unless bits are given"
DYNAMIC = "the graph rounds activations to integers by scales of each run; here they are floats, unless bits are given"


def dequantize(context: Context, node: Node, given: Given) -> Sequence[Value]:
    codes, scale, zero = padded(node, given, 3)
    if isinstance(codes, Flow):
        _check_constant(node, scale, zero)
        return [codes]
    return [_stored(context, node, codes, scale, zero, node.integer("axis", 1))]


def quantize(context: Context, node: Node, given: Given) -> Sequence[Value]:
    flow, scale, zero = padded(node, given, 3)
    if not isinstance(flow, Flow):
        raise node.refused("is supported on the way from the input to the output only")
    _check_constant(node, scale, zero)
    context.note(ROUNDED)
    return [flow]


def _check_constant(node: Node, *values: Value | None) -> None:
    if not all(value is None or isinstance(value, np.ndarray) for value in values):
        raise node.refused("its scale and zero point must be constant")


def _stored(
    context: Context, node: Node, codes: Value | None, scale: Value | None, zero: Value | None, axis: int
) -> Stored:
    if not isinstance(codes, np.ndarray) or codes.dtype.name not in _BITS:
        raise node.refused("must have integers of 8, 16 or 32 bits")
    if not isinstance(scale, np.ndarray) or scale.dtype.kind != "f" or not np.isfinite(scale).all():
        raise node.refused("its scale must be finite constants")
    if zero is not None and not (isinstance(zero, np.ndarray) and zero.dtype.kind in "iu"):
        raise node.refused("its zero point must be constant integers")
    zeros = np.zeros(1, np.int64) if zero is None else zero.astype(np.int64)
    context.spend(node, 2 * codes.size)
    wide = codes.astype(np.int64) - _along(node, zeros, codes, axis)
    scales = np.broadcast_to(_along(node, scale.astype(np.float32), codes, axis), codes.shape)
    return Stored(wide, scales, _BITS[codes.dtype.name])


def _along(node: Node, numbers: Array, codes: Array, axis: int) -> Array:
    """One number, or one for each element of an axis, ready to be broadcast."""
    if numbers.size == 1:
        return numbers.reshape(())
    axis = checked_axis(node, axis, codes.ndim)
    if numbers.shape != (codes.shape[axis],):
        raise node.refused(f"must have one scale, or one for each element of axis {axis}, not {numbers.shape}")
    return numbers.reshape([-1 if k == axis else 1 for k in range(codes.ndim)])


def dynamic_quantize(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Integers, scale and zero point: here the numbers themselves, 1 and 0."""
    (flow,) = given
    if not isinstance(flow, Flow):
        raise node.refused("is supported on the way from the input to the output only")
    context.note(DYNAMIC)
    return [flow, np.array(1, np.float32), np.array(0, np.uint8)]


def mat_mul_integer(context: Context, node: Node, given: Given) -> Sequence[Value]:
    x, weight, zero, weight_zero = padded(node, given, 4)
    if not isinstance(x, Flow) or not isinstance(weight, np.ndarray) or (isinstance(zero, np.ndarray) and zero.any()):
        raise node.refused("must multiply what DynamicQuantizeLinear makes by a constant matrix")
    stored = _stored(context, node, weight, np.ones(1, np.float32), weight_zero, axis=1)
    return [dense.product(context, node, x, stored, node.inputs[1])]


def q_linear_mat_mul(context: Context, node: Node, given: Given) -> Sequence[Value]:
    x, x_scale, x_zero, weight, scale, zero, y_scale, y_zero = padded(node, given, 8)
    _check_constant(node, x_scale, x_zero, y_scale, y_zero)
    if not isinstance(x, Flow):
        raise node.refused("must multiply what comes from the input by a constant matrix")
    context.note(ROUNDED)
    return [dense.product(context, node, x, _stored(context, node, weight, scale, zero, axis=1), node.inputs[3])]


def q_linear_add(context: Context, node: Node, given: Given) -> Sequence[Value]:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = padded(node, given, 8)
    _check_constant(node, y_scale, y_zero)
    if isinstance(a, Flow):
        a, b, b_scale, b_zero = b, a, a_scale, a_zero
        a_scale, a_zero = given[4], given[5]
    if not isinstance(b, Flow) or not isinstance(a, np.ndarray):
        raise node.refused("must add a constant to what comes from the input")
    _check_constant(node, b_scale, b_zero)
    context.note(ROUNDED)
    return dense.add(context, node, [b, _stored(context, node, a, a_scale, a_zero, axis=0).numbers])


def dynamic_lstm(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """DynamicQuantizeLSTM: W and R ``(directions, inputs, rows)`` with a scale for each, or for each of their rows."""
    *usual, w_scale, w_zero, r_scale, r_zero = padded(node, given, 12)
    usual[1] = _transposed(context, node, usual[1], w_scale, w_zero)
    usual[2] = _transposed(context, node, usual[2], r_scale, r_zero)
    context.note(DYNAMIC)
    return layers.recurrent(context, replace(node, op="LSTM"), usual)


def _transposed(context: Context, node: Node, codes: Value | None, scale: Value | None, zero: Value | None) -> Stored:
    """``(directions, rows, inputs)``."""
    numbers = []
    for value in (scale, zero):
        array = known(value)
        if array is None or not isinstance(codes, np.ndarray) or codes.ndim != 3:
            raise node.refused("W and R, their scales and zero points must be constant")
        sizes = (codes.shape[0], 1, array.size // codes.shape[0] if codes.shape[0] else 0)
        if sizes[0] * sizes[2] != array.size or sizes[2] not in (1, codes.shape[2]):
            raise node.refused(f"must have a scale for each direction, or for each of its rows, not {array.shape}")
        numbers.append(array.reshape(sizes))
    assert isinstance(codes, np.ndarray)
    if codes.dtype.name not in _BITS or numbers[0].dtype.kind != "f" or numbers[1].dtype.kind not in "iu":
        raise node.refused("W and R must be integers, with scales that are floats and zero points that are integers")
    context.spend(node, 2 * codes.size)
    wide = codes.astype(np.int64) - numbers[1].astype(np.int64)
    scales = np.broadcast_to(numbers[0].astype(np.float32), codes.shape)
    return Stored(wide.swapaxes(1, 2), scales.swapaxes(1, 2), _BITS[codes.dtype.name])
