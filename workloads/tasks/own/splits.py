"""Which sequences are in which split: given, by position, or drawn with a seed, groups kept together."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.tasks.base import SPLITS, Split
from workloads.tasks.own.parts import Part
from workloads.tasks.own.spec import Given, Marked, Shares, TaskSpec

Indices = NDArray[np.intp]


class Chosen(NamedTuple):
    """Sequences of a part, in its order."""

    part: Part
    indices: Indices


def assigned(spec: TaskSpec, parts: Mapping[Split, Part]) -> dict[Split, Chosen]:
    """Every split; BadInput where one would be empty. `parts`: one for each given split, or "train" alone for all."""
    splits = spec.splits
    found = _of(splits, parts)
    if not isinstance(splits, Shares) and splits.validation_share is not None:
        part, indices = found["train"]
        names = indices if part.groups is None else part.groups[indices]
        rest, held_out = _drawn(names, (1 - splits.validation_share, splits.validation_share), splits.seed or 0)
        found |= {"train": Chosen(part, indices[rest]), "validation": Chosen(part, indices[held_out])}
    for split in SPLITS:
        if not len(found[split].indices):
            raise BadInput(f"splits: {split} would have no sequence, and every split needs one")
    return {split: found[split] for split in SPLITS}


def _of(splits: Shares | Marked | Given, parts: Mapping[Split, Part]) -> dict[Split, Chosen]:
    if isinstance(splits, Given):
        return {split: Chosen(part, np.arange(len(part))) for split, part in parts.items()}
    part = parts["train"]
    if isinstance(splits, Marked):
        return {split: Chosen(part, indices) for split, indices in _marked(splits, part).items()}
    if splits.by == "position":
        ends = np.round(np.cumsum(splits.shares) * len(part)).astype(int)
        drawn: tuple[Indices, ...] = tuple(np.split(np.arange(len(part)), ends[:-1]))
    else:
        names = np.arange(len(part)) if part.groups is None else part.groups
        drawn = _drawn(names, splits.shares, splits.seed or 0)
    return {split: Chosen(part, indices) for split, indices in zip(SPLITS, drawn, strict=True)}


def _marked(splits: Marked, part: Part) -> dict[Split, Indices]:
    assert part.marks is not None
    values = {split: value for split, value in splits.values.items() if value is not None}
    marks = part.marks.astype(np.str_)
    if unknown := sorted(set(np.unique(marks)) - set(map(str, values.values()))):
        rule = ", ".join(str(value) for value in values.values())
        raise BadInput(f"splits.column: {splits.column} must hold {rule}, not {', '.join(unknown[:5])}")
    return {split: np.flatnonzero(marks == str(value)) for split, value in values.items()}


def _drawn(names: NDArray[np.generic], shares: tuple[float, ...], seed: int) -> tuple[Indices, ...]:
    """Indices of each share, in order, of which no two have a name in common.

    Groups come in an order drawn with `seed`; the last share takes groups until it has at least its part of the
    sequences, or all but one group for each share that is left; then the one before it; the first has the rest.
    """
    groups, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    if len(groups) < len(shares):
        raise BadInput(f"splits: must draw {len(shares)} splits, and there are {len(groups)} sequences, or groups")
    order = np.random.default_rng(seed).permutation(len(groups))
    reached = np.cumsum(counts[order])
    taken, owner = 0, np.zeros(len(groups), np.intp)
    for k in range(len(shares) - 1, 0, -1):
        before = int(reached[taken - 1]) if taken else 0
        wanted = before + round(shares[k] * len(names))
        until = min(int(np.searchsorted(reached, wanted)) + 1, len(groups) - k) if wanted > before else taken
        owner[order[taken:until]] = k
        taken = until
    return tuple(np.flatnonzero(owner[codes] == k) for k in range(len(shares)))
