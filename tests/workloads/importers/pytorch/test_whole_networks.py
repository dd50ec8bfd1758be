"""Random networks of PyTorch's modules: what is imported computes what they compute, or is refused by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers import Choices, DenseChoice, import_model

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
]
torch = pytest.importorskip("torch")
nn: Any = torch.nn

SYMBOLS, T, B = 7, 6, 2
CURVES = {"none": lambda v: v, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


@dataclass(frozen=True)
class Drawn:
    """What a network is, and how it is stored."""

    kind: str
    layers: int
    both: bool
    bias: bool
    inputs: int
    hidden: int
    projection: int
    embedding: bool
    dense: Any
    head: Any
    readout: bool
    reads: Any
    """Every step, the last one by h_n or by position, or mean or max of all."""
    start: bool
    prefix: str
    suffix: str
    seed: int


drawn_networks = st.builds(
    Drawn,
    kind=st.sampled_from(["LSTM", "GRU", "RNN", "RNN relu"]),
    layers=st.integers(1, 3),
    both=st.booleans(),
    bias=st.booleans(),
    inputs=st.integers(1, 5),
    hidden=st.integers(2, 5),
    projection=st.sampled_from([0, 0, 1]),
    embedding=st.booleans(),
    dense=st.sampled_from([None, None, *CURVES]),
    head=st.sampled_from([None, None, *CURVES]),
    readout=st.booleans(),
    reads=st.sampled_from(["every", "last", "position", "mean", "max"]),
    start=st.booleans(),
    prefix=st.sampled_from(["", "model.", "module.", "_orig_mod.model."]),
    suffix=st.sampled_from(["pt", "safetensors"]),
    seed=st.integers(0, 999),
)


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    """Its modules, in the order that they run in."""

    def __init__(self, d: Drawn) -> None:
        super().__init__()
        self.d = d
        directions = 2 if d.both else 1
        width = d.inputs
        if d.embedding:
            self.emb = nn.Embedding(SYMBOLS, width)
        if d.dense:
            self.into = nn.Linear(width, width + 1, bias=d.bias)
            width += 1
        kind, _, curve = d.kind.partition(" ")
        options = {"nonlinearity": curve} if curve else {"proj_size": d.projection} if kind == "LSTM" else {}
        self.rnn = getattr(nn, kind)(width, d.hidden, d.layers, bias=d.bias, bidirectional=d.both, **options)
        outputs = (d.projection if kind == "LSTM" and d.projection else d.hidden) * directions
        if d.start:
            self.h0 = nn.Parameter(torch.randn(d.layers * directions, 1, outputs // directions) / 2)
            if kind == "LSTM":
                self.c0 = nn.Parameter(torch.randn(d.layers * directions, d.hidden) / 2)
        if d.readout and d.head:
            self.hid = nn.Linear(outputs, outputs + 2, bias=d.bias)
            outputs += 2
        if d.readout:
            self.fc = nn.Linear(outputs, 3, bias=d.bias)

    def forward(self, x: Any) -> Any:
        d = self.d
        x = self.emb(x) if d.embedding else x
        x = CURVES[d.dense](self.into(x)) if d.dense else x
        start = None
        if d.start:
            h0 = self.h0.expand(-1, B, -1).contiguous()
            start = (h0, self.c0[:, None].expand(-1, B, -1).contiguous()) if isinstance(self.rnn, nn.LSTM) else h0
        y, last = self.rnn(x, start)
        if not d.readout:
            return y
        last = last[0] if isinstance(last, tuple) else last
        y = {
            "every": lambda: y,
            "last": lambda: torch.cat([*last[-2 if d.both else -1 :]], -1),
            "position": lambda: y[-1],
            "mean": lambda: y.mean(0),
            "max": lambda: y.max(0).values,
        }[d.reads]()
        return self.fc(CURVES[d.head](self.hid(y)) if d.head else y)

    @property
    def choices(self) -> Choices:
        d = self.d
        at_end = d.reads in ("last", "position") and d.readout
        return Choices(
            embedding="emb" if d.embedding else None,
            dense=DenseChoice("into", d.dense) if d.dense else None,
            head=(DenseChoice("hid", d.head),) if d.head and d.readout else (),
            readout="fc" if d.readout else None,
            initial_h="h0" if d.start else None,
            initial_c="c0" if d.start and d.kind == "LSTM" else None,
            activation="relu" if d.kind == "RNN relu" else "tanh",
            when="last_step" if at_end else "every_step",
            at_last_position=at_end and d.reads == "position" and d.both,
            pooling=d.reads if d.readout and d.reads in ("mean", "max") else None,
        )


def stored(net: Any, folder: Path) -> Path:
    tensors = {net.d.prefix + name: tensor for name, tensor in net.state_dict().items()}
    path = folder / f"net.{net.d.suffix}"
    if net.d.suffix == "pt":
        torch.save(tensors, path)
    else:
        from safetensors.torch import save_file

        save_file(tensors, path)
    return path


def computed(model: Any, x: Any, pooled: bool) -> Any:
    readout = model.config.readout
    if readout is None:
        return model.states(x)[0]
    if readout.when == "every_step" and not pooled:
        return model.run(x)[0]
    return model.last(x, np.full(x.shape[1], len(x)))


@given(drawn_networks)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_imported_computes_what_pytorch_computes(tmp_path, drawn):
    torch.manual_seed(drawn.seed)
    net = Net(drawn).eval()
    x = torch.randint(0, SYMBOLS, (T, B)) if drawn.embedding else torch.randn(T, B, drawn.inputs)
    model = import_model(stored(net, tmp_path), choices=net.choices)
    with torch.no_grad():
        expected = net(x).numpy()
    ours = computed(model, x.numpy(), net.choices.pooling is not None)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


@given(drawn_networks)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_guessed_is_right_or_refused(tmp_path, drawn):
    """Without a word on roles: the network that it is, or one line that says what to say."""
    torch.manual_seed(drawn.seed)
    net = Net(drawn).eval()
    asked = net.choices
    choices = Choices(
        activation=asked.activation, when=asked.when, at_last_position=asked.at_last_position, pooling=asked.pooling
    )
    x = torch.randint(0, SYMBOLS, (T, B)) if drawn.embedding else torch.randn(T, B, drawn.inputs)
    refusal = ""
    try:
        model = import_model(stored(net, tmp_path), choices=choices)
    except BadInput as error:
        refusal = str(error)
    if refusal:
        assert "\n" not in refusal
        assert "--" in refusal or "no readout" in refusal
        return
    with torch.no_grad():
        expected = net(x).numpy()
    ours = computed(model, x.numpy(), choices.pooling is not None)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)
