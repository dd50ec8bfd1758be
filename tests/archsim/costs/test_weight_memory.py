"""Private weight memories are priced as the many small macros that they are, and nothing else is priced with them."""

from typing import Any

import pytest

from archsim.analysis.explain import explain
from archsim.catalogue import CATALOGUE, FIFO_WORD, SRAM_READ_WORD, SRAM_WRITE_WORD
from archsim.costs import area, banks, leakage
from archsim.costs.block import single_port, wires_pj
from archsim.costs.calibration import peak_gops, peak_ledger
from archsim.costs.conditions import conditions
from archsim.costs.fitted import LOGIC_ENERGY_FACTOR
from archsim.costs.library import chip
from archsim.costs.logic import mux_bits, register_bits
from archsim.costs.model import prices
from archsim.costs.own import cost_table
from archsim.costs.technology import area_scale, energy_scale
from archsim.design import Design, load_design

PRIVATE = load_design("edge-private").override({"weight_memory.weights_per_word": 1})
"""16 PEs in 4 tiles, one lane, 8 bits, 64 KiB, a memory of 8-bit words for each PE."""
PER_TILE = PRIVATE.override({"weight_memory.organisation": "per_tile"})


@pytest.mark.parametrize(("design", "memories", "word_bits"), [(PRIVATE, 16, 8), (PER_TILE, 4, 32)])
def test_a_macro_for_each_memory(design: Design, memories: int, word_bits: int) -> None:
    macro = single_port(design, 64 * 8192 // memories, word_bits)
    assert banks(design) == macro
    assert area(design).components["weight_memory"].value == pytest.approx(memories * macro.area_mm2)
    assert leakage(design)["weight_memory"].value == pytest.approx(memories * macro.leak_mw)
    rows = {row.figure: row.value for row in explain(design) if row.component == "weight_memory"}
    assert rows["memories"] == memories
    assert rows["bank size"] * rows["banks"] * memories == 64


def test_a_word_beside_its_pe_has_no_wires_and_one_of_a_tile_crosses_the_tile() -> None:
    """Four square tiles make a square chip, so that a tile is half as wide."""
    own, tile = prices(PRIVATE), prices(PER_TILE)
    assert own[SRAM_READ_WORD].value == banks(PRIVATE).read_pj
    assert own[SRAM_WRITE_WORD].value == banks(PRIVATE).write_pj
    across = wires_pj(conditions(PER_TILE), 32, chip(PER_TILE).side_um / 2)
    assert tile[SRAM_READ_WORD].value == pytest.approx(banks(PER_TILE).read_pj + across)
    assert "wires to the PEs of a tile" in tile[SRAM_READ_WORD].source
    assert "wires" not in own[SRAM_READ_WORD].source


def test_a_word_of_several_weights_is_held_and_chosen_from() -> None:
    """Four weights of 8 bits: a register of 32 bits, three choices a bit, and for each weight two of them in turn."""
    wide = PRIVATE.override({"weight_memory.weights_per_word": 4})
    register, mux = register_bits(32), mux_bits(8)
    area_mm2 = 16 * (register.area_um2 + 3 * mux.area_um2) * 1e-6 * area_scale(22).mid
    assert area(wide).components["weight_memory"].value == pytest.approx(16 * banks(wide).area_mm2 + area_mm2)
    logic = energy_scale(22) * LOGIC_ENERGY_FACTOR
    read = banks(wide).read_pj + logic * (register.energy_pj + 4 * 2 * mux.energy_pj)
    assert prices(wide)[SRAM_READ_WORD].value == pytest.approx(read)
    assert prices(wide)[SRAM_READ_WORD].value < 4 * prices(PRIVATE)[SRAM_READ_WORD].value
    assert ("weight_memory", "area of word registers") in {(row.component, row.figure) for row in explain(wide)}


@pytest.mark.parametrize("design", [PRIVATE, PER_TILE])
def test_nothing_is_shown_that_is_not_there(design: Design) -> None:
    shown = {(row.component, row.figure) for row in explain(design)}
    assert FIFO_WORD not in prices(design)
    assert not [row for row in shown if "FIFO" in row[0] or "fifo" in row[1] or row[0] == "dram"]
    priced = {(action.component, f"energy of {action.name}") for action in prices(design)}
    absent = {
        ("weight_memory", "energy of fifo_word"),
        ("pe_array", "energy of weight_load"),
        ("dram", "energy of read_bits"),
        ("dram", "energy of write_bits"),
    }
    every = {(action.component, f"energy of {action.name}") for action in CATALOGUE.actions}
    assert priced == every - absent <= shown


def test_a_read_of_a_smaller_memory_is_never_dearer() -> None:
    kib = (16, 64, 256, 1024)
    reads = [prices(PRIVATE.override({"weight_memory.capacity_kib": k}))[SRAM_READ_WORD].value for k in kib]
    assert reads == sorted(reads)


def test_at_the_dense_peak_every_memory_is_read_in_every_cycle() -> None:
    for design, words in ((PRIVATE, 16), (PER_TILE, 4)):
        ledger = peak_ledger(design, 1000)
        assert ledger.get(SRAM_READ_WORD) == 1000 * words
        assert ledger.get(FIFO_WORD) == 0
        assert peak_gops(design) == pytest.approx(2 * 16 * 20e-3)


def test_an_own_figure_a_bit_is_times_the_bits_that_there_are() -> None:
    tree: dict[str, Any] = {
        "name": "x",
        "leakage": {"weight_memory": {"value": 2.0, "unit": "nW/bit", "source": "ours"}},
        "energy": {"weight_memory": {"fifo_word": {"value": 1.0, "unit": "pJ", "source": "ours"}}},
    }
    costs = cost_table(tree)
    assert leakage(PRIVATE, costs)["weight_memory"].value == pytest.approx(64 * 8192 * 2e-6)
    assert FIFO_WORD not in prices(PRIVATE, costs)
