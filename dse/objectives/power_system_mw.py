"""Mean power with the DRAM: of a stream over its periods, else while it runs."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.energy.power_system_mw


POWER_SYSTEM = Objective(
    name="power_system_mw",
    title="Power, system",
    unit="mW",
    direction="minimize",
    logarithmic=True,
    of=_of,
)
