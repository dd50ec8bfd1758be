"""The cheapest of many combinations of bits that is good enough, by trying as few of them as can be."""

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["monotone", "exhaustive"]
Bits = tuple[int, ...]
"""Weight bits, activation bits, cell bits, embedding bits."""
Within = Callable[[Bits], bool]


def smallest(costs: Mapping[Bits, int], within: Within) -> Bits | None:
    """The cheapest combination that is `within`, by trying them in order of cost."""
    return next((bits for bits in sorted(costs, key=lambda bits: (costs[bits], bits)) if within(bits)), None)


def smallest_monotone(costs: Mapping[Bits, int], within: Within) -> Bits | None:
    """The same, if whatever is no smaller than something `within` in any place is so too; far fewer trials."""
    each = sorted(costs, key=lambda bits: (costs[bits], bits))
    grid = np.array(each)
    axes = [np.unique(axis, return_inverse=True) for axis in grid.T]
    shape, at = tuple(len(values) for values, _ in axes), tuple(rank for _, rank in axes)
    open_: NDArray[np.bool_] = np.ones(len(each), bool)
    best: Bits | None = None
    while open_.any():
        if_within = open_[::-1].cumsum()[::-1]  # itself and what costs as much or more
        below = np.zeros(shape, np.int64)
        below[at] = open_
        for axis in range(len(shape)):
            np.cumsum(below, axis, out=below)
        if_not = below[at]  # itself and what has no more bits anywhere
        tried = int(np.argmax(np.where(open_, np.minimum(if_within, if_not), -1)))
        if within(each[tried]):
            best = each[tried]
            open_[tried:] = False
        else:
            open_ &= ~(grid <= grid[tried]).all(axis=1)
    return best


def smallest_checked(costs: Mapping[Bits, int], within: Within) -> Bits | None:
    """`smallest_monotone`, whose answer is then doubted: one combination may do worse than it should, by chance, and so
    rule out cheaper ones that are `within`.

    From what was found, cheaper neighbours are gone down to; then what is cheaper and was never tried is searched again
    by itself. In the end no cheaper neighbour is `within`, and every cheaper combination was tried, or has no more bits
    than two that were tried and are not `within`.
    """
    known: dict[Bits, bool] = {}

    def once(bits: Bits) -> bool:
        if bits not in known:
            known[bits] = within(bits)
        return known[bits]

    best = smallest_monotone(costs, once)
    while True:
        near = () if best is None else cheaper_neighbours(costs, best)
        nearer = next((bits for bits in near if once(bits)), None)
        most = math.inf if best is None else costs[best]
        untried = {bits: cost for bits, cost in costs.items() if cost < most and bits not in known}
        nearer = nearer or smallest_monotone(untried, once)
        if nearer is None:
            return best
        best = nearer


def cheaper_neighbours(costs: Mapping[Bits, int], bits: Bits) -> Iterator[Bits]:
    """Combinations that cost less than `bits`, cheapest first, and lie within a step of the grid in each place."""
    axes = [sorted(set(axis)) for axis in zip(*costs, strict=True)]
    near = [axis[max(0, axis.index(b) - 1) : axis.index(b) + 2] for axis, b in zip(axes, bits, strict=True)]
    cheaper = (other for other in product(*near) if other in costs and costs[other] < costs[bits])
    yield from sorted(cheaper, key=lambda other: (costs[other], other))


METHODS: dict[Method, Callable[[Mapping[Bits, int], Within], Bits | None]] = {
    "monotone": smallest_checked,
    "exhaustive": smallest,
}
