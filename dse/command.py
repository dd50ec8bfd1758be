"""The command that runs a point of a search again, word by word: `archsim run` of its design on the trace it ran."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from dse.space import Setting, Space


def command(space: Space, trace: Path, overrides: Mapping[str, Setting]) -> str:
    """Of the design that `overrides` make of the base, on the trace in that file."""
    return " ".join((head(space), shlex.quote(str(trace)), settings(overrides), tail(space)))


def head(space: Space) -> str:
    """Up to the trace."""
    return shlex.join(("archsim", "run", "--design", space.base, "--workload"))


def settings(overrides: Mapping[str, Setting]) -> str:
    """What is set on the base design."""
    return shlex.join(word for path, value in overrides.items() for word in ("--set", f"{path}={_literal(value)}"))


def tail(space: Space) -> str:
    """What of the model is run, and for how long."""
    return shlex.join(("--scope", space.scenario.scope, "--steps", str(space.scenario.steps)))


def _literal(value: Setting) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{v}"' for v in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
