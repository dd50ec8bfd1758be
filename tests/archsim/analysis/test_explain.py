"""The figures of a design with their sources are complete, and equal those that area and energy use."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from archsim import designs
from archsim.analysis.explain import explain
from archsim.costs import area, banks, leakage
from archsim.costs.curves import curve
from archsim.costs.library import chip
from archsim.costs.model import prices
from archsim.costs.own import cost_table
from archsim.costs.technology import delay_scale, energy_scale
from archsim.design import Design, load_design
from archsim.specs import ALL as SPECS
from dse.cli.tables import costs as tables


@pytest.mark.parametrize("name", designs.ALL)
def test_every_figure_has_unit_and_source(name: str) -> None:
    for row in explain(load_design(name)):
        assert row.unit
        assert row.source
        assert row.status in ("calibrated", "predicted")
        assert row.low <= row.value <= row.high


@pytest.mark.parametrize("name", designs.ALL)
def test_every_component_is_there_and_its_figures_are_those_in_use(name: str) -> None:
    design = load_design(name)
    found = {(row.component, row.figure): row.value for row in explain(design)}
    assert len(found) == len(explain(design))
    stated = {field for field in Design.model_fields if isinstance(getattr(design, field), SPECS)}
    assert stated - {c for c, _ in found} == (set() if design.skip_encoder.enabled else {"skip_encoder"})
    assert any(component == "dram" for component, _ in found) == (design.dram is not None)
    for component, figure in area(design).components.items():
        assert found.get((component, "area"), 0) == figure.value
    for component, figure in leakage(design).items():
        assert found.get((component, "leakage"), 0) == figure.value
    for action, figure in prices(design).items():
        assert found[action.component, f"energy of {action.name}"] == figure.value


def test_a_thousand_small_pes_show_what_they_have_and_nothing_else() -> None:
    """One entry a PE, no zeros skipped, a bus of a row: no scratch, encoder, rotation or SRAM of weights."""
    small: dict[str, Any] = {
        "pe_array.tiles": 10,
        "pe_array.accumulators": 1,
        "weight_memory.weights_per_cycle": 1000,
        "sequencer.empty_burst_cycles": 1,
    }
    rows = explain(load_design("rbt-low-power-binary").override(small))
    assert {row.component for row in rows} == {
        "pe_array", "weight_memory", "weight_memory FIFO", "state_buffer", "state_buffer h", "state_buffer c",
        "activation_unit", "activation_unit scales and shifts", "sequencer", "dram", "logic",
    }  # fmt: skip
    figures = {row.figure for row in rows}
    assert {"area of read-out", "area of control", "area of addresses"} <= figures
    gone = ("scratch", "rotation", "flags", "offsets", "union", "scan", "list", "sram")
    assert not [figure for figure in figures if any(word in figure for word in gone)]
    assert all(row.source for row in rows)


def test_clock_reach_and_banks() -> None:
    design = load_design("edge-resident")
    found = {(row.component, row.figure): (row.value, row.unit) for row in explain(design)}
    assert found["weight_memory", "bank size"] == (256 / banks(design).banks, "KiB")
    assert found["weight_memory", "clock reach"] == (pytest.approx(1000 / banks(design).cycle_ns), "MHz")
    assert found["pe_array", "pipeline stages"] == (1, "stages")
    assert ("weight_memory", "bank size") not in {(r.component, r.figure) for r in explain(load_design("skip-65nm"))}


def test_memories_as_they_are_cut_the_curve_and_the_supply() -> None:
    design = load_design("skip-65nm").override({"voltage_v": 0.9, "activation_unit.entries": 20})
    rows = {(row.component, row.figure): row for row in explain(design)}
    memories = [(m.name, m.memory) for block in chip(design).built.values() for m in block.memories if m.memory.banks]
    assert [name for name, _ in memories] == [
        "scratch",
        "weight_memory FIFO",
        "state_buffer h",
        "state_buffer c",
        "activation_unit scales and shifts",
    ]
    for name, memory in memories:
        assert rows[name, "bank size"].value == memory.bank_bytes / 1024
        assert rows[name, "words"].value * rows[name, "word"].value == memory.capacity_bits
        assert rows[name, "access"].value == memory.access_ns
        assert rows[name, "banks"].value == memory.banks
    assert [rows["scratch", what].value for what in ("memories", "words", "word")] == [192, 16, 24]
    assert rows["scratch", "words"].source.startswith("register array: ")
    assert rows["state_buffer h", "memories"].value == 2
    assert rows["state_buffer h", "words"].source == "SRAM: CACTI 7, itrs-lstp, 1RW"
    assert rows["activation_unit", "segments of a curve"].value == 20
    assert rows["activation_unit", "area of one curve"].value == pytest.approx(curve("segments", 20, 16).area_um2 * 1.5)
    assert (rows["logic", "supply"].value, rows["logic", "supply"].source) == (0.9, "of the design")
    assert rows["logic", "energy over 45 nm"].value == energy_scale(65, 0.9)
    assert rows["logic", "delay over 45 nm"].value == delay_scale(65, 0.9)


@pytest.mark.parametrize("name", designs.ALL)
def test_the_table_is_80_columns_wide_and_nothing_is_broken_in_two(name: str) -> None:
    rows = explain(load_design(name))
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables.explain_report(rows))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    shown = [line.split() for line in lines]
    printed = {"mm2": "mm²", "um2": "µm²"}
    for row in rows:
        value = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.4g}"
        assert any(value in words and printed.get(row.unit, row.unit) in words for words in shown)


def test_dram_and_leakage_carry_bands() -> None:
    rows = {(row.component, row.figure): row for row in explain(load_design("skip-65nm"))}
    dram = rows["dram", "energy of read_bits"]
    assert (dram.low, dram.value, dram.high, dram.unit) == (8, 11, 14, "pJ/bit")
    for figure in (rows["dram", "background"], rows["pe_array", "leakage"], rows["pe_array", "area"]):
        assert figure.low < figure.high


def test_the_rate_of_the_channel_and_what_bounds_it() -> None:
    """16 accesses of 256 bits every 20 cycles of 5 ns give 40.96 of 51.2 Gb/s; inputs own a quarter of the time."""
    few: dict[str, Any] = {"dram.burst_bits": 256, "dram.outstanding": 16}
    by_design = [
        {row.figure: (row.value, row.source) for row in explain(load_design("skip-65nm").override(values))}
        for values in (
            {},
            few,
            {**few, "dram.inputs": True, "dram.arbitration": "tdm", "dram.input_share": 0.25},
        )
    ]
    assert by_design[0]["rate of weights"] == (51.2, "bound by bandwidth")
    assert "rate of inputs" not in by_design[0]
    assert by_design[1]["rate of weights"] == (40.96, "bound by accesses under way")
    assert by_design[2]["rate of weights"] == (30.72, "bound by accesses under way, tdm")
    assert by_design[2]["rate of inputs"] == (10.24, "bound by accesses under way, tdm")


def test_an_own_table_shows() -> None:
    costs = cost_table(
        {"name": "x", "energy": {"pe_array": {"mac": {"value": 1.0, "unit": "pJ", "source": "our own"}}}}
    )
    design = load_design("skip-65nm")
    changed = [after for before, after in zip(explain(design), explain(design, costs), strict=True) if before != after]
    assert [row.to_json() for row in changed] == [
        {
            "component": "pe_array",
            "figure": "energy of mac",
            "value": 1.0,
            "low": 1.0,
            "high": 1.0,
            "unit": "pJ",
            "source": "our own",
            "status": "given",
        }
    ]
