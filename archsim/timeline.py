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

import heapq
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from archsim.design import Design
from archsim.mapping import Burst, Plan, RunScope
from archsim.report import JsonValue
from archsim.simulation import Job, prepare
from archsim.trace import BadInput, Trace, whole_file
from archsim.work import STALLS, Work

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


class _Tracks:
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
    tracks = _Tracks(banks)
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
        self._tracks = _Tracks(banks)
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


# --- Trace-event JSON -------------------------------------------------------------------------------------------------

PID = 1
TITLES = {
    "weight_stream": "weight path",
    "pe_array": "PE array",
    "activation_unit": "activation unit",
    "skip_encoder": "skip encoder",
    "input_reader": "input reader",
}
DRAWN_STALLS = ("weight_stream", "pe_array")
"""Components whose waits are slices of their own; the others are empty where they wait."""

FIFO, BANKS = "weight FIFO, words", "scratch banks in use"
FIFO_SAMPLES = 48
"""Levels of the FIFO shown for a burst of the `burst` engine."""

NOTES = (
    "ts and dur are microseconds of machine time, rounded to nanoseconds; a cycle is 1 / clock_mhz; args hold cycles",
    "a word counts as in the FIFO from when its column takes the weight path until it is consumed",
    "engine burst: waits within a burst are gathered at its end; the FIFO's level is that of the bursts each alone,"
    f" added up, no more than its size, in {FIFO_SAMPLES} samples a burst",
)


def parse_window(text: str, steps: int) -> tuple[int, int]:
    """``A:B``, the first and the last step to show; BadInput where they are not two steps of the run, in order."""
    first, colon, last = text.partition(":")
    if not (colon and first.strip().isdecimal() and last.strip().isdecimal()):
        raise BadInput(f"window must be FIRST:LAST, two steps, not {text!r}")
    window = int(first), int(last)
    check_window(*window, steps)
    return window


def check_window(first: int, last: int, steps: int) -> None:
    if not 0 <= first <= last < steps:
        raise BadInput(
            f"window must lie within steps 0 to {steps - 1}, the first not after the last, not {first}:{last}"
        )


