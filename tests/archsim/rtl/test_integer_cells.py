"""The whole machine in Verilog with integer cells: h of every step is computed, and is that of the integer model."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import Design, load_design
from archsim.rtl.arithmetic import wrapped
from archsim.rtl.case import case_of
from archsim.rtl.check import check, judged
from archsim.rtl.folder import export
from archsim.rtl.program import Program
from archsim.rtl.simulate import VERILOG, Simulated, parsed
from archsim.rtl.simulate import run as simulate
from archsim.rtl.tables import Tables
from archsim.rtl.tools import ICARUS
from archsim.rtl.window import Window
from dse.evaluation.hardware import recorded_over
from tests.archsim.rtl.integer_bench import needs
from tests.workloads.conftest import drawn_model
from tests.workloads.fixed_point.test_fixed_point import CELLS, drawn_inputs, drawn_integer_model
from workloads.fixed_point import IntegerModel, Settings
from workloads.tasks.base import Sample


def sample_of(model: IntegerModel, lengths: list[int]) -> Sample:
    return Sample(drawn_inputs(model, max(lengths) + 2, len(lengths), 5), np.array(lengths), 2)


def design_of(**changes: Any) -> Design:
    return load_design("edge-8pe").override({"lanes": 2, "pe_array.accumulator_bits": 32} | changes)


def run(design: Design, model: IntegerModel, sample: Sample, folder: Path) -> None:
    """Every result of every step, every sum, the event log and the cycles."""
    needs("iverilog")
    trace, integers, cells = recorded_over(model, sample)
    window = Window(0, int(max(sample.lengths)) - 1)
    found = check(
        export(case_of(design, trace, window, lanes=len(sample.lengths), integers=integers, cells=cells), folder)
    )
    assert found.passed, found.reasons
    running = np.arange(max(sample.lengths))[:, None] < sample.lengths
    results = results_of(found.exported.case.program, found.simulated)
    assert results
    for name, values in results.items():
        expected = integers.operands[name][1:] if name.startswith("h") else integers.operands[name]
        np.testing.assert_array_equal(values[running], expected[running], name)
        assert np.any(expected[running] != 0), name


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_sequences_begin_where_others_have_ended(tmp_path: Path, cell: str) -> None:
    """The machine runs two sequences and then two others, in lanes of which now the one and now the other ends first.

    Every sequence begins with a state of its own.
    """
    needs("iverilog")
    model = drawn_integer_model(drawn_model, Settings(cell_bits=12), cell, "one_hot", seed=4, hidden=5, initial=True)
    drawn = drawn_inputs(model, 6, 4, 5)
    made = []
    for number, lengths in enumerate(([4, 3], [2, 4])):
        sample = Sample(drawn[:, 2 * number :][:, :2], np.array(lengths), 2)
        trace, integers, cells = recorded_over(model, sample)
        case = case_of(design_of(), trace, Window(0, 3), integers=integers, cells=cells)
        made.append(export(case, tmp_path / str(number)))
    for name in ("parameters.svh", "bench.svh", "bursts.hex"):
        assert (tmp_path / "0" / name).read_text() == (tmp_path / "1" / name).read_text(), name
    kept = {(tmp_path / number / "integer_cells_kept.hex").read_text() for number in "01"}
    assert len(kept) == 2
    simulate(ICARUS.compiled("INTEGER_CELLS"), tmp_path / "0")
    lines = simulate(f"{ICARUS.run} +then=../1/", tmp_path / "0").splitlines(keepends=True)
    end = next(n for n, line in enumerate(lines) if line.startswith("F")) + 1
    for exported, printed in zip(made, (lines[:end], lines[end:]), strict=True):
        found = judged(exported, ICARUS, parsed("".join(printed)))
        assert found.passed, found.reasons
        assert found.results > 0


def results_of(program: Program, simulated: Simulated) -> dict[str, Any]:
    """What the cells have made by operand, ``(T, lanes, units)``."""
    plan, lanes, bits = program.plan, program.plan.lanes, Tables(program).operand_bits
    found: dict[str, Any] = {}
    for line in (line.split() for line in simulated.other if line.startswith("R")):
        step, block, element = map(int, line[1:4])
        of, (unit, lane) = plan.blocks[block], divmod(element, lanes)
        stage = plan.stages[of.stage]
        for part, name in enumerate(stage.operands):
            rows = found.setdefault(name, np.full((program.steps, lanes, stage.units), 1 << 20))
            rows[step, lane, of.first_unit + unit] = wrapped(int(line[4], 16) >> (part * bits), bits)
    return found


@pytest.mark.parametrize("cell", CELLS)
def test_h_of_every_step_is_computed(tmp_path: Path, cell: str) -> None:
    """Embedding, two layers of which the second prunes what it reads, readout; nothing is recorded but the symbols."""
    wide = Settings(weight_bits=5, activation_bits=7, activation="segments")
    model = drawn_integer_model(
        drawn_model, wide, cell, "embedding", seed=3, layers=2, threshold=0.1, input_threshold=0.2, initial=True
    )
    run(design_of(), model, sample_of(model, [12, 12]), tmp_path / "made")
    lint(tmp_path / "made")


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
        run(design_of(**{"activation_unit.units_per_cycle": 3}), model, sample_of(model, [9, 4]), tmp_path / kind)
