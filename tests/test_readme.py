"""The commands of the README run, and those of other pages after them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest

from tests.archsim.rtl.integer_bench import needs
from tests.dse.cli.test_cli import archsim
from tests.dse.conftest import drawn_network

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
OTHER_PAGES = sorted(
    page for folder in ("docs", "archsim", "workloads", "dse") for page in (ROOT / folder).rglob("*.md")
)


def commands(text: str) -> list[str]:
    """Every indented `archsim` line, without its comment."""
    lines = re.findall(r"^    (archsim .*)$", text, re.MULTILINE)
    return [line.split("#")[0].strip() for line in lines]


BEFORE, OWN, AFTER = re.split(r"^## (?:From your own|What you can ask).*$", README, flags=re.MULTILINE)
ELSEWHERE = [command for page in OTHER_PAGES for command in commands(page.read_text())]

NOT_RUN = {
    "archsim search my-study.toml --scheduler tcp://10.0.0.1:8786": "needs a cluster; test_workers.py has one",
    "archsim compare exact --samplers nsga2,random,tpe:2000": "an hour and more; test_compare.py has a smaller space",
    "archsim enumerate exact": "725,760 points; test_enumerate.py has smaller spaces",
    "archsim train workloads/training/recipes/wp-lstm256-ternary.toml": "hours; the digits are trained here",
    "archsim train spoken-gru64-float --each cell=lstm,gru --each weight_format=ternary,binary": "minutes, and data "
    "that do not ship; test_sweep.py has others",
}
"""Commands of the README that no test runs as they stand: their options are checked."""

MINUTES = ("archsim search edge", "archsim ptq wp-lstm256-float --out small.safetensors")
LONG = {
    "archsim validate": "test_docs.py has its table, made by the same command with --markdown",
    "archsim zoo --verify wp-lstm256-ternary": "test_cli_every_command.py verifies a smaller model",
    "archsim run --design skip-65nm --workload wp-lstm256-ternary --check --steps 20": "test_cli_every_command.py "
    "checks a smaller model",
    "archsim ptq wp-lstm256-ternary-s90 --bits 8 --cell-bits 12 --out integers.safetensors": "test_ptq.py has others",
    "archsim rtl edge-8pe --workload integers.safetensors --out integers --check": "test_hardware.py has a smaller one",
    "archsim prune wp-lstm256-ternary --sparsity 0.5 --out half.safetensors": "test_own_tasks.py has a smaller model",
    "archsim sparsity wp-lstm256-ternary-s90": "test_cli_every_command.py looks at a smaller model",
    "archsim rtl edge-8pe --workload wp-lstm256-ternary-s90 --out hardware --check": "another folder in the README",
}
"""Commands that take many seconds, of which a quicker test runs the like: these are slow as they stand."""


def run(command: str, folder: Path) -> str:
    """What a line of the README prints or writes (``> file``), run in this process: a second less a line."""
    words, _, file = command.partition(" > ")
    done = archsim(*shlex.split(words)[1:], cwd=folder)
    assert done.returncode == 0, done.stderr
    if file:
        (folder / file).write_text(done.stdout)
    return done.stdout


def run_by_shell(command: str, folder: Path, seconds: float = 300) -> str:
    """What a line of the README prints, given to a shell as it stands (the browser is `true`)."""
    archsim = f'archsim() {{ {shlex.quote(sys.executable)} -m dse.cli "$@"; }}'
    done = subprocess.run(
        ["bash", "-c", f"{archsim}; {command}"],
        cwd=folder,
        env=os.environ | {"BROWSER": "true"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\S+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_there_are_commands() -> None:
    assert len(commands(AFTER)) >= 20
    assert len(commands(OWN)) >= 7
    assert not commands(BEFORE)


def test_what_is_not_run_is_there() -> None:
    assert {*NOT_RUN, *MINUTES, *LONG} <= {*commands(README), *ELSEWHERE}


STUDY = """
name = "small"
base = "skip-65nm"
objectives = ["validation_loss", "area_mm2"]
trials = 6
population = 4
scenario = { scope = "recurrent", sequences = 8 }
models = [{ name = "digits.safetensors" }]
[parameters]
clock_mhz = { choices = [100, 150, 200, 250] }
"pe_array.tiles" = { choices = [2, 4, 8] }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a person has a network of their own, inputs for it, and a study."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "my-study.toml").write_text(STUDY)
    drawn_network(folder / "digits.safetensors", "digits", 8, 10)
    rng = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return onnx.numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)

    layer = onnx.helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=8)
    kind, sizes = onnx.TensorProto.FLOAT, (("steps", "batch", 5), ("steps", 1, "batch", 8))
    ends = [onnx.helper.make_tensor_value_info(n, kind, size) for n, size in zip("xy", sizes, strict=True)]
    graph = onnx.helper.make_graph(
        [layer], "mine", ends[:1], ends[1:], [weights("w", 1, 32, 5), weights("r", 1, 32, 8)]
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), folder / "mine.onnx")
    np.save(folder / "mine.npy", rng.normal(0, 1, (20, 3, 5)))
    return folder


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=[pytest.mark.slow] if command in LONG else [])
        for command in (*commands(AFTER), *ELSEWHERE)
        if command not in {*NOT_RUN, *MINUTES}
    ],
)
def test_commands_run_in_their_order(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if command.startswith("archsim rtl") and "--check" in command:
        needs("iverilog")
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    assert run(command, folder)


def test_a_shell_runs_a_command(folder: Path) -> None:
    assert run_by_shell("archsim list > list.txt", folder) == ""
    assert (folder / "list.txt").read_text() == run("archsim list", folder)


@pytest.mark.slow
@pytest.mark.parametrize("command", MINUTES)
def test_commands_of_minutes_run(command: str, tmp_path: Path) -> None:
    assert run_by_shell(command, tmp_path, seconds=3600)


@pytest.mark.parametrize("command", NOT_RUN)
def test_options_of_the_rest_exist(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)[1:]
    shown = run(f"archsim {words[0]} --help", tmp_path)
    for option in (w for w in words if w.startswith("--")):
        assert option in shown


@pytest.mark.slow
@pytest.mark.train
def test_from_your_own_network_to_its_front(tmp_path: Path) -> None:
    """Trained, pruned, recorded, simulated, searched and shown, as the README has it."""
    pytest.importorskip("torch")
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "dse" / "examples", folder)
    for command in commands(OWN):
        assert run_by_shell(command, folder)
    assert (folder / "half.html").exists()
    assert len((folder / "results" / "digits" / "front.csv").read_text().splitlines()) > 5
