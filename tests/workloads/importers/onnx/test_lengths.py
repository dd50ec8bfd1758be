"""Sequences of unequal length: packed ones, and the last step of each, as PyTorch exports them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]  # what PyTorch's exporters warn of
pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")
nn: Any = torch.nn
rnn: Any = nn.utils.rnn

from tests.workloads.importers.onnx.graphs import (  # noqa: E402
    FLOAT,
    INT32,
    computed,
    imported,
    node,
    runtime,
    saved,
    weights,
)

FEATURES, H = 3, 4
LENGTHS = torch.tensor([4, 6, 1])


def packed(net: Any, x: Any, lengths: Any, sort: bool = True) -> Any:
    first = getattr(net.rnn, "batch_first", False)
    return net.rnn(rnn.pack_padded_sequence(x, lengths, batch_first=first, enforce_sorted=not sort))


def of_packed(net: Any, x: Any, lengths: Any) -> Any:
    h = packed(net, x, lengths)[1]
    h = h[0] if isinstance(h, tuple) else h
    return torch.cat((h[-2], h[-1]), 1) if net.rnn.bidirectional else h[-1]


def every_step_of_packed(net: Any, x: Any, lengths: Any) -> Any:
    return rnn.pad_packed_sequence(packed(net, x, lengths)[0], batch_first=net.rnn.batch_first)[0]


def of_sorted(net: Any, x: Any, lengths: Any) -> Any:
    return packed(net, x, lengths, sort=False)[1][-1]


def indexed(net: Any, x: Any, lengths: Any) -> Any:
    out, every = net.rnn(x)[0], torch.arange(x.shape[0 if net.rnn.batch_first else 1])
    return out[every, lengths - 1] if net.rnn.batch_first else out[lengths - 1, every]


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    def __init__(self, kind: str, summary: Any, **options: Any) -> None:
        super().__init__()
        self.rnn, self.summary = getattr(nn, kind)(FEATURES, H, **options), summary
        self.out = nn.Linear(H * (1 + self.rnn.bidirectional), 2)

    def forward(self, x: Any, lengths: Any) -> Any:
        return self.out(self.summary(self, x, lengths))


def exported(net: Net, path: Path, x: Any, lengths: Any) -> Path:
    axes = {"x": {0: "first", 1: "second"}, "lengths": {0: "first" if net.rnn.batch_first else "second"}}
    inputs = {"input_names": ["x", "lengths"], "dynamic_axes": axes}
    torch.onnx.export(net.eval(), (x, lengths), path, dynamo=False, **inputs)
    return path


@pytest.mark.parametrize(
    ("kind", "summary", "options"),
    [
        ("LSTM", of_packed, {"num_layers": 2, "batch_first": True}),
        ("LSTM", of_packed, {"num_layers": 2, "bidirectional": True, "batch_first": True}),
        ("GRU", of_packed, {"num_layers": 2, "bidirectional": True, "batch_first": True}),
        ("GRU", of_sorted, {"num_layers": 2, "batch_first": True}),
        ("RNN", every_step_of_packed, {"batch_first": True}),
        ("LSTM", every_step_of_packed, {"bidirectional": True, "num_layers": 2}),
        ("LSTM", indexed, {"batch_first": True}),
        ("GRU", indexed, {"num_layers": 2}),
    ],
)
def test_lengths_are_the_datas(tmp_path, kind, summary, options):
    torch.manual_seed(1)
    net = Net(kind, summary, **options)
    lengths = LENGTHS.sort(descending=True).values if summary is of_sorted else LENGTHS
    x = torch.randn(*((3, 6) if net.rnn.batch_first else (6, 3)), FEATURES)
    path = exported(net, tmp_path / "net.onnx", x, lengths)
    model, notes = imported(path)
    expected = runtime(path, x.numpy(), lengths.numpy())
    ours = computed(model, x.numpy().swapaxes(0, 1) if net.rnn.batch_first else x.numpy(), lengths.numpy())
    assert "input lengths holds the lengths of sequences, which a model takes with its data" in notes
    if summary is every_step_of_packed:
        running = np.arange(6)[:, None] < lengths.numpy()
        ours, expected = ours[running], (expected.swapaxes(0, 1) if net.rnn.batch_first else expected)[running]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_newer_exporter_writes_the_last_steps_in_other_ways(tmp_path):
    pytest.importorskip("onnxscript")
    torch.manual_seed(2)

    def gathered(net: Any, x: Any, lengths: Any) -> Any:
        return net.rnn(x)[0].gather(1, (lengths - 1).view(-1, 1, 1).expand(-1, 1, H)).squeeze(1)

    for summary in (indexed, gathered):
        net = Net("LSTM", summary, batch_first=True)
        x = torch.randn(3, 6, FEATURES)
        torch.onnx.export(net.eval(), (x, LENGTHS), dynamo=True, verbose=False).save(tmp_path / "net.onnx")
        model, _ = imported(tmp_path / "net.onnx")
        expected = runtime(tmp_path / "net.onnx", x.numpy(), LENGTHS.numpy())
        ours = computed(model, x.numpy().swapaxes(0, 1), LENGTHS.numpy())
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("summary", "options", "message"),
    [
        (indexed, {"bidirectional": True}, "can be taken of h of layers that all read forwards only"),
        (lambda net, x, n: every_step_of_packed(net, x, n)[-1], {}, "read by its index: read Y_h instead"),
        (lambda net, x, n: every_step_of_packed(net, x, n).mean(0), {}, "must not pool sequences of unequal length"),
    ],
)
def test_what_padding_takes_part_in_is_refused(tmp_path, summary, options, message):
    torch.manual_seed(3)
    net = Net("LSTM", summary, **options)
    path = exported(net, tmp_path / "net.onnx", torch.randn(6, 3, FEATURES), LENGTHS)
    with pytest.raises(BadInput, match=message):
        imported(path)


def test_lengths_of_one_layer_of_two_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    lower, upper = weights(rng, "GRU", FEATURES, H), weights(rng, "GRU", H, H)
    constants = {f"{n}0": a for n, a in lower.items()} | {f"{n}1": a for n, a in upper.items()} | {"one": np.array([1])}
    nodes = [
        node("GRU", ["x", "W0", "R0", "B0", "n"], ["y0"], hidden_size=H),
        node("Squeeze", ["y0", "one"], ["h0"]),
        node("GRU", ["h0", "W1", "R1", "B1"], ["y"], name="upper", hidden_size=H),
    ]
    inputs = {"x": (FLOAT, ("t", "b", FEATURES)), "n": (INT32, ("b",))}
    with pytest.raises(BadInput, match=r"'upper' \(GRU\): must be given sequence_lens if the layer below it is"):
        imported(saved(tmp_path / "m.onnx", nodes, constants, inputs))
