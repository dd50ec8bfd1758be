"""The interface of a dataflow: what it decides about a stage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple, Protocol

from archsim.mapping.plan import Feed, Stage
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div
from archsim.specs.pe_array import PEArraySpec

SUMS_A_ROW = 2
"""The most sums that a row of any known cell has."""


@dataclass(frozen=True)
class Shape:
    """How the PEs of an array share the work of its lanes."""

    rows: int
    """PEs that take the rows of one column for one lane."""
    columns: int
    """Columns that the PEs of a lane take at a time."""
    sums: int
    """Entries of a scratch bank that each of these rows has for one lane."""
    scratches: int
    """Scratches of the whole array."""
    stationary: bool
    """Whether weights stay while the vectors of all lanes pass all PEs, one after the other; otherwise every lane has
    PEs of its own."""

    @property
    def block_sums(self) -> int:
        """The most sums of one lane that a block has.

        A block of a weight-stationary array has a row a PE, and a row at most two sums: of products that are scaled
        apart, or of a gate whose parts meet later. Further entries hold the sums of other blocks and steps.
        """
        return self.rows * (min(self.sums, SUMS_A_ROW) if self.stationary else self.sums)

    def pes_for(self, lanes: int) -> int:
        """PEs that can work if only `lanes` lanes run."""
        return self.rows * self.columns * (1 if self.stationary else lanes)

    def clocked(self, lane_cycles: int, cycles: int) -> int:
        """PE cycles of a run in which a PE is clocked: as long as any lane runs, or as its own lane does.

        `lane_cycles` are summed over lanes.
        """
        return self.rows * self.columns * (cycles if self.stationary else lane_cycles)


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


def by_lists(
    streams: Iterable[Stream],
) -> tuple[tuple[tuple[Stream, ...], ...], tuple[tuple[Stream, ...], ...]]:
    """The order of streams in the first block of a stage, a group for each list that they wait for, and in later ones.

    Streams that need no list come first, then those listed by the previous step, then those listed by this step, so
    that their latencies are hidden.
    """
    order = sorted(streams, key=lambda stream: stream.age)
    return tuple(tuple(alike) for _, alike in groupby(order, key=lambda stream: stream.waits)), (tuple(order),)


def cut(units: int, most: BlockUnits) -> tuple[BlockUnits, ...]:
    """`units` in blocks like `most`, the last of which may be smaller."""
    whole, rest = divmod(units, most.units)
    return (most,) * whole + ((replace(most, units=rest),) if rest else ())


ALIKE = 1024
"""Times that differ by less than one part in so many count as equal, since the estimate does not tell them apart."""


class Cut(NamedTuple):
    """A stage in blocks of one size, the last of which holds what is left."""

    cycles: int
    """Estimated cycles of a run of a few steps."""
    blocks: int
    unit_by_unit: bool
    units: int
    """Units of a block."""
    missing: int = 0
    """Words for which a memory has no room."""

    @classmethod
    def best(cls, cuts: Sequence["Cut"]) -> "Cut":
        """The cut with the fewest cycles; of those that are `ALIKE`, the one with the fewest blocks.

        Cuts that need more room than there is count only where all do, and then those that need the least.
        """
        missing = min(cut.missing for cut in cuts)
        cuts = [cut for cut in cuts if cut.missing == missing]
        least = min(cut.cycles for cut in cuts)
        alike = (cut for cut in cuts if cut.cycles * ALIKE <= least * (ALIKE + 1))
        return min(alike, key=lambda cut: (cut.blocks, cut.cycles))


class Time(Protocol):
    """What a dataflow may ask of the rest of the machine about the stage that it schedules."""

    def fastest(self, most: int, unit_by_unit: bool) -> Cut:
        """The best cut into blocks of at most `most` units, one that fits into the memory if any does."""
        ...


class Dataflow(Protocol):
    """A way to distribute the products of a stage over PEs and time.

    It schedules one stage at a time. The planner adds the traffic of memories and channel, and decides which weights
    are resident.
    """

    @property
    def name(self) -> str: ...

    def refusal(self, array: PEArraySpec, lanes: int, steps_at_once: int) -> str | None:
        """Why an array cannot serve that many lanes, or the inputs of that many steps at once; None if it can."""
        ...

    def shape(self, array: PEArraySpec, lanes: int) -> Shape:
        """How the PEs of an array share the work of `lanes` lanes."""
        ...

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int, time: Time) -> Schedule:
        """Schedule `stage`, whose columns come in `streams`, on `pes` PEs that take the rows of a column of a lane.

        Each has `accumulators` partial sums of that lane in a scratch bank; `time` estimates what a cut takes. BadInput
        says why the stage cannot be scheduled; the planner adds the name of the design.
        """
        ...
