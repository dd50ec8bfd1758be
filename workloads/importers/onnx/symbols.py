"""Where symbols become vectors: embedding and one-hot."""

from collections.abc import Sequence

import numpy as np

from workloads.importers.onnx import lengths, moves
from workloads.importers.onnx.constants import known
from workloads.importers.onnx.context import Context, numbers_of
from workloads.importers.onnx.file import Node
from workloads.importers.onnx.flow import Flow, Given, Order, Source, Value, integers, padded
from workloads.importers.onnx.operations import Lookup


def gather(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """An embedding, or elements by constant indices."""
    data, indices = padded(node, given, 2)
    if isinstance(indices, Order):
        return [lengths.reordered(node, data, indices)]
    if not isinstance(indices, Flow):
        return moves.moving(moves.gather, 2)(context, node, given)
    if isinstance(data, Flow):
        return [lengths.last_rows(context, node, data, indices)]
    table = known(data)
    if table is None:
        raise node.refused("indices must be constant, unless they look rows of a table up")
    if table.ndim != 2 or not table.size or node.integer("axis", 0) not in (0, -2):
        raise node.refused("must look rows of a table up by the input's symbols")
    symbols = _symbols(context, node, indices)
    rows = numbers_of(context, node, "table", table)
    return [_looked_up(context, node, indices, symbols, rows.shape[1], Lookup(node, symbols, rows, node.inputs[0]))]


def one_hot(context: Context, node: Node, given: Given) -> Sequence[Value]:
    flow, depth, values = padded(node, given, 3)
    if not isinstance(flow, Flow):
        raise node.refused("must turn the input's symbols into columns")
    symbols = _symbols(context, node, flow)
    columns = integers(node, "depth", depth)
    if len(columns) != 1 or not 1 <= columns[0] <= 2**16:
        raise node.refused("depth must be one number, between 1 and 65536")
    if not isinstance(values, np.ndarray) or values.tolist() != [0, 1]:
        raise node.refused("values must be 0 and 1")
    if node.integer("axis", -1) not in (-1, len(flow.shape)):
        raise node.refused("axis must be the last one")
    return [_looked_up(context, node, flow, symbols, columns[0], Lookup(node, symbols, None))]


def equal(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """``symbols[..., None] == arange(n)``: one-hot, as torch.export has it."""
    flows = [value for value in given if isinstance(value, Flow)]
    numbers = [value for value in given if isinstance(value, np.ndarray)]
    if len(flows) != 1 or len(numbers) != 1 or flows[0].shape[-1:] != (1,):
        raise node.refused("must compare the input's symbols with 0, 1, 2 and so on")
    (flow,), (columns,) = flows, numbers
    if (
        columns.shape[-1:] != (columns.size,)
        or columns.ndim > len(flow.shape)
        or not np.array_equal(columns.ravel(), np.arange(columns.size))
    ):
        raise node.refused("must compare the input's symbols with 0, 1, 2 and so on")
    symbols = _symbols(context, node, flow)
    flat = flow.moved(lambda array: array[..., 0])
    return [_looked_up(context, node, flat, symbols, columns.size, Lookup(node, symbols, None))]


def _symbols(context: Context, node: Node, flow: Flow) -> Source:
    """The input of the graph that symbols come from, as they are."""
    _, there = context.found(flow.ids)
    if len(there) != 1 or there[0].entry is None or flow.scale is not None or flow.shift is not None:
        raise node.refused("must be given the input's symbols, as they are")
    if not (flow.rounded or there[0].integers):
        raise node.refused("must be given integers")
    context.used(flow, "data")
    return there[0]


def _looked_up(context: Context, node: Node, flow: Flow, symbols: Source, size: int, of: Lookup) -> Flow:
    made = context.source(node, symbols.grid, size, of, timed=False, integers=of.table is None)
    return Flow(made.at(flow.ids - symbols.start), by_length=flow.by_length)
