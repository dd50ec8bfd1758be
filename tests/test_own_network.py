"""docs/own-network.md does what it says: its very lines, on made signals, from a network's file to a Pareto front.

Every accuracy is computed again from the files by PyTorch alone (`recomputed`).
"""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

import workloads
from tests.recomputed import float_loss, integer_loss

os.environ.setdefault("KERAS_BACKEND", "torch")

pytestmark = pytest.mark.train
DOCUMENT = Path(__file__).parents[1] / "docs" / "own-network.md"
STEPS, CLASSES, UNITS = 16, 4, 12
TOLERANCE = 1e-3


def each_kind(other: dict[str, str], quick: str = "") -> pytest.MarkDecorator:
    """From PyTorch with both kinds of targets and from the `other` files; all but the `quick` kind are slow."""
    cases = [*(("classification", "gru.pt"), ("regression", "gru.pt")), *((kind, file) for file, kind in other.items())]
    marked = [pytest.param(*case, marks=[] if case == (quick, "gru.pt") else pytest.mark.slow) for case in cases]
    return pytest.mark.parametrize(("kind", "source"), marked)


def lines_of(kind: str, which: int = 0) -> str:
    """A fenced block of the document."""
    return str(re.findall(rf"```{kind}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[which])


def signals(seed: int = 0, count: int = 400) -> dict[str, NDArray[Any]]:
    """Noisy waves: their class is the frequency, in four bands; the number to predict is the frequency itself."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.2, 1.4, count)
    angle = frequency[:, None] * np.arange(STEPS) + rng.uniform(0, 2 * np.pi, (count, 1))
    waves = np.stack([np.sin(angle), np.cos(angle)], -1)
    noisy = waves + 0.4 * rng.standard_normal((count, STEPS, 2))
    return {
        "x": noisy.astype(np.float32),
        "y": ((frequency - 0.2) / 1.2 * CLASSES).astype(np.int64),
        "frequency": frequency.astype(np.float32),
    }


class Net(torch.nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(2, UNITS, batch_first=True)
        self.fc = torch.nn.Linear(UNITS, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.gru(x)[0][:, -1])
        return out


def trained(data: dict[str, NDArray[Any]], kind: str) -> Net:
    torch.manual_seed(1)
    net = Net(CLASSES if kind == "classification" else 1)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    x, y, number = (torch.from_numpy(data[name][:300]) for name in ("x", "y", "frequency"))
    for _ in range(60):
        optimiser.zero_grad()
        out = net(x)
        loss = (
            torch.nn.functional.cross_entropy(out, y)
            if kind == "classification"
            else (out[:, 0] - number).square().mean()
        )
        loss.backward()
        optimiser.step()
    net.eval()
    return net


def save_keras(net: Net, path: Path) -> None:
    """The same network as a Keras file: gates z r n, columns for rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own, of its torch backend and of numpy
        import keras  # type: ignore[import-untyped]

        layers = [keras.layers.Input((STEPS, 2)), keras.layers.GRU(UNITS), keras.layers.Dense(net.fc.out_features)]
        model = keras.Sequential(layers)
        order = np.concatenate([np.arange(UNITS, 2 * UNITS), np.arange(UNITS), np.arange(2 * UNITS, 3 * UNITS)])
        own = {name: value.numpy()[order] for name, value in net.gru.state_dict().items()}
        model.layers[0].set_weights(
            [own["weight_ih_l0"].T, own["weight_hh_l0"].T, np.stack([own["bias_ih_l0"], own["bias_hh_l0"]])]
        )
        model.layers[1].set_weights([net.fc.weight.detach().numpy().T, net.fc.bias.detach().numpy()])
        model.save(path)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: made(tmp_path_factory.mktemp(kind), kind) for kind in ("classification", "regression")}


@pytest.fixture
def folder(folders: dict[str, Path], kind: str) -> Path:
    return folders[kind]


def made(where: Path, kind: str) -> Path:
    """A folder with the data and the network, as a person has them."""
    data = signals()
    np.savez(where / "sensors.npz", allow_pickle=False, **data)
    net = trained(data, kind)
    torch.save(net.state_dict(), where / "gru.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of the exporter that is faster
        torch.onnx.export(
            net, (torch.zeros(2, STEPS, 2),), where / "gru.onnx", dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "n", 1: "t"}},
        )  # fmt: skip
    save_keras(net, where / "gru.keras")
    return where


