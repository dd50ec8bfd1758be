"""The commands put together, and how the whole program ends."""

import sys
from typing import Annotated

import typer

from archsim.errors import BadInput
from archsim.machine.assembly import Deadlock
from dse.cli import evaluating, importing, listing, networks, ptq, rtl, search, simulate, traces, train, zoo
from dse.cli.terminal import complain, notes

app = typer.Typer(
    name="archsim",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (simulate, rtl, search, listing, train, importing, networks, evaluating, ptq, zoo):
    app.add_typer(module.app)
app.add_typer(traces.app, name="trace", rich_help_panel=networks.PANEL)


@app.callback()
def everywhere(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Results and mistakes only: no progress.")] = False,
) -> None:
    """Trained LSTMs and GRUs on simulated accelerators: speed, energy, area.

    First  [bold]archsim demo[/]; then [bold]archsim COMMAND --help[/]: two examples each.
    Exit   0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    notes.quiet = quiet


def answer() -> None:
    """Run the command that was called.

    Bad input is a line a mistake and exit code 2, a machine that stands still a line and exit code 1, an interruption
    exit code 130.
    """
    try:
        app()
    except Deadlock as standstill:
        complain(str(standstill))
        sys.exit(1)
    except (BadInput, OSError) as problem:
        for line in _lines(problem):
            complain(line)
        sys.exit(2)


def _lines(problem: BadInput | OSError) -> tuple[str, ...]:
    """What to say of it: a line a mistake."""
    if isinstance(problem, BadInput):
        return problem.lines
    return (f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem),)
