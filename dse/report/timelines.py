"""What every part did in a window of steps, as the tab Timeline shows it."""

from pathlib import Path

from archsim.analysis.stalls import (
    Logged,
    Slice,
    slices,
)
from archsim.catalogue import CATALOGUE, Catalogue
from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.plan import RunScope
from archsim.simulation import Job, prepare, simulate
from archsim.trace.trace import Trace
from dse.report.designs import trace_file
from dse.report.searches import balanced
from dse.report.shapes import STATES, TimelineTab
from dse.report.values import key
from dse.report.words import model_label
from dse.results.details import FrontDetail
from dse.results.store import Results

FIRST, LAST = 1, 2
"""The window that a search's report shows: step 0 meets an empty machine, so it begins after."""
MOST_SLICES = 4000
"""The most that one timeline has: steps beyond are left out of its window."""


def front_timelines(results: Results, folder: Path, index: int) -> list[TimelineTab]:
    """Timelines of the balanced point and of the best in each objective; one whose trace is gone is left out."""
    found = []
    for detail in _few(results):
        try:
            trace = Trace.load(trace_file(detail, folder))
        except BadInput:
            continue
        design = results.space.design(detail.overrides)
        last = min(LAST, trace.steps - 1)
        title = f"Trial {detail.trial}: {model_label(detail.model)}"
        scope = results.space.scenario.scope
        found.append(timeline(design, trace, min(FIRST, last), last, scope, None, key(index, detail.trial), title))
    return found


def timeline(
    design: Design,
    trace: Trace,
    first: int,
    last: int,
    scope: RunScope,
    lanes: int | None,
    at: str,
    title: str,
    catalogue: Catalogue = CATALOGUE,
) -> TimelineTab:
    """Steps `first` to `last` of `trace` on `design`, by the engine `burst`."""
    events: list[Logged] = []

    def log(*event: int | str) -> None:
        events.append(event)  # type: ignore[arg-type]

    steps = None if prepare(Job(design, trace, lanes, scope=scope)).waits else last + 1
    report = simulate(design, trace, "burst", steps=steps, lanes=lanes, scope=scope, log=log)
    found = [s for s in slices(events, report.cycles, design.pe_array.banks, catalogue) if first <= s.step <= last]
    shown = _first_of(found, MOST_SLICES)
    origin = min((s.begin for s in shown), default=0)
    components = [c.name for c in catalogue.processes]
    states = sorted({s.state for s in shown}, key=STATES.index)
    return TimelineTab(
        key=at,
        title=title,
        clock_mhz=design.clock_mhz,
        first_step=first,
        last_step=max((s.step for s in shown), default=last),
        origin=origin,
        components=[c.title for c in catalogue.processes],
        states=states,
        component=[components.index(s.component) for s in shown],
        state=[states.index(s.state) for s in shown],
        begin=[s.begin - origin for s in shown],
        cycles=[s.cycles for s in shown],
        step=[s.step for s in shown],
        block=[s.block for s in shown],
    )


def _first_of(found: list[Slice], most: int) -> list[Slice]:
    """As many whole steps as have at most so many slices; where one step alone has more, its first ones."""
    last = max((s.step for s in found), default=0)
    while last > min((s.step for s in found), default=0) and sum(s.step <= last for s in found) > most:
        last -= 1
    return sorted((s for s in found if s.step <= last), key=lambda s: s.begin)[:most]


def _few(results: Results) -> list[FrontDetail]:
    details = results.details
    best = [min(details, key=lambda d: g.sign * d.objectives[g.name]).trial for g in results.space.goals if details]
    wanted = dict.fromkeys([balanced(results), *best])
    return [d for trial in wanted for d in details if d.trial == trial]
