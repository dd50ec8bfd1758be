"""A folder synthesised: cells and areas added up by hand, what is compared with what, and gates that still agree."""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from archsim.catalogue import CATALOGUE
from archsim.costs.block import BuiltBlock
from archsim.costs.conditions import conditions
from archsim.costs.liberty import read_liberty
from archsim.costs.library import chip
from archsim.errors import BadInput
from archsim.rtl.area import Comparison, compare
from archsim.rtl.folder import Exported
from archsim.rtl.gates import COMPONENTS
from archsim.rtl.simulate import VERILOG, parsed
from archsim.rtl.synthesis import Synthesis, synthesize
from tests.archsim.rtl.integer_bench import needs
from tests.archsim.rtl.libraries import AREAS, library
from tests.archsim.rtl.test_folder import design, exported
from tests.dse.cli.test_cli import archsim

pytestmark = pytest.mark.slow  # Yosys takes ten seconds for the smallest machine

MODELS = """
module INV(input A, output Y); assign Y = ~A; endmodule
module BUF(input A, output Y); assign Y = A; endmodule
module NAND2(input A, B, output Y); assign Y = ~(A & B); endmodule
module NOR2(input A, B, output Y); assign Y = ~(A | B); endmodule
module XOR2(input A, B, output Y); assign Y = A ^ B; endmodule
module DFF(input CK, D, output reg Q); always @(posedge CK) Q <= D; endmodule
module ICG(input CK, E, output GCK); reg open; always @* if (!CK) open = E; assign GCK = CK & open; endmodule
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Exported, Synthesis, Path]:
    needs("yosys")
    folder = tmp_path_factory.mktemp("synthesis")
    cells, exports = library(folder / "invented.lib"), exported(folder / "made")
    seen: list[str] = []
    found = synthesize(exports.folder, read_liberty(cells), seen.append)
    assert "yosys: cells of pe" in seen
    assert not (exports.folder / "cells.lib").exists()
    return exports, found, cells


@pytest.fixture(scope="module")
def by_hand(made: tuple[Exported, Synthesis, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the command of the folder's README prints, and a folder with the netlist."""
    exports, _, cells = made
    folder = tmp_path_factory.mktemp("by_hand") / "made"
    shutil.copytree(exports.folder, folder)
    (command,) = re.findall(r"`(cp YOUR\.lib .*)`", (folder / "README.md").read_text())
    command = command.replace("YOUR.lib", str(cells)) + " -p 'write_verilog -noattr netlist.v'"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout, folder


def test_areas_are_those_of_the_cells_that_the_command_of_the_readme_counts(
    made: tuple[Exported, Synthesis, Path], by_hand: tuple[str, Path]
) -> None:
    _, found, _ = made
    counts = by_hand[0].rpartition("=== design hierarchy ===")[2]
    kinds = {kind: int(count) for kind, count in re.findall(r"^ +([A-Z]\w*) +(\d+)$", counts, flags=re.MULTILINE)}
    assert set(kinds) == set(AREAS) - {"BUF"}
    assert sum(each.copies * each.cells for each in found.modules) == sum(kinds.values())
    area = sum(AREAS[kind] * count for kind, count in kinds.items())
    assert sum(each.copies * each.area_um2 for each in found.modules) == pytest.approx(area)
    assert found.clock_gates == kinds["ICG"] == 4 * 2 * 3  # PEs, banks, sums
    assert found.nand2_um2 == AREAS["NAND2"]


def test_registers_of_a_pe_are_its_sums_and_their_flags_alone(
    made: tuple[Exported, Synthesis, Path], by_hand: tuple[str, Path]
) -> None:
    exports, found, _ = made
    (pe,) = (each for each in found.modules if each.name == "pe")
    assert pe.copies == 4
    assert pe.delay_ns is not None
    assert 0.1 < pe.delay_ns < 100
    of_pe = re.split(r"=== \S+\\pe ===", by_hand[0])[-1].partition("===")[0]
    (registers,) = re.findall(r"^ +DFF +(\d+)$", of_pe, flags=re.MULTILINE)
    assert int(registers) == 2 * 3 * (16 + 1)  # banks, sums, bits and a flag
    program, lanes, units = exports.case.program, 2, 6
    macros = {(each.module, each.name): each for each in found.macros}
    fifo = macros["word_fifo", "held"]
    assert (fifo.words, fifo.bits) == (program.plan.fifo_words, exports.case.design.bus_word_bits)
    states = [each for each in found.macros if each.module == "state_buffer"]
    assert [(each.words, each.bits) for each in states] == lanes * [(2 * units, 8)]
    assert not any(each.module == "pe" for each in found.macros)


