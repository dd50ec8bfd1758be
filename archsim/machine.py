"""The SimPy machine of a design, running a trace: engines `column` and `burst`.

Both engines run the same processes over the same plan; they differ in what one transaction of the weight path is.
`column` moves every column as a token through a FIFO with credits: the truth, for tests and short runs. `burst` moves
all listed columns of a row block at once and knows from ``mapping.last_issue_cycle`` when the last one is through.

Every order is static and no process looks at a queue's length, so a run depends on design, plan and trace alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import simpy

from archsim.components.activation_unit import ActivationUnit
from archsim.components.pe_array import PEArray
from archsim.components.skip_encoder import SkipEncoder
from archsim.components.weight_memory import WeightStream
from archsim.design import Design
from archsim.ledger import Ledger
from archsim.mapping import Block, Burst, Plan
from archsim.work import STALLS, Timing, Work

Log = Callable[[int, str, str, int, int, int], None]
"""``log(cycle, component, event, step, block, column)``; column is -1 where a whole burst or block is meant."""


@dataclass
class Transfer:
    """One burst of one step on its way through the machine."""

    step: int
    block: Block
    position: int
    """Of the burst in its block."""
    columns: int
    lists_known: tuple[simpy.Event, ...]
    previous: "Transfer | None"
    descriptor: simpy.Event
    """Fires at the stream's start with the cycle at which the first column arrives (no column: that start itself)."""
    started: simpy.Event
    """Fires with the cycle at which the tiles begin."""
    last_issue: simpy.Event
    """Fires with the cycle at which the last column leaves the weight path."""
    path_free: int = 0
    """Cycle from which the weight path could have taken this burst."""

    @property
    def opens_block(self) -> bool:
        return self.position == 0

    @property
    def closes_block(self) -> bool:
        return self.position == len(self.block.bursts) - 1

    @property
    def burst(self) -> Burst:
        return self.block.bursts[self.position]


@dataclass
class Run:
    """One simulation: the SimPy environment, the components, and what they share."""

    design: Design
    plan: Plan
    work: Work
    log: Log | None = None
    on_step: Callable[[int], None] | None = None
    env: simpy.Environment = field(default_factory=simpy.Environment)
    ledger: Ledger = field(default_factory=Ledger)
    busy: int = 0
    finished: int = 0

    def __post_init__(self) -> None:
        words = self.design.weight_memory.fifo_words
        self.steps = self.work.steps
        self.transfer_count = sum(len(b.bursts) for step in range(self.steps) for b in self.blocks(step))
        self.stalls = dict.fromkeys(STALLS, 0)
        self.step_ends = np.zeros(self.steps, np.int64)
        self.lists = {(i, -1): self.env.event().succeed(0) for i in range(len(self.plan.lists))}
        self.scratch_banks = simpy.Container(self.env, self.plan.banks, self.plan.banks)
        self.fifo = simpy.Store(self.env)
        self.credits = simpy.Container(self.env, words, words)
        self.descriptors = simpy.Store(self.env)
        self.stream, self.array = WeightStream(self), PEArray(self)
        self.activation, self.encoder = ActivationUnit(self), SkipEncoder(self)

    @property
    def now(self) -> int:
        return int(self.env.now)

    def note(self, component: str, event: str, step: int, block: int, column: int = -1) -> None:
        if self.log:
            self.log(self.now, component, event, step, block, column)

    def blocks(self, step: int) -> Iterator[Block]:
        """Those that run at a step: a block whose products no lane needs is passed over."""
        return (block for block in self.plan.blocks if self.work.active_in(block, step))

    def list_event(self, index: int, step: int) -> simpy.Event:
        """Fires when a list of a step is known."""
        return self.lists.setdefault((index, step), self.env.event())

    def transfers(self) -> Iterator[Transfer]:
        """Every burst of every step in the machine's static order, made when the stream comes to it."""
        previous: Transfer | None = None
        for step in range(self.steps):
            for index in range(len(self.plan.lists)):
                self.lists.pop((index, step - 2), None)
            for block in self.blocks(step):
                for position, burst in enumerate(block.bursts):
                    known = tuple(self.list_event(wait.list, step - wait.steps_back) for wait in burst.waits)
                    previous = Transfer(
                        step,
                        block,
                        position,
                        self.work.columns_of(burst, step),
                        known,
                        previous,
                        descriptor=self.env.event(),
                        started=self.env.event(),
                        last_issue=self.env.event(),
                    )
                    yield previous
                    if previous.previous:
                        previous.previous = None  # keeps memory flat: no chain back to the first burst

    def stall(self, cause: str, cycles: int) -> None:
        self.stalls[cause] += cycles

    def list_finished(self, index: int, step: int) -> None:
        """The encoder has listed an operand of `step`."""
        self.step_ends[step] = self.now
        self.finished = max(self.finished, self.now)
        self.list_event(index, step).succeed(self.env.now)
        if self.on_step:
            self.on_step(step + 1)


def run_machine(
    design: Design,
    plan: Plan,
    work: Work,
    engine: Literal["burst", "column"] = "burst",
    log: Log | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Timing:
    """Simulate `work` on the machine; RuntimeError names the step at which a deadlocked machine stood still."""
    run = Run(design, plan, work, log, on_step)
    granularity = {"burst": (run.stream.bursts, run.array.bursts), "column": (run.stream.columns, run.array.columns)}
    stream, array = granularity[engine]
    last = run.env.process(array())
    for process in (stream(), run.activation.process(), run.encoder.process()):
        run.env.process(process)
    run.env.run()
    if last.is_alive:
        done = int(np.count_nonzero(run.step_ends))
        raise RuntimeError(f"design {design.name}: deadlock at cycle {run.env.now}, {done} of {run.steps} steps done")
    np.maximum.accumulate(run.step_ends, out=run.step_ends)  # a step in which no lane runs ends with the one before
    run.stall("drain", run.finished - int(last.value or 0))
    issued = run.ledger.get("pe_array", "mac") + run.ledger.get("pe_array", "mac_zero_operand")
    run.ledger.add("pe_array", "idle_pe_cycle", design.pe_array.pes * run.finished - issued)
    return Timing(run.finished, run.busy, run.stalls, run.step_ends, run.ledger)
