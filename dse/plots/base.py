"""What the figures share: colours that colour-blind readers can tell apart, symbols, and axes with units.

A figure has no colours of its own for text, grid and background: the report sets those, light or dark.
"""

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go

from dse.objectives import Objective
from dse.store import FrontDetail, Results

# Okabe & Ito, "Color Universal Design" (2008)
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8A8F98"

CALIBRATED, PREDICTED = BLUE, ORANGE

SYMBOLS = {
    "few bits": "pentagon",
    "fixed8": "square",
    "ternary": "triangle-up",
    "binary": "diamond",
    "float32": "circle",
}
COLOURS = {"few bits": SKY, "fixed8": BLUE, "ternary": GREEN, "binary": PURPLE, "float32": ORANGE}
HATCH = {"solidity": 0.3, "fgcolor": "rgba(0, 0, 0, 0.4)"}
PLAIN = ",~r"
"""Tick format: thousands told apart, no exponent, no trailing zeros."""
COLOUR_SCALE = "Cividis"
"""Perceptually uniform, and read alike with any colour vision (Nunez, Anderton & Renslow, 2018)."""


@dataclass(frozen=True)
class OverviewPlot:
    """A figure of a whole search; None where the search has nothing to show in it."""

    name: str
    title: str
    caption: str
    make: Callable[[Results], go.Figure | None]


@dataclass(frozen=True)
class DetailPlot:
    """A figure of one point of the front."""

    name: str
    title: str
    caption: str
    make: Callable[[FrontDetail], go.Figure]


def symbol(weight_format: str) -> str:
    return SYMBOLS.get(_look(weight_format), "circle")


def colour(weight_format: str) -> str:
    return COLOURS.get(_look(weight_format), GREY)


def _look(weight_format: str) -> str:
    """Fixed point looks alike at fewer than 8 bits, and at 8 or more."""
    fixed = re.match(r"fixed(\d+)", weight_format)
    if fixed is None:
        return weight_format
    return "fixed8" if int(fixed[1]) >= 8 else "few bits"


def number(value: float) -> str:
    """Four figures, thousands told apart, no exponent between a thousandth and a billion."""
    if value == 0 or not 1e-3 <= abs(value) < 1e9:
        return f"{value:.4g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def text(value: object) -> str:
    """`value` as Plotly shows it: Plotly reads a few HTML tags in labels."""
    return html.escape(str(value))


def figure(height: int) -> go.Figure:
    """An empty figure on a transparent ground."""
    return go.Figure(
        layout={
            "template": go.layout.Template(),
            "height": height,
            "margin": {"l": 68, "r": 18, "t": 18, "b": 56},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 13},
            "hoverlabel": {"align": "left"},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0},
        }
    )


def axis(objective: Objective, values: Sequence[float]) -> dict[str, object]:
    """An axis with its unit, in decades where the objective reads better so."""
    shape: dict[str, object] = {"title": {"text": text(objective.axis)}, "zeroline": False, "automargin": True}
    if objective.logarithmic:
        wide = max(values, default=1.0) > 100 * min(values, default=1.0)
        # Ticks at 1, 2 and 5 of each decade as plain numbers, or at 1 alone where they would run into each other.
        shape |= {"type": "log", "tickformat": PLAIN, "dtick": 1 if wide else "D2"}
    return shape


def model_label(name: str) -> str:
    """A model's name; of one that is a file, the file's."""
    return Path(name).stem if "/" in name else name


def value_axis(title: str, largest: float) -> dict[str, object]:
    """The axis along horizontal bars, with room for a figure at the end of the longest."""
    return {"title": {"text": text(title)}, "tickformat": PLAIN, "range": [0, 1.22 * largest], "nticks": 6}
