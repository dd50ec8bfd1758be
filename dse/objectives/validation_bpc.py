"""Task loss: bits per character over the whole validation split."""

from dse.objectives.base import Objective
from dse.point import Evaluation


def _of(evaluation: Evaluation) -> float:
    return evaluation.measured.validation_bpc


VALIDATION_BPC = Objective(
    name="validation_bpc",
    title="Validation loss",
    unit="bits per character",
    direction="minimize",
    logarithmic=False,
    of=_of,
)
