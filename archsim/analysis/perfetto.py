"""Timelines of all components for Chrome or Perfetto, written from the event log as events arrive."""

import heapq
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from archsim.analysis.stalls import BUSY, Slice, Tracks
from archsim.catalogue import (
    ACTIVATION_UNIT,
    CATALOGUE,
    INPUT_READER,
    PE_ARRAY,
    SEQUENCER,
    WEIGHT_STREAM,
    Catalogue,
    Event,
)
from archsim.design import Design
from archsim.errors import BadInput
from archsim.files import JsonValue, whole_file
from archsim.mapping.plan import Burst, RunScope
from archsim.simulation import Job, Prepared, PreparedPhase, prepare
from archsim.specs.base import ceil_div
from archsim.trace.trace import Trace

PID = 1
BY_BURST = (WEIGHT_STREAM.name, PE_ARRAY.name)
"""Components that handle bursts; the others handle whole blocks, or the inputs of a step."""
FIFO, BANKS = "weight FIFO, words", "scratch banks in use"
FIFO_SAMPLES = 48
"""The number of FIFO levels shown for a burst of the `burst` engine."""
NOTES = (
    "ts and dur are microseconds of machine time, rounded to nanoseconds; a cycle is 1 / clock_mhz; args hold cycles",
    "a word counts as in the FIFO from when its column takes the weight path until it is consumed",
    "engine burst: waits within a burst are gathered at its end; the FIFO's level is that of the bursts each alone,"
    f" added up, no more than its size, in {FIFO_SAMPLES} samples a burst",
)


def parse_window(text: str, steps: int) -> tuple[int, int]:
    """Parse ``FIRST:LAST``, the first and last step to show. BadInput unless both are steps of the run, in order."""
    first, colon, last = text.partition(":")
    if not (colon and first.strip().isdecimal() and last.strip().isdecimal()):
        raise BadInput(f"window must be FIRST:LAST, two steps, not {text!r}")
    window = int(first), int(last)
    check_window(*window, steps)
    return window


def check_window(first: int, last: int, steps: int) -> None:
    """Raise BadInput unless `first` and `last` are steps of a run of `steps`, in order."""
    if not 0 <= first <= last < steps:
        raise BadInput(
            f"window must lie within steps 0 to {steps - 1}, the first not after the last, not {first}:{last}"
        )


