"""The SimPy machine of a design, running a trace: engines `column` and `burst`.

Both engines run the same processes over the same plan; they differ in what one transaction of the weight path is.
`column` moves every column as a token through a FIFO with credits: the truth, for tests and short runs. `burst` moves
all listed columns of a row block at once and knows from ``mapping.last_issue_cycle`` when the last one is through.

Every order is static and no process looks at a queue's length, so a run depends on design, plan and trace alone.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import simpy
from numpy.typing import NDArray

from archsim.components.activation_unit import ActivationUnit
from archsim.components.dram import DramChannel
from archsim.components.input_reader import InputReader
from archsim.components.pe_array import PEArray
from archsim.components.sequencer import Sequencer
from archsim.components.skip_encoder import SkipEncoder
from archsim.components.weight_memory import WeightStream
from archsim.design import Design
from archsim.ledger import Ledger
from archsim.mapping import Block, Plan
from archsim.work import STALLS, Timing, Work

if TYPE_CHECKING:
    from archsim.functional import Functional

Log = Callable[[int, str, str, int, int, int], None]
"""``log(cycle, component, event, step, block, column)``; column is -1 where a whole burst or block is meant.

Cycles never fall within one component; across components they may. What the events mean: ``timeline``."""


class Deadlock(RuntimeError):
    """The machine stands still before its end: when, in which step, and who waits for whom.

    ``mapping.plan`` refuses what is known to end so: this is a mistake in the machine or in a plan made by hand.
    """


@dataclass(frozen=True)
class Barrier:
    """What one step leaves to the next, in cycles from some origin: all that the timing of what follows depends on."""

    path: int
    """The weight path can take the next burst."""
    tiles: int
    """The PEs have consumed the last column."""
    banks: tuple[int, ...]
    """The scratch banks are free, the earliest first."""
    activated: int
    """The activation unit is free."""
    encoded: int
    """The encoder is free."""
    lists: tuple[int, ...]
    """The latest list of each operand is known."""
    channel: int
    """The inputs of the next step have left the DRAM channel."""
    inputs: int
    """They are there."""

    @classmethod
    def start(cls, plan: Plan, work: Work) -> "Barrier":
        """Nothing has run, and the first inputs are fetched."""
        channel = inputs = 0
        if plan.fetch:
            channel = plan.fetch.cycles[work.inputs_at(plan, 0)]
            inputs = channel + plan.fetch.latency_cycles
        return cls(0, 0, (0,) * plan.banks, 0, 0, (0,) * len(plan.lists), channel, inputs)

    def after(self, origin: int) -> "Barrier":
        """The same seen from `origin`. Times that are over before anything can depend on them are as good as any
        other such time, and are all given one value, so that equal situations compare equal."""
        tiles = self.tiles - origin
        activated = max(self.activated - origin, tiles)  # a block is activated once it is consumed
        return Barrier(
            path=self.path - origin,
            tiles=tiles,
            banks=tuple(max(bank - origin, tiles) for bank in self.banks),
            activated=activated,
            encoded=max(self.encoded - origin, activated),
            lists=tuple(max(known, self.path) - origin for known in self.lists),
            channel=max(self.channel, self.path) - origin,
            inputs=max(self.inputs, self.path) - origin,
        )


@dataclass
class Run:
    """One simulation of steps `first` to `last` - 1: the SimPy environment, the components, and what they share."""

    design: Design
    plan: Plan
    work: Work
    first: int
    last: int
    barrier: Barrier
    origin: int = 0
    """Cycle of the whole run at which this one's clock shows zero."""
    log: Log | None = None
    on_step: Callable[[int], None] | None = None
    functional: "Functional | None" = None
    """Carries integers through the machine (engine `column`)."""
    env: simpy.Environment = field(default_factory=simpy.Environment)
    ledger: Ledger = field(default_factory=Ledger)
    busy: int = 0
    finished: int = 0

    def __post_init__(self) -> None:
        words = self.design.weight_memory.fifo_words
        self.stalls = dict.fromkeys(STALLS, 0)
        self.step_ends = dict.fromkeys(range(self.first, self.last), 0)
        self.waiting: dict[str, str] = {}
        known = enumerate(self.barrier.lists)
        self.lists: dict[tuple[int, int], simpy.Event] = {
            (i, self.first - 1): self.env.timeout(time, value=time) for i, time in known
        }
        self.scratch_banks = simpy.Store(self.env)
        """The cycle at which each free bank came free."""
        self.fifo = simpy.Store(self.env)
        self.credits = simpy.Container(self.env, words, words)
        self.descriptors = simpy.Store(self.env)
        self.sequencer = Sequencer(self)
        self.channel, self.reader = DramChannel(self), InputReader(self)
        self.stream, self.array = WeightStream(self), PEArray(self)
        self.activation, self.encoder = ActivationUnit(self), SkipEncoder(self)

    @property
    def now(self) -> int:
        return int(self.env.now)

    @property
    def steps(self) -> range:
        return range(self.first, self.last)

    def note(self, component: str, event: str, step: int, block: int, column: int = -1, at: int | None = None) -> None:
        if self.log:
            self.log(self.origin + (self.now if at is None else at), component, event, step, block, column)

    def waits(self, component: str, what: str) -> None:
        """Say what a component waits for, should the machine stand still."""
        self.waiting[component] = what

    def blocks(self, step: int) -> Iterator[Block]:
        return self.sequencer.blocks(step)

    def list_event(self, index: int, step: int) -> simpy.Event:
        """Fires when a list of a step is known."""
        return self.lists.setdefault((index, step), self.env.event())

    def forget_lists(self, step: int) -> None:
        for index in range(len(self.plan.lists)):
            self.lists.pop((index, step), None)

    def stall(self, cause: str, cycles: int) -> None:
        self.stalls[cause] += cycles

    def list_finished(self, index: int, step: int) -> None:
        """The encoder has listed an operand of `step`."""
        self.step_ends[step] = self.now
        self.finished = max(self.finished, self.now)
        self.list_event(index, step).succeed(self.now)
        if self.on_step:
            self.on_step(step + 1)

    def count(self, step: int) -> None:
        """Count what a step does, without simulating it: counts hang on its own masks, not on when things happen."""
        self.reader.count(step)
        for block in self.blocks(step):
            self.stream.count_norms(block)
            for burst in block.bursts:
                columns = self.work.columns_of(burst, step)
                self.sequencer.count(columns)
                self.stream.count(burst, columns)
                self.array.count(burst, columns, step)
            self.activation.count(block, step)
            self.encoder.count(block, step)

    def simulate(self, engine: Literal["burst", "column"]) -> Barrier:
        """Run to the end; what is left to the steps that follow. Deadlock where it never comes."""
        by_columns = self.channel.by_columns = engine == "column"
        processes = {
            "input_reader": self.reader.process(),  # the first, so that inputs go first where both ask at once
            "weight_stream": self.stream.columns() if by_columns else self.stream.bursts(),
            "pe_array": self.array.columns() if by_columns else self.array.bursts(),
            "activation_unit": self.activation.process(),
            "skip_encoder": self.encoder.process(),
        }
        running = {name: self.env.process(process) for name, process in processes.items()}
        self.env.process(self._release_banks())
        self.env.run()
        stuck = [name for name, process in running.items() if process.is_alive]
        if stuck:
            blame = "; ".join(f"{name} waits for {self.waiting.get(name, 'its turn')}" for name in stuck)
            step = next((step for step, end in self.step_ends.items() if not end), self.last - 1)
            raise Deadlock(
                f"design {self.design.name}: deadlock at cycle {self.origin + self.now}, in step {step}: {blame}"
            )
        freed = sorted((*self.barrier.banks, *self.activation.freed))[-self.plan.banks :]
        lists = list(self.barrier.lists)
        for (i, step), event in self.lists.items():
            if step == self.last - 1 and event.triggered and isinstance(event.value, int):
                lists[i] = event.value
        return Barrier(
            path=self.stream.free,
            tiles=self.array.free,
            banks=tuple(freed),
            activated=self.activation.free,
            encoded=self.encoder.free,
            lists=tuple(lists),
            channel=self.reader.free,
            inputs=self.reader.arrives,
        )

    def _release_banks(self) -> Generator[simpy.Event, Any, None]:
        """Banks that hold what came before come free when they do."""
        for time in self.barrier.banks:
            yield self.env.timeout(max(0, time - self.now))
            yield self.scratch_banks.put(time)


