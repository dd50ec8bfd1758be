"""Filling the weight SRAM once, before the first step: apart from what a step or a token costs."""

from dataclasses import dataclass

from archsim import catalogue
from archsim.costs import SHIPPED, Band, CostTable, energy
from archsim.design import Design
from archsim.files import JsonValue
from archsim.ledger import Ledger
from archsim.specs.base import ceil_div


@dataclass(frozen=True)
class Load:
    """Resident weights, norms and biases on their way from DRAM, as they lie in SRAM: padded to whole words."""

    dram_bits: int
    """What crosses the channel: whole accesses."""
    sram_words: int
    """Words written."""
    cycles: int
    """At the rate that the channel has for weights, but no faster than a word a cycle."""
    time_us: float
    chip_pj: float
    """Writes, and leakage and idle PEs meanwhile."""
    system_pj: Band
    """With DRAM."""

    def tokens(self, system_pj_per_token: float) -> float:
        """So many tokens take the same energy."""
        return self.system_pj.mid / system_pj_per_token

    def to_json(self) -> dict[str, JsonValue]:
        band = self.system_pj
        return {
            "dram_bits": self.dram_bits,
            "sram_words": self.sram_words,
            "cycles": self.cycles,
            "time_us": self.time_us,
            "energy_chip_pj": self.chip_pj,
            "energy_system_pj": band.mid,
            "energy_system_band_pj": [band.low, band.mid, band.high],
        }


def load(design: Design, resident_bits: int, costs: CostTable = SHIPPED) -> Load | None:
    """What filling the SRAM with `resident_bits` takes; None where nothing is resident."""
    if not resident_bits:
        return None
    words = ceil_div(resident_bits, design.bus_word_bits)
    bits = design.dram.transferred_bits(resident_bits)
    clock = design.clock_mhz
    cycles = design.dram.latency_cycles(clock) + max(words, design.dram.channel_cycles(resident_bits, clock))
    ledger = Ledger()
    ledger.add(catalogue.READ_BITS, bits)
    ledger.add(catalogue.SRAM_WRITE_WORD, words)
    ledger.add(catalogue.IDLE_PE_CYCLE, design.pe_array.pes * cycles)
    spent = energy(design, ledger, cycles, tokens=1, costs=costs)
    return Load(bits, words, cycles, cycles / clock, spent.total_chip, spent.band)
