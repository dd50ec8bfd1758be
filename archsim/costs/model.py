"""Area of a design, and the energy of what a run of it counted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from archsim.components.activation_unit import OPS
from archsim.costs import technology
from archsim.costs.dram import Band, pj_per_bit
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC, LOGIC_ENERGY_FACTOR
from archsim.costs.tables import MUX_FORMATS, Logic, Memory, by_bits, memory, one_of, pe, register_file, zero_skip_scan
from archsim.design import Design
from archsim.ledger import Ledger
from archsim.trace import BadInput

Status = Literal["calibrated", "predicted"]


@dataclass(frozen=True)
class Figure:
    """A number with where it comes from; `calibrated` where it rests on anything in ``fitted``."""

    value: float
    unit: str
    status: Status
    source: str


@dataclass(frozen=True)
class AreaReport:
    """Area of synthesised cells and SRAM macros by component, mm2; see `basis`."""

    components: dict[str, Figure]
    basis: str

    @cached_property
    def total_chip(self) -> float:
        return sum(figure.value for figure in self.components.values())


@dataclass(frozen=True)
class EnergyReport:
    """Energy per token by component, pJ: dynamic, `leakage` and `dram`. A token is one step of one sequence."""

    components: dict[str, Figure]
    band: Band
    """`total_system` with the low, mid and high energy of a DRAM bit."""
    time_us_per_token: float
    basis: str
    left_out: tuple[str, ...]

    @cached_property
    def total_chip(self) -> float:
        return sum(figure.value for name, figure in self.components.items() if name != "dram")

    @cached_property
    def total_system(self) -> float:
        return self.total_chip + self.components["dram"].value

    @property
    def power_chip_mw(self) -> float:
        return self.total_chip / self.time_us_per_token / 1000

    @property
    def power_system_mw(self) -> float:
        return self.total_system / self.time_us_per_token / 1000


AREA_BASIS = "synthesis, as the published areas: cells and macros; logic fills about 0.7 of a placed core; no pads"
ENERGY_BASIS = "steps back to back: leakage over the busy time only, no idle time between steps"
LEFT_OUT = (
    "clock tree, control and long wires",
    "pipeline registers that a missed clock asks for",
    "DRAM background and refresh power",
    "DRAM controller and pads",
)

LOGIC_SOURCE = "yosys on Nangate 45 nm, scaled after Stillmaker & Baas 2017"
LOGIC_ENERGY_SOURCE = f"{LOGIC_SOURCE}, times {LOGIC_ENERGY_FACTOR:g} fitted to the RBT powers"
SRAM_SOURCE = "CACTI 7, itrs-lstp"
BUFFER_SOURCE = f"CACTI 7, itrs-lstp; {BUFFERED_WEIGHTS_PER_MAC} weights a MAC inferred from the RBT areas"
LEAKAGE_SOURCE = "CACTI 7, itrs-lstp, 330 K (SRAM); Nangate 45 nm, 25 C, scaled as CACTI's itrs-hp SRAM (logic)"

# Energy of a MAC whose operand is zero over that of any other: 2 E(half zero) / E(uniform) - 1 of the stimulus table in
# mac_nangate45's method, at 8 x 8 bits, binary and ternary (12 bits). Registers and accumulator stay clocked.
ZERO_OPERAND_SHARE = {"fixed": 0.568, "binary": 0.769, "ternary": 0.807}

# The activation unit, for one unit of the network a cycle: every row has its scale at once, both products of it
# (they are normalised apart), at the 16 bits that the mapping stores scales and shifts in.
GATES = 4
PRODUCTS = 2
AFFINE_BITS = 16


@dataclass(frozen=True)
class Parts:
    """What a design is made of; logic at 45 nm, memories at the design's node."""

    pe: Logic
    scratch: Logic
    """The register files of all banks beyond the accumulator in the PE; its energies are of the bank at work."""
    weights: Memory
    fifo: Memory
    state: Memory
    """One of the two buffers of h, with the offset to the next non-zero column beside each word."""
    cell: Memory
    nonzero_detect: Logic
    """Of one column, all lanes."""
    scan: Logic
    affine: Logic
    """One row of one product: multiply and add."""
    gate: Logic
    multiply: Logic
    add: Logic
    activation_ns: float
    """From accumulator to new state, at 45 nm."""


