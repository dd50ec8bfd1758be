"""The cost of filling the weight SRAM once, before the first step, which no cost of a step or a token includes."""

from dataclasses import dataclass

from archsim import catalogue
from archsim.costs import SHIPPED, Band, CostTable, energy
from archsim.design import Design
from archsim.files import JsonValue
from archsim.ledger import Ledger
from archsim.specs.base import ceil_div


@dataclass(frozen=True)
class Load:
    """The cost of loading resident weights, row scales and biases, padded to whole SRAM words, from DRAM if any."""

    dram_bits: int
    """Bits that cross the channel, in whole accesses; 0 for a design without DRAM."""
    sram_words: int
    """SRAM words written."""
    cycles: int
    """Cycles at the rate that the channel has for weights, but at most one word per cycle, whatever the memory."""
    time_us: float
    chip_pj: float
    """Energy of the chip: SRAM writes, and leakage meanwhile; no lane runs, so no PE is clocked."""
    system_pj: Band
    """Energy of the chip and the DRAM. What weights come from without a DRAM is not part of the design: as long as it
    keeps up with a word per cycle, it adds nothing."""

    def tokens(self, system_pj_per_token: float) -> float:
        """The number of tokens that take as much energy as the loading."""
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
    """The cost of filling the SRAM with `resident_bits`; None if nothing is resident."""
    if not resident_bits:
        return None
    words, clock, dram = ceil_div(resident_bits, design.weight_word_bits), design.clock_mhz, design.dram
    bits = dram.transferred_bits(resident_bits) if dram else 0
    cycles = dram.latency_cycles(clock) + max(words, dram.channel_cycles(resident_bits, clock)) if dram else words
    ledger = Ledger()
    ledger.add(catalogue.READ_BITS, bits)
    ledger.add(catalogue.SRAM_WRITE_WORD, words)
    spent = energy(design, ledger, cycles, tokens=1, costs=costs)
    return Load(bits, words, cycles, cycles / clock, spent.total_chip, spent.band)
