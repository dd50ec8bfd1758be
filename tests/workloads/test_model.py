"""Models: saved and loaded as they are, at their true width; broken files are named."""

import json
import os

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from archsim.trace import BadInput
from workloads.model import Model


@pytest.fixture
def saved(draw, tmp_path):
    path = tmp_path / "model.safetensors"
    draw().save(path)
    return path


def rewrite(path, tensors=None, config=None):
    """The file at `path` with tensors and config entries replaced (None: left out)."""
    with safe_open(path, framework="numpy") as stored:
        old = json.loads(stored.metadata()["archsim"])
    changed = {k: v for k, v in (load_file(path) | (tensors or {})).items() if v is not None}
    merged = {k: v for k, v in (old | (config or {})).items() if v is not ...}
    save_file(changed, path, metadata={"archsim": json.dumps(merged)})


def test_a_saved_model_is_the_same_model(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = Model.load(path)
    assert again.config == model.config
    assert again.sha256 == model.sha256
    symbols = np.random.default_rng(0).integers(0, model.symbols, (9, 3)).astype(np.uint8)
    np.testing.assert_array_equal(again.run(symbols)[0], model.run(symbols)[0])
    assert list(tmp_path.iterdir()) == [path]


def test_sizes_are_those_of_the_packed_file(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors = load_file(path)
    rows, bits = 4 * model.hidden, model.weight_format.bits
    gates = -(-rows * model.hidden * bits // 8) + -(-rows * model.symbols * bits // 8)
    readout = model.symbols * model.hidden * model.readout_format.bits // 8
    assert model.gate_weight_bytes == gates
    assert model.weight_bytes == gates + readout + 4 * (3 * rows + model.symbols + 1)
    assert model.weight_bytes == sum(array.nbytes for array in tensors.values())
    assert path.stat().st_size < model.weight_bytes + 2048


def test_a_threshold_makes_another_model_of_the_same_weights(draw):
    model = draw(threshold=0.1)
    other = model.with_threshold(0.4)
    assert (other.threshold, model.threshold) == (0.4, 0.1)
    assert other.sha256 != model.sha256
    assert other.with_threshold(0.1).sha256 == model.sha256
    symbols = np.random.default_rng(0).integers(0, model.symbols, (50, 4)).astype(np.uint8)
    states = other.states(symbols)[0]
    assert not np.any((states != 0) & (np.abs(states) < 0.4 - 2**-8))  # rounded after it was pruned
    assert np.mean(states == 0) > np.mean(model.states(symbols)[0] == 0)


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_a_threshold_out_of_range_is_refused(draw, threshold):
    with pytest.raises(BadInput, match=r"model drawn: threshold: Input should be .* 0|1, not"):
        draw().with_threshold(threshold)


def test_the_state_given_is_left_as_it_is_and_cutting_the_text_changes_nothing(model):
    symbols = np.random.default_rng(3).integers(0, model.symbols, (40, 3)).astype(np.uint8)
    whole, end = model.run(symbols)
    first, state = model.run(symbols[:17])
    kept = tuple(array.copy() for array in state)
    second, end_of_second = model.run(symbols[17:], state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    for ours, theirs, before, now in zip(end, end_of_second, kept, state, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(before, now)


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
        ({"version": 2}, "model version must be 1, not 2"),
        ({"version": ...}, "model version must be 1, not None"),
        ({"weight_format": "fp4"}, "weight_format: weight format must be one of .*binary, not 'fp4'"),
        ({"readout_format": "fp4"}, "readout_format: weight format must be one of .*, not 'fp4'"),
        ({"cell": "gru"}, "config: cell: cell must be one of lstm, not 'gru'"),
        ({"task": "ptb"}, "config: task: task must be one of .*, not 'ptb'"),
        ({"symbols": 64}, "symbols must be 65, as in tiny-shakespeare, not 64"),
        ({"state_bits": 1}, "state_bits: Input should be greater than or equal to 2, not 1"),
        ({"layers": 2}, "config: layers: unknown key"),
        ({"hidden": ...}, "config: hidden: is missing"),
        ({"hidden": 25}, r"tensor recurrent_weight: packed weights of shape \(100, 25\) at 2 bits must be 625 bytes"),
        (
            {"weight_format": "fixed8"},
            "tensor recurrent_weight: packed weights of shape .* must be 2304 bytes, not 576",
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
        ({"shift": None}, "tensors must be input_weight, .*, not "),
        ({"more": np.zeros(1, np.float32)}, "tensors must be .*, not .*more"),
        ({"shift": np.zeros(95, np.float32)}, r"shift must have shape \(96,\), not \(95,\)"),
        ({"shift": np.zeros(96)}, r"tensor shift must be a vector of float32, not float64 \(96,\)"),
        ({"shift": np.full(96, np.nan, np.float32)}, "shift must hold finite numbers only"),
        ({"readout_weight": np.zeros(7, np.uint8)}, r"tensor readout_weight: packed .* \(65, 24\) .* not 7"),
        ({"recurrent_weight": np.full(576, 0b10, np.uint8)}, "tensor recurrent_weight: .* code 2"),
    ],
)
def test_wrong_tensors_are_refused(saved, tensors, message):
    rewrite(saved, tensors=tensors)
    with pytest.raises(BadInput, match=rf"model\.safetensors: .*{message}"):
        Model.load(saved)
