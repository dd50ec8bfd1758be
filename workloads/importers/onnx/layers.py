"""LSTM, GRU and RNN of ONNX (onnx/defs/rnn/defs.cc, opsets 7 to 22), as layers of ours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workloads.importers.network import Float32s, FloatLayer, StoredCodes, make_layer
from workloads.importers.onnx.context import Context, Reading, numbers_of
from workloads.importers.onnx.dense import note_folded
from workloads.importers.onnx.file import Array, Node
from workloads.importers.onnx.flow import Flow, Given, Ids, Reads, Source, Stored, Value, Weights, padded
from workloads.importers.onnx.lengths import check_lengths
from workloads.importers.onnx.operations import CellState, Final, Recurrence

_GATES: dict[str, tuple[int, ...]] = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where each gate of ours lies among ONNX's: i o f c, z r h."""
_ACTIVATIONS = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
"""Which of a node's directions read their sequence from its end."""


@dataclass(frozen=True)
class _Shape:
    """Sizes of a node."""

    op: str
    directions: tuple[bool, ...]
    cells: list[str]
    layout: int
    hidden: int
    steps: int
    sequences: int
    flipped: bool = False
    """X runs from the last step to the first."""

    @property
    def rows(self) -> int:
        return len(_GATES[self.op]) * self.hidden


@dataclass(frozen=True, eq=False)
class _Numbers:
    """What a node holds, over all of its directions."""

    input_weight: Weights
    recurrent_weight: Weights
    biases: list[list[Float32s]] | None
    initial: Float32s | None
    peepholes: Float32s | None


def recurrent(context: Context, node: Node, given: Given) -> Sequence[Value]:
    """Flows Y, Y_h and Y_c of LSTM, GRU or RNN."""
    x, w, r, b, lengths, *rest = padded(node, given, 8 if node.op == "LSTM" else 6)
    if not isinstance(x, Flow) or len(x.shape) != 3:
        raise node.refused("X must depend on the input, and have three axes: steps, sequences and elements")
    recurrent_weight, input_weight = _weights(node, "R", r), _weights(node, "W", w)
    shape = _shape(node, x, recurrent_weight.shape[2])
    _check_weights(context, node, shape, input_weight, recurrent_weight, x.shape[2])
    unequal = _unequal(context, node, x, lengths, shape.steps)
    reading = context.read(node, x if shape.layout == 0 else x.moved(lambda array: array.swapaxes(0, 1)))
    if reading.positions[0, 0] > reading.positions[-1, 0] and not unequal and len(shape.directions) == 1:
        reading = replace(reading, positions=reading.positions[::-1])
        shape = replace(shape, flipped=True, directions=(not shape.directions[0],))
    _check_positions(node, reading, shape.steps, shape.sequences)
    note_folded(context, node, reading.reads.bent)
    if shape.steps == 1:
        context.note("the graph is of one step; the model takes any number of them")
    numbers = _Numbers(
        input_weight,
        recurrent_weight,
        _biases(context, node, shape, b),
        _initial_states(context, node, rest, shape),
        _peepholes(context, node, rest, shape),
    )
    layers = (_layer(context, node, shape, numbers, reading.reads, k) for k in range(len(shape.directions)))
    made = [_sources(context, node, shape, Recurrence(node, layer, reading.reads, unequal)) for layer in layers]
    return _outputs(shape, made, x.by_length)


def _shape(node: Node, x: Flow, hidden: int) -> _Shape:
    layout = node.integer("layout", 0)
    if layout not in (0, 1):
        raise node.refused(f"layout must be 0 or 1, not {layout}")
    steps, sequences = x.shape[:2] if layout == 0 else x.shape[1::-1]
    return _Shape(node.op, _directions(node), _cells(node), layout, hidden, steps, sequences)


def _layer(context: Context, node: Node, shape: _Shape, numbers: _Numbers, reads: Reads, direction: int) -> FloatLayer:
    input_bias, recurrent_bias = (None, None) if numbers.biases is None else numbers.biases[direction]
    plain = make_layer(
        shape.cells[direction],
        _rows(context, node, "W", numbers.input_weight, direction),
        _rows(context, node, "R", numbers.recurrent_weight, direction),
        input_bias,
        recurrent_bias,
        None if numbers.initial is None else numbers.initial[:, direction],
    )
    peepholes = None if numbers.peepholes is None else numbers.peepholes[direction]
    return replace(
        _fed(plain, reads),
        cell=plain.cell if peepholes is None else "lstm-peephole",
        peepholes=peepholes,
        source=node.name,
        reverse=shape.directions[direction],
        input_codes=_codes(node.op, numbers.input_weight, direction) if reads.plain else None,
        recurrent_codes=_codes(node.op, numbers.recurrent_weight, direction),
    )


