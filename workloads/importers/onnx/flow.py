"""What a tensor of an ONNX graph stands for: numbers that are known, or elements of what is computed of the input.

Every computation makes a `Source`: a vector at each of its positions, each element with a number of its own, its id. A
tensor on its way (`Flow`) is an array of such ids. Transposing, slicing, gathering, joining and reshaping are then
numpy's own, and what a tensor holds in the end is read off its ids: which sources, which of their elements, which
steps. No pattern of an exporter has to be known.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from workloads.importers.network import Float32s, Note, StoredCodes, as_float32
from workloads.importers.onnx.chain import Chain
from workloads.importers.onnx.file import Array, Node

Ids = NDArray[np.int64]
Move = Callable[[Array], Array]
"""Brings the elements of an array into another order or shape, whatever they are."""


class Operation(Protocol):
    """What a source was computed by."""

    @property
    def rank(self) -> int:
        """The higher, the more it is the output that a person means: 3 logits, 2 h, 0 a cell state."""

    @property
    def needs(self) -> "tuple[Source, ...]":
        """What it was computed of."""

    def add_to(self, chain: Chain, reads: "Reads") -> "Reads | None":
        """Add it to the network, and say what it reads in its turn; `reads` is what is read of it."""


@dataclass(frozen=True, eq=False)
class Source:
    """A vector of `size` elements at each position of `grid`; ids run from `start` on, elements innermost."""

    start: int
    grid: tuple[int, ...]
    size: int
    of: Operation
    timed: bool
    """The grid is (steps, sequences), as of the first recurrent layer on; else the axes of a graph's input."""
    integers: bool = False
    """Its numbers are integers."""
    reverse: bool = False
    """It belongs to a direction that reads from the end: it comes second where two directions are read together."""
    entry: str | None = None
    """The name of an input of the graph: which of its axes holds the elements of a vector is not known yet."""

    @property
    def stop(self) -> int:
        return self.start + math.prod(self.grid) * self.size

    def at(self, positions: Ids) -> Ids:
        """Ids ``(..., size)`` of the vectors at flat positions."""
        return self.start + positions[..., None] * self.size + np.arange(self.size)


def needed(sources: tuple[Source, ...]) -> Iterator[Source]:
    """Sources, and whatever they were computed of, once each."""
    seen: set[int] = set()
    waiting = list(sources)
    while waiting:
        source = waiting.pop()
        if source.start not in seen:
            seen.add(source.start)
            yield source
            waiting += source.of.needs


@dataclass(frozen=True, eq=False)
class Reads:
    """A vector as an operation reads it, at each position: ``scale * (parts end to end)[columns] + shift``."""

    parts: tuple[Source, ...]
    steps: tuple[int | None, ...]
    """The step that each part is read at; None: that of the position itself."""
    width: int
    """Elements of all parts."""
    columns: NDArray[np.int64]  # (K,)
    scale: NDArray[np.float64]  # (K,)
    shift: NDArray[np.float64]  # (K,)

    @property
    def whole(self) -> bool:
        return np.array_equal(self.columns, np.arange(self.width))

    @property
    def bent(self) -> bool:
        """Scaled or shifted."""
        return bool((self.scale != 1).any() or self.shift.any())

    def same(self, other: "Reads") -> bool:
        """Both are the same vector."""
        arrays = ("columns", "scale", "shift")
        return (self.parts, self.steps) == (other.parts, other.steps) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays
        )

    @property
    def plain(self) -> bool:
        """The parts as they are."""
        return self.whole and not self.bent

    def folded(self, weight: Float32s) -> tuple[Float32s, Float32s]:
        """A matrix ``(R, K)`` of this vector as one ``(R, width)`` of the parts, and what it adds ``(R,)``."""
        if self.plain:
            return weight, np.zeros(len(weight), np.float32)
        matrix = np.zeros((self.width, len(weight)))
        np.add.at(matrix, self.columns, (weight * self.scale).T)
        return np.ascontiguousarray(matrix.T, np.float32), (weight @ self.shift).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Reading:
    """What is read along the last axis of a tensor, and where: flat positions ``(...)`` in `grid`."""

    reads: Reads
    grid: tuple[int, ...]
    positions: Ids
    timed: bool


@dataclass(frozen=True, eq=False)
class Flow:
    """A tensor on its way: ``scale * (elements with these ids) + shift``."""

    ids: Ids
    scale: NDArray[np.float64] | None = None
    shift: NDArray[np.float64] | None = None
    rounded: bool = False
    """Features that were cast to integers: symbols, if anything."""
    by_length: bool = False
    """Its sequences lie in the order of their lengths."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.ids.shape

    def moved(self, move: Move) -> Self:
        scale, shift = (None if array is None else np.asarray(move(array)) for array in (self.scale, self.shift))
        return replace(self, ids=np.asarray(move(self.ids)), scale=scale, shift=shift)


@dataclass(frozen=True, eq=False)
class Stored:
    """Known numbers that lie in the file as integers: ``codes * scale``, the zero point taken off."""

    codes: NDArray[np.integer[Any]]
    scale: NDArray[np.float32]  # broadcast to the shape of the codes
    bits: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    @property
    def numbers(self) -> Float32s:
        return (self.codes * self.scale).astype(np.float32)

    @property
    def by_row(self) -> StoredCodes | None:
        """Integers of a matrix ``(rows, cols)``, if each row has one scale."""
        if self.scale.size == 0 or (self.scale != self.scale[:, :1]).any():
            return None
        each = np.ascontiguousarray(self.scale[:, 0], np.float32)
        scale = each[:1] if (each == each[0]).all() else each
        return StoredCodes(np.ascontiguousarray(self.codes), scale, self.bits)

    def moved(self, move: Move) -> Self:
        return replace(self, codes=move(self.codes), scale=move(self.scale))


@dataclass(frozen=True)
class Order:
    """Indices that sort sequences by their length, or that put them back."""

    back: bool
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LastSteps:
    """For each sequence its index and that of its last step: pairs of indices, in this order or the other one."""

    lengths: Flow
    steps_first: bool


Weights = Array | Stored
Value = Array | Flow | Stored | Order | LastSteps
Given = list[Value | None]
Rule = Callable[["Context", Node, Given], Sequence[Value]]

MOST_ELEMENTS = 2**25


@dataclass
class Context:
    """What a pass over a graph has beside the values: whom it tells, what it may yet make, and all sources."""

    note: Note
    budget: int
    """Numbers that may be made of constants: more than any export has use for, and bounded by the file's own."""
    free: dict[int, str]
    """Sizes that stand for an axis of no fixed size, all of them primes, and what the axis is called."""
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
        return f"({', '.join(map(self._said, shape))}{',' if len(shape) == 1 else ''})"

    def _said(self, size: int) -> str:
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
                    raise node.refused("must read the elements of a vector at the same step")
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
    """Axes of Squeeze, Unsqueeze and reductions: an attribute in older opsets, an input since."""
    value = padded(node, given, 2)[1]
    return node.integers("axes") if value is None else integers(node, "axes", value)
