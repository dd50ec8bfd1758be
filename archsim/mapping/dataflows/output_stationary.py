"""Output-stationary over row blocks, as SKIP has it: partial sums stay in the PEs until they are complete.

A block is as many whole units as the accumulators of one lane's PEs hold, all gate rows of a unit together, so that the
activation unit can finish units block by block while the next block accumulates. For each block the columns of every
operand are streamed once, for all lanes. With as few accumulators as the products need, a block is one row a PE
(row-parallel, as RBT has it).
"""

from collections.abc import Sequence
from itertools import groupby

from archsim.errors import BadInput
from archsim.mapping.dataflows.base import BlockUnits, Schedule
from archsim.mapping.plan import Stage
from archsim.mapping.streams import Stream


class OutputStationary:
    """Blocks of rows in the outer loop, columns in the inner one."""

    name = "output-stationary"

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int) -> Schedule:
        order = sorted(streams, key=_turn)
        return Schedule(
            blocks=_blocks(stage, pes, accumulators),
            opening=tuple(tuple(alike) for _, alike in groupby(order, key=lambda stream: stream.waits)),
            following=(tuple(order),),
        )


def _blocks(stage: Stage, pes: int, accumulators: int) -> tuple[BlockUnits, ...]:
    """The units of a stage, as many a block as the accumulators hold."""
    by_rows = pes * (accumulators // stage.sums_per_row) // stage.rows_per_unit
    # Unit by unit where more of them fit that way: a GRU's unit has three rows with four sums.
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
    """Streams that need no list come first, then those that the step before has listed, then those that this step
    lists, so that latencies hide behind each other."""
    return max((2 - wait.steps_back for wait in stream.waits), default=0)
