"""The README says what is so: its commands run, its table is that of the cards."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest

from archsim import designs
from dse import tables
from workloads import zoo
from workloads.zoo.published import published

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    """Every indented `archsim` line, without its comment."""
    lines = re.findall(r"^    (archsim .*)$", README, re.MULTILINE)
    return [line.split("#")[0].strip() for line in lines]


def test_the_table_of_models_is_generated() -> None:
    between = README.split("<!-- zoo table -->")[1].split("<!-- end of zoo table -->")[0].strip()
    assert between == tables.zoo_markdown(zoo.load_card(name) for name in zoo.ALL)


def test_the_table_of_published_networks_is_generated() -> None:
    between = README.split("<!-- published networks -->")[1].split("<!-- end of published networks -->")[0].strip()
    assert between == tables.published_markdown(published())


def test_the_table_of_published_chips_is_generated() -> None:
    between = README.split("<!-- published chips -->")[1].split("<!-- end of published chips -->")[0].strip()
    done = subprocess.run(
        [sys.executable, "-m", "dse.cli", "validate", "--markdown"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert between == done.stdout.strip()


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\S+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_there_are_commands() -> None:
    assert len(commands()) >= 10


SELF_CONTAINED = ("list", "run", "trace", "zoo", "import", "stream", "fit", "explain", "validate")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a person has a network of their own, and inputs for it."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return onnx.numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)

    layer = onnx.helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=8)
    kind, sizes = onnx.TensorProto.FLOAT, (["steps", "batch", 5], ["steps", 1, "batch", 8])
    ends = [onnx.helper.make_tensor_value_info(n, kind, size) for n, size in zip("xy", sizes, strict=True)]
    graph = onnx.helper.make_graph(
        [layer], "mine", ends[:1], ends[1:], [weights("w", 1, 32, 5), weights("r", 1, 32, 8)]
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), folder / "mine.onnx")
    np.save(folder / "mine.npy", rng.normal(0, 1, (20, 3, 5)))
    return folder


@pytest.mark.parametrize("command", [c for c in commands() if c.split()[1] in SELF_CONTAINED])
def test_commands_run_in_their_order(command: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dse.cli", *shlex.split(command)[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("command", [c for c in commands() if c.split()[1] not in SELF_CONTAINED])
def test_options_of_longer_commands_exist(command: str) -> None:
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "dse.cli", words[0], "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    for option in (w for w in words if w.startswith("--")):
        assert option in done.stdout


def test_packages_listed_are_the_packages_there_are() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {
        str(init.parent.relative_to(ROOT)).replace("/", ".")
        for package in ("archsim", "workloads", "dse")
        for init in (ROOT / package).rglob("__init__.py")
    }
    assert there <= set(listed)


def test_every_shipped_design_has_its_file() -> None:
    files = {p.stem for p in (ROOT / "archsim" / "designs").glob("*.toml")}
    assert files == set(designs.ALL)
