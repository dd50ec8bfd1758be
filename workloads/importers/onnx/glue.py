"""Operations that only bring axes into another order, on data on its way."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import (
    Axis,
    Carried,
    Context,
    Flow,
    FlowRule,
    Given,
    Value,
    axes_of,
    checked_axis,
    integers,
    one_of,
    padded,
    part_of_shape,
    slices,
    target_shape,
)

_FLOAT_TYPES, _HALF_TYPES, _INT_TYPES = (1, 11), (10, 16), (6, 7)  # of onnx.proto's TensorProto.DataType


def on_flow(function: Callable[[Context, Node, Flow, Given], Flow | Array], inputs: int = 1) -> FlowRule:
    """The rule of an operation that changes its first input, and takes at most `inputs` - 1 numbers beside it."""

    def rule(context: Context, node: Node, given: Given) -> Sequence[Value]:
        flow, *numbers = given = padded(node, given, inputs)
        if not isinstance(flow, Flow) or any(isinstance(value, Flow) for value in numbers):
            raise node.refused("must take numbers beside what comes from the input")
        return [function(context, node, flow, given)]

    return rule


def unchanged(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    return flow


def dropout(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    training = given[2]
    if training is not None and not (isinstance(training, np.ndarray) and not training.any()):
        raise node.refused("must not be in training mode")
    return flow


def cast(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    to = node.integer("to", 0)
    if to in _HALF_TYPES:
        context.note("the graph computes in half precision, the model in float32")
    if to not in (*_FLOAT_TYPES, *_HALF_TYPES) and not (to in _INT_TYPES and flow.what in ("symbols", "one_hot")):
        raise node.refused(f"must not round (to type {to})")
    return flow


def shape(context: Context, node: Node, flow: Flow, given: Given) -> Array:
    return part_of_shape(node, flow.shape)


def transpose(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    order = node.integers("perm") or tuple(range(len(flow.axes)))[::-1]
    if sorted(order) != list(range(len(flow.axes))):
        raise node.refused(f"perm must be an order of {len(flow.axes)} axes, not {order}")
    return replace(flow, axes=tuple(flow.axes[k] for k in order))


def squeeze(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    chosen = axes_of(node, given)
    dropped = {k for k, over in enumerate(flow.axes) if not over}
    if chosen is not None:
        named = {checked_axis(node, axis, len(flow.axes)) for axis in chosen}
        if not named <= dropped:
            raise node.refused("must drop axes of one element only")
        dropped = named
    return replace(flow, axes=tuple(over for k, over in enumerate(flow.axes) if k not in dropped))


def unsqueeze(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    chosen = axes_of(node, given) or ()
    rank = len(flow.axes) + len(chosen)
    new = {checked_axis(node, axis, rank) for axis in chosen}
    if len(new) != len(chosen) or rank > 8:
        raise node.refused(f"axes must be distinct and few, not {chosen}")
    old = iter(flow.axes)
    return replace(flow, axes=tuple(() if k in new else next(old) for k in range(rank)))


def reshape(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    return _regrouped(node, flow, target_shape(node, flow.shape, given[1]))


def flatten(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    axis = node.integer("axis", 1)
    axis += len(flow.axes) if axis < 0 else 0
    if not 0 <= axis <= len(flow.axes):
        raise node.refused(f"axis must be one of {len(flow.axes)}, not {axis}")
    return _regrouped(node, flow, (math.prod(flow.shape[:axis]), math.prod(flow.shape[axis:])))


def _regrouped(node: Node, flow: Flow, target: tuple[int, ...]) -> Flow:
    """Neighbouring axes merged or parted as `target` has it; BadInput where one would be cut."""
    waiting = [axis for over in flow.axes for axis in over]
    axes: list[tuple[Axis, ...]] = []
    for size in target:
        group: list[Axis] = []
        while math.prod(axis.size for axis in group) < size and waiting:
            group.append(waiting.pop(0))
        if math.prod(axis.size for axis in group) != size:
            raise node.refused(f"must not cut axes ({flow.shape} to {target})")
        axes.append(tuple(group))
    return replace(flow, axes=tuple(axes))


def expand(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    """To the shape that it has: what torch.export leaves of an `expand` that does nothing."""
    target = integers(node, "shape", given[1])
    if len(target) > len(flow.axes) or any(
        size not in (1, have) for size, have in zip(target[::-1], flow.shape[::-1], strict=False)
    ):
        raise node.refused(f"must not repeat anything ({flow.shape} to {target})")
    return flow


def slice_(context: Context, node: Node, flow: Flow, given: Given) -> Flow:
    """All of an axis, or the last step."""
    for axis, part in slices(node, given, len(flow.axes)).items():
        indices = range(flow.shape[axis])[part]
        if len(indices) == 1:
            flow = one_of(node, flow, axis, indices[0], keep=True)
        elif indices != range(flow.shape[axis]):
            raise node.refused(f"must keep all of axis {axis}, or the last step")
    return flow


def concat(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """States after the last step, stacked: h of every layer, as PyTorch returns it."""
    flows = [value for value in given if isinstance(value, Flow)]
    if len(flows) != len(given) or not all(flow.layers and (flow.what == "c" or flow.last) for flow in flows):
        raise node.refused("must stack nothing but states after the last step")
    return [flows[0] if len(flows) == 1 else Carried(tuple(flow.layers for flow in flows))]
