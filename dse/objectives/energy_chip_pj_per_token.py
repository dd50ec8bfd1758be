"""Energy of one token, DRAM left out: what papers that synthesise a chip report."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.energy.total_chip


ENERGY_CHIP = Objective(
    name="energy_chip_pj_per_token",
    title="Energy per token, chip",
    unit="pJ",
    direction="minimize",
    logarithmic=True,
    of=_of,
    shown_unit="nJ",
    shown_scale=1000,
)
