"""The output-stationary dataflow over row blocks, as in SKIP: partial sums stay in the PEs until they are complete.

A block holds as many whole units as the accumulators of one lane's PEs allow, with all gate rows of a unit together, so
that the activation unit can finish one block while the next accumulates. For each block, the columns of every operand
are streamed once for all lanes. With the fewest accumulators that the products need, a block has one row per PE
(row-parallel, as in RBT).
"""

from collections.abc import Sequence
from itertools import groupby

from archsim.errors import BadInput
from archsim.mapping.dataflows.base import BlockUnits, Schedule
from archsim.mapping.plan import Stage
from archsim.mapping.streams import Stream


class OutputStationary:
    """Loops over blocks of rows, and within each block over columns."""

    name = "output-stationary"

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int) -> Schedule:
        order = sorted(streams, key=_turn)
        return Schedule(
            blocks=_blocks(stage, pes, accumulators),
            opening=tuple(tuple(alike) for _, alike in groupby(order, key=lambda stream: stream.waits)),
            following=(tuple(order),),
        )


def _blocks(stage: Stage, pes: int, accumulators: int) -> tuple[BlockUnits, ...]:
    """The blocks of a stage, each with as many units as the accumulators hold. BadInput if they hold none."""
    by_rows = pes * (accumulators // stage.sums_per_row) // stage.rows_per_unit
    # Unit by unit if more units fit that way: a GRU's unit has three rows but four sums.
    by_units = pes * (accumulators // stage.sums_per_unit)
    most = max(by_rows, by_units)
    if not most:
        raise BadInput(
            f"pe_array.accumulators x PEs per lane must hold the {stage.sums_per_unit} sums of a unit,"
            f" {stage.sums_per_row} of them a row, not {accumulators} x {pes}"
        )
    whole, rest = divmod(stage.units, most)
    unit_by_unit = by_units > by_rows
    return (BlockUnits(most, unit_by_unit),) * whole + ((BlockUnits(rest, unit_by_unit),) if rest else ())


def _turn(stream: Stream) -> int:
    """The rank of a stream in a block: streams that need no list come first, then those listed by the previous step,
    then those listed by this step, so that their latencies are hidden."""
    return max((2 - wait.steps_back for wait in stream.waits), default=0)