def test_gates_of_the_library_still_agree(by_hand: tuple[str, Path], made: tuple[Exported, Synthesis, Path]) -> None:
    """With clock gates: the bench reads every sum of a run of the netlist."""
    needs("iverilog")
    exports, folder = made[0], by_hand[1]
    (folder / "models.v").write_text(MODELS)
    command = ["iverilog", "-g2012", "-DNETLIST", "-I.", "-Irtl", "-Ibench", "-y", "bench", "-Y", ".sv"]
    command += ["-s", "testbench", "-o", "gates.vvp", "bench/testbench.sv", "netlist.v", "models.v"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    done = subprocess.run(["vvp", "-n", "gates.vvp"], cwd=folder, check=True, capture_output=True, text=True)
    run = parsed(done.stdout)
    assert (run.cycles, run.sums, run.different) == (exports.expected.cycles, exports.case.sums, 0)


def test_a_library_that_lacks_a_cell_is_told_in_a_line(made: tuple[Exported, Synthesis, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(made[0].folder, tmp_path / "made")
    with pytest.raises(BadInput, match=r"no\.lib: yosys: ABC maps nothing to it \(it needs an inverter, a buffer"):
        synthesize(folder, read_liberty(library(tmp_path / "no.lib", "BUF", "ICG")))
    assert "Empty" in (folder / "clock_gates.v").read_text()
    with pytest.raises(BadInput, match=r"no\.lib: has no two-input NAND$"):
        synthesize(folder, read_liberty(library(tmp_path / "no.lib", "NAND2")))
    with pytest.raises(BadInput, match=r"^--liberty \S*no\.lib: yosys: ERROR: .*flip-flops are not supported$"):
        synthesize(folder, read_liberty(library(tmp_path / "no.lib", "DFF", "ICG")))
    path = library(tmp_path / "no.lib")
    path.write_text(path.read_text().replace(f"area : {AREAS['XOR2']};", ""))
    with pytest.raises(BadInput, match=r"^--liberty \S*no\.lib: has no area for XOR2$"):
        synthesize(folder, read_liberty(path))


# Beside the cost model


def compared(made: tuple[Exported, Synthesis, Path]) -> Comparison:
    return compare(made[0].case.design, made[1])


def logic_um2(block: BuiltBlock) -> float:
    return block.logic.area_um2 if block.logic else 0.0


def test_what_is_priced_is_the_logic_of_the_same_components(made: tuple[Exported, Synthesis, Path]) -> None:
    """At the node of the design; scratch, with a flag for each accumulator, as the cost model has it, and of the
    activation unit the read-out alone."""
    of = design()
    scale, built = conditions(of).area.mid, chip(of).built
    rows = {row.component: row for row in compared(made).rows}
    scratch, pes = built["scratch"], scale * logic_um2(built["pe_array"])
    with_scratch = pes + scale * logic_um2(scratch) + scratch.memory_mm2 * 1e6
    assert rows["pe_array"].priced_um2 == pytest.approx(with_scratch)
    read_out = next(part for part in built["activation_unit"].parts if part.name == "read-out")
    assert rows["activation_unit"].priced_um2 == pytest.approx(read_out.area(of).value)
    for name in ("skip_encoder", "sequencer", "weight_memory"):
        assert rows[name].priced_um2 == pytest.approx(scale * logic_um2(built[name])), name
    for row in rows.values():
        assert row.priced_gates == pytest.approx(row.priced_um2 / scale / 0.798)  # NAND2_X1 of the cost model's library
        assert row.gates == row.area_um2 / AREAS["NAND2"]


def test_every_module_but_the_pipeline_of_results_is_in_one_row(made: tuple[Exported, Synthesis, Path]) -> None:
    found = compared(made)
    rows = [module for row in found.rows for module in row.modules]
    assert {each.name for each in made[1].modules} - {each.name for each in rows} == {"result_pipeline"}
    assert len(rows) == len(made[1].modules) - 1
    total = sum(each.copies * each.area_um2 for each in rows)
    assert found.total.area_um2 == pytest.approx(total) == pytest.approx(sum(row.area_um2 for row in found.rows))


def test_every_module_that_is_named_is_there_and_its_component_has_an_area() -> None:
    assert set(COMPONENTS) <= {path.stem for path in VERILOG.iterdir()}
    assert {each.name for each in COMPONENTS.values() if each} <= set(CATALOGUE.with_area)


def test_the_file_has_the_rows_of_the_table(made: tuple[Exported, Synthesis, Path], tmp_path: Path) -> None:
    found = compared(made)
    found.write(tmp_path / "synthesis.csv")
    with (tmp_path / "synthesis.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["component"] for line in lines] == [row.component for row in (*found.rows, found.total)]
    assert [float(line["area_um2"]) for line in lines[:-1]] == [row.area_um2 for row in found.rows]
    assert lines[0]["modules"] == "pe row_places"
    facts = found.to_json()
    assert facts["components"] == [row.to_json() for row in (*found.rows, found.total)]
    assert facts["node_nm"] == 65


def test_a_shipped_design_with_a_shipped_model(tmp_path: Path) -> None:
    needs("yosys")
    cells = library(tmp_path / "invented.lib")
    words = ("--workload", "wp-lstm256-ternary-s90", "--lanes", "1", "--synth", "--liberty", str(cells), "--json")
    done = archsim("rtl", "edge-8pe", "--out", str(tmp_path / "hw"), *words)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)["synthesis"]
    assert [each["copies"] for each in found["modules"] if each["name"] == "pe"] == [8]
    assert found["clock_gates"] == 8 * 2 * 16  # PEs, banks, sums
    for row in found["components"]:
        assert row["cells"] > 0, row
        assert row["delay_ns"] > 0, row
