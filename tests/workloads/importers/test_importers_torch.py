"""Networks made by PyTorch and stored by it: the model computes what PyTorch computes, by whichever way it came."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.importers import Choices, import_model
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks import Sample

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
nn: Any = torch.nn

H, D, SYMBOLS, OUTPUTS, T, B = 8, 6, 11, 5, 9, 3
KINDS = {
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
    "RNN": ("RNN", {}),
    "RNN relu": ("RNN", {"nonlinearity": "relu"}),
}


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    """Embedding or vectors, recurrent layers, readout of every step or of the last."""

    def __init__(self, kind: str, layers: int, embedding: bool, readout: bool, bias: bool = True, **more: Any) -> None:
        super().__init__()
        name, options = KINDS[kind]
        self.last = more.pop("last", False)
        self.learned = more.pop("learned", False)
        self.flat = more.pop("flat", False)
        if embedding:
            self.embed = nn.Embedding(SYMBOLS, D)
        self.rnn = getattr(nn, name)(D, H, layers, bias=bias, **options, **more)
        if self.learned:
            self.h0 = nn.Parameter(torch.randn(layers, 1, H))
        if readout:
            self.out = nn.Linear(H, OUTPUTS, bias=bias)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.35)

    def forward(self, x: Any) -> Any:
        x = self.embed(x) if hasattr(self, "embed") else x
        if self.learned:
            h0 = self.h0.expand(-1, x.shape[0 if self.rnn.batch_first else 1], -1).contiguous()
            h, _ = self.rnn(x, (h0, torch.zeros_like(h0)) if isinstance(self.rnn, nn.LSTM) else h0)
        else:
            h, _ = self.rnn(x)
        h = (h[:, -1] if self.rnn.batch_first else h[-1]) if self.last else h
        h = h.reshape(-1, H) if self.flat else h
        return self.out(h) if hasattr(self, "out") else h


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def example(net: Any, steps: int = T, batch: int = B) -> Any:
    """Random inputs, steps first."""
    if hasattr(net, "embed"):
        return torch.randint(0, SYMBOLS, (steps, batch))
    return torch.randn(steps, batch, D)


def exported_by_tracing(net: Any, path: Path, x: Any, free: bool = True) -> Path:
    """The older exporter; its deprecation is PyTorch's business."""
    axes = {"dynamic_axes": {"x": {0: "a", 1: "b"}}} if free else {}
    torch.onnx.export(net.eval(), (x,), path, dynamo=False, input_names=["x"], **axes)
    return path


def exported(net: Any, path: Path, x: Any) -> Path:
    """PyTorch's own exporter, with the batch or the steps left open where PyTorch can."""
    pytest.importorskip("onnxscript")
    program = torch.onnx.export(net.eval(), (x,), dynamo=True, verbose=False)
    program.save(path)
    return path


def state_dict_file(net: Any, path: Path) -> Path:
    from safetensors.torch import save_file

    save_file(net.state_dict(), path)
    return path


def outputs_of(model: Model, x: Any) -> Any:
    if model.config.readout is None:
        return model.states(x)[0]
    logits = model.run(x)[0]
    return logits[-1] if model.config.readout.when == "last_step" else logits


def check(model: Model, net: Any, atol: float = 1e-5) -> None:
    """Equal to PyTorch on inputs of another size than it was exported with."""
    x = example(net, steps=13, batch=4)
    with torch.no_grad():
        expected = net.eval()(x.swapaxes(0, 1) if net.rnn.batch_first else x)
    if net.rnn.batch_first and not net.last:
        expected = expected.swapaxes(0, 1)
    ours = outputs_of(model, x.numpy())
    np.testing.assert_allclose(ours.reshape(expected.shape), expected.numpy(), rtol=0, atol=atol)
    assert np.abs(ours).max() > 0.02


