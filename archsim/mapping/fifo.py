"""The FIFO of words between the weight path and the PEs: when the words of a burst arrive, leave and are consumed.

A word takes s cycles on the path, arrives L cycles later, and is needed by the PEs from cycle f_j of its column on; its
room in the FIFO of F words is free again after cycle l_j. Where the FIFO covers the round trip of a word in every burst
of a plan, a burst has a closed form (`CoveredFifo`); otherwise its words are followed one by one (`WordByWord`), which
is the definition.

Where weights stay in the PEs (`GroupByGroup`), a group of columns begins once all of its words are there, and their
room is free from then on.
"""

from collections import deque
from itertools import chain
from math import gcd
from typing import Any, NamedTuple, Protocol

from archsim.mapping.plan import Burst, Feed, Plan
from archsim.specs.base import ceil_div

State = tuple[Any, ...]
"""What a burst leaves in the FIFO for the next one; two states are equal only if no later cycle can tell them apart."""


class Passed(NamedTuple):
    """The passage of a burst through the FIFO."""

    last_issue: int
    """Cycle at which its last word has left the weight path; that of its start in the PEs if it has none."""
    consumed: int
    """Cycle at which the PEs have consumed it."""


_NO_FEED = Feed(1, 1, 1, 1, 1, False)


class FifoTimes(Protocol):
    """The times of successive bursts in one FIFO, and what the last of them has left in it."""

    def first_arrival(self, burst: Burst, columns: int, stream_start: int) -> int:
        """The cycle at which all words have arrived that the PEs need to begin a burst of `columns`."""

    def unhindered(self, burst: Burst, columns: int, stream_start: int) -> int:
        """The cycle at which the last word of `columns` leaves the path, if none waits for the room of another."""

    def take(self, burst: Burst, columns: int, stream_start: int, tile_start: int) -> Passed:
        """Pass a burst of `columns`, which the PEs begin at `tile_start`."""

    def state(self, origin: int) -> State:
        """What it holds, with cycles relative to `origin`, before which no word of the next burst is issued."""


def fifo_times(plan: Plan, state: State = ()) -> FifoTimes:
    """The FIFO of a plan in the `state` that the last burst has left, with cycles from now on; empty by default."""
    if plan.stationary:
        return GroupByGroup(plan.fifo_words, state)
    return CoveredFifo(state) if plan.covered else WordByWord(plan.fifo_words, state)


def period_of(burst: Burst) -> int:
    """Columns after which the words of a burst take the same places of the FIFO again."""
    return burst.fifo_words // gcd(burst.fifo_words, burst.column_words)


