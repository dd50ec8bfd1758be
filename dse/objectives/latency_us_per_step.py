"""Mean time of one step: how long a lane waits for its next token; in a stream, from a step's input to its end."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.latency_us_per_step


LATENCY = Objective(
    name="latency_us_per_step",
    title="Latency per step",
    unit="µs",
    direction="minimize",
    logarithmic=True,
    of=_of,
)
