"""What the commands say of numbers that do not fit: at import, and when a trace is recorded."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dse import cli
from workloads.model import Model

Archsim = Callable[..., tuple[int, str, str]]
RNN = ("import", "m.safetensors", "--activation", "relu", "--state-bits", "8", "--input-bits", "8")


@pytest.fixture
def archsim(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Archsim:
    """The command line in a folder with an RNN of ReLU, an LSTM behind an embedding, and inputs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (16, 4), "weight_hh_l0": (16, 16), "bias_ih_l0": (16,), "bias_hh_l0": (16,)}
    save_file({f"rnn.{k}": rng.normal(0, 0.3, v).astype(np.float32) for k, v in shapes.items()}, "m.safetensors")
    shapes = {"weight_ih_l0": (32, 4), "weight_hh_l0": (32, 8), "bias_ih_l0": (32,), "bias_hh_l0": (32,)}
    lstm = {f"lstm.{k}": rng.normal(0, 0.3, v).astype(np.float32) for k, v in shapes.items()}
    table = np.linspace(-3.3, 3.3, 40, dtype=np.float32).reshape(10, 4)
    save_file(lstm | {"emb.weight": table}, "e.safetensors")
    np.save("x.npy", rng.normal(size=(20, 6, 4)).astype(np.float32))
    np.save("t.npy", rng.integers(0, 10, (20, 6)))

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archsim", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def test_an_h_without_a_bound_needs_integer_bits_or_inputs_to_take_them_from(archsim: Archsim) -> None:
    code, _, errors = archsim(*RNN)
    assert code == 2
    assert "state_integer_bits must be given, since h of rnn-relu has no bound (--state-integer-bits, or" in errors
    assert archsim(*RNN, "--state-integer-bits", "3", "--out", "q.safetensors")[0] == 0
    assert Model.load(Path("q.safetensors")).config.layers[0].state_integer_bits == 3
    code, out, _ = archsim(*RNN, "--calibrate", "x.npy", "--out", "q.safetensors", "--json")
    layer = json.loads(out)["layers"][0]
    h = Model.load(Path("q.safetensors")).states(np.load("x.npy"))[0]
    assert code == 0
    assert 2.0 ** (layer["state_integer_bits"] - 1) <= h.max() < 2.0 ** layer["state_integer_bits"]
    assert layer["input_integer_bits"] == 2
    assert {c["place"] for c in json.loads(out)["clipped"]} == {"x", "h"}
    assert archsim("import", "m.safetensors", "--calibrate", "x.npy")[2].rstrip().endswith("need --state-bits")


def test_the_clipped_share_of_states_is_said(archsim: Archsim) -> None:
    assert archsim(*RNN, "--state-integer-bits", "0", "--out", "q.safetensors")[0] == 0
    record = ("trace", "record", "--workload", "q.safetensors", "--inputs", "x.npy", "--out", "t.npz")
    code, _, errors = archsim(*record)
    assert code == 0
    states = {c["place"]: c for c in json.loads(archsim(*record, "--json")[1])["clipped"]}
    assert 0.02 < states["h"]["share"] == states["h"]["clipped"] / (20 * 6 * 16)
    assert (
        f"h: {states['h']['share']:.1%} do not fit -1 to 0.9922 and are clipped; import the model with more" in errors
    )
    assert re.search(r"^x: \d+\.\d% do not fit -1 to 0.9922 and are clipped; .* --input-integer-bits$", errors, re.M)


def test_an_embedding_takes_the_integer_bits_it_needs_and_says_so(archsim: Archsim) -> None:
    words = ("import", "e.safetensors", "--state-bits", "8", "--input-bits", "8", "--out", "q.safetensors")
    code, _, errors = archsim(*words)
    assert code == 0
    assert "archsim: x: 2 integer bits hold up to 3.3 (proved)" in errors
    assert Model.load(Path("q.safetensors")).config.layers[0].input_integer_bits == 2
    _, _, errors = archsim(*words, "--input-integer-bits", "0")
    assert "embedding: 70.0% do not fit -1 to 0.9922 and are clipped; give more --input-integer-bits" in errors
    _, _, errors = archsim("trace", "record", "--workload", "q.safetensors", "--inputs", "t.npy", "--out", "t.npz")
    assert "embedding: 70.0% do not fit -1 to 0.9922 and are clipped; import the model with more" in errors
    assert re.search(r"^x: \d\d\.\d% do not fit -1 to 0.9922", errors, re.M)


@pytest.mark.usefixtures("digits_file")
def test_evaluation_says_what_integers_clipped_on_the_way(archsim: Archsim) -> None:
    small = ("--bits", "4", "--max-loss", "1000", "--accumulator-bits", "9", "--out", "small.safetensors")
    assert archsim("ptq", "digits.safetensors", *small)[0] == 0
    code, _, errors = archsim("evaluate", "small.safetensors")
    assert code == 0
    assert re.search(
        r"^layer recurrent product: \d+\.\d% do not fit their range and are clipped$", errors, re.MULTILINE
    )
    (found,) = json.loads(archsim("evaluate", "small.safetensors", "--json")[1])
    shares = {clip["place"]: clip["share"] for clip in found["clipped"]}
    assert 0 < shares["layer recurrent product"] < 1
    assert {"x", "layer h", "layers.0.input_weight", "readout"} <= set(shares)


@pytest.mark.usefixtures("digits_file")
def test_a_run_says_what_was_clipped_while_its_trace_was_recorded(archsim: Archsim) -> None:
    small = ("--bits", "4", "--max-loss", "1000", "--accumulator-bits", "9", "--out", "small.safetensors")
    assert archsim("ptq", "digits.safetensors", *small)[0] == 0
    code, out, errors = archsim(
        "run", "--design", "edge-8pe", "--workload", "small.safetensors", "--steps", "4", "--json"
    )
    assert code == 0
    assert re.search(r"^layer recurrent product: .* do not fit their range and are clipped$", errors, re.MULTILINE)
    assert json.loads(out)
