"""LSTM, GRU and SimpleRNN of Keras, RNN of their cells, and Bidirectional.

Keras keeps a matrix transposed, ``(inputs, gates * units)``; gates lie i f c o in an LSTM and z r h in a GRU, whose z
keeps h as ours does: ``h' = z h + (1 - z) n``. Equations: keras/src/layers/rnn/lstm.py, gru.py and simple_rnn.py.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workloads.importers.keras.chain import Item
from workloads.importers.keras.file import Part
from workloads.importers.keras.flow import Context, Flow, Reading, check_policy, shaped
from workloads.importers.network import Float32s, FloatLayer, make_layer

_ORDERS = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "SimpleRNN": (0,)}
"""Where each gate of ours lies among Keras': i f c o, z r h."""


def recurrent(context: Context, item: Item, flow: Flow) -> Flow:
    """LSTM, GRU, SimpleRNN, and RNN of their cells."""
    _check_sequence(item, flow)
    backwards = flow.backwards != item.flag("go_backwards", False)
    cells = _cells(item)
    arrays = context.read(item, [Part(path, _names(cell)) for path, cell in cells])
    layers: list[FloatLayer] = []
    width = flow.width
    for (_, cell), given in zip(cells, arrays, strict=True):
        below = replace(flow, width=width, reading=None if layers else flow.reading)
        layers.append(replace(_layer(context, cell, given, below), reverse=backwards))
        width = layers[-1].outputs
    after = replace(flow, width=width, reading=None, layers=(*flow.layers, *layers), backwards=backwards)
    if item.result > 1 or (item.result and len(cells) > 1):
        raise item.refused(f"its output {item.result} is c, or a state of an inner cell: only h goes on")
    _check_state(context, item)
    return replace(after, steps=item.flag("return_sequences", False) and not item.result)


def _check_sequence(item: Item, flow: Flow) -> None:
    if flow.symbols:
        raise item.refused("must read vectors: an Embedding goes before it")
    if not flow.steps:
        raise item.refused(
            "must read a sequence: the layer before it gives one vector (return_sequences=False, or pooling)"
        )
    if flow.head:
        raise item.refused(
            "a Dense layer between two recurrent ones is not supported: leave it out, each has a matrix of its own"
        )


def _check_state(context: Context, item: Item) -> None:
    if item.flag("stateful", False):
        context.note(
            f"layer {item.name!r} is stateful: Keras carries its state from batch to batch; here a sequence starts "
            "from zeros"
        )
    if item.config.get("time_major", False) is not False:
        raise item.refused("time_major is not supported: the first axis must be that of sequences")


def _cells(item: Item) -> list[tuple[tuple[str, ...], Item]]:
    """The cells of a layer in the order that they are stacked in, each with where it lies in the layer."""
    if item.kind in _ORDERS:
        return [(("cell",), item)]
    if item.kind != "RNN":
        raise item.refused("must wrap LSTM, GRU, SimpleRNN or RNN")
    cell = item.inner("cell")
    if cell.kind != "StackedRNNCells":
        return [(("cell",), _plain(cell))]
    stacked = cell.config.get("cells")
    if not isinstance(stacked, list) or not stacked:
        raise cell.refused("must hold a list of cells")
    wrapped = [_plain(replace(cell, config={"cell": raw}).inner("cell")) for raw in stacked]
    return [(("cell", "cells", place), inner) for place, inner in zip(_numbered(wrapped), wrapped, strict=True)]


_CELLS = {
    "LSTMCell": ("LSTM", "lstm_cell"),
    "GRUCell": ("GRU", "gru_cell"),
    "SimpleRNNCell": ("SimpleRNN", "simple_rnn_cell"),
}


def _plain(cell: Item) -> Item:
    """A cell as the layer that has it."""
    if cell.kind not in _CELLS:
        raise cell.refused(f"a cell must be one of {', '.join(_CELLS)}")
    return replace(cell, kind=_CELLS[cell.kind][0])


def _numbered(cells: Sequence[Item]) -> list[str]:
    kinds = dict(_CELLS.values())
    before = [sum(other.kind == cell.kind for other in cells[:k]) for k, cell in enumerate(cells)]
    return [f"{kinds[c.kind]}_{n}" if n else kinds[c.kind] for c, n in zip(cells, before, strict=True)]


