"""The SimPy machine of a design: the only place that knows which processes are connected, and by which port.

        Sequencer: every process gets its turns in one static order
             |
        WeightStream --descriptors--> PEArray --sums--> ActivationUnit --elements--> SkipEncoder
          |   ^   \\---fifo------------^  ^                   |                            |
          |   |                           +------banks-------+                            |
          |   +---------------------------------lists------------------------------------+
        DramChannel <--> InputReader --arrivals--> WeightStream;  PEArray --consumed--> InputReader

Engines `column` and `burst` run the same processes over the same plan; they differ in the transactions of the weight
path. `column` moves every column as a token through a FIFO with credits: the reference, for tests and short runs.
`burst` moves all columns of a burst at once and computes from ``mapping.fifo`` when the last one leaves the weight
path.

Every order is static and no process looks at a queue's length, so a run depends only on design, plan and trace.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import simpy

from archsim import catalogue
from archsim.catalogue import Cause, Component
from archsim.design import Design
from archsim.errors import Deadlock
from archsim.ledger import Ledger
from archsim.machine.activation_unit import ActivationUnit
from archsim.machine.barrier import Barrier
from archsim.machine.dram_channel import DramChannel
from archsim.machine.input_reader import InputReader
from archsim.machine.log import Log
from archsim.machine.pe_array import PEArray
from archsim.machine.ports import (
    Clock,
    Datapath,
    Descriptor,
    Elements,
    FinishedBlock,
    OperandLists,
    Process,
    Queue,
    ScratchBanks,
    Signals,
    WordFifo,
)
from archsim.machine.sequencer import Sequencer
from archsim.machine.skip_encoder import SkipEncoder
from archsim.machine.weight_stream import WeightStream
from archsim.mapping.fifo import fifo_times
from archsim.mapping.plan import Plan
from archsim.mapping.work import Work

Transactions = Literal["burst", "column"]


class Machine:
    """All processes of one run, and the ports between them."""

    def __init__(
        self,
        design: Design,
        plan: Plan,
        work: Work,
        steps: range,
        barrier: Barrier,
        engine: Transactions,
        ledger: Ledger,
        *,
        origin: int = 0,
        log: Log | None = None,
        on_step: Callable[[int], None] | None = None,
        datapath: Datapath | None = None,
    ) -> None:
        """The machine for `steps`, in the state that the previous steps have left (`barrier`). `origin` is the cycle of
        the whole run at which it begins; `on_step` is called with the number of completed steps."""
        self._design, self._steps, self._barrier, self._origin = design, steps, barrier, origin
        self._engine, self._banks_kept = engine, plan.banks
        env = self._env = simpy.Environment()
        self._clocks: dict[str, Clock] = {}
        order = self.sequencer = Sequencer(plan, work, steps, ledger)

        def clock(component: Component) -> Clock:
            made = self._clocks[component.name] = Clock(env, component, log, origin)
            return made

        lists = self._lists = OperandLists(env, barrier.lists, before=steps.start - 1)
        banks = ScratchBanks(env, barrier.banks)
        fifo = WordFifo(env, plan.fifo_words)
        self._times = fifo_times(plan, barrier.fifo)
        descriptors: Queue[Descriptor] = Queue(env)
        sums: Queue[FinishedBlock] = Queue(env)
        elements: Queue[Elements] = Queue(env)
        arrivals, consumed = (Signals(env), Signals(env)) if plan.fetch else (None, None)
        channel = DramChannel(env, plan.fetch.arbitration if plan.fetch else None, by_columns=engine == "column")

        self.reader: InputReader | None = None
        if plan.fetch and arrivals and consumed:
            self.reader = InputReader(
                plan.fetch, order.inputs(), channel, consumed, arrivals, ledger, clock(catalogue.INPUT_READER),
                first=steps.start, lanes=work.inputs_at(plan, steps.start),
                free=barrier.channel, arrives=barrier.inputs, buffer_free=barrier.tiles,
            )  # fmt: skip
        self.stream = WeightStream(
            design.sequencer, order.issue(), lists, channel, fifo, self._times, descriptors, ledger,
            clock(catalogue.WEIGHT_STREAM), arrivals=arrivals, datapath=datapath,
            free=barrier.path,
        )  # fmt: skip
        self.array = PEArray(
            order.bursts(), descriptors, fifo, banks, sums, ledger,
            clock(catalogue.PE_ARRAY), consumed=consumed, datapath=datapath, stages=plan.pe_stages, free=barrier.tiles,
        )  # fmt: skip
        self.activation = ActivationUnit(
            plan.activation_stages, order.blocks(), sums, banks, elements, ledger,
            clock(catalogue.ACTIVATION_UNIT), datapath=datapath, bank_cycles=design.sequencer.bank_cycles,
            free=barrier.activated, banks_kept=plan.banks,
        )  # fmt: skip
        self.encoder = SkipEncoder(
            design.skip_encoder, order.listed_blocks(), elements, lists, ledger,
            clock(catalogue.SKIP_ENCODER), on_step=on_step, free=barrier.encoded,
        )  # fmt: skip

    @property
    def busy(self) -> int:
        """Busy cycles of the PE array."""
        return self.array.busy

    @property
    def stalls(self) -> dict[Cause, int]:
        """Stall cycles of the PE array by cause."""
        return self.array.stalls

    @property
    def step_ends(self) -> dict[int, int]:
        """The cycle at which the last list of each step is known, or, where nothing is listed, its last result."""
        return self.encoder.step_ends if self._barrier.lists else self.activation.step_ends

    @property
    def finished(self) -> int:
        """Cycle at which the last result is available and the PEs are idle."""
        return max(self.activation.finished, max(self.encoder.step_ends.values(), default=0), self.array.free)

    def simulate(self) -> Barrier:
        """Run to the end and return the barrier for the steps that follow. Raises Deadlock if it stops before."""
        running = {name: self._env.process(process) for name, process in self._processes().items()}
        self._env.run()
        self._check_ended([name for name, process in running.items() if process.is_alive])
        return Barrier(
            path=self.stream.free,
            tiles=self.array.free,
            banks=tuple(sorted((*self._barrier.banks, *self.activation.freed))[-self._banks_kept :]),
            activated=self.activation.free,
            encoded=self.encoder.free,
            lists=self._lists.after(self._steps.stop - 1),
            channel=self.reader.free if self.reader else self._barrier.channel,
            inputs=self.reader.arrives if self.reader else self._barrier.inputs,
            fifo=self._times.state(self.stream.free),
        )

    def count(self, step: int) -> None:
        """Count the actions of a step without simulating it: they depend on its own masks, not on its timing."""
        if self.reader:
            self.reader.count(self.sequencer.input_lanes(step))
        for turn, times in self.sequencer.alike(step):
            self.sequencer.count(turn, times)
            self.stream.count(turn, times)
            self.array.count(turn, times)
            if turn.opens_block:
                self.stream.count_norms(turn.block, times)
                self.activation.count(turn.of, times)
                if turn.block.list is not None:
                    self.encoder.count(turn.of, times)

    def _processes(self) -> Mapping[str, Process]:
        by_columns = self._engine == "column"
        return {
            # The reader starts first, so that inputs win where both ask for the channel in the same cycle.
            **({catalogue.INPUT_READER.name: self.reader.process()} if self.reader else {}),
            catalogue.WEIGHT_STREAM.name: self.stream.columns() if by_columns else self.stream.bursts(),
            catalogue.PE_ARRAY.name: self.array.columns() if by_columns else self.array.bursts(),
            catalogue.ACTIVATION_UNIT.name: self.activation.process(),
            catalogue.SKIP_ENCODER.name: self.encoder.process(),
        }

    def _check_ended(self, stuck: list[str]) -> None:
        if not stuck:
            return
        blame = "; ".join(f"{name} waits for {self._clocks[name].waiting}" for name in stuck)
        step = next((step for step in self._steps if not self.step_ends.get(step)), self._steps.stop - 1)
        cycle = self._origin + int(self._env.now)
        raise Deadlock(f"design {self._design.name}: deadlock at cycle {cycle}, in step {step}: {blame}")
