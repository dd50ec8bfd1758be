"""The parts of each component and the costs of its actions, computed by hand; each has one file in ``costs.blocks``."""

import re
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import pytest

from archsim import catalogue, designs
from archsim.catalogue import CATALOGUE
from archsim.costs import area, banks, energy, leakage
from archsim.costs.block import process, wires_pj
from archsim.costs.blocks.activation_unit import datapath, norm_store
from archsim.costs.blocks.readout import readout
from archsim.costs.blocks.scratch import bank, idle_pj, scratch
from archsim.costs.blocks.sequencer import COUNTERS, address, control_of, counter_bits
from archsim.costs.blocks.skip_encoder import nonzero_detect, offsets, one_flag, scan
from archsim.costs.blocks.state_buffer import cell_state, cells_per_word, state
from archsim.costs.blocks.weight_memory import fifo
from archsim.costs.conditions import conditions
from archsim.costs.curves import curve
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC, LOGIC_ENERGY_FACTOR
from archsim.costs.library import chip
from archsim.costs.logic import by_bits, counter, mux_bits, register_bits, register_file
from archsim.costs.memories import memory
from archsim.costs.model import prices
from archsim.costs.pe import pe, zero_operand_share
from archsim.costs.technology import energy_scale
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.ledger import Ledger
from archsim.mapping.operations import results
from archsim.mapping.plan import Stage, Sum
from archsim.specs import ALL as SPECS
from archsim.trace.graph import UnitOperations

SKIP = load_design("skip-65nm")
ACTIONS = tuple(prices(SKIP))
COMPONENTS = CATALOGUE.with_area


def bus_pj(design: Design) -> float:
    """The energy of a word of weights on its way to the PEs."""
    return wires_pj(conditions(design), design.bus_word_bits, chip(design).side_um)


def test_banks_of_a_design() -> None:
    resident = load_design("edge-resident")
    found = banks(resident)
    assert found == next(m.memory for m in chip(resident).built["weight_memory"].memories)
    assert found.bank_bytes * found.banks == 256 * 1024
    assert banks(resident.override({"clock_mhz": 1200, "node_nm": 65})).banks > found.banks
    assert banks(SKIP).banks == 0  # it has no weight SRAM


def test_one_port_is_one_macro_with_one_port() -> None:
    one, two = (SKIP.override({"weight_memory.ports": n, "state_buffer.ports": n}) for n in (1, 2))
    single, double = (memory(process(SKIP), ports, 64 * 192, 192, 5.0) for ports in ("1RW", "1R1W"))
    assert (fifo(one), fifo(two)) == (single, double)
    assert cell_state(one) == memory(process(SKIP), "1RW", 1024 * 8 * 16, 4 * 16, 5.0)
    assert state(one) == state(two)  # h lies there twice: one is read while the other is written
    assert area(one).components["weight_memory"].value < area(two).components["weight_memory"].value
    assert area(one).components["state_buffer"].value <= area(two).components["state_buffer"].value  # two halves of it


def test_the_weight_sram_has_one_port_whatever_the_fifo_has() -> None:
    resident = load_design("edge-resident")
    assert banks(resident).ports == "1RW"
    assert banks(resident.override({"weight_memory.ports": 1})) == banks(resident)


REGISTER_UM2, REGISTER_PJ = 72.4 / 16, 0.2099 / 16  # row register16


def test_the_curve_of_a_design_is_its_spec() -> None:
    """With five curves a unit and four units a cycle, nothing but the curves changes unless a stage is added."""

    def unit_mm2(kind: str, entries: int) -> float:
        values: dict[str, Any] = {
            "activation_unit.curve": kind,
            "activation_unit.entries": entries,
            "activation_unit.depth_cycles": 20,
        }
        return area(SKIP.override(values)).components["activation_unit"].value

    for kind, entries in (("segments", 2), ("segments", 16), ("table", 256), ("table", 1024)):
        cell_um2 = curve(kind, entries, 16).area_um2 - curve("segments", 4, 16).area_um2
        assert unit_mm2(kind, entries) - unit_mm2("segments", 4) == pytest.approx(4 * 5 * cell_um2 * 1.5e-6)
    table = prices(SKIP.override({"activation_unit.curve": "table", "activation_unit.entries": 1024}))
    assert table[catalogue.CURVE].value > prices(SKIP)[catalogue.CURVE].value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"node_nm": 55}, "costs: node_nm must be one of 130, 90, 65, 45, 40, 32, 28, 22, 16, 14, 10, 7, not 55"),
        ({"pe_array.act_bits": 3}, "PE costs: pe_array.act_bits must be 4 to 16, not 3"),
        ({"pe_array.weight_bits": 1}, "PE costs: a fixed PE takes weights of 2 to 16 bits, not 1"),
        (
            {"pe_array.multiplier": "mux", "pe_array.weight_bits": 8},
            "PE costs: a mux PE takes weights of 1 bit (binary) or 2 (ternary), not 8",
        ),
    ],
)
def test_what_the_tables_do_not_cover_is_refused_by_name(override: dict[str, str | int], message: str) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(message)}$"):
        area(SKIP.override(override))