def assert_same(ours: Model, theirs: Model) -> None:
    """Equal config and numbers, whatever they are called; equal operands, and so an equal trace."""
    assert ours.config.model_copy(update={"name": ""}) == theirs.config.model_copy(update={"name": ""})
    for mine, other in zip(ours.layers, theirs.layers, strict=True):
        for name in ("recurrent_codes", "input_codes", "scale_recurrent", "scale_input", "shift", "shift_recurrent"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name), err_msg=name)
    for name in ("embedding_codes", "embedding_scale", "readout_codes", "readout_scale", "readout_bias"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("embedding", "readout"), [(False, False), (True, True), (False, True), (True, False)])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_state_dict_computes_what_pytorch_computes(tmp_path, kind, layers, embedding, readout, bias):
    net = Net(kind, layers, embedding, readout, bias)
    choices = Choices(activation=KINDS[kind][1].get("nonlinearity", "tanh"))
    model = import_model(state_dict_file(net, tmp_path / "net.safetensors"), choices=choices)
    check(model, net)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    assert_same(import_model(tmp_path / "net.pt", choices=choices), model)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "layers", "embedding", "readout", "more"),
    [
        (kind, layers, embedding, readout, {})
        for kind in sorted(KINDS)
        for layers in (1, 2)
        for embedding, readout in ((False, False), (True, True))
    ]
    + [
        ("LSTM", 2, True, True, {"bias": False}),
        ("GRU", 2, False, True, {"bias": False}),
        ("LSTM", 2, True, True, {"batch_first": True}),
        ("GRU", 1, False, True, {"batch_first": True}),
        ("LSTM", 2, True, True, {"batch_first": True, "last": True}),
        ("GRU", 2, True, True, {"last": True}),
        ("LSTM", 2, True, True, {"learned": True}),
        ("GRU", 2, False, True, {"learned": True, "batch_first": True}),
        ("RNN", 1, False, True, {"learned": True}),
        ("LSTM", 1, True, True, {"flat": True}),
        ("GRU", 2, False, True, {"dropout": 0.5}),
    ],
)
@pytest.mark.parametrize("free", [True, False])
def test_traced_to_onnx(tmp_path, kind, layers, embedding, readout, more, free):
    pytest.importorskip("onnx")
    net = Net(kind, layers, embedding, readout, **more)
    x = example(net)
    path = exported_by_tracing(net, tmp_path / "net.onnx", x.swapaxes(0, 1) if net.rnn.batch_first else x, free)
    model = import_model(path)
    check(model, net)
    if not net.learned:
        choices = Choices(
            activation=KINDS[kind][1].get("nonlinearity", "tanh"), when="last_step" if net.last else "every_step"
        )
        assert_same(model, import_model(state_dict_file(net, tmp_path / "net.safetensors"), choices=choices))


