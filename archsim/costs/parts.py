"""What a design is made of: logic as synthesised at 45 nm, memories at the design's node."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from archsim.costs import technology
from archsim.costs.tables import (
    PE,
    Logic,
    Memory,
    by_bits,
    curve,
    duplex,
    memory,
    one_of,
    pe,
    pipelined,
    register_bits,
    register_file,
    stages,
    zero_skip_scan,
)
from archsim.design import Design
from archsim.specs.base import ceil_div

# The activation unit, for one unit of the network a cycle: every row has its scale at once, both products of it
# (they are normalised apart), at the 16 bits that the mapping stores scales and shifts in.
GATES = 4
PRODUCTS = 2
# What the largest cell known asks of it, an LSTM: sigmoids of i, f and o, tanh of g and c; f c, i g and o tanh(c).
# A GRU and a vanilla RNN need less.
CURVES = 5
MULTIPLIES = 3
AFFINE_BITS = 16

SRAM_CELL = "itrs-lstp"


@dataclass(frozen=True)
class Parts:
    """Energies are of one operation or access; registers of pipeline stages are in."""

    pe: PE
    scratch: Logic
    """The register files of all banks beyond the accumulator in the PE; its energies are of the bank at work."""
    weights: Memory
    fifo: Memory
    state: Memory
    """One of the two buffers of h, with the offset to the next non-zero column beside each word."""
    cell: Memory
    cells_per_word: int
    """A word of c holds the cells of the units of one cycle, or one of them where the buffer's banks are given."""
    nonzero_detect: Logic
    """Of one column, all lanes."""
    scan: Logic
    scan_stages: int
    affine: Logic
    """One row of one product: multiply and add."""
    gate: Logic
    """With its share of the registers between the unit's stages."""
    multiply: Logic
    add: Logic
    activation_ns: float
    """From accumulator to new state, at 45 nm, uncut."""
    activation_stages: int
    """`depth_cycles` of the design, or more where the clock asks for it."""

    @property
    def memories(self) -> tuple[tuple[str, Memory], ...]:
        """Those that there are, by name; one of the two buffers of h stands for both."""
        named = (
            ("weight_memory", self.weights),
            ("weight_memory FIFO", self.fifo),
            ("state_buffer h", self.state),
            ("state_buffer c", self.cell),
        )
        return tuple((name, memory) for name, memory in named if memory.banks)


def period_ns(design: Design) -> float:
    return 1000 / design.clock_mhz


def allowed_ns(design: Design) -> float:
    """A clock period of the design, in delays of the 45 nm library."""
    return period_ns(design) / technology.delay_scale(design.node_nm, design.voltage_v)


@lru_cache(maxsize=4096)
def parts(design: Design) -> Parts:
    """BadInput names what the tables do not cover."""
    array, lanes, clock_ns = design.pe_array, design.lanes, allowed_ns(design)
    bits = design.state_buffer.cell_bits
    cells_per_word = 1 if design.state_buffer.banks else design.activation_unit.units_per_cycle
    affine = by_bits("multiplier", AFFINE_BITS, 2) + by_bits("adder", array.accumulator_bits)
    gate = curve(design.activation_unit.curve, design.activation_unit.entries, bits)
    multiply, add = by_bits("multiplier", bits, 2), by_bits("adder", bits)
    # scale and shift; gate; two products at once and their sum; tanh; the last product
    activation_ns = (
        by_bits("multiplier", AFFINE_BITS, 2).delay_ns
        + by_bits("adder", array.accumulator_bits).delay_ns
        + 2 * (gate.delay_ns + multiply.delay_ns)
        + add.delay_ns
    )
    activation_stages = max(design.activation_unit.depth_cycles, stages(activation_ns, clock_ns))
    scan = zero_skip_scan(design.skip_encoder.columns_per_cycle)
    scan_stages = stages(scan.delay_ns, clock_ns) if design.skip_encoder.enabled else 1
    return Parts(
        pe=pe(array.multiplier, array.weight_bits, array.act_bits, array.accumulator_bits, clock_ns),
        scratch=_scratch(array.accumulators, array.accumulator_bits, array.banks),
        weights=banks(design),
        fifo=_in_order(
            design,
            design.weight_memory.ports,
            design.weight_memory.fifo_words * design.bus_word_bits,
            design.bus_word_bits,
        ),
        state=_state_banks(design, _state_bits(design), lambda bank, width: _sram(design, bank, width)),
        cell=_state_banks(
            design,
            lanes * bits,
            lambda bank, _: _in_order(design, design.state_buffer.ports, bank, cells_per_word * bits),
        ),
        cells_per_word=cells_per_word,
        nonzero_detect=one_of("nonzero_detect_8x8").times(lanes * array.act_bits / 64),
        scan=pipelined(scan, scan_stages, max(8, design.skip_encoder.columns_per_cycle)),
        scan_stages=scan_stages,
        affine=affine,
        gate=pipelined(gate, activation_stages, bits),
        multiply=multiply,
        add=add,
        activation_ns=activation_ns,
        activation_stages=activation_stages,
    )


