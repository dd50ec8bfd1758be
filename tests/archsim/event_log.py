"""Event logs of engine `column`, as runs write them and as cases on paper spell them out."""

from archsim.design import Design
from archsim.machine.steps import run_machine
from archsim.simulation import Job, prepare
from archsim.timing import Timing
from archsim.trace.trace import Trace

LoggedEvents = dict[str, list[tuple[int, str, int, int]]]
"""The events of each component as (cycle, event, step, block), in order."""


def whole_log(design: Design, trace: Trace) -> tuple[LoggedEvents, Timing]:
    prepared = prepare(Job(design, trace, 1))
    logged: LoggedEvents = {}
    timing = run_machine(
        *prepared.triple,
        "column",
        log=lambda cycle, component, event, step, block, column: logged.setdefault(component, []).append(
            (cycle, event, step, block)
        ),
    )
    return logged, timing


def path(
    step: int,
    block: int,
    turn: int,
    listed: int,
    *columns: tuple[int, int],
    end: int,
    admitted: int = 0,
    norms: int = 0,
) -> LoggedEvents:
    """The events of a burst on the weight path, with columns as (asked for credits, taken), after `norms` cycles."""
    admitted = max(listed, admitted)
    events = [(turn, "turn"), (listed, "listed"), (admitted, "admitted")]
    events += [(admitted, "norms")] * (norms > 0) + [(admitted + norms, "start")]
    events += [each for asked, taken in columns for each in ((asked, "wait_credit"), (taken, "column"))]
    return {"weight_stream": [(cycle, event, step, block) for cycle, event in (*events, (end, "end"))]}


def tiles(step: int, block: int, *columns: tuple[int, int], done: int, closes: bool = False) -> LoggedEvents:
    """The events of a burst in the PEs, with columns as (ready for it, begun)."""
    events = [each for ready, begun in columns for each in ((ready, "wait_column"), (begun, "column"))]
    events.insert(1 if columns else 0, (columns[0][1] if columns else done, "start"))
    events += [(done, "done"), (done, "end")][: 1 + closes]
    return {"pe_array": [(cycle, event, step, block) for cycle, event in events]}


def together(*parts: LoggedEvents) -> LoggedEvents:
    log: LoggedEvents = {}
    for part in parts:
        for component, events in part.items():
            log.setdefault(component, []).extend(events)
    return log
