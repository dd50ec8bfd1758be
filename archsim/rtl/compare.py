"""The comparison of two event logs, component by component: the first difference, or none."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from archsim.catalogue import Event


class Logged(NamedTuple):
    """An event as a run logs it (``machine.log``)."""

    cycle: int
    component: str
    event: str
    step: int
    block: int
    column: int


WAITS = (Event.WAIT_CREDIT, Event.WAIT_COLUMN)
"""Events that a column follows."""


def difference(expected: Iterable[Logged], found: Iterable[Logged]) -> str | None:
    """The first difference between two logs in a component, in words; None if they are equal.

    The order of components within a cycle does not count, and neither do waits of no cycle within a column: `column`
    logs one where it does not know yet that a word has room or has arrived.
    """
    ours, theirs = _by_component(expected), _by_component(found)
    for component in ours | theirs:
        one, other = ours.get(component, []), theirs.get(component, [])
        for number, (left, right) in enumerate(zip(one, other, strict=False)):
            if left != right:
                return f"{component}, event {number}: archsim {_words(left)}, Verilog {_words(right)}"
        if len(one) != len(other):
            longer = max(one, other, key=len)[min(len(one), len(other))]
            return f"{component}: archsim {len(one)} events, Verilog {len(other)}; beyond the shorter: {_words(longer)}"
    return None


def _by_component(events: Iterable[Logged]) -> dict[str, list[Logged]]:
    found: dict[str, list[Logged]] = {}
    for event in events:
        found.setdefault(event.component, []).append(event)
    return {component: list(_without_empty_waits(each)) for component, each in found.items()}


def _without_empty_waits(events: Sequence[Logged]) -> Iterator[Logged]:
    """The events of a component without waits that end in their own cycle, but for the first of a column."""
    begun: Logged | None = None
    at = 0
    while at < len(events):
        event = events[at]
        after = events[at + 1] if at + 1 < len(events) else None
        within = begun is not None and begun[3:] == event[3:]
        if within and event.event in WAITS and after == event._replace(event=Event.COLUMN):
            at += 2
            continue
        if event.event == Event.COLUMN:
            begun = event
        elif event.event not in WAITS:
            begun = None
        yield event
        at += 1


def _words(event: Logged) -> str:
    return f"{event.event} at {event.cycle} (step {event.step}, block {event.block}, column {event.column})"
