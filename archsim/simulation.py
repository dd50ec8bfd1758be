"""Run a trace on a design: the one call behind the CLI and the search."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from archsim.analytic import run_analytic
from archsim.costs import SHIPPED, CostTable, area, energy
from archsim.design import Design
from archsim.machine import Log, run_machine
from archsim.mapping import Plan, RunScope, plan
from archsim.report import SimReport
from archsim.trace import BadInput, Trace
from archsim.work import Timing, Work, measure

Engine = Literal["burst", "column", "analytic"]

ENGINES: tuple[Engine, ...] = ("burst", "column", "analytic")


@dataclass(frozen=True)
class Job:
    """One simulation to be done: None means all the lanes of the design, all the steps of the trace."""

    design: Design
    trace: Trace
    lanes: int | None = None
    steps: int | None = None
    scope: RunScope = "model"


@dataclass(frozen=True)
class Prepared:
    job: Job
    plan: Plan
    work: Work

    @property
    def triple(self) -> tuple[Design, Plan, Work]:
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
    """Simulate sequences ``0 .. lanes - 1`` of `trace`; BadInput names what the design cannot do."""
    if engine not in ENGINES:
        raise BadInput(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    prepared = prepare(Job(design, trace, lanes, steps, scope))
    if engine == "analytic":
        timing = run_analytic([prepared.triple])[0]
    else:
        timing = run_machine(*prepared.triple, engine, log, on_step)
    dense = _dense(prepared)
    baselines = list(zip(dense, run_analytic([p.triple for p in dense]), strict=True))
    return _report(prepared, timing, engine, baselines, costs)


def simulate_many(jobs: Sequence[Job]) -> list[SimReport | BadInput]:
    """Reports of many jobs by `analytic`, in their order; a job that cannot be done yields its BadInput."""
    results: dict[int, SimReport | BadInput] = {}
    batches: dict[int, list[tuple[int, Prepared]]] = {}
    for index, job in enumerate(jobs):
        try:
            prepared = prepare(job)
        except BadInput as refusal:
            results[index] = refusal
        else:
            batches.setdefault(prepared.work.steps, []).append((index, prepared))
    for batch in batches.values():
        runs = [(index, prepared, _dense(prepared)) for index, prepared in batch]
        flat = [p.triple for _, prepared, dense in runs for p in (prepared, *dense)]
        timings = iter(run_analytic(flat))
        for index, prepared, dense in runs:
            timing, baselines = next(timings), [(p, next(timings)) for p in dense]
            try:
                results[index] = _report(prepared, timing, "analytic", baselines)
            except BadInput as refusal:  # what the cost tables do not cover
                results[index] = refusal
    return [results[index] for index in range(len(jobs))]


def prepare(job: Job) -> Prepared:
    lanes = job.design.lanes if job.lanes is None else job.lanes
    steps = job.trace.steps if job.steps is None else job.steps
    planned = plan(job.design, job.trace.graph, lanes, job.scope)
    return Prepared(
        job, planned, measure(job.trace, planned, steps, job.design.skip_encoder.enabled, job.design.skip_encoder.reach)
    )


def _dense(prepared: Prepared) -> list[Prepared]:
    """The same run with skipping off: at its own lanes, then at all lanes that the trace can fill."""
    job, design = prepared.job, prepared.job.design
    off = design.override({"skip_encoder.enabled": False})
    steps = prepared.work.steps
    lanes = prepared.plan.lanes
    return [
        prepare(Job(off, job.trace, n, steps, job.scope))
        for n in dict.fromkeys((lanes, min(design.lanes, job.trace.sequences)))
    ]


def _report(
    prepared: Prepared,
    timing: Timing,
    engine: str,
    dense: Sequence[tuple[Prepared, Timing]],
    costs: CostTable = SHIPPED,
) -> SimReport:
    job, work = prepared.job, prepared.work
    tokens = int(work.active.sum())
    same_lanes, at_same_lanes = dense[0]
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
        cycles_dense_same_lanes=at_same_lanes.cycles,
        cycles_per_token_best_dense=min(t.cycles / int(p.work.active.sum()) for p, t in dense),
        macs_dense_streamed=same_lanes.work.macs.issued,
        costs=costs,
    )
