"""What modules are: guessed only where it is plausible, always said, and asked for where nothing tells."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from archsim.errors import BadInput
from workloads.importers import Choices, DenseChoice
from workloads.importers.network import ImportedNetwork
from workloads.importers.pytorch import StateDict, read_safetensors, to_network

H, D = 5, 3


def drawn(*shape: int) -> Any:
    return np.random.default_rng(list(shape)).normal(0, 0.5, shape).astype(np.float32)


def lstm(inputs: int = D, hidden: int = H, prefix: str = "lstm.") -> dict[str, Any]:
    return {
        f"{prefix}weight_ih_l0": drawn(4 * hidden, inputs),
        f"{prefix}weight_hh_l0": drawn(4 * hidden, hidden),
        f"{prefix}bias_ih_l0": drawn(4 * hidden),
        f"{prefix}bias_hh_l0": drawn(4 * hidden),
    }


def linear(name: str, rows: int, columns: int, bias: bool = True) -> dict[str, Any]:
    return {f"{name}.weight": drawn(rows, columns), **({f"{name}.bias": drawn(rows)} if bias else {})}


def read(
    tensors: dict[str, Any], ordered: bool = True, choices: Choices | None = None, kind: Any = "vector"
) -> tuple[ImportedNetwork, list[str]]:
    notes: list[str] = []
    network = to_network(StateDict(tensors, ordered), kind, choices or Choices(), notes.append)
    return network, notes


EMBEDDED = {**linear("emb", 9, D, bias=False), **lstm(), **linear("fc", 4, H)}


@pytest.mark.parametrize("ordered", [True, False])
def test_every_guess_is_said(ordered):
    network, notes = read(EMBEDDED, ordered)
    assert notes[0] == "emb is taken as the embedding, fc is taken as the readout"
    np.testing.assert_array_equal(network.embedding, EMBEDDED["emb.weight"])
    np.testing.assert_array_equal(network.readout_weight, EMBEDDED["fc.weight"])
    _, notes = read(EMBEDDED, ordered, Choices(embedding="emb", readout="fc"))
    assert not any("taken as" in note for note in notes)


ATTENTION = {**lstm(8, 8), **linear("att", 1, 8, bias=False), **linear("fc", 3, 8)}
HEADS = {**lstm(8, 8), **linear("att", 2, 8, bias=False), **linear("fc", 3, 8)}
SQUARE = {**linear("proj", 16, 16, bias=False), **lstm(16, 8), **linear("fc", 3, 8)}
ENCODER = {**linear("proj", 16, 8), **lstm(16, 8)}
SKIP = {**lstm(8, 8), **linear("skip", 3, 8)}
LATE = {**lstm(8, 4), **linear("probe", 9, 8, bias=False), **linear("fc", 3, 4)}
AMBIGUOUS = {**linear("a", 9, H, bias=False), **lstm(H, H)}
SAY = r"say what it is with --embedding, --readout, --dense or --head"


@pytest.mark.parametrize(
    ("tensors", "ordered", "message"),
    [
        (ATTENTION, True, rf"^att\.weight \(1, 8\) is not taken as an embedding of one symbol: {SAY}"),
        (ATTENTION, False, rf"^att\.weight \(1, 8\) is not taken as an embedding of one symbol: {SAY}"),
        (SQUARE, True, r"^proj\.weight \(16, 16\) is not taken as an embedding of as many symbols as columns"),
        (SQUARE, False, r"^proj\.weight \(16, 16\) is not taken as an embedding of as many symbols as columns"),
        (ENCODER, True, r"^proj\.weight \(16, 8\) is not taken as the readout, as it was defined before"),
        (ENCODER, False, r"^proj\.weight \(16, 8\) may lie before the recurrent layer as well as behind it, and this"),
        (SKIP, False, r"^skip\.weight \(3, 8\) may lie before the recurrent layer as well as behind it, and this"),
        (LATE, True, r"^probe\.weight \(9, 8\) is not taken as the embedding, as it was defined after"),
        (
            HEADS,
            False,
            r"^att\.weight \(2, 8\) may be the embedding, or a layer that reads vectors, and this file does",
        ),
        (HEADS, True, r"^att\.weight \(2, 8\) is not taken as the embedding, as it was defined after the recurrent"),
        (AMBIGUOUS, False, r"^a\.weight may be the embedding or the readout: say which"),
    ],
)
def test_an_implausible_guess_is_refused_with_what_to_say(tensors, ordered, message):
    with pytest.raises(BadInput, match=message) as caught:
        read(tensors, ordered)
    assert "\n" not in str(caught.value)


def test_order_of_definition_tells_an_embedding_from_a_readout():
    network, notes = read(AMBIGUOUS)
    assert notes == ["a is taken as the embedding"]
    assert network.readout_weight is None
    network, notes = read(dict(reversed(AMBIGUOUS.items())))
    assert notes[0] == "a is taken as the readout"
    assert network.embedding is None


def test_what_is_named_is_taken_whatever_it_looks_like():
    network, _ = read(ATTENTION, choices=Choices(embedding="att", readout="fc"))
    assert network.embedding is not None
    network, _ = read(ENCODER, choices=Choices(readout="proj"))
    assert network.readout_weight is not None


@pytest.mark.parametrize("activation", ["none", "relu", "tanh", "sigmoid"])
def test_a_dense_layer_before_and_a_head_are_named(activation):
    tensors = {**linear("into", D, 7), **lstm(), **linear("fc1", 6, H), **linear("fc2", 2, 6, bias=False)}
    choices = Choices(dense=DenseChoice("into", activation), head=(DenseChoice.of(f"fc1:{activation}"),))
    network, notes = read(tensors, choices=choices)
    assert notes[0] == "fc2 is taken as the readout"
    assert network.dense is not None
    np.testing.assert_array_equal(network.dense.weight, tensors["into.weight"])
    np.testing.assert_array_equal(network.dense.bias, tensors["into.bias"])
    assert [layer.activation for layer in network.head] == [activation] == [network.dense.activation]
    with pytest.raises(BadInput, match=r"^tensor into\.weight \(3, 7\) is used by nothing: it fits before the rec"):
        read(tensors)


def test_a_dense_layer_over_symbols_is_folded_into_the_table():
    tensors = {**linear("emb", 9, 7, bias=False), **linear("into", D, 7), **lstm()}
    network, notes = read(tensors, choices=Choices(dense=DenseChoice("into", "tanh")))
    assert (network.dense, "the dense layer over symbols is folded into the embedding" in notes) == (None, True)
    expected = np.tanh(tensors["emb.weight"] @ tensors["into.weight"].T + tensors["into.bias"])
    np.testing.assert_allclose(network.embedding, expected, rtol=1e-6)
    one_hot, _ = read({**linear("into", D, 7), **lstm()}, choices=Choices(dense=DenseChoice("into")), kind="one_hot")
    np.testing.assert_allclose(one_hot.embedding, tensors["into.weight"].T + tensors["into.bias"], rtol=1e-6)
    assert one_hot.input == "vector"


def test_a_table_that_is_stored_twice_is_one():
    """fastai's AWD-LSTM has the table under its own name, in its dropout, and as the tied decoder."""
    table = drawn(9, H)
    tensors = {"enc.weight": table, "dp.emb.weight": table.copy(), **lstm(H), "dec.weight": table, "dec.bias": drawn(9)}
    network, notes = read(tensors)
    assert notes[0] == "enc is taken as the embedding, dec is taken as the readout"
    np.testing.assert_array_equal(network.embedding, network.readout_weight)
    tied, _ = read({"enc.weight": table, **lstm(H)}, choices=Choices(embedding="enc", readout="enc"))
    np.testing.assert_array_equal(tied.embedding, tied.readout_weight)


