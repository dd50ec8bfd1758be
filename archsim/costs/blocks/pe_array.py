"""The cost of the PEs, each with operand registers, multiplier and accumulator."""

from archsim import catalogue
from archsim.costs.block import BuiltBlock, CriticalPath, HardwareBlock, LogicPrice, allowed_ns
from archsim.costs.blocks.scratch import idle_pj as scratch_idle_pj
from archsim.costs.logic import stage_ns
from archsim.costs.pe import PE, pe, zero_operand_share
from archsim.design import Design


def pe_of(design: Design) -> PE:
    """One PE of a design, in as many stages as the design states, or as the clock requires if those are more."""
    array = design.pe_array
    given = array.multiplier, array.weight_bits, array.act_bits, array.accumulator_bits
    return pe(*given, allowed_ns(design), array.stages)


def _pes(design: Design) -> int:
    return design.pe_array.pes


def _build(design: Design) -> BuiltBlock:
    array, one = design.pe_array, pe_of(design)
    zero_share = zero_operand_share(array.multiplier, array.weight_bits, array.act_bits)
    # An idle PE still drives the clock pins of its registers and accumulators, unless its clock is gated.
    idle_pj = 0.0 if array.clock_gated else one.cell.clock_pj + scratch_idle_pj(design)
    return BuiltBlock(
        logic=one.cell.times(array.pes),
        path=CriticalPath(stage_ns(one.cell.delay_ns, array.stages), one.stages, array.stages),
        prices={
            catalogue.MAC: LogicPrice(one.cell.energy_pj),
            catalogue.MAC_ZERO_OPERAND: LogicPrice(one.cell.energy_pj * zero_share),
            catalogue.IDLE_PE_CYCLE: LogicPrice(idle_pj),
        },
    )


PE_ARRAY = HardwareBlock(catalogue.PE_ARRAY, unit="PE", count=_pes, build=_build)
