"""The hardware of the front: every design has a command that makes and checks it, or the reason why it has none."""

import shlex
import shutil
from pathlib import Path

import pytest

from dse.exploration.study import search
from dse.report import view_page
from dse.space.space import parse_space
from tests.archsim.rtl.integer_bench import needs
from tests.dse.cli.test_cli import archsim
from tests.dse.conftest import FakeModels, tiny_tree


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    search(parse_space(tiny_tree(), "t"), folder, models=FakeModels())
    return folder


def test_the_command_of_the_page_ends_in_a_passing_check(folder: Path, tmp_path: Path) -> None:
    """As a newcomer copies it: every design of the front has one, and that of the smallest is run."""
    needs("iverilog")
    page = view_page([folder])
    made = [design.hardware for design in page.designs]
    assert made
    assert all(each is not None and each.command and not each.reason for each in made)

    def pes(words: list[str]) -> int:
        set_ = dict(word.split("=", 1) for word in words if "=" in word)
        return int(set_["lanes"]) * int(set_["pe_array.tiles"]) * int(set_["pe_array.pes_per_tile"])

    commands = [shlex.split(each.command) for each in made if each is not None]
    words = min(commands, key=pes)
    assert words[0] == "archsim"
    done = archsim(*words[1:], "--simulator", "icarus", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("equal: ")
    out = words[words.index("--out") + 1]
    assert (tmp_path / out / "README.md").exists()


def commands(folder: Path) -> list[list[str]]:
    hardware = [design.hardware for design in view_page([folder]).designs]
    return [shlex.split(each.command) for each in hardware if each is not None]


def test_the_command_runs_in_any_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the page was made of a folder that is named from where one stood."""
    monkeypatch.chdir(folder.parent)
    for words in commands(Path(folder.name)):
        trace = Path(words[words.index("--workload") + 1])
        assert trace.is_absolute()
        assert trace.is_file()


def test_the_simulator_is_the_one_that_is_done_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = commands(folder)
    assert found
    assert not any("--simulator" in words for words in found)
    monkeypatch.setattr("dse.report.hardware.FEW_PE_CYCLES", 1)
    assert all(words[words.index("--simulator") + 1] == "verilator" for words in commands(folder))


def test_a_design_without_hardware_says_why(tmp_path: Path) -> None:
    tree = tiny_tree() | {"base": "stationary-65nm", "trials": 8}
    tree["parameters"] = {"clock_mhz": {"choices": [100, 200]}, "lanes": {"choices": [1, 2, 4]}}
    search(parse_space(tree, "t"), tmp_path, models=FakeModels())
    found = [design.hardware for design in view_page([tmp_path]).designs]
    assert found
    for each in found:
        assert each is not None
        assert each.command == ""
        assert each.reason.endswith("cannot do dataflow weight-stationary, only output-stationary")


def test_without_its_trace_a_design_has_neither(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for trace in copy.rglob("*.npz"):
        trace.unlink()
    assert [design.hardware for design in view_page([copy]).designs if design.hardware is not None] == []
