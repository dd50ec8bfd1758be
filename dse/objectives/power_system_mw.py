"""Mean power with the DRAM: of a stream over its periods, else while it runs."""

from dse.objectives.base import Objective
from dse.point import Evaluation


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
