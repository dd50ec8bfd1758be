"""Files of other kinds are told by their content, each with the way out."""

import zipfile
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.importers import import_model

REFUSED = r"m\.bin: is "


def refused(path: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        import_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.train
@pytest.mark.parametrize("way", ["trace", "script"])
def test_torchscript(tmp_path, way):
    torch: Any = pytest.importorskip("torch")
    net = torch.nn.LSTM(3, 4).eval()
    made = torch.jit.trace(net, torch.randn(5, 1, 3)) if way == "trace" else torch.jit.script(net)
    made.save(tmp_path / "m.bin")
    refused(
        tmp_path / "m.bin", REFUSED + r"TorchScript, which is a program: import its weights, torch\.save\(torch\.jit"
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.train
def test_a_program_of_torch_export(tmp_path):
    torch: Any = pytest.importorskip("torch")
    program = torch.export.export(torch.nn.GRU(3, 4).eval(), (torch.randn(5, 1, 3),))
    torch.export.save(program, tmp_path / "m.pt2")
    refused(
        tmp_path / "m.pt2", r"m\.pt2: is a program of torch\.export: import its weights, torch\.save\(torch\.export"
    )


def test_tensorflow_lite(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"\x1c\0\0\0TFL3" + bytes(99))
    refused(tmp_path / "m.bin", REFUSED + r"TensorFlow Lite, .*tf2onnx\.convert --tflite")


def test_a_folder(tmp_path):
    refused(tmp_path, r": is a folder: name the file of the model in it; a TensorFlow SavedModel is converted to ONNX")


def test_arrays(tmp_path):
    np.savez(tmp_path / "m.npz", weight=np.zeros(3))
    refused(tmp_path / "m.npz", r"m\.npz: is an \.npz of arrays, which has no kinds of layers: save a state dict")


def test_a_broken_archive_is_left_to_who_reads_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.bin", "w") as archive:
        archive.writestr("x/data.pkl", b"x")
    (tmp_path / "m.bin").write_bytes((tmp_path / "m.bin").read_bytes()[:-9])
    refused(tmp_path / "m.bin", r"m\.bin: ")
