"""Tokens a second over all lanes; of a stream no more than enter it."""

from dse.objectives.base import Objective
from dse.point import Evaluation


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
