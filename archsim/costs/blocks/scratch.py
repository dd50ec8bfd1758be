"""The cost of the accumulators beyond the one in each PE: register files of one or two banks."""

from dataclasses import replace
from functools import lru_cache

from archsim import catalogue
from archsim.costs.block import BuiltBlock, HardwareBlock, LogicPrice
from archsim.costs.logic import Logic, register_file
from archsim.design import Design


def register_files(design: Design) -> Logic:
    """All banks of one PE, without the PE's own accumulator; energies are those of the bank in use."""
    array = design.pe_array
    return _register_files(array.accumulators, array.accumulator_bits, array.banks)


@lru_cache(maxsize=4096)
def _register_files(entries: int, bits: int, count: int) -> Logic:
    """The register files beyond the PE's own accumulator, which is a bank of one entry."""
    own, bank = register_file(1, bits), register_file(entries, bits)
    extra = bank + own.times(-1)
    more = bank.times(count - 1)
    return replace(
        extra,
        area_um2=extra.area_um2 + more.area_um2,
        delay_ns=bank.delay_ns,
        leak_nw=extra.leak_nw + more.leak_nw,
    )


def _pes(design: Design) -> int:
    return design.pe_array.pes


def _build(design: Design) -> BuiltBlock:
    files = register_files(design)
    return BuiltBlock(logic=files.times(_pes(design)), prices={catalogue.SCRATCH_ACCESS: LogicPrice(files.energy_pj)})


SCRATCH = HardwareBlock(catalogue.SCRATCH, unit="PE", count=_pes, build=_build)
