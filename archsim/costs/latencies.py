"""The latencies that a clock imposes on a design, by the cost tables: pipeline stages, and cycles of an SRAM access."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from archsim.columns.reading import per_design
from archsim.costs.block import period_ns
from archsim.costs.blocks.activation_unit import datapath
from archsim.costs.blocks.pe_array import pe_of
from archsim.costs.blocks.skip_encoder import scan_stages
from archsim.costs.blocks.weight_memory import banks
from archsim.design import Design


@dataclass(frozen=True)
class Latencies:
    """Cycles through the parts of a machine; all of them are at least 1."""

    pe_stages: int
    sram_cycles: int
    """From the weight SRAM to the PEs."""
    activation_stages: int
    encoder_stages: int


@per_design
def latencies(design: Design) -> Latencies:
    """The latencies of a design: what it states, and otherwise what its clock requires, with which it is priced.

    An activation unit has at least the stages that the design states. BadInput names what the tables do not cover.
    """
    return Latencies(**{name: of(design) for name, of in LATENCIES.items()})


def _sram_cycles(design: Design) -> int:
    return design.weight_memory.latency_cycles or _access_cycles(design)


def _access_cycles(design: Design) -> int:
    """Cycles of an access to the weight SRAM: one more than it takes to fill the register at its output."""
    if not design.weight_memory.capacity_kib:
        return 1
    return 1 + max(1, math.ceil(banks(design).access_ns / period_ns(design)))


LATENCIES: Mapping[str, Callable[[Design], int]] = {
    "pe_stages": lambda design: pe_of(design).stages,
    "sram_cycles": _sram_cycles,
    "activation_stages": lambda design: datapath(design).stages,
    "encoder_stages": scan_stages,
}
"""Each of `Latencies` by itself."""
