"""Task loss over the whole validation split: bits per character, perplexity per word, or error, as the task has it."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    loss = evaluation.measured.validation_loss
    if loss is None:
        raise ValueError(f"{evaluation.measured.choice.label} was run without a task, so that it has no loss")
    return loss


VALIDATION_LOSS = Objective(
    name="validation_loss",
    title="Validation loss",
    unit="of the task's metric",
    direction="minimize",
    logarithmic=False,
    of=_of,
    of_task=True,
)