@lru_cache(maxsize=4096)
def parts(design: Design) -> Parts:
    """BadInput names what the tables do not cover."""
    array, lanes = design.pe_array, design.lanes
    technology.check_node(design.node_nm)
    period_ns = 1000 / design.clock_mhz
    delay_ns = period_ns / technology.delay_scale(design.node_nm)
    word_bits = design.weight_memory.weights_per_cycle * array.weight_bits
    state_bits = lanes * array.act_bits + (design.skip_encoder.offset_bits if design.skip_encoder.enabled else 0)
    cell_bits = design.activation_unit.units_per_cycle * design.state_buffer.cell_bits
    units = design.state_buffer.units

    def sram(ports: Literal["1RW", "1R1W"], capacity_bits: int, width_bits: int) -> Memory:
        return memory(design.node_nm, "itrs-lstp", ports, capacity_bits, width_bits, period_ns)

    multiplier, adder = by_bits("multiplier", AFFINE_BITS, 2), by_bits("adder", array.accumulator_bits)
    product = by_bits("multiplier", design.state_buffer.cell_bits, 2)
    curve, sum_ = (by_bits(unit, design.state_buffer.cell_bits) for unit in ("sigmoid_plan4seg", "adder"))
    return Parts(
        pe=pe(array.multiplier, array.weight_bits, array.act_bits, array.accumulator_bits, delay_ns),
        scratch=_scratch(array.accumulators, array.accumulator_bits, array.banks),
        weights=sram("1RW", design.weight_memory.capacity_bits, word_bits),
        fifo=sram("1R1W", design.weight_memory.fifo_words * word_bits, word_bits),
        state=sram("1RW", units * state_bits, state_bits),
        cell=sram("1R1W", units * lanes * design.state_buffer.cell_bits, cell_bits),
        nonzero_detect=one_of("nonzero_detect_8x8").times(lanes * array.act_bits / 64),
        scan=zero_skip_scan(design.skip_encoder.columns_per_cycle),
        affine=multiplier + adder,
        gate=curve,
        multiply=product,
        add=sum_,
        # scale and shift; gate; two products at once and their sum; tanh; the last product
        activation_ns=multiplier.delay_ns + adder.delay_ns + 2 * (curve.delay_ns + product.delay_ns) + sum_.delay_ns,
    )


def _scratch(entries: int, bits: int, banks: int) -> Logic:
    """A bank of one accumulator is the PE's own; the cost of more is that of the larger register file."""
    own, bank = register_file(1, bits), register_file(entries, bits)
    extra = bank + own.times(-1)
    more = bank.times(banks - 1)
    return Logic(
        extra.area_um2 + more.area_um2,
        bank.delay_ns,
        extra.energy_pj,
        extra.clock_pj,
        extra.leak_nw + more.leak_nw,
    )


def _logic_blocks(design: Design) -> dict[str, Logic]:
    """All logic of the chip by component, 45 nm."""
    p, encoder = parts(design), design.skip_encoder
    lstm = OPS["lstm_cell"]  # the largest: what does an LSTM does a GRU and a vanilla RNN
    unit = p.affine.times(GATES * PRODUCTS) + p.gate.times(lstm.curves) + p.multiply.times(lstm.multiplies) + p.add
    return {
        "pe_array": p.pe.times(design.pe_array.pes),
        "scratch": p.scratch.times(design.pe_array.pes),
        "skip_encoder": (p.nonzero_detect.times(encoder.columns_per_cycle) + p.scan).times(encoder.enabled),
        "activation_unit": unit.times(design.activation_unit.units_per_cycle),
    }


