"""What the commands about many designs do: a module that loads Optuna, pandas, SQLAlchemy and Plotly."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from archsim.cores import cores
from archsim.costs.clock import extra_stages
from archsim.errors import BadInput
from dse import report as report_
from dse import studies
from dse.cli.bars import progress
from dse.cli.tables.searches import comparison_report, enumeration_report, search_summary
from dse.cli.terminal import complain, note, notes, out, print_json
from dse.evaluation.models import Models
from dse.evaluation.workers import Workers, workers_for
from dse.exploration.compare import SamplerRun, compare, parse_budgets
from dse.exploration.enumerate import Enumeration, EnumerationProgress, enumerate_space, front_alone
from dse.exploration.extend import Beginning
from dse.exploration.study import DEFAULT_CACHE, search
from dse.interface import shown
from dse.results import clocks, store
from dse.results.result import Extended, SearchResult
from dse.space.space import Space, load_space
from dse.space.specs import Value


def demonstrate(folder: Path, as_json: bool) -> None:
    """Search the shipped study, with every accuracy measured now."""
    space = load_space(studies.path("demo"))
    store.clear(folder, space.name)
    notes.print(
        "Searching accelerators for ten trained LSTMs (War and Peace; 256 and 512 units; 8-bit, exponential, ternary, "
        "power-of-two ternary, binary; with and without a pruned state). Every accuracy is measured on the text now, "
        "every design simulated on what its model really did; the best designs are then simulated again, event by "
        "event."
    )
    with workers_for(cores(), None) as workers:
        _search(space, folder, workers, fresh=True, as_json=as_json)


def search_study(
    study: str,
    folder: Path | None,
    begin: Beginning,
    fresh: bool,
    processes: int | None,
    scheduler: str | None,
    own: Sequence[Mapping[str, Any]],
    stop_after_still: int | None,
    exact: bool | None,
    as_json: bool,
) -> None:
    """Search a space, or go on where a search of it stopped; with `own` entries of models in place of the study's.

    `exact`: its exact front instead, or not beside what the sampler finds; None: beside it, where it is soon known.
    """
    space = load_space(studies.path(study), own)
    if stop_after_still is not None:
        space = space.model_copy(update={"stop_after_still": stop_after_still})
    begin.check_with(exact)
    first, extended = begin.points(space)
    folder = folder or Path("results") / space.name
    with workers_for(processes or (1 if scheduler else cores()), scheduler, note) as workers:
        if exact:
            space, first = front_alone(_enumerate(space, folder / "exact", workers), space)
        _search(space, folder, workers, begin.resume, fresh, as_json, first, extended, exact is None)


def own_models(names: Sequence[str], weights: str | None, activations: str | None) -> list[dict[str, Any]]:
    """Entries of `models` in a study: each name as it is, or in integers of every combination of bits."""
    if (weights is None) != (activations is None):
        given, missing = ("--weight-bits", "--activation-bits")[:: 1 if weights else -1]
        raise BadInput(f"{given} goes with {missing}, which is missing")
    if weights is None or activations is None:
        return [{"name": name} for name in names]
    if not names:
        raise BadInput("--weight-bits and --activation-bits go with --model; a study says its own")
    bits = {"weights": _numbers("--weight-bits", weights), "activations": _numbers("--activation-bits", activations)}
    return [{"name": name, "ptq": bits} for name in names]


def _numbers(option: str, given: str) -> list[int]:
    parts = [part.strip() for part in given.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise BadInput(f"{option} must be numbers with commas between, such as 3,4,8, not {given!r}")
    return [int(part) for part in parts]


def _search(
    space: Space,
    folder: Path,
    workers: Workers,
    resume: bool = False,
    fresh: bool = False,
    as_json: bool = False,
    first: Sequence[Mapping[str, Value]] = (),
    extended: Extended | None = None,
    beside: bool = False,
) -> None:
    """`beside`: the exact front is found too."""
    with progress("measuring the models", space.trials) as (bar, task):
        try:
            result = search(
                space,
                folder,
                resume,
                shown(space, bar, task),
                fresh=fresh,
                workers=workers,
                first=first,
                extended=extended,
                exact=beside,
            )
        except KeyboardInterrupt:
            bar.stop()
            complain(f"stopped; {folder} keeps its trials, --resume goes on")
            raise typer.Exit(130) from None
    report = report_.write_report(folder)
    if as_json:
        print_json(_summary(result, space, report))
    else:
        out.print(search_summary(result, space, report))


def _summary(result: SearchResult, space: Space, report: Path) -> dict[str, Any]:
    return {
        "folder": str(result.folder),
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
        "stood_still": result.stood_still,
        "extended": result.extended and asdict(result.extended),
        "energy_not_counted": list(space.not_counted),
        "front": [
            {
                "command": p.command,
                "test_loss": p.test_loss,
                "on_front_at": result.stays(p),
                clocks.COLUMN: extra_stages(p.evaluation.design),
                **p.trial.outcome.values,
            }
            for p in result.front
        ],
    }


def enumerate_study(study: str, folder: Path | None, processes: int, scheduler: str | None, as_json: bool) -> None:
    """Evaluate every point of a space."""
    space = load_space(studies.path(study))
    began = time.monotonic()
    with workers_for(processes, scheduler, note) as workers:
        found = _enumerate(space, folder or Path("results") / space.name / "exact", workers)
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
                "clock": clocks.in_words(found.front[clocks.COLUMN].tolist()),
                "energy_not_counted": list(found.space.not_counted),
            }
        )
    else:
        out.print(enumeration_report(found))


def _enumerate(space: Space, folder: Path, workers: Workers) -> Enumeration:
    space.check_data()
    with progress("measuring the models", None) as (bar, task):

        def show(p: EnumerationProgress) -> None:
            front = f"front {p.front}"
            bar.update(task, description="enumerating", completed=p.done, total=p.total, note=front)

        return enumerate_space(space, folder, Models.of(space, DEFAULT_CACHE, workers), show, workers)


def compare_samplers(study: str, samplers: str, seeds: int, out_: Path | None, processes: int, as_json: bool) -> None:
    """Enumerate a space, then search it with each sampler and seed."""
    space, budgets = load_space(studies.path(study)), parse_budgets(samplers)
    folder = out_ or Path("results") / space.name
    with workers_for(processes, None) as workers:
        exact = _enumerate(space, folder / "exact", workers)
        with progress("searching", len(budgets) * seeds) as (bar, task):

            def done(run: SamplerRun) -> None:
                bar.update(task, advance=1, note=run.name)

            found = compare(exact, folder / "compare", budgets, range(1, seeds + 1), space.population, workers, done)
    page = report_.write(report_.comparison_page(folder), folder / "compare" / report_.NAME)
    if as_json:
        print_json(found.model_dump(mode="json") | {"page": str(page)})
    else:
        out.print(comparison_report(found, exact, page))


def view_report(runs: Sequence[Path], out_: Path | None) -> Path:
    """Build the report of a search, or of several searches and runs; the file that it is in."""
    alone = len(runs) == 1 and runs[0].is_dir()
    with progress("building the report", None):
        return report_.write(report_.view_page(runs), out_ or (runs[0] if alone else Path()) / report_.NAME)
