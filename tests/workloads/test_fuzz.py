"""Over five hundred broken files: each is either a valid object or one clear line, and no code in a file is ever run.

Files are whole ones, broken at random bytes or at one meaningful place: a size, a type, a name, a value of the JSON or
TOML in them. The same files are drawn every time. While they are read, memory is limited: what a file merely declares
must not be made.
"""

import copy
import importlib.util
import io
import json
import os
import pickle
import resource
import struct
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from safetensors.numpy import save

from archsim import designs
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from workloads import zoo
from workloads.config import Embedding, Vector
from workloads.importers import import_model
from workloads.model import Model
from workloads.record import given_sample
from workloads.training import recipes
from workloads.training.recipe import load_recipe
from workloads.zoo.card import Card

SPARE_BYTES = 2**30
"""Address space that reading may take beside what is taken already."""
STATM = Path("/proc/self/statm")
CPU_SECONDS = 5.0
"""For one file; reading a whole one takes milliseconds."""

Rng = np.random.Generator
Mutation = Callable[[bytes, Rng], bytes]


# --- breaking bytes


def chosen(rng: Rng, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def flipped(data: bytes, rng: Rng) -> bytes:
    broken = bytearray(data)
    for _ in range(int(rng.integers(1, 12))):
        broken[int(rng.integers(len(broken)))] ^= 1 << int(rng.integers(8))
    return bytes(broken)


def cut(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data)))]


def spliced(data: bytes, rng: Rng) -> bytes:
    """A piece left out, doubled, or replaced by noise."""
    first, last = sorted(int(i) for i in rng.integers(0, len(data), 2))
    last = min(last, first + 64)
    piece = data[first:last]
    inserted: bytes = chosen(rng, [b"", piece * 2, rng.bytes(len(piece)), b"\xff" * 8, b"\n\r\x00"])
    return data[:first] + inserted + data[last:]


def overwritten(data: bytes, rng: Rng) -> bytes:
    """Eight bytes, near the start more often than not, made an extreme number."""
    broken = bytearray(data)
    limit = len(data) if rng.random() < 0.3 else min(len(data), 128)
    start = int(rng.integers(limit))
    number = struct.pack("<q", chosen(rng, [0, -1, 1, 2**31 - 1, 2**40, 2**63 - 1, -(2**63)]))
    broken[start : start + 8] = number
    return bytes(broken)


BYTES: tuple[Mutation, ...] = (flipped, cut, spliced, overwritten)


# --- breaking values


VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 2**31, 2**40, 2**63, 2**70, 1e308, -0.5, "", "a\nb", "x" * 300, "lstm", "float32", "state",
    "\u2028", [], [1, 2], {}, {"kind": "vector"}, [None] * 5,
)  # fmt: skip


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a tree of dicts and lists."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def altered(tree: Any, rng: Rng, values: tuple[Any, ...] = VALUES) -> Any:
    """`tree` with one or two values replaced, left out, or added."""
    tree = copy.deepcopy(tree)
    for _ in range(int(rng.integers(1, 3))):
        container, key = chosen(rng, list(places(tree)) or [({}, "none")])
        match int(rng.integers(6)):
            case 0 if isinstance(container, dict):
                container.pop(key, None)
            case 1 if isinstance(container, dict):
                container[chosen(rng, ["more", "", "a\nb", "version", "name"])] = copy.deepcopy(chosen(rng, values))
            case _:
                container[key] = copy.deepcopy(chosen(rng, values))
    return tree


def json_bytes(tree: Any, rng: Rng) -> bytes:
    """JSON of an altered tree, now and then one that nests without end."""
    if rng.random() < 0.1:
        return b'{"version": 2, "name": ' + b"[" * 100_000
    return json.dumps(altered(tree, rng)).encode()


# --- safetensors


def parted(data: bytes) -> tuple[Any, bytes]:
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def safetensors_header(data: bytes, rng: Rng) -> bytes:
    header, body = parted(data)
    text = json_bytes(header, rng)
    return struct.pack("<Q", chosen(rng, [len(text)] * 9 + [2**62])) + text + body