def word_times(
    burst: Burst, columns: int, stream_start: int, tile_start: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cycles at which each word of a burst on its own takes room in the FIFO, and at which it gives it back.

    Both arrays are ``(words,)``, computed word by word from the definition.
    """
    if burst.group:
        return _group_times(burst, columns, stream_start, tile_start)
    (cycles, parts), feed = burst.pace, burst.feed
    taken: list[int] = []
    released: list[int] = []
    path, first = stream_start * parts, tile_start
    for _ in range(columns):
        given = 0
        for word in range(burst.column_words):
            behind = len(taken) - burst.fifo_words
            path = max(path, released[behind] * parts) if behind >= 0 else path
            taken.append(ceil_div(path, parts))
            path += cycles
            first = max(first, ceil_div(path, parts) + burst.latency_cycles - feed.first_cycle(word))
            while given <= word and feed.words_until(feed.last_cycle(given)) <= word + 1:
                released.append(first + feed.last_cycle(given) + 1)
                given += 1
        first += burst.tile_cycles
    return np.array(taken, np.int64), np.array(released, np.int64)


def _group_times(
    burst: Burst, columns: int, stream_start: int, tile_start: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`word_times` of a burst whose columns are taken in groups, each of which leaves the FIFO when it begins."""
    cycles, parts = burst.pace
    taken: list[int] = []
    released: list[int] = []
    path, begin = stream_start * parts, tile_start
    for column in range(0, columns, burst.group):
        words = burst.column_words * min(burst.group, columns - column)
        for _ in range(words):
            behind = len(taken) - burst.fifo_words
            path = max(path, released[behind] * parts) if behind >= 0 else path
            taken.append(ceil_div(path, parts))
            path += cycles
        begin = max(begin, ceil_div(path, parts) + burst.latency_cycles)
        released += [begin] * words
        begin += burst.tile_cycles
    return np.array(taken, np.int64), np.array(released, np.int64)


class _Counters:
    """Counter levels whose changes may be added out of order; they are returned once no earlier one can follow."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self._pending: list[tuple[int, str, int]] = []

    def add(self, cycle: int, name: str, change: int) -> None:
        if change:
            heapq.heappush(self._pending, (cycle, name, change))

    def until(self, cycle: int | None) -> Iterator[tuple[int, str, int]]:
        """The (cycle, name, level) of every change before `cycle` (None: of all changes)."""
        while self._pending and (cycle is None or self._pending[0][0] < cycle):
            at, name, change = heapq.heappop(self._pending)
            self.levels[name] = self.levels.get(name, 0) + change
            if not (self._pending and self._pending[0][:2] == (at, name)):
                yield at, name, self.levels[name]


class TimelineWriter:
    """A ``machine.log.Log`` that writes steps `first` to `last` as trace events, one per line, as they arrive.

    Every component that logs has a row: a process is shown by slices, a component that only logs by instants.
    """

    def __init__(
        self,
        file: TextIO,
        prepared: Prepared,
        first: int,
        last: int,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        check_window(first, last, prepared.steps_of_all_phases)
        self._file, self._design, self._phases = file, prepared.job.design, prepared.phases
        self._window = range(first, last + 1)
        self._catalogue = catalogue
        bank_cycles = self._design.sequencer.bank_cycles
        self._tracks, self._counters = Tracks(self._design.pe_array.banks, catalogue, bank_cycles), _Counters()
        used = {
            INPUT_READER.name: any(phase.plan.fetch for phase in self._phases),
            SEQUENCER.name: len(self._phases) > 1,
        }
        shown = [c.name for c in catalogue.logging if used.get(c.name, True)]
        self._threads = {name: index for index, name in enumerate(shown, start=1)}
        self._by_column = False
        self._taken, self._consuming = -1, 0
        """Latest column of the current burst that has taken the path, and that the PEs consume (engine `column`)."""
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
            "order_of_blame": list(PE_ARRAY.causes),
            "notes": list(NOTES),
        }
        self._file.write(f'{{"displayTimeUnit": "ns", "otherData": {json.dumps(other)}, "traceEvents": [\n')
        self._metadata("process_name", 0, f"{self._design.name}: {workload}{' (synthetic)' if synthetic else ''}")
        for name, thread in self._threads.items():
            self._name_thread(name, thread)

    def close(self) -> None:
        """Write the remaining slices and counters, and the end of the file."""
        self._write_slices(self._tracks.finish(self._finished))
        self._write_counters(None)
        self._file.write("\n]}\n")

    def __call__(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        self._write_slices(self._tracks.feed(cycle, component, event, step, block, column))
        self._note_end(cycle, component, event)
        if step not in self._window:
            return
        if component not in self._tracks.of:
            self._write_instant(cycle, component, event, step, block, column)
        self._count(cycle, component, event, step, block, column)

    def _note_end(self, cycle: int, component: str, event: str) -> None:
        """Update the end of the run: the last result has left the activation unit, or is on its operand list."""
        if event == Event.END:
            depth = self._design.activation_unit.depth_cycles if component == ACTIVATION_UNIT.name else 0
            self._finished = max(self._finished, cycle + depth)

    # --- counters ---

    def _count(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        if component == WEIGHT_STREAM.name:
            self._count_path(cycle, event, column)
        elif component == PE_ARRAY.name:
            self._count_tiles(cycle, event, step, column)
        elif (component, event) == (ACTIVATION_UNIT.name, Event.END):
            self._counters.add(cycle, BANKS, -1)

    def _count_path(self, cycle: int, event: str, column: int) -> None:
        if event == Event.TURN:
            self._write_counters(cycle)  # turns of the path never decrease, and no change precedes the latest
        elif event == Event.START:
            self._taken = -1
        elif event == Event.COLUMN and column > self._taken:  # it may pause and go on
            self._by_column, self._taken = True, column
            self._counters.add(cycle, FIFO, self._burst(WEIGHT_STREAM.name).column_fifo_words)

    def _count_tiles(self, cycle: int, event: str, step: int, column: int) -> None:
        if event == Event.START:
            self._counters.add(cycle, BANKS, int(self._tracks.of[PE_ARRAY.name].place[2] == 0))
            if not self._by_column:
                self._replay_fifo(cycle)
            self._consuming = 0
        elif self._by_column:
            self._leave_fifo(cycle, event, column)

    def _leave_fifo(self, cycle: int, event: str, column: int) -> None:
        """Engine `column`: the PEs wait for the next column or finish the burst, and so have consumed a column, or,
        where weights stay in them, begin a group of columns."""
        waits = event == Event.WAIT_COLUMN and column > self._consuming
        if not waits and event not in (Event.COLUMN, Event.DONE):
            return
        burst, columns = self._burst(PE_ARRAY.name), self._columns(PE_ARRAY.name)
        left = int(waits or (event == Event.DONE and columns > 0))
        if left:
            self._consuming = max(0, column)
        if burst.group:
            left = min(burst.group, columns - column) if event == Event.COLUMN else 0
        self._counters.add(cycle, FIFO, -left * burst.column_fifo_words)

    def _replay_fifo(self, tile_start: int) -> None:
        """Add sampled FIFO levels of a burst that has just begun, as if it were alone."""
        burst, columns = self._burst(PE_ARRAY.name), self._columns(PE_ARRAY.name)
        if not columns or not burst.buffered:
            return
        stream_start = self._tracks.shared.bursts[0].start
        taken, released = word_times(burst, columns, stream_start, tile_start)
        times = np.unique(np.linspace(stream_start, int(released[-1]), FIFO_SAMPLES).astype(np.int64))
        levels = np.searchsorted(taken, times, side="right") - np.searchsorted(released, times, side="right")
        for time, change in zip(times.tolist(), np.diff(levels, prepend=0).tolist(), strict=True):
            self._counters.add(time, FIFO, change)

    def _burst(self, component: str) -> Burst:
        step, block, position = self._tracks.of[component].place
        return self._phase(step).block(block).bursts[position]

    def _columns(self, component: str) -> int:
        step = self._tracks.of[component].place[0]
        return self._phase(step).columns_of(self._burst(component), step)

    def _phase(self, step: int) -> PreparedPhase:
        """The phase that a step of the run is in."""
        return next(phase for phase in reversed(self._phases) if phase.first_step <= step)

    # --- writing ---

    def _write_counters(self, before: int | None) -> None:
        for cycle, name, level in self._counters.until(before):
            shown = min(level, self._room) if name == FIFO else level
            args: dict[str, JsonValue] = {name.split(", ")[-1]: shown}
            self._write({"ph": "C", "name": name, "pid": PID, "ts": self._us(cycle), "args": args})

    @property
    def _room(self) -> float:
        """The most words shown in the FIFO: its size, or without limit for engine `column`, whose levels are exact."""
        return float("inf") if self._by_column else self._design.weight_memory.fifo_words

    def _write_slices(self, known: Iterable[Slice]) -> None:
        for s in known:
            if s.step in self._window and (s.state == BUSY or self._catalogue[s.component].waits_drawn):
                self._write_slice(s)

    def _write_slice(self, s: Slice) -> None:
        begin, end = self._us(s.begin), self._us(s.end)
        busy = s.state == BUSY
        args: dict[str, JsonValue] = {"step": s.step, "block": s.block, "begin_cycle": s.begin, "cycles": s.cycles}
        self._write(
            {
                "ph": "X",
                "name": self._label(s) if busy else s.state,
                "cat": BUSY if busy else "stall",
                "pid": PID,
                "tid": self._threads[s.component],
                "ts": begin,
                "dur": _duration(begin, end),
                "args": {**args, **(self._what(s) if busy else {})},
            }
        )

    def _label(self, s: Slice) -> str:
        if s.component in BY_BURST:
            return f"{self._products(s)} block {s.block}"
        return f"inputs of step {s.step}" if s.block < 0 else f"block {s.block}"

    def _products(self, s: Slice) -> str:
        phase = self._phase(s.step)
        streams = phase.block(s.block).bursts[s.burst].streams
        return " ".join(phase.plan.mat_vecs[i].name for stream in streams for i in stream)

    def _what(self, s: Slice) -> dict[str, JsonValue]:
        phase = self._phase(s.step)
        if s.block < 0:
            lanes = phase.inputs_at(s.step)
            return {"lanes": lanes, "bits": phase.plan.fetch.bits[lanes] if phase.plan.fetch else 0}
        block = phase.block(s.block)
        if s.component in BY_BURST:
            burst = block.bursts[s.burst]
            columns = phase.columns_of(burst, s.step)
            return {"products": self._products(s), "columns": columns, "rows": burst.rows}
        return {"units": block.units, "lanes": phase.active_in(block, s.step)}

    def _write_instant(self, cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
        """Write an event of a component that only logs."""
        args: dict[str, JsonValue] = {"step": step, "block": block, "column": column, "begin_cycle": cycle}
        where: dict[str, JsonValue] = {"pid": PID, "tid": self._threads[component], "ts": self._us(cycle)}
        self._write({"ph": "i", "s": "t", "name": event, "cat": "event", **where, "args": args})

    def _name_thread(self, component: str, thread: int) -> None:
        self._metadata("thread_name", thread, self._catalogue[component].title)
        self._write({"ph": "M", "name": "thread_sort_index", "pid": PID, "tid": thread, "args": {"sort_index": thread}})

    def _metadata(self, name: str, thread: int, value: str) -> None:
        self._write({"ph": "M", "name": name, "pid": PID, "tid": thread, "args": {"name": value}})

    def _write(self, event: dict[str, JsonValue]) -> None:
        self._file.write((",\n" if self._written else "") + json.dumps(event))
        self._written += 1

    def _us(self, cycle: int) -> float:
        return round(cycle * 1000 / self._design.clock_mhz) / 1000


def _duration(begin: float, end: float) -> float:
    """The largest duration that does not exceed `end` when a viewer adds it to `begin` in floating point.

    Slices that overlapped even in the last bit would be drawn one inside the other.
    """
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
    catalogue: Catalogue = CATALOGUE,
) -> Iterator[TimelineWriter]:
    """Yield the `log` for a run of `trace` on `design`; once the block succeeds, `path` holds steps `first` to `last`.

    Lanes, steps and scope must be those of the run. BadInput as for the run, or for a window outside it.

        with open_timeline(path, design, trace, 0, 2) as log:
            simulate(design, trace, log=log)
    """
    prepared = prepare(Job(design, trace, lanes, steps, scope))
    check_window(first, last, prepared.steps_of_all_phases)
    with whole_file(path) as part, part.open("w") as file:
        timeline = TimelineWriter(file, prepared, first, last, catalogue)
        timeline.open(trace.header.workload, trace.header.synthetic)
        yield timeline
        timeline.close()
