"""What follows once a block has been accumulated: read-out, activation, and the listing of its new elements."""

from functools import lru_cache
from typing import NamedTuple

from archsim.costs.latencies import latencies
from archsim.design import Design
from archsim.mapping.dataflows import BlockUnits
from archsim.mapping.plan import Stage
from archsim.specs.base import ceil_div


class ResultTimes(NamedTuple):
    """Cycles of a block's results, from the start of its activation on."""

    activation: int
    elements_after: int
    """Until the first element has entered the pipeline for all lanes, of which the encoder then lists the column."""
    encode: int
    """Of the encoder, which lists as many columns a cycle as it can and as have left; 0 without one."""
    encode_tail: int
    """From the end of the activation until the last element is listed, if the encoder was free."""


class _ReadOut(NamedTuple):
    """How the sums of a block lie in the PEs of a lane, and how fast they are read and listed."""

    part: BlockUnits
    rows_per_unit: int
    sums_per_row: int
    sums_per_unit: int
    pes: int
    read_ports: int
    at_once: int
    """The most elements, of a unit and a lane, that enter the activation unit together, each from a bank of its own."""
    turns: int
    """Cycles that a bank takes for an element."""
    lanes: int
    columns: int
    """Columns that the encoder lists in a cycle; 0 without one."""
    stages: int
    """Of the encoder."""
    side_by_side: bool
    """Whether each lane has PEs of its own; otherwise the sums of all lanes lie in the same ones."""

    def turns_of(self, group: int) -> int:
        """Cycles that `group` elements take together: those of a bank, or until the PEs have shown all sums."""
        units = ceil_div(group, self.lanes)
        sums = self.part.sums_of_a_pe(units, self.rows_per_unit, self.sums_per_row, self.sums_per_unit, self.pes)
        sums *= 1 if self.side_by_side else min(group, self.lanes)
        return max(self.turns, ceil_div(sums, self.read_ports))

    def width(self) -> int:
        """The elements that go together: as many as take the fewest cycles in all."""
        elements = self.part.units * self.lanes
        return min(range(self.at_once, 0, -1), key=lambda group: ceil_div(elements, group) * self.turns_of(group))


class Groups(NamedTuple):
    """How the elements of a block are read: side by side in groups, one group after the other."""

    width: int
    """Elements of a group, of a unit and a lane each."""
    turns: int
    """Cycles that a group takes."""


def groups_of(design: Design, stage: Stage, part: BlockUnits, lanes: int) -> Groups:
    """The groups in which the elements of a block are read on `lanes` lanes."""
    read_out = _read_out(design, stage, part, lanes, listed=False)
    width = read_out.width()
    return Groups(width, read_out.turns_of(width))


def result_times(design: Design, stage: Stage, part: BlockUnits, lanes: int, listed: bool) -> ResultTimes:
    """The times of the results of a block on `lanes` lanes; `listed`: the encoder lists its elements.

    The elements of a unit are activated for all lanes before those of the next, and the encoder takes a column when its
    last lane has left the pipeline.
    """
    return _times(_read_out(design, stage, part, lanes, listed))


def _read_out(design: Design, stage: Stage, part: BlockUnits, lanes: int, listed: bool) -> _ReadOut:
    unit, buffer, encoder = design.activation_unit, design.state_buffer, design.skip_encoder
    encodes = listed and encoder.enabled
    return _ReadOut(
        part=part,
        rows_per_unit=stage.rows_per_unit,
        sums_per_row=stage.sums_per_row,
        sums_per_unit=stage.sums_per_unit,
        pes=design.pes_per_lane,
        read_ports=design.pe_array.read_ports,
        at_once=min(unit.units_per_cycle, buffer.banks or unit.units_per_cycle),
        turns=buffer.turns(stage.unit.cell_reads, 1),  # a write to c, or to h where a cell has none: in another buffer
        lanes=lanes,
        columns=encoder.columns_per_cycle if encodes else 0,
        stages=latencies(design).encoder_stages if encodes else 1,
        side_by_side=not design.shape.stationary,
    )


@lru_cache(maxsize=65536)
def _times(read_out: _ReadOut) -> ResultTimes:
    width, units, lanes, columns = read_out.width(), read_out.part.units, read_out.lanes, read_out.columns
    turns = read_out.turns_of(width)
    activation = ceil_div(units * lanes, width) * turns
    if not columns:
        return ResultTimes(activation, activation, 0, 0)
    there = [ceil_div((column + 1) * lanes, width) * turns for column in range(units)]
    end = max(cycle + ceil_div(units - column, columns) for column, cycle in enumerate(there))
    return ResultTimes(activation, there[0], ceil_div(units, columns), end - activation + read_out.stages - 1)
