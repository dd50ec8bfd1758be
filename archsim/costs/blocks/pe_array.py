"""The cost of the PEs, each with operand registers, multiplier and accumulator."""

from functools import lru_cache

from archsim import catalogue
from archsim.columns.reading import by_value
from archsim.costs.block import BuiltBlock, CriticalPath, HardwareBlock, LogicPrice, allowed_ns
from archsim.costs.blocks.scratch import idle_pj as scratch_idle_pj
from archsim.costs.logic import Logic, register_bits, stage_ns
from archsim.costs.pe import PE, pe, zero_operand_share
from archsim.design import Design


@by_value
def pe_of(design: Design) -> PE:
    """One PE of a design, in as many stages as the design states, or as the clock requires if those are more."""
    array = design.pe_array
    given = array.multiplier, array.weight_bits, array.act_bits, array.accumulator_bits
    return pe(*given, allowed_ns(design), array.stages)


def weight_register(design: Design) -> Logic:
    """The register of a PE that takes the next weight while vectors pass the present one; none where weights pass too.

    The present weight is in the operand register that every PE has.
    """
    return register_bits(design.pe_array.weight_bits).times(design.shape.stationary)


def _pes(design: Design) -> int:
    return design.pe_array.pes


def _build(design: Design) -> BuiltBlock:
    array, one, shape = design.pe_array, pe_of(design), design.shape
    zero_share = zero_operand_share(array.multiplier, array.weight_bits, array.act_bits)
    # An idle PE still drives the clock pins of its registers and accumulators, unless its clock is gated.
    # The scratches of a weight-stationary array are fewer than its PEs.
    scratch_pj = scratch_idle_pj(design) * shape.scratches / array.pes
    idle_pj = 0.0 if array.clock_gated else one.cell.clock_pj + scratch_pj
    return _built(one, weight_register(design), shape.stationary, array.pes, array.stages, zero_share, idle_pj)


@lru_cache(maxsize=4096)
def _built(
    one: PE, second: Logic, stationary: bool, pes: int, given: int, zero_share: float, idle_pj: float
) -> BuiltBlock:
    return BuiltBlock(
        logic=(one.cell + second).times(pes),
        path=CriticalPath(stage_ns(one.cell.delay_ns, given), one.stages, given),
        prices={
            catalogue.MAC: LogicPrice(one.cell.energy_pj),
            catalogue.MAC_ZERO_OPERAND: LogicPrice(one.cell.energy_pj * zero_share),
            catalogue.IDLE_PE_CYCLE: LogicPrice(idle_pj),
            # A weight is written twice: into the second register, whose clock is gated meanwhile, and from there.
            **({catalogue.WEIGHT_LOAD: LogicPrice(2 * second.energy_pj)} if stationary else {}),
        },
        absent=frozenset(() if stationary else (catalogue.WEIGHT_LOAD,)),
    )


PE_ARRAY = HardwareBlock(catalogue.PE_ARRAY, unit="PE", count=_pes, build=_build)
