"""Products by constant matrices, numbers that are added and multiplied, and activations."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workloads.config import DenseActivation
from workloads.importers.network import FloatDense
from workloads.importers.onnx import moves
from workloads.importers.onnx.constants import known
from workloads.importers.onnx.context import Context, Rule, numbers_of
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Flow, Given, Source, Stored, Value, padded
from workloads.importers.onnx.operations import Dense, End


def mat_mul(context: Context, node: Node, given: Given) -> Sequence[Value]:
    x, weight = padded(node, given, 2)
    return [product(context, node, x, weight, node.inputs[1])]


def gemm(context: Context, node: Node, given: Given) -> Sequence[Value]:
    x, weight, bias = padded(node, given, 3)
    added = known(bias)
    if (
        not isinstance(x, Flow)
        or not isinstance(weight, np.ndarray | Stored)
        or len(weight.shape) != 2
        or len(x.shape) != 2
    ):
        raise node.refused("must multiply what comes from the input by a constant matrix")
    if node.integer("transA", 0):
        raise node.refused("attribute transA is not supported")
    alpha, beta = node.floating("alpha", 1.0), node.floating("beta", 1.0)
    weight = moves.moved(weight, np.transpose) if node.integer("transB", 0) else weight
    read = product(context, node, x, weight, node.inputs[1])
    read = read if alpha == 1 else bent(context, node, read, alpha, 0.0)
    if bias is None:
        return [read]
    if added is None:
        raise node.refused("C must be constant")
    return [bent(context, node, read, 1.0, beta * added)]


def product(context: Context, node: Node, x: Value | None, weight: Value | None, tensor: str = "") -> Flow:
    """`x` times `weight` ``(I, O)``, which the file calls `tensor`."""
    if not isinstance(x, Flow) or not isinstance(weight, np.ndarray | Stored):
        raise node.refused("must multiply what comes from the input by a constant matrix")
    if len(weight.shape) != 2 or not weight.shape[1] or not x.shape or x.shape[-1] != weight.shape[0]:
        elements = context.said(x.shape)
        raise node.refused(f"its matrix must have the rows that {elements} has elements, not {weight.shape}")
    reading = context.read(node, x)
    rows = moves.moved(weight, np.transpose)
    assert isinstance(rows, np.ndarray | Stored)
    matrix, bias = reading.reads.folded(np.ascontiguousarray(numbers_of(context, node, "matrix", rows)))
    note_folded(context, node, reading.reads.bent)
    codes = rows.by_row if isinstance(rows, Stored) and reading.reads.plain else None
    of = Dense(node, FloatDense(matrix, bias), reading.reads, codes, tensor)
    return replace(context.made(node, reading, len(matrix), of), by_length=x.by_length)


def note_folded(context: Context, node: Node, bent: bool) -> None:
    if bent:
        context.note(f"what {node.name!r} reads is scaled or shifted by constants: they are folded into its weights")


def add(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """A constant and what comes from the input, or two vectors such as h of both directions."""
    flows = [value for value in given if isinstance(value, Flow)]
    if len(flows) == 2 and flows[0].shape == flows[1].shape and flows[0].shape:
        context.note(f"the sum that {node.name!r} makes of two vectors is taken as a dense layer")
        (both,) = moves.concat(context, replace(node, attributes={"axis": -1}), given)
        return [product(context, node, both, np.tile(np.eye(flows[0].shape[-1], dtype=np.float32), (2, 1)))]
    flow, numbers, _ = _one_of_each(node, given)
    return [bent(context, node, flow, 1.0, numbers)]


def subtract(context: Context, node: Node, given: Given) -> Sequence[Value]:
    flow, numbers, first = _one_of_each(node, given)
    return [bent(context, node, flow, 1.0, -numbers) if first else bent(context, node, flow, -1.0, numbers)]


def multiply(context: Context, node: Node, given: Given) -> Sequence[Value]:
    flow, numbers, _ = _one_of_each(node, given)
    return [bent(context, node, flow, numbers, 0.0)]


def divide(context: Context, node: Node, given: Given) -> Sequence[Value]:
    flow, numbers, first = _one_of_each(node, given)
    if not first or not numbers.all():
        raise node.refused("must divide what comes from the input by constants, none of them 0")
    return [bent(context, node, flow, 1 / numbers, 0.0)]


def negate(context: Context, node: Node, given: Given) -> Sequence[Value]:
    (flow,) = given
    assert isinstance(flow, Flow)
    return [bent(context, node, flow, -1.0, 0.0)]


def _one_of_each(node: Node, given: Given) -> tuple[Flow, NDArray[np.float64], bool]:
    """Data on its way and constants, and whether the data comes first."""
    flows = [value for value in given if isinstance(value, Flow)]
    numbers = [array.astype(np.float64) for array in map(known, given) if array is not None]
    if len(flows) != 1 or len(numbers) != 1:
        raise node.refused(
            "must take constants beside what comes from the input, not two things computed of it"
            " (of an nn.RNN that the exporter has unrolled: export it with dynamo=False)"
        )
    return flows[0], numbers[0], isinstance(given[0], Flow)


def bent(
    context: Context, node: Node, flow: Flow, scale: float | NDArray[np.float64], shift: float | NDArray[np.float64]
) -> Flow:
    """``scale * flow + shift``; of a dense layer with no activation they become its own."""
    flow = _wide(flow, max(np.ndim(scale), np.ndim(shift)))
    shape = flow.shape
    for numbers in map(np.shape, (scale, shift)):
        if any(size not in (1, have) for size, have in zip(numbers[::-1], shape[::-1], strict=False)):
            raise node.refused(f"its constants must fit {context.said(shape)}, and are {context.said(numbers)}")
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise node.refused("its constants must be finite")
    both = (np.broadcast_to(np.asarray(numbers, np.float64), shape) for numbers in (scale, shift))
    scale, shift = both
    _, there = context.found(flow.ids)
    if len(there) == 1 and isinstance(there[0].of, Dense) and there[0].of.dense.activation == "none":
        return _taken_up(context, node, flow, there[0], there[0].of, scale, shift)
    old_scale = 1.0 if flow.scale is None else flow.scale
    old_shift = 0.0 if flow.shift is None else flow.shift
    new_scale, new_shift = old_scale * scale, old_shift * scale + shift
    return replace(
        flow, scale=new_scale if (new_scale != 1).any() else None, shift=new_shift if new_shift.any() else None
    )


def _wide(flow: Flow, rank: int) -> Flow:
    """`flow` with axes of one element before it, so that it has as many as the constants that it is broadcast with."""
    more = (1,) * max(0, min(rank, 8) - len(flow.shape))
    return flow.moved(lambda array: array.reshape(*more, *array.shape)) if more else flow


def _taken_up(
    context: Context, node: Node, flow: Flow, source: Source, dense: Dense, scale: Array, shift: Array
) -> Flow:
    elements = (flow.ids - source.start) % source.size
    scales, shifts = (_of_elements(node, elements, source.size, numbers) for numbers in (scale, shift))
    new = dense.bent(scales, shifts)
    made = context.source(node, source.grid, source.size, new, source.timed)
    return replace(flow, ids=flow.ids - source.start + made.start)


def _of_elements(node: Node, elements: Array, size: int, numbers: Array) -> NDArray[np.float64]:
    """One number for each element of a vector."""
    each = np.zeros(size)
    each[elements] = numbers
    if (each[elements] != numbers).any():
        raise node.refused(f"must take one number for each of the {size} outputs, the same at all steps and sequences")
    return each


def activation(kind: DenseActivation) -> Rule:
    """The rule of an activation: of a dense layer it becomes part, of anything else it makes one of the identity."""

    def rule(context: Context, node: Node, given: Given) -> Sequence[Value]:
        (flow,) = given
        if not isinstance(flow, Flow):
            raise node.refused("is not supported on numbers that do not depend on the input")
        _, there = context.found(flow.ids)
        if not (len(there) == 1 and isinstance(there[0].of, Dense) and there[0].of.dense.activation == "none"):
            context.note(f"{kind} of what is no dense layer is taken as a dense layer of the identity")
            flow = product(context, node, flow, np.eye(flow.shape[-1], dtype=np.float32))
        return [context.twins(node, flow, lambda source: _activated(source, kind))]

    return rule


def _activated(source: Source, kind: DenseActivation) -> Dense:
    assert isinstance(source.of, Dense)
    return replace(source.of, dense=replace(source.of.dense, activation=kind))


def end(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Softmax and LogSoftmax, which must run over the outputs of one step of one sequence."""
    (flow,) = given
    if not isinstance(flow, Flow):
        raise node.refused("is not supported on numbers that do not depend on the input")
    _over_outputs(context, node, flow, node.integer("axis", -1 if context.opset >= 13 else 1))
    return [context.twins(node, flow, lambda source: End(node, source))]


def arg_max(context: Context, node: Node, given: Given) -> Sequence[Value]:
    (flow,) = given
    if not isinstance(flow, Flow):
        raise node.refused("is not supported on numbers that do not depend on the input")
    last = _over_outputs(context, node, flow, node.integer("axis", 0))
    (source,) = context.found(flow.ids)[1]
    made = context.source(node, source.grid, 1, End(node, source), source.timed, integers=True)
    ids = made.start + (last.ids[..., 0] - source.start) // source.size
    return [Flow(np.expand_dims(ids, node.integer("axis", 0)) if node.integer("keepdims", 1) else ids)]


def _over_outputs(context: Context, node: Node, flow: Flow, axis: int) -> Flow:
    """`flow` with the outputs of each step along its last axis."""
    if not -len(flow.shape) <= axis < len(flow.shape):
        raise node.refused(f"axis must be one of {len(flow.shape)}, not {axis}")
    last = flow.moved(lambda array: np.moveaxis(array, axis, -1))
    reads = context.read(node, last).reads
    if len(reads.parts) != 1 or not reads.whole or reads.parts[0].entry is not None:
        raise node.refused("must run over all outputs of a readout")
    return last
