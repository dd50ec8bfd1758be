"""Dataflows: which rows the PEs hold at a time, and in which order columns come to them. One file each.

A new dataflow is one file and one line in `ALL`; a design names it (``dataflow``).
"""

from archsim.mapping.dataflows.base import BlockUnits, Dataflow, Schedule
from archsim.mapping.dataflows.output_stationary import OutputStationary

ALL: tuple[Dataflow, ...] = (OutputStationary(),)
NAMES: tuple[str, ...] = tuple(each.name for each in ALL)
DEFAULT = "output-stationary"


def by_name(name: str) -> Dataflow:
    """The dataflow of a design: its name has been checked there, so that KeyError means a mistake in the program."""
    return {each.name: each for each in ALL}[name]


__all__ = ["ALL", "DEFAULT", "NAMES", "BlockUnits", "Dataflow", "Schedule", "by_name"]
