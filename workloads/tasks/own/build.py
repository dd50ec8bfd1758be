"""The splits of a task of one's own as a network reads them: numbered classes, float32, normalised, checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.base import SPLITS, Split
from workloads.tasks.normalisation import Normalisation
from workloads.tasks.own.parts import Part
from workloads.tasks.own.spec import TaskSpec
from workloads.tasks.own.splits import Chosen, assigned
from workloads.tasks.sequences import Sequences

Classes = tuple[int | str, ...]


@dataclass(frozen=True, eq=False)
class Built:
    """All splits, and what of them a network's outputs and inputs mean."""

    splits: Mapping[Split, Sequences]
    classes: Classes | None
    """By their numbers; None: targets are numbers themselves."""
    normalisation: Normalisation | None


def build(spec: TaskSpec, parts: Mapping[Split, Part]) -> Built:
    """BadInput, with a line for each mistake, where a value is missing, infinite, or no symbol or class."""
    chosen = assigned(spec, parts)
    mistakes = [line for split in SPLITS for line in _gaps(spec, split, chosen[split])]
    if mistakes:
        raise BadInput(*mistakes)
    normalisation = None
    if spec.normalisation != "none":
        part, indices = chosen["train"]
        pieces = (part.cut.steps(part.inputs, int(index)) for index in indices)
        normalisation = Normalisation.fitted(spec.normalisation, pieces)
    classes = _classes(spec, _targets(spec, chosen["train"])) if spec.kind == "classification" else None
    splits = {split: _sequences(spec, split, chosen[split], classes, normalisation) for split in SPLITS}
    return Built(splits, classes, normalisation)


def _gaps(spec: TaskSpec, split: Split, chosen: Chosen) -> Iterator[str]:
    """A line for inputs, and one for targets of every step, that are not finite, or are no symbols."""
    arrays = {"inputs": chosen.part.inputs}
    if spec.when == "every_step":
        arrays["targets"] = chosen.part.targets
    for key, array in arrays.items():
        symbols = spec.symbols if key == "inputs" else None
        if array.dtype.kind != "f" and symbols is None:
            continue
        count, place = 0, ""
        for index in map(int, chosen.indices):
            steps = chosen.part.cut.steps(array, index)
            wrong = _not_finite(steps) if symbols is None else (steps < 0) | (steps >= symbols)
            if wrong.any():
                first = int(wrong.reshape(len(steps), -1).any(axis=1).argmax())
                place = place or chosen.part.cut.place(index, first)
                count += int(wrong.sum())
        if count and symbols is None:
            yield f"{key}: {count} are missing or infinite in {split}, the first in {place}; fill or leave them out"
        elif count:
            rule = f"must be symbols from 0 to {(symbols or 1) - 1}"
            yield f"{key}: {rule}; {count} in {split} are not, the first in {place}"


def _not_finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    with np.errstate(over="ignore"):  # infinite in float32 is as good as infinite
        return ~np.isfinite(values.astype(np.float32))


def _targets(spec: TaskSpec, chosen: Chosen) -> NDArray[Any]:
    """``(M, outputs)``, as they stand in the files."""
    part, indices = chosen
    if spec.when == "last_step":
        return part.targets[indices]
    return np.concatenate([part.cut.steps(part.targets, int(index)) for index in indices])


def _classes(spec: TaskSpec, targets: NDArray[Any]) -> Classes:
    """Those that the spec lists, else those of the training split in order."""
    if spec.classes is not None:
        if len(set(spec.classes)) < len(spec.classes) or len(spec.classes) < 2:
            raise BadInput(f"classes: must be at least 2 different ones, not {list(spec.classes)}")
        return spec.classes
    found: list[int | str] = np.unique(_labels(targets)).tolist()
    if len(found) < 2:
        raise BadInput(f"targets: must have at least 2 classes in the training split, not {found}")
    if isinstance(found[0], int) and found[0] < 0:
        raise BadInput(f"targets: class {found[0]} is below 0, as padding often is; list what is meant under classes")
    return tuple(found)


def _labels(targets: NDArray[Any]) -> NDArray[Any]:
    """Classes as whole numbers or as text ``(M,)``."""
    flat = targets.reshape(-1)
    if flat.dtype.kind == "f":
        if np.any(flat != np.round(flat)):
            raise BadInput(f"targets: classes must be whole numbers or text, not {flat[flat != np.round(flat)][0]}")
        return flat.astype(np.int64)
    if flat.dtype.kind not in "biuUS":
        raise BadInput(f"targets: classes must be whole numbers or text, not {flat.dtype}")
    return flat.astype(np.int64 if flat.dtype.kind in "biu" else np.str_)


def _numbered(split: Split, targets: NDArray[Any], classes: Classes) -> NDArray[np.int64]:
    labels = _labels(targets)
    names, codes = np.unique(labels, return_inverse=True)
    numbers = {name: number for number, name in enumerate(classes)}
    if unknown := [name for name in names.tolist() if name not in numbers]:
        known = ", ".join(map(str, classes[:10])) + (", ..." if len(classes) > 10 else "")
        rule = f"targets: {split} must have classes of the training split ({known})"
        raise BadInput(f"{rule}, not {', '.join(map(str, unknown[:5]))}; list all under classes")
    return np.array([numbers[name] for name in names.tolist()], np.int64)[codes.reshape(-1)]


def _sequences(
    spec: TaskSpec, split: Split, chosen: Chosen, classes: Classes | None, normalisation: Normalisation | None
) -> Sequences:
    part, indices = chosen
    lengths = part.cut.lengths[indices]
    dtype = np.min_scalar_type(spec.symbols - 1) if spec.symbols else np.dtype(np.float32)
    axes = len(part.cut.shape)
    values = np.empty((int(lengths.sum()), *part.inputs.shape[axes:]), dtype)
    first = 0
    for index, length in zip(map(int, indices), lengths.tolist(), strict=True):
        steps = part.cut.steps(part.inputs, index)
        values[first : first + length] = steps if normalisation is None else normalisation(steps)
        first += length
    targets = _targets(spec, chosen)
    numbers = targets.astype(np.float32) if classes is None else _numbered(split, targets, classes)
    return Sequences(values, lengths.astype(np.int64), numbers, spec.when == "every_step")
