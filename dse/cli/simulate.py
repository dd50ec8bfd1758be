"""`archsim run`: one design on one workload. What few of its options need is loaded for these alone."""

import shlex
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from archsim.costs import SHIPPED, CostTable, load_cost_table
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.log import Log
from archsim.mapping.plan import RunScope
from archsim.report import SimReport
from archsim.simulation import ENGINES, Engine, Job, prepare, simulate
from dse.cli.bars import progress, steps_of
from dse.cli.inputs import at_threshold, load_workload, parse_overrides
from dse.cli.options import (
    DesignOption,
    Json,
    Lanes,
    OwnCosts,
    Scope,
    Threshold,
    WorkloadOption,
    either,
    one_of,
    overrides,
)
from dse.cli.tables.layout import figures
from dse.cli.tables.runs import run_report
from dse.cli.terminal import out, print_json
from workloads.tasks.base import HeldOutSplit


def run(
    design: DesignOption,
    workload: WorkloadOption,
    set_: Annotated[list[str] | None, overrides("pe_array.tiles=2")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps to simulate.")] = 200,
    lanes: Lanes = None,
    scope: Scope = "model",
    engine: Annotated[Engine, typer.Option(help=f"One of {', '.join(ENGINES)}.", **one_of("engine", Engine))] = "burst",
    split: Annotated[
        HeldOutSplit,
        typer.Option(help="Text the model reads: validation or test.", **either("--split", HeldOutSplit)),
    ] = "test",
    threshold: Threshold = None,
    check_: Annotated[
        bool, typer.Option("--check", help="Instead, compare every sum the machine makes with the reference's.")
    ] = False,
    timeline: Annotated[
        Path | None, typer.Option(help="Write what every part did when, for Perfetto or chrome://tracing.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Steps of the timeline, FIRST:LAST, counted from 0; default: 0:2.")
    ] = None,
    costs: OwnCosts = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of the design, the model and the timeline.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate one design on one workload: cycles, energy, area.

    archsim run --design skip-65nm --workload wp-lstm256-ternary-s90 --lanes 8

    archsim run --design rbt-high-speed-ternary --workload wp-lstm256-ternary --set clock_mhz=200 --html run.html
    """
    chosen = load_design(design).override(parse_overrides(set_ or []))
    if check_:
        _refuse_beside_check({"--html": html, "--timeline": timeline})
    if window and not (html or timeline):
        raise BadInput("--window: says which steps --timeline or --html show; give one of these")
    if check_:
        _check(chosen, workload, lanes or chosen.lanes, steps, split, threshold, scope, as_json)
        return
    trace = load_workload(workload, lanes or chosen.lanes, steps, split, threshold)
    steps = min(steps, trace.steps)
    job = Job(chosen, trace, lanes, steps, scope)
    in_all = prepare(job).steps_of_all_phases
    shown = _window(window, in_all)
    report = _simulated(job, in_all, engine, load_cost_table(costs) if costs else SHIPPED, timeline, shown)
    if html is not None:
        _write_page(html, job, report, shown, workload, threshold)
    if as_json:
        from archsim.record import RunRecord

        print_json(RunRecord.of(report).to_json())
    else:
        out.print(run_report(report))


def _window(window: str | None, steps: int) -> tuple[int, int]:
    """The first and the last step to show, of so many."""
    if window is None:
        return 0, min(2, steps - 1)
    from archsim.analysis.perfetto import parse_window

    return parse_window(window, steps)


def _refuse_beside_check(options: Mapping[str, Path | None]) -> None:
    for option, path in options.items():
        if path:
            raise BadInput(
                f"--check: compares sums and simulates nothing that {option} could show; run once without it"
            )


def _simulated(
    job: Job, in_all: int, engine: Engine, costs: CostTable, timeline: Path | None, shown: tuple[int, int]
) -> SimReport:
    """The report of a run of `in_all` steps, and its `timeline` as a file where one is asked for: steps `shown`, first
    and last."""
    options: dict[str, Any] = {"lanes": job.lanes, "steps": job.steps, "scope": job.scope}
    written: AbstractContextManager[Log | None] = nullcontext()
    if timeline is not None:
        from archsim.analysis.perfetto import open_timeline

        written = open_timeline(timeline, job.design, job.trace, *shown, **options)
    with steps_of("simulating", in_all) as on_step, written as log:
        return simulate(job.design, job.trace, engine, log=log, on_step=on_step, costs=costs, **options)


def _write_page(
    path: Path, job: Job, report: SimReport, shown: tuple[int, int], workload: str, threshold: float | None
) -> None:
    from dse import report as report_  # pandas, Plotly: half a second that no other run need wait for

    first, last = shown
    timeline = report_.timeline(job.design, job.trace, first, last, job.scope, job.lanes, "run", report.workload)
    network = report_.run_network(workload, threshold, job.trace)
    command = shlex.join(["archsim", *sys.argv[1:]])
    report_.write(report_.run_page(report, command, network, timeline), path)


def _check(
    design: Design,
    workload: str,
    lanes: int,
    steps: int,
    split: HeldOutSplit,
    threshold: float | None,
    scope: RunScope,
    as_json: bool,
) -> None:
    from dse.evaluation.check import check
    from workloads import tasks, zoo

    model = at_threshold(zoo.load_model(workload), threshold)
    sample = tasks.by_name(model.task).sample(split, lanes, steps, seed=0)
    with progress("checking", None):
        found = check(design, model, sample, lanes, scope)
    if as_json:
        print_json({**vars(found), "passed": found.passed})
    else:
        rows = [(name, f"{count:,}", f"{found.different[name]:,}") for name, count in found.sums.items()]
        title = f"Sums of {found.steps} steps on {found.lanes} lanes, engine column"
        out.print(figures(title, ("accumulator", "sums", "not the reference's"), rows))
    if not found.passed:
        raise typer.Exit(1)
