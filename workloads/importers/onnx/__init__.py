"""Models in ONNX: chains of LSTM, GRU and RNN, with an embedding before, a readout after, and glue between.

What a graph computes is read by following its data. Each tensor is one of three values: numbers that are known, data on
its way from input to output (`Flow`), or states after the last step that only leave the graph (`Carried`). A `Flow`
knows what each of its axes runs over, so that transposing, squeezing and reshaping are followed, and what would mix
steps with sequences is seen. Every operation that has no rule here is refused by its name and its node's.

Axes of no fixed size get one that no graph has, a prime; the graph is followed twice with different primes, and a
network that depends on them is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from archsim.errors import BadInput
from workloads.importers.network import FloatLayer, ImportedNetwork, InputKind, Note
from workloads.importers.onnx import constants, ends, glue, layers
from workloads.importers.onnx.file import GraphInput, Node, OnnxGraph, read_graph
from workloads.importers.onnx.flow import Axis, Carried, ConstantRule, Context, Flow, FlowRule, Given, Value, along

_PRIMES = ((1009, 1013, 1019, 1021, 1031), (2003, 2011, 2017, 2027, 2029))


def read_network(path: Path, output: str | None, input_kind: InputKind, note: Note) -> ImportedNetwork:
    """The network in a file; BadInput names what it has no rule for. `output`: the tensor that is the result."""
    graph = read_graph(path, output)
    network = _GraphReader(graph, note, _PRIMES[0]).network(input_kind)
    free = any(size is None for item in graph.inputs for size in item.sizes)
    if free and not _same(network, _GraphReader(graph, note, _PRIMES[1]).network(input_kind)):
        raise BadInput("the numbers of the network must not depend on how many steps or sequences it is given")
    return network


def _same(ours: object, theirs: object) -> bool:
    if isinstance(ours, ImportedNetwork | FloatLayer):
        return all(_same(getattr(ours, f.name), getattr(theirs, f.name)) for f in fields(ours))
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs  # type: ignore[arg-type]


class _GraphReader:
    """One pass over the nodes of a graph."""

    def __init__(self, graph: OnnxGraph, note: Note, primes: Sequence[int]) -> None:
        self.graph = graph
        self.values: dict[str, Value] = dict(graph.constants)
        self.context = Context(note, budget=2**24 + 4 * sum(array.size for array in graph.constants.values()))
        for item in graph.inputs:
            self.values[item.name] = _entering(item, primes)

    def network(self, input_kind: InputKind) -> ImportedNetwork:
        for node in self.graph.nodes:
            given = [self._value(node, name) if name else None for name in node.inputs]
            with np.errstate(all="ignore"):  # what is not finite is refused where it becomes a weight
                results = _apply(self.context, node, given)
            self.values |= {name: value for name, value in zip(node.outputs, results, strict=False) if name}
        flow = self._output()
        if flow.table is not None and input_kind == "one_hot":
            raise BadInput("input: one_hot does not go with an embedding")
        if flow.last and flow.weight is None:
            self.context.note(
                "the output is h of the last step, and there is no readout: the model has h of every step"
            )
        return ImportedNetwork(
            input="one_hot" if flow.one_hot else input_kind,
            layers=flow.layers,
            embedding=flow.table,
            readout_weight=flow.weight,
            readout_bias=flow.bias,
            when="last_step" if flow.last and flow.weight is not None else "every_step",
        )

    def _value(self, node: Node, name: str) -> Value:
        if name not in self.values:
            raise node.refused(f"reads {name!r}, which nothing before it computes")
        return self.values[name]

    def _output(self) -> Flow:
        """The output that the model returns; the other ones must be parts of it."""
        flows: dict[str, Flow] = {}
        parts: list[tuple[str, tuple[FloatLayer, ...]]] = []
        for name in self.graph.outputs:
            value = self.values.get(name)
            if isinstance(value, Carried):
                parts += [(name, layers) for layers in value.layers]
            elif isinstance(value, Flow) and value.layers:
                flows[name] = value
            else:
                raise BadInput(f"output {name!r} must be computed by recurrent layers")
        chosen = max(flows, key=lambda name: flows[name].rank, default="")
        if not chosen or flows[chosen].what == "c":
            raise BadInput("no output is that of a readout, or h: name a tensor with --output")
        top = flows.pop(chosen)
        for name, chain in [*((name, flow.layers) for name, flow in flows.items()), *parts]:
            if top.layers[: len(chain)] != chain or (name in flows and flows[name].rank == top.rank):
                raise BadInput(f"outputs {chosen!r} and {name!r} are of different networks: choose with --output")
        for name, flow in flows.items():
            if flow.what == "h" and not flow.last:
                self.context.note(
                    f"output {name!r} is h of recurrent layer {len(flow.layers)}, which the model has beside"
                )
        return top


def _entering(item: GraphInput, primes: Sequence[int]) -> Flow:
    if len(item.sizes) > len(primes):
        raise BadInput(f"input {item.name}: must have at most {len(primes)} axes, not {len(item.sizes)}")
    axes = tuple(
        along(Axis(f"{item.name}[{k}]", size or prime, free=size is None))
        for k, (size, prime) in enumerate(zip(item.sizes, primes, strict=False))
    )
    return Flow(axes, "symbols" if item.integers else "features")


@dataclass(frozen=True)
class _Rule:
    """What becomes of an operation's inputs: of numbers alone, and of data on its way. Other attributes are refused."""

    constants: ConstantRule | None = None
    flow: FlowRule | None = None
    attributes: tuple[str, ...] = ()


