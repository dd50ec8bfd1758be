"""Busy cycles and stalls of every component, derived from the machine's event log.

The log is processed as it arrives, and only unfinished work is kept. ``archsim.catalogue`` declares the events that a
component logs, and the causes of its stalls in their order of blame.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from archsim.catalogue import ACTIVATION_UNIT, CATALOGUE, PE_ARRAY, WEIGHT_STREAM, Catalogue, Cause, Component, Event
from archsim.files import JsonValue

BUSY = "busy"
Logged = tuple[int, str, str, int, int, int]
"""(cycle, component, event, step, block, column), the arguments of ``machine.log.Log``."""
Span = tuple[str, int, int]
"""(state, begin, end): the state, BUSY or a cause, in cycles `begin` to `end` - 1."""
Answer = Callable[[int, int, int, int], Iterable[Span]]
"""Maps (cycle, step, block, column) of an event to the spans of its component until then, oldest first."""


@dataclass(frozen=True)
class Slice:
    """Cycles `begin` to `end` - 1 of a component, whose `state` is BUSY or a cause."""

    component: str
    state: str
    begin: int
    end: int
    step: int
    block: int
    burst: int
    """Position of the burst in its block; 0 for a component that handles whole blocks."""

    @property
    def cycles(self) -> int:
        return self.end - self.begin


@dataclass
class _BurstUnderWay:
    """A burst that the weight path has begun and the PEs have not finished."""

    position: int
    start: int
    listed: int
    """Cycle at which its operand lists were known, or its turn came, whichever was later."""
    admitted: int
    """Cycle at which its inputs had arrived too, and it was allowed to take the channel."""
    waits: deque[Span] = field(default_factory=deque)
    """Spans in which the weight path waited for credits or for the channel."""
    waits_for: tuple[Cause, int] | None = None
    """The cause of its current wait, and the cycle at which that began."""

    def wait(self, cause: Cause | None, cycle: int) -> Span | None:
        """Wait for `cause` from now on (None: for nothing), and return the wait that ends now, if any."""
        before, self.waits_for = self.waits_for, None if cause is None else (cause, cycle)
        if before is None or before[1] == cycle:
            return None
        self.waits.append((*before, cycle))
        return self.waits[-1]

    def waits_within(self, begin: int, end: int) -> list[Span]:
        """The waits between `begin` and `end`; earlier ones are forgotten."""
        while self.waits and self.waits[0][2] <= begin:
            self.waits.popleft()
        pending = [] if self.waits_for is None else [(*self.waits_for, end)]
        clipped = ((cause, max(a, begin), min(b, end)) for cause, a, b in (*self.waits, *pending))
        return [span for span in clipped if span[1] < span[2]]


@dataclass
class _Shared:
    """The state of one component that the stalls of another depend on."""

    freed: deque[int]
    """Cycles from which scratch banks are free that have not been taken yet."""
    bank_cycles: int
    """Cycles from the end of a block's work in the activation unit until its bank is free."""
    bursts: deque[_BurstUnderWay] = field(default_factory=deque)


def _painted(begin: int, end: int, cause: Cause, over: Iterable[Span]) -> Iterator[Span]:
    """Cycles `begin` to `end` with `cause`, except for the spans `over`, which are ascending and lie within them."""
    for span in over:
        yield cause, begin, span[1]
        yield span
        begin = span[2]
    yield cause, begin, end


class _Track(ABC):
    """Derives the state of a component in every cycle from its events.

    ValueError if it handles other events than its component declares.
    """

    def __init__(self, component: Component, shared: _Shared) -> None:
        self.component = component
        self.shared = shared
        self.known_until = 0
        """Cycle up to which all slices have been returned."""
        self.place = (-1, -1, 0)
        """Step, block and burst of its current work."""
        self._answers = self.answers()
        if set(self._answers) != set(component.events):
            raise ValueError(
                f"{component.name} logs {', '.join(component.events)}; its track answers {', '.join(self._answers)}"
            )

    @abstractmethod
    def answers(self) -> Mapping[str, Answer]:
        """For each event of the component, a function that returns its spans until then."""

    def feed(self, cycle: int, event: str, step: int, block: int, column: int) -> list[Slice]:
        """The slices that an event makes known, oldest first and without gaps."""
        return self._slices(self._answers[event](cycle, step, block, column))

    def finish(self, cycles: int) -> list[Slice]:
        return self._slices([(Cause.DRAIN, self.known_until, cycles)])

    def _slices(self, spans: Iterable[Span]) -> list[Slice]:
        slices = [Slice(self.component.name, state, a, b, *self.place) for state, a, b in spans if a < b]
        self.known_until = slices[-1].end if slices else self.known_until
        return slices


