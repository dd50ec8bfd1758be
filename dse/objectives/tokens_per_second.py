"""Tokens a second over all lanes."""

from dse.objectives.base import Objective
from dse.point import Evaluation


def _of(evaluation: Evaluation) -> float:
    return evaluation.report.tokens_per_second


TOKENS_PER_SECOND = Objective(
    name="tokens_per_second",
    title="Throughput",
    unit="tokens/s",
    direction="maximize",
    logarithmic=True,
    of=_of,
)
