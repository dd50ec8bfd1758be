"""The bar that shows how far a command is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dse.cli.terminal import notes


class _Pace(ProgressColumn):
    """Done a second, as soon as that is known; seconds a piece where that says more."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")


class _Done(MofNCompleteColumn):
    """How many of how many, where that is known."""

    def render(self, task: Task) -> Text:
        return Text("") if task.total is None and not task.completed else super().render(task)


class _Time(ProgressColumn):
    """Time left, or the time that it has taken while the end is not known."""

    def __init__(self) -> None:
        super().__init__()
        self._left, self._elapsed = TimeRemainingColumn(compact=True), TimeElapsedColumn()

    def render(self, task: Task) -> Text:
        if task.time_remaining is None:
            return self._elapsed.render(task)
        return self._left.render(task) + Text(" left")


class _Bars(Progress):
    """Each bar with its note on a line of its own: beside it, 80 columns are too few."""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["note"]:
                yield Text(f"  {task.fields['note']}", style="dim", no_wrap=True, overflow="ellipsis")


@contextmanager
def progress(description: str, total: int | None) -> Iterator[tuple[Progress, TaskID]]:
    """A bar on standard error, with pace and time left: silent when that is no terminal, and with `--quiet`."""
    with _Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        _Done(),
        _Pace(),
        _Time(),
        console=notes,
        transient=True,
        disable=notes.quiet or not notes.is_interactive,
    ) as bar:
        yield bar, bar.add_task(description, total=total, note="")


@contextmanager
def steps_of(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """The same for what says only how many steps are done."""
    with progress(description, total) as (bar, task):
        yield lambda done: bar.update(task, completed=done)