def test_every_component_of_the_machine_is_priced() -> None:
    named = {
        name
        for name, field in Design.model_fields.items()
        if {field.annotation, *get_args(field.annotation)} & {*SPECS}
    }
    assert named - {"dram"} <= set(COMPONENTS)
    assert {"dram", *COMPONENTS} - named == {"scratch"}  # a part of the PE array, shown apart


def test_pe_array_area_by_hand() -> None:
    # one clock of 400 MHz at 65 nm is 1.59 ns at 45 nm: the ripple netlist, cut once
    design = load_design("rbt-low-power-full")
    assert area(design).components["pe_array"].value == pytest.approx(100 * (1135.0 + 24 * REGISTER_UM2) * 1e-6 * 1.5)


@pytest.mark.parametrize(
    ("path", "values", "component"),
    [
        ("pe_array.weight_bits", (2, 3, 5, 8, 12, 16), "pe_array"),
        ("pe_array.act_bits", (4, 6, 8, 12, 16), "pe_array"),
        ("pe_array.accumulator_bits", (16, 24, 32), "scratch"),
        ("pe_array.accumulators", (1, 2, 8, 16, 32), "scratch"),
        ("pe_array.tiles", (1, 2, 4), "pe_array"),
        ("weight_memory.capacity_kib", (1, 8, 64, 512, 4096), "weight_memory"),
        ("weight_memory.fifo_words", (64, 256, 1024), "weight_memory"),
        ("state_buffer.units", (256, 1024, 2048), "state_buffer"),
        ("state_buffer.banks", (4, 16, 64), "state_buffer"),
        ("skip_encoder.columns_per_cycle", (1, 16, 64), "skip_encoder"),
        ("activation_unit.units_per_cycle", (1, 2, 8), "activation_unit"),
        ("activation_unit.depth_cycles", (5, 8, 16), "activation_unit"),
        ("node_nm", (22, 32, 45, 65, 90), "pe_array"),
    ],
)
def test_more_costs_more(path: str, values: tuple[int, ...], component: str) -> None:
    several = [SKIP.override({path: value}) for value in values]
    for report in (area, leakage):
        costs = [(r.components if report is area else r)[component].value for r in map(report, several)]  # type: ignore
        if report is leakage and path in ("node_nm", "pe_array.accumulators"):
            continue  # smaller nodes leak more, and SRAM, in which many accumulators lie, less than flip-flops
        assert costs == sorted(costs)
        assert len(set(costs)) == len(costs)


def test_scratch_is_what_lies_beyond_the_accumulator_in_the_pe() -> None:
    def mm2(accumulators: int, double: bool) -> float:
        design = SKIP.override({"pe_array.accumulators": accumulators, "pe_array.double_buffered": double})
        return area(design).components["scratch"].value

    one_bank, a_flag = 192 * (2201.9 - 112.0) * 1e-6 * 1.5, 192 * (REGISTER_UM2 + 29.8 / 16) * 1e-6 * 1.5
    assert mm2(1, False) == 0
    assert mm2(1, True) == pytest.approx(192 * 112.0e-6 * 1.5 + 2 * a_flag, rel=0.01)
    assert mm2(16, False) == pytest.approx(one_bank + 16 * a_flag, rel=0.01)
    assert mm2(16, True) == pytest.approx(one_bank + 192 * 2201.9e-6 * 1.5 + 32 * a_flag, rel=0.01)


