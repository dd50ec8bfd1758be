"""What every part of the machine did when: stalls by component, and a timeline for Chrome or Perfetto.

Both read the machine's event log (``machine.Log``) as it comes and keep only what is under way. Events, with the cycle
at which they hold; within a component cycles never fall:

| component | event | from this cycle |
|---|---|---|
| weight_stream | turn | the path could take the burst: it is free and the burst before is being consumed |
| | listed | its lists are known too |
| | admitted | its inputs are there, and it may take the channel |
| | norms | the first of a block: the sequencer has set it up, and row scales and biases take the path |
| | start | it is set up, and its columns may take the path |
| | wait_credit | the path waits for room in the FIFO (`burst`: all waits of the burst, gathered at its end) |
| | wait_channel | `column`, ``fcfs``: the path waits for the channel, to take one column |
| | column | `column` only: a column takes the path |
| | end | the last column has left the path (`burst`: not where a burst has no column) |
| pe_array | start | the burst is being consumed (the first of a block: into a scratch bank of its own) |
| | wait_column | the PEs have consumed what there is (`burst`: all such waits, gathered at the burst's end) |
| | column | `column` only: a column is consumed |
| | done | the burst is consumed; `end`: so is its block |
| activation_unit | activate, end | a block is activated; its bank is free |
| skip_encoder | encode, end | a block is scanned |
| input_reader | turn | the inputs of `step` may come: a buffer is free for them |
| | fetch, end | they occupy the channel |

**Order of blame.** A cycle is busy or has one cause: the first of these that is missing in it.

1. `scratch_bank`: the block to come has no accumulators;
2. `state_dependency`: the list of its columns is not known (of the weight path: once the burst's turn has come);
3. `input_fetch`: the inputs of the burst to come are not there, or inputs are on the channel that it needs;
4. `fifo_credit`: the weight path waits for room in the FIFO, or for the PEs to begin the burst before (it holds one
   descriptor ahead). `burst` knows of a burst only how long path and PEs waited, not when: as many cycles of the PEs'
   wait as the path waited for credits are the credits';
5. `setup`: the sequencer sets up the burst that the weight path is to begin;
6. data: `weight_latency` until the first column of a burst is there (set-up and norms included), `weight_bandwidth`
   between its columns; `block_data`: the part upstream has not finished a block;
7. `drain`: nothing is left to do.

The input reader waits for a buffer (`input_buffer`: inputs of two steps are held already), then for the `channel`.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archsim.files import JsonValue
from archsim.timing import STALLS

Event = tuple[int, str, str, int, int, int]
"""(cycle, component, event, step, block, column), as ``machine.Log`` takes them."""
Span = tuple[str, int, int]
"""(state, begin, end)"""
CAUSES = {
    "weight_stream": ("state_dependency", "input_fetch", "fifo_credit", "setup", "drain"),
    "pe_array": STALLS,
    "activation_unit": ("block_data", "drain"),
    "skip_encoder": ("block_data", "drain"),
    "input_reader": ("input_buffer", "channel", "drain"),
}
"""Why a component can stand still, in the order of blame."""


@dataclass(frozen=True)
class Slice:
    """Cycles `begin` to `end` - 1 of a component: `state` is "busy" or a cause."""

    component: str
    state: str
    begin: int
    end: int
    step: int
    block: int
    burst: int
    """Position of the burst in its block; 0 for what handles whole blocks."""

    @property
    def cycles(self) -> int:
        return self.end - self.begin


@dataclass
class _Burst:
    """A burst that the weight path has begun and the PEs have not finished."""

    position: int
    start: int
    listed: int
    """Its lists were known, or its turn had come, whichever was later."""
    admitted: int
    """And it might take the channel, its inputs being there."""
    waits: deque[Span] = field(default_factory=deque)
    """When the weight path waited for credits or for the channel."""
    waits_for: tuple[str, int] | None = None
    """What it waits for now, and since when."""

    def wait(self, cause: str | None, cycle: int) -> Span | None:
        """It waits for something else from now on (None: for nothing): what it waited for until now."""
        before, self.waits_for = self.waits_for, None if cause is None else (cause, cycle)
        if before is None or before[1] == cycle:
            return None
        self.waits.append((*before, cycle))
        return self.waits[-1]

    def waits_within(self, begin: int, end: int) -> list[Span]:
        """Those after `begin` and before `end`; earlier ones are forgotten."""
        while self.waits and self.waits[0][2] <= begin:
            self.waits.popleft()
        pending = [] if self.waits_for is None else [(*self.waits_for, end)]
        clipped = ((cause, max(a, begin), min(b, end)) for cause, a, b in (*self.waits, *pending))
        return [span for span in clipped if span[1] < span[2]]


@dataclass
class _Shared:
    """What the blame of one component must know of another."""

    freed: deque[int]
    """Cycles at which scratch banks came free, not taken yet."""
    bursts: deque[_Burst] = field(default_factory=deque)


def _painted(begin: int, end: int, cause: str, over: Iterable[Span]) -> Iterator[Span]:
    """`begin` to `end` in `cause`, but for the spans `over`, ascending and within it."""
    for span in over:
        yield cause, begin, span[1]
        yield span
        begin = span[2]
    yield cause, begin, end


class _Track:
    """A component whose state in every cycle follows from its events; subclasses answer an event with spans."""

    def __init__(self, component: str, shared: _Shared) -> None:
        self.component = component
        self.shared = shared
        self.told = 0
        """What it did before this cycle has been told."""
        self.place = (-1, -1, 0)

    def feed(self, cycle: int, event: str, step: int, block: int, column: int) -> list[Slice]:
        """What is known since, oldest first, without gaps; nothing for an event that is not one of its own."""
        answer = getattr(self, f"_on_{event}", None)
        return [] if answer is None else self._slices(answer(cycle, step, block, column))

    def finish(self, cycles: int) -> list[Slice]:
        return self._slices([("drain", self.told, cycles)])

    def _slices(self, spans: Iterable[Span]) -> list[Slice]:
        slices = [Slice(self.component, state, a, b, *self.place) for state, a, b in spans if a < b]
        self.told = slices[-1].end if slices else self.told
        return slices


class _WeightPath(_Track):
    turn = 0
    listed: int | None = None
    admitted: int | None = None
    norms: int | None = None

    def _on_turn(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        same = self.place[:2] == (step, block)
        self.place = step, block, self.place[2] + 1 if same else 0
        self.turn, self.listed, self.admitted, self.norms = cycle, None, None, None
        yield from ()

    def _on_listed(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.listed = cycle
        yield from ()

    def _on_admitted(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.admitted = cycle
        yield from ()

    def _on_norms(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.norms = cycle
        yield from ()

    def _on_start(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        listed = cycle if self.listed is None else self.listed
        admitted = listed if self.admitted is None else self.admitted
        norms = cycle if self.norms is None else self.norms
        yield "fifo_credit", self.told, self.turn
        yield "state_dependency", self.turn, listed
        yield "input_fetch", listed, admitted
        yield "setup", admitted, norms
        yield "busy", norms, cycle
        self.shared.bursts.append(_Burst(self.place[2], cycle, listed, admitted))

    def _on_wait_credit(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield from self._waited("fifo_credit", cycle)

    def _on_wait_channel(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield from self._waited("input_fetch", cycle)

    def _on_column(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        for span in self._waited(None, cycle):
            if column == 0 and span[0] == "input_fetch":
                self.shared.bursts[-1].admitted = cycle
            yield span

    def _on_end(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        waited = list(self._waited(None, cycle))
        yield from waited or [("busy", self.told, cycle)]

    def _waited(self, cause: str | None, cycle: int) -> Iterator[Span]:
        """The path waits for `cause` from now on (None: for nothing); what it did until now, if it waited."""
        span = self.shared.bursts[-1].wait(cause, cycle)
        if span:
            yield "busy", self.told, span[1]
            yield span


class _PEArray(_Track):
    worked: int | None = None
    """The PEs have consumed what there was by this cycle."""

    def _on_start(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        burst, free = self.shared.bursts[0], self.told
        opens = self.place[:2] != (step, block)
        self.place = step, block, burst.position
        bank = min(cycle, max(free, self.shared.freed.popleft())) if opens else free
        listed = min(cycle, max(bank, burst.listed))
        admitted = min(cycle, max(listed, burst.admitted))
        yield "scratch_bank", free, bank
        yield "state_dependency", bank, listed
        yield "input_fetch", listed, admitted
        yield "weight_latency", admitted, cycle

    def _on_wait_column(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.worked = cycle if column else None  # the first column's wait is told by the burst's start
        yield from ()

    def _on_column(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        worked, self.worked = self.worked, None
        if worked is not None and worked < cycle:
            yield "busy", self.told, worked
            waits = self.shared.bursts[0].waits_within(worked, cycle)
            yield from _painted(worked, cycle, "weight_bandwidth", waits)

    def _on_done(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        worked = cycle if self.worked is None else self.worked
        self.worked = None
        waited = sum(end - begin for _, begin, end in self.shared.bursts.popleft().waits)
        credited = min(cycle, worked + waited)
        yield "busy", self.told, worked
        yield "fifo_credit", worked, credited
        yield "weight_bandwidth", credited, cycle


class _Server(_Track):
    """Takes whole blocks, one at a time."""

    def _on_activate(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.place = step, block, 0
        yield "block_data", self.told, cycle

    _on_encode = _on_activate

    def _on_end(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield "busy", self.told, cycle


class _ActivationUnit(_Server):
    def _on_end(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.shared.freed.append(cycle)
        yield from super()._on_end(cycle, step, block, column)


class _InputReader(_Track):
    def _on_turn(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        self.place = step, block, 0
        yield "input_buffer", self.told, cycle

    def _on_fetch(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield "channel", self.told, cycle

    def _on_end(self, cycle: int, step: int, block: int, column: int) -> Iterator[Span]:
        yield "busy", self.told, cycle


class Tracks:
    """The slices of every component of a machine with `banks` of scratch, event by event."""

    def __init__(self, banks: int) -> None:
        self.shared = _Shared(deque([0] * banks))
        kinds = {
            "weight_stream": _WeightPath,
            "pe_array": _PEArray,
            "activation_unit": _ActivationUnit,
            "skip_encoder": _Server,
            "input_reader": _InputReader,
        }
        self.of: dict[str, _Track] = {name: kind(name, self.shared) for name, kind in kinds.items()}

    def feed(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> list[Slice]:
        track = self.of.get(component)
        return [] if track is None else track.feed(cycle, event, step, block, column)

    def finish(self, cycles: int) -> list[Slice]:
        return [s for track in self.of.values() for s in track.finish(cycles)]


def slices(events: Iterable[Event], cycles: int, banks: int) -> Iterator[Slice]:
    """Every slice of a run of `cycles`; those of one component tile it in ascending order."""
    tracks = Tracks(banks)
    for event in events:
        yield from tracks.feed(*event)
    yield from tracks.finish(cycles)


@dataclass(frozen=True)
class Occupation:
    """What a component did in a run; `busy_cycles` and `stalls` add up to its cycles."""

    busy_cycles: int
    stalls: dict[str, int]
    """Cycles by cause, in the order of blame."""

    def to_json(self) -> dict[str, JsonValue]:
        return {"busy_cycles": self.busy_cycles, "stalls": dict(self.stalls)}


class OccupationLog:
    """A ``machine.Log`` that adds up what every component did, in flat memory."""

    def __init__(self, banks: int) -> None:
        self._tracks = Tracks(banks)
        self._cycles = {name: dict.fromkeys(("busy", *causes), 0) for name, causes in CAUSES.items()}

    def __call__(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        self._add(self._tracks.feed(cycle, component, event, step, block, column))

    def finish(self, cycles: int) -> dict[str, Occupation]:
        """By component, for a run of `cycles`."""
        self._add(self._tracks.finish(cycles))
        return {
            name: Occupation(states["busy"], {cause: states[cause] for cause in CAUSES[name]})
            for name, states in self._cycles.items()
        }

    def _add(self, told: Iterable[Slice]) -> None:
        for s in told:
            self._cycles[s.component][s.state] += s.cycles


def component_stalls(events: Iterable[Event], cycles: int, banks: int) -> dict[str, Occupation]:
    """Busy cycles and stalls by cause of every component, from the log of a run of `cycles`."""
    log = OccupationLog(banks)
    for event in events:
        log(*event)
    return log.finish(cycles)
