"""The commands put together, and how the whole program ends."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from archsim.errors import BadInput, Deadlock
from dse.cli.terminal import complain, notes

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Simulate": {
        "run": ("simulate.run", "Simulate one design on one workload: cycles, energy, area."),
        "stream": ("analyses.stream", "A stream: slack, energy, the least DRAM and SRAM that hold it."),
        "fit": ("analyses.fit_", "Formats against on-chip SRAM: where a model begins to fit."),
        "explain": ("analyses.explain", "Every cost figure of a design, with its source."),
        "validate": ("analyses.validate_", "The published hardware figures beside ours."),
        "diff": ("analyses.diff_", "What changed between two runs, by component."),
        "rtl": ("rtl.rtl_", "A design as Verilog that runs, checked cycle for cycle."),
    },
    "Search": {
        "demo": ("search.demo", "A whole search on shipped models and text, in minutes."),
        "search": ("search.search", "Search a space of models and designs for its Pareto front."),
        "enumerate": ("search.enumerate_", "Every point of a space: its exact front."),
        "compare": ("search.compare_", "Samplers over seeds, against the exact front."),
        "view": ("search.view", "The report of a search, or of several side by side."),
    },
    "Networks": {
        "list": ("listing.list_", "What is shipped: designs, models, tasks, cells, formats."),
        "train": ("train.train", "Train a recipe with PyTorch, or go on with it."),
        "import": ("importing.import_", "Your own model, from PyTorch, ONNX or Keras."),
        "prune": ("networks.prune", "State thresholds that leave so many zeros, untrained."),
        "sparsity": ("networks.sparsity", "What zeros in the state cost in accuracy, and gain in speed."),
        "evaluate": ("evaluating.evaluate", "Accuracy on a task: the model's, or your own data."),
        "ptq": ("ptq.ptq", "Integers only, after training: the fewest bits within a loss."),
        "zoo": ("zoo.zoo_", "The shipped models, measured again with --verify."),
        "trace": ("traces.app", "Make and look at traces."),
    },
}
"""By panel of `archsim --help` and by name: what is called, in which module of `dse.cli`, and the line about it."""


class Command(TyperCommand):
    """A command as `archsim --help` shows it. Its module is imported once it is called: some take a second to load."""

    def __init__(self, panel: str, name: str, home: str, line: str) -> None:
        super().__init__(name, help=line, rich_help_panel=panel)
        self._home = home

    @cached_property
    def called(self) -> Any:
        """The command itself, with its options, or the group of commands (of the click that Typer carries)."""
        module, _, name = self._home.rpartition(".")
        found = getattr(import_module(f"dse.cli.{module}"), name)
        if isinstance(found, typer.Typer):
            return get_command(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
        alone.command(self.name)(found)
        return get_command(alone)

    def make_context(self, *args: Any, **options: Any) -> Any:
        called = self.called
        if not gc.isenabled():  # `dse.cli.main` has it off while modules are loaded
            gc.freeze()
            gc.enable()
        return called.make_context(*args, **options)


class _Unused(ModuleType):
    """A module of which names are imported and nothing is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@contextmanager
def _unused(*names: str) -> Iterator[None]:
    """What is imported meanwhile gets no more than the names of these modules, unless they are loaded already."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update((name, _Unused(name)) for name in absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


class Commands(TyperGroup):
    """All commands, in the order in which `archsim --help` shows them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for panel, commands in COMMANDS.items():
            for name, (home, line) in commands.items():
                self.add_command(Command(panel, name, home, line))

    def format_help(self, *args: Any) -> None:
        with _unused("rich.markdown", "rich.traceback"):  # a quarter of the time; no help text here is Markdown
            import typer.rich_utils  # noqa: F401
        super().format_help(*args)


app = typer.Typer(
    name="archsim",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


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
