"""The ports that connect the processes of a machine: typed objects through which items and signals pass.

A process is given its ports, its own `Clock` and a ledger. It knows no other process and no plan, trace or design: its
work arrives as turns (``turns``) in a static order, and its ports determine when it may proceed. The port at which it
waited determines the cause of a stall.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import simpy

from archsim.catalogue import Cause, Component, Event
from archsim.machine.log import Log
from archsim.machine.turns import BlockTurn, BurstTurn

T = TypeVar("T")

Waiting = Generator[simpy.Event, Any, T]
"""A SimPy generator that yields the events it waits for and returns a `T`."""

Process = Waiting[None]
"""The SimPy process of a component, from its first event to its last."""


class Clock:
    """The time as one component sees it: the current cycle, waiting, and the component's entries in the event log."""

    def __init__(self, env: simpy.Environment, component: Component, log: Log | None = None, origin: int = 0) -> None:
        """`origin` is the cycle of the whole run at which this clock shows zero."""
        self.env = env
        self.component = component
        self.waiting = "its turn"
        """What the component waits for, as a deadlock reports it."""
        self._log, self._origin = log, origin

    @property
    def now(self) -> int:
        return int(self.env.now)

    def after(self, cycles: int) -> simpy.Event:
        return self.env.timeout(cycles)

    def until(self, cycle: int) -> simpy.Event:
        """An event at `cycle`, or now if that has passed."""
        ahead = cycle - int(self.env.now)
        return self.env.timeout(ahead if ahead > 0 else 0)

    def waits_for(self, what: str) -> None:
        self.waiting = what

    def note(self, event: Event, step: int, block: int = -1, column: int = -1, at: int | None = None) -> None:
        """Log an event, now or `at` another cycle."""
        if self._log:
            self._log(self._origin + (self.now if at is None else at), self.component.name, event, step, block, column)


class Queue(Generic[T]):
    """An unbounded queue of items in order, with one reader, who waits only while there is none."""

    def __init__(self, env: simpy.Environment, items: Iterable[T] = ()) -> None:
        self._env = env
        self.items = deque(items)
        """The items that the reader has not taken yet, the first to be taken first; it may take what is there from
        here, without a generator."""
        self._awaited: simpy.Event | None = None

    def put(self, item: T) -> None:
        self.items.append(item)
        if self._awaited is not None:
            awaited, self._awaited = self._awaited, None
            awaited.succeed()

    def get(self) -> Waiting[T]:
        """The next item."""
        if not self.items:
            self._awaited = self._env.event()
            yield self._awaited
        return self.items.popleft()


class WordFifo:
    """The FIFO of words on their way to the PEs, with a credit for the room of each.

    Both sides know their cycles ahead: the weight path when a word will arrive, and the PEs when they will have
    consumed one. Neither waits for a cycle to come that it knows.
    """

    def __init__(self, env: simpy.Environment, words: int) -> None:
        self.words: Queue[int] = Queue(env)
        """For every word in it, the cycle at which it arrives."""
        self.room: Queue[int] = Queue(env, [0] * words)
        """For every word that has room, or is known to have it, the cycle from which it does."""
        self.numbers: deque[object] = deque()
        """What every column carries of which a word is in it (``Datapath``), the oldest first."""


class FinishedBlock(NamedTuple):
    """A block that the PEs have issued, and the cycle at which its sums have left their pipeline."""

    turn: BlockTurn
    ready: int


class Elements(NamedTuple):
    """Elements of a block on their way to the encoder: when the first of them are there, and the last."""

    first: int
    last: int


class ScratchBanks(Queue[int]):
    """The free scratch banks, each represented by the cycle from which it is free."""