def test_a_scratch_access_takes_the_bank_in_use_in_place_of_the_accumulator_in_the_pe() -> None:
    """16 x 24 and 1 x 24 in the table, within the 1 % by which 24 bits are interpolated between 16 and 32."""
    expected_pj = (1.5583 - 0.3577) * energy_scale(65) * LOGIC_ENERGY_FACTOR
    assert prices(SKIP)[catalogue.SCRATCH_ACCESS].value == pytest.approx(expected_pj, rel=0.02)
    double = SKIP.override({"pe_array.double_buffered": True})
    assert prices(double)[catalogue.SCRATCH_ACCESS] == prices(SKIP)[catalogue.SCRATCH_ACCESS]
    single = SKIP.override({"pe_array.accumulators": 1})
    assert prices(single)[catalogue.SCRATCH_ACCESS].value == 0


def test_many_accumulators_lie_in_sram_whose_figures_are_predicted() -> None:
    few, many = SKIP, SKIP.override({"pe_array.accumulators": 256})
    assert (scratch(few).registers, scratch(many).registers) == (1, 0)
    assert scratch(many).ports == "1R1W"
    assert prices(few)[catalogue.SCRATCH_ACCESS].status == "calibrated"
    assert prices(many)[catalogue.SCRATCH_ACCESS].status == "predicted"
    assert "register array" in area(few).components["scratch"].source
    assert "CACTI" in area(many).components["scratch"].source
    assert leakage(many)["scratch"].value < leakage(few)["scratch"].value  # flip-flops leak more than SRAM cells
    assert (idle_pj(few) > 0, idle_pj(many)) == (True, 0)


def test_only_what_has_sram_names_its_source() -> None:
    """Eight words of the FIFO are flip-flops, and there is no weight SRAM."""
    few, many = (load_design("edge-8pe").override({"weight_memory.fifo_words": words}) for words in (8, 64))
    for report in (lambda design: area(design).components, leakage):
        assert "CACTI 7" not in report(few)["weight_memory"].source
        assert report(many)["weight_memory"].source.startswith("CACTI 7")


def test_a_block_of_nothing_costs_nothing() -> None:
    one = load_design("edge-8pe").override({"pe_array.accumulators": 1, "pe_array.double_buffered": False})
    for report in (area(one).components, leakage(one)):
        assert (report["scratch"].value, report["scratch"].status) == (0, "predicted")


def test_the_inferred_weight_buffer_is_marked_and_a_chosen_one_is_not() -> None:
    for name in designs.ALL:
        design = load_design(name)
        expected = "calibrated" if name.startswith("rbt") else "predicted"
        assert area(design).components["weight_memory"].status == expected
    chosen = load_design("rbt-low-power-full").override(
        {"weight_memory.capacity_kib": 512, "weight_memory.fifo_words": 64}
    )
    assert area(chosen).components["weight_memory"].status == "predicted"
    streamed = chosen.override({"weight_memory.fifo_words": BUFFERED_WEIGHTS_PER_MAC})
    assert area(streamed).components["weight_memory"].status == "calibrated"


def test_a_word_of_weights_pays_for_its_wires() -> None:
    side_um = (area(SKIP).total_chip * 1e6) ** 0.5
    expected_pj = 192 * 0.5 * 0.5 * 0.177e-3 * side_um * 1.1**2
    assert bus_pj(SKIP) == pytest.approx(expected_pj)
    word = prices(SKIP)[catalogue.FIFO_WORD]
    assert word.value == pytest.approx(fifo(SKIP).read_pj + fifo(SKIP).write_pj + expected_pj)
    assert "0.177 fF/um" in word.source


def test_the_mac_of_skip_by_hand() -> None:
    cell = pe("fixed", 8, 8, 24, 3.0).cell
    assert prices(SKIP)[catalogue.MAC].value == pytest.approx(cell.energy_pj * energy_scale(65) * LOGIC_ENERGY_FACTOR)


