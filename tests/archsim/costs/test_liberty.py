"""What is read of a liberty file, and what it lacks."""

import gzip
from pathlib import Path

import pytest

from archsim.costs.liberty import read_liberty
from archsim.errors import BadInput
from tests.archsim.costs.liberties import CELLS, GATE, cell, library, out


def test_cells_are_found_by_what_they_compute(tmp_path: Path) -> None:
    liberty = read_liberty(library(tmp_path / "a.lib", *CELLS))
    assert liberty.nand2 == 4.0
    assert liberty.full_adder.name == "FA"
    assert liberty.clock_gate.name == "ICG"
    assert liberty.clock_gate.clock_gate == {"clock": "CK", "enable": "E", "out": "GCK"}
    assert "clkbuf_NAND" not in liberty.text
    assert liberty.text.count("{") == liberty.text.count("}")


def test_a_compressed_library_is_read_too_and_one_may_lack_a_full_adder(tmp_path: Path) -> None:
    (tmp_path / "a.lib.gz").write_bytes(gzip.compress(library(tmp_path / "a.lib", CELLS[1], GATE).read_bytes()))
    liberty = read_liberty(tmp_path / "a.lib.gz")
    assert liberty.nand2 == 4.0
    assert liberty.full_adder is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ((), r"a\.lib: has no cells$"),
        ((CELLS[2], GATE), r"a\.lib: has no two-input NAND$"),
        ((cell("ODD", 1.0, out("Y", "A - B")),), r"^liberty: 'A - B' is not a Boolean expression of pins$"),
        ((cell("ODD", 1.0, out("Y", "A & B &")),), r"^liberty: 'A & B &' is not a Boolean expression of pins$"),
    ],
)
def test_what_a_library_lacks_is_said(tmp_path: Path, cells: tuple[str, ...], message: str) -> None:
    path = library(tmp_path / "a.lib", *cells)
    with pytest.raises(BadInput, match=message):
        assert read_liberty(path).nand2 or read_liberty(path).full_adder


def test_a_library_without_a_clock_gate_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no clock gate$"):
        assert read_liberty(library(tmp_path / "a.lib", CELLS[1])).clock_gate
    with pytest.raises(BadInput, match=r"none\.lib: cannot be read as a liberty file \(No such file or directory\)$"):
        read_liberty(tmp_path / "none.lib")
