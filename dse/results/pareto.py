"""Pareto dominance: which points are not beaten in every respect by another."""

import moocore
import numpy as np
from numpy.typing import NDArray


def non_dominated(costs: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mask ``(N,)`` of the rows of `costs` ``(N, M)`` (all minimised) that no other row dominates.

    A row dominates another if it is nowhere larger and somewhere smaller: equal rows do not dominate each other, so
    ties stay together. ValueError where a cost is not a number. By moocore, in O(N log^(M-2) N) (Kung, Luccio &
    Preparata, "On Finding the Maxima of a Set of Vectors", 1975).
    """
    if costs.ndim != 2:
        raise ValueError(f"costs must be (points, objectives), not of {costs.ndim} dimensions")
    if np.isnan(costs).any():
        raise ValueError("costs must be numbers, not NaN")
    if np.isinf(costs).any():  # moocore's sentinels are infinite; dominance knows ranks only
        costs = np.stack([np.unique(column, return_inverse=True)[1] for column in costs.T], axis=1).astype(np.float64)
    mask: NDArray[np.bool_] = moocore.is_nondominated(costs, keep_weakly=True)
    return mask


class Front:
    """The non-dominated rows of all that was added, kept as they come: memory is that of the front and one batch."""

    def __init__(self, objectives: int) -> None:
        self.costs: NDArray[np.float64] = np.empty((0, objectives))
        self.labels: NDArray[np.int64] = np.empty(0, np.int64)

    def add(self, costs: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
        """Rows ``(N, M)``, all minimised, and what each is called, ``(N,)``."""
        new = non_dominated(costs)  # the batch by itself first: most of it falls here
        costs, labels = np.concatenate([self.costs, costs[new]]), np.concatenate([self.labels, labels[new]])
        kept = non_dominated(costs)
        self.costs, self.labels = costs[kept], labels[kept]
