"""Files that are not imported, told by their content, each with the way out."""

import zipfile
from collections.abc import Set
from pathlib import Path

from archsim.errors import BadInput

ZIP = b"PK\x03\x04"


def refuse_other_kinds(path: Path) -> None:
    """BadInput where `path` is no file, or one of a kind that is known and not read here."""
    if path.is_dir():
        raise BadInput("is a folder: name the file of the model in it; a TensorFlow SavedModel is converted to ONNX "
                       "(python -m tf2onnx.convert --saved-model), or saved anew as .keras")  # fmt: skip
    if not path.is_file():
        raise BadInput("no such file")
    with path.open("rb") as file:
        start = file.read(8)
    if start[4:8] == b"TFL3":
        raise BadInput("is TensorFlow Lite, whose weights may be quantized already: import the Keras model it was made "
                       "of, or convert it to ONNX (python -m tf2onnx.convert --tflite)")  # fmt: skip
    if start.startswith(ZIP):
        _refuse_other_archives(path)


def _refuse_other_archives(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return  # whoever reads it says what is wrong with it
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner:
        raise BadInput("is TorchScript, which is a program: import its weights, torch.save(torch.jit.load(file)"
                       ".state_dict(), 'weights.pt'), or export the model to ONNX")  # fmt: skip
    if _is_exported(inner, names):
        raise BadInput("is a program of torch.export: import its weights, torch.save(torch.export.load(file)"
                       ".state_dict, 'weights.pt'), or export it to ONNX (torch.onnx.export)")  # fmt: skip
    if names and all(name.endswith(".npy") for name in names):
        raise BadInput("is an .npz of arrays, which has no kinds of layers: save a state dict with PyTorch's names "
                       "(safetensors.numpy.save_file)")  # fmt: skip


def _is_exported(inner: Set[str], names: list[str]) -> bool:
    """PyTorch 2.8 and later, and before."""
    return "archive_format" in inner or "serialized_exported_program.json" in names
