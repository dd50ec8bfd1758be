"""What every simulated point of a search consists of, as two tables: a row a point, and a row a point and component."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from archsim.costs import Figure
from archsim.record import FigureRecord, PointRecord, ordered
from dse.evaluation.point import Evaluation

Whole = Literal["energy", "area"]
WHOLES: tuple[Whole, ...] = ("energy", "area")
"""What components are parts of: the energy of a token, with DRAM, in pJ; the chip's area, in mm²."""

STALL = "stall_"
"""Before a cause, the column of its cycles; with the busy ones they are all cycles."""


@dataclass(frozen=True)
class Breakdowns:
    """What every distinct point consists of that was not refused."""

    points: pd.DataFrame
    """By trial: cycles, busy and by stall; GOPS achieved and dense-equivalent; roofline; parts that miss the clock."""
    components: pd.DataFrame
    """By trial, whole and component: value with its band, unit, status and source."""


def breakdowns(found: Iterable[tuple[int, Evaluation]]) -> Breakdowns:
    """The tables of points, each given with the number of its trial."""
    points, components = [], []
    for trial, evaluation in found:
        points.append(_point(trial, evaluation))
        wholes = (evaluation.energy.components, evaluation.report.area.components)
        for whole, parts in zip(WHOLES, wholes, strict=True):
            components += [_component(trial, whole, name, figure) for name, figure in parts.items()]
    return Breakdowns(pd.DataFrame(points), pd.DataFrame(components))


FIRST = ("trial", "lanes", "steps", "cycles", "busy_cycles", "stalls", "cycles_per_step")
"""Columns in the order in which tables had them before there was a record; others follow as it declares them."""
ELSEWHERE = {"ledger", "weights_resident", "left_out", "speedup_same_lanes"}
"""What the trials' table has, or the details of the front alone."""


def _point(trial: int, evaluation: Evaluation) -> dict[str, object]:
    record = PointRecord.of(evaluation.report).model_dump(exclude=ELSEWHERE)
    return dict(_columns(ordered({"trial": trial, **record}, FIRST)))


def _columns(record: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """A column a cause and a ceiling; None is no number."""
    for name, value in record.items():
        if name == "stalls":
            yield from ((STALL + cause, cycles) for cause, cycles in value.items())
        elif name == "roofline":
            yield from _columns(value)
        elif name == "clock_problems":
            yield name, "; ".join(value)
        else:
            yield name, float("nan") if value is None else value


def _component(trial: int, whole: Whole, name: str, figure: Figure) -> dict[str, object]:
    return {"trial": trial, "whole": whole, "component": name, **FigureRecord.of(figure).model_dump()}
