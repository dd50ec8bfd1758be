"""Text as Windows saves it is read; outputs are whole, and replace nothing but plain files."""

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from archsim import load_design, simulate, synthesize
from archsim.analysis.diff import load_run
from archsim.costs import load_cost_table
from archsim.errors import BadInput
from archsim.files import encoding_of_file, read_text, read_toml, whole_file
from archsim.record import RunRecord
from dse.space.space import load_space
from dse.studies import ALL as STUDIES
from workloads.tasks.own.sources import Csv
from workloads.training.recipe import load_recipe

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")
ROOT = Path(__file__).parents[2]
TEXT = 'name = "größe"\r\nvalue = 3\r\n'


@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-16-be", "utf-32-be"])
def test_a_text_is_read_as_its_byte_order_mark_says(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.toml"
    mark = "\ufeff" if encoding.endswith("be") else ""
    file.write_bytes((mark + TEXT).encode(encoding))
    assert read_text(file) == TEXT
    assert read_toml(file) == {"name": "größe", "value": 3}
    assert file.read_bytes().decode(encoding_of_file(file)) == TEXT


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xff\xfea")  # half a character of UTF-16
    with pytest.raises(BadInput, match=r"a\.toml: is not a TOML file \(.*truncated"):
        read_toml(file)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_kind_of_file_is_read(tmp_path: Path, encoding: str) -> None:
    def saved(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_bytes(text.replace("\n", "\r\n").encode(encoding))
        return file

    design = load_design("edge-8pe")
    assert load_design(saved("design.toml", design.to_toml())) == design
    study = next(iter(STUDIES))
    assert load_space(saved("study.toml", (ROOT / f"dse/studies/{study}.toml").read_text())).name == study
    costs = 'name = "ours"\n[dram.lpddr4]\nvalue = 4.5\nunit = "pJ/bit"\nsource = "data sheet"\n'
    assert load_cost_table(saved("costs.toml", costs)).name == "ours"
    recipe = next((ROOT / "workloads/training/recipes").glob("*.toml"))
    assert load_recipe(saved("recipe.toml", recipe.read_text())).name == recipe.stem
    trace = synthesize(hidden=8, inputs=4, density=0.5, sequences=1, steps=2)
    run = json.dumps(RunRecord.of(simulate(design, trace, lanes=1)).to_json())
    assert load_run(saved("run.json", run)).run.tokens == 2
    table = Csv(saved("table.csv", "a,b\n1,2\n3,4\n"))
    assert (tuple(table.names), table.array("a").tolist()) == (("a", "b"), [1, 3])


def _write(path: Path | str, text: str = "new") -> None:
    with whole_file(path) as part:
        part.write_text(text)


def test_a_link_is_followed(tmp_path: Path) -> None:
    real, link, missing, dangling = (tmp_path / name for name in ("real", "link", "missing", "dangling"))
    real.write_text("old")
    link.symlink_to(real)
    dangling.symlink_to("missing")
    _write(link)
    _write(dangling)
    assert all(path.is_symlink() for path in (link, dangling))
    assert (real.read_text(), missing.read_text()) == ("new", "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "link", "missing", "real"]


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    _write(pipe)
    reader.join(10)
    assert heard == ["new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_into() -> None:
    before = os.stat("/dev/null")
    _write("/dev/null")
    assert os.stat("/dev/null").st_ino == before.st_ino
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "printed"])
def test_what_is_printed_to_is_not_replaced(tmp_path: Path, name: str) -> None:
    lines = (
        "from archsim.files import whole_file",
        "print('before')",
        f"with whole_file({name!r}) as part: part.write_text('new\\n')",
        "print('after')",
    )
    with (tmp_path / "printed").open("w") as out:
        subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=tmp_path, stdout=out, check=True)
    assert (tmp_path / "printed").read_text() == "before\nnew\nafter\n"


@pytest.mark.parametrize("path", [".", "/", "", "..", "folder", "link", "folder/.."])
def test_a_folder_is_refused_by_name(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("link").symlink_to("folder")
    with pytest.raises(IsADirectoryError, match="is a folder, not a file to write") as refused:
        _write(path)
    assert refused.value.filename == str(Path(path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "link"]


def test_permissions_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "private"
    file.write_text("old")
    file.chmod(0o600)
    _write(file)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_a_file_that_must_not_be_written_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root, as whom tests may run, may write everywhere
    file = tmp_path / "precious"
    file.write_text("old")
    with pytest.raises(PermissionError, match="precious"):
        _write(file)
    assert file.read_text() == "old"


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(TypeError), whole_file(file) as part:
        part.write_text(3)  # type: ignore[arg-type]
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_a_trace_is_drawn_into_a_plain_file_alone(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"/dev/null: must be a plain file, since a trace is read where it was written"):
        synthesize(hidden=8, inputs=4, density=0.5, sequences=1, steps=2, out=Path("/dev/null"))
