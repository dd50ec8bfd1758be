"""Weights that other tensors are made of: as PyTorch computes with them, or refused; never passed over."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers import Choices
from workloads.importers.pytorch import StateDict, to_network

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
nn: Any = torch.nn
prune = pytest.importorskip("torch.nn.utils.prune")

H, D = 4, 3


def tensors_of(module: Any) -> dict[str, Any]:
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def read(tensors: dict[str, Any], **options: Any) -> tuple[Any, list[str]]:
    notes: list[str] = []
    return to_network(StateDict(tensors, True), "vector", Choices(**options), notes.append), notes


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    def __init__(self, kind: str = "LSTM", **options: Any) -> None:
        super().__init__()
        self.rnn = getattr(nn, kind)(D, H, **options)
        self.fc = nn.Linear(H * (2 if options.get("bidirectional") else 1), 2)


def weight_norm(dim: int | None) -> Callable[[Any, str], None]:
    return lambda module, name: nn.utils.weight_norm(module, name, dim)


def parametrized(dim: int) -> Callable[[Any, str], None]:
    return lambda module, name: nn.utils.parametrizations.weight_norm(module, name, dim)


def pruned(module: Any, name: str) -> None:
    prune.random_unstructured(module, name, 0.5)


WAYS: dict[str, Callable[[Any, str], None]] = {
    "weight norm": weight_norm(0),
    "weight norm of columns": weight_norm(1),
    "weight norm of all": weight_norm(None),
    "parametrized": parametrized(0),
    "parametrized of columns": parametrized(1),
    "pruned": pruned,
}


@pytest.mark.filterwarnings("ignore")
@given(
    kind=st.sampled_from(["LSTM", "GRU", "RNN"]), layers=st.integers(1, 2), both=st.booleans(),
    ways=st.lists(st.sampled_from(sorted(WAYS)), min_size=1, max_size=4), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=15)
def test_a_weight_is_what_pytorch_makes_of_its_parts(kind, layers, both, ways, seed):
    torch.manual_seed(seed)
    net = Net(kind, num_layers=layers, bidirectional=both)
    targets = [(net.rnn, name) for name, _ in net.rnn.named_parameters() if name.startswith("weight")]
    targets.append((net.fc, "weight"))
    for k, way in enumerate(ways[: len(targets)]):
        WAYS[way](*targets[(seed + k) % len(targets)])
    net.fc(torch.zeros(1, net.fc.in_features))  # the older ways make a weight when its module runs
    net.rnn(torch.zeros(2, 1, D))
    network, notes = read(tensors_of(net))
    suffixes = [f"_l{k}{way}" for k in range(layers) for way in (["", "_reverse"] if both else [""])]
    for layer, suffix in zip(network.layers, suffixes, strict=True):
        for ours, name in ((layer.input_weight, "weight_ih"), (layer.recurrent_weight, "weight_hh")):
            np.testing.assert_allclose(ours, getattr(net.rnn, name + suffix).detach(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(network.readout_weight, net.fc.weight.detach(), rtol=1e-5, atol=1e-7)
    assert any("is made by weight norm" in note or "is pruned" in note for note in notes)


PLAIN = {
    "rnn.weight_ih_l0": np.ones((4 * H, D), np.float32),
    "rnn.weight_hh_l0": np.arange(4 * H * H, dtype=np.float32).reshape(4 * H, H),
}
RAW = -PLAIN["rnn.weight_hh_l0"]
MASK = (np.arange(4 * H * H).reshape(4 * H, H) % 2).astype(np.float32)


def test_weight_drop_keeps_the_weight_beside_what_dropout_left():
    network, notes = read(PLAIN | {"rnn.weight_hh_l0_raw": RAW})
    np.testing.assert_array_equal(network.layers[0].recurrent_weight, RAW)
    assert notes == [
        "rnn.weight_hh_l0 is rnn.weight_hh_l0_raw: weight drop (what is stored as that is left over from dropout)"
    ]
    only_raw = {"rnn.weight_ih_l0": PLAIN["rnn.weight_ih_l0"], "rnn.weight_hh_l0_raw": RAW}
    np.testing.assert_array_equal(read(only_raw)[0].layers[0].recurrent_weight, RAW)


def test_weight_drop_around_a_module():
    """fastai's WeightDropout wraps the recurrent module, and keeps the raw weight outside."""
    inside = {name.replace("rnn.", "rnns.0.module."): array for name, array in PLAIN.items()}
    for tensors in ({"rnns.0.weight_hh_l0_raw": RAW} | inside, inside | {"rnns.0.weight_hh_l0_raw": RAW}):
        network, _ = read(tensors)
        np.testing.assert_array_equal(network.layers[0].recurrent_weight, RAW)
    with pytest.raises(BadInput, match=r"^ignore: tensor rnns\.0\.weight_hh_l0_raw belongs to the recurrent weight"):
        read(inside | {"rnns.0.weight_hh_l0_raw": RAW}, ignore=("rnns.0.weight_hh_l0_raw",))


