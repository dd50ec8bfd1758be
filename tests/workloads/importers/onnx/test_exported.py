"""Networks as people build and export them: what is imported computes what ONNX Runtime makes of the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers import import_model
from workloads.importers.onnx import read_network
from workloads.model import Model

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]  # what PyTorch's exporters warn of
pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")
nn: Any = torch.nn

FEATURES, HIDDEN, SYMBOLS, OUTPUTS = 4, 6, 9, 3
CELLS = {"LSTM": {}, "GRU": {}, "RNN": {}, "RNN relu": {"nonlinearity": "relu"}}
CURVES = {"none": lambda v: v, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
BELOW = {
    "nothing": lambda net, x: x,
    "embedding": lambda net, x: net.table(x),
    "float tokens": lambda net, x: net.table(x.long()),
    "embedding and dense": lambda net, x: torch.tanh(net.enter(net.table(x))),
    "dense": lambda net, x: torch.relu(net.enter(x)),
    "linear": lambda net, x: net.enter(x),
    "two linear": lambda net, x: torch.tanh(net.enter(net.enter(x))),
    "normalised": lambda net, x: (x - net.mean) / net.deviation,
    "scaled": lambda net, x: 2 * x + 0.5,
    "normalised and dense": lambda net, x: torch.sigmoid(net.enter((x - net.mean) / net.deviation)),
}
"""What lies below the recurrent layers."""
SUMMARIES = {
    "every": lambda net, out, h_n: out,
    "output": lambda net, out, h_n: out[:, -1] if net.rnn.batch_first else out[-1],
    "h_n": lambda net, out, h_n: torch.cat((h_n[-2], h_n[-1]), 1) if net.rnn.bidirectional else h_n[-1],
    "h_n exchanged": lambda net, out, h_n: torch.cat((h_n[-1], h_n[-2]), 1) if net.rnn.bidirectional else h_n[-1],
    "h_n in one": lambda net, out, h_n: h_n[-net.ways :].transpose(0, 1).reshape(h_n.shape[1], -1),
    "h_n by layer": lambda net, out, h_n: h_n.view(-1, net.ways, h_n.shape[1], HIDDEN)[-1].permute(1, 0, 2).flatten(1),
    "both ends": lambda net, out, h_n: (
        torch.cat((net.step(out, -1)[:, :HIDDEN], net.step(out, 0)[:, HIDDEN:]), 1)
        if net.rnn.bidirectional
        else net.step(out, -1)
    ),
    "mean": lambda net, out, h_n: out.mean(net.steps),
    "max": lambda net, out, h_n: out.max(net.steps)[0],
    "sum": lambda net, out, h_n: out.sum(net.steps) / out.shape[net.steps],
    "adaptive": lambda net, out, h_n: nn.functional.adaptive_avg_pool1d(net.elements_first(out), 1).squeeze(-1),
    "adaptive max": lambda net, out, h_n: nn.functional.adaptive_max_pool1d(net.elements_first(out), 1)[..., 0],
}
"""What of h the head reads."""
ENDS = {
    "none": (lambda v: v, lambda v: v),
    "softmax": (lambda v: v.softmax(-1), lambda v: torch.from_numpy(v).softmax(-1).numpy()),
    "log softmax": (lambda v: v.log_softmax(-1), lambda v: torch.from_numpy(v).log_softmax(-1).numpy()),
    "sigmoid": (torch.sigmoid, lambda v: 1 / (1 + np.exp(-v))),
    "argmax": (lambda v: v.argmax(-1), lambda v: v.argmax(-1)),
}
"""What follows the readout, and the same of our logits."""


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    def __init__(self, cell: str, below: str, summary: str, head: str, end: str, states: str, **options: Any) -> None:
        super().__init__()
        self.below, self.summary, self.end, self.states = BELOW[below], SUMMARIES[summary], ENDS[end][0], states
        self.curve = CURVES.get(head)
        self.late: bool = options.pop("late", False) and (
            summary == "output" or (summary == "mean" and head in ("no", "none"))
        )
        self.table = nn.Embedding(SYMBOLS, FEATURES)
        self.mean, self.deviation = torch.randn(FEATURES), torch.rand(FEATURES) + 0.5
        self.enter = nn.Linear(FEATURES, FEATURES)
        self.rnn = getattr(nn, cell.split()[0])(FEATURES, HIDDEN, **CELLS[cell], **options)
        self.ways = 1 + self.rnn.bidirectional
        self.steps = 1 if self.rnn.batch_first else 0
        self.start = nn.Parameter(torch.randn(self.rnn.num_layers * self.ways, 1, HIDDEN))
        width = HIDDEN * self.ways
        self.hidden = nn.Linear(width, 5) if self.curve is not None and head != "before" else None
        self.out = nn.Linear(5 if self.hidden else width, OUTPUTS)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.4)

    def step(self, out: Any, index: int) -> Any:
        return out[:, index] if self.rnn.batch_first else out[index]

    def elements_first(self, out: Any) -> Any:
        return out.permute(0, 2, 1) if self.rnn.batch_first else out.permute(1, 2, 0)

    def start_of(self, x: Any, given: tuple[Any, ...]) -> Any:
        batch = x.shape[1 - self.steps]
        match self.states:
            case "given":
                return given if isinstance(self.rnn, nn.LSTM) else given[0]
            case "zeros":
                h = torch.zeros(len(self.start), batch, HIDDEN)
            case "learned":
                h = self.start.expand(-1, batch, -1).contiguous()
            case _:
                return None
        return (h, h) if isinstance(self.rnn, nn.LSTM) else h

    def forward(self, x: Any, *given: Any) -> Any:
        v = self.below(self, x)
        out, state = self.rnn(v, self.start_of(v, given))
        v = out if self.late else self.summary(self, out, state[0] if isinstance(self.rnn, nn.LSTM) else state)
        if self.hidden is not None:
            v = self.curve(self.hidden(v))
        v = self.summary(self, self.out(v), None) if self.late else self.out(v)
        return (self.end(v), state) if self.states == "given" else self.end(v)


def example(net: Net, below: str, steps: int, batch: int) -> tuple[Any, ...]:
    """Inputs as the network takes them, and zeros where it is given its state."""
    shape = (batch, steps) if net.rnn.batch_first else (steps, batch)
    if below.startswith("embedding"):
        x = torch.randint(0, SYMBOLS, shape)
    elif below == "float tokens":
        x = torch.randint(0, SYMBOLS, shape).float()
    else:
        x = torch.randn(*shape, FEATURES)
    if net.states != "given":
        return (x,)
    zeros = torch.zeros(len(net.start), batch, HIDDEN)
    return (x, zeros, zeros) if isinstance(net.rnn, nn.LSTM) else (x, zeros)


def exported(net: Net, path: Path, inputs: tuple[Any, ...], free: bool = True) -> Path:
    names = ["x", "h0", "c0"][: len(inputs)]
    axes = {"x": {0: "first", 1: "second"}} | {name: {1: ("second", "first")[net.steps]} for name in names[1:]}
    torch.onnx.export(net.eval(), inputs, path, dynamo=False, input_names=names, dynamic_axes=axes if free else {})
    return path


def runtime(path: Path, inputs: tuple[Any, ...]) -> Any:
    """What ONNX Runtime computes: the first output."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(path.read_bytes(), options)
    names = [item.name for item in session.get_inputs()]
    return session.run(None, dict(zip(names, (value.numpy() for value in inputs), strict=True)))[0]


