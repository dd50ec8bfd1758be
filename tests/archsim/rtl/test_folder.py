"""The exported folder: what is in it, its own commands, and what the check finds in a folder that is wrong."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.functional import run_check
from archsim.rtl.case import Case, case_of
from archsim.rtl.check import check
from archsim.rtl.folder import BENCH_FILES, LEFT_OUT, Exported, export
from archsim.rtl.simulate import VERILOG
from archsim.rtl.tools import ICARUS, VERILATOR, Simulator
from archsim.rtl.window import Window
from archsim.simulation import Job, prepare, simulate
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.rtl.integer_bench import needs


def trace(steps: int = 4) -> Trace:
    return synthesize(6, 4, 0.6, sequences=2, steps=steps, weight_format="ternary", seed=3)


def design(**changes: Any) -> Design:
    tiny = {"lanes": 2, "pe_array.pes_per_tile": 4, "pe_array.accumulators": 3, "pe_array.accumulator_bits": 16}
    return load_design("edge-8pe").override(tiny | changes)


def exported(folder: Path, **more: Any) -> Exported:
    return export(case_of(design(), trace(), Window(1, 2), **more), folder)


def commands(readme: str) -> list[str]:
    return re.findall(r"^    (\S.*)$", readme, re.MULTILINE)


def test_the_folder_holds_all_that_its_commands_need(tmp_path: Path) -> None:
    made = exported(tmp_path / "made")
    modules = {path.name for path in (made.folder / "rtl").iterdir()}
    assert modules == {path.name for path in VERILOG.iterdir()} - {*BENCH_FILES, *LEFT_OUT}
    assert {path.name for path in (made.folder / "bench").iterdir()} == set(BENCH_FILES)
    readme = (made.folder / "README.md").read_text()
    assert readme.startswith("# edge-8pe in Verilog, running synthetic-lstm6-ternary-d0.6\n")
    assert "steps 1 to 2 of a run of 4 steps, 2 sequences side by side, with\nintegers drawn with seed 1" in readme
    assert len(commands(readme)) == 3
    named = set(re.findall(r"`([a-z_]+\.[a-z]+)`", readme))
    assert {name for name in named if name != "core.sv"} <= {path.name for path in made.folder.iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]  # nothing is left beside it


@pytest.mark.parametrize(
    ("number", "program"),
    [
        pytest.param(0, "iverilog", marks=pytest.mark.slow),
        (1, "verilator"),
        pytest.param(2, "yosys", marks=pytest.mark.slow),
    ],
)
def test_commands_of_its_readme_run_as_they_stand(tmp_path: Path, number: int, program: str) -> None:
    needs(program)
    made = exported(tmp_path / "made")
    command = commands((made.folder / "README.md").read_text())[number]
    assert program in command
    done = subprocess.run(command, shell=True, cwd=made.folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    if program == "iverilog":
        cycles = simulate(design(), trace(), "column", steps=3).cycles  # of a step more, from the beginning
        assert 0 < made.expected.cycles < cycles
        last = f"F {made.expected.cycles} sums {made.case.sums} different 0"
        assert last in done.stdout.splitlines()
    elif program == "verilator":
        assert done.stdout == ""
    else:
        assert int(re.findall(r"Number of cells: +(\d+)", done.stdout)[-1]) > 1000


def test_what_is_expected_is_what_column_and_the_functional_check_say(tmp_path: Path) -> None:
    """From step 0 on, the run is that of `archsim run`, and sums are those of the machine's own arithmetic."""
    case = case_of(design(), trace(), Window(0, 3))
    made = export(case, tmp_path / "made")
    assert made.expected.cycles == simulate(design(), trace(), "column").cycles
    functional = run_check(*prepare(Job(design(), trace())).triple, case.integers)
    rows = [line.split() for line in (made.folder / "expected_sums.txt").read_text().splitlines()[1:]]
    assert len(rows) == case.sums == 2 * 4 * 2 * 4 * 6 / 2  # lanes, steps, products of one group, gates, units
    for step, _, lane, unit, name, row, value in rows:
        assert int(value) == functional[name][int(step), int(lane), int(row) * 6 + int(unit)]
    lines = (made.folder / "expected_events.txt").read_text().splitlines()
    assert len(lines) == len(made.expected.events)
    assert json.loads((made.folder / "archsim-rtl.json").read_text())["cycles"] == made.expected.cycles


def test_a_folder_of_its_own_is_replaced_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    first = exported(folder)  # empty: taken
    (folder / "testbench.vvp").write_text("of the first")
    second = exported(folder, seed=2)
    assert not (folder / "testbench.vvp").exists()
    assert (folder / "README.md").read_text() != ""
    assert np.any(first.case.integers.weights["W_h"] != second.case.integers.weights["W_h"])
    (folder / "archsim-rtl.json").unlink()
    with pytest.raises(BadInput, match=r"made: is a folder that this command did not write \(it has no archsim-rtl"):
        exported(folder)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(BadInput, match="file: is no folder; give another, which will be made"):
        exported(file)
    assert file.read_text() == "mine"