_OF_ANY_LAYER = ("hidden_size", "direction", "layout", "activations", "activation_alpha", "activation_beta", "clip")

_RULES: dict[str, _Rule] = {
    "LSTM": _Rule(None, layers.recurrent, (*_OF_ANY_LAYER, "input_forget")),
    "GRU": _Rule(None, layers.recurrent, (*_OF_ANY_LAYER, "linear_before_reset")),
    "RNN": _Rule(None, layers.recurrent, _OF_ANY_LAYER),
    "Gather": _Rule(constants.gather, ends.gather, ("axis",)),
    "OneHot": _Rule(None, ends.one_hot, ("axis",)),
    "Equal": _Rule(constants.elementwise(np.equal, 2), ends.equal),
    "MatMul": _Rule(None, ends.mat_mul),
    "Gemm": _Rule(None, ends.gemm, ("alpha", "beta", "transA", "transB")),
    "Add": _Rule(constants.elementwise(np.add, 2), ends.add),
    "Mul": _Rule(constants.elementwise(np.multiply, 2)),
    "Where": _Rule(constants.elementwise(np.where, 3)),
    "Identity": _Rule(constants.unchanged, glue.on_flow(glue.unchanged)),
    "Dropout": _Rule(None, glue.on_flow(glue.dropout, 3), ("ratio", "seed")),
    "Cast": _Rule(constants.cast, glue.on_flow(glue.cast), ("to", "saturate")),
    "Shape": _Rule(constants.shape, glue.on_flow(glue.shape), ("start", "end")),
    "Transpose": _Rule(constants.transpose, glue.on_flow(glue.transpose), ("perm",)),
    "Squeeze": _Rule(constants.squeeze, glue.on_flow(glue.squeeze, 2), ("axes",)),
    "Unsqueeze": _Rule(constants.unsqueeze, glue.on_flow(glue.unsqueeze, 2), ("axes",)),
    "Reshape": _Rule(constants.reshape, glue.on_flow(glue.reshape, 2), ("allowzero",)),
    "Flatten": _Rule(None, glue.on_flow(glue.flatten), ("axis",)),
    "Slice": _Rule(constants.slice_, glue.on_flow(glue.slice_, 5), ("starts", "ends", "axes")),
    "Concat": _Rule(constants.concat, glue.concat, ("axis",)),
    "Expand": _Rule(constants.expand, glue.on_flow(glue.expand, 2)),
    "ConstantOfShape": _Rule(constants.filled, None, ("value",)),
    "Constant": _Rule(constants.literal, None, ("value", "value_int", "value_ints", "value_float", "value_floats")),
}


def _apply(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Values of a node's outputs."""
    rule = _RULES.get(node.op)
    if rule is None:
        raise node.refused("this operation is not supported")
    for name in node.attributes:
        if name not in rule.attributes:
            raise node.refused(f"attribute {name} is not supported")
    if any(isinstance(value, Carried) for value in given):
        return _passing_on(node, given)
    if any(isinstance(value, Flow) for value in given):
        if rule.flow is None:
            raise node.refused("is not supported on the way from the input to the output")
        return rule.flow(context, node, given)
    if rule.constants is None:
        raise node.refused("is not supported on numbers that do not depend on the input")
    try:
        return [rule.constants(context, node, given)]
    except BadInput:
        raise
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError) as error:
        raise node.refused(f"does not fit its inputs ({error})") from None


_STACKING = ("Concat", "Squeeze", "Unsqueeze", "Identity", "Transpose", "Reshape", "Slice", "Gather", "Cast")


def _passing_on(node: Node, given: Given) -> Sequence[Value]:
    """States after the last step may be stacked and cut, nothing more."""
    chains: list[tuple[FloatLayer, ...]] = []
    for value in given:
        if isinstance(value, Carried):
            chains += value.layers
        elif isinstance(value, Flow):
            if node.op not in _STACKING or not (value.last or value.what == "c"):
                raise node.refused("joins states after the last step with something else")
            chains.append(value.layers)
    if node.op not in _STACKING:
        raise node.refused("computes with stacked states after the last step")
    return [Carried(tuple(dict.fromkeys(chains)))] * len(node.outputs)
