"""The output-stationary dataflow over row blocks, as in SKIP: partial sums stay in the PEs until they are complete.

A block holds as many whole units as the accumulators of one lane's PEs allow, with all gate rows of a unit together, so
that the activation unit can finish one block while the next accumulates. For each block, the columns of every operand
are streamed once for all lanes. With the fewest accumulators that the products need, a block has one row per PE
(row-parallel, as in RBT).
"""

from collections.abc import Sequence

from archsim.errors import BadInput
from archsim.mapping.dataflows.base import BlockUnits, Schedule, Shape, by_lists, cut
from archsim.mapping.plan import Stage
from archsim.mapping.streams import Stream
from archsim.specs.pe_array import PEArraySpec


class OutputStationary:
    """Loops over blocks of rows, and within each block over columns."""

    name = "output-stationary"

    def refusal(self, array: PEArraySpec, lanes: int, steps_at_once: int) -> str | None:
        if steps_at_once > 1:
            return (
                f"dataflow {self.name}: sequencer.steps_at_once must be 1, since sums of one step stay, not"
                f" {steps_at_once}"
            )
        if array.pes % lanes:
            return f"lanes must divide the {array.pes} PEs (tiles x pes_per_tile), {lanes} does not"
        return None

    def shape(self, array: PEArraySpec, lanes: int) -> Shape:
        return Shape(rows=array.pes // lanes, columns=1, sums=array.accumulators, scratches=array.pes, stationary=False)

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int) -> Schedule:
        return Schedule(_blocks(stage, pes, accumulators), *by_lists(streams))


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
    return cut(stage.units, BlockUnits(most, unit_by_unit=by_units > by_rows))
