"""The comparison of two event logs, component by component: the first difference, or none."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
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


class Difference(NamedTuple):
    """The first event of a component that differs; None: a log has no event of that number."""

    component: str
    number: int
    expected: Logged | None
    found: Logged | None

    def __str__(self) -> str:
        return f"{self.component}, event {self.number}: archsim {_words(self.expected)}, Verilog {_words(self.found)}"


def differences(expected: Iterable[Logged], found: Iterable[Logged]) -> list[Difference]:
    """The first difference between two logs in each component, that of the earliest cycle first.

    The order of components within a cycle does not count, and neither do waits of no cycle within a column: `column`
    logs one where it does not know yet that a word has room or has arrived.
    """
    ours, theirs = _by_component(expected), _by_component(found)
    first = []
    for component in ours | theirs:
        pairs = zip_longest(ours.get(component, []), theirs.get(component, []))
        differing = ((number, *pair) for number, pair in enumerate(pairs) if pair[0] != pair[1])
        first += [Difference(component, *each) for each in islice(differing, 1)]
    return sorted(first, key=lambda each: min(event.cycle for event in each[2:] if event is not None))


def difference(expected: Iterable[Logged], found: Iterable[Logged]) -> str | None:
    """The earliest of the `differences` in words; None if two logs are equal."""
    return next(map(str, differences(expected, found)), None)


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


def _words(event: Logged | None) -> str:
    if event is None:
        return "none"
    return f"{event.event} at {event.cycle} (step {event.step}, block {event.block}, column {event.column})"
