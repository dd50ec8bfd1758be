"""`archsim import` shows what became of a network, and checks it beside its source."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.testing
from safetensors.numpy import save_file

from archsim.errors import BadInput
from dse.cli.app import app
from workloads.evaluate import evaluate
from workloads.importers import Choices, import_model
from workloads.model import Model

H, D, T, B = 6, 3, 5, 2


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    shapes = {"rnn.weight_ih_l0": (3 * H, D), "rnn.weight_hh_l0": (3 * H, H), "fc.weight": (4, H), "fc.bias": (4,)}
    save_file({n: rng.normal(0, 0.3, s).astype(np.float32) for n, s in shapes.items()}, tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", rng.normal(size=(T, B, D)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def archsim(*words: str) -> Any:
    return typer.testing.CliRunner().invoke(app, [*words], terminal_width=80)


def test_the_table_names_every_matrix(here: Path) -> None:
    done = archsim("import", "m.safetensors", "--weights", "ternary", "--out", "o.safetensors")
    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines() if "ternary" in line]
    assert [(row[0], row[1]) for row in rows] == [
        ("rnn.weight_ih_l0", "W_x"),
        ("rnn.weight_hh_l0", "W_h"),
        ("fc.weight", "readout"),
    ]
    shown = json.loads(
        archsim("import", "m.safetensors", "--weights", "ternary", "--out", "o.safetensors", "--json").stdout
    )
    assert [m["tensor"] for m in shown["matrices"]] == ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "fc.weight"]
    assert all(0.2 < m["error"] < 0.6 for m in shown["matrices"])
    assert "check" not in shown


@pytest.mark.train
def test_the_source_is_run_beside_the_model(here: Path) -> None:
    pytest.importorskip("torch")
    words = ("import", "m.safetensors", "--weights", "fixed4", "--out", "o.safetensors", "--check", "x.npy")
    done = archsim(*words)
    assert done.exit_code == 0
    assert "Largest difference from PyTorch" in done.stdout
    assert "DIFFERS" not in done.stdout
    checked = json.loads(archsim(*words, "--json").stdout)["check"]
    assert checked["passed"] is True
    assert [d["what"] for d in checked["differences"]] == ["h 1", "output"]
    np.save("turned.npy", np.load("x.npy").swapaxes(0, 1))
    turned = archsim(*words[:-1], "turned.npy", "--batch-first", "--json")
    assert json.loads(turned.stdout)["check"] == checked


@pytest.mark.train
def test_a_model_that_differs_is_exit_code_1(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("workloads.importers.check.TOLERANCE", 0.0)
    done = archsim("import", "m.safetensors", "--out", "o.safetensors", "--check", "x.npy")
    assert done.exit_code == 1
    assert "DIFFERS" in done.stdout


TASK = """\
kind = "classification"
files = "data.npz"
inputs = "x"
targets = "y"
layout = "sequences, steps, features"
splits = { by = "position", shares = [0.5, 0.25, 0.25] }
"""


def test_a_model_is_imported_for_a_task(here: Path) -> None:
    """The task says what a state dict does not: which steps the readout runs at."""
    rng = np.random.default_rng(1)
    np.savez("data.npz", x=rng.normal(size=(16, T, D)).astype(np.float32), y=np.arange(16) % 4)
    Path("mine.toml").write_text(TASK)
    words = ("import", "m.safetensors", "--weights", "ternary", "--task", "mine.toml", "--out", "o.safetensors")
    done = archsim(*words)
    assert done.exit_code == 0
    assert re.search(r"validation error, %: \S+ as imported, \S+ in floating point, as its source is", done.stdout)
    assert "the readout runs at the last step, as the task needs it" in done.output
    shown = json.loads(archsim(*words, "--json").stdout)
    assert shown["task"] == str(here / "mine.toml")
    assert shown["readout"]["when"] == "last_step"
    measured = shown["validation"]
    assert evaluate(import_model("m.safetensors", task="mine.toml"), "validation") == measured["source"]
    assert evaluate(Model.load(here / "o.safetensors"), "validation") == measured["imported"]


def test_a_task_that_does_not_fit_is_refused_by_the_rule(here: Path) -> None:
    rng = np.random.default_rng(1)
    np.savez("data.npz", x=rng.normal(size=(16, T, D + 1)).astype(np.float32), y=np.arange(16) % 2)
    Path("mine.toml").write_text(TASK)
    with pytest.raises(BadInput) as caught:
        import_model("m.safetensors", task="mine.toml")
    assert [line.split(": ", 1)[1] for line in caught.value.lines] == [
        f"features must be 4, as in {here / 'mine.toml'}, not 3",
        f"outputs must be 2, as in {here / 'mine.toml'}, not 4",
    ]
    with pytest.raises(BadInput, match=r"readout must be last_step, as in .*mine\.toml, not every_step"):
        import_model("m.safetensors", task="mine.toml", choices=Choices(when="every_step"))
