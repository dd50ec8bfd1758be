"""A model beside its source: equal where it is, and told apart where it is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers import Choices, Formats, import_with_report

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
nn: Any = torch.nn

D, H, T, B = 3, 5, 7, 2


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    def __init__(self, kind: str = "LSTM", last: bool = False, softmax: bool = False, symbols: int = 0, **options: Any):
        super().__init__()
        self.last, self.softmax = last, softmax
        if symbols:
            self.emb = nn.Embedding(symbols, D)
        self.rnn = getattr(nn, kind)(D, H, **options)
        self.fc = nn.Linear(H * (2 if options.get("bidirectional") else 1), 4)

    def forward(self, x: Any) -> Any:
        y, _ = self.rnn(self.emb(x) if hasattr(self, "emb") else x)
        y = (y[:, -1] if self.rnn.batch_first else y[-1]) if self.last else y
        return self.fc(y).softmax(-1) if self.softmax else self.fc(y)


def exported(net: Any, path: Path, x: Any) -> Path:
    axes = {"dynamic_axes": {"x": {0: "a", 1: "b"}}}
    torch.onnx.export(net.eval(), (x,), path, dynamo=False, input_names=["x"], **axes)
    return path


@pytest.mark.parametrize("steps", [T, B])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"batch_first": True}, {"batch_first": True, "last": True}, {"num_layers": 2, "bidirectional": True},
        {"kind": "GRU", "softmax": True, "batch_first": True}, {"kind": "RNN", "last": True}, {"symbols": 6},
    ],
)  # fmt: skip
def test_a_graph_is_run_as_it_takes_its_inputs(tmp_path, options, steps):
    """Also where both axes are as long, so that no shape tells which is which."""
    net = Net(**options)
    x = torch.randint(0, 6, (steps, B)) if options.get("symbols") else torch.randn(steps, B, D)
    x = x.swapaxes(0, 1).contiguous() if options.get("batch_first") else x
    imported = import_with_report(exported(net, tmp_path / "m.onnx", x))
    check = imported.check(x.numpy())
    assert (check.by, check.passed) == ("ONNX Runtime", True)
    layers = len(imported.model.layers)
    assert all(m.tensor for m in imported.matrices if m.role.startswith("W"))
    assert [d.what for d in check.differences] == [*(f"h {k + 1}" for k in range(layers)), "output"]
    assert max(d.floats for d in check.differences) < 1e-5


@pytest.mark.parametrize("axes", [{}, {0: "a"}, {1: "b"}])
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_open_axis_tells_which_is_which(tmp_path, axes, batch_first):
    x = torch.randn(B, B, D)
    net = Net(batch_first=batch_first).eval()
    torch.onnx.export(net, (x,), tmp_path / "m.onnx", dynamo=False, input_names=["x"], dynamic_axes={"x": axes})
    imported = import_with_report(tmp_path / "m.onnx")
    if axes:
        assert imported.check(x.numpy()).passed
        return
    with pytest.raises(BadInput, match=r"^--check: inputs \(2, 2, 3\) have as many steps as sequences, and the graph"):
        imported.check(x.numpy())


def test_one_number_has_its_magnitude_for_a_range(tmp_path):
    net = Net(last=True)
    net.fc = nn.Linear(H, 1)
    torch.save(net.state_dict(), tmp_path / "m.pt")
    imported = import_with_report(tmp_path / "m.pt", choices=Choices(when="last_step"))
    check = imported.check(np.random.default_rng(0).normal(size=(T, 1, D)))
    assert check.passed
    assert check.differences[-1].range > 0


@given(
    kind=st.sampled_from(["LSTM", "GRU", "RNN"]), layers=st.integers(1, 2), both=st.booleans(),
    proj=st.booleans(), bias=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_modules_of_a_state_dict_are_built_and_run(tmp_path, kind, layers, both, proj, bias, seed):
    torch.manual_seed(seed)
    options = {"proj_size": 2} if proj and kind == "LSTM" else {}
    rnn = getattr(nn, kind)(D, H, layers, bidirectional=both, bias=bias, **options)
    torch.save({f"rnn.{name}": tensor for name, tensor in rnn.state_dict().items()}, tmp_path / "m.pt")
    imported = import_with_report(tmp_path / "m.pt", formats=Formats("fixed4"))
    check = imported.check(np.random.default_rng(seed).normal(size=(T, B, D)))
    assert check.by == "PyTorch"
    assert check.passed
    assert len(check.differences) == layers * (2 if both else 1) + 1
    assert all(d.floats < 1e-5 < d.rounded < 2 for d in check.differences)


def test_everything_around_the_layers_is_run_too(tmp_path):
    net = nn.Module()
    net.emb, net.into, net.rnn = nn.Embedding(7, 4), nn.Linear(4, D), nn.GRU(D, H, bidirectional=True)
    net.hid, net.fc, net.h0 = nn.Linear(2 * H, 6), nn.Linear(6, 2), nn.Parameter(torch.randn(2, H))
    torch.save(net.state_dict(), tmp_path / "m.pt")
    from workloads.importers import DenseChoice

    for more in ({"when": "last_step"}, {"when": "last_step", "at_last_position": True}, {"pooling": "max"}, {}):
        choices = Choices(
            embedding="emb", dense=DenseChoice("into", "tanh"), head=(DenseChoice("hid", "relu"),), readout="fc",
            initial_h="h0", **more,
        )  # fmt: skip
        check = import_with_report(tmp_path / "m.pt", choices=choices).check(np.arange(14).reshape(7, 2) % 7)
        assert check.passed


def test_a_model_that_is_not_its_source_does_not_pass(tmp_path):
    torch.save(Net().state_dict(), tmp_path / "m.pt")
    imported = import_with_report(tmp_path / "m.pt")
    layer = imported.network.layers[0]
    wrong = replace(layer, recurrent_weight=layer.recurrent_weight * np.float32(1.01))
    other = replace(imported, network=replace(imported.network, layers=(wrong,)))
    x = np.random.default_rng(0).normal(size=(T, B, D))
    path = exported(Net(), tmp_path / "m.onnx", torch.randn(T, B, D))
    graph = import_with_report(path)
    assert graph.check(x).passed
    assert not replace(graph, network=other.network).check(x).passed
    table = graph.check(x).to_json()
    assert table["passed"] is True
    assert set(table["differences"][0]) == {"what", "range", "floats", "rounded", "passed"}


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((T, B, 9)), r"--check: inputs must be \(steps, sequences, 3\), not \(7, 2, 9\)"),
        (np.zeros((T, B)), r"--check: inputs must be \(steps, sequences, 3\), not \(7, 2\)"),
    ],
)
def test_inputs_that_do_not_fit_are_named(tmp_path, x, message):
    torch.save(Net().state_dict(), tmp_path / "m.pt")
    with pytest.raises(BadInput, match=message):
        import_with_report(tmp_path / "m.pt").check(x)
    path = exported(Net(), tmp_path / "m.onnx", torch.randn(T, B, D))
    with pytest.raises(BadInput, match=r"--check: ONNX Runtime cannot run the graph on float64") as caught:
        import_with_report(path).check(x)
    assert "\n" not in str(caught.value)


def test_symbols_that_are_too_large_are_named(tmp_path):
    torch.save(Net(symbols=6).state_dict(), tmp_path / "m.pt")
    with pytest.raises(BadInput, match=r"--check: symbols must be below 6"):
        import_with_report(tmp_path / "m.pt").check(np.full((T, B), 6))
    with pytest.raises(BadInput, match=r"--check: inputs must be symbols \(steps, sequences\), not float64"):
        import_with_report(tmp_path / "m.pt").check(np.zeros((T, B)))


def test_a_model_of_keras_is_run_by_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((T, D)), layers.Bidirectional(layers.LSTM(H, return_sequences=True)),
        layers.GRU(H, return_sequences=True), layers.GRU(4), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.save(tmp_path / "m.keras")
    imported = import_with_report(tmp_path / "m.keras")
    check = imported.check(np.random.default_rng(0).normal(size=(B, T, D)).astype(np.float32))
    assert (check.by, check.passed) == ("Keras", True)
    assert imported.matrices[0].tensor
    assert [d.what for d in check.differences] == ["h 1", "h 2", "h 3", "output"]
    with pytest.raises(BadInput, match=r"--check: Keras cannot run the model on float64 \(7, 9\)") as caught:
        imported.check(np.zeros((7, 9)))
    assert "\n" not in str(caught.value)
