"""The event log of a machine."""

from collections.abc import Callable

Log = Callable[[int, str, str, int, int, int], None]
"""``log(cycle, component, event, step, block, column)``; column is -1 where a whole burst or block is meant.

Cycles never fall within one component; across components they may. ``catalogue.Event`` says what the events mean."""
