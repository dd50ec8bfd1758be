"""Silicon area of the chip, DRAM left out."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.report.area.total_chip


AREA_MM2 = Objective(
    name="area_mm2",
    title="Chip area",
    unit="mm²",
    direction="minimize",
    logarithmic=True,
    of=_of,
)
