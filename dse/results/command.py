"""The command that runs a point of a search again: `archsim run` (for a stream `archsim stream`) with its design and
the trace that it ran."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from dse.space.space import Setting, Space


def command(space: Space, trace: Path, overrides: Mapping[str, Setting]) -> str:
    """Runs the design that `overrides` make of the base on the trace in that file."""
    return " ".join((head(space), shlex.quote(str(trace)), settings(overrides), tail(space)))


def head(space: Space) -> str:
    """Up to the trace."""
    verb = "run" if space.scenario.kind == "batch" else "stream"
    return shlex.join(("archsim", verb, "--design", space.base, "--workload"))


def settings(overrides: Mapping[str, Setting]) -> str:
    """What is set on the base design."""
    return shlex.join(word for path, value in overrides.items() for word in ("--set", f"{path}={_literal(value)}"))


def tail(space: Space) -> str:
    """What of the model is run, for how long, and of a stream how often and by when."""
    scenario = space.scenario
    words = ["--scope", scenario.scope, "--steps", str(scenario.steps)]
    if scenario.kind == "streaming":
        words += ["--period", str(scenario.period_us), "--deadline", str(scenario.due_us)]
    return shlex.join(words)


def _literal(value: Setting) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{v}"' for v in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
