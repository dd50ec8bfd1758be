"""The interface of a dataflow: what it decides about a stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archsim.mapping.plan import Feed, Stage
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div


@dataclass(frozen=True)
class BlockUnits:
    """The number of units of one block, and how their rows are distributed over the PEs."""

    units: int
    unit_by_unit: bool
    """Whether a PE owns whole units; otherwise rows are dealt out to the PEs one by one."""

    def rows_of_a_pe(self, rows_per_unit: int, pes: int) -> int:
        """Rows of the busiest of `pes` PEs if a column feeds `rows_per_unit` rows of each unit.

        They equal the cycles that the column takes in the PEs.
        """
        if self.unit_by_unit:
            return rows_per_unit * ceil_div(self.units, pes)
        return ceil_div(self.units * rows_per_unit, pes)

    def rows_of_groups(self, rows_per_unit: int, groups: int, pes: int) -> tuple[tuple[int, int], ...]:
        """The rows of each of `groups` equal groups of consecutive PEs, as (groups, rows of each), most rows first."""
        dealt, rows = (self.units, rows_per_unit) if self.unit_by_unit else (self.units * rows_per_unit, 1)
        size = pes // groups
        each, rest = divmod(dealt, pes)
        full, part = divmod(rest, size)
        found = (
            (full, (each + 1) * size),
            (int(part > 0), each * size + part),
            (groups - full - (part > 0), each * size),
        )
        return tuple((count, units * rows) for count, units in found if count)

    def sums_of_a_pe(self, units: int, rows_per_unit: int, sums_per_row: int, sums_per_unit: int, pes: int) -> int:
        """The most sums of `units` consecutive units that lie in one of `pes` PEs."""
        if self.unit_by_unit:
            return sums_per_unit * ceil_div(units, pes)
        return sums_per_row * ceil_div(units * rows_per_unit, pes)

    def feed(self, rows_per_unit: int, pes: int, word_rows: int, whole: bool) -> Feed:
        """How the words of a column, of `word_rows` rows each, reach the PEs; `whole`: only once all have arrived."""
        rows, step = self.units * rows_per_unit, rows_per_unit if self.unit_by_unit else 1
        dealt = self.units if self.unit_by_unit else rows
        full, rest = divmod(dealt, pes)
        return Feed(rows, word_rows, pes, full * pes * step, rest or pes, whole)

    def first_group_feed(self, rows_per_unit: int, groups: int, pes: int, word_rows: int) -> Feed:
        """The feed of the first of `groups` equal groups of consecutive PEs from a memory of its own."""
        ((_, rows), *_) = self.rows_of_groups(rows_per_unit, groups, pes)
        step = rows_per_unit if self.unit_by_unit else 1
        own = BlockUnits(rows // step, self.unit_by_unit)
        return own.feed(step, pes // groups, word_rows, whole=False)


@dataclass(frozen=True)
class Schedule:
    """The schedule of one stage: its blocks, and the order of the streams within each."""

    blocks: tuple[BlockUnits, ...]
    """Blocks in the order in which they are accumulated; their units add up to those of the stage."""
    opening: tuple[tuple[Stream, ...], ...]
    """Streams of the first block, in order and in groups. Streams of one group may be joined into one burst, which then
    waits for the operand lists of all of them."""
    following: tuple[tuple[Stream, ...], ...]
    """Streams of every later block, likewise."""


class Dataflow(Protocol):
    """A way to distribute the products of a stage over PEs and time.

    It schedules one stage at a time. The planner adds the traffic of memories and channel, and decides which weights
    are resident.
    """

    @property
    def name(self) -> str: ...

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int) -> Schedule:
        """Schedule `stage`, whose columns come in `streams`, on the `pes` PEs of a lane.

        Each PE has `accumulators` partial sums in a scratch bank. BadInput says why the stage cannot be scheduled; the
        planner adds the name of the design.
        """
        ...
