"""What every simulated point of a search consists of, as two tables: a row a point, and a row a point and component."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from archsim.analysis.roofline import roofline
from archsim.costs import Figure, clock_problems
from dse.evaluation.point import Evaluation

Whole = Literal["energy", "area"]
WHOLES: tuple[Whole, ...] = ("energy", "area")
"""What components are parts of: the energy of a token, with DRAM, in pJ; the chip's area, in mm²."""

STALL = "stall_"
"""Before a cause, the column of its cycles; with the busy ones they are all cycles."""


@dataclass(frozen=True)
class Breakdowns:
    """Of every distinct point that was not refused."""

    points: pd.DataFrame
    """By trial: cycles, busy and by stall; GOPS achieved and dense-equivalent; roofline; parts that miss the clock."""
    components: pd.DataFrame
    """By trial, whole and component: value with its band, unit, status and source."""


def breakdowns(found: Iterable[tuple[int, Evaluation]]) -> Breakdowns:
    """Of points by number of their trial."""
    points, components = [], []
    for trial, evaluation in found:
        points.append(_point(trial, evaluation))
        wholes = (evaluation.energy.components, evaluation.report.area.components)
        for whole, parts in zip(WHOLES, wholes, strict=True):
            components += [_component(trial, whole, name, figure) for name, figure in parts.items()]
    return Breakdowns(pd.DataFrame(points), pd.DataFrame(components))


def _point(trial: int, evaluation: Evaluation) -> dict[str, object]:
    report = evaluation.report
    return {
        "trial": trial,
        "lanes": report.lanes,
        "steps": report.steps,
        "cycles": report.cycles,
        "busy_cycles": report.busy_cycles,
        **{STALL + cause: cycles for cause, cycles in report.stalls.items()},
        "cycles_per_step": report.cycles_per_step,
        "gops": report.gops,
        "gops_effective": report.gops_effective,
        **{name: float("nan") if v is None else v for name, v in roofline(report).to_json().items()},
        "clock_problems": "; ".join(clock_problems(report.design)),
    }


def _component(trial: int, whole: Whole, name: str, figure: Figure) -> dict[str, object]:
    band = figure.band
    return {
        "trial": trial,
        "whole": whole,
        "component": name,
        "value": figure.value,
        "low": band.low,
        "high": band.high,
        "unit": figure.unit,
        "status": figure.status,
        "source": figure.source,
    }
