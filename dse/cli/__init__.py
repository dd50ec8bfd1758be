"""The command line: the one place that knows every part. A module a panel of `archsim --help`."""

import sys

import typer
from rich.markup import escape

from archsim.machine import Deadlock
from archsim.trace import BadInput
from dse.cli import listing, networks, search, simulate, traces
from dse.cli.terminal import err

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
for module in (simulate, search, listing, networks):
    app.add_typer(module.app)
app.add_typer(traces.app, name="trace", rich_help_panel=networks.PANEL)


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
