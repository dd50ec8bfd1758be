"""One part of a data set, all of it or one split: inputs, targets, groups, and where each sequence lies in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.own.layout import Cut, cut, flat, per_sequence, stacked
from workloads.tasks.own.sources import Named, Sources
from workloads.tasks.own.spec import FILE, Marked, TaskSpec


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

    def raised(self) -> None:
        if self.lines:
            raise BadInput(*self.lines)


def read_part(spec: TaskSpec, sources: Sources) -> Part:
    """The part that `sources` hold; BadInput with a line for each mistake."""
    found = _Mistakes()
    names: dict[str, tuple[str, ...]] = {}
    for key, given in _wanted(spec).items():
        with found.of(key):
            names[key] = sources.matching(given)
    found.raised()
    named: dict[str, list[Named]] = {}
    for key, of_key in names.items():
        with found.of(key):
            named[key] = [sources.read(name) for name in of_key]
    found.raised()
    with found.of("inputs"):
        _check_numbers(spec, named["inputs"])
        inputs = _inputs(spec, sources, named["inputs"])
    found.raised()
    where = cut(spec, named, inputs)
    once: dict[str, NDArray[Any]] = {}
    with found.of("targets"):
        targets = _targets(spec, named["targets"], where)
    for key in ("splits.group", "splits.column"):
        with found.of(key):
            once |= {key: _once(spec, key, named[key][0], where)} if key in named else {}
    found.raised()
    return Part(inputs, where, targets, once.get("splits.group"), once.get("splits.column"))


def _wanted(spec: TaskSpec) -> dict[str, tuple[str, ...]]:
    """Names of all that must be there, by the key that names it."""
    column = spec.splits.column if isinstance(spec.splits, Marked) else None
    sequence = None if spec.sequence == FILE else spec.sequence
    once = {"lengths": spec.lengths, "sequence": sequence, "splits.group": spec.splits.group, "splits.column": column}
    return {
        "inputs": spec.inputs or (),
        "targets": spec.targets or (),
        **{key: (name,) for key, name in once.items() if name},
    }


def _check_numbers(spec: TaskSpec, inputs: list[Named]) -> None:
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


def _once(spec: TaskSpec, key: str, named: Named, where: Cut) -> NDArray[Any]:
    """Of a group or a split, what each sequence has."""
    if spec.marked_by_rows:
        return per_sequence(key, flat(named, where.shape[0], "row"), where)
    return flat(named, len(where.lengths), "sequence")
