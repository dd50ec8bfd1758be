"""Commands about one design: run, stream, fit, explain, validate, diff."""

import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from archsim.analysis.diff import diff, load_run
from archsim.analysis.explain import explain as explain_design
from archsim.analysis.perfetto import TimelineWriter, open_timeline, parse_window
from archsim.analysis.roofline import column_histograms, roofline
from archsim.analysis.scenario import (
    Least,
    least_bandwidth,
    least_sram,
    streaming,
)
from archsim.analysis.validate import validate
from archsim.costs import SHIPPED, CostTable, load_cost_table
from archsim.costs.model import left_out
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.mapping.plan import RunScope
from archsim.record import RooflineRecord, RunRecord
from archsim.report import SimReport
from archsim.simulation import ENGINES, Engine, Job, prepare, simulate
from dse.cli.inputs import at_threshold, load_workload, parse_overrides, record_text
from dse.cli.options import (
    DesignArgument,
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
from dse.cli.tables.costs import explain_report, fit_report, validation_markdown, validation_table
from dse.cli.tables.layout import figures
from dse.cli.tables.runs import diff_report, run_report, stream_report
from dse.cli.terminal import out, print_json, progress, steps_of
from dse.evaluation.check import check
from dse.evaluation.fit import fit
from dse.evaluation.point import HeldOutSplit
from workloads import tasks, zoo

PANEL = "Simulate"
app = typer.Typer()


@app.command(rich_help_panel=PANEL)
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
    shown = parse_window(window, in_all) if window else (0, min(2, in_all - 1))
    report = _simulated(job, in_all, engine, load_cost_table(costs) if costs else SHIPPED, timeline, shown)
    if html is not None:
        _write_page(html, job, report, shown, workload, threshold)
    if as_json:
        print_json(RunRecord.of(report).to_json())
    else:
        out.print(run_report(report))


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
    written: AbstractContextManager[TimelineWriter | None] = nullcontext()
    if timeline is not None:
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


@app.command(rich_help_panel=PANEL, short_help="A stream: slack, energy, the least DRAM and SRAM that hold it.")
def stream(
    design: DesignOption,
    workload: WorkloadOption,
    period: Annotated[float, typer.Option(help="Microseconds from one step's input to the next.")],
    deadline: Annotated[float | None, typer.Option(help="Microseconds a step may take; default: the period.")] = None,
    set_: Annotated[list[str] | None, overrides("clock_mhz=100")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the stream.")] = 100,
    lanes: Lanes = None,
    scope: Scope = "model",
    as_json: Json = False,
) -> None:
    """A stream, a step of every lane each period: slack, energy, and the least DRAM and SRAM that hold the deadline.

    archsim stream --design skip-65nm --workload wp-lstm256-ternary-s90 --period 100

    archsim stream --design edge-8pe --workload wp-lstm256-fixed8-s90 --period 2000 --deadline 500 --json
    """
    chosen = load_design(design).override(parse_overrides(set_ or []))
    lanes = lanes or chosen.lanes
    trace = load_workload(workload, lanes, steps, "test", None)
    options: dict[str, Any] = {"lanes": lanes, "steps": min(steps, trace.steps), "scope": scope}
    found = streaming(chosen, trace, period, deadline, **options)
    with progress("bisecting", None):
        least = {
            "bandwidth": _least(lambda: least_bandwidth(chosen, trace, found.deadline_us, **options)),
            "sram": _least(lambda: least_sram(chosen, trace, found.deadline_us, **options)),
        }
    roof = roofline(simulate(chosen, trace, **options))
    histograms = column_histograms(trace, lanes)
    if as_json:
        needs = {name: each if isinstance(each, str) else each.to_json() for name, each in least.items()}
        lists = [histogram.to_json() for histogram in histograms]
        print_json({**found.to_json(), "least": needs, "roofline": RooflineRecord.of(roof).to_json(), "columns": lists})
        return
    out.print(stream_report(found, least, roof))


def _least(find: Callable[[], Least]) -> Least | str:
    """What was found, or why there is none."""
    try:
        return find()
    except BadInput as reason:
        return str(reason)


@app.command(name="fit", rich_help_panel=PANEL, short_help="Formats against on-chip SRAM: where a model begins to fit.")
def fit_(
    design: DesignArgument = "edge-resident",
    hidden: Annotated[int, typer.Option(min=1, help="Units of the LSTM.")] = 512,
    density: Annotated[float, typer.Option(help="Share of its state that is not zero.")] = 0.2,
    as_json: Json = False,
) -> None:
    """Formats against on-chip SRAM: where a model begins to fit, and what that does to energy per token.

    archsim fit

    archsim fit large --hidden 1500 --json
    """
    with progress("simulating", None):
        found = fit(load_design(design), hidden=hidden, density=density)
    if as_json:
        print_json([{**vars(each), "system_pj_per_token": vars(each.system_pj_per_token)} for each in found])
    else:
        out.print(fit_report(found))


@app.command(rich_help_panel=PANEL, short_help="Every cost figure of a design, with its source.")
def explain(
    design: DesignArgument,
    set_: Annotated[list[str] | None, overrides("voltage_v=0.9")] = None,
    costs: OwnCosts = None,
    as_json: Json = False,
) -> None:
    """Every cost figure of a design, with its unit, its source, and how sure it is.

    archsim explain skip-65nm --set voltage_v=0.9

    archsim explain mine.toml --costs measured.toml --json
    """
    chosen = load_design(design).override(parse_overrides(set_ or []))
    rows = explain_design(chosen, load_cost_table(costs) if costs else SHIPPED)
    if as_json:
        print_json([row.to_json() for row in rows])
    else:
        out.print(explain_report(rows, left_out(chosen)))


@app.command(name="validate", rich_help_panel=PANEL, short_help="The published hardware figures beside ours.")
def validate_(
    traces: Annotated[bool, typer.Option("--traces/--no-traces", help="SKIP's speed-up on the shipped models.")] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/results has it.")] = False,
    as_json: Json = False,
) -> None:
    """The published hardware figures beside ours; exit code 1 where one that gates is missed.

    archsim validate

    archsim validate --no-traces --json
    """
    recorded = {}
    if traces:
        for card in map(zoo.load_card, zoo.ALL):
            if card.measured.state_sparsity > 0.25 and tasks.by_name(card.data.task).ships:
                recorded[card.name] = record_text(zoo.load_either(card.name), "test", 8, 400)
    with progress("simulating", None):
        found = validate(recorded)
    if as_json:
        print_json(found.to_json())
    elif markdown:
        print(validation_markdown(found))
    else:
        out.print(validation_table(found))
    if not found.ok:
        raise typer.Exit(1)


@app.command(name="diff", rich_help_panel=PANEL, short_help="What changed between two runs, by component.")
def diff_(
    before: Annotated[Path, typer.Argument(help="What `archsim run --json` printed.")],
    after: Annotated[Path, typer.Argument(help="The same of another run.")],
    as_json: Json = False,
) -> None:
    """What changed between two runs, by component, the largest effect first.

    archsim diff one.json other.json

    archsim diff one.json other.json --json
    """
    found = diff(load_run(before), load_run(after))
    if as_json:
        print_json(found.to_json())
    else:
        out.print(diff_report(found))