@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.uint8])
def test_a_mask_beside_a_weight_is_multiplied_in(dtype):
    network, notes = read(PLAIN | {"rnn.weight_hh_l0_mask": MASK.astype(dtype)})
    np.testing.assert_array_equal(network.layers[0].recurrent_weight, PLAIN["rnn.weight_hh_l0"] * MASK)
    assert notes == ["rnn.weight_hh_l0 is pruned: rnn.weight_hh_l0 times rnn.weight_hh_l0_mask"]


def spectral(net: Any) -> None:
    nn.utils.spectral_norm(net.rnn, "weight_hh_l0")


def spectral_parametrized(net: Any) -> None:
    nn.utils.parametrizations.spectral_norm(net.rnn, "weight_hh_l0")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spectral, r"^rnn\.weight_hh_l0 is made by spectral norm \(.*_orig, .*_u, .*_v\): before saving, call torch"),
        (
            spectral_parametrized,
            r"^rnn\.weight_hh_l0 is made by a parametrization \(.*\) other than weight norm: before saving, call torch",
        ),
    ],
)
def test_what_is_made_in_another_way_is_refused_with_the_way_out(change, message):
    net = Net()
    change(net)
    with pytest.raises(BadInput, match=message) as caught:
        read(tensors_of(net))
    assert "ignore" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"weight_hh_l0_foo": RAW}, r"weight_hh_l0_foo belongs to the recurrent weight rnn\.weight_hh_l0, and what it"),
        ({"weight_hh_l0.scale": RAW}, r"weight_hh_l0\.scale belongs to the recurrent weight rnn\.weight_hh_l0"),
        ({"weight_hh_l0_orig": RAW}, r"weight_hh_l0_orig belongs to the recurrent weight"),
        ({"weight_hh_l0_raw": RAW, "weight_hh_l0_mask": MASK}, r"weight_hh_l0_(raw|mask) belongs to the recurrent"),
        ({"weight_hh_l0_mask": RAW}, r"weight_hh_l0_mask must be a mask of zeros and ones \(16, 4\), for rnn\.weight"),
        ({"weight_hh_l0_mask": MASK[:3]}, r"weight_hh_l0_mask must be a mask of zeros and ones \(16, 4\)"),
        ({"weight_hh_l0_g": RAW[:3, :1], "weight_hh_l0_v": RAW}, "belongs to the recurrent weight"),
    ],
)
def test_what_begins_with_a_recurrent_weights_name_is_never_passed_over(more, message):
    tensors = PLAIN | {f"rnn.{name}": array for name, array in more.items()}
    with pytest.raises(BadInput, match=message) as caught:
        read(tensors)
    assert "ignore" not in str(caught.value)
    for name in more:
        with pytest.raises(BadInput, match=r"^ignore: tensor rnn\.weight_hh_l0\S+ belongs to the recurrent weight"):
            read(tensors, ignore=(f"rnn.{name}",))


def test_norms_of_another_shape_are_named():
    tensors = {"rnn.weight_ih_l0": PLAIN["rnn.weight_ih_l0"], "rnn.weight_hh_l0_g": RAW[:3, :1]}
    with pytest.raises(
        BadInput, match=r"^tensor rnn\.weight_hh_l0_g must be of the norms of .*\(16, 4\), not \(3, 1\)"
    ):
        read(tensors | {"rnn.weight_hh_l0_v": RAW})


def test_part_of_a_layer_is_not_ignored_but_a_whole_module_is():
    tensors = PLAIN | {f"old.{name}": array for name, array in PLAIN.items()}
    network, notes = read(tensors, ignore=("old",))
    assert len(network.layers) == 1
    assert notes == ["ignored, as told: old.rnn.weight_hh_l0, old.rnn.weight_ih_l0"]
    biased = PLAIN | {"rnn.bias_ih_l0": np.ones(4 * H, np.float32), "rnn.bias_hh_l0": np.ones(4 * H, np.float32)}
    with pytest.raises(BadInput, match=r"^ignore: tensor rnn\.bias_hh_l0 belongs to the recurrent weight"):
        read(biased, ignore=("rnn.bias_ih_l0", "rnn.bias_hh_l0"))
