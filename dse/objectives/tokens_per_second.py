"""Tokens a second over all lanes; of a stream no more than enter it."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.tokens_per_second


TOKENS_PER_SECOND = Objective(
    name="tokens_per_second",
    title="Throughput",
    unit="tokens/s",
    direction="maximize",
    logarithmic=True,
    of=_of,
)
