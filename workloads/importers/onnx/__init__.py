"""Models in ONNX: LSTM, GRU and RNN in both directions, what lies before and after them, and glue between.

What a graph computes is read by following its data. Each tensor is either numbers that are known, or an array of ids of
what is computed of the input (`flow.Flow`), so that transposing, slicing, joining and reshaping are numpy's own. What
lies in a tensor is looked at where something reads it. Every operation that has no rule here is refused by its name and
its node's.

Axes of no fixed size get one that the graph does not hold, a prime; the graph is followed twice with different primes,
and a network that depends on them is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import numpy as np

from archsim.errors import BadInput
from workloads.importers.network import ImportedNetwork, InputKind, Note
from workloads.importers.onnx import constants, dense, layers, lengths, moves, outputs, pooling, quantized, symbols
from workloads.importers.onnx.constants import elementwise
from workloads.importers.onnx.context import MOST_ELEMENTS, Context, Rule
from workloads.importers.onnx.file import GraphInput, Node, OnnxGraph, read_graph
from workloads.importers.onnx.flow import Flow, Given, Source, Value
from workloads.importers.onnx.moves import moving
from workloads.importers.onnx.operations import Entry


def read_network(path: Path, output: str | None, input_kind: InputKind, note: Note) -> ImportedNetwork:
    """The network in a file; BadInput names what it has no rule for. `output`: the tensor that is the result."""
    graph = read_graph(path, output)
    names = list(dict.fromkeys(size for item in graph.inputs for size in item.sizes if isinstance(size, str)))
    primes = _primes(graph, 2 * len(names))
    sizes, others = (dict(zip(names, part, strict=True)) for part in (primes[: len(names)], primes[len(names) :]))
    try:
        network = _GraphReader(graph, note, sizes).network(input_kind)
        again = _GraphReader(graph, note, others).network(input_kind) if names else network
    except MemoryError:
        raise BadInput("holds tensors that are too large to be followed: export a smaller batch") from None
    if not _same(network, again):
        raise BadInput("the numbers of the network must not depend on how many steps or sequences it is given")
    return network


def _primes(graph: OnnxGraph, count: int) -> list[int]:
    """Primes from 11 on that divide no size that the graph holds, so that a size tells what it stands for."""
    sizes = {size for array in graph.constants.values() for size in array.shape}
    sizes |= {size for item in graph.inputs for size in item.sizes if isinstance(size, int)}
    for array in graph.constants.values():
        if array.dtype.kind in "iu" and array.size <= 8:
            sizes |= {abs(int(number)) for number in array.ravel()}
    found: list[int] = []
    candidate = 11
    while len(found) < count:
        if all(candidate % k for k in range(2, candidate)) and not any(
            size and size % candidate == 0 for size in sizes
        ):
            found.append(candidate)
        candidate += 2
    return found


def _same(ours: object, theirs: object) -> bool:
    if is_dataclass(ours) and type(ours) is type(theirs):
        return all(_same(getattr(ours, f.name), getattr(theirs, f.name)) for f in fields(ours))
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs  # type: ignore[arg-type]


class _GraphReader:
    """One pass over the nodes of a graph."""

    def __init__(self, graph: OnnxGraph, note: Note, sizes: dict[str, int]) -> None:
        self.graph = graph
        self.values: dict[str, Value] = dict(graph.constants)
        budget = 2**24 + 4 * sum(array.size for array in graph.constants.values())
        self.context = Context(note, budget, {size: name for name, size in sizes.items()}, graph.opset)
        for item in graph.inputs:
            self.values[item.name] = self._entering(item, sizes)

    def _entering(self, item: GraphInput, sizes: dict[str, int]) -> Flow:
        if len(item.sizes) > 5:
            raise BadInput(f"input {item.name}: must have at most 5 axes, not {len(item.sizes)}")
        grid = tuple(sizes[size] if isinstance(size, str) else size for size in item.sizes)
        whole = np.prod([float(size) for size in grid])
        if whole > MOST_ELEMENTS:
            raise BadInput(f"input {item.name}: must not hold {whole:.0f} numbers: export a smaller batch")
        of = Entry(item.name, item.integers)
        source = Source(self.context.stop, grid, 1, of, timed=False, integers=item.integers, entry=item.name)
        self.context.sources.append(source)
        return Flow(np.arange(source.start, source.stop).reshape(grid))

    def network(self, input_kind: InputKind) -> ImportedNetwork:
        for node in self.graph.nodes:
            given = [self._value(node, name) if name else None for name in node.inputs]
            with np.errstate(all="ignore"):  # what is not finite is refused where it becomes a weight
                results = _apply(self.context, node, given)
            self.values |= {name: value for name, value in zip(node.outputs, results, strict=False) if name}
        return outputs.network_of(self.context, self.values, self.graph.outputs, input_kind)

    def _value(self, node: Node, name: str) -> Value:
        if name not in self.values:
            raise node.refused(f"reads {name!r}, which nothing before it computes")
        return self.values[name]


@dataclass(frozen=True)
class _Entry:
    """What becomes of an operation's inputs, and the attributes that it may have. Other attributes are refused."""

    rule: Rule
    attributes: tuple[str, ...] = ()


