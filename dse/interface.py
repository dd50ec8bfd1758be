"""The search as people call it from Python: a space in, tables and figures out."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import plotly.graph_objects as go
from rich.progress import Progress, TaskID

from dse import report, studies
from dse.cli.bars import progress
from dse.evaluation.models import Models
from dse.evaluation.workers import workers_for
from dse.exploration import study
from dse.exploration.enumerate import enumerate_space, front_alone
from dse.exploration.extend import Beginning
from dse.exploration.study import Phase, SearchProgress
from dse.results import store
from dse.results.store import Results
from dse.space.space import Space, load_space, parse_space

SpaceLike: TypeAlias = Space | Mapping[str, Any] | str | Path
"""A space, its keys as `dse.space.space` lists them, the name of a shipped study, or a TOML file."""

PHASES: dict[Phase, str] = {
    "search": "searching",
    "enumerate": "evaluating every point",
    "break down": "pricing every part",
    "confirm": "simulating the front",
    "test": "testing the front",
}


@dataclass(frozen=True)
class Search:
    """A finished search. All of it is in `folder` too, from which `load_search` reads it back."""

    folder: Path
    results: Results = field(repr=False)

    @property
    def space(self) -> Space:
        return self.results.space

    def to_frame(self) -> pd.DataFrame:
        """A row a trial, in the order in which they were drawn: parameters, every objective, `reason` where refused."""
        return self.results.trials.copy()

    def front(self) -> pd.DataFrame:
        """The rows of the Pareto front, the best of the first objective first, with the loss on the test split."""
        first = self.space.goals[0]
        return self.results.front.sort_values(first.name, ascending=first.direction == "minimize", ignore_index=True)

    def plot(self, x: str | None = None, y: str | None = None) -> go.Figure:
        """A Plotly figure of every feasible design by two objectives (by default the first two), the front above.

        BadInput where `x` or `y` is no objective.
        """
        first, second, *_ = self.space.goals
        across, up = (self.space.objective(name) for name in (x or first.name, y or second.name))
        trials = self.results.trials
        feasible = trials[trials["feasible"] & trials["distinct"]]
        figure = go.Figure()
        for name, rows in (("tried", feasible[~feasible["on_front"]]), ("front", feasible[feasible["on_front"]])):
            xs, ys = (rows[goal.name].map(goal.shown) for goal in (across, up))
            figure.add_scatter(x=xs, y=ys, mode="markers", name=name, hovertext=rows["model"])
        return figure.update_layout(
            title=self.space.title or self.space.name,
            xaxis={"title": across.axis, "type": "log" if across.logarithmic else "linear"},
            yaxis={"title": up.axis, "type": "log" if up.logarithmic else "linear"},
        )

    def write_report(self) -> Path:
        """The HTML report, written into the folder; its path."""
        return report.write_report(self.folder)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.space.name)}: the front</p>{self.front().to_html(index=False)}"


def search(
    space: SpaceLike,
    out: str | Path | None = None,
    *,
    models: Sequence[Mapping[str, Any]] = (),
    resume: bool = False,
    fresh: bool = False,
    workers: int = 1,
    warm_start: Sequence[str] = (),
    extend: str | Path | None = None,
    exact: bool | None = None,
) -> Search:
    """Search a space and write `out` (by default ``results/NAME``), with a bar where there is a terminal.

    `models`, where there are some, are entries that take the place of a study's own. `resume` carries on what was
    stopped, or a finished search with a larger budget; `fresh` measures every accuracy anew; `workers` processes
    measure them; `warm_start` names folders of earlier searches, or ``published``; every trial of the search in the
    folder `extend` is kept that fits the space. `exact`: the exact front alone, or not even beside what the sampler
    finds; None: beside it, where that takes no longer than a minute or two. BadInput has a line for each mistake in the
    space, and says where `out` holds another search.
    """
    asked = as_space(space, models)
    folder = Path("results") / asked.name if out is None else Path(out)
    begin = Beginning(resume, tuple(warm_start), None if extend is None else Path(extend))
    begin.check_with(exact)
    first, extended = begin.points(asked)
    with workers_for(workers, None) as crew, progress("measuring the models", asked.trials) as (bar, task):
        if exact:
            models_ = Models.of(asked, study.DEFAULT_CACHE, crew)
            asked, first = front_alone(enumerate_space(asked, folder / "exact", models_, None, crew), asked)
        show = shown(asked, bar, task)
        study.search(
            asked, folder, resume, show, fresh=fresh, workers=crew, first=first, extended=extended, exact=exact is None
        )
    return load_search(folder)


def load_search(folder: str | Path) -> Search:
    """A finished search from its folder; BadInput names what is missing or not whole."""
    return Search(Path(folder), store.read(Path(folder)))


def as_space(given: SpaceLike, models: Sequence[Mapping[str, Any]] = ()) -> Space:
    """A space of `given`, with `models` in place of its own where there are some."""
    if isinstance(given, str | Path):
        return load_space(studies.path(given), models)
    if isinstance(given, Space) and not models:
        return given
    tree = given.model_dump() if isinstance(given, Space) else dict(given)
    return parse_space({**tree, "models": list(models)} if models else tree, str(tree.get("name", "space")))


def shown(space: Space, bar: Progress, task: TaskID) -> study.OnProgress:
    """What draws the progress of a search on a bar: each of its phases has a pace of its own."""

    def show(p: SearchProgress) -> None:
        accuracies = f"accuracies {p.model_evaluations}, " if space.task else ""
        note = f"{accuracies}front {p.front_size}"
        phase = PHASES[p.phase] if p.done or p.phase != "search" else "measuring the models"
        if bar.tasks[task].description != phase:
            bar.reset(task, description=phase, total=p.total)
        bar.update(task, completed=p.done, total=p.total, note=note)

    return show
