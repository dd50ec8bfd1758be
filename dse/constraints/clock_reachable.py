"""Every part meets the clock as it is, or with more pipeline stages; missed by the share the slowest is too slow.

No circuit runs at a clock that no number of stages reaches, so every search demands it, unless a study says that it
need not: ``clock_reachable = false``.
"""

from dse.constraints.base import Constraint
from dse.evaluation.point import Evaluation


def _excess(evaluation: Evaluation) -> float:
    return evaluation.shortest_ns * evaluation.design.clock_mhz / 1000 - 1


CLOCK_REACHABLE = Constraint(
    name="clock_reachable",
    title="a clock that pipeline stages can reach",
    excess=_excess,
    demanded_of=("batch", "streaming"),
    waivable=True,
)