class CoveredFifo:
    """A FIFO that covers the round trip of every burst, in closed form.

    From the path's start S, word m leaves it at ``S + (m + 1) s`` at the earliest; from the PEs' start C, column i
    ends at ``C + (i + 1) p`` at the earliest. For n columns of w words, N in all, the end E and the last issue I are::

        E = max(C' + n p,  S + (n - 1) w s + max_j ((j + 1) s - f_j) + L + p),  C' = max(C, S + max_j (...) + L)
        I = max(S + N s,  E - lead)                                   where N > F and a column takes longer in the PEs
        I = max(S + N s,  C + (N - F) s + max_j (l_j + 1 - j s))      where N > F and it takes longer on the path

    What the burst before has not yet released delays the first F words likewise. Earlier bursts hold nothing, since a
    burst is issued only once the PEs have begun the one before it.
    """

    def __init__(self, state: State = ()) -> None:
        self._held, self._released, self._feed = state or (0, 0, _NO_FEED)
        """The last words of the burst before, at most as many as the FIFO holds; the cycle at which the last of them
        would be released if the PEs had never waited for one; and how they feed the PEs."""

    def first_arrival(self, burst: Burst, columns: int, stream_start: int) -> int:
        issued = self._issue_parts(burst, burst.first_words, stream_start)
        return ceil_div(issued, burst.pace.words) + burst.latency_cycles

    def unhindered(self, burst: Burst, columns: int, stream_start: int) -> int:
        return ceil_div(self._issue_parts(burst, columns * burst.column_words, stream_start), burst.pace.words)

    def take(self, burst: Burst, columns: int, stream_start: int, tile_start: int) -> Passed:
        if not columns:
            self._held = 0
            return Passed(tile_start, tile_start)
        times, (cycles, parts), latency = burst.times, burst.pace, burst.latency_cycles
        words = columns * burst.column_words
        begin = max(tile_start, stream_start + ceil_div(times.latest_parts, parts) + latency)
        runs_on = begin + columns * burst.tile_cycles
        last = self._issue_parts(burst, words, stream_start)
        if words > burst.fifo_words and times.pes_bound:
            last = max(last, (runs_on - times.lead_cycles) * parts)
        elif words > burst.fifo_words:
            last = max(last, tile_start * parts + (words - burst.fifo_words) * cycles + times.room_parts)
        if times.pes_bound:
            end = ceil_div(last, parts) + latency + times.tail_cycles
        else:
            end = ceil_div(last - burst.column_words * cycles + times.latest_parts, parts) + latency + burst.tile_cycles
        self._held, self._released, self._feed = min(words, burst.fifo_words), runs_on, burst.feed
        return Passed(ceil_div(last, parts), max(runs_on, end))

    def state(self, origin: int) -> State:
        if not self._held or self._released <= origin:
            return ()
        return self._held, self._released - origin, self._feed

    def _issue_parts(self, burst: Burst, words: int, start: int) -> int:
        """When the last of `words` leaves the path, none of which waits for another's room, in parts of a cycle."""
        cycles, parts = burst.pace
        last = start * parts + words * cycles
        if not self._held or self._released <= start:
            return last
        oldest, latest = max(0, burst.fifo_words - self._held), min(words, burst.fifo_words)
        for word in self._feed.decisive(oldest, latest):
            room = self._feed.released(self._released, burst.fifo_words - 1 - word)
            last = max(last, room * parts + (words - word) * cycles)
        return last


