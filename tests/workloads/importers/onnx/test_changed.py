"""Graphs that are changed at random: what is still imported computes what ONNX Runtime does, all else is refused."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers import onnx as reader

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.workloads.importers.onnx.graphs import FLOAT, computed, imported, node, runtime, saved, weights  # noqa: E402

D, H, T, B = 3, 4, 7, 3
INSERTED = ("Relu", "Tanh", "Sigmoid", "Neg", "Identity", "Transpose", "Squeeze", "ReduceMax", "ReduceMean", "Flatten")
INSTEAD = ("GRU", "LSTM", "RNN", "Concat", "Add", "Mul", "Sub", "Gather", "Slice", "Split", "ReduceMax", "MatMul")


def whole(rng: Any) -> tuple[list[Any], dict[str, Any]]:
    """Normalised inputs, two layers in both directions, h of both at their ends, and a head."""
    shapes = {"mean": (D,), "V": (2 * H, 5), "c": (5,), "U": (5, 2)}
    constants: dict[str, Any] = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    constants |= {"rows": np.array([0, 0, -1]), "two": np.array([2]), "four": np.array([4]), "zero": np.array([0])}
    nodes, source = [node("Sub", ["x", "mean"], ["v"])], "v"
    for k, width in enumerate((D, 2 * H)):
        constants |= {f"{n}{k}": a for n, a in weights(rng, "GRU", width, H, 2).items()}
        numbers: dict[str, Any] = {"hidden_size": H, "direction": "bidirectional", "linear_before_reset": 1}
        nodes += [
            node("GRU", [source, f"W{k}", f"R{k}", f"B{k}"], [f"y{k}", f"end{k}"], **numbers),
            node("Transpose", [f"y{k}"], [f"t{k}"], perm=[0, 2, 1, 3]),
            node("Reshape", [f"t{k}", "rows"], [f"h{k}"]),
        ]
        source = f"h{k}"
    nodes += [
        node("Concat", ["end0", "end1"], ["h_n"], axis=0),
        node("Slice", ["h_n", "two", "four", "zero"], ["top"]),
        node("Transpose", ["top"], ["swapped"], perm=[1, 0, 2]),
        node("Flatten", ["swapped"], ["flat"], axis=1),
        node("Gemm", ["flat", "V", "c"], ["p"]),
        node("Relu", ["p"], ["a"]),
        node("MatMul", ["a", "U"], ["y"]),
    ]
    return nodes, constants


def changed(rng: Any, nodes: list[Any], constants: dict[str, Any]) -> None:
    """One change of a node, an attribute, a constant, or an input."""
    chosen = nodes[int(rng.integers(len(nodes)))]
    names = [*(name for each in nodes for name in each.output), *constants]
    match int(rng.integers(6)):
        case 0:
            chosen.op_type = str(rng.choice(INSTEAD))
        case 1:
            chosen.input[int(rng.integers(len(chosen.input)))] = str(rng.choice(names))
        case 2:
            given = list(rng.permutation(list(chosen.input)))
            del chosen.input[:]
            chosen.input.extend(str(name) for name in given)
        case 3:
            for attribute in chosen.attribute:
                attribute.i = int(rng.integers(-1, 3))
                attribute.s = rng.choice([b"reverse", b"forward", b"bidirectional"])
                numbers = [int(number) for number in rng.permutation(list(attribute.ints))]
                del attribute.ints[:]
                attribute.ints.extend(numbers)
        case 4:
            name = str(rng.choice(["rows", "two", "four", "zero"]))
            constants[name] = constants[name] + rng.integers(-2, 3, constants[name].shape)
        case _:
            made = chosen.output[0]
            chosen.output[0] = f"{made} before"
            new = node(str(rng.choice(INSERTED)), [chosen.output[0]], [made], name="inserted")
            nodes.insert(nodes.index(chosen) + 1, new)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), changes=st.integers(0, 2))
def test_a_changed_graph_is_imported_equal_or_refused(tmp_path_factory, seed, changes):
    rng = np.random.default_rng(seed)
    nodes, constants = whole(rng)
    for _ in range(changes):
        changed(rng, nodes, constants)
    path = saved(tmp_path_factory.mktemp("made") / "m.onnx", nodes, constants, {"x": (FLOAT, ("t", "b", D))})
    x = rng.normal(0, 1, (T, B, D)).astype(np.float32)
    try:
        model, notes = imported(path)
    except BadInput:
        assert changes
        return
    try:
        expected = runtime(path, x)
    except Exception:  # what ONNX Runtime cannot run is not compared: its types and sizes are its own
        assert changes
        return
    ours = computed(model, x)
    if any("Sigmoid at the end" in note for note in notes):
        ours = 1 / (1 + np.exp(-ours))
    if ours.size == expected.size:  # h of the last step, without a readout, is that of every step
        np.testing.assert_allclose(np.sort(ours, None), np.sort(expected, None), rtol=0, atol=1e-5)
    else:
        assert any("has h of every step" in note for note in notes)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_message_shows_a_size_that_stands_for_any(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    nodes, constants = whole(rng)
    for _ in range(2):
        changed(rng, nodes, constants)
    path = saved(tmp_path_factory.mktemp("made") / "m.onnx", nodes, constants, {"x": (FLOAT, ("t", "b", D))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_primes", lambda graph, count: [101, 103, 107, 109][:count])
        try:
            imported(path)
        except BadInput as error:
            said = str(error).removeprefix(str(path))
            numbers = [int(number) for number in re.findall(r"\d+", said)]
            assert not any(number and number % prime == 0 for number in numbers for prime in (101, 103, 107, 109))