def test_a_stationary_weight_has_a_second_register_and_only_the_last_tile_has_scratches() -> None:
    """Of the same 192 PEs as 8 tiles of 24, on the same lanes; the chain of a row ends in an adder of its own."""
    still = SKIP.override(
        {"dataflow": "weight-stationary", "pe_array.tiles": 8, "pe_array.pes_per_tile": 24, "pe_array.accumulators": 16}
    )
    logic, register, adder = energy_scale(65) * LOGIC_ENERGY_FACTOR, register_bits(8), by_bits("adder", 24)
    entries, paid, cell = bank(still, 16), prices(still), pe("fixed", 8, 8, 24, 3.0).cell
    assert paid[catalogue.MAC] == prices(SKIP)[catalogue.MAC]
    assert paid[catalogue.WEIGHT_LOAD].value == pytest.approx(2 * register.energy_pj * logic)
    access = entries.read_pj + entries.write_pj + adder.energy_pj * logic
    assert paid[catalogue.SCRATCH_ACCESS].value == pytest.approx(access)
    clocked = cell.clock_pj + entries.registers * register_file(16, 24).clock_pj * 24 / 192
    assert paid[catalogue.IDLE_PE_CYCLE].value == pytest.approx(clocked * logic)
    element = register_bits(8).energy_pj + mux_bits(8).energy_pj  # waits in its tile for its lane's turn
    assert paid[catalogue.H_READ].value == pytest.approx(prices(SKIP)[catalogue.H_READ].value + element * logic)
    parts, before = area(still).components, area(SKIP).components
    assert parts["pe_array"].value / before["pe_array"].value == pytest.approx(1 + register.area_um2 / cell.area_um2)
    one_of_lane = adder.area_um2 * before["pe_array"].value / (192 * cell.area_um2)
    a_flag = (register_bits(1) + mux_bits(1)).area_um2 / adder.area_um2 * one_of_lane
    assert parts["scratch"].value == pytest.approx(24 * (entries.area_mm2 + one_of_lane + 16 * a_flag))
    waiting = register_bits(2 * 8 * 8 * 8).area_um2 + mux_bits(8 * 8 * 8).area_um2  # of 8 tiles x 8 lanes x 8 bits
    added = waiting * before["pe_array"].value / (192 * cell.area_um2)
    assert parts["state_buffer"].value == pytest.approx(before["state_buffer"].value + added)


def test_every_action_costs_what_its_parts_do() -> None:
    """At 65 nm and 1.2 V, logic is multiplied by the fitted factor; a word of h holds a column of all 8 lanes. A weight
    SRAM, which SKIP lacks, costs its accesses."""
    logic, unit = energy_scale(65) * LOGIC_ENERGY_FACTOR, datapath(SKIP)
    queue, h, c, norms = fifo(SKIP), state(SKIP), cell_state(SKIP), norm_store(SKIP)
    cell = pe("fixed", 8, 8, 24, 3.0).cell
    one, whole = counter(counter_bits(SKIP)), control_of(SKIP)
    expected = {
        catalogue.MAC: cell.energy_pj * logic,
        catalogue.MAC_ZERO_OPERAND: cell.energy_pj * logic * zero_operand_share("fixed", 8, 8),
        catalogue.IDLE_PE_CYCLE: (cell.clock_pj + idle_pj(SKIP)) * logic,
        catalogue.SCRATCH_ACCESS: scratch(SKIP).read_pj + scratch(SKIP).write_pj,
        catalogue.FIFO_WORD: queue.write_pj + queue.read_pj + bus_pj(SKIP),
        catalogue.H_READ: h.read_pj / 8,
        catalogue.H_WRITE: h.write_pj / 8,
        catalogue.C_READ: c.read_pj / cells_per_word(SKIP),
        catalogue.C_WRITE: c.write_pj / cells_per_word(SKIP),
        catalogue.SCAN_COLUMN: (nonzero_detect(SKIP).energy_pj + one_flag().energy_pj) * logic,
        catalogue.LIST_COLUMN: (scan(SKIP).energy_pj + offsets(SKIP).energy_pj / 4) * logic,
        catalogue.SUM_READ: readout(SKIP).energy_pj / 16 * logic,
        catalogue.NORM_ACCESS: (norms.write_pj + norms.read_pj) / 12 / 8,
        catalogue.ROW_AFFINE: unit.affine.energy_pj * logic,
        catalogue.CURVE: unit.gate.energy_pj * logic,
        catalogue.MULTIPLY: unit.multiply.energy_pj * logic,
        catalogue.ADD: unit.add.energy_pj * logic,
        catalogue.BURST: COUNTERS * one.energy_pj * logic,
        catalogue.COLUMN: (8 * one.energy_pj + address(SKIP).energy_pj) * logic,
        catalogue.CONTROL_CYCLE: (whole.clock_pj + 4 * (one.energy_pj - one.clock_pj)) * logic,
    }
    found = {action: figure.value for action, figure in prices(SKIP).items() if action != catalogue.READ_BITS}
    assert found == pytest.approx(expected)
    resident = load_design("edge-resident")
    assert prices(resident)[catalogue.SRAM_READ_WORD].value == banks(resident).read_pj
    assert prices(resident)[catalogue.SRAM_WRITE_WORD].value == banks(resident).write_pj
    assert SKIP.lanes == 8
    assert not SKIP.pe_array.clock_gated


