"""Mean power of the chip: of a stream over its periods, else while it runs."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.energy.power_chip_mw


POWER_CHIP = Objective(
    name="power_chip_mw",
    title="Power, chip",
    unit="mW",
    direction="minimize",
    logarithmic=True,
    of=_of,
)
