"""The two ends of a network in ONNX: embedding or one-hot before the layers, last step and readout after them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import (
    Axes,
    Axis,
    Context,
    Flow,
    Given,
    Value,
    along,
    checked_axis,
    integers,
    numbers_of,
    one_of,
    padded,
)


def gather(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """An embedding, or one step."""
    data, indices = padded(node, given, 2)
    axis = node.integer("axis", 0)
    if isinstance(data, np.ndarray) and isinstance(indices, Flow):
        if data.ndim != 2 or axis not in (0, -2) or indices.what != "symbols":
            raise node.refused("must look rows of a table up by the input's symbols")
        table = numbers_of(context, node, "table", data)
        size = along(Axis(f"embedding of {node.name}", table.shape[1]))
        return [replace(indices, axes=(*indices.axes, size), elements=size, what="embedded", table=table)]
    if not isinstance(data, Flow) or not isinstance(indices, np.ndarray) or indices.size != 1:
        raise node.refused("must take one step, or look up the input's symbols")
    (index,) = integers(node, "indices", indices)
    return [one_of(node, data, checked_axis(node, axis, len(data.axes)), index, keep=indices.ndim == 1)]


def one_hot(context: Context, node: Node, given: Given) -> Sequence[Value]:
    symbols, depth, values = padded(node, given, 3)
    if not isinstance(symbols, Flow) or symbols.what != "symbols":
        raise node.refused("must turn the input's symbols into columns")
    columns = integers(node, "depth", depth)
    if len(columns) != 1 or not 1 <= columns[0] <= 2**16:
        raise node.refused("depth must be one number, between 1 and 65536")
    if not isinstance(values, np.ndarray) or values.tolist() != [0, 1]:
        raise node.refused("values must be 0 and 1")
    if node.integer("axis", -1) not in (-1, len(symbols.axes)):
        raise node.refused("axis must be the last one")
    return [_columns(symbols, symbols.axes, columns[0])]


def equal(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """``symbols[..., None] == arange(n)``: one-hot, as torch.export has it."""
    flows = [value for value in given if isinstance(value, Flow)]
    numbers = [value for value in given if isinstance(value, np.ndarray)]
    if len(flows) != 1 or len(numbers) != 1 or flows[0].what != "symbols" or not flows[0].axes or flows[0].axes[-1]:
        raise node.refused("must compare the input's symbols with 0, 1, 2 and so on")
    (symbols,), (columns,) = flows, numbers
    if (
        columns.shape[-1:] != (columns.size,)
        or columns.ndim > len(symbols.axes)
        or not np.array_equal(columns.ravel(), np.arange(columns.size))
    ):
        raise node.refused("must compare the input's symbols with 0, 1, 2 and so on")
    return [_columns(symbols, symbols.axes[:-1], columns.size)]


def _columns(symbols: Flow, axes: Axes, count: int) -> Flow:
    columns = along(Axis("symbols", count))
    return replace(symbols, axes=(*axes, columns), elements=columns, what="one_hot", one_hot=True)


def mat_mul(context: Context, node: Node, given: Given) -> Sequence[Value]:
    x, weight = padded(node, given, 2)
    if not isinstance(x, Flow) or not isinstance(weight, np.ndarray):
        raise node.refused("must multiply what comes from the input by a constant matrix")
    return [_read_out(context, node, x, weight)]


def gemm(context: Context, node: Node, given: Given) -> Sequence[Value]:
    x, weight, bias = padded(node, given, 3)
    if not isinstance(x, Flow) or not isinstance(weight, np.ndarray) or weight.ndim != 2 or len(x.axes) != 2:
        raise node.refused("must multiply what comes from the input by a constant matrix")
    if node.integer("transA", 0):
        raise node.refused("attribute transA is not supported")
    alpha, beta = node.floating("alpha", 1.0), node.floating("beta", 1.0)
    read = _read_out(context, node, x, alpha * (weight.T if node.integer("transB", 0) else weight))
    if bias is None:
        return [read]
    if not isinstance(bias, np.ndarray):
        raise node.refused("C must be constant")
    return [_with_bias(context, node, read, beta * bias)]


def _read_out(context: Context, node: Node, x: Flow, weight: Array) -> Flow:
    """`x` times `weight` ``(H, V)``."""
    if not x.layers:
        raise node.refused("a product before the first recurrent layer is not supported")
    if x.what != "h":
        raise node.refused(f"a product of {'the cell state' if x.what == 'c' else 'logits'} is not supported")
    if weight.ndim != 2 or weight.shape[0] != x.layers[-1].hidden or not weight.shape[1]:
        raise node.refused(f"its matrix must be ({x.layers[-1].hidden}, outputs), not {weight.shape}")
    if not x.axes or x.axes[-1] != x.elements:
        raise node.refused("must multiply along the units of h")
    numbers = numbers_of(context, node, "matrix", weight)
    outputs = along(Axis(f"outputs of {node.name}", weight.shape[1]))
    return replace(
        x, axes=(*x.axes[:-1], outputs), elements=outputs, what="logits", weight=np.ascontiguousarray(numbers.T)
    )  # fmt: skip


def add(context: Context, node: Node, given: Given) -> Sequence[Value]:
    flows = [value for value in given if isinstance(value, Flow)]
    numbers = [value for value in given if isinstance(value, np.ndarray)]
    if len(flows) != 1 or len(numbers) != 1 or flows[0].what != "logits":
        raise node.refused("must add a constant bias to a readout")
    return [_with_bias(context, node, flows[0], numbers[0])]


def _with_bias(context: Context, node: Node, logits: Flow, numbers: Array) -> Flow:
    """`numbers` may have a size along the outputs alone."""
    assert logits.weight is not None
    outputs, axes = len(logits.weight), logits.axes
    along = [k for k, over in enumerate(axes) if over == logits.elements and over]
    sizes = (1,) * (len(axes) - numbers.ndim) + numbers.shape
    if len(sizes) != len(axes) or any(
        size != 1 and (k not in along or size != outputs) for k, size in enumerate(sizes)
    ):
        raise node.refused(f"a bias must have {outputs} numbers along the outputs, not the shape {numbers.shape}")
    bias = np.broadcast_to(numbers.ravel(), outputs)
    added = numbers_of(context, node, "bias", bias)
    return replace(logits, bias=added if logits.bias is None else logits.bias + added)
