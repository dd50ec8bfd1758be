"""Packed files: what is stored is what was there, and a file that breaks a rule is named with it."""

import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from archsim.errors import BadInput
from workloads import formats
from workloads.fixed_point.model import IntegerModel
from workloads.model import Model
from workloads.packed import CodeSlot, FieldSlot, FloatSlot, is_integer_model


@pytest.fixture
def saved(draw, tmp_path):
    path = tmp_path / "model.safetensors"
    draw().save(path)
    return path


def present(entries):
    """Without those that stand for something left out."""
    return {k: v for k, v in entries.items() if v is not ...}


def rewrite(path, tensors=None, config=None):
    """The file at `path` with tensors and config entries replaced (None: left out)."""
    with safe_open(path, framework="numpy") as stored:
        old = json.loads(stored.metadata()["archsim"])
    changed = {k: v for k, v in (load_file(path) | (tensors or {})).items() if v is not None}
    changes = dict(config or {})
    old["layers"][0] = present(old["layers"][0] | changes.pop("layer", {}))
    for part in ("input", "readout"):
        old[part] = present(old[part] | changes.pop(part, {}))
    merged = present(old | changes)
    save_file(changed, path, metadata={"archsim": json.dumps(merged)})


def test_an_interrupted_save_leaves_the_old_file(draw, saved, monkeypatch):
    before = saved.read_bytes()

    def killed(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(OSError, match="no space left"):
        draw(seed=2).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.safetensors: no such model file"):
        Model.load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("size", [0, 5, 200, 3000])
def test_a_truncated_file_is_named(saved, size):
    saved.write_bytes(saved.read_bytes()[:size])
    with pytest.raises(BadInput, match=r"model\.safetensors: is not a whole safetensors file \(.+\)$"):
        Model.load(saved)


def test_a_folder_is_not_a_model(tmp_path):
    with pytest.raises(BadInput, match="is not a whole safetensors file"):
        Model.load(tmp_path)


def test_another_safetensors_file_is_not_a_model(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(BadInput, match="metadata must hold the config of an archsim model under 'archsim'"):
        Model.load(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"version": 1}, "model version must be 2, not 1"),
        ({"version": ...}, "model version must be 2, not None"),
        ({"layer": {"weight_format": "fp4"}}, "layers.0.weight_format: weight format must be one of .*, not 'fp4'"),
        ({"readout": {"weight_format": "fp4"}}, "readout.weight_format: weight format must be one of .*, not 'fp4'"),
        ({"layer": {"cell": "elman"}}, "config: layers.0.cell: cell must be one of lstm, .*, not 'elman'"),
        ({"task": "ptb"}, "config: task: task must be one of .*, not 'ptb'"),
        ({"input": {"symbols": 64}}, "symbols must be 65, as in tiny-shakespeare, not 64"),
        ({"layer": {"state_bits": 1}}, "layers.0.state_bits: Input should be greater than or equal to 2, not 1"),
        ({"layer": {"colour": 2}}, "config: layers.0.colour: unknown key"),
        ({"layers": []}, "config: layers: Tuple should have at least 1 item"),
        ({"readout": {"outputs": 7}}, "outputs must be 65, as in tiny-shakespeare, not 7"),
        ({"readout": {"when": "last_step"}}, "readout must be every_step, as in tiny-shakespeare, not last_step"),
        ({"layer": {"input_bits": 8}}, "layers.0: a one-hot input is neither rounded nor pruned"),
        ({"layer": {"state_integer_bits": 8}}, "state_integer_bits must be below state_bits = 8, not 8"),
        ({"layer": {"hidden": ...}}, "config: layers.0.hidden: is missing"),
        (
            {"layer": {"hidden": 25}},
            r"tensor layers.0.recurrent_weight: packed weights of shape \(100, 25\) at 2 bits must be 625 bytes",
        ),
        (
            {"layer": {"weight_format": "fixed8"}},
            "tensor layers.0.recurrent_weight: packed weights of shape .* must be 2304 bytes, not 576",
        ),
    ],
)
def test_a_wrong_config_is_refused(saved, config, message):
    rewrite(saved, config=config)
    with pytest.raises(BadInput, match=rf"model\.safetensors: .*{message}"):
        Model.load(saved)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"layers.0.shift": None}, "tensors must be layers.0.input_weight, .*, not "),
        ({"more": np.zeros(1, np.float32)}, "tensors must be .*, not .*more"),
        ({"layers.0.shift": np.zeros(95, np.float32)}, "tensor layers.0.shift must have 96 elements, not 95"),
        ({"layers.0.shift": np.zeros(96)}, r"tensor layers.0.shift must be a vector of float32, not float64 \(96,\)"),
        ({"layers.0.shift": np.full(96, np.nan, np.float32)}, "layers.0.shift must hold finite numbers only"),
        ({"readout_weight": np.zeros(7, np.uint8)}, r"tensor readout_weight: packed .* \(65, 24\) .* not 7"),
        ({"layers.0.recurrent_weight": np.full(576, 0b10, np.uint8)}, "tensor layers.0.recurrent_weight: .* code 2"),
    ],
)
def test_wrong_tensors_are_refused(saved, tensors, message):
    rewrite(saved, tensors=tensors)
    with pytest.raises(BadInput, match=rf"model\.safetensors: .*{message}"):
        Model.load(saved)


