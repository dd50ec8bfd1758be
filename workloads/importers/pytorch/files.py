"""Files of state dicts: safetensors, and what ``torch.save`` writes. No code of a file is run."""

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.network import Note, StoredCodes
from workloads.importers.pytorch.choices import Choices
from workloads.importers.pytorch.names import Tensors, listed, owner, shown
from workloads.importers.pytorch.quantized import Packed, is_quantized, unpacked


@dataclass(frozen=True)
class StateDict:
    """Tensors by name."""

    tensors: Tensors
    ordered: bool
    """Whether they lie in the order that their modules were defined in: safetensors sorts them."""
    codes: Mapping[str, StoredCodes] = field(default_factory=dict)
    """The integers of those that were stored as such."""


_SAFETENSORS_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def read_safetensors(path: Path, choices: Choices, note: Note) -> StateDict:
    """Tensors by name; those of a type that numpy lacks as raw bytes. BadInput where the file is not whole."""
    if choices.state_dict is not None:
        raise BadInput("state dict: a safetensors file is one itself")
    try:
        stored: list[tuple[str, Mapping[str, Any]]] = safetensors.deserialize(  # type: ignore[no-untyped-call]
            path.read_bytes()
        )
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise BadInput(f"is not a whole safetensors file ({_first_line(error)})") from None
    if "archsim" in metadata:
        raise BadInput("is an archsim model already: use it as it is")
    tensors = {name: _from_bytes(value, note) for name, value in sorted(stored, key=lambda item: item[0])}
    # safetensors.torch.save_model stores tensors that share memory (tied weights) once, and writes who shared it
    tied = {name: tensors[kept] for name, kept in metadata.items() if kept in tensors and name not in tensors}
    return StateDict(tensors | tied, ordered=False)


def _from_bytes(stored: Mapping[str, Any], note: Note) -> NDArray[Any]:
    data, shape = stored["data"], tuple(stored["shape"])
    if stored["dtype"] == "BF16":
        note("bfloat16 weights are converted to float32")
        upper_half = np.frombuffer(data, "<u2").astype("<u4") << 16
        return upper_half.view("<f4").reshape(shape)
    if stored["dtype"] in _SAFETENSORS_TYPES:
        return np.frombuffer(data, _SAFETENSORS_TYPES[stored["dtype"]]).reshape(shape)
    return np.frombuffer(data, np.uint8)


def read_torch(path: Path, choices: Choices, note: Note) -> StateDict:
    """Tensors of the state dict in a ``torch.save`` file. BadInput where it holds code, or where PyTorch is absent."""
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise BadInput(
            "needs PyTorch to be read: pip install 'archsim[train]', or save the state dict as safetensors"
        ) from None
    size_bytes = path.stat().st_size
    _check_archive(path, size_bytes)
    try:
        with torch.serialization.safe_globals([(Packed, "torch.ScriptObject")]), warnings.catch_warnings():
            # PyTorch warns of its own storage when it reads a quantized tensor
            warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # an interpreter of foreign bytes: whatever it meets, the file is not what it should be
        raise BadInput(_why_not(error)) from None
    state_dict = unpacked(_find_state_dict(loaded, choices.state_dict, note))
    tensors, codes = dict[str, NDArray[Any]](), dict[str, StoredCodes]()
    for name, value in state_dict.items():
        tensor = _checked(torch, name, value, size_bytes)
        if tensor.is_quantized:
            note("torch's dynamic quantization rounds activations too, at a range of their own in each step: that is "
                 "not done here, where the weights are those that it computes with")  # fmt: skip
            codes[name] = _codes(torch, name, tensor)
            tensors[name] = codes[name].weight
        else:
            tensors[name] = _as_numpy(torch, name, tensor, note)
    return StateDict(tensors, ordered=True, codes=codes)


def _check_archive(path: Path, size_bytes: int) -> None:
    """BadInput where an archive would unpack to more than the file holds: ``torch.save`` compresses nothing."""
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise BadInput(f"is not a whole torch.save file ({_first_line(error)})") from None
    if unpacked > size_bytes:
        raise BadInput(f"is not a torch.save file: {size_bytes} bytes that unpack to {unpacked}")


