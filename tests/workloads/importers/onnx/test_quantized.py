"""Weights that lie in the file as integers: their own numbers, exactly; activations as floats, and it is said."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads.importers.onnx import read_network

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.workloads.importers.onnx.graphs import (  # noqa: E402
    FLOAT,
    GATES,
    computed,
    imported,
    node,
    runtime,
    saved,
    weights,
)

D, H, T, B = 3, 4, 6, 2
X = {"x": (FLOAT, ("t", "b", D))}
TO_ROWS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where our gates lie among ONNX's."""


def inputs() -> Any:
    return np.random.default_rng(9).normal(0, 1, (T, B, D)).astype(np.float32)


def quantized(rng: Any, shape: tuple[int, ...], dtype: Any, axis: int | None) -> tuple[Any, Any, Any]:
    """Codes, scale and zero point: one of each, or one for each element of an axis."""
    info, many = np.iinfo(dtype), () if axis is None else (shape[axis],)
    codes = rng.integers(info.min, info.max + 1, shape).astype(dtype)
    zero = rng.integers(-9, 9, many) + (128 if info.min == 0 else 0)
    return codes, rng.uniform(0.002, 0.008, many).astype(np.float32), zero.astype(dtype)


@settings(max_examples=20)
@given(
    op=st.sampled_from(sorted(GATES)),
    dtype=st.sampled_from([np.int8, np.uint8]),
    by_row=st.booleans(),
    laid_out=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_constants_behind_dequantize_linear_are_their_own_integers(tmp_path_factory, op, dtype, by_row, laid_out, seed):
    rng, rows = np.random.default_rng(seed), GATES[op] * H
    constants, nodes = {"one": np.array([1]), "zero": np.array([0])}, []
    for name, columns in (("W", D), ("R", H)):
        shape = (rows, columns) if laid_out else (1, rows, columns)
        axis = len(shape) - 2
        codes, scale, zero = quantized(rng, shape, dtype, axis if by_row else None)
        constants |= {f"{name}q": codes, f"{name}s": scale, f"{name}z": zero}
        made = f"{name}2" if laid_out else name
        nodes.append(node("DequantizeLinear", [f"{name}q", f"{name}s", f"{name}z"], [made], axis=axis))
        nodes += [node("Unsqueeze", [made, "zero"], [name])] if laid_out else []
    nodes += [node(op, ["x", "W", "R"], ["y4"], hidden_size=H), node("Squeeze", ["y4", "one"], ["y"])]
    path = saved(tmp_path_factory.mktemp("made") / "m.onnx", nodes, constants, X)
    model, notes = imported(path)
    np.testing.assert_allclose(computed(model, inputs()), runtime(path, inputs()), rtol=0, atol=1e-5)
    assert notes == []
    (layer,) = read_network(path, None, "vector", notes.append).layers
    for name, stored in (("W", layer.input_codes), ("R", layer.recurrent_codes)):
        assert stored is not None
        assert stored.bits == 8
        zero = constants[f"{name}z"].astype(int)
        wide = constants[f"{name}q"].astype(int).reshape(rows, -1) - (zero[:, None] if by_row else zero)
        order = [row for gate in TO_ROWS[op] for row in range(gate * H, (gate + 1) * H)]
        np.testing.assert_array_equal(stored.codes, wide[order])
        scale = constants[f"{name}s"]
        np.testing.assert_array_equal(stored.scale, scale[order] if by_row else scale.reshape(1))


def floats(tmp_path: Any, rng: Any) -> tuple[Any, dict[str, Any]]:
    """An LSTM and a readout in floats, as the quantizer is given them."""
    constants = weights(rng, "LSTM", D, H) | {"one": np.array([1])}
    constants |= {"V": rng.normal(0, 1, (H, 5)).astype(np.float32), "c": rng.normal(0, 1, 5).astype(np.float32)}
    nodes = [
        node("LSTM", ["x", "W", "R", "B"], ["y4"], name="rnn", hidden_size=H),
        node("Squeeze", ["y4", "one"], ["h"], name="squeeze"),
        node("MatMul", ["h", "V"], ["p"], name="product"),
        node("Add", ["p", "c"], ["y"], name="bias"),
    ]
    return saved(tmp_path / "float.onnx", nodes, constants, X), constants


def constants_of(path: Any) -> dict[str, Any]:
    graph = onnx.load(path).graph
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("kind", ["QInt8", "QUInt8"])
def test_what_onnx_runtime_quantizes_dynamically(tmp_path, per_channel, kind):
    quantization = pytest.importorskip("onnxruntime.quantization")
    path, constants = floats(tmp_path, np.random.default_rng(1))
    quantization.quantize_dynamic(
        path, tmp_path / "q.onnx", per_channel=per_channel, weight_type=getattr(quantization.QuantType, kind)
    )
    model, notes = imported(tmp_path / "q.onnx")
    assert notes == [
        "the graph rounds activations to integers by scales of each run; here they are floats, unless bits are given"
    ]
    stored = constants_of(tmp_path / "q.onnx")
    for name in ("W", "R"):
        codes, scale, zero = (stored[f"{name}_{what}"] for what in ("quantized", "scale", "zero_point"))
        constants[name] = ((codes.astype(int) - zero.astype(int).reshape(1, 1, -1)) * scale.reshape(1, 1, -1)).swapaxes(
            1, 2
        )
    codes, scale, zero = (stored[f"V_{what}"] for what in ("quantized", "scale", "zero_point"))
    constants["V"] = (codes.astype(int) - zero.astype(int)) * scale
    nodes = list(onnx.load(path).graph.node)
    rounded = {name: np.asarray(a, np.int64 if name == "one" else np.float32) for name, a in constants.items()}
    twin = saved(tmp_path / "twin.onnx", nodes, rounded, X)
    np.testing.assert_allclose(computed(model, inputs()), runtime(twin, inputs()), rtol=0, atol=1e-5)
    np.testing.assert_allclose(computed(model, inputs()), runtime(tmp_path / "q.onnx", inputs()), rtol=0, atol=0.1)


class Samples:
    """What a calibration reads."""

    def __init__(self) -> None:
        self.left = 3

    def get_next(self) -> Any:
        self.left -= 1
        return {"x": inputs()} if self.left >= 0 else None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("kind", ["QDQ", "QOperator"])
def test_what_onnx_runtime_quantizes_statically(tmp_path, per_channel, kind):
    """Only products and sums are: their activations are rounded, which a model does by its own bits."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    path, _ = floats(tmp_path, np.random.default_rng(2))
    quant_format = getattr(quantization.QuantFormat, kind)
    quantization.quantize_static(
        path, tmp_path / "q.onnx", Samples(), quant_format=quant_format, per_channel=per_channel
    )
    model, notes = imported(tmp_path / "q.onnx")
    assert notes == ["the graph rounds activations to integers on the way; here they are floats, unless bits are given"]
    whole = imported(path)[0]
    expected = runtime(tmp_path / "q.onnx", inputs())
    np.testing.assert_allclose(computed(model, inputs()), expected, rtol=0, atol=0.05)
    assert np.abs(computed(model, inputs()) - computed(whole, inputs())).max() < 0.05
    codes = read_network(tmp_path / "q.onnx", None, "vector", notes.append).readout_codes
    assert codes is not None
    np.testing.assert_array_equal(codes.codes, constants_of(tmp_path / "q.onnx")["V_quantized"].T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"s": np.array([1, 2], np.float32)}, r"must have one scale, or one for each element of axis 1, not \(2,\)"),
        ({"s": np.float32(np.inf)}, "its scale must be finite constants"),
        ({"q": np.ones((1, 4 * H, D), np.float32)}, "must have integers of 8, 16 or 32 bits"),
    ],
)
def test_integers_that_stand_for_nothing_are_named(tmp_path, change, message):
    constants = weights(np.random.default_rng(0), "LSTM", D, H)
    constants |= {"q": np.ones((1, 4 * H, D), np.int8), "s": np.float32(1)} | change
    nodes = [
        node("DequantizeLinear", ["q", "s"], ["Wq"], name="dq"),
        node("LSTM", ["x", "Wq", "R", "B"], ["y"], hidden_size=H),
    ]
    with pytest.raises(BadInput, match=rf"node 'dq' \(DequantizeLinear\): {message}"):
        imported(saved(tmp_path / "m.onnx", nodes, constants, X))
