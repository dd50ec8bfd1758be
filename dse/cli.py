"""The command line: the one place that knows every part."""

import json
import os
import shlex
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from archsim import designs
from archsim.costs import SHIPPED, load_cost_table
from archsim.design import Design, Value, load_design
from archsim.diff import diff, load_run
from archsim.explain import explain as explain_design
from archsim.machine import Deadlock
from archsim.mapping import RUN_SCOPES
from archsim.roofline import column_histograms, roofline
from archsim.scenario import Least, least_bandwidth, least_sram, streaming
from archsim.simulation import ENGINES, simulate
from archsim.synthetic import FORMATS, synthesize
from archsim.timeline import open_timeline, parse_window
from archsim.trace import BadInput, Trace
from archsim.validate import validate
from dse import report as report_
from dse import store, studies, tables
from dse.check import check
from dse.compare import Run, compare, parse_budgets
from dse.enumerate import Enumeration, enumerate_space
from dse.enumerate import Progress as EnumerationProgress
from dse.fit import fit
from dse.models import Models
from dse.space import Space, load_space
from dse.study import DEFAULT_CACHE, Phase
from dse.study import Progress as SearchProgress
from dse.study import search as run_search
from dse.workers import Workers, workers_for
from workloads import cells, formats, tasks, zoo
from workloads.fixed_point import IntegerModel, Point, search_bits, sweep
from workloads.importers import Choices, Formats, import_model
from workloads.model import Model
from workloads.record import given_sample, longest, record, record_sample
from workloads.sparsify import prune_to, zeros
from workloads.zoo import published as zoo_published

out = Console()
err = Console(stderr=True)

app = typer.Typer(
    name="archsim",
    help="Simulate LSTM accelerators on really trained, quantized, sparse models, and search their designs.\n\n"
    "First: [bold]archsim demo[/]. Then: [bold]archsim list[/], "
    "[bold]archsim run --design skip-65nm --workload wp-lstm256-ternary-s90[/].",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
trace_app = typer.Typer(no_args_is_help=True, help="Make and look at traces.")
app.add_typer(trace_app, name="trace", rich_help_panel="Networks")

PHASES: dict[Phase, str] = {"search": "searching", "confirm": "simulating the front", "test": "measuring on test data"}

TEXT_COLUMNS = ("input", "metric", "data", "needs", "gates", "carries", "stochastic", "what")
"""Columns of `archsim list` that are no numbers."""

JSON_ONLY = ("outputs", "title")
"""Columns that a terminal has no room for."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]


@contextmanager
def progress(description: str, total: int | None, quiet: bool = False) -> Iterator[tuple[Progress, TaskID]]:
    """A bar on standard error: silent when that is no terminal."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=err,
        transient=True,
        disable=quiet or not err.is_terminal,
    ) as bar:
        yield bar, bar.add_task(description, total=total, note="")


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


def load_workload(name: str, lanes: int, steps: int, split: str, threshold: float | None) -> Trace:
    """A trace file, or a trace recorded now from a model of the zoo (or a model file) over real text."""
    if name.endswith(".npz"):
        if threshold is not None:
            raise BadInput(f"--threshold: {name} is a trace, which has its threshold already; give a model")
        return Trace.load(Path(name))
    return record_text(name, split, max(lanes, 16), steps, threshold)


AnyModel = TypeVar("AnyModel", Model, IntegerModel, Model | IntegerModel)


def at_threshold(model: AnyModel, threshold: float | None) -> AnyModel:
    """The model with its own state threshold, or with another."""
    return model if threshold is None else model.with_threshold(threshold)


def record_text(
    workload: str, split: str, sequences: int, steps: int, threshold: float | None, out: Path | None = None
) -> Trace:
    """A trace recorded now, of a model of the zoo or of a model file, with its own state threshold or another."""
    if split not in ("validation", "test"):
        raise BadInput(f"--split must be validation or test, not {split!r}")
    model = at_threshold(zoo.load_either(workload), threshold)
    return record(model, split, sequences=sequences, steps=steps, out=out)  # type: ignore[arg-type]


def parse_overrides(assignments: list[str]) -> dict[str, Value]:
    """``dotted.path=value`` with the value as JSON reads it, or else as text."""
    values: dict[str, Value] = {}
    for assignment in assignments:
        path, equals, raw = assignment.partition("=")
        if not equals or not path:
            raise BadInput(f"--set must be dotted.path=value, not {assignment!r}")
        try:
            value = json.loads(raw)
        except json.JSONDecodeError:
            value = raw
        values[path.strip()] = value
    return values


