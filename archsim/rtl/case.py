"""What is made of a design in Verilog: its program, the integers of a window of a workload, and what must come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim.design import Design
from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.machine.steps import run_machine
from archsim.mapping.plan import Plan, RunScope
from archsim.mapping.work import measure
from archsim.rtl import refusals
from archsim.rtl.compare import Logged
from archsim.rtl.drawn import drawn_integers
from archsim.rtl.program import Program
from archsim.rtl.unit_function import UnitFunctions
from archsim.rtl.window import Window
from archsim.simulation import Job, prepare
from archsim.trace.trace import Trace

Ints = NDArray[np.int64]

RUN_STEPS = 200
"""Steps of the run that a window is of, as of `archsim run` where nothing else is said."""
START = Window(0, 0)
"""The first step of a workload."""
SEED = 1
"""The seed of integers that are drawn where nobody gives another."""


class Cells(NamedTuple):
    """What computes the results of an integer-only network, so that none is recorded."""

    functions: UnitFunctions
    beside: Mapping[tuple[str, str], Ints]
    """What lies beside each h when the window begins, as `IntegerCells` has it."""


@dataclass(frozen=True)
class Expected:
    """What engine `column` does in the window."""

    events: tuple[Logged, ...]
    cycles: int


@dataclass(frozen=True)
class Case:
    """A design with the window of a workload that its machine in Verilog is run over."""

    program: Program
    integers: Integers
    """The operands of the window; step 0 is its first step."""
    window: Window
    run_steps: int
    """Steps of the run that the window is of, and that the plan was made for."""
    seed: int | None
    """The seed that the integers were drawn with; None: they are the model's own."""
    cells: Cells | None = None
    """None: results are recorded ones."""

    @property
    def design(self) -> Design:
        return self.program.design

    @property
    def workload(self) -> str:
        return self.program.work.trace.header.workload

    @property
    def lanes(self) -> int:
        return self.program.plan.lanes

    @property
    def window_words(self) -> str:
        """Which steps of which run; `archsim run` over other steps may cut other blocks."""
        return f"{self.window} of a run of {self.run_steps} step{'s' * (self.run_steps > 1)}"

    @property
    def integers_words(self) -> str:
        """Where weights and values come from."""
        if self.cells is not None:
            return "the model's own integers, and every result computed"
        return "the model's own integers" if self.seed is None else f"integers drawn with seed {self.seed}"

    @property
    def defined(self) -> str:
        """The macro that its test bench is compiled with."""
        return "INTEGER_CELLS" if self.cells is not None else ""

    @cached_property
    def sums(self) -> int:
        """The sums that are read out: those of all lanes, of every block that runs."""
        plan, work = self.program.plan, self.program.work
        return sum(
            block.units * plan.lanes * plan.stages[block.stage].sums_per_unit
            for block in plan.blocks
            for step in range(self.program.steps)
            if work.active_in(block, step)
        )

    def for_the_largest(self) -> "Case":
        """The same with counters and addresses for the largest network that the design runs."""
        return replace(self, program=replace(self.program, largest=True))

    def expected(self, on_step: Callable[[int], None] | None = None) -> Expected:
        """The event log and the cycles of engine `column`. BadInput names a component that has no Verilog."""
        events: list[Logged] = []
        program = self.program
        timing = run_machine(
            *(self.design, program.plan, program.work, "column"), lambda *event: events.append(Logged(*event)), on_step
        )
        refusals.check_components(events)
        return Expected(tuple(events), timing.cycles)


def steps_of_run(run_steps: int, window: Window) -> int:
    """Steps of the run that a window is of: as many as asked for, and up to its end at least."""
    return max(run_steps, window.last + 1)


def planned(
    design: Design,
    trace: Trace,
    window: Window = START,
    lanes: int | None = None,
    scope: RunScope = "model",
    run_steps: int = RUN_STEPS,
) -> Plan:
    """The plan that a machine in Verilog follows for a trace, whichever window of the run is checked.

    It is that of `archsim run` over `run_steps` steps, or over all of the trace if it has fewer. BadInput names what
    the design cannot run, what the machine in Verilog cannot do, or what the trace lacks.
    """
    lanes = design.lanes if lanes is None else lanes
    trace.check(lanes, window.last + 1)
    steps = min(trace.steps, steps_of_run(run_steps, window))
    prepared = prepare(Job(design, trace, lanes, steps, scope))
    if len(prepared.phases) > 1:
        raise BadInput(
            f"design {design.name}: the machine in Verilog cannot do {len(prepared.phases)} phases, one after the"
            f" other ({trace.header.workload}), only 1"
        )
    plan = prepared.only.plan
    refusals.check(design, plan)
    return plan


def case_of(
    design: Design,
    trace: Trace,
    window: Window,
    *,
    lanes: int | None = None,
    scope: RunScope = "model",
    integers: Integers | None = None,
    seed: int = SEED,
    cells: Cells | None = None,
    run_steps: int = RUN_STEPS,
) -> Case:
    """The case of a design and a window of a trace, planned for its first `run_steps` steps (see `planned`).

    `integers` are those of the whole trace; without them some are drawn with `seed`. With `cells` the machine computes
    all results itself. BadInput names what the design cannot run, what the machine in Verilog cannot do, or what the
    trace lacks.
    """
    lanes = design.lanes if lanes is None else lanes
    plan = planned(design, trace, window, lanes, scope, run_steps)
    run_steps = min(trace.steps, steps_of_run(run_steps, window))
    shown = window.of_trace(trace, lanes)
    work = measure(shown, plan, window.steps, design.skip_encoder.enabled, design.skip_encoder.reach)
    program = Program(design, plan, work)
    if integers is None:
        return Case(program, drawn_integers(shown, lanes, window.steps, seed), window, run_steps, seed)
    return Case(program, window.of_integers(integers, trace), window, run_steps, None, cells)
