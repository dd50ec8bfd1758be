"""Every part meets the clock as the design has it; missed by the share the slowest is too slow."""

from dse.constraints.base import Constraint
from dse.evaluation.point import Evaluation


def _excess(evaluation: Evaluation) -> float:
    return evaluation.slowest_ns * evaluation.design.clock_mhz / 1000 - 1


CLOCK_MET = Constraint(name="clock_met", title="every part within the clock as it is", excess=_excess)
