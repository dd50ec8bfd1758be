"""Where the energy of a token goes, in one design."""

import plotly.graph_objects as go

from dse.plots.base import DetailPlot
from dse.plots.breakdown import breakdown_info, breakdown_plot
from dse.store import FrontDetail


def _make(detail: FrontDetail) -> go.Figure:
    return breakdown_plot(breakdown_info(detail, "energy"))


ENERGY = DetailPlot(
    name="energy",
    title="Energy per token",
    caption="By component, DRAM included; calibrated figures rest on published chips, predicted ones on models alone.",
    make=_make,
)
