"""Commands on a person's own data: a task file goes wherever a task's name goes, from training to integers."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from archsim.errors import BadInput
from dse.cli.app import app
from workloads import tasks
from workloads.model import Model

pytest.importorskip("torch")
import torch

pytestmark = pytest.mark.train

TASK = """\
kind = "{kind}"
files = "sensors.npz"
inputs = "x"
targets = "{targets}"
layout = "sequences, steps, features"
normalisation = "standard"
splits = {{ by = "share", shares = [0.6, 0.2, 0.2], seed = 1 }}
"""
RECIPE = """\
name = "{name}"
task = "{task}"
cell = "gru"
hidden = 6
norm = "none"
weight_format = "float32"
epochs = 2
patience = 2
batch = 16
learning_rate = 0.02
products = "float32"
"""


def run(*words: Any) -> Any:
    return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)


def answer(*words: Any) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module", autouse=True)
def eager() -> Any:
    """Training of a few steps is not worth a compilation."""
    from workloads.training import export, sequence

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "fastest", lambda: sequence.eager)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder with two tasks of made sensors, and a model trained on each by the command."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    x = rng.normal(100, 5, (120, 8, 3)).astype(np.float32)
    np.savez(folder / "sensors.npz", x=x, y=(x[..., 0].mean(1) > 100).astype(int), level=10 * x.mean((1, 2)))
    for kind, targets in (("classification", "y"), ("regression", "level")):
        (folder / f"{kind}.toml").write_text(TASK.format(kind=kind, targets=targets))
        (folder / f"{kind}-recipe.toml").write_text(RECIPE.format(name=f"my-{kind}", task=f"{kind}.toml"))
        run("train", folder / f"{kind}-recipe.toml", "--run", folder / kind, "--out", folder)
    return folder


def test_a_card_does_not_replace_the_task_of_the_same_name(trained: Any) -> None:
    recipe = RECIPE.format(name="regression", task="regression.toml")
    (trained / "same.toml").write_text(recipe)
    with pytest.raises(BadInput, match=r"regression\.toml: is no card, and the model's would replace it"):
        run("train", trained / "same.toml", "--run", trained / "same", "--out", trained)
    assert not (trained / "same").exists()


def by_pytorch(model: Any, task: Any) -> Any:
    """Outputs of the test split by `torch.nn.GRU` with the weights of a model file."""
    gru: Any = torch.nn.GRU(3, 6)
    layer = model.layers[0]
    rows = lambda codes, scale: torch.tensor(codes * scale[:, None])  # noqa: E731
    with torch.no_grad():
        gru.weight_ih_l0.copy_(rows(layer.input_codes.astype(np.float32), layer.scale_input))
        gru.weight_hh_l0.copy_(rows(layer.recurrent_codes.astype(np.float32), layer.scale_recurrent))
        gru.bias_ih_l0.copy_(torch.tensor(layer.shift))
        gru.bias_hh_l0.zero_()
        gru.bias_hh_l0[12:] = torch.tensor(layer.shift_recurrent)
        data = task.split("test")
        h = gru(torch.tensor(data.values.reshape(-1, 8, 3)).transpose(0, 1))[0][-1]
        readout = rows(
            model.readout_codes.astype(np.float32), np.broadcast_to(model.readout_scale, len(model.readout_codes))
        )
        return (h @ readout.T + torch.tensor(model.readout_bias)).numpy(), data.targets


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_model_trained_on_own_data_has_the_accuracy_that_pytorch_finds(trained: Any, kind: Any) -> None:
    found = answer("evaluate", trained / f"my-{kind}.safetensors")[0]
    outputs, targets = by_pytorch(
        Model.load(trained / f"my-{kind}.safetensors"), tasks.by_name(trained / f"{kind}.toml")
    )
    if kind == "classification":
        expected = 100 * np.mean(outputs.argmax(1) != targets)
    else:
        expected = np.sqrt(np.mean((outputs - targets) ** 2))
    assert found["value"] == pytest.approx(expected, rel=1e-3)
    assert (found["metric"], found["size"]) == ({"classification": "error_pct", "regression": "rmse"}[kind], 24)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_integers_pruning_cards_and_traces_know_the_task(trained: Any, kind: Any, tmp_path: Path) -> None:
    model, small, trace = trained / f"my-{kind}.safetensors", tmp_path / "small.safetensors", tmp_path / "t.npz"
    found = answer("ptq", model, "--bits", "8:9", "--max-loss", "100", "--out", small)
    assert found["metric"] == tasks.by_name(trained / f"{kind}.toml").metric
    assert answer("evaluate", small, "--split", "validation")[0]["value"] == pytest.approx(found["best"]["value"])
    assert answer("prune", model, "--sparsity", "0.3", "--out", tmp_path / "pruned.safetensors")["thresholds"]
    assert answer("sparsity", model, "--at", "0.5", "--split", "test")[1]["sparsity"] >= 0.5
    assert answer("trace", "record", "--workload", model, "--out", trace)["sequences"] == 16
    assert answer("zoo", "--verify", model)[0]["passed"]


def test_a_model_whose_task_is_gone_runs_and_says_what_is_missing(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(trained, gone)
    run("train", gone / "regression-recipe.toml", "--run", gone / "again", "--out", gone)
    (gone / "regression.toml").unlink()
    monkeypatch.chdir(tmp_path)
    model = Model.load(gone / "my-regression.safetensors")
    assert model.last(np.zeros((4, 1, 3), np.float32), np.array([4])).shape == (1, 1)
    np.save(tmp_path / "x.npy", np.full((4, 2, 3), 100.0))
    assert answer("trace", "record", "--workload", gone / "my-regression.safetensors", "--inputs", "x.npy", "--raw",
                  "--out", "t.npz")["steps"] == 4  # fmt: skip
    with pytest.raises(BadInput, match=r"task .*gone.*regression\.toml: is not there.*--task"):
        run("evaluate", gone / "my-regression.safetensors")
    again = answer("evaluate", gone / "my-regression.safetensors", "--task", trained / "regression.toml")
    assert again[0]["task"] == str(trained / "regression.toml")


def test_a_task_that_a_model_does_not_fit_is_refused_in_a_line_each(trained: Any) -> None:
    with pytest.raises(BadInput, match=r"model my-regression: outputs must be 2, as in .*classification\.toml, not 1"):
        run("evaluate", trained / "my-regression.safetensors", "--task", trained / "classification.toml")


def test_inputs_of_another_kind_are_told_in_words(trained: Any) -> None:
    with pytest.raises(BadInput, match=r"inputs must be symbols, 65 of them, as in tiny-shakespeare, not vectors of 3"):
        run("evaluate", trained / "my-regression.safetensors", "--task", "tiny-shakespeare")


def test_other_figures_of_normalisation_are_refused(trained: Any, tmp_path: Path) -> None:
    text = (trained / "classification.toml").read_text().replace("seed = 1", "seed = 2")
    (trained / "seed2.toml").write_text(text)
    with pytest.raises(BadInput, match=r"its inputs are normalised \(standard\) by other figures than those of"):
        run("evaluate", trained / "my-classification.safetensors", "--task", trained / "seed2.toml")


def test_an_imported_model_is_measured_and_fine_tuned_on_own_data(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.fc = torch.nn.GRU(3, 6), torch.nn.Linear(6, 1)

    net = Net()
    torch.nn.init.constant_(net.fc.bias, 1000.0)  # as far as any trained network would be
    torch.save(net.state_dict(), "net.pt")
    answer("import", "net.pt", "--when", "last_step", "--task", trained / "regression.toml", "--out", "net.safetensors")
    task = tasks.by_name(trained / "regression.toml")
    assert Model.load(tmp_path / "net.safetensors").config.normalisation == task.normalisation
    with torch.no_grad():
        data = task.split("test")
        given = net.fc(net.gru(torch.tensor(data.values.reshape(-1, 8, 3)).transpose(0, 1))[0][-1]).numpy()
    expected = np.sqrt(np.mean((given - data.targets) ** 2))
    before = answer("evaluate", "net.safetensors")[0]["value"]
    assert before == pytest.approx(expected, rel=1e-5)
    recipe = RECIPE.format(name="tuned", task=trained / "regression.toml") + 'start_from = "net.safetensors"\n'
    (tmp_path / "tuned.toml").write_text(recipe.replace("epochs = 2", "epochs = 6"))
    answer("train", "tuned.toml", "--run", "run", "--out", "out")
    assert answer("evaluate", "out/tuned.safetensors")[0]["value"] < 0.9 * before
