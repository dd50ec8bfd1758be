"""Energy-delay product: system energy of a token times the time of a step."""

from dse.evaluation.point import Evaluation
from dse.objectives.base import Objective


def _of(evaluation: Evaluation) -> float:
    return evaluation.energy.total_system * evaluation.latency_us_per_step


EDP = Objective(
    name="edp_pj_us",
    title="Energy-delay product",
    unit="pJ µs",
    direction="minimize",
    logarithmic=True,
    of=_of,
    shown_unit="nJ µs",
    shown_scale=1000,
)