class WordByWord:
    """A FIFO whose words are followed one by one.

    Columns come around at the same places of the FIFO after a period. Once all that the FIFO holds was issued and
    released the same number of cycles after what came a period before, so is all that follows, which is taken at once.
    """

    def __init__(self, words: int, state: State = ()) -> None:
        self._room = list(state) or [0] * words
        """The cycle from which there is room for each of the next words."""
        self._next = 0
        """Index of the earliest of them."""

    def first_arrival(self, burst: Burst, columns: int, stream_start: int) -> int:
        return ceil_div(self._issue(burst, burst.first_words, stream_start), burst.pace.words) + burst.latency_cycles

    def unhindered(self, burst: Burst, columns: int, stream_start: int) -> int:
        words = min(columns * burst.column_words, len(self._room))
        rest = columns * burst.column_words - words
        return ceil_div(self._issue(burst, words, stream_start) + rest * burst.pace.cycles, burst.pace.words)

    def _issue(self, burst: Burst, words: int, start: int) -> int:
        """When the last of `words` leaves the path, none of which waits for another's room, in parts of a cycle."""
        cycles, parts = burst.pace
        at = start * parts
        for word in range(words):
            at = max(at, self._room[(self._next + word) % len(self._room)] * parts) + cycles
        return at

    def take(self, burst: Burst, columns: int, stream_start: int, tile_start: int) -> Passed:
        if not columns:
            return Passed(tile_start, tile_start)
        parts, size, period = burst.pace.words, len(self._room), period_of(burst)
        at, end, left = stream_start * parts, tile_start, columns
        latest: deque[tuple[int, ...]] = deque(maxlen=period)
        alike, shift = 0, None
        while left:
            at, end, released = self._column(burst, at, end)
            times, left = (at, end * parts, *(cycle * parts for cycle in released)), left - 1
            if len(latest) == period:
                shifts = {new - old for new, old in zip(times, latest[0], strict=True)}
                alike = alike + 1 if len(shifts) == 1 and shift in (*shifts, None) else 0
                shift = shifts.pop() if len(shifts) == 1 else None
            latest.append(times)
            if shift is not None and alike * burst.column_words >= size and left >= period:
                later = left // period * shift
                self._room = [cycle + later // parts for cycle in self._room]
                at, end, left, alike = at + later, end + later // parts, left % period, 0
        return Passed(ceil_div(at, parts), end)

    def _column(self, burst: Burst, at: int, end: int) -> tuple[int, int, tuple[int, ...]]:
        """Pass one column after the last one left the path at `at`, in parts of a cycle, and was consumed at `end`.

        Returns both cycles for this column, and when the room of each of its words is free.
        """
        (cycles, parts), first, released = burst.pace, end, list[int]()
        start, latency = self._next, burst.latency_cycles
        for word, step in enumerate(burst.feed.steps()):
            place = (start + word) % len(self._room)
            at = max(at, self._room[place] * parts) + cycles
            first = max(first, ceil_div(at, parts) + latency - step.needed)
            for until in step.released:
                self._room[(start + len(released)) % len(self._room)] = first + until
                released.append(first + until)
        self._next = (start + burst.column_words) % len(self._room)
        return at, first + burst.tile_cycles, tuple(released)

    def state(self, origin: int) -> State:
        rooms = (*self._room[self._next :], *self._room[: self._next])
        return tuple(max(0, cycle - origin) for cycle in rooms) if max(rooms) > origin else ()


class Room(NamedTuple):
    """Successive words of the FIFO that have room from the same `cycle` on."""

    cycle: int
    words: int


class GroupByGroup:
    """A FIFO whose words go into the registers of weight-stationary PEs, a group of columns at a time."""

    def __init__(self, words: int, state: State = ()) -> None:
        known = state or (0, words)
        self._rooms = deque(map(Room, known[::2], known[1::2]))
        """The room of each of the next words, in the order in which they take it."""

    def first_arrival(self, burst: Burst, columns: int, stream_start: int) -> int:
        words = min(columns, burst.group) * burst.column_words
        at = self._issue(burst, words, stream_start * burst.pace.words, deque(self._rooms))
        return ceil_div(at, burst.pace.words) + burst.latency_cycles

    def unhindered(self, burst: Burst, columns: int, stream_start: int) -> int:
        words = min(columns * burst.column_words, burst.fifo_words)
        at = self._issue(burst, words, stream_start * burst.pace.words, deque(self._rooms))
        return ceil_div(at + (columns * burst.column_words - words) * burst.pace.cycles, burst.pace.words)

    def take(self, burst: Burst, columns: int, stream_start: int, tile_start: int) -> Passed:
        if not columns:
            return Passed(tile_start, tile_start)
        at, end, left = stream_start * burst.pace.words, tile_start, columns
        while left > 0:
            words = min(left, burst.group) * burst.column_words
            at = self._issue(burst, words, at, self._rooms)
            begun = max(end, ceil_div(at, burst.pace.words) + burst.latency_cycles)
            self._rooms.append(Room(begun, words))
            end, left = begun + burst.tile_cycles, left - burst.group
        return Passed(ceil_div(at, burst.pace.words), end)

    def state(self, origin: int) -> State:
        words: dict[int, int] = {}
        for room in self._rooms:  # in the order of their cycles
            cycle = max(0, room.cycle - origin)
            words[cycle] = words.get(cycle, 0) + room.words
        return tuple(chain.from_iterable(words.items())) if any(words) else ()

    @staticmethod
    def _issue(burst: Burst, words: int, at: int, rooms: deque[Room]) -> int:
        """When the last of `words` leaves the path, in parts of a cycle, if it is free at `at`; takes their `rooms`."""
        cycles, parts = burst.pace
        while words:
            cycle, some = rooms.popleft()
            taken = min(some, words)
            if taken < some:
                rooms.appendleft(Room(cycle, some - taken))
            at, words = max(at, cycle * parts) + taken * cycles, words - taken
        return at
