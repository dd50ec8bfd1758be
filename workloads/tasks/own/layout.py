"""Arrays and columns laid out as sequences of steps, without copying them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.own.sources import Named, Sources
from workloads.tasks.own.spec import FILE, Axis, TaskSpec


class Cut(Protocol):
    """Where in an array the steps of each sequence lie."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, ``(N,)``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The first axes of an array that has something for every step."""

    def steps(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Those of one sequence, ``(length, ...)``."""

    def place(self, index: int, step: int) -> str:
        """Where that is in the file, in words."""


@dataclass(frozen=True, eq=False)
class Padded:
    """``(sequences, steps, ...)``, of which each sequence has its first `lengths`."""

    lengths: NDArray[np.int64]
    longest: int

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.lengths), self.longest

    def steps(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        return array[index, : self.lengths[index]]

    def place(self, index: int, step: int) -> str:
        return f"sequence {index}, step {step}"


@dataclass(frozen=True, eq=False)
class Rows:
    """``(rows, ...)``: the steps of sequence i are those of `order` from `starts[i]` on."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.order),)

    def steps(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        start = self.starts[index]
        return array[self.order[start : start + self.lengths[index]]]

    def place(self, index: int, step: int) -> str:
        return f"row {self.order[self.starts[index] + step] + 1}"


def stacked(names: Sequence[Named], layout: Sequence[Axis], last: Axis) -> NDArray[Any]:
    """Arrays of one layout side by side along its axis `last`; what lacks that axis has one of it.

    The result has the axes sequences (where there are), steps, then `last` where that is another. BadInput where
    shapes do not fit the layout or each other.
    """
    axes = layout if last in layout else (*layout, last)
    each = [_expanded(named, array, axes) for named in names for array in named.arrays]
    files = len(names[0].arrays)
    if any(len(named.arrays) != files for named in names):
        raise BadInput(f"{names[0].where}: must be in as many files as what stands beside it")
    try:
        beside = [_joined(each[k::files], axes.index(last)) for k in range(files)]
        whole = _joined(beside, axes.index("sequences" if "sequences" in axes else "steps"))
    except ValueError as error:
        raise BadInput(f"{names[0].where}: does not fit what stands beside it ({error})") from None
    return whole.transpose([axes.index(axis) for axis in _ORDER if axis in axes])


_ORDER: tuple[Axis, ...] = ("sequences", "steps", "features")


def _expanded(named: Named, array: NDArray[Any], axes: Sequence[Axis]) -> NDArray[Any]:
    if array.ndim == len(axes) - 1:
        return array[..., None]
    if array.ndim != len(axes):
        raise BadInput(f"{named.where}: must have the axes {', '.join(axes)}, not shape {array.shape}")
    return array


def _joined(arrays: Sequence[NDArray[Any]], axis: int) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis)


def flat(named: Named, count: int, what: str) -> NDArray[Any]:
    """A vector, files one after the other; BadInput unless it has `count` elements."""
    array = _joined([np.asarray(array) for array in named.arrays], 0) if named.arrays[0].ndim else named.arrays[0]
    if array.shape != (count,):
        raise BadInput(f"{named.where}: must be a vector of {count}, one for each {what}, not shape {array.shape}")
    return array


def cut(spec: TaskSpec, sources: Sources, inputs: NDArray[Any], files: Sequence[int]) -> Cut:
    """Where each sequence lies in `inputs` ``(sequences, steps, ...)`` or ``(rows, ...)``.

    `files`: how many sequences, or rows, come from each file.
    """
    if not spec.by_rows:
        return _padded(spec, sources, inputs)
    rows = len(inputs)
    if spec.lengths:
        lengths = _counts(_vector(sources, "lengths", spec.lengths), rows)
        if lengths.sum() != rows:
            raise BadInput(f"lengths: must add up to the {rows} rows of inputs, not to {lengths.sum()}")
        return Rows(np.arange(rows), np.cumsum(lengths) - lengths, lengths)
    of_file = np.repeat(np.arange(len(files)), files)
    ids = of_file
    if spec.sequence and spec.sequence != FILE:
        names = flat(_named(sources, "sequence", spec.sequence), rows, "row")
        _whole("sequence", names)
        ids = of_file * (rows + 1) + np.unique(names, return_inverse=True)[1]
    _, first, codes, lengths = np.unique(ids, return_index=True, return_inverse=True, return_counts=True)
    by_appearance = np.argsort(first, kind="stable")
    rank = np.empty(len(first), np.int64)
    rank[by_appearance] = np.arange(len(first))
    order = np.argsort(rank[codes], kind="stable")
    lengths = lengths[by_appearance]
    whole = Rows(order, np.cumsum(lengths) - lengths, lengths.astype(np.int64))
    return whole if spec.window is None else _windows(whole, spec.window, spec.stride or spec.window)


def _padded(spec: TaskSpec, sources: Sources, inputs: NDArray[Any]) -> Padded:
    count, longest = inputs.shape[:2]
    if not spec.lengths:
        return Padded(np.full(count, longest, np.int64), longest)
    lengths = _counts(flat(_named(sources, "lengths", spec.lengths), count, "sequence"), longest)
    return Padded(lengths, longest)


def _windows(whole: Rows, window: int, stride: int) -> Rows:
    short = np.flatnonzero(whole.lengths < window)
    if len(short):
        raise BadInput(
            f"window: must be at most the length of every sequence, not {window}: {len(short)} are shorter, the first "
            f"(of {whole.lengths[short[0]]} steps) begins in {whole.place(int(short[0]), 0)}"
        )
    starts = np.concatenate(
        [
            np.arange(start, start + length - window + 1, stride)
            for start, length in zip(whole.starts, whole.lengths, strict=True)
        ]
    )
    return Rows(whole.order, starts, np.full(len(starts), window, np.int64))


def _named(sources: Sources, key: str, name: str) -> Named:
    try:
        return sources.read(*sources.matching([name]))
    except BadInput as error:
        raise BadInput(f"{key}: {error}") from None


def _vector(sources: Sources, key: str, name: str) -> NDArray[Any]:
    named = _named(sources, key, name)
    return flat(named, sum(len(array) if array.ndim else 1 for array in named.arrays), "sequence")


def _counts(given: NDArray[Any], most: int) -> NDArray[np.int64]:
    """Lengths; BadInput unless each is a whole number from 1 to `most`."""
    if given.dtype.kind not in "biuf":
        raise BadInput(f"lengths: must be whole numbers, not {given.dtype}")
    wrong = ~((given >= 1) & (given <= most) & (given == np.round(given)))  # NaN is none of these
    if wrong.any():
        first = int(wrong.argmax())
        raise BadInput(f"lengths: must be whole numbers from 1 to {most}, not {given[first]} (sequence {first})")
    return given.astype(np.int64)


def _whole(key: str, given: NDArray[Any]) -> None:
    """BadInput where what tells rows apart has gaps."""
    if given.dtype.kind == "f" and (gaps := np.isnan(given)).any():
        raise BadInput(f"{key}: {gaps.sum()} of {len(gaps)} are missing, the first in row {gaps.argmax() + 1}")


def per_sequence(key: str, given: NDArray[Any], where: Cut, target_row: str = "same") -> NDArray[Any]:
    """Of what is given for every row, what each sequence has: the same everywhere, or that of its last row."""
    firsts: list[Any] = []
    for index in range(len(where.lengths)):
        rows = where.steps(given, index)
        if target_row == "same" and np.any(rows != rows[:1]):
            step = int(np.argmax((rows != rows[:1]).reshape(len(rows), -1).any(axis=1)))
            raise BadInput(
                f"{key}: must be the same for all rows of a sequence, not {rows[0]} and {rows[step]} "
                f"({where.place(index, step)})" + ('; target_row = "last" takes the last' if key == "targets" else "")
            )
        firsts.append(rows[-1])
    return np.array(firsts)
