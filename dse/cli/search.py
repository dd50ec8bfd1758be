"""Commands about many designs: demo, search, enumerate, compare, view.

What they need beside the simulator (Optuna, pandas, SQLAlchemy, Plotly) takes half a second to load: each command loads
its own when it is called, so that the others need not wait.
"""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from dse.cli.options import Json, Scheduler, StudyArgument
from dse.cli.terminal import print_json, say


def demo(
    out_: Annotated[Path, typer.Option("--out", help="Folder of results.")] = Path("results/demo"),
    as_json: Json = False,
) -> None:
    """The main job on shipped models and text: search, confirm, report.

    archsim demo

    archsim demo --out results/again
    """
    from dse.cli.searching import demonstrate

    demonstrate(out_, as_json)


def search(
    study: StudyArgument,
    out_: Annotated[Path | None, typer.Option("--out", help="Folder of results; default results/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a search in that folder stopped.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure every accuracy anew, whatever is cached.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, envvar="ARCHSIM_WORKERS", help="Processes here that measure accuracies; default: one a core."
        ),
    ] = None,
    scheduler: Scheduler = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Model to search with instead of the study's (repeatable).")
    ] = None,
    weight_bits: Annotated[str | None, typer.Option(help="With --model: in integers of these bits, as 3,4,8.")] = None,
    activation_bits: Annotated[str | None, typer.Option(help="The same of activations and states.")] = None,
    warm_start: Annotated[
        list[str] | None, typer.Option(help="Begin with the front of an earlier search (folder), or with: published.")
    ] = None,
    extend: Annotated[
        Path | None, typer.Option(help="Keep every trial of an earlier search (folder) that fits this space.")
    ] = None,
    stop_after_still: Annotated[
        int | None, typer.Option(min=1, help="End where so many trials let the hypervolume grow by 0.1 % at most.")
    ] = None,
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--no-exact",
            help="No sampler: every point is evaluated, and the front is exact; or not even beside the search.",
            show_default="beside the search, of up to 10,000,000 points",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Search a space of models and designs for its Pareto front.

    archsim search demo --out results/demo2

    archsim search own --model mine.safetensors --weight-bits 3,4,8 --activation-bits 4,8
    """
    from dse.cli.searching import own_models, search_study
    from dse.exploration.extend import Beginning

    own = own_models(model or (), weight_bits, activation_bits)
    begin = Beginning(resume, tuple(warm_start or ()), extend)
    search_study(study, out_, begin, fresh, workers, scheduler, own, stop_after_still, exact, as_json)


def enumerate_(
    study: StudyArgument,
    out_: Annotated[Path | None, typer.Option("--out", help="Folder; default results/NAME/exact.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes here that evaluate points.")] = 1,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Evaluate every point of a space: its front is then exact. Stopped and run again, it goes on.

    archsim enumerate exact

    archsim enumerate my-study.toml --out results/mine/exact --workers 4 --json
    """
    from dse.cli.searching import enumerate_study

    enumerate_study(study, out_, workers, scheduler, as_json)


def compare_(
    study: StudyArgument,
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
    from dse.cli.searching import compare_samplers

    compare_samplers(study, samplers, seeds, out_, workers, as_json)


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
    from dse.cli.searching import view_report

    report = view_report(runs, out_)
    if as_json:
        print_json({"report": str(report)})
    else:
        say(str(report))
    if open_:
        webbrowser.open(report.resolve().as_uri())
