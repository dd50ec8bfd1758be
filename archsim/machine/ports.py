"""The ports at which the processes of a machine meet: typed objects that say when something is there.

A process is given its ports, its own `Clock` and a ledger. It knows no other process, and no plan, trace or design:
what it is to do comes as turns (``turns``) in a static order, and when it may do it is decided at its ports. What was
waited for at a port decides the cause of a stall.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import simpy

from archsim.catalogue import Cause, Component, Event
from archsim.machine.log import Log
from archsim.machine.turns import BlockTurn, BurstTurn

T = TypeVar("T")

Waiting = Generator[simpy.Event, Any, T]
"""Yields the events that are waited for, and returns a `T`."""

Process = Waiting[None]
"""What a component does, from its first event to its last."""


class Clock:
    """The time as one component sees it: what cycle it is, waiting, and the component's line in the event log."""

    def __init__(self, env: simpy.Environment, component: Component, log: Log | None = None, origin: int = 0) -> None:
        """`origin`: the cycle of the whole run at which this clock shows zero."""
        self.env = env
        self.component = component
        self.waiting = "its turn"
        """What the component waits for, should the machine stand still."""
        self._log, self._origin = log, origin

    @property
    def now(self) -> int:
        return int(self.env.now)

    def after(self, cycles: int) -> simpy.Event:
        return self.env.timeout(cycles)

    def until(self, cycle: int) -> simpy.Event:
        """At `cycle`, or now where that is over."""
        return self.env.timeout(max(0, cycle - self.now))

    def waits_for(self, what: str) -> None:
        self.waiting = what

    def note(self, event: Event, step: int, block: int = -1, column: int = -1, at: int | None = None) -> None:
        """Log an event, `at` another cycle than now where that is known."""
        if self._log:
            self._log(self._origin + (self.now if at is None else at), self.component.name, event, step, block, column)


class Queue(Generic[T]):
    """Things handed on in order, without bound: whoever takes one waits until there is one."""

    def __init__(self, env: simpy.Environment) -> None:
        self._store = simpy.Store(env)

    def put(self, item: T) -> simpy.Event:
        return self._store.put(item)

    def get(self) -> simpy.Event:
        """Fires with the next thing, a `T`."""
        return self._store.get()

    @property
    def items(self) -> Sequence[T]:
        """What nobody has taken yet."""
        return tuple(self._store.items)


class Column(NamedTuple):
    """A column in the FIFO: the cycle at which it is there, and what it carries (``Datapath``)."""

    arrival: int
    token: object = None


class WordFifo:
    """Columns on their way to the PEs, in order, with a credit for every word that the FIFO has room for."""

    def __init__(self, env: simpy.Environment, words: int) -> None:
        self._columns: Queue[Column] = Queue(env)
        self._credits = simpy.Container(env, words, words)

    def reserve(self, words: int, clock: Clock) -> Waiting[int]:
        """Room for `words`; the cycles that were waited for it."""
        asked = clock.now
        yield self._credits.get(words)
        return clock.now - asked

    def send(self, column: Column) -> simpy.Event:
        return self._columns.put(column)

    def receive(self) -> simpy.Event:
        """Fires with the next `Column`."""
        return self._columns.get()

    def release(self, words: int) -> simpy.Event:
        return self._credits.put(words)

    @property
    def room(self) -> int:
        """Words that are free."""
        return int(self._credits.level)

    @property
    def columns(self) -> Sequence[Column]:
        """What lies in it."""
        return self._columns.items


class ScratchBanks(Queue[int]):
    """The free banks of accumulators, each by the cycle at which it came free."""


class Signals:
    """One event a step, made by whoever comes first: the one that waits for it or the one that gives it."""

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
        """What was given at a step; None where nothing was, or no value."""
        event = self._events.get(step)
        return event.value if event is not None and event.triggered else None

    def forget(self, step: int) -> None:
        """Nobody waits for it any more: keeps memory flat."""
        self._events.pop(step, None)


class OperandLists:
    """The lists of non-zero columns that the encoder makes, by operand and step: each is given with its cycle."""

    def __init__(self, env: simpy.Environment, known: Sequence[int], before: int) -> None:
        """`known`: the cycle at which the lists of step `before`, the last that is over, are known."""
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
        """The cycle at which each operand's latest list is known, once `step` is over."""
        given = (signals.given(step) for signals in self._of)
        return tuple(b if cycle is None else cycle for b, cycle in zip(self._before, given, strict=True))


@dataclass(eq=False)
class Descriptor:
    """A burst on its way: what the weight path tells the PEs of it, and they tell back."""

    turn: BurstTurn
    arrival: simpy.Event
    """Fires when the burst is set up, with the cycle at which its first column arrives (no column: with that cycle)."""
    started: simpy.Event
    """Fires with the cycle at which the PEs begin."""
    last_issue: simpy.Event
    """Fires with the cycle at which the last column leaves the weight path (engine `burst`)."""
    listed: int = 0
    """Cycle at which all its lists were known."""
    admitted: int = 0
    """Cycle at which its inputs were there and it might take the channel."""
    waited: dict[Cause, int] = field(default_factory=dict)
    """Cycles that the weight path waited within the burst, by what it waited for."""

    @classmethod
    def of(cls, turn: BurstTurn, env: simpy.Environment) -> "Descriptor":
        return cls(turn, env.event(), env.event(), env.event())

    def wait(self, cause: Cause, cycles: int) -> None:
        self.waited[cause] = self.waited.get(cause, 0) + cycles


class Datapath(Protocol):
    """What the numbers do while the processes move them about (``functional``); times depend on none of it."""

    def fetch(self, turn: BurstTurn) -> Sequence[object]:
        """What each column of a burst carries through the FIFO."""

    def open(self) -> None:
        """A block takes the next scratch bank."""

    def accumulate(self, turn: BurstTurn, token: object) -> None:
        """The PEs consume a column."""

    def read_out(self, turn: BlockTurn) -> None:
        """The activation unit takes the sums of the oldest full bank."""


class NoNumbers:
    """The datapath of a run that is for time and counts alone."""

    def fetch(self, turn: BurstTurn) -> Sequence[object]:
        return (None,) * turn.columns

    def open(self) -> None:
        pass

    def accumulate(self, turn: BurstTurn, token: object) -> None:
        pass

    def read_out(self, turn: BlockTurn) -> None:
        pass


def blame(begin: int, end: int, waited: Iterable[tuple[Cause, int]], rest: Cause) -> Iterator[tuple[Cause, int]]:
    """Cycles `begin` to `end` by cause: of each in `waited`, in the order of blame, up to the cycle at which it was
    over; what none of them explains is the `rest`."""
    for cause, until in waited:
        upto = min(end, max(begin, until))
        yield cause, upto - begin
        begin = upto
    yield rest, end - begin


def share_out(cycles: int, waited: Iterable[tuple[Cause, int]], rest: Cause) -> Iterator[tuple[Cause, int]]:
    """`cycles` of waiting by cause, where only the length of each wait is known, not when it was."""
    for cause, most in waited:
        part = min(cycles, most)
        yield cause, part
        cycles -= part
    yield rest, cycles