def _memories(design: Design) -> dict[str, tuple[Memory, ...]]:
    p = parts(design)
    return {"weight_memory": (p.weights, p.fifo), "state_buffer": (p.state, p.state, p.cell)}


def _buffer_is_inferred(design: Design) -> bool:
    """The weight SRAM has just the size that was fitted to the RBT areas."""
    array = design.pe_array
    inferred_kib = math.ceil(BUFFERED_WEIGHTS_PER_MAC * array.pes * array.weight_bits / 8192)
    return design.weight_memory.capacity_kib == inferred_kib


def _memory_figure(design: Design, component: str, value: float, unit: str) -> Figure:
    if component == "weight_memory" and _buffer_is_inferred(design):
        return Figure(value, unit, "calibrated", BUFFER_SOURCE)
    return Figure(value, unit, "predicted", SRAM_SOURCE)


AREA_COMPONENTS = ("pe_array", "scratch", "weight_memory", "state_buffer", "skip_encoder", "activation_unit")


@lru_cache(maxsize=4096)
def area(design: Design) -> AreaReport:
    """Area of the chip; BadInput names what the tables do not cover."""
    scale = technology.area_scale(design.node_nm) / 1e6
    figures = {
        name: Figure(scale * cells.area_um2, "mm2", "predicted", LOGIC_SOURCE)
        for name, cells in _logic_blocks(design).items()
    }
    for name, macros in _memories(design).items():
        figures[name] = _memory_figure(design, name, sum(m.area_mm2 for m in macros), "mm2")
    return AreaReport({name: figures[name] for name in AREA_COMPONENTS}, AREA_BASIS)


@lru_cache(maxsize=4096)
def leakage_mw(design: Design) -> float:
    """Of the whole chip; not fitted."""
    logic_nw = sum(cells.leak_nw for cells in _logic_blocks(design).values())
    sram_mw = sum(m.leak_mw for macros in _memories(design).values() for m in macros)
    return logic_nw / 1e6 * technology.leakage_scale(design.node_nm) + sram_mw


Prices = dict[tuple[str, str], tuple[str, float]]
"""(ledger component, action) -> (component of the report, pJ)."""


@lru_cache(maxsize=4096)
def prices(design: Design) -> Prices:
    """What each action of a ledger costs, but for DRAM."""
    p, array = parts(design), design.pe_array
    logic = technology.energy_scale(design.node_nm) * LOGIC_ENERGY_FACTOR
    kind = "fixed" if array.multiplier == "fixed" else MUX_FORMATS[array.weight_bits]
    idle = 0.0 if array.clock_gated else p.pe.clock_pj + p.scratch.clock_pj
    per_cell = 1 / design.activation_unit.units_per_cycle
    return {
        ("pe_array", "mac"): ("pe_array", logic * p.pe.energy_pj),
        ("pe_array", "mac_zero_operand"): ("pe_array", logic * p.pe.energy_pj * ZERO_OPERAND_SHARE[kind]),
        ("pe_array", "idle_pe_cycle"): ("pe_array", logic * idle),
        ("pe_array", "scratch_access"): ("scratch", logic * p.scratch.energy_pj),
        ("weight_memory", "sram_read_word"): ("weight_memory", p.weights.read_pj),
        ("weight_memory", "fifo_word"): ("weight_memory", p.fifo.read_pj + p.fifo.write_pj),
        # a word holds one column of all lanes, or the cells of the units of one cycle
        ("state_buffer", "h_read"): ("state_buffer", p.state.read_pj / design.lanes),
        ("state_buffer", "h_write"): ("state_buffer", p.state.write_pj / design.lanes),
        ("state_buffer", "c_read"): ("state_buffer", p.cell.read_pj * per_cell),
        ("state_buffer", "c_write"): ("state_buffer", p.cell.write_pj * per_cell),
        ("skip_encoder", "scan_column"): ("skip_encoder", logic * p.nonzero_detect.energy_pj),
        ("skip_encoder", "list_column"): ("skip_encoder", logic * p.scan.energy_pj),
        ("activation_unit", "row_affine"): ("activation_unit", logic * p.affine.energy_pj),
        ("activation_unit", "curve"): ("activation_unit", logic * p.gate.energy_pj),
        ("activation_unit", "multiply"): ("activation_unit", logic * p.multiply.energy_pj),
        ("activation_unit", "add"): ("activation_unit", logic * p.add.energy_pj),
    }