_OF_ANY_LAYER = ("hidden_size", "direction", "layout", "activations", "activation_alpha", "activation_beta", "clip")
_REDUCTION = ("axes", "keepdims", "noop_with_empty_axes")
_WINDOW = ("kernel_shape", "strides", "pads", "dilations", "ceil_mode")
_LITERALS = ("value", "value_int", "value_ints", "value_float", "value_floats")

_RULES: dict[str, _Entry] = {
    "LSTM": _Entry(layers.recurrent, (*_OF_ANY_LAYER, "input_forget")),
    "GRU": _Entry(layers.recurrent, (*_OF_ANY_LAYER, "linear_before_reset")),
    "RNN": _Entry(layers.recurrent, _OF_ANY_LAYER),
    "com.microsoft.DynamicQuantizeLSTM": _Entry(quantized.dynamic_lstm, (*_OF_ANY_LAYER, "input_forget")),
    "Gather": _Entry(symbols.gather, ("axis",)),
    "OneHot": _Entry(symbols.one_hot, ("axis",)),
    "Equal": _Entry(elementwise(np.equal, 2, symbols.equal)),
    "TopK": _Entry(lengths.top_k, ("axis", "largest", "sorted")),
    "ScatterElements": _Entry(lengths.scatter_elements, ("axis",)),
    "GatherND": _Entry(lengths.gather_nd, ("batch_dims",)),
    "GatherElements": _Entry(lengths.gather_elements, ("axis",)),
    "MatMul": _Entry(dense.mat_mul),
    "Gemm": _Entry(dense.gemm, ("alpha", "beta", "transA", "transB")),
    "Add": _Entry(elementwise(np.add, 2, dense.add)),
    "Sub": _Entry(elementwise(np.subtract, 2, dense.subtract)),
    "Mul": _Entry(elementwise(np.multiply, 2, dense.multiply)),
    "Div": _Entry(elementwise(constants.divided, 2, dense.divide)),
    "Neg": _Entry(elementwise(np.negative, 1, dense.negate)),
    "Sqrt": _Entry(elementwise(np.sqrt, 1)),
    "Where": _Entry(elementwise(np.where, 3)),
    "Relu": _Entry(dense.activation("relu")),
    "Tanh": _Entry(dense.activation("tanh")),
    "Sigmoid": _Entry(dense.activation("sigmoid")),
    "Softmax": _Entry(dense.end, ("axis",)),
    "LogSoftmax": _Entry(dense.end, ("axis",)),
    "ArgMax": _Entry(dense.arg_max, ("axis", "keepdims", "select_last_index")),
    "ReduceMean": _Entry(pooling.reduction("mean"), _REDUCTION),
    "ReduceMax": _Entry(pooling.reduction("max"), _REDUCTION),
    "ReduceSum": _Entry(pooling.reduction("mean", summed=True), _REDUCTION),
    "ReduceProd": _Entry(constants.multiplied, _REDUCTION),
    "GlobalAveragePool": _Entry(pooling.over_the_last("mean")),
    "GlobalMaxPool": _Entry(pooling.over_the_last("max")),
    "AveragePool": _Entry(pooling.over_a_window("mean"), (*_WINDOW, "count_include_pad")),
    "MaxPool": _Entry(pooling.over_a_window("max"), (*_WINDOW, "storage_order")),
    "Identity": _Entry(moving(moves.unchanged)),
    "Dropout": _Entry(moving(moves.dropout, 3), ("ratio", "seed")),
    "Cast": _Entry(constants.cast, ("to", "saturate")),
    "Shape": _Entry(moves.shape, ("start", "end")),
    "Size": _Entry(moves.size),
    "Transpose": _Entry(moving(moves.transpose), ("perm",)),
    "Squeeze": _Entry(moving(moves.squeeze, 2), ("axes",)),
    "Unsqueeze": _Entry(moving(moves.unsqueeze, 2), ("axes",)),
    "Reshape": _Entry(moving(moves.reshape, 2), ("allowzero",)),
    "Flatten": _Entry(moving(moves.flatten), ("axis",)),
    "Slice": _Entry(moving(moves.slice_, 5), ("starts", "ends", "axes")),
    "Split": _Entry(moves.split, ("axis", "split", "num_outputs")),
    "Concat": _Entry(moves.concat, ("axis",)),
    "Expand": _Entry(moving(moves.expand, 2)),
    "Tile": _Entry(moving(moves.tile, 2)),
    "ConstantOfShape": _Entry(constants.filled, ("value",)),
    "Constant": _Entry(constants.literal, _LITERALS),
    "Range": _Entry(constants.counted),
    "DequantizeLinear": _Entry(quantized.dequantize, ("axis",)),
    "QuantizeLinear": _Entry(quantized.quantize, ("axis", "saturate")),
    "DynamicQuantizeLinear": _Entry(quantized.dynamic_quantize),
    "MatMulInteger": _Entry(quantized.mat_mul_integer),
    "QLinearMatMul": _Entry(quantized.q_linear_mat_mul),
    "com.microsoft.QLinearAdd": _Entry(quantized.q_linear_add),
}


