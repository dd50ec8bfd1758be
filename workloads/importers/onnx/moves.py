"""Operations that only bring elements into another order or shape: the same of numbers and of data on its way."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.onnx.context import Context, Rule
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import (
    Flow,
    Given,
    LastSteps,
    Move,
    Order,
    Stored,
    Value,
    axes_of,
    checked_axis,
    integers,
    padded,
)

Plan = Callable[[Context, Node, tuple[int, ...], Given], Move]
"""What an operation does to an array of a shape, from its attributes and its other inputs."""


def moving(plan: Plan, inputs: int = 1) -> Rule:
    """The rule of an operation that moves the elements of its first input, and takes numbers beside it."""

    def rule(context: Context, node: Node, given: Given) -> Sequence[Value]:
        first, *numbers = padded(node, given, inputs)
        if first is None or not all(value is None or isinstance(value, np.ndarray) for value in numbers):
            raise node.refused("must take constant numbers beside what it brings into order")
        if isinstance(first, Order):
            return [first]
        if isinstance(first, LastSteps):
            raise node.refused("must not bring the indices of last steps into another order")
        return [moved(first, plan(context, node, first.shape, [first, *numbers]))]

    return rule


def moved(value: Value, move: Move) -> Value:
    if isinstance(value, np.ndarray):
        return np.asarray(move(value))  # numpy makes a scalar of an array without axes
    return value if isinstance(value, Order | LastSteps) else value.moved(move)


def unchanged(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    return lambda array: array


def dropout(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    training = given[2]
    if isinstance(training, np.ndarray) and training.any():
        raise node.refused("must not be in training mode: export the model after eval()")
    return unchanged(context, node, shape, given)


def transpose(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    order = node.integers("perm") or tuple(range(len(shape)))[::-1]
    if sorted(order) != list(range(len(shape))):
        raise node.refused(f"perm must be an order of {len(shape)} axes, not {order}")
    return lambda array: array.transpose(order)


def squeeze(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    chosen = axes_of(node, given)
    axes = {k for k, size in enumerate(shape) if size == 1}
    if chosen is not None:
        named = {checked_axis(node, axis, len(shape)) for axis in chosen}
        if not named <= axes:
            raise node.refused("must drop axes of one element only")
        axes = named
    return lambda array: np.squeeze(array, tuple(axes))


def unsqueeze(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    chosen = axes_of(node, given) or ()
    rank = len(shape) + len(chosen)
    new = {checked_axis(node, axis, rank) for axis in chosen}
    if len(new) != len(chosen) or rank > 8:
        raise node.refused(f"axes must be distinct and few, not {chosen}")
    return lambda array: np.expand_dims(array, tuple(new))


def reshape(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    sizes = list(integers(node, "shape", given[1]))
    if not node.integer("allowzero", 0):
        sizes = [shape[k] if size == 0 and k < len(shape) else size for k, size in enumerate(sizes)]
    target, whole = list(sizes), math.prod(shape)
    if target.count(-1) == 1:
        others = math.prod(size for size in target if size != -1)
        target[target.index(-1)] = whole // others if others > 0 and whole % others == 0 else 0
    if min(target, default=1) < 1 or math.prod(target) != whole:
        raise node.refused(f"must not bring {context.said(shape)} to {context.said(sizes)}")
    context.spend(node, 0 if isinstance(given[0], Flow) else whole)
    return lambda array: array.reshape(target)


def flatten(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    axis = node.integer("axis", 1)
    axis += len(shape) if axis < 0 else 0
    if not 0 <= axis <= len(shape):
        raise node.refused(f"axis must be one of {len(shape)}, not {axis}")
    return lambda array: array.reshape(math.prod(shape[:axis]), math.prod(shape[axis:]))


def expand(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    target = integers(node, "shape", given[1])
    rank = max(len(target), len(shape))
    pairs = list(zip((1,) * (rank - len(shape)) + shape, (1,) * (rank - len(target)) + target, strict=True))
    if rank > 8 or any(
        ours < 1 or theirs < 1 or (ours != theirs and 1 not in (ours, theirs)) for ours, theirs in pairs
    ):
        raise node.refused(f"must not bring {context.said(shape)} to {context.said(target)}")
    wanted = tuple(max(pair) for pair in pairs)
    check_small(context, node, wanted)
    return lambda array: np.broadcast_to(array, wanted)


def tile(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    repeats = integers(node, "repeats", given[1])
    if len(repeats) != len(shape) or min(repeats, default=1) < 1:
        raise node.refused(f"repeats must be {len(shape)} and positive, not {context.said(repeats)}")
    wanted = tuple(size * times for size, times in zip(shape, repeats, strict=True))
    check_small(context, node, wanted)
    context.spend(node, 0 if isinstance(given[0], Flow) else math.prod(wanted))
    return lambda array: np.tile(array, repeats)


def check_small(context: Context, node: Node, wanted: tuple[int, ...]) -> None:
    """A repeated number takes no memory, but what is made of it may."""
    if any(size < 0 for size in wanted) or math.prod(wanted) > 2**26:
        raise node.refused(f"a shape must be positive and not huge, not {context.said(wanted)}")


def slice_(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    """Attributes up to opset 9, inputs since."""
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
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise node.refused("starts, ends, axes and steps must be as many, and steps not 0")
    parts = [slice(None)] * len(shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis = checked_axis(node, axis, len(shape))
        _check_bounds(context, node, shape[axis], (start, end))
        # Backwards, an end before the first element is None to numpy.
        stop = None if step < 0 and end < -shape[axis] else end
        parts[axis] = slice(start, stop, step)
        if not range(shape[axis])[parts[axis]]:
            raise node.refused(f"must not be empty: takes {start}:{end}:{step} of axis {axis}")
    return lambda array: array[tuple(parts)]


_ALL = 2**31 - 1
"""From here on a bound says "to the end": what exporters write for it."""


def _check_bounds(context: Context, node: Node, size: int, bounds: tuple[int, int]) -> None:
    """A bound beyond the size that was tried would cut a larger one."""
    for bound in bounds:
        if context.is_free(size) and size < abs(bound) < _ALL:
            raise node.refused(f"must not cut axis {context.named(size)} at {bound}")


def gather(context: Context, node: Node, shape: tuple[int, ...], given: Given) -> Move:
    indices = given[1]
    if not isinstance(indices, np.ndarray) or indices.dtype.kind not in "iu":
        raise node.refused("indices must be constant integers")
    axis = checked_axis(node, node.integer("axis", 0), len(shape))
    if indices.size and not -shape[axis] <= indices.min() <= indices.max() < shape[axis]:
        raise node.refused(f"indices must lie within {context.named(shape[axis])}, not {indices.max()}")
    count = math.prod(shape) // max(1, shape[axis]) * indices.size
    check_small(context, node, (count,))
    context.spend(node, 0 if isinstance(given[0], Flow) else count)
    return lambda array: np.take(array, indices, axis)


def split(context: Context, node: Node, given: Given) -> Sequence[Value]:
    value, sizes = padded(node, given, 2)
    if not isinstance(value, np.ndarray | Flow | Stored):
        raise node.refused("must split numbers, or data on its way")
    axis = checked_axis(node, node.integer("axis", 0), len(value.shape))
    parts, size = len(node.outputs), value.shape[axis]
    given_sizes = node.integers("split") if sizes is None else integers(node, "split", sizes)
    if given_sizes is None:
        each = -(-size // parts)
        given_sizes = tuple(min(each, size - k * each) for k in range(parts))
    if len(given_sizes) != parts or sum(given_sizes) != size or min(given_sizes) < 1:
        raise node.refused(f"parts must be {parts} that make up {context.named(size)}, not {given_sizes}")
    bounds = np.cumsum((0, *given_sizes))
    return [moved(value, _part(axis, start, stop)) for start, stop in itertools.pairwise(bounds)]


def _part(axis: int, start: int, stop: int) -> Move:
    return lambda array: array[(slice(None),) * axis + (slice(start, stop),)]


def concat(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Numbers side by side, or data on its way; not one with the other."""
    axis = node.integer("axis", 0)
    if (pairs := last_steps(given)) is not None:
        return [pairs]
    values = [value.numbers if isinstance(value, Stored) else value for value in given]
    if len({_others(node, value, axis) for value in values}) > 1:
        raise node.refused("must join what has equal sizes on its other axes")
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if len(arrays) == len(values):
        context.spend(node, sum(array.size for array in arrays))
        return [np.concatenate(arrays, axis)]
    flows = [value for value in values if isinstance(value, Flow)]
    if len(flows) != len(values):
        raise node.refused("must not join numbers with what depends on the input")
    if len({(flow.rounded, flow.by_length) for flow in flows}) > 1:
        raise node.refused("must not join sequences that lie in different orders")
    return [
        Flow(
            np.concatenate([flow.ids for flow in flows], axis),
            _joined([flow.scale for flow in flows], flows, 1.0, axis),
            _joined([flow.shift for flow in flows], flows, 0.0, axis),
            flows[0].rounded,
            flows[0].by_length,
        )
    ]


