"""A pass over a graph: its sources, and what is read of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from workloads.importers.network import Float32s, Note, as_float32
from workloads.importers.onnx.file import Node
from workloads.importers.onnx.flow import Flow, Given, Ids, Operation, Reads, Source, Stored, Value, Weights


@dataclass(frozen=True, eq=False)
class Reading:
    """What is read along the last axis of a tensor, and where: flat positions ``(...)`` in `grid`."""

    reads: Reads
    grid: tuple[int, ...]
    positions: Ids
    timed: bool


MOST_ELEMENTS = 2**24
"""Of one tensor: ids take eight bytes, and reading them a few times as much."""


@dataclass
class Context:
    """What a pass over a graph has beside the values: whom it tells, what it may yet make, and all sources."""

    note: Note
    budget: int
    """Numbers that may be made of constants: more than any export has use for, and bounded by the file's own."""
    free: dict[int, str]
    """Sizes that stand for an axis of no fixed size, all of them primes, and what the axis is called."""
    opset: int
    sources: list[Source] = field(default_factory=list)
    roles: dict[str, set[str]] = field(default_factory=dict)
    """What each input of the graph is used as: data, state or lengths."""

    def spend(self, node: Node, count: int) -> None:
        """Account for `count` numbers that are about to be made."""
        self.budget -= count
        if self.budget < 0:
            raise node.refused("makes more numbers than an export has use for")

    def said(self, shape: Sequence[int]) -> str:
        """A shape as a message shows it: an axis of no fixed size by its name."""
        return f"({', '.join(map(self.named, shape))}{',' if len(shape) == 1 else ''})"

    def named(self, size: int) -> str:
        """A size as a message shows it."""
        factors = []
        for prime, name in self.free.items():
            while size > 0 and size % prime == 0:
                size //= prime
                factors.append(name)
        return " * ".join([*factors, *([str(size)] if size != 1 or not factors else [])])

    def is_free(self, size: int) -> bool:
        return any(size and size % prime == 0 for prime in self.free)

    def source(
        self,
        node: Node,
        grid: tuple[int, ...],
        size: int,
        of: Operation,
        timed: bool,
        integers: bool = False,
        reverse: bool = False,
    ) -> Source:
        if math.prod(grid) * size > MOST_ELEMENTS:
            raise node.refused(f"makes {self.said((*grid, size))} numbers, which are too many: export a smaller batch")
        self.sources.append(Source(self.stop, grid, size, of, timed, integers, reverse))
        return self.sources[-1]

    @property
    def stop(self) -> int:
        """The first id that is not given yet."""
        return self.sources[-1].stop if self.sources else 0

    def used(self, flow: Flow, role: str) -> str | None:
        """Take down what inputs of the graph are used as, and name them; None where it is not theirs alone."""
        names = [source.entry for source in self.found(flow.ids)[1] if source.entry is not None]
        if len(names) < len(self.found(flow.ids)[1]) or flow.scale is not None or flow.shift is not None:
            return None
        for name in names:
            self.roles.setdefault(name, set()).add(role)
        return " and ".join(names)

    def found(self, ids: Ids) -> tuple[NDArray[np.intp], list[Source]]:
        """For each id its source, as an index into those that are there: the ones that read forwards come first."""
        starts = np.array([source.start for source in self.sources])
        there, which = np.unique(np.searchsorted(starts, ids, "right") - 1, return_inverse=True)
        order = np.argsort([self.sources[k].reverse for k in there], kind="stable")
        return np.argsort(order)[which].reshape(ids.shape), [self.sources[k] for k in there[order]]

    def read(self, node: Node, flow: Flow) -> Reading:
        """What lies along the last axis; BadInput where it isn't the same at each position."""
        if flow.rounded:
            raise node.refused("must not round: reads what was cast to integers")
        if not flow.shape:
            raise node.refused("must read vectors, not one number")
        ids = flow.ids.reshape(-1, flow.shape[-1])
        which, there = self.found(ids)
        if (which != which[0]).any():
            raise node.refused("must read the same at all steps and sequences")
        if any(source.entry is not None for source in there):
            if len(there) > 1:
                raise node.refused("must not join inputs of the graph with anything else")
            self.used(Flow(ids), "data")
            found = _of_input(node, there[0], ids)
        else:
            found = _of_vectors(node, there, which[0], ids)
        parts, steps, width, columns, grid, positions = found
        scale, shift = _along(node, flow.scale, 1.0, ids.shape[1]), _along(node, flow.shift, 0.0, ids.shape[1])
        reads = Reads(tuple(parts), tuple(steps), width, columns, scale, shift)
        return Reading(reads, grid, positions.reshape(flow.shape[:-1]), there[0].timed)

    def made(self, node: Node, reading: Reading, size: int, of: Operation) -> Flow:
        """The vectors that `of` makes where it reads."""
        return Flow(self.source(node, reading.grid, size, of, reading.timed).at(reading.positions))

    def twins(self, node: Node, flow: Flow, make: Callable[[Source], Operation]) -> Flow:
        """What an operation makes of every element by itself."""
        which, there = self.found(flow.ids)
        ids = np.empty_like(flow.ids)
        for k, source in enumerate(there):
            twin = self.source(node, source.grid, source.size, make(source), source.timed, False, source.reverse)
            ids[which == k] = flow.ids[which == k] - source.start + twin.start
        return replace(flow, ids=ids)


