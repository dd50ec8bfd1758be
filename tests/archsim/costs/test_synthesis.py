"""What yosys is asked, how the area of its log is taken, and the table."""

from importlib import resources
from pathlib import Path

import pytest

from archsim.costs import synthesis
from archsim.costs.liberty import Liberty, read_liberty
from archsim.costs.parts import Part, distinct
from archsim.costs.synthesis import TooLong, gates, main
from archsim.errors import BadInput
from tests.archsim.costs.liberties import CELLS, library


def test_a_machine_without_yosys_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"^synthesis: yosys is not installed$"):
        gates(Part("encoder", "encoder", (), 1.0), read_liberty(library(tmp_path / "a.lib", *CELLS)))


def test_the_command_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "synthesis: name one or more liberty files\n"


def test_gate_equivalents_are_areas_over_that_of_the_nand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script names the part's module and parameters, and the log's last area counts."""
    seen: list[str] = []

    def yosys(script: str, work: Path) -> str:
        seen.append(script + (work / "mapping.v").read_text())
        return "Chip area for module '\\fa': 7.0\n   Chip area for module '\\encoder': 48.0\n"

    monkeypatch.setattr(synthesis, "_yosys", yosys)
    liberty = read_liberty(library(tmp_path / "a.lib", *CELLS))
    assert gates(Part("encoder", "encoder", (("LANES", 2), ("A", 8)), 1.0), liberty) == 12.0
    assert "hierarchy -top encoder -chparam LANES 2 -chparam A 8" in seen[0]
    assert "FA f (.A(a), .B(b), .CI(c), .S(s), .CO(co));" in seen[0]
    assert "ICG g (.CK(clk), .E(en), .GCK(gclk));" in seen[0]


def test_the_table_has_dashes_where_a_synthesis_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A part that synthesises to half its price is priced 100 % above that."""

    def half(part: Part, liberty: Liberty) -> float:
        if part.module == "pe":
            raise TooLong("")
        return part.priced_gates / 2

    monkeypatch.setattr(synthesis, "gates", half)
    assert main([str(library(tmp_path / "a.lib", *CELLS))]) == 0
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head == "| part | parameters | of | priced | a | % |"
    assert len(lines) == len(distinct())
    assert {line.split(" | ")[-1] for line in lines if line.startswith("| PE ")} == {"- |"}
    assert {line.split(" | ")[-1] for line in lines if not line.startswith("| PE ")} == {"+100 |"}


def test_every_part_has_a_module_with_its_parameters() -> None:
    sources = "".join(p.read_text() for p in (resources.files("archsim.costs") / "rtl").iterdir())
    for part, _ in distinct():
        _, _, rest = sources.partition(f"module {part.module} #(")
        head, _, _ = rest.partition("\n);")
        for name, _ in part.parameters:
            assert f"{name} =" in head, (part.module, name)
