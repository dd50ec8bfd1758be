"""One part of a data set, all of it or one split: inputs, targets, groups, and where each sequence lies in them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.own.layout import Cut, cut, flat, per_sequence, stacked
from workloads.tasks.own.sources import Named, Sources
from workloads.tasks.own.spec import Marked, TaskSpec

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Part:
    """N sequences as they lie in the files; nothing is copied where a file can be mapped."""

    inputs: NDArray[Any]
    """Symbols or vectors (one axis more), of the shape that `cut` has."""
    cut: Cut
    targets: NDArray[Any]
    """``(N, outputs)``, or at every step of the shape that `cut` has and ``(..., outputs)``."""
    groups: NDArray[Any] | None
    """What of the same group must not be in two splits, ``(N,)``."""
    marks: NDArray[Any] | None
    """What says which split each sequence is in, ``(N,)``."""

    def __len__(self) -> int:
        return len(self.cut.lengths)


class _Mistakes:
    """Collects the mistakes of several steps, so that all are told at once."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        try:
            yield
        except BadInput as error:
            self.lines += [line if line.startswith(f"{key}:") else f"{key}: {line}" for line in error.lines]

    def get(self, key: str, made: Callable[[], T]) -> T | None:
        with self.of(key):
            return made()
        return None

    def raised(self) -> None:
        if self.lines:
            raise BadInput(*self.lines)


def read_part(spec: TaskSpec, sources: Sources) -> Part:
    """The part that `sources` hold; BadInput with a line for each mistake."""
    found = _Mistakes()
    keys = {"inputs": spec.inputs or (), "targets": spec.targets or ()}
    names = {key: found.get(key, lambda given=given: sources.matching(given)) or () for key, given in keys.items()}  # type: ignore[misc]
    for key, name in _others(spec).items():
        found.get(key, lambda name=name: sources.matching([name]))  # type: ignore[misc]
    found.raised()
    each = {key: found.get(key, lambda named=named: [sources.read(n) for n in named]) for key, named in names.items()}  # type: ignore[misc]
    found.raised()
    inputs_of, targets_of = each["inputs"] or [], each["targets"] or []
    with found.of("inputs"):
        _numbers(spec, inputs_of)
    inputs = found.get("inputs", lambda: _inputs(spec, sources, inputs_of))
    found.raised()
    assert inputs is not None
    where = cut(spec, sources, inputs, _rows_of_files(spec, inputs_of))
    if not len(where.lengths):
        raise BadInput("inputs: there is not one sequence")
    targets = found.get("targets", lambda: _targets(spec, targets_of, where))
    groups, marks = (
        found.get(key, lambda name=name: _once(spec, sources, key, name, where)) if name else None  # type: ignore[misc]
        for key, name in (("splits.group", spec.splits.group if not isinstance(spec.splits, str) else None),
                          ("splits.column", spec.splits.column if isinstance(spec.splits, Marked) else None))
    )  # fmt: skip
    found.raised()
    assert targets is not None
    return Part(inputs, where, targets, groups, marks)


def _others(spec: TaskSpec) -> dict[str, str]:
    """What else must be there, by its key."""
    column = spec.splits.column if isinstance(spec.splits, Marked) else None
    sequence = None if spec.sequence == "{file}" else spec.sequence
    named = {"lengths": spec.lengths, "sequence": sequence, "splits.group": spec.splits.group, "splits.column": column}
    return {key: name for key, name in named.items() if name}


def _numbers(spec: TaskSpec, inputs: list[Named]) -> None:
    kinds, what = ("iu", "whole numbers, as symbols are") if spec.symbols else ("biuf", "numbers")
    wrong = [f"{n.where}: must be {what}, not {a.dtype}" for n in inputs for a in n.arrays if a.dtype.kind not in kinds]
    if wrong:
        raise BadInput(*wrong)


def _inputs(spec: TaskSpec, sources: Sources, inputs: list[Named]) -> NDArray[Any]:
    layout = spec.layout or ()
    if spec.symbols:
        return stacked(inputs, layout, layout[-1])
    if sources.columns and layout == ("sequences", "steps"):  # a column is a step
        return stacked(inputs, layout, "steps")[..., None]
    return stacked(inputs, layout, "features")


def _rows_of_files(spec: TaskSpec, inputs: list[Named]) -> list[int]:
    return [len(array) for array in inputs[0].arrays] if spec.by_rows else []


def _targets(spec: TaskSpec, targets: list[Named], where: Cut) -> NDArray[Any]:
    rows = spec.when == "every_step" or spec.marked_by_rows
    array = stacked(targets, (spec.layout or ()) if rows else ("sequences",), "features")
    expected = where.shape if rows else where.lengths.shape
    if array.shape[:-1] != expected:
        raise BadInput(f"{targets[0].where}: must have shape {expected}, as inputs, not {array.shape[:-1]}")
    if spec.kind == "classification" and array.shape[-1] != 1:
        raise BadInput(f"{targets[0].where}: must be one class each, not {array.shape[-1]} numbers (np.argmax?)")
    if spec.kind == "regression" and array.dtype.kind not in "biuf":
        raise BadInput(f"{targets[0].where}: must be numbers, not {array.dtype}")
    if array.dtype.kind == "f" and spec.when == "last_step":
        gaps = ~np.isfinite(array)
        if gaps.any():
            first = int(gaps.reshape(len(array), -1).any(axis=1).argmax())
            what = f"row {first + 1}" if rows else f"sequence {first}"
            raise BadInput(
                f"{targets[0].where}: {gaps.sum()} of {gaps.size} are missing or infinite, the first of {what}"
            )
    if rows and spec.when == "last_step":
        return per_sequence("targets", array, where, spec.target_row)
    return array


def _once(spec: TaskSpec, sources: Sources, key: str, name: str, where: Cut) -> NDArray[Any]:
    """Of a group or a split, what each sequence has."""
    named = sources.read(*sources.matching([name]))
    if spec.marked_by_rows:
        return per_sequence(key, flat(named, where.shape[0], "row"), where)
    return flat(named, len(where.lengths), "sequence")
