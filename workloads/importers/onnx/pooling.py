"""Mean and maximum over the steps."""

from collections.abc import Sequence

import numpy as np

from workloads.config import Pooling
from workloads.importers.onnx.context import Context, Rule
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Flow, Given, Value, axes_of, checked_axis
from workloads.importers.onnx.operations import Pooled


def reduction(kind: Pooling, summed: bool = False) -> Rule:
    """The rule of ReduceMean, ReduceMax and ReduceSum."""

    def rule(context: Context, node: Node, given: Given) -> Sequence[Value]:
        flow, rank = _flow(node, given), len(_flow(node, given).shape)
        chosen = axes_of(node, given)
        if not chosen and node.integer("noop_with_empty_axes", 0):
            return [flow]
        axes = tuple({checked_axis(node, axis, rank) for axis in (range(rank) if chosen is None else chosen)})
        return [_reduced(context, node, flow, axes, kind, summed, keep=bool(node.integer("keepdims", 1)))]

    return rule


def over_the_last(kind: Pooling) -> Rule:
    """The rule of GlobalAveragePool and GlobalMaxPool: over all axes behind the first two."""

    def rule(context: Context, node: Node, given: Given) -> Sequence[Value]:
        flow = _flow(node, given)
        axes = tuple(range(2, len(flow.shape)))
        return [_reduced(context, node, flow, axes, kind, summed=False, keep=True)]

    return rule


def over_a_window(kind: Pooling) -> Rule:
    """The rule of AveragePool and MaxPool, whose one window must hold all steps."""

    def rule(context: Context, node: Node, given: Given) -> Sequence[Value]:
        shape = _flow(node, given).shape
        plain = not any(node.integers("pads") or ()) and set(node.integers("dilations") or (1,)) == {1}
        if node.integers("kernel_shape") != shape[2:] or not plain:
            raise node.refused("must pool all steps at once, without padding")
        return over_the_last(kind)(context, node, given)

    return rule


def _flow(node: Node, given: Given) -> Flow:
    if not given or not isinstance(given[0], Flow):
        raise node.refused("is not supported on numbers that do not depend on the input")
    return given[0]


def _reduced(
    context: Context, node: Node, flow: Flow, axes: tuple[int, ...], kind: Pooling, summed: bool, keep: bool
) -> Flow:
    kept = tuple(1 if k in axes else size for k, size in enumerate(flow.shape))
    others = tuple(size for k, size in enumerate(flow.shape) if k not in axes)

    def gathered(array: Array) -> Array:
        """What is reduced along the last axis."""
        return np.moveaxis(array, axes, range(-len(axes), 0)).reshape(*others, -1)

    groups = flow.moved(gathered)
    if groups.shape[-1] > 1:
        groups = _pooled(context, node, groups, kind, summed)
    return groups.moved(lambda array: array[..., 0].reshape(kept if keep else others))


def _pooled(context: Context, node: Node, groups: Flow, kind: Pooling, summed: bool) -> Flow:
    """Each group, along the last axis, must hold one element of one sequence at all steps."""
    which, there = context.found(groups.ids)
    ids, steps = np.empty_like(groups.ids[..., :1]), groups.shape[-1]
    for k, source in enumerate(there):
        if not source.timed or source.grid[0] != steps:
            raise node.refused("must run over all steps of what a recurrent layer computes")
        rows = groups.ids[(which == k).any(-1)] - source.start
        places, vector = np.sort(rows, axis=-1), source.grid[1] * source.size
        if (places != places[:, :1] % vector + vector * np.arange(steps)).any():
            raise node.refused("must run over all steps, of one element of h at a time")
        made = context.source(
            node, (1, source.grid[1]), source.size, Pooled(node, kind, source), True, False, source.reverse
        )
        ids[(which == k).any(-1)] = made.start + places[:, :1]
    if kind == "max" and (groups.scale is not None or groups.shift is not None):
        raise node.refused("must pool h as it is, not scaled or shifted")
    for numbers in (groups.scale, groups.shift):
        if numbers is not None and (numbers != numbers[..., :1]).any():
            raise node.refused("must pool what is scaled and shifted alike at all steps")
    if summed:
        context.note("a sum over the steps is taken as their mean times their number")
    factor = steps if summed else 1
    scale = factor if groups.scale is None else factor * groups.scale[..., :1]
    shift = None if groups.shift is None else factor * groups.shift[..., :1]
    return Flow(
        ids, np.broadcast_to(np.float64(scale), ids.shape) if summed or groups.scale is not None else None, shift
    )