@app.command(rich_help_panel="Simulate")
def run(
    design: Annotated[str, typer.Option(help="A shipped design, or a TOML file.")],
    workload: Annotated[str, typer.Option(help="A zoo model, a model file, or a trace (.npz).")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override, e.g. pe_array.tiles=2 (repeatable).")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps to simulate.")] = 200,
    lanes: Annotated[int | None, typer.Option(min=1, help="Sequences side by side; default: the design's.")] = None,
    scope: Annotated[str, typer.Option(help=f"What is run: {' or '.join(RUN_SCOPES)} (no readout).")] = "model",
    engine: Annotated[str, typer.Option(help=f"One of {', '.join(ENGINES)}.")] = "burst",
    split: Annotated[str, typer.Option(help="Text the model reads: validation or test.")] = "test",
    threshold: Annotated[float | None, typer.Option(help="State threshold instead of the trained one.")] = None,
    check_: Annotated[
        bool, typer.Option("--check", help="Instead, compare every sum the machine makes with the reference's.")
    ] = False,
    timeline: Annotated[
        Path | None, typer.Option(help="Write what every part did when, for Perfetto or chrome://tracing.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Steps of the timeline, FIRST:LAST, counted from 0; default: 0:2.")
    ] = None,
    costs: Annotated[
        Path | None, typer.Option(help="Your own figures instead of some of the shipped ones (TOML).")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of the design, the model and the timeline.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate one design on one workload: cycles, energy, area.

    archsim run --design skip-65nm --workload wp-lstm256-ternary-s90 --lanes 8

    archsim run --design rbt-high-speed-ternary --workload wp-lstm256-ternary --set clock_mhz=200 --html run.html
    """
    chosen = load_design(design).override(parse_overrides(set_ or []))
    if check_:
        _check(chosen, workload, lanes or chosen.lanes, steps, split, threshold, scope, as_json)
        return
    trace = load_workload(workload, lanes or chosen.lanes, steps, split, threshold)
    steps = min(steps, trace.steps)
    log = nullcontext(None)
    first, last = parse_window(window, steps) if window else (0, min(2, steps - 1))
    if timeline is not None:
        log = open_timeline(timeline, chosen, trace, first, last, lanes=lanes, steps=steps, scope=scope)  # type: ignore
    with progress("simulating", steps) as (bar, task), log as events:
        report = simulate(
            chosen,
            trace,
            engine,  # type: ignore[arg-type]
            steps=steps,
            lanes=lanes,
            scope=scope,  # type: ignore[arg-type]
            log=events,
            on_step=lambda done: bar.update(task, completed=done),
            costs=load_cost_table(costs) if costs else SHIPPED,
        )
    if html is not None:
        shown = report_.timeline(chosen, trace, first, last, scope, lanes, "run", report.workload)  # type: ignore
        network = report_.run_network(workload, threshold, trace)
        command = shlex.join(["archsim", *sys.argv[1:]])
        report_.write(report_.run_page(report, command, network, shown), html)
    if as_json:
        print_json(report_.run_json(report))
    else:
        out.print(tables.run_report(report))


def _check(
    design: Design,
    workload: str,
    lanes: int,
    steps: int,
    split: str,
    threshold: float | None,
    scope: str,
    as_json: bool,
) -> None:
    model = at_threshold(zoo.load_model(workload), threshold)
    sample = tasks.by_name(model.task).sample(split, lanes, steps, seed=0)  # type: ignore[arg-type]
    with progress("checking", None):
        found = check(design, model, sample, lanes, scope)  # type: ignore[arg-type]
    if as_json:
        print_json({**vars(found), "passed": found.passed})
    else:
        rows = [(name, f"{count:,}", f"{found.different[name]:,}") for name, count in found.sums.items()]
        title = f"Sums of {found.steps} steps on {found.lanes} lanes, engine column"
        out.print(tables.figures(title, ("accumulator", "sums", "not the reference's"), rows))
    if not found.passed:
        raise typer.Exit(1)


@app.command(rich_help_panel="Simulate", short_help="A stream: slack, energy, the least DRAM and SRAM that hold it.")
def stream(
    design: Annotated[str, typer.Option(help="A shipped design, or a TOML file.")],
    workload: Annotated[str, typer.Option(help="A zoo model, a model file, or a trace (.npz).")],
    period: Annotated[float, typer.Option(help="Microseconds from one step's input to the next.")],
    deadline: Annotated[float | None, typer.Option(help="Microseconds a step may take; default: the period.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override, e.g. clock_mhz=100 (repeatable).")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the stream.")] = 100,
    scope: Annotated[str, typer.Option(help=f"What is run: {' or '.join(RUN_SCOPES)} (no readout).")] = "model",
    as_json: Json = False,
) -> None:
    """A stream with a period and a deadline: slack, energy, and the least DRAM and SRAM that hold it.

    archsim stream --design skip-65nm --workload wp-lstm256-ternary-s90 --period 100

    archsim stream --design edge-8pe --workload wp-lstm256-fixed8-s90 --period 2000 --deadline 500 --json
    """
    chosen = load_design(design).override(parse_overrides(set_ or []))
    trace = load_workload(workload, 1, steps, "test", None)
    options: dict[str, Any] = {"steps": min(steps, trace.steps), "scope": scope}
    found = streaming(chosen, trace, period, deadline, **options)
    with progress("bisecting", None):
        least = {
            "bandwidth": _least(lambda: least_bandwidth(chosen, trace, found.deadline_us, **options)),
            "sram": _least(lambda: least_sram(chosen, trace, found.deadline_us, **options)),
        }
    report = simulate(chosen, trace, lanes=1, **options)
    roof = roofline(report)
    histograms = column_histograms(trace, 1)
    if as_json:
        needs = {name: each if isinstance(each, str) else each.to_json() for name, each in least.items()}
        lists = [histogram.to_json() for histogram in histograms]
        print_json({**found.to_json(), "least": needs, "roofline": roof.to_json(), "columns": lists})
        return
    out.print(tables.stream_report(found, least, roof))


@app.command(
    name="fit", rich_help_panel="Simulate", short_help="Formats against on-chip SRAM: where a model begins to fit."
)
def fit_(
    design: Annotated[str, typer.Argument(help="A shipped design, or a TOML file.")] = "edge-resident",
    hidden: Annotated[int, typer.Option(min=1, help="Units of the LSTM.")] = 512,
    density: Annotated[float, typer.Option(help="Share of its state that is not zero.")] = 0.2,
    as_json: Json = False,
) -> None:
    """Formats against on-chip SRAM: where a model begins to fit, and what that does to energy per token.

    archsim fit

    archsim fit large --hidden 1500 --json
    """
    found = fit(load_design(design), hidden=hidden, density=density)
    if as_json:
        print_json([{**vars(each), "system_pj_per_token": vars(each.system_pj_per_token)} for each in found])
    else:
        out.print(tables.fit_report(found))


def _least(find: Callable[[], Least]) -> Least | str:
    """What was found, or why there is none."""
    try:
        return find()
    except BadInput as reason:
        return str(reason)


@app.command(rich_help_panel="Simulate", short_help="Every cost figure of a design, with its source.")
def explain(
    design: Annotated[str, typer.Argument(help="A shipped design, or a TOML file.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override, e.g. voltage_v=0.9 (repeatable).")] = None,
    costs: Annotated[
        Path | None, typer.Option(help="Your own figures instead of some of the shipped ones (TOML).")
    ] = None,
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
        out.print(tables.explain_report(rows))


@app.command(name="validate", rich_help_panel="Simulate", short_help="The published hardware figures beside ours.")
def validate_(
    traces: Annotated[bool, typer.Option("--traces/--no-traces", help="SKIP's speed-up on the shipped models.")] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as the README has it.")] = False,
    as_json: Json = False,
) -> None:
    """The published hardware figures beside ours; exit code 1 where one that gates is missed.

    archsim validate

    archsim validate --no-traces --json
    """
    recorded = {}
    if traces:
        for name in (card.name for card in map(zoo.load_card, zoo.ALL) if card.measured.state_sparsity > 0.25):
            recorded[name] = record_text(name, "test", 8, 400, None)
    found = validate(recorded)
    if as_json:
        print_json(found.to_json())
    elif markdown:
        print(tables.validation_markdown(found))
    else:
        out.print(tables.validation_table(found))
    if not found.ok:
        raise typer.Exit(1)


@app.command(name="diff", rich_help_panel="Simulate", short_help="What changed between two runs, by component.")
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
        out.print(tables.diff_report(found))


@app.command(rich_help_panel="Search")
def demo(
    out_: Annotated[Path, typer.Option("--out", help="Folder of results.")] = Path("results/demo"),
) -> None:
    """The main job on shipped models and text: search, confirm, report.

    archsim demo

    archsim demo --out results/again
    """
    out.print(
        "Searching accelerators for six trained LSTMs (War and Peace, 256 units, 8-bit, ternary and binary weights, "
        "with and without a pruned state). Every accuracy is measured on the text now, every design simulated on what "
        "its model really did; the best designs are then simulated again, event by event."
    )
    store.clear(out_)
    with workers_for(os.cpu_count() or 1, None) as workers:
        _search(load_space(studies.path("demo")), out_, workers, fresh=True)


@app.command(rich_help_panel="Search")
def search(
    study: Annotated[str, typer.Argument(help="A study (TOML), or one that is shipped.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Folder of results; default results/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a search in that folder stopped.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure every accuracy anew, whatever is cached.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes here that measure accuracies.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Dask cluster that does, by its scheduler's address.")] = None,
    as_json: Json = False,
) -> None:
    """Search a space of models and designs for its Pareto front.

    archsim search demo --out results/demo2

    archsim search my-study.toml --workers 4 --resume
    """
    space = load_space(studies.path(study))
    with workers_for(workers, scheduler) as crew:
        _search(space, out_ or Path("results") / space.name, crew, resume, fresh, as_json)


def _search(
    space: Space, folder: Path, workers: Workers, resume: bool = False, fresh: bool = False, as_json: bool = False
) -> None:
    with progress("searching", space.trials) as (bar, task):

        def show_progress(p: SearchProgress) -> None:
            note = (
                f"{p.seconds:.0f} s  {p.trials_per_second:.1f}/s  {p.model_evaluations} accuracies by {p.workers}"
                f"  front {p.front_size}"
            )
            bar.update(task, description=PHASES[p.phase], completed=p.done, total=p.total, note=note)

        try:
            result = run_search(space, folder, resume, show_progress, fresh=fresh, workers=workers)
        except KeyboardInterrupt:
            bar.stop()
            err.print(
                f"[red]archsim:[/] stopped; {escape(str(folder))} keeps its trials, --resume goes on", soft_wrap=True
            )
            raise typer.Exit(130) from None
    report = report_.write_report(folder)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "report": str(report),
                "trials": len(result.trials),
                "distinct_designs": result.distinct_designs,
                "models": result.models_run,
                "refused": result.refused,
                "infeasible": result.infeasible,
                "model_evaluations": result.model_evaluations,
                "model_evaluations_cached": result.model_evaluations_cached,
                "seconds": result.seconds,
                "front": [
                    {
                        "command": p.command,
                        "test_loss": p.test_loss,
                        "on_front_at": result.stays(p),
                        **p.trial.outcome.values,
                    }
                    for p in result.front
                ],
            }
        )
    else:
        out.print(tables.search_summary(result, space, report))


@app.command(name="enumerate", rich_help_panel="Search", short_help="Every point of a space: its exact front.")
def enumerate_(
    study: Annotated[str, typer.Argument(help="A study (TOML), or one that is shipped.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Folder; default results/NAME/exact.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes here that evaluate points.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Dask cluster that does, by its scheduler's address.")] = None,
    as_json: Json = False,
) -> None:
    """Evaluate every point of a space: its front is then exact. Stopped and run again, it goes on.

    archsim enumerate exact

    archsim enumerate my-study.toml --out results/mine/exact --workers 4 --json
    """
    space = load_space(studies.path(study))
    began = time.monotonic()
    with workers_for(workers, scheduler) as crew:
        found = _enumerate(space, out_ or Path("results") / space.name / "exact", crew)
    if as_json:
        print_json(
            {
                "folder": str(found.folder),
                "wall_seconds": time.monotonic() - began,
                "seconds": found.seconds,
                "points_per_second": found.points_per_second,
                **found.counts.model_dump(mode="json"),
                "reference": asdict(found.reference),
                "hypervolume": found.volume,
            }
        )
    else:
        out.print(tables.enumeration_report(found))


def _enumerate(space: Space, folder: Path, workers: Workers) -> Enumeration:
    space.check_data()
    with progress("measuring the models", None) as (bar, task):

        def show(p: EnumerationProgress) -> None:
            note = f"front {p.front}  {p.points_per_second:,.0f}/s"
            bar.update(task, description="enumerating", completed=p.done, total=p.total, note=note)

        return enumerate_space(space, folder, Models(DEFAULT_CACHE, space.scenario, workers), show, workers)


@app.command(name="compare", rich_help_panel="Search", short_help="Samplers over seeds, against the exact front.")
def compare_(
    study: Annotated[str, typer.Argument(help="A study (TOML), or one that is shipped.")],
    samplers: Annotated[
        str, typer.Option(help="Each with its trials, or else 2 % of the points: nsga2,tpe:2000.")
    ] = "nsga2,random",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each, with seeds from 1.")] = 5,
    out_: Annotated[Path | None, typer.Option("--out", help="Folder; default results/NAME.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes here that search.")] = 1,
    as_json: Json = False,
) -> None:
    """How much of the exact front's hypervolume each sampler finds, by trial. Enumerates the space first.

    archsim compare exact

    archsim compare exact --samplers nsga2,nsga3,tpe:2000 --seeds 3 --workers 2 --json
    """
    space = load_space(studies.path(study))
    folder = out_ or Path("results") / space.name
    with workers_for(workers, None) as crew:
        exact = _enumerate(space, folder / "exact", crew)
        budgets = parse_budgets(samplers, exact.counts.distinct)
        with progress("searching", len(budgets) * seeds) as (bar, task):

            def done(run: Run) -> None:
                bar.update(task, advance=1, note=run.name)

            found = compare(exact, folder / "compare", budgets, range(1, seeds + 1), crew, done)
    page = report_.write(report_.comparison_page(folder), folder / "compare" / report_.NAME)
    if as_json:
        print_json(found.model_dump(mode="json") | {"page": str(page)})
    else:
        out.print(tables.comparison_report(found, page))


@app.command(rich_help_panel="Search")
def view(
    runs: Annotated[list[Path], typer.Argument(help="Folders of searches, or files of `archsim run --json`.")],
    out_: Annotated[
        Path | None, typer.Option("--out", help="File to write; default: report.html in the folder, or here.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = True,
) -> None:
    """Build the report of a search, or of several searches and runs side by side, and open it.

    archsim view results/demo

    archsim view one.json other.json --no-open --out compared.html
    """
    alone = len(runs) == 1 and runs[0].is_dir()
    with progress("building the report", None):
        report = report_.write(report_.view_page(runs), out_ or (runs[0] if alone else Path()) / report_.NAME)
    out.print(escape(str(report)), soft_wrap=True)
    if open_:
        webbrowser.open(report.resolve().as_uri())


@app.command(
    name="list", rich_help_panel="Networks", short_help="What is shipped: designs, models, tasks, cells, formats."
)
def list_(
    what: Annotated[
        str, typer.Argument(help="designs, workloads, tasks, cells, formats or studies; default: all.")
    ] = "all",
    as_json: Json = False,
) -> None:
    """What is shipped.

    archsim list workloads

    archsim list designs --json
    """
    listings = {
        "designs": _designs,
        "workloads": _workloads,
        "tasks": _tasks,
        "cells": _cells,
        "formats": _formats,
        "studies": _studies,
    }
    if what not in ("all", *listings):
        raise BadInput(f"list must be one of all, {', '.join(listings)}, not {what!r}")
    chosen = listings if what == "all" else {what: listings[what]}
    rows = {name: listing() for name, listing in chosen.items()}
    if as_json:
        print_json(rows)
        return
    for name, listing in rows.items():
        if name == "workloads":
            out.print(tables.zoo_table([zoo.load_card(n) for n in zoo.ALL]))
        else:
            columns = [name for name in listing[0] if name not in JSON_ONLY]
            rows_of_text = [[str(row[c]) for c in columns] for row in listing]
            out.print(tables.figures(name, columns, rows_of_text, text=TEXT_COLUMNS))


def _designs() -> list[dict[str, Any]]:
    loaded = [load_design(name) for name in designs.ALL]
    return [
        {"name": d.name, "PEs": d.pe_array.pes, "MHz": d.clock_mhz, "lanes": d.lanes, "what": d.title} for d in loaded
    ]


def _workloads() -> list[dict[str, Any]]:
    return [zoo.load_card(name).model_dump(mode="json") for name in zoo.ALL]


def _tasks() -> list[dict[str, Any]]:
    return [
        {
            "name": t.name,
            "input": f"{t.symbols} symbols" if t.symbols else f"vector of {t.features}",
            "outputs": t.outputs,
            "metric": t.metric,
            "data": "here" if t.missing() is None else "absent",
            "title": t.title,
        }
        for t in tasks.ALL
    ]


def _cells() -> list[dict[str, Any]]:
    return [
        {
            "name": c.name,
            "gates": " ".join(c.gates),
            "carries": " ".join(c.states),
            "what": " then ".join(c.elementwise).replace("_", " "),
        }
        for c in cells.ALL
    ]


def _formats() -> list[dict[str, Any]]:
    return [
        {"name": f.name, "bits": f.bits, "needs": f.multiplier, "stochastic": "too" if f.stochastic else ""}
        for f in formats.ALL
    ]


def _studies() -> list[dict[str, Any]]:
    return [{"name": name} for name in studies.ALL]


@trace_app.command()
def synth(
    out_: Annotated[Path, typer.Option("--out", help="File to write (.npz).")],
    hidden: Annotated[int, typer.Option(help="Units.")] = 1000,
    input_: Annotated[int, typer.Option("--input", help="Symbols of the one-hot input.")] = 50,
    density: Annotated[float, typer.Option(help="Share of state elements that are not zero.")] = 0.19,
    correlation: Annotated[float, typer.Option(help="Between any two lanes.")] = 0.0,
    sequences: Annotated[int, typer.Option(help="Sequences recorded.")] = 8,
    steps: Annotated[int, typer.Option(help="Steps recorded.")] = 100,
    weights: Annotated[str, typer.Option(help=f"Weight format: {', '.join(FORMATS)}.")] = "fixed8",
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 1,
) -> None:
    """Draw a synthetic trace, marked as such wherever it is shown.

    archsim trace synth --hidden 1000 --input 50 --density 0.19 --correlation 0.8 --seed 1 --out t.npz

    archsim trace synth --density 1.0 --weights binary --out dense.npz
    """
    trace = synthesize(
        hidden,
        input_,
        density,
        correlation=correlation,
        sequences=sequences,
        steps=steps,
        weight_format=weights,
        seed=seed,
        out=out_,
    )
    out.print(f"{escape(str(out_))}: {trace.header.workload}, {sequences} sequences x {steps} steps, synthetic")


@trace_app.command(name="record")
def record_(
    workload: Annotated[str, typer.Option(help="A zoo model, or a model file.")],
    out_: Annotated[Path, typer.Option("--out", help="File to write (.npz).")],
    split: Annotated[str, typer.Option(help="validation or test.")] = "test",
    sequences: Annotated[int, typer.Option(min=1, help="Sequences recorded.")] = 16,
    steps: Annotated[int, typer.Option(min=1, help="Steps recorded.")] = 1000,
    threshold: Annotated[float | None, typer.Option(help="State threshold instead of the trained one.")] = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Your own inputs (.npy): (steps, sequences) symbols or (..., size) vectors.")
    ] = None,
) -> None:
    """Record a model over real data: that of its task, or your own.

    archsim trace record --workload wp-lstm256-ternary-s90 --out t.npz

    archsim trace record --workload mine.safetensors --inputs mine.npy --out t.npz
    """
    if inputs is None:
        trace, what = record_text(workload, split, sequences, steps, threshold, out_), f"the {split} split"
    else:
        model = at_threshold(zoo.load_either(workload), threshold)
        trace, what = record_sample(model, given_sample(inputs), {"inputs": inputs.name}, out_), inputs.name
    size = f"{trace.sequences} sequences x {trace.steps} steps"
    out.print(f"{escape(str(out_))}: {escape(trace.header.workload)}, {size} of {escape(what)}")


@trace_app.command()
def show(path: Annotated[Path, typer.Argument(help="A trace (.npz).")], as_json: Json = False) -> None:
    """What a trace is of, how many columns its products list, and how the zeros of its states lie.

    archsim trace show t.npz

    archsim trace show t.npz --json
    """
    trace = Trace.load(path)
    lanes = [n for n in (1, 2, 4, 8, 16) if n <= trace.sequences]
    listed = {
        mv.name: {n: float(trace.columns(mv, n, trace.steps).listed.mean()) for n in lanes}
        for mv in trace.graph.mat_vecs
    }
    states = zeros(trace)
    if as_json:
        header = trace.header.model_dump(mode="json")
        lying = [{**vars(z), "per_step": z.per_step.tolist(), "per_unit": z.per_unit.tolist()} for z in states]
        size = {"steps": trace.steps, "sequences": trace.sequences}
        print_json({**header, **size, "columns_listed": listed, "zeros": lying})
        return
    kind = "[yellow]synthetic[/]" if trace.header.synthetic else "recorded"
    out.print(f"{escape(trace.header.workload)}: {kind}, {trace.sequences} sequences x {trace.steps} steps")
    rows = [
        (mv.name, f"{mv.rows} x {mv.cols}", mv.weight_format.name, *(f"{listed[mv.name][n]:.1f}" for n in lanes))
        for mv in trace.graph.mat_vecs
    ]
    out.print(tables.figures("Columns listed a step, by lanes", ("product", "size", "weights", *map(str, lanes)), rows))
    out.print(tables.zeros_table(states))


@app.command(rich_help_panel="Networks", short_help="State thresholds that leave so many zeros, untrained.")
def prune(
    workload: Annotated[str, typer.Argument(help="A zoo model, or a model file.")],
    out_: Annotated[Path, typer.Option("--out", help="File to write (.safetensors).")],
    sparsity: Annotated[
        list[float], typer.Option(help="Share of the state to be zero; repeat it for a share of each layer.")
    ],
    inputs: Annotated[Path | None, typer.Option(help="Inputs (.npy) instead of the task's validation data.")] = None,
    as_json: Json = False,
) -> None:
    """Find the state thresholds that leave so many zeros, without training again.

    archsim prune wp-lstm256-ternary --sparsity 0.5 --out half.safetensors

    archsim prune stack.safetensors --sparsity 0.9 --sparsity 0.8 --inputs mine.npy --out pruned.safetensors
    """
    model = zoo.load_model(workload)
    if inputs is None:
        sequences = 16
        steps = min(256, longest(model, "validation", sequences))
        sample = tasks.by_name(model.task).sample("validation", sequences, steps, seed=0)
    else:
        sample = given_sample(inputs)
    with progress("bisecting thresholds", None):
        pruned = prune_to(model, sparsity if len(sparsity) > 1 else sparsity[0], sample)
    pruned.save(out_)
    found = zeros(record_sample(pruned, sample, {}))
    thresholds = [layer.threshold for layer in pruned.config.layers]
    if as_json:
        lying = [{"operand": z.operand, "sparsity": z.sparsity, "union": z.union} for z in found]
        print_json({"model": str(out_), "thresholds": thresholds, "zeros": lying})
        return
    out.print(tables.zeros_table(found))
    out.print(f"thresholds {', '.join(f'{t:.4g}' for t in thresholds)}: written to {escape(str(out_))}")


@app.command(rich_help_panel="Networks", short_help="Integers only, after training: the fewest bits within a loss.")
def ptq(
    workload: Annotated[str, typer.Argument(help="A floating-point zoo model, or a model file.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Write the smallest model found (.safetensors).")] = None,
    max_loss: Annotated[float, typer.Option(help="Loss allowed, in per cent of the metric.")] = 1.0,
    bits: Annotated[str, typer.Option(help="Least and most bits tried, as LEAST:MOST.")] = "2:12",
    table: Annotated[bool, typer.Option("--table", help="Instead, measure every combination of bits.")] = False,
    as_json: Json = False,
) -> None:
    """Integers only, after training: the fewest bits of weights and activations within a loss.

    archsim ptq wp-lstm256-float --out small.safetensors

    archsim ptq mine.safetensors --table --bits 4:8
    """
    model = zoo.load_model(workload)
    least, _, most = bits.partition(":")
    if not (least.isdecimal() and most.isdecimal() and 2 <= int(least) <= int(most) <= 16):
        raise BadInput(f"--bits must be LEAST:MOST between 2 and 16, not {bits!r}")
    widths = range(int(least), int(most) + 1)
    with progress("measuring", len(widths) ** 2 if table else None) as (bar, task):

        def show(point: Point, *_: int) -> None:
            bar.advance(task)
            note = f"{point.weight_bits} x {point.activation_bits} bits: {point.value:.4g}"
            bar.update(task, note=note)

        if table:
            points, best = sweep(model, widths, widths, on_point=show), None
        else:
            search_ = search_bits(model, None, max_loss / 100, widths, widths, widths, on_point=show)
            points, best = list(search_.points), search_.best
    metric = tasks.by_name(model.task).metric
    if not table and (best is None or search_.model is None):
        raise BadInput(f"no combination of {bits} bits loses at most {max_loss:g} % of {model.name}'s {metric}")
    if out_ is not None and not table and search_.model is not None:
        search_.model.save(out_)
    if as_json:
        rows = [vars(point) for point in points]
        print_json({"model": model.name, "metric": metric, "points": rows, "best": best and vars(best)})
    elif table:
        out.print(tables.bits_table(metric, points))
    elif best is not None:
        out.print(tables.points_table(metric, points, best))
        if out_ is not None:
            out.print(f"written to {escape(str(out_))}")


@app.command(rich_help_panel="Networks", short_help="Train a recipe with PyTorch, or go on with it.")
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe (TOML).")],
    run_folder: Annotated[Path | None, typer.Option("--run", help="Folder of the run; default runs/NAME.")] = None,
    out_: Annotated[Path, typer.Option("--out", help="Folder for the model and its card.")] = Path("results/models"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a recipe with PyTorch (extra `train`); the same command again resumes it.

    archsim train workloads/training/recipes/wp-lstm256-ternary.toml

    archsim train my.toml --device cuda --out models
    """
    try:
        from workloads.training.export import train_and_export
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise BadInput("archsim train needs PyTorch: pip install 'archsim[train]'") from None
    path = Path(recipe)
    folder = run_folder or Path("runs") / path.stem
    with progress(f"training {path.stem}", None) as (bar, task):
        card = train_and_export(
            path,
            folder,
            out_,
            device,
            lambda p: bar.update(
                task,
                total=p.epochs * p.batches,
                completed=p.epoch * p.batches + p.batch,
                note=f"epoch {p.epoch + 1}/{p.epochs}  loss {p.loss_bits:.3f} bits  {p.metric} {p.validation_loss:.3f}"
                f"  zeros {p.sparsity:.0%}",
            ),
        )
    out.print(tables.zoo_table([card]))
    out.print(f"written to {escape(str(out_))}")


@app.command(name="import", rich_help_panel="Networks", short_help="Your own model, from PyTorch or ONNX.")
def import_(
    path: Annotated[Path, typer.Argument(help="Safetensors or torch.save state dict, or ONNX.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Model file to write; default NAME.safetensors.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the model; default: of the file.")] = None,
    input_: Annotated[str, typer.Option("--input", help="vector or one_hot, where there is no embedding.")] = "vector",
    weights: Annotated[str, typer.Option(help="Format that weights are rounded to.")] = "float32",
    state_bits: Annotated[int | None, typer.Option(help="Fixed point of the states; default: float.")] = None,
    input_bits: Annotated[int | None, typer.Option(help="Fixed point of vectors that enter; default: float.")] = None,
    input_integer_bits: Annotated[int, typer.Option(help="Of those, before the point.")] = 0,
    embedding_weights: Annotated[str | None, typer.Option(help="Of the embedding; default: as the layers.")] = None,
    readout_weights: Annotated[str | None, typer.Option(help="Of the readout; default: as the layers.")] = None,
    output: Annotated[str | None, typer.Option(help="ONNX: the tensor that is the result.")] = None,
    recurrent: Annotated[
        list[str] | None, typer.Option(help="State dict: a recurrent module, from the input up (repeatable).")
    ] = None,
    embedding: Annotated[str | None, typer.Option(help="State dict: the embedding's module.")] = None,
    readout: Annotated[str | None, typer.Option(help="State dict: the readout's module.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="State dict: a tensor or module that is not part of it (repeatable).")
    ] = None,
    activation: Annotated[str, typer.Option(help="State dict: of an nn.RNN, tanh or relu.")] = "tanh",
    when: Annotated[str, typer.Option(help="State dict: readout at every_step or last_step.")] = "every_step",
    state_dict: Annotated[str | None, typer.Option(help="torch.save: path of the state dict in it.")] = None,
) -> None:
    """Your own model: from a PyTorch state dict, or from ONNX (extra `onnx`).

    archsim import mine.safetensors --ignore batch_norm --out models/mine.safetensors

    archsim import mine.onnx --weights fixed8 --state-bits 8 --input-bits 8 --input-integer-bits 2
    """
    for option, value, allowed in (
        ("--input", input_, ("vector", "one_hot")),
        ("--activation", activation, ("tanh", "relu")),
        ("--when", when, ("every_step", "last_step")),
    ):
        if value not in allowed:
            raise BadInput(f"{option} must be {' or '.join(allowed)}, not {value!r}")
    model = import_model(
        path,
        name,
        input_kind=input_,  # type: ignore[arg-type]
        formats=Formats(weights, embedding_weights, readout_weights),
        choices=Choices(
            recurrent=tuple(recurrent or ()),
            embedding=embedding,
            readout=readout,
            ignore=tuple(ignore or ()),
            activation=activation,  # type: ignore[arg-type]
            when=when,  # type: ignore[arg-type]
            state_dict=state_dict,
        ),
        output=output,
        note=lambda text: err.print(f"archsim: {escape(text)}", soft_wrap=True, highlight=False),
    )
    if state_bits is not None:
        model = model.with_bits(state_bits, input_bits, input_integer_bits)
    elif input_bits is not None or input_integer_bits:
        raise BadInput("--input-bits and --input-integer-bits need --state-bits")
    target = out_ or Path(f"{model.name}.safetensors")
    if target.resolve() == path.resolve():
        raise BadInput(f"--out: {target} is the file that is imported; name another")
    model.save(target)
    layers = ", ".join(f"{layer.cell} {layer.hidden}" for layer in model.config.layers)
    read = "no readout" if model.config.readout is None else f"readout of {model.config.readout.outputs}"
    what = f"{model.config.input.kind} of {model.config.input.width}, {layers}, {read}, {model.weight_bytes:,} bytes"
    out.print(f"{escape(str(target))}: {what}", soft_wrap=True)


@app.command(name="zoo", rich_help_panel="Networks", short_help="The shipped models, measured again with --verify.")
def zoo_(
    verify: Annotated[bool, typer.Option("--verify", help="Measure every test metric again, and compare.")] = False,
    only: Annotated[list[str] | None, typer.Argument(help="Models; default: all.")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Beside the papers' figures; what is missing.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as the README has it.")] = False,
    as_json: Json = False,
) -> None:
    """The shipped models; with --verify their test metric is measured again on the whole split.

    archsim zoo --published

    archsim zoo --verify wp-lstm256-ternary
    """
    if published:
        _published_networks(markdown, as_json)
        return
    names = only or list(zoo.ALL)
    if not verify:
        cards = [zoo.load_card(name) for name in names]
        if as_json:
            print_json([card.model_dump(mode="json") for card in cards])
        elif markdown:
            print(tables.zoo_markdown(cards))
        else:
            out.print(tables.zoo_table(cards))
        return
    results = []
    for name in names:
        with progress(name, None) as (bar, task):
            results.append(zoo.verify(name, lambda done, total: bar.update(task, completed=done, total=total)))
    if as_json:
        print_json([{**vars(result), "passed": result.passed} for result in results])
    else:
        rows = [
            (r.name, r.metric, f"{r.card_loss:.4f}", f"{r.measured_loss:.4f}", "ok" if r.passed else "DIFFERS")
            for r in results
        ]
        out.print(
            tables.figures("The whole test split", ("name", "metric", "card", "measured", ""), rows, text=("metric",))
        )
    if not all(result.passed for result in results):
        raise typer.Exit(1)


def _published_networks(markdown: bool, as_json: bool) -> None:
    found, missing = zoo_published.published(), zoo_published.untrained()
    if as_json:
        figures = [{**vars(f), "difference": f.difference} for f in found]
        print_json({"figures": figures, "untrained": [{**vars(u), "command": u.command} for u in missing]})
    elif markdown:
        print(tables.published_markdown(found))
    else:
        out.print(tables.published_networks(found, missing))


def main() -> None:
    """Entry point: bad input is a line a mistake and exit code 2, a machine that stands still a line and exit code 1,
    an interruption exit code 130."""
    try:
        app()
    except Deadlock as standstill:
        err.print(f"[red]archsim:[/] {escape(str(standstill))}", soft_wrap=True, highlight=False)
        sys.exit(1)
    except (BadInput, OSError) as problem:
        for line in _lines(problem):
            err.print(f"[red]archsim:[/] {escape(line)}", soft_wrap=True, highlight=False)
        sys.exit(2)


def _lines(problem: BadInput | OSError) -> tuple[str, ...]:
    """What to say of it: a line a mistake."""
    if isinstance(problem, BadInput):
        return problem.lines
    return (f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem),)


if __name__ == "__main__":
    main()
