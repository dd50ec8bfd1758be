"""Arrays and columns laid out as sequences of steps, without copying them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.own.sources import Named
from workloads.tasks.own.spec import Axis, TaskSpec


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


def cut(spec: TaskSpec, named: Mapping[str, Sequence[Named]], inputs: NDArray[Any]) -> Cut:
    """Where each sequence lies in `inputs` ``(sequences, steps, ...)`` or ``(rows, ...)``; `named`: by key.

    BadInput where lengths or ids do not fit, or where there is no sequence.
    """
    if not inputs.size:
        raise BadInput("inputs: there is not one sequence")
    if not spec.by_rows:
        return _padded(inputs, named)
    if spec.lengths:
        return _counted(named["lengths"][0], len(inputs))
    whole = _told_apart(_file_of_each(named["inputs"]), *named.get("sequence", ()))
    return whole if spec.window is None else _windows(whole, spec.window, spec.stride or spec.window)


def _file_of_each(inputs: Sequence[Named]) -> NDArray[np.int64]:
    """Number of the file that each row comes from."""
    rows = [len(array) for array in inputs[0].arrays]
    return np.repeat(np.arange(len(rows)), rows)


def _padded(inputs: NDArray[Any], named: Mapping[str, Sequence[Named]]) -> Padded:
    count, longest = inputs.shape[:2]
    if "lengths" not in named:
        return Padded(np.full(count, longest, np.int64), longest)
    return Padded(_counts(flat(named["lengths"][0], count, "sequence"), longest), longest)


def _counted(named: Named, rows: int) -> Rows:
    """Sequences one below the other, by their lengths."""
    lengths = _counts(flat(named, sum(array.size for array in named.arrays), "sequence"), rows)
    if lengths.sum() != rows:
        raise BadInput(f"lengths: must add up to the {rows} rows of inputs, not to {lengths.sum()}")
    return Rows(np.arange(rows), np.cumsum(lengths) - lengths, lengths)


def _told_apart(of_file: NDArray[np.int64], named: Named | None = None) -> Rows:
    """Sequences in order of their first rows: rows of one file that have the same name, if they have one."""
    ids = of_file
    if named is not None:
        names = flat(named, len(of_file), "row")
        _check_whole("sequence", names)
        ids = of_file * (len(of_file) + 1) + np.unique(names, return_inverse=True)[1]
    _, first, codes, lengths = np.unique(ids, return_index=True, return_inverse=True, return_counts=True)
    by_appearance = np.argsort(first, kind="stable")
    rank = np.empty(len(first), np.int64)
    rank[by_appearance] = np.arange(len(first))
    lengths = lengths[by_appearance].astype(np.int64)
    return Rows(np.argsort(rank[codes], kind="stable"), np.cumsum(lengths) - lengths, lengths)


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


def _counts(given: NDArray[Any], most: int) -> NDArray[np.int64]:
    """Lengths; BadInput unless each is a whole number from 1 to `most`."""
    if given.dtype.kind not in "biuf":
        raise BadInput(f"lengths: must be whole numbers, not {given.dtype}")
    wrong = ~((given >= 1) & (given <= most) & (given == np.round(given)))  # NaN is none of these
    if wrong.any():
        first = int(wrong.argmax())
        raise BadInput(f"lengths: must be whole numbers from 1 to {most}, not {given[first]} (sequence {first})")
    return given.astype(np.int64)


def _check_whole(key: str, given: NDArray[Any]) -> None:
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
