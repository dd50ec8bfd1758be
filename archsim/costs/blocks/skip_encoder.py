"""The cost of the skip encoder: the detection of columns that are zero in all lanes, and the scan of the others."""

from archsim import catalogue
from archsim.costs.block import BuiltBlock, CriticalPath, HardwareBlock, LogicPrice, allowed_ns
from archsim.costs.logic import Logic, one_of, pipelined, stages, zero_skip_scan
from archsim.design import Design


def nonzero_detect(design: Design) -> Logic:
    """The logic that detects a non-zero element of one column in any lane."""
    return one_of("nonzero_detect_8x8").times(design.lanes * design.pe_array.act_bits / 64)


def scan_stages(design: Design) -> int:
    """Pipeline stages of the scan."""
    return stages(_window(design).delay_ns, allowed_ns(design)) if design.skip_encoder.enabled else 1


def scan(design: Design) -> Logic:
    """The logic that lists the non-zero columns of a window, one a cycle, with the registers between its stages."""
    return pipelined(_window(design), scan_stages(design), max(8, design.skip_encoder.columns_per_cycle))


def _window(design: Design) -> Logic:
    return zero_skip_scan(design.skip_encoder.columns_per_cycle)


def _columns(design: Design) -> int:
    return design.skip_encoder.columns_per_cycle * design.skip_encoder.enabled


def _build(design: Design) -> BuiltBlock:
    encoder, detect, lister = design.skip_encoder, nonzero_detect(design), scan(design)
    return BuiltBlock(
        logic=(detect.times(encoder.columns_per_cycle) + lister).times(encoder.enabled),
        path=CriticalPath(lister.delay_ns, scan_stages(design)) if encoder.enabled else None,
        prices={
            catalogue.SCAN_COLUMN: LogicPrice(detect.energy_pj),
            catalogue.LIST_COLUMN: LogicPrice(lister.energy_pj),
        },
    )


SKIP_ENCODER = HardwareBlock(catalogue.SKIP_ENCODER, unit="column", count=_columns, build=_build)