@pytest.mark.parametrize("prefix", ["model.", "module.", "_orig_mod.", "model.module._orig_mod."])
def test_prefixes_of_wrappers_need_no_option(prefix):
    tensors = {prefix + name: array for name, array in EMBEDDED.items()}
    _, notes = read(tensors)
    assert notes[0] == "emb is taken as the embedding, fc is taken as the readout"
    for given in ("", prefix):
        network, _ = read(tensors, choices=Choices(recurrent=(f"{given}lstm",), readout=f"{given}fc"))
        assert network.readout_weight is not None
    bare = {f"{prefix}{name.removeprefix('lstm.')}": array for name, array in lstm().items()}
    assert read(bare, choices=Choices(recurrent=(prefix.removesuffix("."),)))[0].layers[0].cell == "lstm"


NORM = {"bn.weight": drawn(H), "bn.bias": drawn(H), "bn.running_mean": drawn(H), "bn.running_var": drawn(H)}


@pytest.mark.parametrize(
    ("more", "choices", "message"),
    [
        ({"h0": drawn(1, H)}, Choices(), r"h0 \(1, 5\) is used by nothing: if sequences start from it"),
        (linear("a", 7, H) | linear("b", 4, 7), Choices(), r"b\.weight \(4, 7\) is .*: it fits behind a: .* --head a:"),
        (linear("a", D, 9), Choices(), r"a\.weight \(3, 9\) .* fits before the recurrent layer: .* --dense a:"),
        ({"n.weight": drawn(H), "n.bias": drawn(H)}, Choices(), r"n\.weight \(5,\) is .*: it looks like a norm, which"),
        ({"c.weight": drawn(D, 2, 3)}, Choices(), r"c\.weight \(3, 2, 3\) is .*: it looks like a convolution"),
        ({"a.in_proj_weight": drawn(15, H)}, Choices(), r"in_proj_weight \(15, 5\) .*: attention is not computed"),
        (NORM, Choices(), r"bn\.weight \(5,\) is used by nothing: a batch norm is computed here only where"),
        (linear("a", 4, 7), Choices(head=(DenseChoice("a"),)), "head must be a module with .* of 5 columns, not 'a'"),
        (linear("a", 4, 7), Choices(dense=DenseChoice("a")), "dense must be a module with .* of 3 rows, which .* 'a'"),
        ({}, Choices(pooling="mean"), "pooling: there is no readout that could use it: name it with --readout"),
        (linear("a", 4, H), Choices(head=(DenseChoice("a"),)), "head: there is no readout that could use it"),
        (linear("fc", 4, H), Choices(at_last_position=True), "at_last_position: needs a bidirectional layer and a"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_asked_for(more, choices, message):
    with pytest.raises(BadInput, match=message) as caught:
        read(lstm() | more, choices=choices)
    assert "\n" not in str(caught.value)


def test_an_activation_that_is_none_of_those_here_is_named():
    with pytest.raises(BadInput, match=r"^activation of fc must be one of none, relu, tanh, sigmoid, not 'gelu'"):
        DenseChoice.of("fc:gelu")


def test_safetensors_says_that_its_names_are_sorted(tmp_path: Path):
    save_file(ENCODER, tmp_path / "m.safetensors")
    assert not read_safetensors(tmp_path / "m.safetensors", Choices(), print).ordered