def computed(model: Model, x: Any, batch_first: bool) -> Any:
    """Logits as the network gives them."""
    x = x.numpy().swapaxes(0, 1) if batch_first else x.numpy()
    assert model.config.readout is not None
    if model.config.readout.when == "last_step":
        return model.last(x, np.full(x.shape[1], len(x)))
    logits = model.run(x)[0]
    return logits.swapaxes(0, 1) if batch_first else logits


@st.composite
def choices(draw: Any) -> dict[str, Any]:
    return {
        "cell": draw(st.sampled_from(sorted(CELLS))),
        "below": draw(st.sampled_from(sorted(BELOW))),
        "summary": draw(st.sampled_from(sorted([*SUMMARIES, "output", "mean"]))),
        "head": draw(st.sampled_from(["no", *CURVES])),
        "end": draw(st.sampled_from(sorted(ENDS))),
        "states": draw(st.sampled_from(["absent", "zeros", "learned", "given"])),
        "num_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "late": draw(st.booleans()),
        "free": draw(st.sampled_from([True, True, False])),
        "seed": draw(st.integers(0, 2**16)),
    }


@settings(max_examples=30)
@given(choices())
def test_what_is_imported_computes_what_the_file_does(tmp_path_factory, chosen):
    torch.manual_seed(chosen.pop("seed"))
    free = chosen.pop("free")
    net, below = Net(**chosen), chosen["below"]
    path = exported(net, tmp_path_factory.mktemp("exported") / "net.onnx", example(net, below, 5, 2), free)
    model = import_model(path)
    inputs = example(net, below, 8, 3) if free else example(net, below, 5, 2)
    tokens = inputs[0].long() if below == "float tokens" else inputs[0]
    logits = computed(model, tokens, net.rnn.batch_first)
    np.testing.assert_allclose(ENDS[chosen["end"]][1](logits), runtime(path, inputs), rtol=0, atol=1e-5)
    assert len(model.layers) == net.rnn.num_layers * net.ways


