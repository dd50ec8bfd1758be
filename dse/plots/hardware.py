"""The same front from the side of the hardware: the second objective against the last, the first as colour."""

import plotly.graph_objects as go

from dse.plots.base import OverviewPlot
from dse.plots.scatter import scatter_info, scatter_plot
from dse.store import Results


def _make(results: Results) -> go.Figure | None:
    goals = results.space.goals
    return scatter_plot(scatter_info(results, goals[1], goals[-1], goals[0])) if len(goals) > 2 else None


HARDWARE = OverviewPlot(
    name="hardware",
    title="What it costs to build and to run",
    caption="The same designs by their cost alone; the colour says how accurate the model is that they run.",
    make=_make,
)