def test_nothing_is_left_of_a_folder_that_cannot_be_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    exported(tmp_path / "made")
    before = (tmp_path / "made" / "weights.hex").read_text()
    monkeypatch.setattr("archsim.rtl.folder.write_sums", full)
    with pytest.raises(OSError, match=r"No space left on device: .*made"):
        exported(tmp_path / "made", seed=2)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    assert (tmp_path / "made" / "weights.hex").read_text() == before


# The check


@pytest.mark.parametrize("simulator", [ICARUS, pytest.param(VERILATOR, marks=pytest.mark.slow)], ids=lambda s: s.name)
def test_equal(tmp_path: Path, simulator: Simulator) -> None:
    needs(simulator.programs[0])
    seen: list[int] = []
    found = check(exported(tmp_path / "made"), simulator, on_cycle=seen.append)
    assert found.passed, found.reasons
    case, expected = found.exported.case, found.exported.expected
    counts = f"{len(expected.events)} events, {case.sums} sums, {expected.cycles} cycles"
    assert found.verdict.startswith(f"equal: {counts} (edge-8pe in Verilog, synthetic-lstm6")
    assert found.to_json()["equal"] is True
    assert seen
    assert max(seen) <= expected.cycles


def test_counters_for_the_largest_network_change_nothing(tmp_path: Path) -> None:
    """Steps and columns have 16 bits; the FIFO has room for columns of 64 words, and DRAM addresses 32 bits."""
    needs("iverilog")
    made = export(case_of(design(), trace(), Window(1, 2)).for_the_largest(), tmp_path / "made")
    parameters = (made.folder / "parameters.svh").read_text()
    for name, bits in {"STEP": 16, "COUNT": 16, "COLUMN": 16, "WORD_NUMBER": 7, "ADDRESS": 32}.items():
        assert f"parameter {name}_BITS = {bits},\n" in parameters
    found = check(made)
    assert found.passed, found.reasons


def test_the_first_wrong_sum_is_named(tmp_path: Path) -> None:
    needs("iverilog")
    made = exported(tmp_path / "made")
    wrong = made.case.integers.weights
    weights = (made.folder / "weights.hex").read_text()
    other = Case(made.case.program, made.case.integers, made.case.window, made.case.run_steps, 1)
    wrong["W_h"][7, 2] += 1 if wrong["W_h"][7, 2] < 1 else -1  # row 7: gate 1 of unit 1
    again = export(other, tmp_path / "made")
    assert (made.folder / "weights.hex").read_text() != weights
    (made.folder / "weights.hex").write_text(weights)
    found = check(again)
    assert not found.passed
    assert not found.differences
    assert found.wrong_sum is not None
    place = found.wrong_sum.place
    assert (place.unit, place.row, place.accumulator) == (1, 1, "gates")
    assert found.wrong_sum.found is not None
    assert abs(found.wrong_sum.found - found.wrong_sum.expected) >= 1
    assert found.reasons[0].startswith(
        f"sum of step {place.step}, block {place.block}, lane {place.lane}, unit 1, gates"
    )


def test_the_first_difference_is_told_by_component(tmp_path: Path) -> None:
    """An encoder with a stage more is the first to differ."""
    needs("iverilog")
    made = exported(tmp_path / "made")
    parameters = made.folder / "parameters.svh"
    text, changed = re.subn(
        r"ENCODER_STAGES = (\d+)", lambda m: f"ENCODER_STAGES = {int(m[1]) + 1}", parameters.read_text()
    )
    assert changed == 1
    parameters.write_text(text)
    found = check(made)
    assert not found.passed
    first = found.differences[0]
    assert first.component == "skip_encoder"
    assert first.expected is not None
    assert first.found is not None
    assert first.found.cycle == first.expected.cycle + 1
    assert found.verdict.startswith(
        f"different: skip_encoder, event {first.number}: archsim end at {first.expected.cycle}"
    )
    assert any(reason.startswith("cycles: archsim") for reason in found.reasons)
    listed = found.to_json()["first_differences"]
    assert isinstance(listed, list)
    assert listed[0]["component"] == "skip_encoder"
    assert listed[0]["verilog"]["cycle"] == first.found.cycle


def test_without_a_simulator_a_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"--check needs Icarus Verilog, and iverilog is not installed: apt-get install"):
        ICARUS.check()
    with pytest.raises(BadInput, match=r"apt-get install verilator g\+\+ make"):
        VERILATOR.check()
