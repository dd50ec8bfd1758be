"""Sweeps: every combination of some values of a design's parameters, simulated on one trace."""

import html
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import moocore
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from archsim.costs import SHIPPED, CostTable, dram_lacks
from archsim.costs.clock import reachable
from archsim.design import Design, Value
from archsim.errors import BadInput
from archsim.interface import DesignLike, TraceLike, as_design, as_trace
from archsim.mapping.plan import RunScope
from archsim.report import SimReport
from archsim.simulation import Job, simulate_many
from archsim.trace.trace import Trace

GOALS = ("latency_us_per_step", "energy_system_pj_per_token", "area_mm2")
"""What `Sweep.front` minimises unless it is given other columns."""


@dataclass(frozen=True)
class SweepPoint:
    """One combination of a sweep: what was set, and the report, or why there is none."""

    settings: Mapping[str, Value]
    found: SimReport | BadInput

    @property
    def row(self) -> dict[str, Any]:
        """The settings by path, the figures of the report, and the reason where there is none."""
        if isinstance(self.found, BadInput):
            return {**self.settings, "reason": str(self.found)}
        return {**self.settings, **self.found.figures, "clock_reachable": self.reached, "reason": ""}

    @property
    def reached(self) -> bool:
        """Whether it has run, and circuits can reach its clock."""
        return not isinstance(self.found, BadInput) and reachable(self.found.design, self.found.costs)

    @property
    def words(self) -> str:
        """What was set, and a warning where no circuit is like that."""
        settings = ", ".join(f"{path} = {value}" for path, value in self.settings.items())
        return settings if self.reached else f"{settings}; no circuit reaches this clock"


@dataclass(frozen=True)
class Sweep:
    """What a sweep found, in the order of its combinations: the last parameter changes first."""

    design: str
    workload: str
    points: tuple[SweepPoint, ...] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """A row a combination: its settings by dotted path, figures with their units in their names, and `reason`
        where the design cannot be built or cannot run the trace."""
        return pd.DataFrame([point.row for point in self.points])

    def front(self, minimise: Sequence[str] = GOALS, any_clock: bool = False) -> pd.DataFrame:
        """The rows of `to_frame` that no other beats in all of the columns `minimise`; equal ones stay together.

        Without `any_clock` only those of which `clock_reachable` is true: no circuit runs at another clock. BadInput
        where there is no such column of numbers.
        """
        ran = self._ran(minimise)
        if not (ran.empty or any_clock):
            ran = ran[ran["clock_reachable"].astype(bool)]
        if ran.empty:
            return ran
        values = np.ascontiguousarray(ran[list(minimise)].to_numpy(float))
        front: pd.DataFrame = ran[moocore.is_nondominated(values, keep_weakly=True)]
        return front

    def plot(self, x: str = "latency_us_per_step", y: str = "energy_system_pj_per_token") -> go.Figure:
        """A Plotly figure of every combination that ran, by two columns of `to_frame`; hover over one to see it."""
        ran = self._ran((x, y))
        said = [point.words for point in self.points if not isinstance(point.found, BadInput)]
        figure = go.Figure(go.Scatter(x=ran.get(x), y=ran.get(y), mode="markers", hovertext=said))
        title = f"{self.design} on {self.workload}: {len(ran)} of {len(self.points)} combinations ran"
        return figure.update_layout(title=title, xaxis_title=x, yaxis_title=y)

    def _repr_html_(self) -> str:
        return (
            f"<p>{html.escape(self.design)} on {html.escape(self.workload)}</p>{self.to_frame().to_html(index=False)}"
        )

    def _ran(self, columns: Sequence[str]) -> pd.DataFrame:
        """The rows of those that ran; BadInput unless `columns` are numbers of them."""
        frame = self.to_frame()
        ran = frame[frame["reason"] == ""]
        numbers = [name for name in ran.columns if pd.api.types.is_numeric_dtype(ran[name])]
        for name in columns if len(ran) else ():
            if name not in numbers:
                raise BadInput(f"column must be one of {', '.join(numbers)}, not {name!r}")
        return ran


def sweep(
    design: DesignLike,
    trace: TraceLike,
    values: Mapping[str, Sequence[Value]],
    *,
    lanes: int | None = None,
    steps: int | None = None,
    scope: RunScope = "model",
    costs: CostTable = SHIPPED,
    on_point: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Simulate `trace` on `design` with every combination of `values`, each by dotted path into the design.

    A combination whose parts do not fit together, or which cannot run, keeps its reason. BadInput where a path is no
    parameter of the design, or has no values. ``on_point(done, total)`` is called after each.

    >>> from archsim import sweep, synthesize
    >>> trace = synthesize(hidden=64, inputs=10, density=0.2, sequences=8, steps=20)
    >>> found = sweep("skip-65nm", trace, {"pe_array.tiles": [1, 2], "clock_mhz": [100, 200]})
    >>> found.to_frame()[["pe_array.tiles", "clock_mhz"]].values.tolist()
    [[1, 100], [1, 200], [2, 100], [2, 200]]
    >>> found.front(["latency_us_per_step"])[["pe_array.tiles", "clock_mhz"]].values.tolist()
    [[2, 200]]
    """
    base, recorded = as_design(design), as_trace(trace)
    for path, given in values.items():
        base.check_parameter(path)
        if isinstance(given, str) or not isinstance(given, Collection):
            raise BadInput(f"sweep: {path} must have a list of values, not {given!r}")
        if not len(given):
            raise BadInput(f"sweep: {path} must have at least one value, not none")
    _check_dram(values.get("dram.kind", ()), costs)
    combinations = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    points: list[SweepPoint] = []
    for settings in combinations:
        points.append(SweepPoint(settings, _run(base, recorded, settings, lanes, steps, scope, costs)))
        if on_point:
            on_point(len(points), len(combinations))
    return Sweep(base.name, recorded.header.workload, tuple(points))


def _check_dram(kinds: Sequence[Value], costs: CostTable) -> None:
    """BadInput where the totals of some kinds of DRAM lack a part that those of others have."""
    lacking = {str(kind): dram_lacks(str(kind), costs) for kind in kinds}
    if len({bool(lacks) for lacks in lacking.values()}) > 1:
        unknown = ", ".join(kind for kind, lacks in lacking.items() if lacks)
        raise BadInput(
            "sweep: dram.kind must not be of kinds whose background power is known and of others "
            f"({unknown}): energies would be decided by what is missing; give it in a cost table"
        )


def _run(
    base: Design,
    trace: Trace,
    settings: Mapping[str, Value],
    lanes: int | None,
    steps: int | None,
    scope: RunScope,
    costs: CostTable,
) -> SimReport | BadInput:
    try:
        changed = base.override(settings)
    except BadInput as reason:
        return reason
    (found,) = simulate_many([Job(changed, trace, lanes, steps, scope)], costs)
    return found