def test_gated_idle_pes_cost_nothing() -> None:
    idle = Ledger()
    idle.add(catalogue.IDLE_PE_CYCLE, 1000)
    open_, gated = (energy(SKIP.override({"pe_array.clock_gated": g}), idle, 1000, 1) for g in (False, True))
    assert open_.components["pe_array"].value > 0 == gated.components["pe_array"].value
    assert open_.total_chip > gated.total_chip


@pytest.mark.parametrize("name", designs.ALL)
def test_a_mac_costs_more_than_a_zero_one_and_that_more_than_idling(name: str) -> None:
    price = {action: f.value for action, f in prices(load_design(name)).items()}
    assert price[catalogue.MAC] > price[catalogue.MAC_ZERO_OPERAND] > price[catalogue.IDLE_PE_CYCLE] >= 0
    assert (price[catalogue.IDLE_PE_CYCLE] == 0) == load_design(name).pe_array.clock_gated


def test_more_bits_take_more_energy() -> None:
    macs = [prices(SKIP.override({"pe_array.weight_bits": b}))[catalogue.MAC].value for b in (2, 4, 8, 12, 16)]
    assert macs == sorted(macs)


@pytest.mark.parametrize("name", designs.ALL)
def test_every_action_has_a_price_with_unit_and_source(name: str) -> None:
    for action, figure in prices(load_design(name)).items():
        assert action.charged_to in COMPONENTS
        assert action.component in COMPONENTS
        assert figure.unit == "pJ"
        assert figure.source
        assert figure.value >= 0


def test_every_action_that_is_counted_has_a_price_and_every_price_is_of_one() -> None:
    """The actions are those that the source adds to a ledger by name, those of a stage, and each cycle's own."""
    source = [p.read_text() for p in Path(str(resources.files("archsim"))).rglob("*.py") if "costs" not in p.parts]
    named = {name for text in source for name in re.findall(r"ledger\.add\(\s*catalogue\.(\w+)", text)}
    assert len(named) > 8
    everything = UnitOperations(**dict.fromkeys(UnitOperations.model_fields, 1))
    stage = Stage(((0,),), (Sum("all", (0,), 1),), everything, 1, 1, 1, 1, ())
    counted = {getattr(catalogue, name) for name in named} | {action for action, _ in results(stage, 1)}
    counted.add(catalogue.CONTROL_CYCLE)
    stationary = {catalogue.WEIGHT_LOAD}  # elsewhere weights pass the PEs as operands do
    off_chip = {catalogue.READ_BITS, catalogue.WRITE_BITS}
    assert counted - off_chip - stationary == set(prices(load_design("edge-resident")))
    assert catalogue.WEIGHT_LOAD in prices(load_design("stationary-65nm"))


def test_banks_of_the_state_hold_as_many_words_as_there_are_units() -> None:
    """1,024 units in 7 banks: two of 147 words and five of 146. More banks are never smaller, nor hold more words."""
    seven = state(SKIP.override({"state_buffer.banks": 7}))
    assert seven.capacity_bits == 1024 * 72
    banks_of = [memory(process(SKIP), "1RW", words * 72, 72, 5.0) for words in (147, 146)]
    assert seven.area_mm2 == pytest.approx(2 * banks_of[0].area_mm2 + 5 * banks_of[1].area_mm2)
    assert (seven.read_pj, seven.access_ns) == (banks_of[0].read_pj, banks_of[0].access_ns)
    areas = [state(SKIP.override({"state_buffer.banks": n})).area_mm2 for n in (*range(1, 40), 1024, 2000)]
    assert areas == sorted(areas)
