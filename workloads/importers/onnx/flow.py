"""What a tensor of an ONNX graph stands for, and what the rules of operations have in common."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from workloads.importers.network import Float32s, FloatLayer, Note, as_float32
from workloads.importers.onnx.file import Array, Node


@dataclass(frozen=True)
class Axis:
    """What an axis of a tensor runs over. An axis of one element is none: it may come and go."""

    name: str
    size: int
    free: bool = False
    """The graph does not fix the size."""


Axes = tuple[tuple[Axis, ...], ...]
"""One entry for each axis of a tensor: what it runs over; several where axes were merged, none where it has one
element."""
What = Literal["symbols", "features", "one_hot", "embedded", "h", "c", "logits"]


@dataclass(frozen=True, eq=False)
class Flow:
    """Data on its way, and what has been computed of it."""

    axes: Axes
    what: What
    one_hot: bool = False
    table: Float32s | None = None  # (symbols, size) embedding
    layers: tuple[FloatLayer, ...] = ()
    steps: tuple[Axis, ...] = ()
    sequences: tuple[Axis, ...] = ()
    elements: tuple[Axis, ...] = ()
    """What the elements of a vector lie along: known from an embedding or one-hot on, else from the first layer on."""
    last: bool = False
    """Only the last step is left."""
    weight: Float32s | None = None  # (V, H) readout
    bias: Float32s | None = None  # (V,)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(math.prod(axis.size for axis in axes) for axes in self.axes)

    @property
    def rank(self) -> tuple[int, int]:
        """The farther from the input the higher: logits, h at every step, h at the last one; then by layers."""
        order: dict[What, int] = {"logits": 3, "h": 1 if self.last else 2}
        return order.get(self.what, 0), len(self.layers)


@dataclass(frozen=True, eq=False)
class Carried:
    """States after the last step, stacked or not: a model returns them beside its output."""

    layers: tuple[tuple[FloatLayer, ...], ...]
    """For each of them, the layers that computed it."""


Value = Array | Flow | Carried
Given = list[Value | None]


@dataclass
class Context:
    """What a pass over a graph has beside the values: whom it tells, and what it may yet make."""

    note: Note
    budget: int
    """Numbers that may be made of constants: more than any export has use for, and bounded by the file's own."""

    def spend(self, node: Node, count: int) -> None:
        """Account for `count` numbers that are about to be made."""
        self.budget -= count
        if self.budget < 0:
            raise node.refused("makes more numbers than an export has use for")


ConstantRule = Callable[[Context, Node, Given], Array]
FlowRule = Callable[[Context, Node, Given], Sequence[Value]]


def numbers_of(context: Context, node: Node, what: str, array: Array) -> Float32s:
    """Weights in float32, a copy."""
    context.spend(node, array.size)
    return as_float32(array, f"node {node.name!r} ({node.op}): {what}", context.note)


def along(axis: Axis) -> tuple[Axis, ...]:
    """What an axis of a tensor runs over, of one element: nothing."""
    return (axis,) if axis.size > 1 else ()


def padded(node: Node, given: Given, most: int) -> Given:
    """`most` inputs, None where they are not given; BadInput where there are more."""
    if len(given) > most:
        raise node.refused(f"must have at most {most} inputs, not {len(given)}")
    return [*given, *[None] * (most - len(given))]


def checked_axis(node: Node, axis: int, rank: int) -> int:
    """An axis counted from the start; BadInput where there are not so many."""
    if not -rank <= axis < rank:
        raise node.refused(f"axis must be one of {rank}, not {axis}")
    return axis % rank


def integers(node: Node, what: str, value: Value | None) -> tuple[int, ...]:
    """Constant integers, few."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu" or value.ndim > 1 or value.size > 8:
        raise node.refused(f"{what} must be constant integers, at most 8")
    return tuple(int(item) for item in value.ravel())


def axes_of(node: Node, given: Given) -> tuple[int, ...] | None:
    """Axes of Squeeze and Unsqueeze: an attribute up to opset 12, an input since."""
    value = padded(node, given, 2)[1]
    return node.integers("axes") if value is None else integers(node, "axes", value)


def slices(node: Node, given: Given, rank: int) -> dict[int, slice]:
    """What Slice takes of each axis: attributes up to opset 9, inputs since."""
    starts, ends, axes = (node.integers(name) for name in ("starts", "ends", "axes"))
    steps = None
    if any(value is not None for value in given[1:]):
        starts, ends, axes, steps = (
            None if value is None else integers(node, what, value)
            for what, value in zip(("starts", "ends", "axes", "steps"), padded(node, given, 5)[1:], strict=True)
        )
    if starts is None or ends is None:
        raise node.refused("starts and ends are missing")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or any(step < 1 for step in steps):
        raise node.refused("starts, ends, axes and steps must be as many, and steps positive")
    return {
        checked_axis(node, axis, rank): slice(start, end, step)
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    }


def part_of_shape(node: Node, shape: tuple[int, ...]) -> Array:
    """What Shape takes of a shape."""
    return np.array(shape[node.integer("start", 0) : node.integer("end", len(shape))], np.int64)


def target_shape(node: Node, shape: tuple[int, ...], target: Value | None) -> tuple[int, ...]:
    """A Reshape's target with 0 (as it was) and -1 (what is left) filled in."""
    sizes = list(integers(node, "shape", target))
    if not node.integer("allowzero", 0):
        sizes = [shape[k] if size == 0 and k < len(shape) else size for k, size in enumerate(sizes)]
    if sizes.count(-1) == 1:
        others, whole = math.prod(size for size in sizes if size != -1), math.prod(shape)
        sizes[sizes.index(-1)] = whole // others if others > 0 and whole % others == 0 else 0
    if min(sizes, default=1) < 1 or math.prod(sizes) != math.prod(shape):
        given = integers(node, "shape", target)
        raise node.refused(f"must not bring {shape} to {given} (sizes of four digits may stand for any)")
    return tuple(sizes)


def one_of(node: Node, flow: Flow, axis: int, index: int, keep: bool) -> Flow:
    """`flow` at one index of an axis, kept with one element where `keep` says so: the last step, nothing else."""
    over = flow.axes[axis]
    kept: Axes = ((),) if keep else ()
    axes = (*flow.axes[:axis], *kept, *flow.axes[axis + 1 :])
    if not over and index in (0, -1):
        return replace(flow, axes=axes)
    if flow.layers and over == flow.steps and index in (-1, over[0].size - 1):
        return replace(flow, axes=axes, last=True)
    raise node.refused(f"must take the last step, not element {index} of axis {axis}")