def written_for(kind: str, text: str, source: str) -> str:
    """The document's lines for the other kind of targets, and for another kind of file."""
    if kind == "regression":
        text = text.replace('"classification"', '"regression"').replace('targets = "y"', 'targets = "frequency"')
        text = text.replace('"targets": "y"', '"targets": "frequency"')
    if source != "gru.pt":
        text = text.replace(" --when last_step", "").replace(', choices=workloads.Choices(when="last_step")', "")
    return text.replace("gru.pt", source)


def run(command: list[str], folder: Path) -> str:
    """In a process of its own, as a person would; `archsim` is the command of this environment."""
    found = subprocess.run(
        command,
        cwd=folder,
        env=os.environ
        | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(DOCUMENT.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def check_front(folder: Path, kind: str, front: pd.DataFrame) -> None:
    """At least three accuracies, each what PyTorch alone finds, as is the network's in floating point."""
    network = workloads.load_model(folder / "mine.safetensors")
    assert isinstance(network, workloads.Model)
    split, data = splits(folder, kind), torch.load(folder / "gru.pt", weights_only=True)
    float_validation = workloads.accuracy(network, "validation")
    assert float_validation == pytest.approx(float_loss(data, *split["validation"]), abs=TOLERANCE)
    seen = set()
    for row in front.to_dict("records"):
        weights, activations = map(int, re.findall(r"-w(\d+)a(\d+)", row["model"])[0])
        small = workloads.quantize(network, weight_bits=weights, activation_bits=activations)
        small.save(folder / "small.safetensors")
        for name, loss in (("validation", row["validation_loss"]), ("test", row["test_loss"])):
            assert integer_loss(folder / "small.safetensors", *split[name]) == pytest.approx(loss, abs=TOLERANCE)
        seen.add(round(row["validation_loss"], 6))
    assert len(seen) >= 3


def splits(folder: Path, kind: str) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Which sequences are in a split is the task's to say; what they are is read from the person's own file."""
    stored = np.load(folder / "sensors.npz")
    rows = {x.tobytes(): i for i, x in enumerate(stored["x"])}
    assert len(rows) == len(stored["x"])
    data = workloads.tasks.by_name(folder / "task.toml")
    target, found = stored["y" if kind == "classification" else "frequency"], {}
    for name in ("train", "validation", "test"):
        part = data.split(name)
        at = [rows[np.ascontiguousarray(part[i]).tobytes()] for i in range(len(part))]
        found[name] = torch.from_numpy(stored["x"][at]), torch.from_numpy(target[at])
    return found


@each_kind({"gru.onnx": "classification", "gru.keras": "regression"})
def test_ten_lines_of_shell_lead_from_a_network_to_its_front(folder: Path, kind: str, source: str) -> None:
    lines = lines_of("sh")
    assert len(lines.strip().splitlines()) <= 10
    run(["rm", "-rf", "results"], folder)
    run(["bash", "-euc", written_for(kind, lines, source)], folder)
    check_front(folder, kind, pd.read_csv(folder / "results" / "mine" / "front.csv"))
    assert (folder / "results" / "mine" / "report.html").stat().st_size > 1_000_000


@each_kind({"gru.onnx": "regression", "gru.keras": "classification"}, quick="regression")
def test_ten_lines_of_python_lead_from_a_network_to_its_front(folder: Path, kind: str, source: str) -> None:
    lines = lines_of("python")
    assert len([line for line in lines.splitlines() if line]) <= 10
    run(["rm", "-rf", "results"], folder)
    more = lines_of("python", 1) if source == "gru.pt" else ""
    printed = run([sys.executable, "-c", written_for(kind, lines + more, source)], folder)
    assert "validation_loss" in printed or "..." in printed
    check_front(folder, kind, pd.read_csv(folder / "results" / "mine" / "front.csv"))
    assert (folder / "front.html").is_file()
