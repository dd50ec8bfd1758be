"""Pareto dominance: which points are not beaten in every respect by another."""

import numpy as np
from numpy.typing import NDArray


def non_dominated(costs: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mask ``(N,)`` of the rows of `costs` ``(N, M)`` (all minimised) that no other row dominates.

    A row dominates another if it is nowhere larger and somewhere smaller: equal rows do not dominate each other, so
    ties stay together. ValueError where a cost is not a number. Sweeps the distinct rows in lexicographic order, in
    which a row can be dominated only by one before it; memory is O(N M), time O(N F M) for a front of F rows.
    """
    if costs.ndim != 2:
        raise ValueError(f"costs must be (points, objectives), not of {costs.ndim} dimensions")
    if np.isnan(costs).any():
        raise ValueError("costs must be numbers, not NaN")
    distinct, inverse = np.unique(costs, axis=0, return_inverse=True)  # sorted lexicographically
    kept = np.zeros(len(distinct), bool)
    front = np.empty_like(distinct)
    size = 0
    for index, row in enumerate(distinct):
        if not (front[:size] <= row).all(axis=1).any():
            kept[index] = True
            front[size] = row
            size += 1
    mask: NDArray[np.bool_] = kept[inverse.reshape(-1)]
    return mask
