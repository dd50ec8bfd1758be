"""Dataflows: what stays in the PEs, and in which order columns are streamed past it. Each has a file of its own.

A new dataflow is one file and one line in `ALL`; a design selects it by name (``dataflow``).
"""

from archsim.mapping.dataflows.base import BlockUnits, Dataflow, Schedule, Shape
from archsim.mapping.dataflows.output_stationary import OutputStationary
from archsim.mapping.dataflows.weight_stationary import WeightStationary

ALL: tuple[Dataflow, ...] = (OutputStationary(), WeightStationary())
NAMES: tuple[str, ...] = tuple(each.name for each in ALL)
DEFAULT = "output-stationary"


def by_name(name: str) -> Dataflow:
    """The dataflow of that name. KeyError indicates a bug, since a design validates the name that it is given."""
    return {each.name: each for each in ALL}[name]


__all__ = ["ALL", "DEFAULT", "NAMES", "BlockUnits", "Dataflow", "Schedule", "Shape", "by_name"]