def simple(**options: Any) -> Net:
    torch.manual_seed(5)
    plain = {"cell": "LSTM", "below": "nothing", "summary": "h_n", "head": "no", "end": "none", "states": "absent"}
    return Net(**plain | options)


@pytest.mark.slow
@pytest.mark.parametrize("summary", sorted(SUMMARIES))
def test_the_newer_exporter(tmp_path, summary):
    """It is slow: each summary once, of two layers in both directions."""
    pytest.importorskip("onnxscript")
    net = simple(summary=summary, num_layers=2, bidirectional=True, batch_first=True)
    x = example(net, "nothing", 6, 2)
    program = torch.onnx.export(net.eval(), x, dynamo=True, verbose=False)
    program.save(tmp_path / "net.onnx")
    model = import_model(tmp_path / "net.onnx")
    np.testing.assert_allclose(computed(model, x[0], True), runtime(tmp_path / "net.onnx", x), rtol=0, atol=1e-5)


def test_h_of_a_lower_layer_is_refused(tmp_path):
    """``fc(h_n[0])`` of two layers: the second would be computed for nothing."""
    torch.manual_seed(6)
    net = simple(num_layers=2, bidirectional=False)
    net.summary = lambda net, out, h_n: h_n[0]
    path = exported(net, tmp_path / "net.onnx", example(net, "nothing", 5, 2))
    with pytest.raises(BadInput, match=r"'/rnn/LSTM_1' \(LSTM\): lies above a layer that the output is read of"):
        import_model(path)


def test_the_state_that_a_graph_is_given_is_taken_as_zeros_and_it_is_said(tmp_path):
    net = simple(states="given", num_layers=2)
    notes: list[str] = []
    import_model(exported(net, tmp_path / "net.onnx", example(net, "nothing", 5, 2)), note=notes.append)
    told = "is the state at the start, which a model keeps itself: it is taken as zeros"
    assert notes == [f"input h0 {told}", f"input c0 {told}"]


def test_an_input_is_one_thing(tmp_path):
    """Data that is the initial state as well is no state alone."""
    net = simple(states="given")
    net.forward = lambda x, h0, c0: net.out(net.rnn(x + c0[:1, :, :FEATURES], (h0, c0))[0])
    with pytest.raises(BadInput, match=r"must take constants beside|must be one thing|must not join inputs"):
        import_model(exported(net, tmp_path / "net.onnx", example(net, "nothing", 5, 2)))


def test_matrices_are_called_as_the_file_calls_them(tmp_path):
    net = simple(summary="h_n", head="relu", below="embedding")
    path = exported(net, tmp_path / "net.onnx", example(net, "embedding", 5, 2))
    network = read_network(path, None, "vector", lambda text: None)
    assert set(network.tensor_names) == {"embedding", "W_x 1", "W_h 1", "head 1", "readout"}
    assert network.tensor_names["head 1"] == "hidden.weight"
    assert network.tensor_names["embedding"] == "table.weight"


@pytest.mark.slow
def test_a_projection_that_the_newer_exporter_loses_is_refused(tmp_path):
    pytest.importorskip("onnxscript")
    net = nn.LSTM(FEATURES, HIDDEN, proj_size=2, batch_first=True)
    torch.onnx.export(net.eval(), (torch.randn(2, 5, FEATURES),), dynamo=True, verbose=False).save(
        tmp_path / "net.onnx"
    )
    with pytest.raises(
        BadInput, match=r"initial_c must be .* \(an exporter that loses proj_size writes this: import the st"
    ):
        import_model(tmp_path / "net.onnx")
