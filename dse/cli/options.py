"""Options that several commands take, and those whose value is one of a few words."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from archsim.errors import BadInput
from archsim.mapping.plan import RUN_SCOPES, RunScope
from workloads.state_pruning import CONSUMERS


def one_of(name: str, words: Any) -> dict[str, Any]:
    """Settings of an option or argument of the `Literal` type `words`: another word is a mistake in one line."""
    return _checked(get_args(words), f"{name} must be one of {', '.join(get_args(words))}")


def either(option: str, words: Any) -> dict[str, Any]:
    """The same where there are two words."""
    return _checked(get_args(words), f"{option} must be {' or '.join(get_args(words))}")


def _checked(words: tuple[str, ...], rule: str) -> dict[str, Any]:
    """Typer takes the text as it is: it would say itself what is wrong, on six lines of a box."""

    def check(given: str | None) -> str | None:
        if given is not None and given not in words:
            raise BadInput(f"{rule}, not {given!r}")
        return given

    return {"parser": _text, "callback": check, "show_choices": False}


def _text(given: str) -> str:
    return given


Json = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]
DesignOption = Annotated[str, typer.Option(help="A shipped design, or a TOML file.")]
DesignArgument = Annotated[str, typer.Argument(help="A shipped design, or a TOML file.")]
WorkloadOption = Annotated[str, typer.Option(help="A zoo model, a model file, or a trace (.npz).")]
Lanes = Annotated[int | None, typer.Option(min=1, help="Sequences side by side; default: the design's.")]
Scope = Annotated[
    RunScope,
    typer.Option(help=f"What is run: {' or '.join(RUN_SCOPES)} (no readout).", **one_of("scope", RunScope)),
]
Threshold = Annotated[float | None, typer.Option(help="State threshold instead of the trained one.")]
PrunedFor = Annotated[
    list[str] | None,
    typer.Option("--for", help=f"What reads h pruned, of {', '.join(CONSUMERS)} (repeatable); default: as before."),
]
TaskOption = Annotated[str | None, typer.Option("--task", help="A task, or your own (TOML), instead of the model's.")]
OwnCosts = Annotated[
    Path | None, typer.Option("--costs", help="Your own figures instead of some of the shipped ones (TOML).")
]
Raw = Annotated[
    bool, typer.Option("--raw", help="Normalise --inputs first, as the data that the model was trained on.")
]
BatchFirst = Annotated[
    bool,
    typer.Option("--batch-first", help="Inputs are (sequences, steps, ...), not (steps, sequences, ...)."),
]
StudyArgument = Annotated[str, typer.Argument(help="A study (TOML), or one that is shipped.")]
Scheduler = Annotated[str | None, typer.Option(help="Dask cluster that does, by its scheduler's address.")]


def overrides(example: str) -> Any:
    """The option `--set`, with an example that suits the command."""
    return typer.Option("--set", help=f"Override, e.g. {example} (repeatable).")
