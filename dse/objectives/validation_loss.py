"""Task loss over the whole validation split: bits per character, perplexity per word, or error, as the task has it."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.measured.validation_loss


VALIDATION_LOSS = Objective(
    name="validation_loss",
    title="Validation loss",
    unit="of the task's metric",
    direction="minimize",
    logarithmic=False,
    of=_of,
    of_task=True,
)