def _unequal(context: Context, node: Node, x: Flow, lengths: Value | None, steps: int) -> bool:
    """Whether sequences end at lengths of their own, as they then must in the layer below too."""
    unequal = check_lengths(context, node, lengths, steps)
    if isinstance(lengths, Flow) and lengths.by_length != x.by_length:
        raise node.refused("X and sequence_lens must lie in the same order of sequences")
    below = [of for of in (source.of for source in context.found(x.ids)[1]) if isinstance(of, Recurrence)]
    if any(of.unequal != unequal for of in below):
        raise node.refused("must be given sequence_lens if the layer below it is, and else not")
    return unequal


def _directions(node: Node) -> tuple[bool, ...]:
    direction = node.text("direction", "forward")
    if direction not in _DIRECTIONS:
        raise node.refused(f"direction must be one of {', '.join(_DIRECTIONS)}, not {direction}")
    return _DIRECTIONS[direction]


def _cells(node: Node) -> list[str]:
    """Our name of the cell of each direction; BadInput names the attribute that asks for another."""
    for name in ("clip", "activation_alpha", "activation_beta"):
        given = node.attributes.get(name, ())
        if isinstance(given, np.ndarray) or given != ():
            raise node.refused(f"attribute {name} is not supported")
    if node.integer("input_forget", 0):
        raise node.refused("attribute input_forget is not supported")
    default, count = _ACTIVATIONS[node.op], len(_directions(node))
    named = tuple(name.lower() for name in node.texts("activations") or default * count)
    if len(named) != len(default) * count:
        raise node.refused(f"activations must be {len(default) * count}, not {len(named)}")
    return [_cell(node, named[k : k + len(default)]) for k in range(0, len(named), len(default))]


def _cell(node: Node, activations: tuple[str, ...]) -> str:
    if node.op == "RNN" and activations == ("relu",):
        return "rnn-relu"
    if activations != _ACTIVATIONS[node.op]:
        raise node.refused(f"activations must be {', '.join(_ACTIVATIONS[node.op])}, not {', '.join(activations)}")
    if node.op == "GRU":
        return "gru" if node.integer("linear_before_reset", 0) else "gru-classic"
    return {"LSTM": "lstm", "RNN": "rnn-tanh"}[node.op]


def _weights(node: Node, what: str, value: Value | None) -> Weights:
    if not isinstance(value, np.ndarray | Stored) or len(value.shape) != 3:
        raise node.refused(f"{what} must be 3-dimensional and constant")
    return value


def _check_weights(context: Context, node: Node, shape: _Shape, w: Weights, r: Weights, elements: int) -> None:
    hidden, inputs, count = shape.hidden, w.shape[2], len(shape.directions)
    _check_shape(context, node, "R", r.shape, (count, shape.rows, hidden))
    _check_shape(context, node, "W", w.shape, (count, shape.rows, inputs))
    if not hidden or not inputs or node.integer("hidden_size", hidden) != hidden:
        raise node.refused(f"hidden_size must be {hidden}, as R has columns, not {node.attributes.get('hidden_size')}")
    if elements != inputs:
        raise node.refused(f"X must have {inputs} elements, as W has columns, not {context.named(elements)}")