def energy(design: Design, ledger: Ledger, cycles: int, tokens: int) -> EnergyReport:
    """Energy per token of a run that took `cycles` for `tokens`; BadInput for an action without a price."""
    if cycles < 1 or tokens < 1:
        raise BadInput(f"energy: cycles and tokens must be at least 1, not {cycles} and {tokens}")
    time_us = cycles / design.clock_mhz
    dynamic = dict.fromkeys(AREA_COMPONENTS, 0.0)
    known = prices(design)
    for component, action, amount in _counted(ledger):
        if (component, action) not in known:
            raise BadInput(f"energy: no price for action {action!r} of component {component!r}")
        name, pj = known[component, action]
        dynamic[name] += amount * pj / tokens
    figures = {name: _energy_figure(design, name, pj) for name, pj in dynamic.items()}
    leakage_pj = leakage_mw(design) * time_us * 1000 / tokens
    figures["leakage"] = Figure(leakage_pj, "pJ/token", "predicted", LEAKAGE_SOURCE)
    per_bit, bits = pj_per_bit(design.dram.kind), ledger.get("dram", "read_bits") / tokens
    dram = Figure(bits * per_bit.mid, "pJ/token", "predicted", f"{design.dram.kind}: {per_bit.mid:g} pJ a bit")
    chip = sum(figure.value for figure in figures.values())
    band = Band(*(chip + bits * pj for pj in (per_bit.low, per_bit.mid, per_bit.high)))
    return EnergyReport({**figures, "dram": dram}, band, time_us / tokens, ENERGY_BASIS, LEFT_OUT)


def _counted(ledger: Ledger) -> Iterable[tuple[str, str, int]]:
    for component, actions in ledger.counts.items():
        for action, amount in actions.items():
            if (component, action) != ("dram", "read_bits"):
                yield component, action, amount


def _energy_figure(design: Design, component: str, value: float) -> Figure:
    if component in ("weight_memory", "state_buffer"):
        return _memory_figure(design, component, value, "pJ/token")
    return Figure(value, "pJ/token", "calibrated", LOGIC_ENERGY_SOURCE)


def clock_problems(design: Design) -> tuple[str, ...]:
    """Parts that miss the clock, one line each, with the pipeline stages or interleaved banks that would meet it."""
    p, scale = parts(design), technology.delay_scale(design.node_nm)
    depth = max(1, design.activation_unit.depth_cycles)
    needed = [
        ("pe_array", p.pe.delay_ns * scale, 1, "pipeline stages"),
        ("skip_encoder", p.scan.delay_ns * scale, 1, "pipeline stages"),
        ("activation_unit", p.activation_ns * scale, depth, "pipeline stages"),
        ("weight_memory", p.weights.cycle_ns, 1, "interleaved banks"),
        ("weight_memory FIFO", p.fifo.cycle_ns, 1, "interleaved banks"),
        ("state_buffer h", p.state.cycle_ns, 1, "interleaved banks"),
        ("state_buffer c", p.cell.cycle_ns, 1, "interleaved banks"),
    ]
    period_ns = 1000 / design.clock_mhz
    return tuple(
        _line(name, ns, cycles * period_ns, cycles, remedy)
        for name, ns, cycles, remedy in needed
        if ns > cycles * period_ns
    )


def _line(name: str, needed_ns: float, allowed_ns: float, cycles: int, remedy: str) -> str:
    """`allowed_ns` are `cycles` clock periods."""
    return (
        f"{name}: takes {needed_ns:.2f} ns, the clock allows {allowed_ns:.2f} ns:"
        f" {math.ceil(needed_ns * cycles / allowed_ns)} {remedy}"
    )