@pytest.mark.parametrize("folding", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_traced_without_constant_folding(tmp_path, folding):
    """Weights then come through Slice, Concat and Unsqueeze."""
    pytest.importorskip("onnx")
    net = Net("LSTM", 2, True, True)
    path = tmp_path / "net.onnx"
    torch.onnx.export(net.eval(), (example(net),), path, dynamo=False, do_constant_folding=folding)
    check(import_model(path), net)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "layers", "more"),
    [
        ("LSTM", 2, {"batch_first": True, "last": True}),
        ("GRU", 1, {"batch_first": True}),
        pytest.param("LSTM", 1, {}, marks=pytest.mark.slow),
        pytest.param("GRU", 2, {"learned": True}, marks=pytest.mark.slow),
    ],
)
def test_exported_to_onnx_and_to_safetensors_it_is_the_same_model_and_the_same_trace(tmp_path, kind, layers, more):
    pytest.importorskip("onnx")
    net = Net(kind, layers, True, True, **more)
    x = example(net)
    by_onnx = import_model(exported(net, tmp_path / "net.onnx", x.swapaxes(0, 1) if net.rnn.batch_first else x))
    check(by_onnx, net)
    if net.learned:
        return
    choices = Choices(when="last_step" if net.last else "every_step")
    by_name = import_model(state_dict_file(net, tmp_path / "net.safetensors"), choices=choices)
    assert_same(by_onnx, by_name)
    sample = Sample(x.numpy(), np.array([T, T - 2, T]), 0)
    ours, theirs = (record_sample(model, sample, {"task": "none"}) for model in (by_onnx, by_name))
    assert ours.sha256 == theirs.sha256
    assert set(ours.arrays) > {"token"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_rnn_that_the_exporter_has_unrolled_is_refused_by_name(tmp_path):
    pytest.importorskip("onnx")
    net = Net("RNN", 1, False, False)
    path = exported(net, tmp_path / "net.onnx", example(net))
    with pytest.raises(BadInput, match=r"\(Add\): must take constants beside what comes from"):
        import_model(path)


def test_a_one_hot_network_reads_symbols(tmp_path):
    net = Net("GRU", 1, False, True)
    model = import_model(state_dict_file(net, tmp_path / "net.safetensors"), input_kind="one_hot")
    symbols = np.random.default_rng(0).integers(0, D, (T, B))
    with torch.no_grad():
        expected = net(nn.functional.one_hot(torch.from_numpy(symbols), D).float())
    np.testing.assert_allclose(model.run(symbols)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", ["LSTMCell", "GRUCell", "RNNCell"])
def test_cells_of_pytorch(tmp_path, cell):
    net = getattr(nn, cell)(D, H)
    state = nn.Module()
    state.cell, state.out = net, nn.Linear(H, OUTPUTS)
    model = import_model(state_dict_file(state, tmp_path / "net.safetensors"))
    x, hidden = torch.randn(T, B, D), None
    for step in x:
        hidden = net(step, hidden)
    h = hidden[0] if isinstance(hidden, tuple) else hidden
    np.testing.assert_allclose(model.states(x.numpy())[0][-1], h.detach().numpy(), rtol=0, atol=1e-5)


def test_tied_weights_saved_by_safetensors(tmp_path):
    from safetensors.torch import save_model

    net = nn.Module()
    net.enc, net.rnn, net.dec = nn.Embedding(SYMBOLS, H), nn.LSTM(H, H), nn.Linear(H, SYMBOLS)
    net.dec.weight = net.enc.weight
    save_model(net, str(tmp_path / "net.safetensors"))
    model = import_model(tmp_path / "net.safetensors")
    symbols = torch.randint(0, SYMBOLS, (T, B))
    with torch.no_grad():
        expected = net.dec(net.rnn(net.enc(symbols))[0])
    np.testing.assert_allclose(model.run(symbols.numpy())[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_other_floats_are_converted_and_it_is_said(tmp_path, dtype, suffix):
    net = Net("GRU", 1, False, True).to(getattr(torch, dtype))
    path = tmp_path / f"net.{suffix}"
    torch.save(net.state_dict(), path) if suffix == "pt" else state_dict_file(net, path)
    notes: list[str] = []
    model = import_model(path, note=notes.append)
    assert f"{dtype} weights are converted to float32" in notes
    check(model, net.float())


# --- what torch.save may hold


def save(tmp_path: Path, value: object, **options: Any) -> Path:
    path = tmp_path / "net.pt"
    torch.save(value, path, **options)
    return path


def test_a_checkpoint_that_holds_a_state_dict(tmp_path):
    net = Net("LSTM", 1, False, True)
    optimizer = torch.optim.Adam(net.parameters())
    net(example(net)).sum().backward()
    optimizer.step()
    notes: list[str] = []
    whole = {"epoch": 3, "model": {"net": net.state_dict()}, "optimizer": optimizer.state_dict()}
    model = import_model(save(tmp_path, whole), note=notes.append)
    assert notes[0] == "the state dict is the entry 'model.net'; what lies beside it is not part of the model"
    check(model, net)
    two = whole | {"ema": net.state_dict()}
    with pytest.raises(BadInput, match=r"holds 2 state dicts, ema, model\.net: say which with --state-dict"):
        import_model(save(tmp_path, two))
    check(import_model(save(tmp_path, two), choices=Choices(state_dict="ema")), net)
    with pytest.raises(BadInput, match=r"state dict must be one of .*, not 'x'"):
        import_model(save(tmp_path, two), choices=Choices(state_dict="x"))


def test_the_format_before_zip_is_read(tmp_path):
    net = Net("LSTM", 1, False, True)
    check(import_model(save(tmp_path, net.state_dict(), _use_new_zipfile_serialization=False)), net)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_module_is_never_unpickled(tmp_path, zipped):
    path = save(tmp_path, Net("LSTM", 1, False, True), _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        BadInput, match=r"holds Python objects \(\S*Net\), which are never unpickled: save model\.state"
    ):
        import_model(path)


class Runs:
    """A pickle that runs a shell command when it is loaded."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(tmp_path, zipped):
    marker = tmp_path / "marker"
    tensors = Net("LSTM", 1, False, True).state_dict() | {"rnn.evil": Runs(f"touch {marker}")}
    path = save(tmp_path, tensors, _use_new_zipfile_serialization=zipped)
    with pytest.raises(BadInput, match=r"holds Python objects \((posix|nt)\.system\), which are never unpickled"):
        import_model(path)
    assert not marker.exists()
    bare = tmp_path / "bare.pt"
    bare.write_bytes(pickle.dumps(Runs(f"touch {marker}")))
    with pytest.raises(BadInput, match=r"bare\.pt: "):
        import_model(bare)
    assert not marker.exists()
    pickle.loads(bare.read_bytes())  # the file is live: loaded without care, it would have run
    assert marker.exists()


def test_a_compressed_archive_is_refused(tmp_path):
    """torch.save stores without compressing; what unpacks to more than its bytes could fill any memory."""
    whole = save(tmp_path, Net("LSTM", 1, False, True).state_dict() | {"rnn.pad": torch.zeros(10**6)})
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    assert bomb.stat().st_size < whole.stat().st_size / 10
    with pytest.raises(BadInput, match=r"bomb\.pt: is not a torch\.save file: \d+ bytes that unpack to \d+"):
        import_model(bomb)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rnn.x", torch.zeros(1).expand(10**12), "tensor rnn.x must have as many elements as are stored, not 10{12}"),
        ("rnn.x", torch.zeros(3, device="meta"), "tensor rnn.x must be dense floating point, not .* on meta"),
        ("rnn.x", torch.eye(3).to_sparse(), "tensor rnn.x must be dense floating point, not torch.sparse_coo"),
        ("rnn.x", 3, "tensor rnn.x must be a tensor, not of type int"),
        (
            "rnn.weight_ih_l0",
            torch.zeros(4 * H, D, dtype=torch.complex64),
            "weight_ih_l0 must be of float32, .*complex64",
        ),
        ("rnn.weight_ih_l0", torch.zeros(4 * H, D, dtype=torch.int8), "weight_ih_l0 must be of float32, .*, not int8"),
    ],
)
def test_values_that_are_no_weights_are_named(tmp_path, name, value, message):
    path = save(tmp_path, Net("LSTM", 1, False, True).state_dict() | {name: value})
    with pytest.raises(BadInput, match=rf"net\.pt: .*{message}") as caught:
        import_model(path)
    assert "\n" not in str(caught.value)


def test_a_mapping_that_holds_itself_ends(tmp_path):
    loop: dict[str, Any] = {"a": torch.zeros(2)}
    loop["self"] = loop
    with pytest.raises(BadInput, match="holds no state dict with a recurrent layer"):
        import_model(save(tmp_path, loop))


def test_without_pytorch_it_is_named(tmp_path, monkeypatch):
    path = save(tmp_path, Net("LSTM", 1, False, True).state_dict())
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(BadInput, match=r"needs PyTorch to be read: pip install 'archsim\[train\]', or save the state"):
        import_model(path)
