"""Every step of a stream ends before it is due; missed by the share of the deadline that the latest is late.

A stream whose steps are late cannot be used: a space of kind streaming demands it by itself.
"""

from dse.constraints.base import Constraint
from dse.evaluation.point import Evaluation


def _excess(evaluation: Evaluation) -> float:
    stream = evaluation.stream
    if stream is None:
        return 0.0
    late = -stream.slack_us.least / stream.deadline_us
    return late if stream.missed_steps else min(late, 0.0)


MEETS_DEADLINE = Constraint(
    name="meets_deadline", title="every step within its deadline", excess=_excess, demanded_of=("streaming",)
)
