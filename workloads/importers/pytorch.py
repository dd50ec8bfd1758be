"""PyTorch state dicts: nn.LSTM, nn.GRU, nn.RNN and their cells, with an nn.Embedding before and an nn.Linear after.

From safetensors with numpy alone; from ``torch.save`` with PyTorch's ``weights_only`` loader, which runs no code of the
file. Gate rows lie in the order that `workloads.cells` has. A state dict holds tensors and no program, so what they are
is read from their names and shapes, or given.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.graph import When
from workloads.importers.network import Activation, FloatLayer, ImportedNetwork, InputKind, Note, as_float32, make_layer

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Choices:
    """What a state dict does not tell, by prefixes of its names (``""``: names without one)."""

    recurrent: tuple[str, ...] = ()
    """Recurrent modules in the order that they are stacked in; empty: the only one there is."""
    embedding: str | None = None
    readout: str | None = None
    ignore: tuple[str, ...] = ()
    """Tensors, or modules, that are not part of the model."""
    activation: Activation = "tanh"
    """The activation of an nn.RNN."""
    when: When = "every_step"
    """Which steps the readout runs at."""
    state_dict: str | None = None
    """Dotted path of the state dict in a checkpoint that holds several."""


_SAFETENSORS_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def read_safetensors(path: Path, choices: Choices, note: Note) -> Tensors:
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
    return tensors | {name: tensors[kept] for name, kept in metadata.items() if kept in tensors and name not in tensors}


def _from_bytes(stored: Mapping[str, Any], note: Note) -> NDArray[Any]:
    data, shape = stored["data"], tuple(stored["shape"])
    if stored["dtype"] == "BF16":
        note("bfloat16 weights are converted to float32")
        upper_half = np.frombuffer(data, "<u2").astype("<u4") << 16
        return upper_half.view("<f4").reshape(shape)
    if stored["dtype"] in _SAFETENSORS_TYPES:
        return np.frombuffer(data, _SAFETENSORS_TYPES[stored["dtype"]]).reshape(shape)
    return np.frombuffer(data, np.uint8)


def read_torch(path: Path, choices: Choices, note: Note) -> Tensors:
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
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # an interpreter of foreign bytes: whatever it meets, the file is not what it should be
        raise BadInput(_why_not(error)) from None
    state_dict = _find_state_dict(loaded, choices.state_dict, note)
    return {name: _as_numpy(torch, name, value, size_bytes, note) for name, value in state_dict.items()}


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
            raise BadInput(f"state dict must be one of {_listed(filter(None, mappings))}, not {path!r}")
        return mappings[path]
    found = {where: names for where, names in mappings.items() if any(_Key.of(name) for name in names)}
    if not found:
        raise BadInput("holds no state dict with a recurrent layer (weight_ih_l0 or weight_ih)")
    if len(found) > 1:
        raise BadInput(f"holds {len(found)} state dicts, {_listed(found)}: say which with --state-dict")
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


def _as_numpy(torch: Any, name: str, value: object, size_bytes: int, note: Note) -> NDArray[Any]:
    if not isinstance(value, torch.Tensor):
        raise BadInput(f"tensor {name} must be a tensor, not of type {type(value).__name__}")
    tensor: Any = value
    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        given = f"{tensor.layout} of {tensor.dtype} on {tensor.device}"
        raise BadInput(f"tensor {name} must be dense floating point, not {given}")
    stored_bytes = tensor.untyped_storage().nbytes()
    if tensor.numel() * tensor.element_size() > stored_bytes or stored_bytes > size_bytes:
        raise BadInput(f"tensor {name} must have as many elements as are stored, not {tensor.numel()}")
    if tensor.dtype is torch.bfloat16:
        note("bfloat16 weights are converted to float32")
        tensor = tensor.float()
    try:
        array: NDArray[Any] = tensor.detach().resolve_conj().resolve_neg().numpy()
    except (TypeError, RuntimeError):
        raise BadInput(f"tensor {name} must be floating point, not {tensor.dtype}") from None
    return array


@dataclass(frozen=True)
class _Key:
    """A name as nn.LSTM, nn.GRU, nn.RNN (with a layer) and their cells (without) give them."""

    module: str
    what: str
    layer: int | None
    reverse: bool

    @classmethod
    def of(cls, name: str) -> "_Key | None":
        match = _KEY.fullmatch(name)
        if match is None:
            return None
        layer = match["layer"]
        return cls(match["module"] or "", match["what"], int(layer) if layer else None, bool(match["reverse"]))


_KEY = re.compile(
    r"(?:(?P<module>.*)\.)?(?P<what>weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)"
    r"(?:_l(?P<layer>[0-9]{1,4}))?(?P<reverse>_reverse)?",
    re.DOTALL,
)


def to_network(tensors: Tensors, input_kind: InputKind, choices: Choices, note: Note) -> ImportedNetwork:
    """The network of a state dict; BadInput names what it cannot place, and what no model here computes."""
    left = _without(tensors, choices.ignore)
    layers: list[FloatLayer] = []
    for module in _modules(left, choices.recurrent):
        for suffix in _suffixes(left, module):
            layers.append(_layer(left, module, suffix, choices.activation, note))
    for k, (below, above) in enumerate(pairwise(layers)):
        if above.inputs != below.hidden:
            raise BadInput(f"recurrent layer {k + 2} must have {below.hidden} inputs, as layer {k + 1} has units, "
                           f"not {above.inputs}")  # fmt: skip
    if any(layer.cell.startswith("rnn") for layer in layers):
        note(f"a state dict does not tell the activation of an RNN: {choices.activation} is taken")
    embedding, readout = _roles(left, input_kind, layers[0].inputs, layers[-1].hidden, choices)
    if readout is None and choices.when != "every_step":
        raise BadInput("when: there is no readout that could run at the last step only")
    network = ImportedNetwork(input_kind, tuple(layers), when=choices.when)
    if embedding is not None:
        table = f"{_dotted(embedding)}weight"
        network = replace(network, embedding=as_float32(tensors[table], f"tensor {table}", note))
    if readout is not None:
        weight, bias = (f"{_dotted(readout)}{what}" for what in ("weight", "bias"))
        network = replace(
            network,
            readout_weight=as_float32(tensors[weight], f"tensor {weight}", note),
            readout_bias=as_float32(tensors[bias], f"tensor {bias}", note) if bias in left else None,
        )
        if choices.when == "every_step":
            note("a state dict does not tell which steps the readout runs at: every step is taken")
    return network


def _without(tensors: Tensors, ignored: Iterable[str]) -> dict[str, NDArray[Any]]:
    left = dict(tensors)
    for name in ignored:
        matching = [n for n in left if n == name or n.startswith(f"{name}.")]
        if not matching:
            raise BadInput(f"ignore: there is no tensor or module {name!r} among {_listed(tensors)}")
        for n in matching:
            del left[n]
    return left


def _modules(tensors: Tensors, named: tuple[str, ...]) -> tuple[str, ...]:
    """Prefixes of recurrent modules, in order. BadInput where it is neither given nor plain, or a kind is not known."""
    keys = {name: key for name in tensors if (key := _Key.of(name))}
    for name, key in keys.items():
        if key.reverse:
            raise BadInput(f"tensor {name}: bidirectional layers are not supported")
        if key.what == "weight_hr":
            raise BadInput(f"tensor {name}: projections of the state (proj_size) are not supported")
    found = tuple(dict.fromkeys(key.module for key in keys.values()))
    if not found:
        raise BadInput(f"there is no recurrent layer (weight_ih_l0 or weight_ih) among {_listed(tensors)}")
    for module in named:
        if module not in found:
            raise BadInput(f"recurrent must be one of {_listed(found)}, not {module!r}")
    if len(set(named)) != len(named):
        raise BadInput(f"recurrent: modules must be distinct, not {_listed(named)}")
    if not named and len(found) > 1:
        raise BadInput(f"there are {len(found)} recurrent modules, {_listed(found)}: say their order with --recurrent")
    return named or found


def _suffixes(tensors: Tensors, module: str) -> list[str]:
    """``["_l0", "_l1", ...]`` of a module's layers; ``[""]`` of a cell."""
    keys = [key for name in tensors if (key := _Key.of(name)) and key.module == module]
    layers = {key.layer for key in keys}
    if layers == {None}:
        return [""]
    if layers != set(range(len(layers))):
        raise BadInput(f"{module or 'the recurrent module'}: layers must be l0, l1 and so on without a gap")
    return [f"_l{k}" for k in range(len(layers))]


