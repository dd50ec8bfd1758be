"""Simulation of a trace on a design: the entry point of the CLI and of the search."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from archsim.analytic.closed_form import refusal, run_analytic
from archsim.costs import SHIPPED, CostTable, area, energy
from archsim.design import Design
from archsim.errors import BadInput
from archsim.machine.log import Log
from archsim.machine.steps import run_machine
from archsim.mapping.plan import Plan, RunScope
from archsim.mapping.planner import plan
from archsim.mapping.work import Work, measure
from archsim.report import DenseRuns, SimReport
from archsim.timing import Timing
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


@dataclass(frozen=True)
class Prepared:
    """A job with its plan and its work, ready for any engine."""

    job: Job
    plan: Plan
    work: Work

    @property
    def triple(self) -> tuple[Design, Plan, Work]:
        """The arguments of an engine."""
        return self.job.design, self.plan, self.work


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
    if engine == "analytic":
        timing = run_analytic(*prepared.triple)
    else:
        timing = run_machine(*prepared.triple, engine, log, on_step)
    return _report(prepared, timing, engine, costs, _dense(prepared))


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
    design = prepared.job.design
    return run_machine(*prepared.triple, "burst") if refusal(design) else run_analytic(*prepared.triple)


def prepare(job: Job) -> Prepared:
    """Plan a job and count its work. BadInput names what the design cannot run or what the trace lacks."""
    if job.trace.header.later:
        raise BadInput(f"workload {job.trace.header.workload}: its trace has several phases, which no engine runs yet")
    lanes = job.design.lanes if job.lanes is None else job.lanes
    steps = job.trace.steps if job.steps is None else job.steps
    planned = plan(job.design, job.trace.graph, lanes, job.scope)
    return Prepared(
        job, planned, measure(job.trace, planned, steps, job.design.skip_encoder.enabled, job.design.skip_encoder.reach)
    )


def _dense(prepared: Prepared) -> DenseRuns:
    """The same run with skipping switched off: on its own lanes, and on all lanes that the trace can fill."""
    job, design = prepared.job, prepared.job.design
    off = design.override({"skip_encoder.enabled": False})
    at_all = min(design.lanes, job.trace.sequences)
    runs = [
        prepare(Job(off, job.trace, lanes, prepared.work.steps, job.scope))
        for lanes in dict.fromkeys((prepared.plan.lanes, at_all))
    ]
    cycles = [time_run(run).cycles for run in runs]
    return DenseRuns(
        cycles_same_lanes=cycles[0],
        cycles_per_token_best=min(c / run.work.totals.tokens for c, run in zip(cycles, runs, strict=True)),
        macs_streamed=runs[0].work.macs.issued,
    )


def _report(prepared: Prepared, timing: Timing, engine: str, costs: CostTable, dense: DenseRuns | None) -> SimReport:
    job, work = prepared.job, prepared.work
    tokens = work.totals.tokens
    return SimReport(
        design=job.design,
        workload=job.trace.header.workload,
        synthetic=job.trace.header.synthetic,
        engine=engine,
        scope=job.scope,
        lanes=prepared.plan.lanes,
        steps=work.steps,
        tokens=tokens,
        cycles=timing.cycles,
        busy_cycles=timing.busy_cycles,
        stalls=timing.stalls,
        macs=work.macs,
        ledger=timing.ledger,
        energy=energy(job.design, timing.ledger, timing.cycles, tokens, costs=costs),
        area=area(job.design, costs),
        resident_bits=prepared.plan.resident_bits,
        model_bits=prepared.plan.model_bits,
        reused_steps=timing.reused_steps,
        left_out=prepared.plan.left_out,
        dense=dense,
        costs=costs,
        step_ends=timing.step_ends,
    )