class Signals:
    """One event for each step, created by whichever side comes first: the one that waits or the one that gives."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._events: dict[int, simpy.Event] = {}

    def at(self, step: int) -> simpy.Event:
        found = self._events.get(step)
        if found is None:
            found = self._events[step] = self._env.event()
        return found

    def give(self, step: int, value: int | None = None) -> None:
        self.at(step).succeed(value)

    def given(self, step: int) -> int | None:
        """The value given at a step; None if nothing was given, or no value."""
        event = self._events.get(step)
        return event.value if event is not None and event.triggered else None

    def forget(self, step: int) -> None:
        """Drop the event of a step that nobody waits for any more, so that memory stays bounded."""
        self._events.pop(step, None)


class OperandLists:
    """The operand lists made by the encoder, by index and step; each is given with the cycle at which it is known."""

    def __init__(self, env: simpy.Environment, known: Sequence[int], before: int) -> None:
        """`known`: the cycles at which the lists of step `before`, the last completed one, are known."""
        self._of = [Signals(env) for _ in known]
        for signals, cycle in zip(self._of, known, strict=True):
            signals._events[before] = env.timeout(cycle, value=cycle)
        self._before = tuple(known)

    def at(self, index: int, step: int) -> simpy.Event:
        return self._of[index].at(step)

    def give(self, index: int, step: int, cycle: int) -> None:
        self._of[index].give(step, cycle)

    def forget(self, step: int) -> None:
        for signals in self._of:
            signals.forget(step)

    def after(self, step: int) -> tuple[int, ...]:
        """The cycle at which the latest list of each index is known, once `step` has completed."""
        given = (signals.given(step) for signals in self._of)
        return tuple(b if cycle is None else cycle for b, cycle in zip(self._before, given, strict=True))


@dataclass(eq=False)
class Descriptor:
    """A burst in progress: what the weight path reports to the PEs about it, and they to the weight path."""

    turn: BurstTurn
    arrival: simpy.Event
    """Fires when the burst is set up, with the cycle at which its first column arrives, or with that cycle if none."""
    started: simpy.Event
    """Fires with the cycle at which the PEs begin."""
    passed: simpy.Event
    """Fires with its passage through the FIFO, a ``mapping.fifo.Passed`` (engine `burst`)."""
    listed: int = 0
    """Cycle at which all operand lists that it reads were known."""
    admitted: int = 0
    """Cycle at which its inputs had arrived and it was allowed to take the channel."""
    waited: dict[Cause, int] = field(default_factory=dict)
    """Cycles that the weight path waited within the burst, by cause."""

    @classmethod
    def of(cls, turn: BurstTurn, env: simpy.Environment) -> "Descriptor":
        return cls(turn, env.event(), env.event(), env.event())

    def wait(self, cause: Cause, cycles: int) -> None:
        self.waited[cause] = self.waited.get(cause, 0) + cycles


class Datapath(Protocol):
    """The numbers that the processes move about (``functional``); no time depends on them."""

    def fetch(self, turn: BurstTurn) -> Sequence[object]:
        """The contents of each column of a burst, as the FIFO carries them."""

    def open(self) -> None:
        """A new block takes the next scratch bank."""

    def accumulate(self, turn: BurstTurn, token: object) -> None:
        """The PEs consume a column."""

    def read_out(self, turn: BlockTurn) -> None:
        """The activation unit reads the sums of the oldest full bank."""


class NoNumbers:
    """The datapath of a run that is simulated only for its timing and counts."""

    def fetch(self, turn: BurstTurn) -> Sequence[object]:
        return (None,) * turn.columns

    def open(self) -> None:
        pass

    def accumulate(self, turn: BurstTurn, token: object) -> None:
        pass

    def read_out(self, turn: BlockTurn) -> None:
        pass


def blame(begin: int, end: int, waited: Iterable[tuple[Cause, int]], rest: Cause) -> Iterator[tuple[Cause, int]]:
    """Split cycles `begin` to `end` by cause.

    `waited` gives, in the order of blame, each cause and the cycle at which it ended; cycles that none of them explains
    are attributed to `rest`.
    """
    for cause, until in waited:
        upto = min(end, max(begin, until))
        yield cause, upto - begin
        begin = upto
    yield rest, end - begin


def share_out(cycles: int, waited: Iterable[tuple[Cause, int]], rest: Cause) -> Iterator[tuple[Cause, int]]:
    """Split `cycles` of waiting by cause, where the length of each wait is known but not its time."""
    for cause, most in waited:
        part = min(cycles, most)
        yield cause, part
        cycles -= part
    yield rest, cycles
