"""Two objectives against each other, a third as colour; the front on top of every other trial."""

from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from dse.objectives import Objective
from dse.plots.base import COLOUR_SCALE, GREY, VERMILLION, axis, figure, model_label, number, symbol, text
from dse.store import Results


class Dots(NamedTuple):
    """Points of one kind."""

    x: list[float]
    y: list[float]
    label: list[str]


class ScatterInfo(NamedTuple):
    """What the figure shows. `trial`, `colour` and `weight_format` go with the points of `front`."""

    x: Objective
    y: Objective
    shade: Objective | None
    dominated: Dots
    infeasible: Dots
    front: Dots
    trial: list[int]
    colour: list[float]
    weight_format: list[str]
    published: Dots
    published_name: list[str]
    """Name of the design at one of its stars, empty at the others."""
    published_above: list[bool]
    published_feasible: list[bool]


def scatter_info(
    results: Results, x: Objective, y: Objective, shade: Objective | None, named: bool = True
) -> ScatterInfo:
    """Every distinct evaluated trial once, the front apart, and the published designs, with their names or without."""
    trials = results.trials
    evaluated = trials[trials["distinct"] & trials[x.name].notna()]
    front = evaluated[evaluated["on_front"]]
    published = results.published
    shown = (x, y) if shade is None else (x, y, shade)
    names = _names(published, x, y) if named else {}
    return ScatterInfo(
        x=x,
        y=y,
        shade=shade,
        dominated=_dots(evaluated[evaluated["feasible"] & ~evaluated["on_front"]], shown),
        infeasible=_dots(evaluated[~evaluated["feasible"]], shown),
        front=_dots(front, shown),
        trial=[int(n) for n in front["trial"]],
        colour=[] if shade is None else [shade.shown(v) for v in front[shade.name]],
        weight_format=front["weight_format"].tolist(),
        published=_dots(published, shown, "design"),
        published_name=[names[i][0] if i in names else "" for i in published.index],
        published_above=[i in names and names[i][1] for i in published.index],
        published_feasible=published["feasible"].tolist(),
    )


def scatter_plot(info: ScatterInfo) -> go.Figure:
    """Scatter; a point of the front carries its trial's number, the last trace rings the one that is chosen."""
    made = figure(height=470)
    made.add_trace(_faded(info.infeasible, "misses a constraint", "x-thin-open", 0.35))
    made.add_trace(_faded(info.dominated, "dominated", "circle", 0.35))
    for weight_format in dict.fromkeys(info.weight_format):
        made.add_trace(_front_trace(info, weight_format))
    made.add_trace(
        go.Scatter(
            x=info.published.x,
            y=info.published.y,
            name="published design",
            mode="markers+text",
            text=[text(name) for name in info.published_name],
            textposition=["top center" if above else "bottom center" for above in info.published_above],
            textfont={"size": 11},
            hovertext=info.published.label,
            hoverinfo="text",
            cliponaxis=False,
            marker={
                "symbol": ["star" if feasible else "star-open" for feasible in info.published_feasible],
                "size": 14,
                "color": VERMILLION,
            },
        )
    )
    ring = {"symbol": "circle-open", "size": 24, "color": VERMILLION, "line": {"width": 3}}
    made.add_trace(go.Scatter(x=[], y=[], mode="markers", hoverinfo="skip", showlegend=False, marker=ring))
    dots = (info.front, info.dominated, info.infeasible, info.published)
    made.update_layout(
        xaxis=axis(info.x, [x for kind in dots for x in kind.x]),
        yaxis=axis(info.y, [y for kind in dots for y in kind.y]),
        hovermode="closest",
        clickmode="event",
    )
    if info.shade is not None and info.front.x:
        made.update_layout(coloraxis=_colour_axis(info.shade, info.colour))
    return made


def _dots(rows: pd.DataFrame, shown: tuple[Objective, ...], first: str = "trial") -> Dots:
    def label(row: pd.Series) -> str:
        name = row[first] if first != "trial" else f"trial {row[first]}"
        figures = [f"{o.title}: {number(o.shown(row[o.name]))} {o.screen_unit}" for o in shown]
        return "<br>".join([f"<b>{text(name)}</b>", text(model_label(row["model"])), *map(text, figures)])

    labels = [label(row) for _, row in rows.iterrows()]
    x, y = ([o.shown(value) for value in rows[o.name]] for o in shown[:2])
    return Dots(x, y, labels)


def _names(published: pd.DataFrame, x: Objective, y: Objective) -> dict[int, tuple[str, bool]]:
    """By row: a design's name, and whether above its highest star or below its lowest.

    Designs that follow each other along x take turns, so that the names of neighbours do not overlap.
    """
    first = published.groupby("design")[x.name].min().sort_values()
    names = {}
    for turn, design in enumerate(first.index):
        heights = published[published["design"] == design][y.name]
        above = turn % 2 == 0
        names[int(heights.idxmax() if above else heights.idxmin())] = (str(design), above)
    return names


def _faded(dots: Dots, name: str, shape: str, opacity: float) -> go.Scatter:
    marker = {"symbol": shape, "size": 6, "color": GREY, "opacity": opacity, "line": {"width": 1, "color": GREY}}
    return go.Scatter(
        x=dots.x, y=dots.y, name=name, mode="markers", hovertext=dots.label, hoverinfo="text", marker=marker
    )


def _front_trace(info: ScatterInfo, weight_format: str) -> go.Scatter:
    picked = [i for i, name in enumerate(info.weight_format) if name == weight_format]
    marker: dict[str, object] = {"symbol": symbol(weight_format), "size": 12, "line": {"width": 1.2, "color": GREY}}
    if info.shade is not None:
        marker |= {"color": [info.colour[i] for i in picked], "coloraxis": "coloraxis"}
    return go.Scatter(
        x=[info.front.x[i] for i in picked],
        y=[info.front.y[i] for i in picked],
        name=f"front, {text(weight_format)}",
        mode="markers",
        customdata=[info.trial[i] for i in picked],
        hovertext=[info.front.label[i] for i in picked],
        hoverinfo="text",
        marker=marker,
    )


def _colour_axis(shade: Objective, values: list[float]) -> dict[str, object]:
    title = {"text": text(shade.axis), "side": "right"}
    bar = {"title": title, "thickness": 12, "outlinewidth": 0}
    return {"colorscale": COLOUR_SCALE, "cmin": min(values), "cmax": max(values), "colorbar": bar}
