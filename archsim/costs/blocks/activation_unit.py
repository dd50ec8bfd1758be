"""The cost of the activation unit: read-out of sums, row scales and shifts with their store, activation functions, and
the update of the state."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from archsim import catalogue
from archsim.columns.reading import by_value
from archsim.costs.block import (
    BuiltBlock,
    CriticalPath,
    HardwareBlock,
    LogicPart,
    LogicPrice,
    MemoryPrice,
    PlacedMemory,
    allowed_ns,
    in_order,
)
from archsim.costs.blocks.readout import readout, sums_a_cycle
from archsim.costs.curves import curve
from archsim.costs.figures import Figure
from archsim.costs.logic import Logic, by_bits, pipelined, stage_ns, stages
from archsim.costs.memories import Memory
from archsim.costs.sources import LOGIC_SOURCE, OF_THE_DESIGN, PARTS_SOURCE
from archsim.design import Design
from archsim.specs.activation_unit import Curve
from archsim.specs.base import ceil_div

# For one unit of the network per cycle: all rows of both products, which are normalised separately, are scaled at once,
# with the 16 bits in which the mapping stores scales and shifts.
GATES = 4
PRODUCTS = 2
AFFINE_BITS = 16
# Sized for the largest cell known, an LSTM: sigmoids of i, f and o, tanh of g and c; f c, i g and o tanh(c). A GRU and
# a vanilla RNN need less.
CURVES = 5
MULTIPLIES = 3
NORMS = GATES * (PRODUCTS + 1)
"""Row scales and shifts of a unit: a scale for each product of each gate, and a shift for each gate."""


@dataclass(frozen=True, eq=False)
class ActivationPath:
    """The logic that one unit of the network passes through; energies are per operation.

    Units that are alike share one, by which what is made of it is cached.
    """

    affine: Logic
    """Multiplier and adder for one row of one product."""
    curve: Logic
    """One sigmoid or tanh, without pipeline registers."""
    gate: Logic
    """One sigmoid or tanh, with its share of the registers between the unit's stages."""
    multiply: Logic
    add: Logic
    delay_ns: float
    """Delay from accumulator to new state, ns at 45 nm, uncut."""
    stages: int
    """`depth_cycles` of the design, or more if the clock requires it."""

    @cached_property
    def unit(self) -> Logic:
        return (
            self.affine.times(GATES * PRODUCTS) + self.gate.times(CURVES) + self.multiply.times(MULTIPLIES) + self.add
        )


@by_value
def datapath(design: Design) -> ActivationPath:
    """The path of a design, cut into as many stages as its clock requires."""
    unit, bits = design.activation_unit, design.state_buffer.cell_bits
    function, read_ns = curve(unit.curve, unit.entries, bits), readout(design).delay_ns
    return _path(function, bits, design.pe_array.accumulator_bits, read_ns, unit.depth_cycles, allowed_ns(design))


@lru_cache(maxsize=4096)
def _path(
    function: Logic, bits: int, sum_bits: int, read_ns: float, least_stages: int, allowed: float
) -> ActivationPath:
    scale, shift = by_bits("multiplier", AFFINE_BITS, 2), by_bits("adder", sum_bits)
    multiply, add = by_bits("multiplier", bits, 2), by_bits("adder", bits)
    # read-out; scale and shift; gate; two products at once and their sum; tanh; the last product
    delay_ns = read_ns + scale.delay_ns + shift.delay_ns + 2 * (function.delay_ns + multiply.delay_ns) + add.delay_ns
    count = max(least_stages, stages(delay_ns, allowed))
    return ActivationPath(scale + shift, function, pipelined(function, count, bits), multiply, add, delay_ns, count)


@by_value
def norm_store(design: Design) -> Memory:
    """The row scales and shifts of a block for each scratch bank, and of the block whose own are on their way.

    As many as the sums of one lane have at most, in whole words: two sums that are scaled apart take a shift together.
    A word holds those of the units that are activated in one cycle; the lanes of a unit share them.
    """
    word = _norms_of_a_word(design)
    norms = min(ceil_div(3 * design.shape.block_sums, 2), NORMS * design.state_buffer.units)
    words = ceil_div(norms, word) * (design.pe_array.banks + 1)
    return in_order(design, 2, AFFINE_BITS * word * words, AFFINE_BITS * word)


def _norms_of_a_word(design: Design) -> int:
    return NORMS * ceil_div(design.activation_unit.units_per_cycle, design.lanes)


def norm_pj(design: Design, store: Memory) -> float:
    """The energy of writing one row scale or shift into the store and reading it again, pJ, for one of the lanes."""
    return (store.write_pj + store.read_pj) / (_norms_of_a_word(design) * design.lanes)


def _units(design: Design) -> int:
    return design.activation_unit.units_per_cycle


def _curve_size(kind: Curve, entries: int) -> tuple[str, Figure]:
    """The entries of one sigmoid or tanh."""
    named = "words" if kind == "table" else "segments"
    return f"{named} of a curve", Figure(float(entries), "entries", "predicted", OF_THE_DESIGN)


def _build(design: Design) -> BuiltBlock:
    unit, store = design.activation_unit, norm_store(design)
    a_norm_pj, a_sum_pj = norm_pj(design, store), readout(design).energy_pj / sums_a_cycle(design)
    return _built(
        datapath(design), readout(design), store, a_sum_pj, a_norm_pj, unit.units_per_cycle, unit.depth_cycles,
        (unit.curve, unit.entries),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _built(
    path: ActivationPath, sums: Logic, store: Memory, a_sum_pj: float, a_norm_pj: float, units: int, depth: int,
    curve_size: tuple[Curve, int],
) -> BuiltBlock:  # fmt: skip
    given = max(1, depth)
    return BuiltBlock(
        logic=path.unit.times(units) + sums,
        memories=(PlacedMemory(f"{catalogue.ACTIVATION_UNIT.name} scales and shifts", store),),
        path=CriticalPath(stage_ns(path.delay_ns, given), path.stages, given),
        prices={
            catalogue.SUM_READ: LogicPrice(a_sum_pj),
            catalogue.NORM_ACCESS: MemoryPrice(store, a_norm_pj),
            catalogue.ROW_AFFINE: LogicPrice(path.affine.energy_pj),
            catalogue.CURVE: LogicPrice(path.gate.energy_pj),
            catalogue.MULTIPLY: LogicPrice(path.multiply.energy_pj),
            catalogue.ADD: LogicPrice(path.add.energy_pj),
        },
        parts=(LogicPart("read-out", sums, PARTS_SOURCE), LogicPart("one curve", path.curve, LOGIC_SOURCE)),
        details=(_curve_size(*curve_size),),
    )


ACTIVATION_UNIT = HardwareBlock(catalogue.ACTIVATION_UNIT, unit="unit", count=_units, build=_build)
