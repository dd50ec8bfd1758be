"""LSTM, GRU and RNN of ONNX (onnx/defs/rnn/defs.cc, opsets 7 to 22), as layers of ours."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.network import Float32s, make_layer
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Axis, Context, Flow, Given, Value, along, numbers_of, padded

_GATES: dict[str, tuple[int, ...]] = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where each gate of ours lies among ONNX's: i o f c, z r h."""
_ACTIVATIONS = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}


def recurrent(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Flows Y, Y_h and Y_c of LSTM, GRU or RNN (onnx/defs/rnn/defs.cc, opsets 7 to 22)."""
    x, w, r, b, lengths, *rest = padded(node, given, 8 if node.op == "LSTM" else 6)
    cell, layout = _cell(node), node.integer("layout", 0)
    if layout not in (0, 1):
        raise node.refused(f"layout must be 0 or 1, not {layout}")
    if not isinstance(x, Flow):
        raise node.refused("X must depend on the input")
    input_weight, recurrent_weight = _constant(node, "W", w, 3), _constant(node, "R", r, 3)
    gates, hidden, inputs = len(_GATES[node.op]), recurrent_weight.shape[2], input_weight.shape[2]
    _check_shape(node, "R", recurrent_weight, (1, gates * hidden, hidden))
    _check_shape(node, "W", input_weight, (1, gates * hidden, inputs))
    if not hidden or not inputs or node.integer("hidden_size", hidden) != hidden:
        raise node.refused(f"hidden_size must be {hidden}, as R has columns, not {node.attributes.get('hidden_size')}")
    steps, sequences = _steps_and_sequences(node, x, layout, inputs)
    _check_lengths(node, lengths, steps)

    def rows(array: Array, what: str) -> Float32s:
        numbers = numbers_of(context, node, what, array)
        return numbers.reshape(gates, hidden, -1)[list(_GATES[node.op])].reshape(gates * hidden, -1)

    input_bias = recurrent_bias = None
    if b is not None:
        both = _constant(node, "B", b, 2)
        _check_shape(node, "B", both, (1, 2 * gates * hidden))
        input_bias, recurrent_bias = (rows(half, "B")[:, 0] for half in np.split(both[0], 2))
    initial = _initial_state(context, node, rest, layout, hidden, sequences)
    if len(rest) == 3 and rest[2] is not None and not (isinstance(rest[2], np.ndarray) and not rest[2].any()):
        raise node.refused("peepholes (input P) are not supported")
    if not steps:
        context.note("the graph is of one step; the model takes any number of them")
    weights = rows(input_weight[0], "W"), rows(recurrent_weight[0], "R")
    layer = make_layer(cell, *weights, input_bias, recurrent_bias, initial)
    units = along(Axis(f"units of {node.name}", hidden))
    after = replace(
        x, what="h", layers=(*x.layers, layer), steps=steps, sequences=sequences, elements=units, axes=()
    )  # fmt: skip
    whole, end = (
        ((steps, (), sequences, units), ((), sequences, units))
        if layout == 0
        else ((sequences, steps, (), units), (sequences, (), units))
    )
    last = replace(after, axes=end, last=True)
    return [replace(after, axes=whole), last, replace(last, what="c")]


def _cell(node: Node) -> str:
    """Our name of a node's cell; BadInput names the attribute that asks for another."""
    direction = node.text("direction", "forward")
    if direction != "forward":
        raise node.refused(f"direction must be forward, not {direction}")
    for name in ("clip", "activation_alpha", "activation_beta"):
        given = node.attributes.get(name, ())
        if isinstance(given, np.ndarray) or given != ():
            raise node.refused(f"attribute {name} is not supported")
    if node.integer("input_forget", 0):
        raise node.refused("attribute input_forget is not supported")
    activations = tuple(name.lower() for name in node.texts("activations") or _ACTIVATIONS[node.op])
    if node.op == "RNN" and activations == ("relu",):
        return "rnn-relu"
    if activations != _ACTIVATIONS[node.op]:
        raise node.refused(f"activations must be {', '.join(_ACTIVATIONS[node.op])}, not {', '.join(activations)}")
    if node.op == "GRU":
        return "gru" if node.integer("linear_before_reset", 0) else "gru-classic"
    return {"LSTM": "lstm", "RNN": "rnn-tanh"}[node.op]


def _constant(node: Node, what: str, value: Value | None, rank: int) -> Array:
    if not isinstance(value, np.ndarray) or value.ndim != rank:
        raise node.refused(f"{what} must be {rank}-dimensional and constant")
    return value


def _check_shape(node: Node, what: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise node.refused(f"{what} must be of shape {shape}, not {array.shape}")


def _steps_and_sequences(node: Node, x: Flow, layout: int, inputs: int) -> tuple[tuple[Axis, ...], tuple[Axis, ...]]:
    """What the first two axes of X run over; BadInput where they are not those of the layer before."""
    if len(x.axes) != 3 or any(len(axes) > 1 for axes in x.axes):
        raise node.refused("X must have three axes: steps, sequences and elements")
    steps, sequences = x.axes[:2] if layout == 0 else x.axes[1::-1]
    elements = x.axes[2]
    if x.layers and (x.what != "h" or x.last or (steps, sequences, elements) != (x.steps, x.sequences, x.elements)):
        raise node.refused("X must be h of the layer before, over the same steps and sequences")
    if x.what in ("one_hot", "embedded") and elements != x.elements:
        raise node.refused("the last axis of X must be that of the embedding")
    if not any(axis.free for axis in elements) and math.prod(axis.size for axis in elements) != inputs:
        raise node.refused(f"X must have {inputs} elements, as W has columns, not {x.shape[2]}")
    return steps, sequences


def _check_lengths(node: Node, lengths: Value | None, steps: tuple[Axis, ...]) -> None:
    """Lengths that are the number of steps say nothing; others are not a model's but its input's."""
    full = math.prod(axis.size for axis in steps)
    if lengths is not None and not (isinstance(lengths, np.ndarray) and np.all(lengths == full)):
        raise node.refused("sequence_lens is not supported")


def _initial_state(
    context: Context, node: Node, rest: Given, layout: int, hidden: int, sequences: tuple[Axis, ...]
) -> Float32s | None:
    """``(states, H)`` from initial_h and initial_c ``(1, B, H)``, which must be equal over the sequences."""
    names = ("initial_h", "initial_c") if node.op == "LSTM" else ("initial_h",)
    if all(value is None for value in rest[: len(names)]):
        return None
    batch = math.prod(axis.size for axis in sequences)
    rows = np.zeros((len(names), hidden), np.float32)
    for row, name, value in zip(rows, names, rest, strict=False):
        if value is None:
            continue
        state = _constant(node, name, value, 3)
        _check_shape(node, name, state, (1, batch, hidden) if layout == 0 else (batch, 1, hidden))
        each = state.reshape(batch, hidden)
        if not np.array_equal(each, np.broadcast_to(each[:1], each.shape)):
            raise node.refused(f"{name} must be equal over the sequences")
        row[:] = numbers_of(context, node, name, each[0])
    return rows
