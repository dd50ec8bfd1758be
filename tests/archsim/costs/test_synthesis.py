"""What is read of a liberty file, how a netlist's cells are chosen, and how the area of a log is taken."""

import gzip
from importlib import resources
from pathlib import Path

import pytest

from archsim.costs import synthesis
from archsim.costs.parts import Part, distinct
from archsim.costs.synthesis import gates, main, read_liberty
from archsim.errors import BadInput

PIN = '    pin({name}) {{ direction : output; function : "{function}"; }}'


def cell(name: str, area: float, *pins: str) -> str:
    return f"  cell ({name}) {{\n    area : {area};\n" + "\n".join(pins) + "\n  }\n"


def out(name: str, function: str) -> str:
    return PIN.format(name=name, function=function)


GATE = cell(
    "ICG",
    14.0,
    "    clock_gating_integrated_cell : latch_posedge;",
    "    pin(CK) { clock_gate_clock_pin : true; }",
    "    pin(E) { clock_gate_enable_pin : true; }",
    "    pin(GCK) { clock_gate_out_pin : true; }",
)
CELLS = (
    cell("NAND2X2", 6.0, out("Y", "!(A*B)")),
    cell("NAND2X1", 4.0, out("Y", "A' + B'")),
    cell("OR2", 3.0, out("Y", "A | B")),
    cell("XOR3", 9.0, out("Y", "(A ^ B ^ C)")),
    cell("FA", 20.0, out("CO", "(A&B) | (A&CI) | (B&CI)"), out("S", "A^B^CI")),
    cell("clkbuf_NAND", 1.0, out("Y", "!(A&B)")),
    cell("DFF", 18.0, "    ff (IQ,IQN) { next_state : D; }", out("Q", "IQ")),
    GATE,
)


def library(path: Path, *cells: str) -> Path:
    path.write_text("library (small) {\n" + "".join(cells) + "}\n")
    return path


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


def test_a_machine_without_yosys_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"^synthesis: yosys is not installed$"):
        gates(Part("control", "control", (), 1.0), read_liberty(library(tmp_path / "a.lib", *CELLS)))


def test_the_command_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "synthesis: name one or more liberty files\n"


def test_gate_equivalents_are_areas_over_that_of_the_nand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script names the part's module and parameters, and the log's last area counts."""
    seen: list[str] = []

    def yosys(script: str, work: Path) -> str:
        seen.append(script + (work / "mapping.v").read_text())
        return "Chip area for module '\\fa': 7.0\n   Chip area for module '\\control': 48.0\n"

    monkeypatch.setattr(synthesis, "_yosys", yosys)
    liberty = read_liberty(library(tmp_path / "a.lib", *CELLS))
    assert gates(Part("control", "control", (("B", 16), ("BURSTS", 3)), 1.0), liberty) == 12.0
    assert "hierarchy -top control -chparam B 16 -chparam BURSTS 3" in seen[0]
    assert "FA f (.A(a), .B(b), .CI(c), .S(s), .CO(co));" in seen[0]
    assert "ICG g (.CK(clk), .E(en), .GCK(gclk));" in seen[0]


def test_every_part_has_a_module_with_its_parameters() -> None:
    sources = "".join(p.read_text() for p in (resources.files("archsim.costs") / "rtl").iterdir())
    for part, _ in distinct():
        _, _, rest = sources.partition(f"module {part.module} #(")
        head, _, _ = rest.partition("\n);")
        for name, _ in part.parameters:
            assert f"{name} =" in head, (part.module, name)
