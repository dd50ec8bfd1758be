"""A grid of PyTorch's modules, brought by state dict and by ONNX: each equals PyTorch, or is on a list of refusals.

Cell, projection, directions and what reads the layers are crossed; layers, bias and `batch_first` change from one
module to the next, so that each of them meets each of the others.
"""

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.importers import Choices, DenseChoice, import_model
from workloads.model import Model

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
]
torch = pytest.importorskip("torch")
nn: Any = torch.nn

FEATURES, HIDDEN, STEPS, BATCH = 5, 6, 8, 3


@dataclass(frozen=True)
class Case:
    """What a module is made of; `reads`: what its answer is made of."""

    cell: str
    both: bool
    reads: str
    layers: int = 1
    batch_first: bool = False
    bias: bool = True

    def __str__(self) -> str:
        ways = "both" if self.both else "ahead"
        more = f"{'batch' if self.batch_first else 'steps'} first{'' if self.bias else ', no bias'}"
        return f"{self.layers} {self.cell}, {ways}, {self.reads}, {more}"

    @property
    def projection(self) -> int:
        return 4 if self.cell == "LSTMP" else 0


CELLS = {"LSTM": "LSTM", "LSTMP": "LSTM", "GRU": "GRU", "RNN": "RNN", "RNN relu": "RNN"}
READS = ("h", "every step", "h_n", "last position", "two dense", "mean")
CROSSED = [Case(cell, both, reads) for cell, both, reads in product(CELLS, (False, True), READS)]
OTHERS = (
    Case("LSTM", True, "h_n[-1]"), Case("GRU", True, "h_n[-1]", 2), Case("LSTM", False, "norm"),
    Case("GRU", False, "attention"), Case("LSTM", False, "max", 3), Case("GRU", True, "max", 2, bias=False),
    Case("LSTM", True, "dense before", 2), Case("GRU", False, "dense before", 1, True),
)  # fmt: skip
GRID = [
    *(replace(case, layers=1 + n % 2, batch_first=n % 3 == 1, bias=n % 5 != 2) for n, case in enumerate(CROSSED)),
    *OTHERS,
]


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    """A person's module."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        options: dict[str, Any] = {"nonlinearity": "relu"} if case.cell == "RNN relu" else {}
        options |= {"proj_size": case.projection} if case.projection else {}
        width = (case.projection or HIDDEN) * (1 + case.both)
        self.rnn = getattr(nn, CELLS[case.cell])(
            FEATURES,
            HIDDEN,
            case.layers,
            bias=case.bias,
            batch_first=case.batch_first,
            bidirectional=case.both,
            **options,
        )
        match case.reads:
            case "h":
                return
            case "norm":
                self.norm = nn.LayerNorm(width)
            case "attention":
                self.score = nn.Linear(width, 1)
            case "two dense":
                self.hid = nn.Linear(width, 7, bias=case.bias)
                width = 7
            case "dense before":
                self.into = nn.Linear(FEATURES, FEATURES, bias=case.bias)
            case "h_n[-1]":
                width //= 2
        self.fc = nn.Linear(width, 4, bias=case.bias)

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.into(x)) if hasattr(self, "into") else x
        y, state = self.rnn(x)
        h_n = state[0] if isinstance(state, tuple) else state
        steps = 1 if self.case.batch_first else 0
        match self.case.reads:
            case "h":
                return y
            case "h_n" | "two dense":
                y = torch.cat([h_n[-2], h_n[-1]], 1) if self.case.both else h_n[-1]
            case "h_n[-1]":
                y = h_n[-1]
            case "last position":
                y = y[:, -1] if self.case.batch_first else y[-1]
            case "mean":
                y = y.mean(steps)
            case "max":
                y = y.max(steps).values
            case "norm":
                y = self.norm(h_n[-1])
            case "attention":
                y = (torch.softmax(self.score(y), steps) * y).sum(steps)
        return self.fc(torch.relu(self.hid(y)) if hasattr(self, "hid") else y)

    @property
    def choices(self):
        """What its state dict does not tell."""
        reads = self.case.reads
        return Choices(
            readout=None if reads == "h" else "fc",
            activation="relu" if self.case.cell == "RNN relu" else "tanh",
            when="every_step" if reads in ("h", "every step", "dense before", "mean", "max") else "last_step",
            at_last_position=reads == "last position" and self.case.both,
            pooling=reads if reads in ("mean", "max") else None,
            head=(DenseChoice("hid", "relu"),) if reads == "two dense" else (),
            dense=DenseChoice("into", "tanh") if reads == "dense before" else None,
        )


def by_state_dict(net: Net, folder: Path) -> Model:
    path = folder / "net.pt"
    torch.save(net.state_dict(), path)
    return import_model(path, choices=net.choices)


def by_onnx(net: Net, folder: Path) -> Model:
    pytest.importorskip("onnx")
    path = folder / "net.onnx"
    torch.onnx.export(net, (drawn(net.case, 5, 2),), path, dynamo=False, input_names=["x"],
                      dynamic_axes={"x": {0: "a", 1: "b"}})  # fmt: skip
    return import_model(path)


def by_the_newer_exporter(net: Net, folder: Path) -> Model:
    pytest.importorskip("onnxscript")
    path = folder / "net.onnx"
    torch.onnx.export(net, (drawn(net.case, 5, 2),), dynamo=True, verbose=False).save(path)
    return import_model(path)


WAYS = {"state dict": by_state_dict, "ONNX": by_onnx, "newer ONNX": by_the_newer_exporter}


@dataclass(frozen=True)
class Refusal:
    """What is not brought by some of the ways, and what is said of it."""

    what: str
    message: str
    reads: tuple[str, ...] = READS
    cells: tuple[str, ...] = tuple(CELLS)
    ways: tuple[str, ...] = tuple(WAYS)

    def of(self, case: Case, way: str) -> bool:
        return case.reads in self.reads and case.cell in self.cells and way in self.ways


REFUSALS = (
    Refusal("a norm", r"norm.*is used by nothing|\(LayerNormalization\): this operation is not supported", ("norm",)),
    Refusal("attention", r"fc\.bias .*is used by nothing|\(Softmax\): must read the elements of a vector at the same",
            ("attention",)),
    Refusal("h of one direction of two, which a state dict does not tell", r"readout must be .* fits \(12 columns\)",
            ("h_n[-1]",), ways=("state dict",)),
    Refusal("a projection, which PyTorch's exporters do not write", r"LSTMs with projections|\((LSTM|Concat)\): ",
            cells=("LSTMP",), ways=("ONNX", "newer ONNX")),
    Refusal("an RNN that the newer exporter has unrolled", r"\(Add\): .*unrolled: export it with dynamo=False",
            cells=("RNN", "RNN relu"), ways=("newer ONNX",)),
)  # fmt: skip


def refusal(case: Case, way: str) -> Refusal | None:
    return next((refusal for refusal in REFUSALS if refusal.of(case, way)), None)


def drawn(case: Case, steps: int, batch: int) -> Any:
    x = torch.randn(steps, batch, FEATURES, generator=torch.Generator().manual_seed(1))
    return x.swapaxes(0, 1) if case.batch_first else x


def network(case):
    torch.manual_seed(3)
    net = Net(case).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    return net


def assert_equal(model: Model, net: Net) -> None:
    """On inputs of another size than it was exported with."""
    given = drawn(net.case, STEPS, BATCH)
    with torch.no_grad():
        expected = net(given).numpy()
    x = (given.swapaxes(0, 1) if net.case.batch_first else given).numpy()
    readout = model.config.readout
    if readout is not None and readout.when == "last_step":
        ours = model.last(x, np.full(BATCH, STEPS))
    else:
        ours = model.states(x)[0] if readout is None else model.run(x)[0]
        ours = ours.swapaxes(0, 1) if net.case.batch_first else ours
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)
    assert np.ptp(expected) > 0.02


EVERY = 11
"""Only so many modules go through the newer exporter, which takes seconds for each."""
NEWER = [pytest.param(case, "newer ONNX", marks=pytest.mark.slow) for case in [*GRID[::EVERY], *OTHERS[:4]]]


@pytest.mark.filterwarnings("ignore")  # the older exporter has many
@pytest.mark.parametrize(("case", "way"), [*product(GRID, ("state dict", "ONNX")), *NEWER], ids=str)
def test_it_computes_what_pytorch_computes_or_is_on_the_list(case, way, tmp_path):
    net, refused = network(case), refusal(case, way)
    if refused is None:
        assert_equal(WAYS[way](net, tmp_path), net)
        return
    errors = (BadInput, torch.onnx.errors.OnnxExporterError)
    with pytest.raises(errors, match=refused.message):
        WAYS[way](net, tmp_path)


def test_the_list_is_short():
    """Of at least 60 modules at least 50 come both ways, and the others are of five kinds at most."""
    assert len(set(GRID)) == len(GRID) >= 60
    assert sum(not any(refusal(case, way) for way in ("state dict", "ONNX")) for case in GRID) >= 50
    assert len({refused.what for refused in REFUSALS}) <= 5
