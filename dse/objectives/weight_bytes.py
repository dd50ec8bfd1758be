"""Size of the model as stored: packed weights, their scales, biases and tables."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return float(evaluation.measured.weight_bytes)


WEIGHT_BYTES = Objective(
    name="weight_bytes",
    title="Model size",
    unit="bytes",
    direction="minimize",
    logarithmic=True,
    of=_of,
    shown_unit="KiB",
    shown_scale=1024,
)
