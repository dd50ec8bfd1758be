"""What one action costs: a line for each action that the machine counts."""

import math
from collections.abc import Callable
from dataclasses import replace

from archsim.costs import technology
from archsim.costs.figures import Figure
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC, LOGIC_ENERGY_FACTOR
from archsim.costs.parts import WIRE_FF_PER_UM, Parts, bus_pj, counters
from archsim.costs.tables import zero_operand_share
from archsim.design import Design

LOGIC_SOURCE = "yosys on Nangate 45 nm, scaled after Stillmaker & Baas 2017"
LOGIC_ENERGY_SOURCE = f"{LOGIC_SOURCE}, times {LOGIC_ENERGY_FACTOR:g} fitted to the RBT powers"
SRAM_SOURCE = "CACTI 7, itrs-lstp"
BUFFER_SOURCE = f"CACTI 7, itrs-lstp; {BUFFERED_WEIGHTS_PER_MAC} weights a MAC inferred from the RBT areas"


def buffer_is_inferred(design: Design) -> bool:
    """The weight FIFO (or SRAM) has just the size that was fitted to the RBT areas."""
    memory, pes = design.weight_memory, design.pe_array.pes
    if memory.fifo_words * memory.weights_per_cycle == BUFFERED_WEIGHTS_PER_MAC * pes:
        return True
    return memory.capacity_kib == math.ceil(BUFFERED_WEIGHTS_PER_MAC * pes * design.pe_array.weight_bits / 8192)


def memory_figure(design: Design, component: str, value: float, unit: str) -> Figure:
    if component == "weight_memory" and buffer_is_inferred(design):
        return Figure(value, unit, "calibrated", BUFFER_SOURCE)
    return Figure(value, unit, "predicted", SRAM_SOURCE)


Rule = Callable[[Design, Parts], Figure]
Amount = Callable[[Design, Parts], float]


def _logic(energy_pj: Amount) -> Rule:
    """Of synthesised cells: `energy_pj` at 45 nm, scaled and times the fitted factor."""

    def price(design: Design, p: Parts) -> Figure:
        scale = technology.energy_scale(design.node_nm, design.voltage_v) * LOGIC_ENERGY_FACTOR
        return Figure(scale * energy_pj(design, p), "pJ", "calibrated", LOGIC_ENERGY_SOURCE)

    return price


def _sram(component: str, energy_pj: Amount) -> Rule:
    """Of a memory, at the design's node."""
    return lambda design, p: memory_figure(design, component, energy_pj(design, p), "pJ")


def _with_wires(rule: Rule) -> Rule:
    def price(design: Design, p: Parts) -> Figure:
        figure = rule(design, p)
        return replace(figure, source=f"{figure.source}; wires to the PEs: Nangate's {WIRE_FF_PER_UM:g} fF/um")

    return price


def _zero_share(design: Design) -> float:
    array = design.pe_array
    return zero_operand_share(array.multiplier, array.weight_bits, array.act_bits)


def _idle_pj(design: Design, p: Parts) -> float:
    """Clock pins, unless the clock is stopped."""
    return 0.0 if design.pe_array.clock_gated else p.pe.cell.clock_pj + p.scratch.clock_pj


Action = tuple[str, str]
"""(component of the ledger, action)."""

# (component, action): (component of the report, pJ). A word of h holds a column of all lanes.
PRICES: dict[Action, tuple[str, Rule]] = {
    ("pe_array", "mac"): ("pe_array", _logic(lambda d, p: p.pe.cell.energy_pj)),
    ("pe_array", "mac_zero_operand"): ("pe_array", _logic(lambda d, p: p.pe.cell.energy_pj * _zero_share(d))),
    ("pe_array", "idle_pe_cycle"): ("pe_array", _logic(_idle_pj)),
    ("pe_array", "scratch_access"): ("scratch", _logic(lambda d, p: p.scratch.energy_pj)),
    ("weight_memory", "sram_read_word"): ("weight_memory", _sram("weight_memory", lambda d, p: p.weights.read_pj)),
    ("weight_memory", "sram_write_word"): ("weight_memory", _sram("weight_memory", lambda d, p: p.weights.write_pj)),
    ("weight_memory", "fifo_word"): (
        "weight_memory",
        _with_wires(_sram("weight_memory", lambda d, p: p.fifo.write_pj + p.fifo.read_pj + bus_pj(d))),
    ),
    ("state_buffer", "h_read"): ("state_buffer", _sram("state_buffer", lambda d, p: p.state.read_pj / d.lanes)),
    ("state_buffer", "h_write"): ("state_buffer", _sram("state_buffer", lambda d, p: p.state.write_pj / d.lanes)),
    ("state_buffer", "c_read"): (
        "state_buffer",
        _sram("state_buffer", lambda d, p: p.cell.read_pj / p.cells_per_word),
    ),
    ("state_buffer", "c_write"): (
        "state_buffer",
        _sram("state_buffer", lambda d, p: p.cell.write_pj / p.cells_per_word),
    ),
    ("skip_encoder", "scan_column"): ("skip_encoder", _logic(lambda d, p: p.nonzero_detect.energy_pj)),
    ("skip_encoder", "list_column"): ("skip_encoder", _logic(lambda d, p: p.scan.energy_pj)),
    ("activation_unit", "row_affine"): ("activation_unit", _logic(lambda d, p: p.affine.energy_pj)),
    ("activation_unit", "curve"): ("activation_unit", _logic(lambda d, p: p.gate.energy_pj)),
    ("activation_unit", "multiply"): ("activation_unit", _logic(lambda d, p: p.multiply.energy_pj)),
    ("activation_unit", "add"): ("activation_unit", _logic(lambda d, p: p.add.energy_pj)),
    ("sequencer", "burst"): ("sequencer", _logic(lambda d, p: counters(3).energy_pj)),
    ("sequencer", "column"): ("sequencer", _logic(lambda d, p: counters(2).energy_pj)),
}

DRAM_READ: Action = ("dram", "read_bits")
"""Priced by the bit and the kind of DRAM (``dram.pj_per_bit``)."""
