"""Layers of a state dict: directions, projections, and what sequences start from."""

from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.importers import Choices
from workloads.importers.pytorch import StateDict, to_network

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
nn: Any = torch.nn

H, D, P = 5, 3, 2


def tensors_of(module: Any, prefix: str = "rnn.") -> dict[str, Any]:
    return {f"{prefix}{name}": tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def read(tensors: dict[str, Any], **options: Any) -> tuple[Any, list[str]]:
    notes: list[str] = []
    return to_network(StateDict(tensors, True), "vector", Choices(**options), notes.append), notes


def linear(rows: int, columns: int) -> dict[str, Any]:
    return {f"fc.{name}": t.detach().numpy() for name, t in nn.Linear(columns, rows).state_dict().items()}


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_the_second_direction_lies_beside_the_first(kind, layers):
    net = getattr(nn, kind)(D, H, layers, bidirectional=True)
    network, notes = read(tensors_of(net) | linear(4, 2 * H), when="last_step")
    assert [(layer.reverse, layer.beside) for layer in network.layers] == [(False, False), (True, True)] * layers
    for k, layer in enumerate(network.layers):
        suffix = f"_l{k // 2}{'_reverse' if k % 2 else ''}"
        np.testing.assert_array_equal(layer.input_weight, getattr(net, f"weight_ih{suffix}").detach())
        np.testing.assert_array_equal(layer.recurrent_weight, getattr(net, f"weight_hh{suffix}").detach())
    assert notes[-1].startswith("the readout is taken to read h after the last step of each direction (h_n)")
    at_end, notes = read(tensors_of(net) | linear(4, 2 * H), when="last_step", at_last_position=True)
    assert at_end.at_last_position
    assert not any("h_n" in note for note in notes)


@pytest.mark.parametrize("both", [False, True])
def test_a_projection_is_what_h_is_made_by(both):
    net = nn.LSTM(D, H, 2, proj_size=P, bidirectional=both)
    network, _ = read(tensors_of(net) | linear(4, 2 * P if both else P))
    assert [layer.projection.shape for layer in network.layers] == [(P, H)] * (4 if both else 2)
    assert {(layer.hidden, layer.outputs) for layer in network.layers} == {(H, P)}
    np.testing.assert_array_equal(
        network.layers[-1].projection, getattr(net, f"weight_hr_l1{'_reverse' * both}").detach()
    )


@pytest.mark.parametrize("shape", [(H,), (1, H), (1, 1, H)])
def test_a_learned_start_of_one_layer(shape):
    tensors = tensors_of(nn.LSTM(D, H)) | {"h0": np.full(shape, 0.5, np.float32), "c0": np.full(shape, 2, np.float32)}
    network, notes = read(tensors, initial_h="h0", initial_c="c0")
    np.testing.assert_array_equal(network.layers[0].initial_state, [[0.5] * H, [2] * H])
    assert notes == ["h0 is the h that every sequence starts from", "c0 is the c that every sequence starts from"]
    network, _ = read({name: a for name, a in tensors.items() if name != "h0"}, initial_c="c0")
    np.testing.assert_array_equal(network.layers[0].initial_state, [[0] * H, [2] * H])


@pytest.mark.parametrize(("kind", "options"), [("LSTM", {}), ("GRU", {}), ("RNN", {}), ("LSTM", {"proj_size": P})])
@pytest.mark.parametrize("both", [False, True])
def test_a_learned_start_of_stacked_layers_lies_as_in_pytorch(kind, options, both):
    net = getattr(nn, kind)(D, H, 2, bidirectional=both, **options)
    count = 4 if both else 2
    h0, c0 = torch.randn(count, 1, options.get("proj_size", H)), torch.randn(count, 1, H)
    has_c = kind == "LSTM"
    tensors = tensors_of(net) | {"h0": h0.numpy(), **({"c0": c0[:, 0].numpy()} if has_c else {})}
    network, _ = read(tensors, initial_h="h0", initial_c="c0" if has_c else None)
    for k, layer in enumerate(network.layers):
        expected = np.concatenate([h0[k, 0], c0[k, 0]]) if has_c else h0[k, 0].numpy()
        np.testing.assert_array_equal(layer.initial_state.ravel(), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial_h": "x"}, r"initial_h must be a tensor, one of .*, not x"),
        ({"initial_h": "h0"}, r"initial_h: tensor h0 must be \(2, 5\) or \(2, 1, 5\), not \(5,\)"),
        ({"initial_c": "h0"}, "initial_c: the state of gru has no c"),
    ],
)
def test_a_start_that_does_not_fit_is_named(options, message):
    tensors = tensors_of(nn.GRU(D, H, 2)) | {"h0": np.ones(H, np.float32)}
    with pytest.raises(BadInput, match=message):
        read(tensors, **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_ih_l1": (4 * H, H)}, r"recurrent layer 3 must have 10 inputs, as the layer below has outputs, not 5"),
        ({"weight_ih_l0_reverse": (4 * H, 4)}, r"layer 2, the other direction of layer 1, must have 3 inputs, not 4"),
        ({"bias_ih_l1_reverse": None}, r"tensor rnn\.bias_ih_l1_reverse is missing"),
    ],
)
def test_directions_that_do_not_fit_are_named(changes, message):
    tensors = tensors_of(nn.LSTM(D, H, 2, bidirectional=True))
    for name, shape in changes.items():
        tensors.pop(f"rnn.{name}")
        tensors |= {} if shape is None else {f"rnn.{name}": np.ones(shape, np.float32)}
    with pytest.raises(BadInput, match=message):
        read(tensors)
