"""DRAM bandwidth that the scenario takes of a design: the bits that a step reads over the time it has for them.

In a stream that is the deadline, or the period where that is shorter; in batches the mean time of a step.
"""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.dram_gbps_needed


DRAM_GBPS = Objective(
    name="dram_gbps_needed",
    title="DRAM bandwidth needed",
    unit="Gb/s",
    direction="minimize",
    logarithmic=False,
    of=_of,
)
