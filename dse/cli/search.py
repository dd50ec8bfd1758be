"""Commands about many designs: demo, search, enumerate, compare, view.

What they need beside the simulator (Optuna, pandas, SQLAlchemy, Plotly) takes half a second to load: each command loads
its own when it is called, so that the others need not wait.
"""

import os
import time
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.errors import BadInput
from dse import studies
from dse.cli import tables
from dse.cli.terminal import Json, complain, notes, out, print_json, progress, say

if TYPE_CHECKING:
    from dse.evaluation.workers import Workers
    from dse.search.compare import Run
    from dse.search.enumerate import Enumeration
    from dse.search.enumerate import Progress as EnumerationProgress
    from dse.search.study import Phase
    from dse.search.study import Progress as SearchProgress
    from dse.space.space import Space, Value

PANEL = "Search"
app = typer.Typer()

PHASES: "dict[Phase, str]" = {
    "search": "searching",
    "break down": "pricing every part",
    "confirm": "simulating the front",
    "test": "testing the front",
}


@app.command(rich_help_panel=PANEL, short_help="A whole search on shipped models and text, in minutes.")
def demo(
    out_: Annotated[Path, typer.Option("--out", help="Folder of results.")] = Path("results/demo"),
    as_json: Json = False,
) -> None:
    """The main job on shipped models and text: search, confirm, report.

    archsim demo

    archsim demo --out results/again
    """
    from dse.evaluation.workers import workers_for
    from dse.results import store
    from dse.space.space import load_space

    space = load_space(studies.path("demo"))
    store.clear(out_, space.name)
    notes.print(
        "Searching accelerators for ten trained LSTMs (War and Peace; 256 and 512 units; 8-bit, exponential, ternary, "
        "power-of-two ternary, binary; with and without a pruned state). Every accuracy is measured on the text now, "
        "every design simulated on what its model really did; the best designs are then simulated again, event by "
        "event."
    )
    with workers_for(os.cpu_count() or 1, None) as workers:
        _search(space, out_, workers, fresh=True, as_json=as_json)


@app.command(rich_help_panel=PANEL)
def search(
    study: Annotated[str, typer.Argument(help="A study (TOML), or one that is shipped.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Folder of results; default results/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a search in that folder stopped.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure every accuracy anew, whatever is cached.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes here that measure accuracies.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Dask cluster that does, by its scheduler's address.")] = None,
    warm_start: Annotated[
        list[str] | None, typer.Option(help="Begin with the front of an earlier search (folder), or with: published.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search a space of models and designs for its Pareto front.

    archsim search demo --out results/demo2

    archsim search my-study.toml --workers 4 --resume
    """
    from dse.evaluation.workers import workers_for
    from dse.search.warm import warm_points
    from dse.space.space import load_space

    space = load_space(studies.path(study))
    if resume and warm_start:
        raise BadInput("--warm-start: a search that is resumed has begun already")
    first = warm_points(space, warm_start or [])
    with workers_for(workers, scheduler) as crew:
        _search(space, out_ or Path("results") / space.name, crew, resume, fresh, as_json, first)


def _search(
    space: "Space",
    folder: Path,
    workers: "Workers",
    resume: bool = False,
    fresh: bool = False,
    as_json: bool = False,
    first: "Sequence[Mapping[str, Value]]" = (),
) -> None:
    from dse import report as report_
    from dse.search.study import search as run_search

    with progress("measuring the models", space.trials) as (bar, task):

        def show_progress(p: "SearchProgress") -> None:
            note = f"accuracies {p.model_evaluations}, front {p.front_size}"
            phase = PHASES[p.phase] if p.done or p.phase != "search" else "measuring the models"
            if bar.tasks[task].description != phase:  # each phase has a pace of its own
                bar.reset(task, description=phase, total=p.total)
            bar.update(task, completed=p.done, total=p.total, note=note)

        try:
            result = run_search(space, folder, resume, show_progress, fresh=fresh, workers=workers, first=first)
        except KeyboardInterrupt:
            bar.stop()
            complain(f"stopped; {folder} keeps its trials, --resume goes on")
            raise typer.Exit(130) from None
    report = report_.write_report(folder)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "report": str(report),
                "trials": len(result.trials),
                "distinct_points": result.distinct_points,
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


@app.command(name="enumerate", rich_help_panel=PANEL, short_help="Every point of a space: its exact front.")
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
    from dse.evaluation.workers import workers_for
    from dse.space.space import load_space

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


def _enumerate(space: "Space", folder: Path, workers: "Workers") -> "Enumeration":
    from dse.evaluation.models import Models
    from dse.search.enumerate import enumerate_space
    from dse.search.study import DEFAULT_CACHE

    space.check_data()
    with progress("measuring the models", None) as (bar, task):

        def show(p: "EnumerationProgress") -> None:
            note = f"front {p.front}"
            bar.update(task, description="enumerating", completed=p.done, total=p.total, note=note)

        return enumerate_space(space, folder, Models(DEFAULT_CACHE, space.scenario, workers), show, workers)


@app.command(name="compare", rich_help_panel=PANEL, short_help="Samplers over seeds, against the exact front.")
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
    from dse import report as report_
    from dse.evaluation.workers import workers_for
    from dse.search.compare import compare, parse_budgets
    from dse.space.space import load_space

    space, budgets = load_space(studies.path(study)), parse_budgets(samplers)
    folder = out_ or Path("results") / space.name
    with workers_for(workers, None) as crew:
        exact = _enumerate(space, folder / "exact", crew)
        with progress("searching", len(budgets) * seeds) as (bar, task):

            def done(run: "Run") -> None:
                bar.update(task, advance=1, note=run.name)

            found = compare(exact, folder / "compare", budgets, range(1, seeds + 1), space.population, crew, done)
    page = report_.write(report_.comparison_page(folder), folder / "compare" / report_.NAME)
    if as_json:
        print_json(found.model_dump(mode="json") | {"page": str(page)})
    else:
        out.print(tables.comparison_report(found, page))


@app.command(rich_help_panel=PANEL, short_help="The report of a search, or of several side by side.")
def view(
    runs: Annotated[list[Path], typer.Argument(help="Folders of searches, or files of `archsim run --json`.")],
    out_: Annotated[
        Path | None, typer.Option("--out", help="File to write; default: report.html in the folder, or here.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = True,
    as_json: Json = False,
) -> None:
    """Build the report of a search, or of several searches and runs side by side, and open it.

    archsim view results/demo

    archsim view one.json other.json --no-open --out compared.html
    """
    from dse import report as report_

    alone = len(runs) == 1 and runs[0].is_dir()
    with progress("building the report", None):
        report = report_.write(report_.view_page(runs), out_ or (runs[0] if alone else Path()) / report_.NAME)
    if as_json:
        print_json({"report": str(report)})
    else:
        say(str(report))
    if open_:
        webbrowser.open(report.resolve().as_uri())
