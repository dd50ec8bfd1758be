"""The front as the search sees it: its first objective against its last, the second as colour."""

import plotly.graph_objects as go

from dse.plots.base import OverviewPlot
from dse.plots.scatter import scatter_info, scatter_plot
from dse.store import Results


def _make(results: Results) -> go.Figure:
    goals = results.space.goals
    if len(goals) == 2:
        return scatter_plot(scatter_info(results, goals[1], goals[0], None))
    # Accuracies repeat from design to design, and the stars stand close: the other figure has their names.
    return scatter_plot(scatter_info(results, goals[-1], goals[0], goals[1], named=False))


FRONT = OverviewPlot(
    name="front",
    title="What can be had",
    caption="Every design that was tried; those with a symbol are beaten in every respect by no other. "
    "Click one to see what it is made of.",
    make=_make,
)
