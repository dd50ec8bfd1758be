"""ONNX files as plain values: nodes, constants, inputs and outputs.

Needs the package `onnx` (extra `onnx`) for its protocol buffers alone; nothing of a file is run, and every size in it
is checked against the bytes that are there before anything is made of it.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Array


@dataclass(frozen=True, eq=False)
class Node:
    """One operation; a name of an input that is not given is empty."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    def refused(self, why: str) -> BadInput:
        return BadInput(f"node {self.name!r} ({self.op}): {why}")

    def integer(self, name: str, default: int) -> int:
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.refused(f"{name} must be an integer, not {value!r}")
        return value

    def floating(self, name: str, default: float) -> float:
        value = self.attributes.get(name, default)
        if not isinstance(value, float | int):
            raise self.refused(f"{name} must be a number, not {value!r}")
        return value

    def text(self, name: str, default: str) -> str:
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise self.refused(f"{name} must be a text, not {value!r}")
        return value

    def integers(self, name: str) -> tuple[int, ...] | None:
        value = self.attributes.get(name)
        if value is not None and not (isinstance(value, tuple) and all(isinstance(item, int) for item in value)):
            raise self.refused(f"{name} must be integers, not {value!r}")
        return value  # type: ignore[return-value]

    def texts(self, name: str) -> tuple[str, ...] | None:
        value = self.attributes.get(name)
        if value is not None and not (isinstance(value, tuple) and all(isinstance(item, str) for item in value)):
            raise self.refused(f"{name} must be texts, not {value!r}")
        return value  # type: ignore[return-value]


@dataclass(frozen=True)
class GraphInput:
    """What a graph is given: sizes of its axes (a name: any), and whether its elements are integers."""

    name: str
    sizes: tuple[int | str, ...]
    integers: bool


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """The nodes that its outputs need, in their order, and the tensors it holds."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[GraphInput, ...]
    outputs: tuple[str, ...]
    opset: int
    """Version of its operations."""


def read_graph(path: Path, output: str | None = None) -> OnnxGraph:
    """What the file computes for its outputs, or for `output`: any tensor in it. BadInput names what is not whole."""
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "google", "google.protobuf"):
            raise
        raise BadInput(
            "is no safetensors or torch.save file; an ONNX file needs the package onnx: pip install 'archsim[onnx]'"
        ) from None
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except DecodeError:
        model = onnx.ModelProto()
    graph = model.graph
    if not graph.node:
        raise BadInput(
            "must be safetensors, a torch.save file, ONNX or Keras' .keras or .h5, whole, and it is none of them"
        )
    outputs = (output,) if output is not None else tuple(item.name for item in graph.output)
    protos = _needed(graph, outputs)
    nodes = tuple(_node(proto, path.parent) for proto in protos)
    read = {name for node in nodes for name in node.inputs} | set(outputs)
    stored = [tensor for tensor in graph.initializer if tensor.name in read]
    constants = {tensor.name: to_array(tensor, path.parent) for tensor in stored}
    for tensor in graph.sparse_initializer:
        if tensor.values.name in read:
            raise BadInput(f"tensor {tensor.values.name}: sparse tensors are not supported")
    inputs = tuple(_input(item) for item in graph.input if item.name in read - set(constants))
    names = [*(item.name for item in (*inputs, *stored)), *(name for node in nodes for name in node.outputs if name)]
    for name, count in Counter(names).items():
        if count > 1:
            raise BadInput(f"tensor {name!r} must be made once, not {count} times")
    opset = max((item.version for item in model.opset_import if item.domain in _STANDARD), default=1)
    return OnnxGraph(nodes, constants, inputs, outputs, opset)


def _needed(graph: "onnx.GraphProto", outputs: tuple[str, ...]) -> list["onnx.NodeProto"]:
    """Nodes that `outputs` depend on. A node comes after those it reads, so one pass from the end finds them."""
    wanted, needed = set(outputs), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output) - {""}:
            needed.append(node)
            wanted.update(node.input)
    return needed[::-1]


_STANDARD = ("", "ai.onnx")
_MICROSOFT = "com.microsoft"
"""The domain of what ONNX Runtime's quantizer writes."""


def _node(proto: "onnx.NodeProto", folder: Path) -> Node:
    name = proto.name or next(filter(None, proto.output), "")
    if proto.domain not in (*_STANDARD, _MICROSOFT):
        raise BadInput(f"node {name!r} ({proto.op_type}): operations of domain {proto.domain!r} are not supported")
    op = f"{_MICROSOFT}.{proto.op_type}" if proto.domain == _MICROSOFT else proto.op_type
    node = Node(op, name, tuple(proto.input), tuple(proto.output), {})
    if op in ("If", "Loop", "Scan"):
        raise node.refused("a graph that branches or loops is not supported: export a module that does not")
    attributes = {item.name: _attribute(node, item, folder) for item in proto.attribute}
    return Node(node.op, name, node.inputs, node.outputs, attributes)