def banks(design: Design) -> Memory:
    """The weight SRAM: the fewest banks whose cycle time meets the clock, their area and the energy of an access.

    One port is enough: it is written once, before it is read. Of no capacity where a design has none. Where no bank is
    fast enough: the fastest (``cycle_ns`` says how fast).
    """
    return _sram(design, design.weight_memory.capacity_bits, design.bus_word_bits)


def _state_bits(design: Design) -> int:
    """Of a column of h, all lanes, and where columns are skipped the offset to the next."""
    encoder = design.skip_encoder
    return design.lanes * design.pe_array.act_bits + (encoder.offset_bits if encoder.enabled else 0)


def _sram(design: Design, capacity_bits: int, width_bits: int) -> Memory:
    """With one port, for a read or a write."""
    technology.check_node(design.node_nm)
    return memory(design.node_nm, SRAM_CELL, "1RW", capacity_bits, width_bits, period_ns(design))


def _in_order(design: Design, ports: int, capacity_bits: int, width_bits: int) -> Memory:
    """Read and written in order; with two ports in one cycle."""
    if ports == 1:
        return _sram(design, capacity_bits, width_bits)
    technology.check_node(design.node_nm)
    return duplex(design.node_nm, SRAM_CELL, capacity_bits, width_bits, period_ns(design))


def _state_banks(design: Design, unit_bits: int, of: Callable[[int, int], Memory]) -> Memory:
    """All units of the state buffer, in as many banks as the design gives it; `of` (bits of a bank, of a unit)."""
    buffer = design.state_buffer
    count = buffer.banks or 1
    bank = of(ceil_div(buffer.units, count) * unit_bits, unit_bits)
    return replace(bank, area_mm2=count * bank.area_mm2, leak_mw=count * bank.leak_mw, banks=count * bank.banks)


@lru_cache(maxsize=4096)
def _scratch(entries: int, bits: int, count: int) -> Logic:
    """A bank of one accumulator is the PE's own; the cost of more is that of the larger register file."""
    own, bank = register_file(1, bits), register_file(entries, bits)
    extra = bank + own.times(-1)
    more = bank.times(count - 1)
    return replace(
        extra,
        area_um2=extra.area_um2 + more.area_um2,
        delay_ns=bank.delay_ns,
        leak_nw=extra.leak_nw + more.leak_nw,
    )


@lru_cache(maxsize=4096)
def logic(design: Design) -> dict[str, Logic]:
    """All logic of the chip by component; a component is a line here or in ``memories``."""
    p, encoder = parts(design), design.skip_encoder
    unit = _activation_of_a_unit(p.affine, p.gate, p.multiply, p.add)
    return {
        "pe_array": p.pe.cell.times(design.pe_array.pes),
        "scratch": p.scratch.times(design.pe_array.pes),
        "skip_encoder": (p.nonzero_detect.times(encoder.columns_per_cycle) + p.scan).times(encoder.enabled),
        "activation_unit": unit.times(design.activation_unit.units_per_cycle),
        "sequencer": counters(3),
    }


@lru_cache(maxsize=4096)
def _activation_of_a_unit(affine: Logic, gate: Logic, multiply: Logic, add: Logic) -> Logic:
    return affine.times(GATES * PRODUCTS) + gate.times(CURVES) + multiply.times(MULTIPLIES) + add


COUNTER_BITS = 24
"""Of an address."""


@cache
def counters(count: int) -> Logic:
    """Of the sequencer's three: row block, place in the list of columns, address of the weights. A burst sets all; a
    column moves the last two."""
    return (by_bits("adder", COUNTER_BITS) + register_bits(COUNTER_BITS)).times(count)


WIRE_FF_PER_UM = 0.177
"""Capacitance of the library's wire model (mac_nangate45, method); it hardly changes with the node."""
TOGGLES = 0.5
"""Of a weight bit from one word to the next."""


@lru_cache(maxsize=4096)
def bus_pj(design: Design) -> float:
    """A word of weights on its way to the PEs: as far as the chip is wide, half its bits changing, C V^2 / 2 a change.

    The one long wire that is counted; the others carry a few bits.
    """
    logic_um2 = sum(cells.area_um2 for cells in logic(design).values()) * technology.area_scale(design.node_nm).mid
    sram_mm2 = sum(m.area_mm2 for macros in memories(design).values() for m in macros)
    side_um = math.sqrt(logic_um2 + 1e6 * sram_mm2)
    volt = technology.supply(design.node_nm, design.voltage_v)
    return design.bus_word_bits * TOGGLES * side_um * WIRE_FF_PER_UM * volt**2 / 2 / 1000


def memories(design: Design) -> dict[str, tuple[Memory, ...]]:
    """All SRAM of the chip by component."""
    p = parts(design)
    return {"weight_memory": (p.weights, p.fifo), "state_buffer": (p.state, p.state, p.cell)}


COMPONENTS = (
    "pe_array",
    "scratch",
    "weight_memory",
    "state_buffer",
    "skip_encoder",
    "activation_unit",
    "sequencer",
)
"""In the order in which reports show them."""