_CELLS = {4: "lstm", 3: "gru"}


def _layer(left: dict[str, NDArray[Any]], module: str, suffix: str, activation: Activation, note: Note) -> FloatLayer:
    """A layer, its tensors taken out of `left`."""
    names = {w: f"{_dotted(module)}{w}{suffix}" for w in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    biases = [names["bias_ih"], names["bias_hh"]]
    needed = [*names.values()] if any(bias in left for bias in biases) else [names["weight_ih"], names["weight_hh"]]
    for name in needed:
        if name not in left:
            raise BadInput(f"tensor {name} is missing")
    arrays = {name: as_float32(left.pop(name), f"tensor {name}", note) for name in needed}
    recurrent, inputs = arrays[names["weight_hh"]], arrays[names["weight_ih"]]
    rows, hidden = recurrent.shape if recurrent.ndim == 2 else (0, 0)
    if hidden < 1 or rows not in (4 * hidden, 3 * hidden, hidden):
        raise BadInput(f"tensor {names['weight_hh']} must be (4 H, H) of an LSTM, (3 H, H) of a GRU or (H, H) of an "
                       f"RNN, not {recurrent.shape}")  # fmt: skip
    if inputs.ndim != 2 or len(inputs) != rows or not inputs.shape[1]:
        raise BadInput(f"tensor {names['weight_ih']} must be ({rows}, inputs), not {inputs.shape}")
    for bias in needed[2:]:
        if arrays[bias].shape != (rows,):
            raise BadInput(f"tensor {bias} must be ({rows},), not {arrays[bias].shape}")
    cell = _CELLS.get(rows // hidden, f"rnn-{activation}")
    return make_layer(cell, inputs, recurrent, *(arrays.get(bias) for bias in biases))


def _roles(
    left: Tensors, input_kind: InputKind, inputs: int, hidden: int, choices: Choices
) -> tuple[str | None, str | None]:
    """Prefixes of the embedding and of the readout: as given, or the only way to use all that is left."""
    if choices.embedding is not None and input_kind == "one_hot":
        raise BadInput("input: one_hot does not go with an embedding")
    modules = {name.rpartition(".")[0] for name in left}
    tables = [m for m in modules if _is_table(left, m, inputs) and input_kind != "one_hot"]
    linears = [m for m in modules if _is_linear(left, m, hidden)]
    tied = choices.embedding is not None and choices.embedding == choices.readout
    ways = [
        (embedding, readout)
        for embedding in _candidates("embedding", choices.embedding, tables, f"({inputs} columns, no bias)")
        for readout in _candidates("readout", choices.readout, linears, f"({hidden} columns)")
        if {embedding, readout} - {None} == modules and (tied or embedding is None or embedding != readout)
    ]
    if not ways:
        stray = [name for name in left if name.rpartition(".")[0] not in {*tables, *linears}] or sorted(left)
        raise BadInput(
            f"tensor {stray[0]} is used by nothing; name it with --ignore, or say what it is with --embedding or "
            "--readout"
        )
    if len(ways) > 1:
        names = _listed(_dotted(module) + "weight" for module in sorted(modules))
        raise BadInput(f"{names} may be the embedding or the readout: say which with --embedding or --readout")
    return ways[0]


def _candidates(what: str, prefix: str | None, fitting: list[str], shape: str) -> Sequence[str | None]:
    """The choices for a role: the module that was named, or none and each that fits."""
    if prefix is None:
        return [None, *fitting]
    if prefix not in fitting:
        raise BadInput(f"{what} must be a module with a weight matrix that fits {shape}, not {prefix!r}")
    return [prefix]


def _is_table(left: Tensors, module: str, columns: int) -> bool:
    weight = left.get(f"{_dotted(module)}weight")
    if weight is None or weight.ndim != 2 or weight.shape[1] != columns:
        return False
    return _names(left, module) == {"weight"}


def _is_linear(left: Tensors, module: str, columns: int) -> bool:
    weight, bias = (left.get(_dotted(module) + what) for what in ("weight", "bias"))
    if weight is None or weight.ndim != 2 or weight.shape[1] != columns:
        return False
    return _names(left, module) == {"weight"} or (
        _names(left, module) == {"weight", "bias"} and bias is not None and bias.shape == weight.shape[:1]
    )


def _names(left: Tensors, module: str) -> set[str]:
    return {name.rpartition(".")[2] for name in left if name.rpartition(".")[0] == module}


def _dotted(module: str) -> str:
    return f"{module}." if module else ""


def _listed(names: Iterable[str]) -> str:
    """At most a dozen names, on one line."""
    quoted = [name if name.isprintable() and name else repr(name) for name in names]
    return ", ".join(quoted[:12]) + (f" and {len(quoted) - 12} more" if len(quoted) > 12 else "")