def _attribute(node: Node, proto: "onnx.AttributeProto", folder: Path) -> Attribute:
    match proto.type:
        case proto.FLOAT:
            return proto.f
        case proto.INT:
            return proto.i
        case proto.STRING:
            return _text(proto.s)
        case proto.FLOATS:
            return tuple(proto.floats)
        case proto.INTS:
            return tuple(proto.ints)
        case proto.STRINGS:
            return tuple(_text(item) for item in proto.strings)
        case proto.TENSOR:
            return to_array(proto.t, folder)
    raise node.refused(f"attribute {proto.name} is of a kind that is not supported")


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


_FLOAT, _UINT8, _INT8, _INT32, _INT64, _BOOL, _FLOAT16, _DOUBLE, _BFLOAT16 = 1, 2, 3, 6, 7, 9, 10, 11, 16
_STORED = {
    _FLOAT: ("<f4", "float_data"),
    _DOUBLE: ("<f8", "double_data"),
    _FLOAT16: ("<u2", "int32_data"),
    _BFLOAT16: ("<u2", "int32_data"),
    _INT8: ("i1", "int32_data"),
    _UINT8: ("u1", "int32_data"),
    _BOOL: ("u1", "int32_data"),
    _INT32: ("<i4", "int32_data"),
    _INT64: ("<i8", "int64_data"),
}
"""Types of onnx.proto's TensorProto.DataType: their bits in raw data, and the field they may lie in instead."""
_INTEGERS = (_UINT8, _INT8, 4, 5, _INT32, _INT64, 12, 13)
_FLOATS = (_FLOAT, _FLOAT16, _DOUBLE, _BFLOAT16)


def to_array(tensor: "onnx.TensorProto", folder: Path) -> Array:
    """Values of a tensor, bfloat16 as float32; data outside the file is looked for in `folder`."""
    if tensor.data_type not in _STORED:
        raise BadInput(f"tensor {tensor.name}: elements of type {tensor.data_type} are not supported")
    stored, field = _STORED[tensor.data_type]
    shape, itemsize = tuple(tensor.dims), np.dtype(stored).itemsize
    if any(not 0 <= size < 2**40 for size in shape):
        raise BadInput(f"tensor {tensor.name}: sizes must not be negative or huge, not {shape}")
    count = math.prod(shape)
    if tensor.data_location == tensor.EXTERNAL:
        flat = np.frombuffer(_external(tensor, folder, count * itemsize), stored)
    elif tensor.HasField("raw_data"):
        if len(tensor.raw_data) != count * itemsize:
            given = f"{len(tensor.raw_data)} bytes"
            raise BadInput(f"tensor {tensor.name}: data of shape {shape} must be {count * itemsize} bytes, not {given}")
        flat = np.frombuffer(tensor.raw_data, stored)
    else:
        values = getattr(tensor, field)
        if len(values) != count:
            raise BadInput(f"tensor {tensor.name}: data of shape {shape} must be {count} numbers, not {len(values)}")
        flat = np.array(values, np.int64 if stored[-2] in "iu" else stored).astype(stored)
    return _decoded(flat, tensor.data_type).reshape(shape)


def _decoded(flat: Array, data_type: int) -> Array:
    if data_type == _BFLOAT16:
        return (flat.astype("<u4") << 16).view("<f4")
    if data_type == _FLOAT16:
        return flat.view("<f2")
    return flat.astype(bool) if data_type == _BOOL else flat


def _external(tensor: "onnx.TensorProto", folder: Path, size_bytes: int) -> bytes:
    """Bytes of a tensor that lie in a file beside the model."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location: str = entries.get("location", "")
    try:
        path = (folder / location).resolve()
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size_bytes))
        if not location or not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise BadInput(f"tensor {tensor.name}: its data must lie in a file beside the model, not {location!r}")
        if length != size_bytes or offset < 0 or offset + length > path.stat().st_size:
            raise BadInput(f"tensor {tensor.name}: {location} must hold {size_bytes} bytes from {offset} on")
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except BadInput:
        raise
    except (OSError, ValueError) as error:
        raise BadInput(f"tensor {tensor.name}: {location!r}: {error}") from None


def _input(item: "onnx.ValueInfoProto") -> GraphInput:
    kind = item.type.tensor_type
    if not item.type.HasField("tensor_type") or kind.elem_type not in (*_INTEGERS, *_FLOATS):
        raise BadInput(f"input {item.name}: must be a tensor of integers or floats")
    if not kind.HasField("shape"):
        raise BadInput(f"input {item.name}: its number of axes must be known")
    sizes = tuple(
        axis.dim_value if axis.HasField("dim_value") else axis.dim_param or f"axis {k} of {item.name}"
        for k, axis in enumerate(kind.shape.dim)
    )
    if any(isinstance(size, int) and size < 1 for size in sizes):
        raise BadInput(f"input {item.name}: sizes must be positive, not {sizes}")
    return GraphInput(item.name, sizes, kind.elem_type in _INTEGERS)
