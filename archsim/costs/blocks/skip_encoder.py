"""The cost of the skip encoder: the detection of columns that are zero in all lanes, flags that keep what it finds, the
scan of the others, and the offset from each listed column to the next.
"""

from functools import lru_cache

from archsim import catalogue
from archsim.columns.reading import by_value
from archsim.costs.block import BuiltBlock, CriticalPath, HardwareBlock, LogicPart, LogicPrice, allowed_ns
from archsim.costs.blocks.readout import ROWS
from archsim.costs.logic import (
    Logic,
    counter,
    mux_bits,
    next_count,
    one_of,
    pipelined,
    register_bits,
    stages,
    zero_skip_scan,
)
from archsim.costs.sources import PARTS_SOURCE
from archsim.design import Design
from archsim.specs.base import ceil_div

POINTERS = 4
"""Counters of the list: the column scanned, the last one listed, the entry to write, and the entries up to the last
non-zero column (padding at the end of a list is dropped)."""


def nonzero_detect(design: Design) -> Logic:
    """The logic that detects a non-zero element of one column in any lane."""
    return one_of("nonzero_detect_8x8").times(design.lanes * design.pe_array.act_bits / 64)


def flagged_units(design: Design) -> int:
    """The most units of a block."""
    return min(design.state_buffer.units, ceil_div(design.shape.block_sums, ROWS))


def flags(design: Design) -> Logic:
    """A flag for each unit of a block, set by any lane and read when its column is scanned."""
    units = flagged_units(design)
    return register_bits(units) + mux_bits(2 * units)


def one_flag() -> Logic:
    """What moves when one flag is set and read."""
    return register_bits(1) + mux_bits(2)


def offsets(design: Design) -> Logic:
    """The list's pointers, and for each column of a cycle its distance from the last one listed, and the next place."""
    bits = design.state_buffer.units.bit_length()
    return counter(bits).times(POINTERS) + next_count(bits).times(2 * design.skip_encoder.columns_per_cycle)


@by_value
def scan_stages(design: Design) -> int:
    """Pipeline stages of the scan: what the clock requires, or more if the design states more."""
    if not design.skip_encoder.enabled:
        return 1
    return max(design.skip_encoder.stages, stages(_window(design).delay_ns, allowed_ns(design)))


def scan(design: Design) -> Logic:
    """The logic that lists the non-zero columns of a window, one a cycle, with the registers between its stages."""
    return pipelined(_window(design), scan_stages(design), max(8, design.skip_encoder.columns_per_cycle))


def _window(design: Design) -> Logic:
    return zero_skip_scan(design.skip_encoder.columns_per_cycle)


def logic_of(design: Design) -> Logic:
    """All of the encoder."""
    detect = nonzero_detect(design).times(design.skip_encoder.columns_per_cycle)
    return detect + flags(design) + scan(design) + offsets(design)


def _columns(design: Design) -> int:
    return design.skip_encoder.columns_per_cycle * design.skip_encoder.enabled


def _build(design: Design) -> BuiltBlock:
    if not design.skip_encoder.enabled:
        return _NONE
    columns, count = design.skip_encoder.columns_per_cycle, scan_stages(design)
    return _encoder(nonzero_detect(design), flags(design), scan(design), offsets(design), columns, count)


_NONE = BuiltBlock(
    prices={}, logic=Logic(0.0, 0.0, 0.0, 0.0, 0.0), absent=frozenset((catalogue.SCAN_COLUMN, catalogue.LIST_COLUMN))
)
"""The block of a design that streams every column."""


@lru_cache(maxsize=4096)
def _encoder(detect: Logic, marks: Logic, lister: Logic, distances: Logic, columns: int, count: int) -> BuiltBlock:
    return BuiltBlock(
        logic=detect.times(columns) + marks + lister + distances,
        path=CriticalPath(lister.delay_ns, count),
        prices={
            catalogue.SCAN_COLUMN: LogicPrice(detect.energy_pj + one_flag().energy_pj),
            catalogue.LIST_COLUMN: LogicPrice(lister.energy_pj + distances.energy_pj / columns),
        },
        parts=(LogicPart("flags", marks, PARTS_SOURCE), LogicPart("offsets", distances, PARTS_SOURCE)),
    )


SKIP_ENCODER = HardwareBlock(catalogue.SKIP_ENCODER, unit="column", count=_columns, build=_build)
