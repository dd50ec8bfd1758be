"""What the chip's area is made of, in one design."""

import plotly.graph_objects as go

from dse.plots.base import DetailPlot
from dse.plots.breakdown import breakdown_info, breakdown_plot
from dse.store import FrontDetail


def _make(detail: FrontDetail) -> go.Figure:
    return breakdown_plot(breakdown_info(detail, "area"))


AREA = DetailPlot(
    name="area",
    title="Chip area",
    caption="By component, without DRAM, pads and clock tree.",
    make=_make,
)
