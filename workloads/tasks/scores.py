"""What predictions are measured by, added up batch by batch, so that memory does not grow with a split."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workloads.tasks.metrics import ErrorMetric

Outputs = NDArray[np.floating[Any]]
Targets = NDArray[Any]


class Score(Protocol):
    """One metric over the predictions that were added so far; less is better."""

    def add(self, outputs: Outputs, targets: Targets) -> None:
        """K predictions: `outputs` ``(K, V)``, and their classes ``(K,)`` or numbers ``(K, V)``."""

    def value(self) -> float:
        """The metric of all that was added; NaN where nothing was."""


class ErrorPct:
    """Share in % of predictions whose largest output, of equals the first, is not at the class.

    Where an output is NaN there is no largest.
    """

    def __init__(self, classes: int) -> None:
        self._wrong = self._all = 0

    def add(self, outputs: Outputs, targets: Targets) -> None:
        self._wrong += int(np.count_nonzero(_predicted(outputs) != targets))
        self._all += len(targets)

    def value(self) -> float:
        return 100.0 * (self._wrong / self._all) if self._all else float("nan")


class F1Loss:
    """100 less the macro F1 in %: the mean, over the classes that occur or are predicted, of 2 hits / (both counts).

    Where an output is NaN, no class is predicted.
    """

    def __init__(self, classes: int) -> None:
        self._hits, self._counts = np.zeros(classes, np.int64), np.zeros(classes, np.int64)

    def add(self, outputs: Outputs, targets: Targets) -> None:
        predicted, size = _predicted(outputs), len(self._hits)
        self._hits += np.bincount(targets[predicted == targets], minlength=size)
        self._counts += np.bincount(targets, minlength=size)
        self._counts += np.bincount(predicted[predicted >= 0], minlength=size)

    def value(self) -> float:
        met = self._counts > 0
        return float(100 - 100 * np.mean(2 * self._hits[met] / self._counts[met])) if met.any() else float("nan")


class Rmse:
    """Root of the mean squared difference, over all predictions and outputs."""

    def __init__(self, outputs: int) -> None:
        self._sum, self._all = 0.0, 0

    def add(self, outputs: Outputs, targets: Targets) -> None:
        self._sum += float(np.square(outputs.astype(np.float64) - targets).sum())
        self._all += targets.size

    def value(self) -> float:
        return float(np.sqrt(self._sum / self._all)) if self._all else float("nan")


class Mae:
    """Mean absolute difference, over all predictions and outputs."""

    def __init__(self, outputs: int) -> None:
        self._sum, self._all = 0.0, 0

    def add(self, outputs: Outputs, targets: Targets) -> None:
        self._sum += float(np.abs(outputs.astype(np.float64) - targets).sum())
        self._all += targets.size

    def value(self) -> float:
        return self._sum / self._all if self._all else float("nan")


def _predicted(outputs: Outputs) -> NDArray[np.int64]:
    """Class of the largest output of each; -1 where one is NaN."""
    return np.where(np.isnan(outputs).any(axis=-1), -1, outputs.argmax(axis=-1))


SCORES: Mapping[ErrorMetric, Callable[[int], Score]] = {
    "error_pct": ErrorPct,
    "f1_loss_pct": F1Loss,
    "rmse": Rmse,
    "mae": Mae,
}
"""By metric: an empty score of so many outputs."""
