"""Tasks: a data set, its splits and its metric. A new one is one file and one line in ``ALL``."""

from archsim.trace import BadInput
from workloads.tasks.char_lm import TINY_SHAKESPEARE, WAR_AND_PEACE, CharLM

ALL: tuple[CharLM, ...] = (WAR_AND_PEACE, TINY_SHAKESPEARE)


def by_name(name: str) -> CharLM:
    """The task called `name`; BadInput lists those there are."""
    for task in ALL:
        if task.name == name:
            return task
    raise BadInput(f"task must be one of {', '.join(t.name for t in ALL)}, not {name!r}")


__all__ = ["ALL", "CharLM", "by_name"]