def column_times(
    burst: Burst, columns: int, stream_start: int, tile_start: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each column of a burst alone takes the weight path, and when it has been consumed: by definition."""
    taken: list[int] = []
    consumed: list[int] = []
    path, tiles = stream_start, tile_start
    for i in range(columns):
        taken.append(max(path, consumed[i - burst.fifo_columns]) if i >= burst.fifo_columns else path)
        path = taken[-1] + burst.stream_cycles
        tiles = max(tiles, path + burst.latency_cycles) + burst.tile_cycles
        consumed.append(tiles)
    return np.array(taken, np.int64), np.array(consumed, np.int64)


class _Counters:
    """Levels that rise and fall; changes may come out of order, and are told once nothing earlier can come."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self._pending: list[tuple[int, str, int]] = []

    def add(self, cycle: int, name: str, change: int) -> None:
        if change:
            heapq.heappush(self._pending, (cycle, name, change))

    def until(self, cycle: int | None) -> Iterator[tuple[int, str, int]]:
        """(cycle, name, level) of every change before `cycle` (None: of all)."""
        while self._pending and (cycle is None or self._pending[0][0] < cycle):
            at, name, change = heapq.heappop(self._pending)
            self.levels[name] = self.levels.get(name, 0) + change
            if not (self._pending and self._pending[0][:2] == (at, name)):
                yield at, name, self.levels[name]


class Timeline:
    """A ``machine.Log`` that writes steps `first` to `last` as trace events, one a line, as they come."""

    def __init__(self, file: TextIO, design: Design, planned: Plan, work: Work, first: int, last: int) -> None:
        check_window(first, last, work.steps)
        self._file, self._design, self._plan, self._work = file, design, planned, work
        self._window = range(first, last + 1)
        self._tracks, self._counters = _Tracks(planned.banks), _Counters()
        shown = [name for name in TITLES if name != "input_reader" or planned.fetch]
        self._threads = {name: index for index, name in enumerate(shown, start=1)}
        self._by_column = False
        self._finished = 0
        self._written = 0

    def open(self, workload: str, synthetic: bool) -> None:
        other: dict[str, JsonValue] = {
            "design": self._design.name,
            "workload": workload,
            "synthetic": synthetic,
            "clock_mhz": self._design.clock_mhz,
            "first_step": self._window[0],
            "last_step": self._window[-1],
            "order_of_blame": list(CAUSES["pe_array"]),
            "notes": list(NOTES),
        }
        self._file.write(f'{{"displayTimeUnit": "ns", "otherData": {json.dumps(other)}, "traceEvents": [\n')
        self._metadata("process_name", 0, f"{self._design.name}: {workload}{' (synthetic)' if synthetic else ''}")
        for name, thread in self._threads.items():
            self._name_thread(name, thread)

    def close(self) -> None:
        """What is left once the run is over, and the end of the file."""
        self._write_slices(self._tracks.finish(self._finished))
        self._write_counters(None)
        self._file.write("\n]}\n")

    def __call__(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        told = self._tracks.feed(cycle, component, event, step, block, column)
        self._write_slices(told)
        self._note_end(cycle, component, event)
        if step not in self._window:
            return
        if component not in CAUSES:
            self._write_instant(cycle, component, event, step, block, column)
        self._count(cycle, component, event, step, block, column)

    def _note_end(self, cycle: int, component: str, event: str) -> None:
        """The run ends with the last result: once it has left the activation unit, or is on its list."""
        if event == "end":
            depth = self._design.activation_unit.depth_cycles if component == "activation_unit" else 0
            self._finished = max(self._finished, cycle + depth)

    # --- counters ---

    def _count(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        if component == "weight_stream":
            self._count_path(cycle, event, step, block)
        elif component == "pe_array":
            self._count_tiles(cycle, event, step, block, column)
        elif (component, event) == ("activation_unit", "end"):
            self._counters.add(cycle, BANKS, -1)

    def _count_path(self, cycle: int, event: str, step: int, block: int) -> None:
        if event == "turn":
            self._write_counters(cycle)  # the path's turns never go back, and nothing comes before the latest
        elif event == "column":
            self._by_column = True
            self._counters.add(cycle, FIFO, self._burst("weight_stream").column_words)

    def _count_tiles(self, cycle: int, event: str, step: int, block: int, column: int) -> None:
        words = self._burst("pe_array").column_words if event in ("wait_column", "done") else 0
        if event == "start":
            self._counters.add(cycle, BANKS, int(self._tracks.of["pe_array"].place[2] == 0))
            if not self._by_column:
                self._replay_fifo(cycle, step)
        elif self._by_column and (event == "done" or (event == "wait_column" and column > 0)):
            consumed = event == "wait_column" or self._columns("pe_array") > 0
            self._counters.add(cycle, FIFO, -words * consumed)

    def _replay_fifo(self, tile_start: int, step: int) -> None:
        """The levels that a burst just begun will have made, sampled."""
        burst, columns = self._burst("pe_array"), self._columns("pe_array")
        stream_start = self._tracks.shared.bursts[0].start
        taken, consumed = column_times(burst, columns, stream_start, tile_start)
        if not columns:
            return
        times = np.unique(np.linspace(stream_start, int(consumed[-1]), FIFO_SAMPLES).astype(np.int64))
        levels = np.searchsorted(taken, times, side="right") - np.searchsorted(consumed, times, side="right")
        for time, change in zip(times.tolist(), np.diff(levels, prepend=0).tolist(), strict=True):
            self._counters.add(time, FIFO, change * burst.column_words)

    def _burst(self, component: str) -> Burst:
        _, block, position = self._tracks.of[component].place
        return self._plan.blocks[block].bursts[position]

    def _columns(self, component: str) -> int:
        return self._work.columns_of(self._burst(component), self._tracks.of[component].place[0])

    # --- writing ---

    def _write_counters(self, before: int | None) -> None:
        for cycle, name, level in self._counters.until(before):
            shown = min(level, self._room) if name == FIFO else level
            args: dict[str, JsonValue] = {name.split(", ")[-1]: shown}
            self._write({"ph": "C", "name": name, "pid": PID, "ts": self._us(cycle), "args": args})

    @property
    def _room(self) -> float:
        """Words that can be in the FIFO; `column` is shown as it is."""
        return float("inf") if self._by_column else self._design.weight_memory.fifo_words

    def _write_slices(self, told: Iterable[Slice]) -> None:
        for s in told:
            if s.step in self._window and (s.state == "busy" or s.component in DRAWN_STALLS):
                self._write_slice(s)

    def _write_slice(self, s: Slice) -> None:
        begin, end = self._us(s.begin), self._us(s.end)
        busy = s.state == "busy"
        args: dict[str, JsonValue] = {"step": s.step, "block": s.block, "begin_cycle": s.begin, "cycles": s.cycles}
        self._write(
            {
                "ph": "X",
                "name": self._label(s) if busy else s.state,
                "cat": "busy" if busy else "stall",
                "pid": PID,
                "tid": self._threads[s.component],
                "ts": begin,
                "dur": _duration(begin, end),
                "args": {**args, **(self._what(s) if busy else {})},
            }
        )

    def _label(self, s: Slice) -> str:
        if s.component in DRAWN_STALLS:
            return f"{self._products(s)} block {s.block}"
        return f"inputs of step {s.step}" if s.block < 0 else f"block {s.block}"

    def _products(self, s: Slice) -> str:
        streams = self._plan.blocks[s.block].bursts[s.burst].streams
        return " ".join(self._plan.mat_vecs[i].name for stream in streams for i in stream)

    def _what(self, s: Slice) -> dict[str, JsonValue]:
        if s.block < 0:
            lanes = self._work.inputs_at(self._plan, s.step)
            return {"lanes": lanes, "bits": self._plan.fetch.bits[lanes] if self._plan.fetch else 0}
        block = self._plan.blocks[s.block]
        if s.component in DRAWN_STALLS:
            burst = block.bursts[s.burst]
            columns = self._work.columns_of(burst, s.step)
            return {"products": self._products(s), "columns": columns, "rows": burst.rows}
        return {"units": block.units, "lanes": self._work.active_in(block, s.step)}

    def _write_instant(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        """An event of a part that this page does not know yet."""
        if component not in self._threads:
            self._threads[component] = len(self._threads) + 1
            self._name_thread(component, self._threads[component])
        args: dict[str, JsonValue] = {"step": step, "block": block, "column": column, "begin_cycle": cycle}
        where: dict[str, JsonValue] = {"pid": PID, "tid": self._threads[component], "ts": self._us(cycle)}
        self._write({"ph": "i", "s": "t", "name": event, "cat": "event", **where, "args": args})

    def _name_thread(self, component: str, thread: int) -> None:
        self._metadata("thread_name", thread, TITLES.get(component, component.replace("_", " ")))
        self._write({"ph": "M", "name": "thread_sort_index", "pid": PID, "tid": thread, "args": {"sort_index": thread}})

    def _metadata(self, name: str, thread: int, value: str) -> None:
        self._write({"ph": "M", "name": name, "pid": PID, "tid": thread, "args": {"name": value}})

    def _write(self, event: dict[str, JsonValue]) -> None:
        self._file.write((",\n" if self._written else "") + json.dumps(event))
        self._written += 1

    def _us(self, cycle: int) -> float:
        return round(cycle * 1000 / self._design.clock_mhz) / 1000


def _duration(begin: float, end: float) -> float:
    """The largest float that is not beyond `end` when a viewer adds it to `begin`: slices that overlap in the last bit
    are drawn one inside the other."""
    duration = end - begin
    while begin + duration > end:
        duration = math.nextafter(duration, 0.0)
    return duration


@contextmanager
def open_timeline(
    path: Path,
    design: Design,
    trace: Trace,
    first: int,
    last: int,
    *,
    lanes: int | None = None,
    steps: int | None = None,
    scope: RunScope = "model",
) -> Iterator[Timeline]:
    """The `log` for a run of `trace` on `design`; once the block has ended well, `path` holds its steps `first` to
    `last`. Lanes, steps and scope are the run's own.

        with open_timeline(path, design, trace, 0, 2) as log:
            simulate(design, trace, log=log)
    """
    prepared = prepare(Job(design, trace, lanes, steps, scope))
    check_window(first, last, prepared.work.steps)
    with whole_file(path) as part, part.open("w") as file:
        timeline = Timeline(file, design, prepared.plan, prepared.work, first, last)
        timeline.open(trace.header.workload, trace.header.synthetic)
        yield timeline
        timeline.close()
