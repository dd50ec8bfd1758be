"""What the commands share of the terminal: two consoles, the bar, JSON."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

out = Console()
err = Console(stderr=True)

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
