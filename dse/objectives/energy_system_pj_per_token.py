"""Energy of one token with the DRAM counted. Per token, since a step of 8 lanes does 8 times the work of one."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.energy.total_system


ENERGY_SYSTEM = Objective(
    name="energy_system_pj_per_token",
    title="Energy per token, system",
    unit="pJ",
    direction="minimize",
    logarithmic=True,
    of=_of,
    shown_unit="nJ",
    shown_scale=1000,
)
