"""Simulation of a trace on a design: the entry point of the CLI and of the search."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from archsim import catalogue
from archsim.analytic.closed_form import is_loaded, refusal, run_analytic
from archsim.costs import SHIPPED, CostTable, area, energy
from archsim.design import Design
from archsim.errors import BadInput, check_integers
from archsim.machine.log import Log
from archsim.machine.steps import run_machine
from archsim.mapping.plan import Block, Burst, Plan, RunScope
from archsim.mapping.planner import plans
from archsim.mapping.refusals import check_range
from archsim.mapping.work import Work, expected_columns, measure
from archsim.report import DenseRuns, SimReport
from archsim.timing import Macs, Timing
from archsim.trace.trace import Trace

Engine = Literal["burst", "column", "analytic"]

ENGINES: tuple[Engine, ...] = ("burst", "column", "analytic")


@dataclass(frozen=True)
class Job:
    """One simulation to run. `lanes` None: all lanes of the design; `steps` None: all steps of the trace."""

    design: Design
    trace: Trace
    lanes: int | None = None
    steps: int | None = None
    scope: RunScope = "model"

    def __post_init__(self) -> None:
        check_integers(lanes=self.lanes, steps=self.steps)


@dataclass(frozen=True)
class PreparedPhase:
    """A phase of a job with its plan and its work, ready for any engine."""

    design: Design
    plan: Plan
    work: Work
    first_step: int = 0
    """Steps of the phases before it, since events number the steps of a run through."""
    first_block: int = 0
    """Blocks of the phases before it, likewise."""

    @property
    def triple(self) -> tuple[Design, Plan, Work]:
        """The arguments of an engine."""
        return self.design, self.plan, self.work

    @property
    def written_bits(self) -> int:
        """Bits that earlier phases have written to DRAM for it to read."""
        return self.work.sum_by_lanes(self.plan.written) if self.plan.written else 0

    def block(self, number: int) -> Block:
        """A block by its number in the run."""
        return self.plan.blocks[number - self.first_block]

    def columns_of(self, burst: Burst, step: int) -> int:
        """Columns streamed for a burst at a step of the run, over all its streams."""
        return self.work.columns_of(burst, step - self.first_step)

    def active_in(self, block: Block, step: int) -> int:
        """Lanes that run a block at a step of the run."""
        return self.work.active_in(block, step - self.first_step)

    def inputs_at(self, step: int) -> int:
        """Lanes whose inputs for a step of the run come over the DRAM channel."""
        return self.work.inputs_at(self.plan, step - self.first_step)

    def log(self, log: Log, began: int) -> Log:
        """A log of this phase alone, which begins at cycle `began` of the run that `log` is of."""

        def later(cycle: int, component: str, event: str, step: int, block: int, column: int) -> None:
            log(
                began + cycle, component, event, self.first_step + step, block + self.first_block * (block >= 0), column
            )

        return later


@dataclass(frozen=True)
class Prepared:
    """A job, planned and counted, phase by phase; a phase of which nothing runs on the machine is left out."""

    job: Job
    lanes: int
    steps: int
    """Steps of the first phase, which are those of the longest sequence."""
    phases: tuple[PreparedPhase, ...]
    resident_bits: int
    model_bits: int
    left_out: tuple[str, ...]

    @property
    def only(self) -> PreparedPhase:
        """The phase of a job that runs no other. ValueError if it runs several."""
        (phase,) = self.phases
        return phase

    @property
    def triple(self) -> tuple[Design, Plan, Work]:
        """The arguments of an engine for a job of one phase."""
        return self.only.triple

    @property
    def tokens(self) -> int:
        """Steps of all sequences, each counted once whatever the phases that it passes through."""
        return int(np.minimum(self.job.trace.lengths[: self.lanes], self.steps).sum())

    @property
    def macs(self) -> Macs:
        return Macs.total(phase.work.macs for phase in self.phases)

    @property
    def waits(self) -> str | None:
        """Why its steps cannot run as their own inputs arrive; None if they can."""
        if self.job.trace.header.reads_ahead:
            return "a layer reads sequences from their end"
        if len(self.phases) > 1:
            return f"its {len(self.phases)} phases begin one after the other, each once whole sequences are through"
        if any(steps > 1 for phase in self.phases for steps in phase.plan.steps_at_once):
            return f"the design takes inputs of {self.job.design.sequencer.steps_at_once} steps at once"
        return None

    @property
    def steps_of_all_phases(self) -> int:
        return sum(phase.work.steps for phase in self.phases)


def simulate(
    design: Design,
    trace: Trace,
    engine: Engine = "burst",
    *,
    steps: int | None = None,
    lanes: int | None = None,
    scope: RunScope = "model",
    log: Log | None = None,
    on_step: Callable[[int], None] | None = None,
    costs: CostTable = SHIPPED,
) -> SimReport:
    """Simulate sequences ``0 .. lanes - 1`` of `trace` on `design`.

    `log` is called with every event, `on_step` with the number of completed steps; engine ``analytic`` calls neither
    and refuses a `log`. BadInput names what the design cannot run or what the trace lacks.
    """
    if engine not in ENGINES:
        raise BadInput(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "analytic" and log is not None:
        raise BadInput("engine analytic has no events to log: a timeline takes burst or column")
    prepared = prepare(Job(design, trace, lanes, steps, scope))
    dense = _dense(prepared, engine)  # first, so that its times of steps are gone before those of the run are kept
    return _report(prepared, run(prepared, engine, log, on_step), engine, costs, dense)


def simulate_many(jobs: Iterable[Job], costs: CostTable = SHIPPED) -> Iterator[SimReport | BadInput]:
    """Yield the report of each job, in order, from the `quickest` engine and without dense runs.

    A job that cannot be run yields its BadInput instead.
    """
    for job in jobs:
        try:
            prepared = prepare(job)
            yield _report(prepared, time_run(prepared), quickest(job.design), costs, dense=None)
        except BadInput as problem:
            yield problem


def quickest(design: Design) -> Engine:
    """`analytic`, or `burst` for a design that `analytic` refuses; where both can run a design, their results agree."""
    return "burst" if refusal(design) else "analytic"


def time_run(prepared: Prepared) -> Timing:
    """Time a run with the `quickest` engine."""
    return run(prepared, quickest(prepared.job.design))


def run(
    prepared: Prepared, engine: Engine, log: Log | None = None, on_step: Callable[[int], None] | None = None
) -> Timing:
    """Run the phases of a job, each once the one before has ended and the machine has drained.

    What a phase has read of an earlier one was written to DRAM, which takes no time on the channel. Vectors that come
    in are listed like new states, which takes no time either.
    """
    timings: list[Timing] = []
    for phase in prepared.phases:
        began = sum(timing.cycles for timing in timings)
        if log and timings:
            log(began, catalogue.SEQUENCER.name, catalogue.Event.PHASE, phase.first_step, phase.first_block, -1)
        timings.append(_run_phase(phase, engine, log and phase.log(log, began), on_step))
        timings[-1].ledger.add(catalogue.WRITE_BITS, phase.written_bits)
        scanned, listed = phase.work.listed_inputs
        timings[-1].ledger.add(catalogue.SCAN_COLUMN, scanned)
        timings[-1].ledger.add(catalogue.LIST_COLUMN, listed)
    return timings[0] if len(timings) == 1 else Timing.in_turn(timings)


def _run_phase(phase: PreparedPhase, engine: Engine, log: Log | None, on_step: Callable[[int], None] | None) -> Timing:
    check_range(*phase.triple)
    if engine == "analytic":
        return run_analytic(*phase.triple)
    done = None if on_step is None else (lambda step: on_step(phase.first_step + step))
    return run_machine(*phase.triple, engine, log, done)


def prepare(job: Job) -> Prepared:
    """Plan a job and count its work. BadInput names what the design cannot run or what the trace lacks."""
    design, trace = job.design, job.trace
    lanes = design.lanes if job.lanes is None else job.lanes
    steps = trace.steps if job.steps is None else job.steps
    skipping, reach = design.skip_encoder.enabled, design.skip_encoder.reach
    planned = plans(
        design,
        trace.described,
        lanes,
        job.scope,
        expected=lambda: expected_columns(trace, lanes, steps, skipping, reach),
    )
    phases: list[PreparedPhase] = []
    first_step = first_block = 0
    for each, part in zip(planned, trace.phases, strict=True):
        if each.runs:
            own = min(steps, part.steps)
            work = measure(part, each, own, skipping, reach)
            phases.append(PreparedPhase(design, each, work, first_step, first_block))
            first_step, first_block = first_step + own, first_block + sum(run.count for run in each.runs)
    left_out = tuple(name for each in planned for name in each.left_out)
    resident_bits, model_bits = planned[0].resident_bits, planned[0].model_bits  # over all phases
    prepared = Prepared(job, lanes, steps, tuple(phases), resident_bits, model_bits, left_out)
    if (trace.header.reads_ahead or len(phases) > 1) and steps != trace.steps:
        why = f"workload {trace.header.workload}: {prepared.waits}"
        raise BadInput(f"steps must be all {trace.steps} of the trace, not {steps}: {why}")
    return prepared


SHORT = 500
"""Steps that `burst` has run, most of them by reuse, before the compiled loop of `analytic` is loaded."""


def _dense(prepared: Prepared, engine: Engine) -> DenseRuns:
    """The same run with skipping switched off: on its own lanes, and on all lanes that the trace can fill."""
    job, design = prepared.job, prepared.job.design
    off = design.override({"skip_encoder.enabled": False})
    at_all = min(design.lanes, job.trace.sequences)
    runs = [
        prepare(Job(off, job.trace, lanes, prepared.steps, job.scope))
        for lanes in dict.fromkeys((prepared.lanes, at_all))
    ]
    short = engine != "analytic" and prepared.steps_of_all_phases <= SHORT and not is_loaded()
    by: Engine = "burst" if short else quickest(design)
    cycles = [run(each, by).cycles for each in runs]
    return DenseRuns(
        cycles_same_lanes=cycles[0],
        cycles_per_token_best=min(c / each.tokens for c, each in zip(cycles, runs, strict=True)),
        macs_streamed=runs[0].macs.issued,
    )


def _report(prepared: Prepared, timing: Timing, engine: str, costs: CostTable, dense: DenseRuns | None) -> SimReport:
    job, tokens = prepared.job, prepared.tokens
    return SimReport(
        design=job.design,
        workload=job.trace.header.workload,
        synthetic=job.trace.header.synthetic,
        engine=engine,
        scope=job.scope,
        lanes=prepared.lanes,
        steps=prepared.steps,
        tokens=tokens,
        cycles=timing.cycles,
        busy_cycles=timing.busy_cycles,
        stalls=timing.stalls,
        macs=prepared.macs,
        ledger=timing.ledger,
        energy=energy(job.design, timing.ledger, timing.cycles, tokens, costs=costs),
        area=area(job.design, costs),
        resident_bits=prepared.resident_bits,
        model_bits=prepared.model_bits,
        reused_steps=timing.reused_steps,
        left_out=prepared.left_out,
        dense=dense,
        costs=costs,
        step_ends=timing.step_ends,
    )