def _why_not(error: Exception) -> str:
    found = re.search(r"GLOBAL (\S+)|[Ff]unction (\S+)", str(error))
    if found and "eights" in str(error):  # "Weights only load failed"
        what = next(filter(None, found.groups()))
        return f"holds Python objects ({what}), which are never unpickled: save model.state_dict()"
    return f"is not a whole torch.save file of tensors ({_first_line(error)})"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0][:200] if lines else type(error).__name__


def _find_state_dict(loaded: object, path: str | None, note: Note) -> Mapping[str, object]:
    """The mapping with recurrent tensors in it, wherever in a checkpoint it lies."""
    mappings = dict(_mappings(loaded))
    if path is not None:
        if path not in mappings:
            raise BadInput(f"state dict must be one of {listed(filter(None, mappings))}, not {path!r}")
        return mappings[path]
    found = {
        where: names for where, names in mappings.items() if any(owner(name) or is_quantized(name) for name in names)
    }
    if not found:
        raise BadInput("holds no state dict with a recurrent layer (weight_ih_l0 or weight_ih)")
    if len(found) > 1:
        raise BadInput(f"holds {len(found)} state dicts, {listed(found)}: say which with --state-dict")
    ((where, names),) = found.items()
    if where:
        note(f"the state dict is the entry {where!r}; what lies beside it is not part of the model")
    return names


def _mappings(loaded: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Mappings from strings, by dotted path, each once (a pickle may hold a mapping that holds itself)."""
    waiting, seen = [("", loaded)], set()
    while waiting:
        path, value = waiting.pop(0)
        if not isinstance(value, Mapping) or id(value) in seen:
            continue
        seen.add(id(value))
        if all(isinstance(key, str) for key in value):
            yield path, value
            waiting += [(f"{path}.{key}" if path else key, inner) for key, inner in value.items()]


def _checked(torch: Any, name: str, value: object, size_bytes: int) -> Any:
    """A tensor that is stored as it seems; BadInput where it would take more memory than the file has bytes."""
    if not isinstance(value, torch.Tensor):
        raise BadInput(f"tensor {shown(name)} must be a tensor, not of type {type(value).__name__}")
    tensor: Any = value
    if tensor.layout is not torch.strided or tensor.device.type != "cpu":
        given = f"{tensor.layout} of {tensor.dtype} on {tensor.device}"
        raise BadInput(f"tensor {shown(name)} must be dense floating point, not {given}")
    stored_bytes = tensor.untyped_storage().nbytes()
    if tensor.numel() * tensor.element_size() > stored_bytes or stored_bytes > size_bytes:
        raise BadInput(f"tensor {shown(name)} must have as many elements as are stored, not {tensor.numel()}")
    return tensor


def _as_numpy(torch: Any, name: str, tensor: Any, note: Note) -> NDArray[Any]:
    if tensor.dtype is torch.bfloat16:
        note("bfloat16 weights are converted to float32")
        tensor = tensor.float()
    try:
        array: NDArray[Any] = tensor.detach().resolve_conj().resolve_neg().numpy()
    except (TypeError, RuntimeError):
        raise BadInput(f"tensor {shown(name)} must be floating point, not {tensor.dtype}") from None
    return array


def _codes(torch: Any, name: str, tensor: Any) -> StoredCodes:
    """The integers of a quantized matrix, its zero points taken off."""
    if tensor.ndim != 2 or tensor.dtype is not torch.qint8:
        raise BadInput(f"tensor {shown(name)} must be a matrix of qint8, not {tuple(tensor.shape)} of {tensor.dtype}")
    integers = tensor.int_repr().numpy().astype(np.int16)
    if tensor.qscheme() is torch.per_tensor_affine:
        scale, zero = np.array([tensor.q_scale()]), np.array([tensor.q_zero_point()])
    elif tensor.qscheme() is torch.per_channel_affine and tensor.q_per_channel_axis() == 0:
        scale, zero = tensor.q_per_channel_scales().numpy(), tensor.q_per_channel_zero_points().numpy()
    else:
        raise BadInput(f"tensor {shown(name)} must have one scale, or one a row, not {tensor.qscheme()}")
    return StoredCodes((integers - zero[:, None]).astype(np.int16), scale.astype(np.float32), 8)
