"""Sequences of unequal length, as PyTorch exports packed ones: sorted by their lengths, and put back."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Context, Flow, Given, Order, Value, padded

SORTED = "the graph sorts its sequences by their lengths and puts them back, which a model does not need"


def top_k(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """All lengths, the largest first, and the order that sorts them so."""
    lengths, _ = padded(node, given, 2)
    if not isinstance(lengths, Flow) or len(lengths.shape) != 1 or not node.integer("largest", 1):
        raise node.refused("is supported where it sorts sequences by their lengths only")
    context.note(SORTED)
    return [replace(lengths, by_length=True), Order(back=False)]


def scatter_elements(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """The order that puts sorted sequences back."""
    _, order, updates = padded(node, given, 3)
    if (
        not isinstance(order, Order)
        or not isinstance(updates, np.ndarray)
        or not np.array_equal(updates, np.arange(updates.size))
    ):
        raise node.refused("is supported where it puts sequences back in order only")
    return [Order(back=not order.back)]


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