@pytest.mark.parametrize(
    ("tensor", "dtype", "elements"), [("layers.0.shift", "BF16", 192), ("layers.0.recurrent_weight", "F8_E4M3", 576)]
)
def test_a_type_that_numpy_has_not_is_refused(saved, retype, tensor, dtype, elements):
    retype(saved, tensor, dtype, elements)
    with pytest.raises(BadInput, match=rf"model\.safetensors: tensor {tensor} must have a type .*, not {dtype}$"):
        Model.load(saved)


# Slots


@given(bits=st.integers(2, 16), data=st.data())
def test_integers_of_any_width_come_back(bits, data):
    signed = data.draw(st.booleans())
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    values = data.draw(st.lists(st.integers(low, high), min_size=1, max_size=30))
    slot, array = FieldSlot("codes", ((len(values),),), bits, low, high), np.array(values)
    stored = slot.pack(array)
    assert stored.size == -(-len(values) * bits // 8)
    assert slot.array(stored).tolist() == values
    assert slot.fault(array) is None
    assert slot.fault(np.array([*values, high + 1])) == (
        f"must lie within {low} to {high}, not {min(values)} to {high + 1}"
    )


@pytest.mark.parametrize("shape", [(4, 6), (1,), (24,)])
def test_floats_take_the_first_shape_they_fit(shape):
    slot, array = FloatSlot("scale", ((1,), (4, 6), (24,))), np.arange(np.prod(shape), dtype=np.float32)
    fitting = (1,) if shape == (1,) else (4, 6)
    np.testing.assert_array_equal(slot.array(slot.pack(array.reshape(shape))), array.reshape(fitting))
    with pytest.raises(BadInput, match=r"^tensor scale must have 1 or 24 or 24 elements, not 7$"):
        slot.array(np.zeros(7, np.float32))
    assert slot.fault(np.array([np.inf])) == "must hold finite numbers only"


@pytest.mark.parametrize(
    "slot",
    [
        FieldSlot("codes", ((8,),), 3, -4, 3),
        CodeSlot("codes", ((2, 4),), formats.by_name("ternary")),
    ],
    ids=["field", "code"],
)
def test_what_is_no_vector_of_bytes_is_refused(slot):
    for tensor, given_ in ((np.zeros(3, np.int8), r"int8 \(3,\)"), (np.zeros((3, 1), np.uint8), r"uint8 \(3, 1\)")):
        with pytest.raises(BadInput, match=f"^tensor codes must be a vector of uint8, not {given_}$"):
            slot.array(tensor)
    with pytest.raises(BadInput, match=r"^tensor codes: packed weights of shape .* must be \d bytes, not 9$"):
        slot.array(np.zeros(9, np.uint8))


def test_a_file_says_which_kind_of_model_it_holds(saved, tmp_path):
    assert not is_integer_model(saved)
    assert not is_integer_model(tmp_path / "nowhere.safetensors")
    with pytest.raises(BadInput, match=r"metadata must hold the spec of an integer model under 'archsim_integer'$"):
        IntegerModel.load(saved)
    assert Model.load_config(saved) == Model.load(saved).config
