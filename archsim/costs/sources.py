"""The sources of figures, as every table and page shows them."""

from dataclasses import dataclass

from archsim.costs.figures import Status
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC, LOGIC_ENERGY_FACTOR

LOGIC_SOURCE = "yosys on Nangate 45 nm, scaled after Stillmaker & Baas 2017"
LOGIC_ENERGY_SOURCE = f"{LOGIC_SOURCE}, times {LOGIC_ENERGY_FACTOR:g} fitted to the RBT powers"
CONTROL_SOURCE = (
    "Verilog of archsim rtl on SKY130 in gate equivalents, in counters of the table at 45 nm; scaled after Stillmaker &"
    " Baas 2017"
)
PARTS_SOURCE = f"registers, multiplexers and adders of {LOGIC_SOURCE}"
LOGIC_LEAKAGE_SOURCE = (
    "Nangate 45 nm, 25 C, scaled as CACTI's itrs-hp SRAM; low: low-standby-power process, high: 330 K"
)
REGISTER_SOURCE = "register array: yosys on Nangate 45 nm, scaled after Stillmaker & Baas 2017"
REGISTER_ENERGY_SOURCE = f"{REGISTER_SOURCE}, times {LOGIC_ENERGY_FACTOR:g} fitted to the RBT powers"
SRAM_SOURCE = "CACTI 7, itrs-lstp"
SRAM_LEAKAGE_SOURCE = "CACTI 7, itrs-lstp, 330 K; high: low-operating-power devices"
OF_THE_DESIGN = "of the design"


@dataclass(frozen=True)
class Origin:
    """The status and the source of a figure."""

    status: Status
    source: str


SRAM = Origin("predicted", SRAM_SOURCE)
INFERRED_BUFFER = Origin(
    "calibrated", f"{SRAM_SOURCE}; {BUFFERED_WEIGHTS_PER_MAC} weights a MAC inferred from the RBT areas"
)
"""The origin of a buffer between DRAM and MACs whose size is the one fitted to the RBT areas."""
