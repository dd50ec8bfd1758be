"""What a dataflow decides about a stage, and what a planner asks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archsim.mapping.plan import Stage
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div


@dataclass(frozen=True)
class BlockUnits:
    """The units of one block, and how their rows lie in the PEs."""

    units: int
    unit_by_unit: bool
    """A PE owns whole units; else rows are dealt out to the PEs one by one."""

    def rows_of_a_pe(self, rows_per_unit: int, pes: int) -> int:
        """Rows that the busiest of `pes` PEs has, where a column feeds `rows_per_unit` rows of each unit: the cycles
        that the column takes there."""
        if self.unit_by_unit:
            return rows_per_unit * ceil_div(self.units, pes)
        return ceil_div(self.units * rows_per_unit, pes)


@dataclass(frozen=True)
class Schedule:
    """What a dataflow decides about one stage: its blocks, and the order of the streams within each."""

    blocks: tuple[BlockUnits, ...]
    """In the order in which they are accumulated; their units are those of the stage."""
    opening: tuple[tuple[Stream, ...], ...]
    """The streams of the first block, in order. Those of one group may follow each other as one burst, which waits for
    the lists of all of them."""
    following: tuple[tuple[Stream, ...], ...]
    """The streams of every later block."""


class Dataflow(Protocol):
    """A way to spread the products of a stage over PEs and time.

    It is asked stage by stage. The planner adds what memories and the channel take, and which weights are resident.
    """

    @property
    def name(self) -> str: ...

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int) -> Schedule:
        """`stage`, whose columns come in `streams`, on the `pes` PEs of a lane with `accumulators` partial sums each.

        BadInput says why it cannot be done; the planner adds of which design.
        """
        ...
