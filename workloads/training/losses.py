"""What training minimises, by what a task asks for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from workloads.tasks import Predicts


@dataclass(frozen=True)
class Loss:
    """Mean over predictions: of outputs ``(M, V)``, and classes ``(M,)`` or numbers ``(M, V)``."""

    of: Callable[[Tensor, Tensor], Tensor]
    unit: str
    """As progress and a log show it."""
    per_unit: float = 1.0
    """How much of what is minimised one unit is."""


_BITS = Loss(nn.functional.cross_entropy, "bits", math.log(2))
LOSSES: Mapping[Predicts, Loss] = {
    "symbols": _BITS,
    "classes": _BITS,
    "numbers": Loss(nn.functional.mse_loss, "of the variance"),
}
"""Numbers are in standard deviations of the training targets, so that one learning rate fits any unit of theirs."""
