"""The SimPy machine of a design, running a trace: engines `column` and `burst`.

Both engines run the same processes over the same plan; they differ in what one transaction of the weight path is.
`column` moves every column as a token through a FIFO with credits: the truth, for tests and short runs. `burst` moves
all listed columns of a row block at once and knows from ``mapping.last_issue_cycle`` when the last one is through.

Every order is static and no process looks at a queue's length, so a run depends on design, plan and trace alone."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import simpy

from archsim.design import Design
from archsim.ledger import Ledger
from archsim.machine.activation_unit import ActivationUnit
from archsim.machine.dram_channel import DramChannel
from archsim.machine.input_reader import InputReader
from archsim.machine.pe_array import PEArray
from archsim.machine.sequencer import Sequencer
from archsim.machine.skip_encoder import SkipEncoder
from archsim.machine.weight_stream import WeightStream
from archsim.mapping.plan import Block, Plan
from archsim.mapping.work import Work
from archsim.timing import STALLS

if TYPE_CHECKING:
    from archsim.machine.functional import Functional
from archsim.machine.barrier import Barrier
from archsim.machine.log import Log


class Deadlock(RuntimeError):
    """The machine stands still before its end: when, in which step, and who waits for whom.

    ``mapping.plan`` refuses what is known to end so: this is a mistake in the machine or in a plan made by hand.
    """


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