_BEFORE = ": compute on the data what lies before the recurrent layers, and export from there on"
_WAYS = {
    "LayerNormalization": ": replace it by constants, or train without it",
    "BatchNormalization": ": fold it into the dense layer beside it",
    "Clip": ": bounds of a fixed point are chosen on import (--state-bits)",
    "Conv": _BEFORE,
    "STFT": _BEFORE,
    "CumSum": _BEFORE,
    "Einsum": ": attention is not computed here",
} | dict.fromkeys(
    ("Gelu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "HardSigmoid", "HardSwish", "Mish", "Softplus", "Softsign"),
    ": relu, tanh and sigmoid are",
)
"""What to do instead."""


def _apply(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Values of a node's outputs."""
    entry = _RULES.get(node.op)
    if entry is None:
        raise node.refused(f"this operation is not supported{_WAYS.get(node.op, '')}")
    for name in node.attributes:
        if name not in entry.attributes:
            raise node.refused(f"attribute {name} is not supported")
    try:
        results = entry.rule(context, node, given)
    except BadInput:
        raise
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError, AssertionError):
        shapes = (context.said(np.shape(value)) for value in given if isinstance(value, np.ndarray))
        raise node.refused(f"does not fit its inputs ({', '.join(shapes) or 'none of them constant'})") from None
    if any(isinstance(value, Flow) and value.ids.size > MOST_ELEMENTS for value in results):
        raise node.refused("makes a tensor that is too large to be followed: export a smaller batch")
    return results