@dataclass(frozen=True)
class _Step:
    """What a step did, seen from the cycle at which its weight path was free."""

    barrier: Barrier
    stalls: dict[str, int]
    ended: int
    finished: int


REMEMBERED = 4096
"""Steps kept for reuse at most, the latest, so that memory stays flat: they take a kilobyte each."""


def run_machine(
    design: Design,
    plan: Plan,
    work: Work,
    engine: Literal["burst", "column"] = "burst",
    log: Log | None = None,
    on_step: Callable[[int], None] | None = None,
    reuse: bool = True,
    functional: "Functional | None" = None,
) -> Timing:
    """Simulate `work` on the machine; Deadlock where it stands still.

    `burst` simulates a step at a time from what the one before left. With `reuse`, a step that meets what an earlier
    one met (the same columns, the same barrier) is not simulated again: its time is known, its counts are its own.
    """
    if engine == "burst":
        return _run_bursts(design, plan, work, log, on_step, reuse and log is None)
    start = Barrier.start(plan, work)
    run = Run(design, plan, work, 0, work.steps, start, log=log, on_step=on_step, functional=functional)
    end = run.simulate(engine)
    step_ends = np.array(list(run.step_ends.values()), np.int64)
    return _timing(design, run, run.finished, end.tiles, step_ends, reused=0)


