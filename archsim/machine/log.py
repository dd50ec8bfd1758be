"""The type of a machine's event log."""

from collections.abc import Callable

Log = Callable[[int, str, str, int, int, int], None]
"""``log(cycle, component, event, step, block, column)``; column is -1 if the event concerns a whole burst or block.

Cycles never decrease within a component; across components they may. ``catalogue.Event`` defines the events."""
