"""Bars by component, calibrated and predicted figures told apart by colour and by hatching."""

from typing import Literal, NamedTuple

import plotly.graph_objects as go

from dse.plots.base import CALIBRATED, HATCH, PREDICTED, figure, number, text, value_axis
from dse.store import FrontDetail

PJ_PER_NJ = 1000.0


class BreakdownInfo(NamedTuple):
    """Largest component last, so that it is drawn on top; components of nothing are left out."""

    component: list[str]
    value: list[float]
    status: list[str]
    source: list[str]
    axis: str


def breakdown_info(detail: FrontDetail, kind: Literal["energy", "area"]) -> BreakdownInfo:
    """Energy per token or area of one point of the front."""
    scale = PJ_PER_NJ if kind == "energy" else 1.0
    parts = detail.energy if kind == "energy" else detail.area
    shown = sorted(((name, f) for name, f in parts.items() if f.value > 0), key=lambda item: item[1].value)
    return BreakdownInfo(
        component=[name.replace("_", " ") for name, _ in shown],
        value=[f.value / scale for _, f in shown],
        status=[f.status for _, f in shown],
        source=[f.source for _, f in shown],
        axis="Energy per token (nJ)" if kind == "energy" else "Area (mm²)",
    )


def breakdown_plot(info: BreakdownInfo) -> go.Figure:
    """Horizontal bars, one trace a status, so that the legend names both."""
    made = figure(height=330)
    for status, colour, hatch in (("calibrated", CALIBRATED, ""), ("predicted", PREDICTED, "/")):
        picked = [i for i, s in enumerate(info.status) if s == status]
        made.add_trace(
            go.Bar(
                orientation="h",
                name=status,
                y=[text(info.component[i]) for i in picked],
                x=[info.value[i] for i in picked],
                text=[number(info.value[i]) for i in picked],
                textposition="outside",
                cliponaxis=False,
                hovertext=[f"{number(info.value[i])}<br>{text(info.source[i])}" for i in picked],
                hoverinfo="text",
                marker={"color": colour, "pattern": {"shape": hatch, "fillmode": "overlay", **HATCH}},
                showlegend=True,
            )
        )
    order = {"categoryorder": "array", "categoryarray": [text(name) for name in info.component], "automargin": True}
    made.update_layout(xaxis=value_axis(info.axis, max(info.value, default=1.0)), yaxis=order, bargap=0.3)
    made.update_layout(margin={"l": 10})
    return made
