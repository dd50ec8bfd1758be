"""Figures of the report: data to a NamedTuple, NamedTuple to a Plotly figure. A new one is one file and one line."""

from dse.plots.area import AREA
from dse.plots.base import DetailPlot, OverviewPlot
from dse.plots.energy import ENERGY
from dse.plots.front import FRONT
from dse.plots.hardware import HARDWARE
from dse.plots.models import MODELS
from dse.plots.stalls import STALLS

OVERVIEW: tuple[OverviewPlot, ...] = (FRONT, HARDWARE, MODELS)
DETAIL: tuple[DetailPlot, ...] = (ENERGY, AREA, STALLS)
ALL: tuple[OverviewPlot | DetailPlot, ...] = (*OVERVIEW, *DETAIL)

__all__ = ["ALL", "DETAIL", "OVERVIEW", "DetailPlot", "OverviewPlot"]
