"""Sequences of unequal length: packed ones, sorted by their lengths and put back, and the last step of each."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.onnx.context import Context
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Flow, Given, LastSteps, Order, Value, needed, padded
from workloads.importers.onnx.operations import Final, Recurrence

SORTED = "the graph sorts its sequences by their lengths and puts them back, which a model does not need"


def top_k(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """All lengths, the largest first, and the order that sorts them so."""
    lengths, _ = padded(node, given, 2)
    if not isinstance(lengths, Flow) or len(lengths.shape) != 1 or not node.integer("largest", 1):
        raise node.refused("is supported where it sorts sequences by their lengths only")
    context.note(SORTED)
    return [replace(lengths, by_length=True), Order(False, lengths.shape)]


def scatter_elements(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """The order that puts sorted sequences back."""
    _, order, updates = padded(node, given, 3)
    if (
        not isinstance(order, Order)
        or not isinstance(updates, np.ndarray)
        or not np.array_equal(updates, np.arange(updates.size))
    ):
        raise node.refused("is supported where it puts sequences back in order only")
    return [replace(order, back=not order.back)]


def reordered(node: Node, value: Value | None, order: Order) -> Value:
    """Sequences sorted, or put back: to a model they are the same ones."""
    if not isinstance(value, Flow) or value.by_length is not order.back:
        raise node.refused("must sort sequences by their lengths, or put sorted ones back")
    return replace(value, by_length=not order.back)


def check_lengths(context: Context, node: Node, lengths: Value | None, steps: int) -> bool:
    """Whether sequences end before the last step; BadInput where that is neither known nor an input's to say."""
    if lengths is None or (isinstance(lengths, np.ndarray) and _all(lengths, steps)):
        return False
    if isinstance(lengths, np.ndarray):
        raise node.refused("sequence_lens must be an input of the graph, or the number of steps")
    names = context.used(lengths, "lengths") if isinstance(lengths, Flow) else None
    if names is None:
        raise node.refused("sequence_lens must be an input of the graph as it is")
    context.note(f"input {names} holds the lengths of sequences, which a model takes with its data")
    return True


def _all(lengths: Array, steps: int) -> bool:
    return bool(np.all(lengths == steps))


def gather_nd(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """``output[arange(B), lengths - 1]``."""
    data, pairs = padded(node, given, 2)
    if not isinstance(data, Flow) or not isinstance(pairs, LastSteps) or len(data.shape) != 3:
        raise node.refused("is supported where it takes the last step of each sequence only")
    first = data if pairs.steps_first else data.moved(lambda array: array.swapaxes(0, 1))
    return [_last(context, node, first, pairs.lengths)]


def last_rows(context: Context, node: Node, data: Flow, indices: Flow) -> Flow:
    """The same of rows: of ``(B * T, H)`` by ``lengths - 1 + T * arange(B)``, or of ``(T * B, H)``."""
    sequences = indices.shape[0] if indices.shape else 0
    steps = data.shape[0] // sequences if sequences and data.shape else 0
    every = np.arange(sequences)
    lengths = replace(indices, scale=None, shift=None)
    if len(data.shape) == 2 and _bent(indices, 1, steps * every - 1):
        return _last(context, node, data.moved(lambda a: a.reshape(sequences, steps, -1).swapaxes(0, 1)), lengths)
    if len(data.shape) == 2 and _bent(indices, sequences, every - sequences):
        return _last(context, node, data.moved(lambda a: a.reshape(steps, sequences, -1)), lengths)
    raise node.refused("is supported where it takes the last step of each sequence, or by constant indices")


def gather_elements(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """``output.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, H))``."""
    data, indices = padded(node, given, 2)
    axis = node.integer("axis", 0)
    if not isinstance(data, Flow) or not isinstance(indices, Flow) or axis not in (0, 1) or len(data.shape) != 3:
        raise node.refused("is supported where it takes the last step of each sequence only")
    first, each = (flow.moved(lambda a: np.moveaxis(a, axis, 0)) for flow in (data, indices))
    if each.shape != (1, *first.shape[1:]) or (each.ids != each.ids[..., :1]).any() or not _bent(each, 1, -1):
        raise node.refused("is supported where it takes the last step of each sequence only")
    lengths = replace(each.moved(lambda a: a[0, :, 0]), scale=None, shift=None)
    return [_last(context, node, first, lengths).moved(lambda a: np.expand_dims(a, axis))]


def _bent(indices: Flow, scale: float, shift: Array | float) -> bool:
    """Whether indices are what was given, so scaled and shifted."""
    ours = (1.0 if indices.scale is None else indices.scale, 0.0 if indices.shift is None else indices.shift)
    return bool(np.all(ours[0] == scale) and np.all(ours[1] == shift))


def _last(context: Context, node: Node, h: Flow, lengths: Flow) -> Flow:
    """h ``(T, B, H)`` at the last step of each sequence, where all of it reads forwards."""
    names = context.used(lengths, "lengths")
    (*_, source) = context.found(h.ids)[1]
    positions = np.arange(source.stop - source.start).reshape(*source.grid, source.size) + source.start
    forwards = isinstance(source.of, Recurrence) and not any(below.reverse for below in needed((source,)))
    if names is None or not forwards or not np.array_equal(h.ids, positions) or h.scale is not None:
        raise node.refused("the last step of each sequence can be taken of h of layers that all read forwards only")
    context.note(f"input {names} holds the lengths of sequences, which a model takes with its data")
    made = context.source(node, (1, source.grid[1]), source.size, Final(source), timed=True)
    return Flow(made.at(np.arange(source.grid[1])))
