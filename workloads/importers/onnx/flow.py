"""What a tensor of an ONNX graph stands for: numbers that are known, or elements of what is computed of the input.

Every computation makes a `Source`: a vector at each of its positions, each element with a number of its own, its id. A
tensor on its way (`Flow`) is an array of such ids. Transposing, slicing, gathering, joining and reshaping are then
numpy's own, and what a tensor holds in the end is read off its ids: which sources, which of their elements, which
steps. No pattern of an exporter has to be known.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from workloads.importers.network import Float32s, StoredCodes
from workloads.importers.onnx.chain import Chain
from workloads.importers.onnx.file import Array, Node

Ids = NDArray[np.int64]
Move = Callable[[Array], Array]
"""Brings the elements of an array into another order or shape, whatever they are."""


class Operation(Protocol):
    """What a source was computed by."""

    @property
    def rank(self) -> int:
        """The higher, the more it is the output that a person means: 4 an end, 3 logits, 2 h, 0 c."""

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

    def at(self, step: int | None) -> Self:
        """The same, of what reads it at one step alone."""
        return self if step is None else replace(self, steps=tuple(step if own is None else own for own in self.steps))

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
