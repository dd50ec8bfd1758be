"""What a simulation prints: events, the end, and whatever is wrong with either; nothing of it passes unseen."""

import re
from pathlib import Path

import pytest

from archsim.design import load_design
from archsim.rtl.case import case_of
from archsim.rtl.check import check
from archsim.rtl.compare import Logged
from archsim.rtl.folder import Exported, export
from archsim.rtl.simulate import parsed
from archsim.rtl.window import Window
from archsim.trace.synthetic import synthesize
from tests.archsim.rtl.integer_bench import needs


@pytest.fixture
def made(tmp_path: Path) -> Exported:
    """A machine whose accumulators of 8 bits wrap around."""
    needs("iverilog")
    tiny = {"pe_array.pes_per_tile": 2, "pe_array.accumulators": 4, "pe_array.accumulator_bits": 8}
    trace = synthesize(3, 2, 0.5, sequences=1, steps=3)
    return export(case_of(load_design("edge-8pe").override(tiny), trace, Window(0, 2)), tmp_path / "made")


def test_events_and_the_end() -> None:
    found = parsed("E 3 pe_array start 0 1 -1\nF 9 sums 4 different 1\n")
    assert found.events == (Logged(3, "pe_array", "start", 0, 1, -1),)
    assert (found.cycles, found.sums, found.different, found.complaints) == (9, 4, 1, ())


@pytest.mark.parametrize(
    "line",
    [
        "E x pe_array start 0 1 -1",
        "E two words of a memory on its bus in one cycle",
        "F x sums 4 different 0",
        "WARNING: bench/data_bench.sv:86: $readmemh(weights.hex): Not enough words in the file",
        "ERROR: bench/data_bench.sv:86: $readmemh: Unable to open weights.hex for reading.",
    ],
)
def test_a_line_that_says_that_something_is_wrong_is_no_event_and_no_end(line: str) -> None:
    found = parsed(f"{line}\n")
    assert (found.events, found.cycles, found.complaints) == ((), None, (line,))


def test_sums_that_wrap_around_are_expected_as_a_pe_holds_them(made: Exported) -> None:
    lines = (made.folder / "expected_sums.txt").read_text().splitlines()[1:]
    sums = [int(line.split()[-1]) for line in lines]
    images = (made.folder / "sums.hex").read_text().split()
    whole = [int(line, 16) >> (8 * n) & 0xFF for line in images for n in range(4)]
    assert [value & 0xFF for value in sums] == whole
    assert min(sums) >= -128
    assert max(sums) < 128
    assert check(made).passed


def test_a_file_that_is_cut_off_fails_the_check(made: Exported) -> None:
    path = made.folder / "sums.hex"
    path.write_text("\n".join(path.read_text().split()[:-1]))
    found = check(made)
    assert found.simulated.different == 4  # the sums of the last unit, which nobody knows
    assert any("sums.hex" in line for line in found.simulated.complaints)


def test_a_simulation_that_is_cut_off_fails_the_check(made: Exported) -> None:
    path = made.folder / "run.svh"
    path.write_text(re.sub(r"RUN_LIMIT = \d+", f"RUN_LIMIT = {made.expected.cycles - 2}", path.read_text()))
    found = check(made)
    assert found.simulated.cycles is None
    assert any("Verilog has not finished" in reason for reason in found.reasons)


def test_sums_that_are_read_twice_fail_the_check(made: Exported) -> None:
    path = made.folder / "rtl" / "activation_unit.sv"
    text = path.read_text()
    assert "assign act_element = element;" in text
    path.write_text(text.replace("assign act_element = element;", "assign act_element = 0;"))
    assert "E sums of an element are read twice: 0" in check(made).reasons
