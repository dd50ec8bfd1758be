"""What the commands share of the terminal: consoles, JSON, names shown as they are."""

import json

from rich.console import Console

from dse.cli.tables.layout import literal

out = Console()
"""Results."""
err = Console(stderr=True)
"""Mistakes, whatever `--quiet` says."""
notes = Console(stderr=True)
"""Progress, and what is good to know meanwhile: what `--quiet` silences."""


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))


def say(text: str) -> None:
    """A line of result in plain text, names as they are; never wrapped, so that a path can be copied."""
    out.print(literal(text), soft_wrap=True, highlight=False)


def note(text: str) -> None:
    """What is good to know meanwhile, in one line; with `--quiet` nothing."""
    notes.print(literal(text), soft_wrap=True, highlight=False)


def complain(text: str) -> None:
    """A mistake, in one line."""
    err.print(f"[red]archsim:[/] {literal(text)}", soft_wrap=True, highlight=False)
