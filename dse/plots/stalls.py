"""How the cycles of the PE array went: working, or waiting and for what."""

from typing import NamedTuple

import plotly.graph_objects as go

from dse.plots.base import GREEN, GREY, DetailPlot, figure, text, value_axis
from dse.store import FrontDetail


class StallsInfo(NamedTuple):
    """Shares of all cycles, in percent, that add up to 100; causes that never occur are left out."""

    cause: list[str]
    percent: list[float]


def stalls_info(detail: FrontDetail) -> StallsInfo:
    cycles = {"working": detail.busy_cycles} | {
        f"waits: {cause.replace('_', ' ')}": count for cause, count in detail.stalls.items() if count
    }
    return StallsInfo(list(cycles), [100 * count / detail.cycles for count in cycles.values()])


def stalls_plot(info: StallsInfo) -> go.Figure:
    made = figure(height=330)
    made.add_trace(
        go.Bar(
            orientation="h",
            y=[text(cause) for cause in info.cause],
            x=info.percent,
            text=[f"{percent:.1f} %" for percent in info.percent],
            textposition="outside",
            cliponaxis=False,
            hoverinfo="y+text",
            marker={"color": [GREEN, *[GREY] * (len(info.cause) - 1)]},
        )
    )
    made.update_layout(
        xaxis=value_axis("Cycles of the PE array (%)", max(info.percent)),
        yaxis={"autorange": "reversed", "automargin": True},
        margin={"l": 10},
        bargap=0.3,
        showlegend=False,
    )
    return made


def _make(detail: FrontDetail) -> go.Figure:
    return stalls_plot(stalls_info(detail))


STALLS = DetailPlot(
    name="stalls",
    title="Time on the PE array",
    caption="Share of cycles in which the PEs work, and what they wait for in the others.",
    make=_make,
)