def last_steps(given: Given) -> LastSteps | None:
    """Numbers of sequences ``(B, 1)`` beside their lengths minus 1, where that is what is joined."""
    numbers = [value for value in given if isinstance(value, np.ndarray)]
    flows = [value for value in given if isinstance(value, Flow)]
    if len(given) != 2 or len(numbers) != 1 or len(flows) != 1 or numbers[0].shape != (len(numbers[0]), 1):
        return None
    (sequences,), (lengths,) = numbers, flows
    before = lengths.shift is not None and (lengths.shift == -1).all() and lengths.scale is None
    if not before or not np.array_equal(sequences[:, 0], np.arange(len(sequences))):
        return None
    return LastSteps(replace(lengths, shift=None), isinstance(given[0], Flow))


def _others(node: Node, value: Value | None, axis: int) -> tuple[int, ...]:
    if not isinstance(value, np.ndarray | Flow):
        raise node.refused("must join numbers, or data on its way")
    axis = checked_axis(node, axis, len(value.shape))
    return (*value.shape[:axis], -1, *value.shape[axis + 1 :])


def _joined(numbers: Sequence[Array | None], flows: list[Flow], default: float, axis: int) -> Array | None:
    if all(array is None for array in numbers):
        return None
    filled = [np.full(f.shape, default) if a is None else a for a, f in zip(numbers, flows, strict=True)]
    return np.concatenate(filled, axis)


def shape(context: Context, node: Node, given: Given) -> Sequence[Value]:
    (value,) = given
    if not isinstance(value, np.ndarray | Flow | Stored | Order):
        raise node.refused("must take the shape of numbers, or of data on its way")
    sizes = value.shape
    return [np.array(sizes[node.integer("start", 0) : node.integer("end", len(sizes))], np.int64)]


def size(context: Context, node: Node, given: Given) -> Sequence[Value]:
    (value,) = given
    if not isinstance(value, np.ndarray | Flow | Stored):
        raise node.refused("must take the size of numbers, or of data on its way")
    return [np.array(math.prod(value.shape), np.int64)]
