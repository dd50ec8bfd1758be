"""Graphs made by hand, what ONNX Runtime makes of them, and what a model does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]

from workloads.importers import import_model
from workloads.model import Model

node = onnx.helper.make_node
FLOAT, INT64, INT32 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.INT32
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def weights(rng: np.random.Generator, op: str, inputs: int, hidden: int, directions: int = 1) -> dict[str, Any]:
    rows = GATES[op] * hidden
    shapes = {"W": (directions, rows, inputs), "R": (directions, rows, hidden), "B": (directions, 2 * rows)}
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def saved(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    inputs: Mapping[str, tuple[int, tuple[Any, ...]]],
    outputs: tuple[str, ...] = ("y",),
) -> Path:
    """A file of these nodes; `inputs` have a type and sizes, of which names are open."""
    graph = onnx.helper.make_graph(
        nodes,
        "net",
        [onnx.helper.make_tensor_value_info(name, kind, sizes) for name, (kind, sizes) in inputs.items()],
        [onnx.helper.make_empty_tensor_value_info(name) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    for output in graph.output:
        output.type.tensor_type.elem_type = FLOAT
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    return path


def runtime(path: Path, *inputs: Any) -> Any:
    """What ONNX Runtime computes: the first output."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options)
    names = [item.name for item in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


def imported(path: Path, **options: Any) -> tuple[Model, list[str]]:
    notes: list[str] = []
    return import_model(path, note=notes.append, **options), notes


def computed(model: Model, x: Any, lengths: Any = None) -> Any:
    """h or logits ``(T, B, V)`` of inputs ``(T, B, ...)``, or the last ones ``(B, V)``."""
    if model.config.readout is None:
        return model.states(x)[0]
    if model.config.readout.when == "last_step":
        return model.last(x, np.full(x.shape[1], len(x)) if lengths is None else lengths)
    return model.run(x, None, np.float32, lengths)[0]
