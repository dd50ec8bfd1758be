"""`archsim import` shows what became of a network, and checks it beside its source."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.testing
from safetensors.numpy import save_file

from dse.cli.app import app

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