def safetensors_config(data: bytes, rng: Rng) -> bytes:
    """The config of a model of ours."""
    header, body = parted(data)
    header["__metadata__"]["archsim"] = json_bytes(json.loads(header["__metadata__"]["archsim"]), rng).decode()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


# --- traces


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archived(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def npy_header(descr: str, shape: str) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def trace_header(data: bytes, rng: Rng) -> bytes:
    files = members(data)
    header = json.loads(bytes(np.load(io.BytesIO(files["header.npy"]))))
    files["header.npy"] = npy(np.frombuffer(json_bytes(header, rng), np.uint8))
    return archived(files)


def trace_array(data: bytes, rng: Rng) -> bytes:
    files = members(data)
    name = chosen(rng, sorted(files))
    files[name] = array(files[name], rng)
    return archived(files)


def array(data: bytes, rng: Rng) -> bytes:
    """An array with another type or shape, a giant one that is only declared, or one that holds objects."""
    old = np.load(io.BytesIO(data))
    changed: bytes = chosen(
        rng,
        [
            lambda: npy_header("'|u1'", "(1099511627776,)"),
            lambda: npy_header("'<u2'", "(1048576, 1048576)") + bytes(64),
            lambda: npy_header("'|u1'", "(-1, 3)") + bytes(64),
            lambda: npy_header("'|O'", "(1,)") + pickle.dumps(Runs("touch nothing")),
            lambda: npy_header("'<q99'", "(1,)") + bytes(64),
            lambda: npy_header("[" * 300, "(1,)"),
            lambda: npy_header("'|u1'", "(" * 300),
            lambda: npy(old.astype(np.float64) * np.nan),
            lambda: npy(old.astype(np.int64)),
            lambda: npy(old[:1]),
            lambda: npy(old.reshape(-1)),
            lambda: npy(np.array(-5)),
            lambda: npy(np.array([object()], object)),
            lambda: b"",
        ],
    )()
    return changed


def trace_archive(data: bytes, rng: Rng) -> bytes:
    """A member that is missing, twice there, encrypted, packed in another way, or far larger than the file."""
    files = members(data)
    name = chosen(rng, sorted(files))
    whole = archived(files)
    match int(rng.integers(5)):
        case 0:
            del files[name]
            return archived(files)
        case 1:
            with warnings.catch_warnings(action="ignore"):
                return archived(files) + archived({name: b""})
        case 2:  # a bit of the flags of every member: encrypted
            return whole.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
        case 3:  # the way of packing: none that there is
            return whole.replace(
                b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63\x00"
            )
        case _:
            files[name] = npy_header("'|u1'", f"({2**31},)") + bytes(2**22)
            return archived(files)


# --- TOML


def toml_values(data: bytes, rng: Rng) -> bytes:
    values = tuple(value for value in VALUES if value is not None and value != [None] * 5)
    try:
        return tomli_w.dumps(altered(tomllib.loads(data.decode()), rng, values)).encode()
    except (AttributeError, TypeError):  # TOML has no such table
        return cut(data, rng)


def toml_text(data: bytes, rng: Rng) -> bytes:
    """A value in the text replaced by something that is hard to read."""
    lines = data.decode().splitlines()
    k = chosen(rng, [k for k, line in enumerate(lines) if "=" in line])
    value = chosen(
        rng,
        [
            "9" * 5000, "[" * 2000, "{a = " * 2000, "nan", "inf", "-inf", "1979-05-27", "07:32:00", "'", '"""',
            "0x" + "f" * 9000, "1e400", '"\\uD800"', "1_000", "true", "", "= =", "[[1], {}]",
        ],
    )  # fmt: skip
    return "\n".join([*lines[:k], f"{lines[k].split('=')[0]}= {value}", *lines[k + 1 :]]).encode()


# --- ONNX


def onnx_fields(data: bytes, rng: Rng) -> bytes:
    """One to three fields of nodes, attributes, tensors and inputs changed."""
    import onnx

    model = onnx.ModelProto.FromString(data)
    graph = model.graph
    for _ in range(int(rng.integers(1, 4))):
        node, tensor = chosen(rng, graph.node), chosen(rng, graph.initializer)
        chosen(
            rng,
            [
                lambda node=node: setattr(node, "op_type", chosen(rng, OPERATIONS)),
                lambda node=node: node.input.append(chosen(rng, ["", "x", "W0", "h0", "one"])),
                lambda node=node: node.input.pop() if node.input else None,
                lambda node=node: node.input.insert(0, chosen(rng, ["", "x", "table", "h1", "y1_c"])),
                lambda node=node: node.output.append(chosen(rng, ["x", "y", "h1"])),
                lambda node=node: node.attribute.add(name=chosen(rng, ATTRIBUTES), type=int(rng.integers(1, 9)), i=5),
                lambda node=node: node.attribute.add(name=chosen(rng, ATTRIBUTES), type=7, ints=[-1, 2**40, 0]),
                lambda: graph.node.remove(chosen(rng, graph.node)) if len(graph.node) > 2 else None,
                lambda: graph.node.append(chosen(rng, graph.node)),
                lambda tensor=tensor: tensor.dims.append(chosen(rng, [0, 1, -1, 2**40, 2**62])),
                lambda tensor=tensor: tensor.dims.pop() if tensor.dims else None,
                lambda tensor=tensor: setattr(tensor, "data_type", int(rng.integers(0, 24))),
                lambda tensor=tensor: setattr(tensor, "raw_data", tensor.raw_data[:-3]),
                lambda tensor=tensor: setattr(tensor, "raw_data", shuffled(tensor.raw_data, rng)),
                lambda tensor=tensor: setattr(tensor, "data_location", 1),
                lambda tensor=tensor: setattr(tensor, "name", chosen(rng, ["x", "", "a\nb"])),
                lambda: graph.input[0].type.tensor_type.shape.dim.add(dim_value=chosen(rng, [0, 1, 5, -3, 2**40])),
                lambda: setattr(graph.input[0].type.tensor_type, "elem_type", int(rng.integers(0, 20))),
                lambda: graph.input[0].type.Clear(),
                lambda: graph.output.add(name=chosen(rng, ["h0", "y1_c", "x", "nowhere", "W0"])),
            ],
        )()  # fmt: skip
    return bytes(model.SerializeToString())


def shuffled(raw: bytes, rng: Rng) -> bytes:
    """Its words of four bytes in another order."""
    words = len(raw) // 4 * 4
    return rng.permutation(np.frombuffer(raw[:words], "<u4")).tobytes() + raw[words:]


OPERATIONS = (
    "LSTM", "GRU", "RNN", "Gather", "Concat", "Slice", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Expand",
    "Shape", "ConstantOfShape", "Constant", "Cast", "Mul", "Add", "Where", "Equal", "OneHot", "MatMul", "Gemm",
    "Flatten", "Dropout", "Loop", "a\nb", "", "Split", "Sub", "Div", "Neg", "Relu", "Softmax", "ArgMax", "ReduceMean",
    "ReduceMax", "ReduceSum", "GlobalAveragePool", "TopK", "ScatterElements", "Range", "DequantizeLinear",
    "QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "Size", "Sqrt",
)  # fmt: skip
ATTRIBUTES = (
    "axis",
    "axes",
    "perm",
    "value",
    "hidden_size",
    "direction",
    "layout",
    "to",
    "start",
    "activations",
    "clip",
    "keepdims",
    "num_outputs",
)


def onnx_net() -> bytes:
    """Embedding, two layers, readout, and sizes computed on the way."""
    onnx = pytest.importorskip("onnx")
    helper, node = onnx.helper, onnx.helper.make_node
    rng = np.random.default_rng(0)
    shapes = {"table": (9, 3), "W0": (1, 20, 3), "R0": (1, 20, 5), "B0": (1, 40)}
    shapes |= {"W1": (1, 15, 5), "R1": (1, 15, 5), "B1": (1, 30), "V": (5, 4), "c": (4,)}
    constants: dict[str, Any] = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    constants |= {"one": np.array([1]), "five": np.array([5]), "rows": np.array([-1, 5])}
    nodes = [
        node("Gather", ["table", "x"], ["e"]),
        node("Shape", ["x"], ["batch"], start=1, end=2),
        node("Concat", ["one", "batch", "five"], ["sizes"], axis=0),
        node("ConstantOfShape", ["sizes"], ["start"]),
        node("LSTM", ["e", "W0", "R0", "B0", "", "start", "start"], ["y0", "y0_h", "y0_c"], hidden_size=5),
        node("Squeeze", ["y0", "one"], ["h0"]),
        node("GRU", ["h0", "W1", "R1", "B1"], ["y1", "y1_h"], hidden_size=5, linear_before_reset=1),
        node("Transpose", ["y1"], ["t"], perm=[0, 2, 1, 3]),
        node("Reshape", ["t", "rows"], ["h1"]),
        node("MatMul", ["h1", "V"], ["p"]),
        node("Add", ["p", "c"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("x", onnx.TensorProto.INT64, ("t", "b"))],
        [helper.make_empty_tensor_value_info("y")],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return bytes(model.SerializeToString())


# --- torch.save


class Runs:
    """A pickle that runs a shell command when it is loaded."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        import os

        return os.system, (self.command,)


def state_dict() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embed.weight": (9, 3),
        "rnn.weight_ih_l0": (15, 3),
        "rnn.weight_hh_l0": (15, 5),
        "rnn.bias_ih_l0": (15,),
        "rnn.bias_hh_l0": (15,),
        "out.weight": (4, 5),
        "out.bias": (4,),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def torch_file(zipped: bool = True, **more: Any) -> bytes:
    import torch

    stream = io.BytesIO()
    tensors = {name: torch.from_numpy(array) for name, array in state_dict().items()} | more
    torch.save(tensors, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def quantized_torch_file() -> bytes:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        net = torch.nn.Sequential(torch.nn.LSTM(3, 5), torch.nn.Linear(5, 4)).eval()
        quantized = torch.ao.quantization.quantize_dynamic(net, {torch.nn.LSTM, torch.nn.Linear})
        stream = io.BytesIO()
        torch.save(quantized.state_dict(), stream)
    return stream.getvalue()


def torch_pickle(data: bytes, rng: Rng) -> bytes:
    """The pickle inside the archive, broken or replaced."""
    files = members(data)
    name = next(name for name in files if name.endswith("data.pkl"))
    files[name] = chosen(
        rng,
        [
            lambda: flipped(files[name], rng),
            lambda: cut(files[name], rng),
            lambda: spliced(files[name], rng),
            lambda: files[name].replace(b"K\x0fK\x03\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
            lambda: b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x04\x85R.",
            lambda: b"\x80\x02cbuiltins\neval\nX\x04\x00\x00\x001//0\x85R.",
            lambda: b"\x80\x02" + b"]" * 50_000 + b"e" * 3 + b".",
            lambda: pickle.dumps(DEEP_DICT, 2),
        ],
    )()
    return archived(files, chosen(rng, [zipfile.ZIP_STORED] * 5 + [zipfile.ZIP_DEFLATED]))


def torch_records(data: bytes, rng: Rng) -> bytes:
    """A record that is missing, short or long."""
    files = members(data)
    name = chosen(rng, sorted(files))
    content = chosen(rng, [b"", files[name][:-4], files[name] * 3, None])
    files = {n: c for n, c in (files | {name: content}).items() if c is not None}
    return archived(files, zipfile.ZIP_STORED)


DEEP_DICT: dict[str, Any] = {"rnn.weight_ih_l0": 1}
for _ in range(200):
    DEEP_DICT = {"a": DEEP_DICT, "b": DEEP_DICT}


# --- Keras


def keras_files(suffix: str, path: Path) -> bytes:
    """A model that Keras saves."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras: Any = pytest.importorskip("keras")
    layers = keras.layers
    start = keras.Input((None,), dtype="int32")
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(layers.Embedding(9, 4)(start))
    stacked = layers.RNN([layers.GRUCell(4), layers.SimpleRNNCell(3)], return_sequences=True)(both)
    pooled = layers.GlobalAveragePooling1D()(layers.Dropout(0.1)(stacked))
    model = keras.Model(start, layers.Dense(2, activation="softmax")(layers.Dense(3, activation="relu")(pooled)))
    with warnings.catch_warnings():  # NumPy 2 asks tensors of PyTorch for `copy`, which Keras' way lacks
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(path := path.with_suffix(suffix))
    return path.read_bytes()


WORDS = (
    "relu", "tanh", "softmax", "hard_sigmoid", "Lambda", "LSTM", "GRU", "Dense", "Bidirectional", "RNN", "concat",
    "sum", "float16", "os.system", "__lambda__", ["rnn", 0, 0], ["dense", 0, 0], {"class_name": "Dense", "config": {}},
)  # fmt: skip


def keras_config(data: bytes, rng: Rng) -> bytes:
    files = members(data)
    text = json_bytes_of(json.loads(files["config.json"]), rng)
    return archived(files | {"config.json": text}, zipfile.ZIP_STORED)


def json_bytes_of(tree: Any, rng: Rng) -> bytes:
    if rng.random() < 0.02:
        return b'{"config": ' + b"[" * 100_000
    return json.dumps(altered(tree, rng, (*VALUES, *WORDS))).encode()


def keras_weights(data: bytes, rng: Rng) -> bytes:
    """HDF5 that is broken within an archive that is whole."""
    files = members(data)
    broken = chosen(rng, [*BYTES, structure, structure])(files["model.weights.h5"], rng)
    return archived(files | {"model.weights.h5": broken}, zipfile.ZIP_STORED)


def structure(data: bytes, rng: Rng) -> bytes:
    """Numbers of HDF5's own changed: sizes, addresses, kinds, all of which lie at multiples of eight."""
    broken = bytearray(data)
    nonzero = [k for k in range(0, len(data) - 8, 8) if any(data[k : k + 8])]
    for _ in range(int(rng.integers(1, 4))):
        start = chosen(rng, nonzero)
        number = int.from_bytes(broken[start : start + 8], "little")
        values = [number + 8, number - 8, number ^ (1 << int(rng.integers(64))), 2**64 - 1, 0, start, number * 2]
        broken[start : start + 8] = (chosen(rng, values) % 2**64).to_bytes(8, "little")
    return bytes(broken)


def keras_archive(data: bytes, rng: Rng) -> bytes:
    """Members missing, cut, exchanged, or of zeros that unpack to a gigabyte."""
    files = members(data)
    name = chosen(rng, sorted(files))
    if rng.random() < 0.1:
        return archived(files | {name: files[name] + b"\0" * 10**7}, zipfile.ZIP_DEFLATED)
    content = chosen(rng, [None, b"", files[name][:-40], files[chosen(rng, sorted(files))], rng.bytes(300)])
    files = {n: c for n, c in (files | {name: content}).items() if c is not None}
    return archived(files, chosen(rng, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))


def h5_config(data: bytes, rng: Rng) -> bytes:
    """Another config in the place of the one that is there, which is filled up with blanks."""
    start, end = data.index(b'{"class_name"'), data.index(b"}\0", data.index(b'{"class_name"')) + 1
    text = json_bytes_of(json.loads(data[start:end]), rng)[: end - start]
    return data[:start] + text.ljust(end - start) + data[end:]


# --- the suite


@pytest.fixture(scope="session")
def whole(draw: Callable[..., Model], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """A file of each kind that is whole."""
    path = tmp_path_factory.mktemp("whole") / "file"

    def saved(made: Model | Trace) -> bytes:
        made.save(path)
        return path.read_bytes()

    def model(**options: Any) -> bytes:
        return saved(draw(hidden=7, **options))

    makers: dict[str, Callable[[], bytes]] = {
        "model": lambda: model(weight_format="ternary"),
        "model with embedding": lambda: model(
            task=None, cell="gru", layers=2, inputs=Embedding(symbols=9, size=4, weight_format="fixed8"),
            weight_format="fixed4-row", initial=True,
        ),
        "model over vectors": lambda: model(
            task=None, cell="gru-classic", inputs=Vector(size=3), weight_format="float32", state_bits=None
        ),
        "state dict": lambda: save(state_dict(), metadata={"format": "pt"}),
        "onnx": onnx_net,
        "recipe": lambda: (recipes.FOLDER / f"{recipes.ALL[0]}.toml").read_bytes(),
        "design": lambda: (Path(designs.__file__).parent / f"{designs.ALL[0]}.toml").read_bytes(),
        "card": lambda: (zoo.FOLDER / f"{zoo.ALL[0]}.toml").read_bytes(),
        "trace": lambda: saved(synthesize(16, 9, 0.3, sequences=3, steps=5, seed=1)),
        "inputs": lambda: npy(np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)),
        "torch": torch_file,
        "torch of old": lambda: torch_file(zipped=False),
        "torch of integers": quantized_torch_file,
        "keras": lambda: keras_files(".keras", path),
        "h5": lambda: keras_files(".h5", path),
    }  # fmt: skip
    return lambda kind: makers[kind]()


def load_card(path: Path) -> Card:
    return Card.load(path)


LOADERS: dict[str, Callable[[Path], object]] = {
    "model": Model.load,
    "model with embedding": Model.load,
    "model over vectors": Model.load,
    "state dict": import_model,
    "onnx": import_model,
    "recipe": load_recipe,
    "design": load_design,
    "card": load_card,
    "trace": Trace.load,
    "inputs": given_sample,
    "torch": import_model,
    "torch of old": import_model,
    "torch of integers": import_model,
    "keras": import_model,
    "h5": import_model,
}
NEED_TORCH = ("torch", "torch of old", "torch of integers", "keras", "h5")
TORCH = [pytest.mark.train, pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")]
CASES: list[tuple[str, Mutation, int]] = [
    *((kind, mutation, 7) for kind in ("model", "state dict") for mutation in BYTES),
    *((kind, safetensors_config, 20) for kind in ("model", "model with embedding", "model over vectors")),
    ("model with embedding", safetensors_header, 20),
    ("state dict", safetensors_header, 20),
    *(("onnx", mutation, 15) for mutation in BYTES),
    ("onnx", onnx_fields, 80),
    *((kind, mutation, 5) for kind in ("recipe", "design", "card") for mutation in BYTES),
    *((kind, mutation, 10) for kind in ("recipe", "design", "card") for mutation in (toml_values, toml_text)),
    *(("trace", mutation, 5) for mutation in BYTES),
    ("trace", trace_header, 25),
    ("trace", trace_array, 25),
    ("trace", trace_archive, 10),
    *(("inputs", mutation, 5) for mutation in BYTES),
    ("inputs", array, 15),
    *(("torch", mutation, 4) for mutation in BYTES),
    ("torch", torch_pickle, 20),
    ("torch", torch_records, 10),
    *(("torch of old", mutation, 4) for mutation in BYTES),
    *(("torch of integers", mutation, 4) for mutation in BYTES),
    ("torch of integers", torch_pickle, 20),
    *(("keras", mutation, 30) for mutation in BYTES),
    ("keras", keras_config, 170),
    ("keras", keras_weights, 170),
    ("keras", keras_archive, 40),
    *(("h5", mutation, 50) for mutation in BYTES),
    ("h5", h5_config, 150),
    ("h5", structure, 150),
]


def test_there_are_five_hundred() -> None:
    others = [count for kind, _, count in CASES if kind not in ("keras", "h5")]
    assert sum(others) >= 500
    for kind in ("keras", "h5"):
        assert sum(count for found, _, count in CASES if found == kind) >= 500


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Address space limited to what there is and a bit, so that a giant is a MemoryError and not a killed machine."""
    if not STATM.is_file():  # no Linux: no limit
        yield
        return
    pages = int(STATM.read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + SPARE_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def complaint(load: Callable[[Path], object], path: Path) -> str | None:
    """What is wrong with how `load` takes the file; None where it is an object, or one line that names the file."""
    started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    try:
        load(path)
    except BadInput as error:
        text = str(error)
        if not text.isprintable() or not text.startswith(str(path)) or len(text) > 3000:
            return f"not one clear line: {text[:500]!r}"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:500]}"
    seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - started
    return f"took {seconds:.1f} s" if seconds > CPU_SECONDS else None


@pytest.mark.parametrize("kind", [pytest.param(k, marks=TORCH if k in NEED_TORCH else []) for k in LOADERS])
def test_a_whole_file_is_taken(kind, whole, tmp_path, little_memory):
    path = tmp_path / "whole.bin"
    path.write_bytes(whole(kind))
    LOADERS[kind](path)


@pytest.mark.parametrize(
    ("kind", "mutation", "count"),
    [pytest.param(*case, marks=TORCH if case[0] in NEED_TORCH else []) for case in CASES],
)
def test_a_broken_file_is_an_object_or_one_line(kind, mutation, count, whole, tmp_path, little_memory):
    data, path = whole(kind), tmp_path / "broken.bin"
    complaints = []
    for seed in range(count):
        path.write_bytes(mutation(data, np.random.default_rng([seed, len(kind), *mutation.__name__.encode()])))
        found = complaint(LOADERS[kind], path)
        if found:
            complaints.append(f"seed {seed}: {found}")
    assert not complaints, "\n".join(complaints)


def run_by_onnx_runtime(path: Path, symbols: Any) -> list[Any] | None:
    """All outputs; None where it refuses the graph."""
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        return list(ort.InferenceSession(path.read_bytes(), options).run(None, {"x": symbols}))
    except Exception:  # its exceptions have no class in common
        return None


def test_a_changed_graph_that_is_taken_computes_what_onnx_runtime_computes(tmp_path):
    """What is taken is taken whole: no change of a graph is overlooked that ONNX Runtime sees."""
    data, path, symbols = onnx_net(), tmp_path / "net.onnx", np.random.default_rng(0).integers(0, 9, (7, 2))
    compared = 0
    for seed in range(400):
        path.write_bytes(onnx_fields(data, np.random.default_rng([1, seed])))
        theirs = run_by_onnx_runtime(path, symbols)
        try:
            model = import_model(path)
        except BadInput:
            continue
        if theirs is None:
            continue
        h = model.states(symbols)[0]
        ours = model.run(symbols)[0] if model.config.readout else h
        candidates = [ours.ravel(), ours.swapaxes(0, 1).ravel(), h[-1].ravel()]
        assert any(
            value.size == mine.size and np.allclose(value.ravel(), mine, rtol=0, atol=1e-5)
            for value in theirs
            for mine in candidates
        ), f"seed {seed}"
        compared += 1
    assert compared >= 8


@pytest.mark.train
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", sorted(set(LOADERS) - {"recipe", "design"}))
def test_code_in_a_file_is_never_run(kind, zipped, tmp_path):
    """One file that would run a command if it were unpickled, given to every reader."""
    pytest.importorskip("torch")
    marker = tmp_path / "marker"
    path = tmp_path / "live.bin"
    for data in (torch_file(zipped, evil=Runs(f"touch {marker}")), pickle.dumps(Runs(f"touch {marker}"))):
        path.write_bytes(data)
        assert complaint(LOADERS[kind], path) is None
    objects = {"header": npy(np.array([Runs(f"touch {marker}")], object)), "lengths": npy(np.array([1]))}
    path.write_bytes(archived({f"{name}.npy": content for name, content in objects.items()}))
    assert complaint(LOADERS[kind], path) is None
    assert not marker.exists()
