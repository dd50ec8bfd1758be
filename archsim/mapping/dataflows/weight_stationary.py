"""The weight-stationary dataflow over groups of columns, as in a systolic array: weights stay while vectors pass.

The array works for one lane at a time. Each of its `tiles` holds one column of the operand list, and each PE of a tile
the weight of one row of the block. The elements of a lane's vector enter their tiles, and partial sums pass from tile
to tile into the accumulators behind the last one: one for each row and lane, so that a PE row with R sums a row needs R
entries for every lane. With 2 tiles of 4 PEs, 2 lanes and the columns 1, 4 and 6 on the list::

              tile 0: column 1      tile 1: column 4          then the group      6, -
    lane 0:   h1 x w(0..3, 1)   ->  + h4 x w(0..3, 4)   ->    sums of rows 0..3 of lane 0
    lane 1:   h1 x w(0..3, 1)   ->  + h4 x w(0..3, 4)   ->    sums of rows 0..3 of lane 1

Columns are taken from the list a group of `tiles` at a time, so that zeros are skipped as in the other dataflow; only
the tiles of a burst's last group may be empty. Every PE has two weight registers: while the lanes' vectors pass one
group, one a cycle, the next group is loaded from the FIFO, a word a cycle. Such a **beat** takes as long as the longer
of the two.

A block is as many whole units as a tile has PEs for. More accumulators do not make it larger, since a vector has to
pass again for every further row of weights.
"""

from collections.abc import Sequence

from archsim.errors import BadInput
from archsim.mapping.dataflows.base import BlockUnits, Schedule, Shape, Time, by_lists, cut
from archsim.mapping.plan import Stage
from archsim.mapping.streams import Stream
from archsim.specs.pe_array import PEArraySpec


class WeightStationary:
    """Loops over blocks of rows, within each over groups of columns, and within each over lanes."""

    name = "weight-stationary"

    def refusal(self, array: PEArraySpec, lanes: int, steps_at_once: int) -> str | None:
        if array.accumulators < lanes:
            return (
                f"dataflow {self.name}: pe_array.accumulators must be at least the {lanes} lanes, a sum for each, not"
                f" {array.accumulators}"
            )
        return None

    def shape(self, array: PEArraySpec, lanes: int) -> Shape:
        return Shape(
            rows=array.pes_per_tile,
            columns=array.tiles,
            sums=array.accumulators // lanes,
            scratches=array.pes_per_tile,
            stationary=True,
        )

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int, time: Time) -> Schedule:
        units = pes // stage.rows_per_unit
        if not units:
            raise BadInput(
                f"dataflow {self.name}: pe_array.pes_per_tile must be at least {stage.rows_per_unit}, the rows of a"
                f" unit, not {pes}"
            )
        if accumulators < stage.sums_per_row:
            raise BadInput(
                f"dataflow {self.name}: pe_array.accumulators must be at least {stage.sums_per_row} a lane, the sums of"
                f" a row, not {accumulators}"
            )
        return Schedule(cut(stage.units, BlockUnits(units, unit_by_unit=False)), *by_lists(streams))
