"""The simulator as people call it from Python: a design and a trace by object, name or path."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from archsim import simulation
from archsim.costs import SHIPPED, CostTable
from archsim.design import Design, load_design
from archsim.machine.log import Log
from archsim.mapping.plan import RunScope
from archsim.report import SimReport
from archsim.simulation import Engine
from archsim.trace.trace import Trace

DesignLike: TypeAlias = Design | str | Path
"""A design, the name of a shipped one, or a TOML file."""
TraceLike: TypeAlias = Trace | str | Path
"""A trace, or its file."""


def simulate(
    design: DesignLike,
    trace: TraceLike,
    engine: Engine = "burst",
    *,
    steps: int | None = None,
    lanes: int | None = None,
    scope: RunScope = "model",
    log: Log | None = None,
    on_step: Callable[[int], None] | None = None,
    costs: CostTable = SHIPPED,
) -> SimReport:
    """Simulate sequences ``0 .. lanes - 1`` of `trace` on `design`.

    `lanes` and `steps` default to all of the design and of the trace. `log` is called with every event, `on_step` with
    the number of completed steps; engine ``analytic`` calls neither and refuses a `log`. BadInput names what the design
    cannot run or what the trace lacks.
    """
    return simulation.simulate(
        as_design(design),
        as_trace(trace),
        engine,
        steps=steps,
        lanes=lanes,
        scope=scope,
        log=log,
        on_step=on_step,
        costs=costs,
    )


def as_design(given: DesignLike) -> Design:
    return given if isinstance(given, Design) else load_design(given)


def as_trace(given: TraceLike) -> Trace:
    return given if isinstance(given, Trace) else Trace.load(given)
