"""What another distribution adds by entry points: found by its name, listed, held to the suites, never in the way."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from archsim.design import load_design
from archsim.errors import BadInput
from dse import constraints, objectives
from dse.cli.app import app
from dse.exploration import samplers
from workloads import cells, formats, tasks
from workloads.config import Config

PACKAGE = """
from dataclasses import replace
from pathlib import Path

import numpy as np

from dse.constraints import Constraint
from dse.exploration.samplers.nsga2 import NSGA2
from dse.objectives.weight_bytes import WEIGHT_BYTES
from workloads.cells.rnn import TanhRNN
from workloads.formats.fixed import Fixed
from workloads.tasks import own_task


class MyFormat(Fixed):
    name = "my-format"


CELL = TanhRNN(name="my-cell")
CONSTRAINT = Constraint("my_constraint", "small enough", lambda found: found.measured.weight_bytes / 1e9 - 1)
DESIGN = str(Path(__file__).with_name("my-design.toml"))
FORMAT = MyFormat(8)
OBJECTIVE = replace(WEIGHT_BYTES, name="my_objective", title="My size")
SAMPLER = replace(NSGA2, name="my-sampler")
TASK = own_task(
    "classification", name="my-task", inputs=np.arange(60.0).reshape(20, 3, 1), targets=np.arange(20) % 2,
    layout="sequences, steps, features", splits={"by": "position", "shares": [0.5, 0.25, 0.25]},
)
"""
POINTS = """
[archsim.cells]
my-cell = mine:CELL
[archsim.constraints]
my_constraint = mine:CONSTRAINT
[archsim.designs]
my-design = mine:DESIGN
[archsim.formats]
my-format = mine:FORMAT
[archsim.objectives]
my_objective = mine:OBJECTIVE
[archsim.samplers]
my-sampler = mine:SAMPLER
[archsim.tasks]
my-task = mine:TASK
"""
BROKEN = """
[archsim.tasks]
digits = mine:TASK
other = mine:TASK
number = mine:CELL
gone = nowhere:TASK
my-task = mine:TASK
"""


def distribution(folder: Path, name: str, points: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder as `pip install` leaves it: a module, and a distribution that adds one of each kind."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "mine.py").write_text(PACKAGE)
    (folder / "my-design.toml").write_text(load_design("skip-65nm").to_toml().replace('"skip-65nm"', '"my-design"'))
    distribution(folder, "mine", POINTS)
    return folder


@pytest.fixture
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(folder))
    yield
    sys.modules.pop("mine", None)


def test_one_of_each_is_found_by_its_name_and_listed(installed: None) -> None:
    for group, name in (
        (cells.PLUGINS, "my-cell"), (formats.PLUGINS, "my-format"), (tasks.PLUGINS, "my-task"),
        (objectives.PLUGINS, "my_objective"), (constraints.PLUGINS, "my_constraint"), (samplers.PLUGINS, "my-sampler"),
    ):  # fmt: skip
        assert group.by_name(name).name == name
        assert group.by_name(name) is group.by_name(name)
        assert group.names[-1] == name
        assert group.faults() == ()
    assert load_design("my-design").name == "my-design"
    assert tasks.by_name("my-task").outputs == 2


def test_what_they_add_computes(installed: None) -> None:
    weights = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    theirs, ours = formats.by_name("my-format"), formats.by_name("fixed8")
    scale = theirs.fit_scale(weights)
    np.testing.assert_array_equal(theirs.quantize(weights, scale), ours.quantize(weights, scale))
    layer = {"cell": "my-cell", "hidden": 2, "weight_format": "my-format", "input_weight_format": "my-format"}
    readout = {"outputs": 2, "weight_format": "my-format", "when": "last_step"}
    given = {
        "name": "m",
        "task": "my-task",
        "input": {"kind": "vector", "size": 1},
        "layers": [layer],
        "readout": readout,
    }
    assert Config.model_validate(given).task == "my-task"


def test_without_the_distribution_the_names_are_unknown() -> None:
    with pytest.raises(BadInput, match=r"cell must be one of lstm, .*, not 'my-cell'"):
        cells.by_name("my-cell")
    with pytest.raises(BadInput, match=r"task must be one of .*, or a TOML file, not 'my-task'"):
        tasks.by_name("my-task")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", r"task other of broken: must be called as its entry point, not 'my-task'"),
        ("number", r"task number of broken: must give what has all of workloads\.tasks\.Task, not TanhRNN"),
        ("gone", r"task gone of broken: cannot be loaded \(ModuleNotFoundError: No module named 'nowhere'\)"),
        ("my-task", r"task my-task of (mine|broken): is given by (mine|broken) too; uninstall one of them"),
    ],
)
def test_a_broken_one_is_refused_by_its_name_and_breaks_nothing_else(
    installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    distribution(tmp_path, "broken", BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BadInput, match=message) as told:
        tasks.by_name(name)
    assert len(told.value.lines) == 1
    assert tasks.by_name("digits").ships
    assert tasks.every() == tasks.ALL
    assert len(tasks.PLUGINS.faults()) == 5
    assert any("task digits of broken: the name is taken" in fault for fault in tasks.PLUGINS.faults())
    assert cells.by_name("my-cell").name == "my-cell"


@pytest.mark.slow
def test_they_are_held_to_the_conformance_suites(folder: Path) -> None:
    root = Path(__file__).parents[1]
    suites = ["tests/dse/exploration/samplers/test_conformance.py", "tests/dse/test_objectives.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "my-sampler or my_objective"]
    found = subprocess.run(
        [*command, *suites], cwd=root, env={**os.environ, "PYTHONPATH": f"{folder}:{root}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
    assert "passed" in found.stdout


def test_lists_show_what_is_added_and_say_what_is_left_out(
    installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "broken", "[archsim.tasks]\ngone = nowhere:TASK\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    result = CliRunner().invoke(app, ["list", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    for what, name in (("designs", "my-design"), ("cells", "my-cell"), ("formats", "my-format"), ("tasks", "my-task")):
        assert rows[what][-1]["name"] == name
