"""What follows once a block has been accumulated: read-out, activation, and the listing of its new elements."""

from dataclasses import dataclass
from functools import lru_cache

from archsim.costs.latencies import latencies
from archsim.design import Design
from archsim.mapping.dataflows import BlockUnits
from archsim.mapping.plan import Stage
from archsim.specs.base import ceil_div


@dataclass(frozen=True)
class ResultTimes:
    """Cycles of a block's results, from the start of its activation on."""

    activation: int
    elements_after: int
    encode: int
    encode_tail: int


@dataclass(frozen=True)
class _Rates:
    """How many elements go together, and the cycles that they take."""

    at_once: int
    """Elements of a unit and a lane that enter the activation unit together."""
    turns: int
    """Cycles that its bank takes for an element; those that go together lie in different banks."""
    read_turns: int
    """Cycles in which the PEs show the sums of elements that go together."""

    def cycles(self, elements: int) -> int:
        """Cycles that consecutive elements take."""
        return ceil_div(elements, self.at_once) * max(self.turns, self.read_turns)


def result_times(design: Design, stage: Stage, part: BlockUnits, lanes: int, listed: bool) -> ResultTimes:
    """The times of the results of a block on `lanes` lanes; `listed`: the encoder lists its elements.

    The elements of a unit are activated for all lanes before those of the next, and the encoder takes a column when its
    last lane has left the pipeline.
    """
    unit, buffer, encoder = design.activation_unit, design.state_buffer, design.skip_encoder
    banks = buffer.banks or unit.units_per_cycle
    at_once = min(unit.units_per_cycle, banks)  # a group that is wider than the banks would only take turns
    units = ceil_div(at_once, lanes)
    rates = _Rates(
        at_once=at_once,
        turns=buffer.turns(stage.unit.cell_reads, 1),  # a write to c, or to h where a cell has none: in another buffer
        read_turns=ceil_div(
            part.sums_of_a_pe(units, stage.rows_per_unit, stage.sums_per_row, stage.sums_per_unit, design.pes_per_lane),
            design.pe_array.read_ports,
        ),
    )
    columns = encoder.columns_per_cycle if listed and encoder.enabled else 0
    activation, first, encode, end = _listing(rates, part.units, lanes, columns)
    stages = latencies(design).encoder_stages - 1 if columns else 0
    return ResultTimes(activation, first, encode, end - activation + stages)


@lru_cache(maxsize=65536)
def _listing(rates: _Rates, units: int, lanes: int, columns: int) -> tuple[int, int, int, int]:
    """Cycles from the start of the activation until it ends, until the first group of `columns` columns is there, of
    the encoder, and until it ends, if it was free; without an encoder (0 columns), until all elements are there."""
    activation = rates.cycles(units * lanes)
    if not columns:
        return activation, activation, 0, activation
    there = [rates.cycles(min(units, group + columns) * lanes) for group in range(0, units, columns)]
    groups = len(there)
    end = max(cycle + groups - group for group, cycle in enumerate(there))
    return activation, there[0], groups, end
