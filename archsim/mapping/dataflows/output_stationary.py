"""The output-stationary dataflow over row blocks, as in SKIP: partial sums stay in the PEs until they are complete.

A block holds whole units, with all gate rows of a unit together, so that the activation unit can finish one block while
the next accumulates. For each block, the columns of every operand are streamed once for all lanes. With the fewest
accumulators that the products need, a block has one row per PE (row-parallel, as in RBT).

Rows are dealt out to the PEs one by one, or unit by unit. A block has at most as many units as the accumulators allow;
of the arrangements within that, the one is chosen that takes the fewest cycles by estimate, and of those that are alike
the one with the fewest blocks, since every block reads the operand lists again. Arrangements for which a memory has no
room count only where it has room for none.
"""

from collections.abc import Iterator, Sequence

from archsim.errors import BadInput
from archsim.mapping.dataflows.base import BlockUnits, Cut, Schedule, Shape, Time, by_lists, cut
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

    def schedule(self, stage: Stage, streams: Sequence[Stream], pes: int, accumulators: int, time: Time) -> Schedule:
        return Schedule(_blocks(stage, pes, accumulators, time), *by_lists(streams))


def _blocks(stage: Stage, pes: int, accumulators: int, time: Time) -> tuple[BlockUnits, ...]:
    """The blocks of a stage: all of one size, and a rest. BadInput if the accumulators do not hold a unit."""
    cuts = [time.fastest(most.units, most.unit_by_unit) for most in _largest(stage, pes, accumulators)]
    if not cuts:
        raise BadInput(
            f"pe_array.accumulators x PEs per lane must hold the {stage.sums_per_unit} sums of a unit,"
            f" {stage.sums_per_row} of them a row, not {accumulators} x {pes}"
        )
    best = Cut.best(cuts)
    return cut(stage.units, BlockUnits(best.units, best.unit_by_unit))


def _largest(stage: Stage, pes: int, accumulators: int) -> Iterator[BlockUnits]:
    """The largest block by rows and the largest unit by unit, where the accumulators hold any."""
    by_rows = pes * (accumulators // stage.sums_per_row) // stage.rows_per_unit
    if by_rows:
        yield BlockUnits(min(by_rows, stage.units), unit_by_unit=False)
    # A GRU's unit has three rows but four sums. Where rows waste no sum, units one by one gain nothing.
    by_units = pes * (accumulators // stage.sums_per_unit)
    if by_units and stage.sums_per_unit < stage.sums_per_row * stage.rows_per_unit:
        yield BlockUnits(min(by_units, stage.units), unit_by_unit=True)
