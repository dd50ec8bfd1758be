"""The event log of a machine."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

Log = Callable[[int, str, str, int, int, int], None]
"""``log(cycle, component, event, step, block, column)``; column is -1 where a whole burst or block is meant.

Cycles never fall within one component; across components they may. What the events mean: ``timeline``."""