def _check_shape(context: Context, node: Node, what: str, given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if given != wanted:
        raise node.refused(f"{what} must be of shape {context.said(wanted)}, not {context.said(given)}")


def _check_positions(node: Node, reading: Reading, steps: int, sequences: int) -> None:
    """X must run over all steps and sequences of what it reads, in their order, and over nothing else."""
    places = np.unravel_index(reading.positions, reading.grid) if reading.grid else ()
    along = {
        "steps": np.broadcast_to(np.arange(steps)[:, None], (steps, sequences)),
        "sequences": np.broadcast_to(np.arange(sequences), (steps, sequences)),
    }
    sizes = {"steps": steps, "sequences": sequences}
    runs = [name for name, size in sizes.items() if size > 1]
    found = []
    for size, place in zip(reading.grid, places, strict=True):
        if size > 1:
            fits = [name for name in runs if size == sizes[name] and np.array_equal(place, along[name])]
            if not fits:
                raise node.refused("X must run over all steps and all sequences of what it reads, in order")
            found += fits
    if sorted(found) != sorted(runs) or (reading.timed and found != runs):
        raise node.refused("X must have the steps and the sequences of the layer before it, in the same places")


def _rows(context: Context, node: Node, what: str, weights: Weights, direction: int) -> Float32s:
    """Rows of one direction in the order of our gates."""
    numbers = weights.numbers if isinstance(weights, Stored) else weights
    return _ordered(node.op, numbers_of(context, node, what, numbers[direction]))


def _ordered(op: str, rows: Array) -> Array:
    order = list(_GATES[op])
    parts = rows.reshape(len(order), -1, *rows.shape[1:])
    return parts[order].reshape(rows.shape)


def _codes(op: str, weights: Weights, direction: int) -> StoredCodes | None:
    """The integers that a direction's weights are stored as, if each row has one scale."""
    if not isinstance(weights, Stored):
        return None
    return weights.moved(lambda array: _ordered(op, array[direction])).by_row


def _fed(layer: FloatLayer, reads: Reads) -> FloatLayer:
    """The layer with its input matrix as one of what it reads."""
    matrix, added = reads.folded(layer.input_weight)
    if matrix is layer.input_weight:
        return layer
    return replace(layer, input_weight=matrix, bias=layer.bias + added)


def _biases(context: Context, node: Node, shape: _Shape, value: Value | None) -> list[list[Float32s]] | None:
    """For each direction the biases of its two products."""
    if value is None:
        return None
    if isinstance(value, Stored):
        value = value.numbers
    if not isinstance(value, np.ndarray) or value.ndim != 2:
        raise node.refused("B must be 2-dimensional and constant")
    _check_shape(context, node, "B", value.shape, (len(shape.directions), 2 * shape.rows))
    numbers = numbers_of(context, node, "B", value)
    return [[_ordered(node.op, half) for half in np.split(row, 2)] for row in numbers]


def _initial_states(context: Context, node: Node, rest: Given, shape: _Shape) -> Float32s | None:
    """``(states, directions, H)`` from initial_h and initial_c, which must be equal over the sequences."""
    names = ("initial_h", "initial_c") if node.op == "LSTM" else ("initial_h",)
    states = np.zeros((len(names), len(shape.directions), shape.hidden), np.float32)
    for row, name, value in zip(states, names, rest, strict=False):
        if value is not None:
            row[:] = _initial_state(context, node, name, value, shape)
    return states if states.any() else None


def _initial_state(context: Context, node: Node, name: str, value: Value, shape: _Shape) -> Float32s | float:
    if isinstance(value, Flow):
        inputs = context.used(value, "state")
        if inputs is None:
            raise node.refused(f"{name} must be constant, or an input of the graph that is nothing else")
        context.note(f"input {inputs} is the state at the start, which a model keeps itself: it is taken as zeros")
    elif not isinstance(value, np.ndarray):
        raise node.refused(f"{name} must be constant, or an input of the graph that is nothing else")
    count, batch = len(shape.directions), shape.sequences
    sizes = tuple(value.shape)
    wanted = (count, batch, shape.hidden) if shape.layout == 0 else (batch, count, shape.hidden)
    axis = 1 - shape.layout
    if len(sizes) != 3 or sizes[:axis] + sizes[axis + 1 :] != wanted[:axis] + wanted[axis + 1 :]:
        lost = len(sizes) == 3 and name == "initial_c" and sizes[2] > shape.hidden
        way = " (an exporter that loses proj_size writes this: import the state dict)" if lost else ""
        raise node.refused(f"{name} must be of shape {context.said(wanted)}, not {context.said(sizes)}{way}")
    if isinstance(value, Flow):
        return 0.0
    each = np.moveaxis(value, axis, 0)
    if not np.array_equal(each, np.broadcast_to(each[:1], each.shape)):
        raise node.refused(f"{name} must be equal over the sequences")
    return numbers_of(context, node, name, each[0])


def _peepholes(context: Context, node: Node, rest: Given, shape: _Shape) -> Float32s | None:
    """``(directions, 3, H)`` of i, f and o, which lie i, o, f."""
    value = rest[2] if len(rest) == 3 else None
    if value is None:
        return None
    if not isinstance(value, np.ndarray) or value.ndim != 2:
        raise node.refused("P must be 2-dimensional and constant")
    count = len(shape.directions)
    _check_shape(context, node, "P", value.shape, (count, 3 * shape.hidden))
    numbers = numbers_of(context, node, "P", value).reshape(count, 3, shape.hidden)[:, [0, 2, 1]]
    return numbers if numbers.any() else None


_Made = tuple[Source, Ids, Ids]
"""h at every step, and ids ``(sequences, units)`` of h and c after the last one."""


def _sources(context: Context, node: Node, shape: _Shape, of: Recurrence) -> _Made:
    end, places = (1, shape.sequences), np.arange(shape.sequences)
    reverse = of.layer.reverse
    h = context.source(node, (shape.steps, shape.sequences), shape.hidden, of, True, False, reverse)
    c = context.source(node, end, shape.hidden, CellState(node, h), timed=True)
    if of.unequal:
        return h, context.source(node, end, shape.hidden, Final(h), True, False, reverse).at(places), c.at(places)
    last = 0 if reverse else shape.steps - 1
    return h, h.at(last * shape.sequences + places), c.at(places)


def _outputs(shape: _Shape, made: list[_Made], by_length: bool) -> Sequence[Value]:
    positions = np.arange(shape.steps * shape.sequences).reshape(shape.steps, shape.sequences)
    positions = positions[::-1] if shape.flipped else positions
    every = np.stack([h.at(positions) for h, _, _ in made])  # (directions, steps, sequences, units)
    ends = [
        np.stack(ids) for ids in ([h for _, h, _ in made], [c for _, _, c in made])
    ]  # (directions, sequences, units)
    if shape.layout == 0:
        arrays = [every.swapaxes(0, 1), *ends]
    else:
        arrays = [every.transpose(2, 1, 0, 3), *(end.swapaxes(0, 1) for end in ends)]
    return [Flow(array, by_length=by_length) for array in arrays]