def _run_bursts(
    design: Design,
    plan: Plan,
    work: Work,
    log: Log | None,
    on_step: Callable[[int], None] | None,
    reuse: bool,
) -> Timing:
    barrier, origin, reused = Barrier.start(plan, work), 0, 0
    whole = Run(design, plan, work, 0, 0, barrier)  # gathers what the steps did
    known: dict[tuple[Barrier, tuple[int, ...], int], _Step] = {}
    step_ends = np.zeros(work.steps, np.int64)
    for step in range(work.steps):
        key = barrier, work.signature(step), work.inputs_at(plan, step + 1)
        found = known.get(key) if reuse else None
        if found is None:
            run = Run(design, plan, work, step, step + 1, barrier, origin, log, ledger=whole.ledger)
            after = run.simulate("burst")
            found = _Step(after, run.stalls, run.step_ends[step], run.finished)
            whole.busy += run.busy
            if reuse:
                if len(known) >= REMEMBERED:
                    del known[next(iter(known))]
                known[key] = found
        else:
            reused += 1
            whole.count(step)
        for cause, cycles in found.stalls.items():
            whole.stalls[cause] += cycles
        step_ends[step] = origin + found.ended if found.ended else 0
        whole.finished = max(whole.finished, origin + found.finished)
        origin += found.barrier.path
        barrier = found.barrier.after(found.barrier.path)
        if on_step:
            on_step(step + 1)
    return _timing(design, whole, whole.finished, origin + barrier.tiles, step_ends, reused)


def _timing(
    design: Design, run: Run, finished: int, tiles_free: int, step_ends: NDArray[np.int64], reused: int
) -> Timing:
    np.maximum.accumulate(step_ends, out=step_ends)  # a step in which no lane runs ends with the one before
    run.stall("drain", finished - tiles_free)
    issued = run.ledger.get("pe_array", "mac") + run.ledger.get("pe_array", "mac_zero_operand")
    run.ledger.add("pe_array", "idle_pe_cycle", design.pe_array.pes * finished - issued)
    return Timing(finished, run.busy, run.stalls, step_ends, run.ledger, reused)