_Found = tuple[list[Source], list[int | None], int, Ids, tuple[int, ...], Ids]
"""Parts, their steps, their elements, the columns that are read; and the positions that it is read at."""


def _of_input(node: Node, source: Source, ids: Ids) -> _Found:
    """A vector along one axis of an input of the graph."""
    coordinates = np.unravel_index(ids - source.start, source.grid)
    along = [k for k, places in enumerate(coordinates) if (places != places[:, :1]).any()]
    if not along:  # one element; of several that there are, it is the same one everywhere
        fixed = [k for k, size in enumerate(source.grid) if size > 1 and (coordinates[k] == coordinates[k][0]).all()]
        along = fixed[-1:]
    if len(along) > 1:
        raise node.refused("must not merge axes of the input")
    axis = along[0] if along else None
    columns = np.zeros(ids.shape[1], np.int64) if axis is None else coordinates[axis][0]
    if axis is not None and (coordinates[axis] != columns).any():
        raise node.refused("must read the same elements at all steps and sequences")
    grid = tuple(1 if k == axis else size for k, size in enumerate(source.grid))
    others = [np.zeros(len(ids), np.int64) if k == axis else places[:, 0] for k, places in enumerate(coordinates)]
    positions = np.ravel_multi_index(others, grid) if grid else np.zeros(len(ids), np.int64)
    return [source], [None], 1 if axis is None else source.grid[axis], columns, grid, positions


def _of_vectors(node: Node, there: list[Source], which: NDArray[np.intp], ids: Ids) -> _Found:
    """A vector of elements of sources, which may be read at steps of their own."""
    sizes = np.array([source.size for source in there])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = ids - np.array([source.start for source in there])[which]
    elements, positions = places % sizes[which], places // sizes[which]
    if (elements != elements[0]).any():
        raise node.refused("must read the same elements at all steps and sequences")
    columns = offsets[which] + elements[0]
    steps: list[int | None] = [None] * len(there)
    grid = there[0].grid
    if any(source.timed != there[0].timed or source.grid[-1:] != grid[-1:] for source in there):
        raise node.refused("must not join what lies before the recurrent layers with what lies after them")
    together = all(source.grid == grid for source in there) and (positions == positions[:, :1]).all()
    if there[0].timed and (not together or grid[0] > 1):
        at, sequences = np.divmod(positions, grid[1])
        if not together or (at == at.flat[0]).all():
            if (sequences != sequences[:, :1]).any() or (at != at[0]).any():
                raise node.refused("must read one step of one sequence at a time, or the same steps everywhere")
            for k, source in enumerate(there):
                own = at[0, which == k]
                if (own != own[0]).any():
                    raise node.refused(
                        "must read the elements of a vector at the same step: pool the steps, or take the last one"
                    )
                steps[k] = None if source.grid[0] == 1 else int(own[0])
            return there, steps, int(offsets[-1]), columns, (1, grid[1]), sequences[:, 0]
    if not together:
        raise node.refused("must read elements of one vector at a time")
    return there, steps, int(offsets[-1]), columns, grid, positions[:, 0]


def _along(node: Node, numbers: NDArray[np.float64] | None, default: float, count: int) -> NDArray[np.float64]:
    """Numbers that are the same at every position."""
    if numbers is None:
        return np.full(count, default)
    rows: NDArray[np.float64] = numbers.reshape(-1, count)
    if (rows != rows[0]).any():
        raise node.refused("reads what is scaled or shifted by numbers that differ between steps or sequences")
    first: NDArray[np.float64] = rows[0]
    return first.copy()


def numbers_of(context: Context, node: Node, what: str, array: Weights) -> Float32s:
    """Weights in float32, a copy."""
    array = array.numbers if isinstance(array, Stored) else array
    context.spend(node, array.size)
    return as_float32(array, f"node {node.name!r} ({node.op}): {what}", context.note)


Rule = Callable[[Context, Node, Given], Sequence[Value]]
