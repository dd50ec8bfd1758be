"""What the clocks of a front take: pipeline stages beyond those that its designs state, or what no circuit can be."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from archsim.costs.clock import extra_stages
from archsim.design import Design

COLUMN = "extra_stages"
"""Column of a front's table: not a number where no number of pipeline stages or banks meets the clock."""


def column(designs: Iterable[Design]) -> list[float]:
    """`COLUMN` of a front, a value a design."""
    return [math.nan if (extra := extra_stages(design)) is None else float(extra) for design in designs]


def in_words(extra: Sequence[float]) -> tuple[str, ...]:
    """What is to be said of a front's `COLUMN`, a line each; nothing where every clock is met."""
    return tuple(said for said in (more_stages(extra), impossible(extra)) if said)


def more_stages(extra: Sequence[float]) -> str:
    """How many points of a front need more stages than their designs state, and how many more; empty if none do."""
    needed = Counter(int(each) for each in extra if each > 0)
    if not needed:
        return ""
    how = ", ".join(f"{points} need {more}" for more, points in sorted(needed.items()))
    return (
        f"Clock: {needed.total()} of {len(extra)} points of the front need more pipeline stages than their designs "
        f"state ({how}); area, energy and time include them."
    )


def impossible(extra: Sequence[float]) -> str:
    """How many points of a front have a clock that no circuit can reach; empty if none has."""
    points = sum(math.isnan(each) for each in extra)
    if not points:
        return ""
    return (
        f"Clock: {points} of {len(extra)} points of the front have a clock that no number of pipeline stages or banks "
        "reaches (clock_reachable = false): no circuit can be built like that."
    )
