"""The whole machine in Verilog with integer cells: h of every step is computed, and is that of the integer model."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import Design, load_design
from archsim.machine.functional import Integers
from archsim.machine.steps import run_machine
from archsim.rtl.images import Images
from archsim.rtl.integer_cells import IntegerCells
from archsim.rtl.program import Program
from archsim.rtl.simulate import VERILOG, sources
from archsim.rtl.tables import Tables
from archsim.simulation import Job, prepare
from tests.archsim.rtl.integer_bench import needs
from tests.workloads.conftest import drawn_model
from tests.workloads.fixed_point.test_fixed_point import CELLS, drawn_inputs, drawn_integer_model
from workloads.fixed_point import IntegerModel, Settings
from workloads.fixed_point.integers import beside_before, integer_run_of
from workloads.fixed_point.unit_functions import unit_functions
from workloads.record import record_sample
from workloads.tasks.base import Sample

BENCH = (Path(__file__).parent / "integer_cells_bench.sv").read_text()


def sample_of(model: IntegerModel, lengths: list[int]) -> Sample:
    return Sample(drawn_inputs(model, max(lengths) + 2, len(lengths), 5), np.array(lengths), 2)


def design_of(**changes: Any) -> Design:
    return load_design("edge-8pe").override(
        {"lanes": 2, "pe_array.weight_bits": 16, "pe_array.act_bits": 8, "pe_array.accumulator_bits": 32} | changes
    )


def computed(design: Design, model: IntegerModel, sample: Sample, folder: Path) -> tuple[str, dict[str, Any], int]:
    """The verdict of the bench, results by operand ``(T, lanes, units)``, and the cycles of engine `column`."""
    needs("iverilog")
    run, lanes = integer_run_of(model, sample), len(sample.lengths)
    prepared = prepare(Job(design, record_sample(model, sample, {}), lanes))
    program = Program(*prepared.phases[0].triple)
    tables = Tables(program)
    program.write(folder, tables.parameters())
    tables.write(folder)
    Images(program, tables, Integers(run.weights, run.operands)).write(folder)
    cells = IntegerCells.of(tables, unit_functions(model), run.operands, beside_before(model, sample))
    modules = [folder / name for name in cells.write(folder)]
    (folder / "bench.sv").write_text(BENCH)
    files = [folder / "bench.sv", VERILOG / "integer_cells.sv", *modules, *sources(), VERILOG / "data_bench.sv"]
    compiled = ["iverilog", "-g2012", f"-I{folder}", f"-I{VERILOG}", "-s", "bench", "-o", "bench.vvp"]
    done = subprocess.run([*compiled, *dict.fromkeys(map(str, files))], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, capture_output=True, text=True, check=True)
    plan, bits = program.plan, tables.operand_bits
    found: dict[str, Any] = {}
    verdict = ""
    for line in ran.stdout.splitlines():
        kind, *rest = line.split()
        if kind == "R":
            step, block, element = map(int, rest[:3])
            of, (unit, lane) = plan.blocks[block], divmod(element, lanes)
            for part, name in enumerate(plan.stages[of.stage].operands):
                value = int(rest[3], 16) >> (part * bits) & ((1 << bits) - 1)
                rows = found.setdefault(name, np.full((program.steps, lanes, plan.stages[of.stage].units), 1 << 20))
                rows[step, lane, of.first_unit + unit] = value - (value >> (bits - 1) << bits)
        elif kind in "FS":
            verdict += line + "\n"
    return verdict, found, run_machine(*program_of(program), "column").cycles


def program_of(program: Program) -> tuple[Any, Any, Any]:
    return program.design, program.plan, program.work


def check(design: Design, model: IntegerModel, sample: Sample, folder: Path) -> None:
    run = integer_run_of(model, sample)
    verdict, found, cycles = computed(design, model, sample, folder)
    assert verdict.split()[1] == str(cycles), verdict
    assert verdict.endswith("different 0\n"), verdict
    running = np.arange(max(sample.lengths))[:, None] < sample.lengths
    for name, values in found.items():
        expected = run.operands[name][1:] if name.startswith("h") else run.operands[name]
        np.testing.assert_array_equal(values[running], expected[running], name)
    assert any(np.any(values != 0) for values in found.values())


@pytest.mark.parametrize("cell", CELLS)
def test_h_of_every_step_is_computed(tmp_path: Path, cell: str) -> None:
    """Embedding, two layers of which the second prunes what it reads, readout; nothing is recorded but the symbols."""
    wide = Settings(weight_bits=5, activation_bits=7, per_row=False, activation="segments")
    model = drawn_integer_model(
        drawn_model, wide, cell, "embedding", seed=3, layers=2, threshold=0.1, input_threshold=0.2, initial=True
    )
    check(design_of(), model, sample_of(model, [12, 12]), tmp_path)
    lint(tmp_path)


def lint(folder: Path) -> None:
    """No warning of Verilator about the cells and what lies around them."""
    needs("verilator")
    cells = [str(path) for path in folder.glob("*.sv") if path.name.startswith(("integer_cell.", "unit_", "curve_"))]
    command = ["verilator", "--lint-only", "-Wall", f"-I{folder}", "--top-module", "integer_cells"]
    done = subprocess.run([*command, VERILOG / "integer_cells.sv", *cells], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_lanes_that_end_and_other_inputs(tmp_path: Path) -> None:
    wide = Settings(weight_bits=4, activation_bits=6, cell_bits=9)
    for kind in ("one_hot", "vector"):
        model = drawn_integer_model(drawn_model, wide, "lstm", kind, seed=4, hidden=5, threshold=0.1)
        folder = tmp_path / kind
        folder.mkdir()
        check(design_of(**{"activation_unit.units_per_cycle": 3}), model, sample_of(model, [9, 4]), folder)