class _WorkTrack(_Track):
    """The track of a component that takes one piece of work at a time, as ``catalogue.Component`` defines it.

    ValueError if the component does not declare a cause for each event.
    """

    def answers(self) -> Mapping[str, Answer]:
        events, causes = self.component.events, self.component.causes
        if len(events) != len(causes) or events[-1] is not Event.END:
            raise ValueError(f"{self.component.name} declares no cause for each of its events: it needs its own track")
        answers: dict[str, Answer] = {e: self._waited_for(c) for e, c in zip(events, causes, strict=True)}
        return {**answers, Event.END: self._worked}

    def _waited_for(self, cause: Cause) -> Answer:
        def answer(cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
            self.place = step, block, 0
            yield cause, self.known_until, cycle

        return answer

    def _worked(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield BUSY, self.known_until, cycle


class _ActivationTrack(_WorkTrack):
    """The track of the activation unit, which frees a block's scratch bank at the end of its work."""

    def _worked(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.shared.freed.append(cycle + self.shared.bank_cycles)
        yield from super()._worked(cycle, step, block, column)


class _WeightPathTrack(_Track):
    """The track of the weight path, whose waits the PE array's stalls depend on."""

    turn = 0
    listed: int | None = None
    admitted: int | None = None
    norms: int | None = None

    def answers(self) -> Mapping[str, Answer]:
        return {
            Event.TURN: self._turn,
            Event.LISTED: self._listed,
            Event.ADMITTED: self._admitted,
            Event.NORMS: self._norms,
            Event.START: self._start,
            Event.WAIT_CREDIT: self._wait_credit,
            Event.WAIT_CHANNEL: self._wait_channel,
            Event.COLUMN: self._column,
            Event.END: self._end,
        }

    def _turn(self, cycle: int, step: int, block: int, column: int) -> Iterable[Span]:
        same = self.place[:2] == (step, block)
        self.place = step, block, self.place[2] + 1 if same else 0
        self.turn, self.listed, self.admitted, self.norms = cycle, None, None, None
        return ()

    def _listed(self, cycle: int, step: int, block: int, column: int) -> Iterable[Span]:
        self.listed = cycle
        return ()

    def _admitted(self, cycle: int, step: int, block: int, column: int) -> Iterable[Span]:
        self.admitted = cycle
        return ()

    def _norms(self, cycle: int, step: int, block: int, column: int) -> Iterable[Span]:
        self.norms = cycle
        return ()

    def _start(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        listed = cycle if self.listed is None else self.listed
        admitted = listed if self.admitted is None else self.admitted
        norms = cycle if self.norms is None else self.norms
        yield Cause.FIFO_CREDIT, self.known_until, self.turn
        yield Cause.STATE_DEPENDENCY, self.turn, listed
        yield Cause.INPUT_FETCH, listed, admitted
        yield Cause.SETUP, admitted, norms
        yield BUSY, norms, cycle
        self.shared.bursts.append(_BurstUnderWay(self.place[2], cycle, listed, admitted))

    def _wait_credit(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield from self._waited(Cause.FIFO_CREDIT, cycle)

    def _wait_channel(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield from self._waited(Cause.INPUT_FETCH, cycle)

    def _column(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        for span in self._waited(None, cycle):
            if column == 0 and span[0] is Cause.INPUT_FETCH:
                self.shared.bursts[-1].admitted = cycle
            yield span

    def _end(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        waited = list(self._waited(None, cycle))
        yield from waited or [(BUSY, self.known_until, cycle)]

    def _waited(self, cause: Cause | None, cycle: int) -> Iterator[Span]:
        """Wait for `cause` from now on (None: for nothing); yields the work before the wait that ends now, and the
        wait."""
        span = self.shared.bursts[-1].wait(cause, cycle)
        if span:
            yield BUSY, self.known_until, span[1]
            yield span


class _PEArrayTrack(_Track):
    """The track of the PE array, whose stalls depend on scratch banks and on the weight path's burst."""

    worked: int | None = None
    """Cycle by which the PEs had consumed all that had arrived."""
    begun = False
    """Whether the PEs have begun the burst."""
    loads = False
    """Whether they wait for the next group of columns to be loaded, whose weights stay in them."""

    def answers(self) -> Mapping[str, Answer]:
        return {
            Event.START: self._start,
            Event.LOAD: self._load,
            Event.WAIT_COLUMN: self._wait_column,
            Event.COLUMN: self._column,
            Event.DONE: self._done,
            Event.END: self._end,
        }

    def _start(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.begun = True
        burst, free = self.shared.bursts[0], self.known_until
        opens = self.place[:2] != (step, block)
        self.place = step, block, burst.position
        bank = min(cycle, max(free, self.shared.freed.popleft())) if opens else free
        listed = min(cycle, max(bank, burst.listed))
        admitted = min(cycle, max(listed, burst.admitted))
        yield Cause.SCRATCH_BANK, free, bank
        yield Cause.STATE_DEPENDENCY, bank, listed
        yield Cause.INPUT_FETCH, listed, admitted
        yield Cause.WEIGHT_LATENCY, admitted, cycle

    def _load(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.loads = True
        yield BUSY, self.known_until, cycle

    def _loaded(self, cycle: int) -> Iterator[Span]:
        """The wait for a group to be loaded, if there is one, which ends now."""
        if self.loads:
            self.loads = False
            yield Cause.WEIGHT_BANDWIDTH, self.known_until, cycle

    def _wait_column(self, cycle: int, step: int, block: int, column: int) -> Iterable[Span]:
        self.worked = cycle if self.begun else None  # START accounts for the wait for a burst's first column
        return self._loaded(cycle)

    def _column(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        worked, self.worked = self.worked, None
        if worked is not None and worked < cycle:
            yield BUSY, self.known_until, worked
            waits = self.shared.bursts[0].waits_within(worked, cycle)
            yield from _painted(worked, cycle, Cause.WEIGHT_BANDWIDTH, waits)

    def _done(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        worked = cycle if self.worked is None else self.worked
        self.worked, self.begun = None, False
        loaded = list(self._loaded(worked))
        yield from loaded
        waited = sum(end - begin for _, begin, end in self.shared.bursts.popleft().waits)
        credited = min(cycle, worked + waited)
        yield BUSY, worked if loaded else self.known_until, worked
        yield Cause.FIFO_CREDIT, worked, credited
        yield Cause.WEIGHT_BANDWIDTH, credited, cycle

    def _end(self, cycle: int, step: int, block: int, column: int) -> Iterable[Span]:
        return ()  # DONE of the block's last burst has the same cycle


_TRACKS: dict[str, type[_Track]] = {
    WEIGHT_STREAM.name: _WeightPathTrack,
    PE_ARRAY.name: _PEArrayTrack,
    ACTIVATION_UNIT.name: _ActivationTrack,
}
"""Tracks of components whose stalls depend on another component; all others take one piece of work at a time."""


class Tracks:
    """Derives the slices of every process of a machine with `banks` scratch banks, event by event.

    A bank is free `bank_cycles` after its block has been read. Before a later phase begins, every process drains.

    ValueError for a component whose cycles cannot be accounted for, or for an event that the catalogue does not
    declare.
    """

    def __init__(self, banks: int, catalogue: Catalogue = CATALOGUE, bank_cycles: int = 0) -> None:
        self.shared = _Shared(deque([0] * banks), bank_cycles)
        self.of: dict[str, _Track] = {
            c.name: _TRACKS.get(c.name, _WorkTrack)(c, self.shared) for c in catalogue.processes
        }
        self._declared = {c.name: frozenset[str](c.events) for c in catalogue}

    def feed(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> list[Slice]:
        """The slices that an event makes known; none for a component that only logs."""
        if event not in self._declared.get(component, ()):
            raise ValueError(f"event log: the catalogue declares no event {event!r} of {component!r}")
        if event == Event.PHASE:
            self.shared.freed = deque(min(free, cycle) for free in self.shared.freed)
            return self.finish(cycle)
        track = self.of.get(component)
        return [] if track is None else track.feed(cycle, event, step, block, column)

    def finish(self, cycles: int) -> list[Slice]:
        return [s for track in self.of.values() for s in track.finish(cycles)]


def slices(events: Iterable[Logged], cycles: int, banks: int, catalogue: Catalogue = CATALOGUE) -> Iterator[Slice]:
    """Every slice of a run of `cycles`; those of one component cover the run in ascending order, without overlaps."""
    tracks = Tracks(banks, catalogue)
    for event in events:
        yield from tracks.feed(*event)
    yield from tracks.finish(cycles)


@dataclass(frozen=True)
class Occupation:
    """Busy cycles and stalls of a component, which add up to the cycles of the run."""

    busy_cycles: int
    stalls: dict[str, int]
    """Stall cycles by cause, in the order of blame."""

    def to_json(self) -> dict[str, JsonValue]:
        return {"busy_cycles": self.busy_cycles, "stalls": dict(self.stalls)}


class OccupationLog:
    """A ``machine.log.Log`` that adds up busy cycles and stalls of every process, in bounded memory."""

    def __init__(self, banks: int, catalogue: Catalogue = CATALOGUE, bank_cycles: int = 0) -> None:
        self._tracks = Tracks(banks, catalogue, bank_cycles)
        self._causes = {c.name: c.causes for c in catalogue.processes}
        self._cycles = {name: dict[str, int].fromkeys((BUSY, *causes), 0) for name, causes in self._causes.items()}

    def __call__(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        self._add(self._tracks.feed(cycle, component, event, step, block, column))

    def finish(self, cycles: int) -> dict[str, Occupation]:
        """The occupation of every process in a run of `cycles`, by component."""
        self._add(self._tracks.finish(cycles))
        return {
            name: Occupation(states[BUSY], {cause: states[cause] for cause in self._causes[name]})
            for name, states in self._cycles.items()
        }

    def _add(self, known: Iterable[Slice]) -> None:
        for s in known:
            self._cycles[s.component][s.state] += s.cycles


def component_stalls(
    events: Iterable[Logged], cycles: int, banks: int, catalogue: Catalogue = CATALOGUE, bank_cycles: int = 0
) -> dict[str, Occupation]:
    """Busy cycles and stalls by cause of every process, from the log of a run of `cycles`."""
    log = OccupationLog(banks, catalogue, bank_cycles)
    for event in events:
        log(*event)
    return log.finish(cycles)