def _names(cell: Item) -> tuple[str, ...]:
    return ("kernel", "recurrent_kernel", "bias") if cell.flag("use_bias", True) else ("kernel", "recurrent_kernel")


def _layer(context: Context, cell: Item, arrays: Sequence[Float32s], flow: Flow) -> FloatLayer:
    check_policy(context, cell)
    name, units, gates = _cell_name(cell), cell.size("units"), len(_ORDERS[cell.kind])
    shaped(cell, "kernel", arrays[0], (flow.width, gates * units))
    shaped(cell, "recurrent_kernel", arrays[1], (units, gates * units))

    def rows(array: Float32s) -> Float32s:
        parts = array.T.reshape(gates, units, -1)[list(_ORDERS[cell.kind])]
        return np.ascontiguousarray(parts.reshape(gates * units, -1))

    biases: list[Float32s] = []
    if len(arrays) == 3:
        both = name == "gru"
        shaped(cell, "bias", arrays[2], (2, gates * units) if both else (gates * units,))
        biases = [rows(bias[None])[:, 0] for bias in (arrays[2] if both else arrays[2:])]
    layer = make_layer(name, rows(arrays[0]), rows(arrays[1]), *biases, *[None] * (2 - len(biases)))
    weight, bias = context.taken_in(cell, flow, layer.input_weight, layer.bias)
    return replace(layer, input_weight=weight, bias=bias, source=cell.name)


def _cell_name(cell: Item) -> str:
    """Our name of a cell; BadInput names what asks for another."""
    if cell.kind == "SimpleRNN":
        return f"rnn-{cell.choice('activation', ('tanh', 'relu'), 'tanh')}"
    cell.choice("activation", ("tanh",), "tanh")
    cell.choice("recurrent_activation", ("sigmoid",), "sigmoid")
    if cell.kind == "LSTM":
        return "lstm"
    return "gru" if cell.flag("reset_after") else "gru-classic"


def bidirectional(context: Context, item: Item, flow: Flow) -> Flow:
    _check_sequence(item, flow)
    if flow.backwards:
        raise item.refused("above a layer that goes backwards is not supported")
    merge = item.choice("merge_mode", ("concat", "sum", "ave"), "concat")
    ahead = item.inner("layer")
    back = (
        item.inner("backward_layer")
        if item.config.get("backward_layer") is not None
        else replace(ahead, config={**ahead.config, "go_backwards": not ahead.flag("go_backwards", False)})
    )
    if ahead.flag("go_backwards", False) or not back.flag("go_backwards", False):
        raise item.refused("its layer must go forwards and its backward_layer backwards")
    if ahead.flag("return_sequences", False) != back.flag("return_sequences", False):
        raise item.refused("both directions must return sequences, or neither")
    cells = [_cells(direction) for direction in (ahead, back)]
    if any(len(stack) > 1 for stack in cells):
        raise item.refused("stacked cells within it are not supported: stack Bidirectional layers")
    ((ahead_path, ahead_cell),), ((back_path, back_cell),) = cells
    parts = [
        Part(("forward_layer", *ahead_path), _names(ahead_cell)),
        Part(("backward_layer", *back_path), _names(back_cell)),
    ]
    _check_state(context, ahead)
    of_ahead, of_back = context.read(item, parts)
    first = _layer(context, ahead_cell, of_ahead, flow)
    below = replace(flow, width=len(of_ahead[0]))
    second = replace(_layer(context, back_cell, of_back, below), reverse=True, beside=True)
    both = replace(flow, layers=(*flow.layers, first, second), steps=ahead.flag("return_sequences", False))
    return _merged(item, both, merge)


def _merged(item: Item, flow: Flow, how: str) -> Flow:
    """Both directions side by side, or read as their sum or mean."""
    ahead, back = (layer.outputs for layer in flow.layers[-2:])
    if how == "concat":
        return replace(flow, width=ahead + back, reading=None)
    if ahead != back:
        raise item.refused(f"merge_mode {how} needs as many units in both directions, not {ahead} and {back}")
    scale = np.full(ahead, 1.0 if how == "sum" else 0.5, np.float32)
    return replace(flow, width=ahead, reading=Reading(scale, np.zeros(ahead, np.float32), directions=2))
