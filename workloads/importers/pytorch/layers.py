"""Recurrent layers of a state dict: directions, projections, biases, and what their sequences start from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from archsim.errors import BadInput
from workloads import cells
from workloads.importers.network import Activation, Float32s, FloatLayer, Note, StoredCodes, as_float32, make_layer
from workloads.importers.pytorch.choices import Choices
from workloads.importers.pytorch.names import Key, Tensors, dotted, listed, shown


@dataclass(frozen=True)
class Recurrent:
    """The recurrent layers of a state dict, and what they are made of."""

    layers: tuple[FloatLayer, ...]
    made_of: tuple[dict[str, str], ...]
    """Names of each layer's tensors, by what they are."""
    starts: tuple[str, ...]
    """Names of learned initial states."""

    @property
    def used(self) -> frozenset[str]:
        """Names of all of these tensors."""
        return frozenset([*(name for names in self.made_of for name in names.values()), *self.starts])

    @property
    def tensor_names(self) -> dict[str, str]:
        """Of matrices, by their roles in `ImportedNetwork.matrices`."""
        roles = {"weight_ih": "W_x", "weight_hh": "W_h", "weight_hr": "W_hr"}
        return {
            f"{role} {k}": names[what]
            for k, names in enumerate(self.made_of, start=1)
            for what, role in roles.items()
            if what in names
        }


def recurrent_layers(tensors: Tensors, codes: Mapping[str, StoredCodes], choices: Choices, note: Note) -> Recurrent:
    """The stacked layers, from the input up; `codes`: the integers of tensors that were stored as such."""
    layers: list[FloatLayer] = []
    made_of: list[dict[str, str]] = []
    for module in modules_in_order(tensors, choices.recurrent):
        for suffix, reverse in _suffixes(tensors, module):
            names = _names(tensors, module, suffix)
            layer = _layer(tensors, names, choices.activation, note)
            layers.append(
                replace(
                    layer,
                    reverse=reverse,
                    beside=reverse,
                    input_codes=codes.get(names["weight_ih"]),
                    recurrent_codes=codes.get(names["weight_hh"]),
                )
            )
            made_of.append(names)
    _check_stack(layers)
    if any(layer.cell.startswith("rnn") for layer in layers):
        note(f"a state dict does not tell the activation of an RNN: {choices.activation} is taken")
    starting = (("h", choices.initial_h), ("c", choices.initial_c))
    started = _started(layers, {state: name for state, name in starting if name is not None}, tensors, note)
    return Recurrent(started, tuple(made_of), tuple(name for _, name in starting if name is not None))


def width_above(layers: tuple[FloatLayer, ...] | list[FloatLayer]) -> int:
    """Elements of h that what lies above the last layer reads: of both directions where there are two."""
    last = layers[-1]
    return last.outputs + (layers[-2].outputs if last.beside else 0)


def modules_in_order(tensors: Tensors, named: tuple[str, ...]) -> tuple[str, ...]:
    """Prefixes of recurrent modules, from the input up. BadInput where their order is neither given nor plain."""
    found = tuple(dict.fromkeys(key.module for name in tensors if (key := Key.of(name))))
    if not found:
        raise BadInput(f"there is no recurrent layer (weight_ih_l0 or weight_ih) among {listed(tensors)}")
    for module in named:
        if module not in found:
            raise BadInput(f"recurrent must be one of {listed(found)}, not {module!r}")
    if len(set(named)) != len(named):
        raise BadInput(f"recurrent: modules must be distinct, not {listed(named)}")
    if not named and len(found) > 1:
        raise BadInput(f"there are {len(found)} recurrent modules, {listed(found)}: say their order with --recurrent")
    return named or found


def _suffixes(tensors: Tensors, module: str) -> list[tuple[str, bool]]:
    """``_l0``, ``_l0_reverse``, ``_l1`` and so on, with whether each reads backwards; of a cell only the empty one."""
    keys = [key for name in tensors if (key := Key.of(name)) and key.module == module]
    layers = {key.layer for key in keys}
    if layers == {None}:
        return [("", False)]
    if layers != set(range(len(layers))):
        raise BadInput(f"{module or 'the recurrent module'}: layers must be l0, l1 and so on without a gap")
    ways = [("", False), ("_reverse", True)] if any(key.reverse for key in keys) else [("", False)]
    return [(f"_l{k}{way}", reverse) for k in range(len(layers)) for way, reverse in ways]


def _names(tensors: Tensors, module: str, suffix: str) -> dict[str, str]:
    """Names of a layer's tensors, by what they are; BadInput where one is missing."""
    names = {what: f"{dotted(module)}{what}{suffix}" for what in _TENSORS}
    biased = any(names[bias] in tensors for bias in _BIASES)
    needed = ("weight_ih", "weight_hh", *(_BIASES if biased else ()))
    for what in needed:
        if names[what] not in tensors:
            raise BadInput(f"tensor {names[what]} is missing")
    return {what: name for what, name in names.items() if name in tensors}


_BIASES = ("bias_ih", "bias_hh")
_TENSORS = ("weight_ih", "weight_hh", *_BIASES, "weight_hr")
_CELLS = {4: "lstm", 3: "gru"}


def _layer(tensors: Tensors, names: dict[str, str], activation: Activation, note: Note) -> FloatLayer:
    arrays = {what: as_float32(tensors[name], f"tensor {name}", note) for what, name in names.items()}
    recurrent, inputs, projection = arrays["weight_hh"], arrays["weight_ih"], arrays.get("weight_hr")
    rows, hidden = _rows_and_units(recurrent, projection, names)
    if inputs.ndim != 2 or len(inputs) != rows or not inputs.shape[1]:
        raise BadInput(f"tensor {names['weight_ih']} must be ({rows}, inputs), not {inputs.shape}")
    for bias in _BIASES:
        if bias in arrays and arrays[bias].shape != (rows,):
            raise BadInput(f"tensor {names[bias]} must be ({rows},), not {arrays[bias].shape}")
    cell = _CELLS.get(rows // hidden, f"rnn-{activation}")
    layer = make_layer(cell, inputs, recurrent, *(arrays.get(bias) for bias in _BIASES))
    return replace(layer, projection=projection)


def _rows_and_units(recurrent: Float32s, projection: Float32s | None, names: dict[str, str]) -> tuple[int, int]:
    rows, outputs = recurrent.shape if recurrent.ndim == 2 else (0, 0)
    if projection is None:
        if outputs < 1 or rows not in (4 * outputs, 3 * outputs, outputs):
            raise BadInput(f"tensor {names['weight_hh']} must be (4 H, H) of an LSTM, (3 H, H) of a GRU or (H, H) of "
                           f"an RNN, not {recurrent.shape}")  # fmt: skip
        return rows, outputs
    if outputs < 1 or rows < 4 or rows % 4 or projection.shape != (outputs, rows // 4):
        raise BadInput(f"tensor {names['weight_hr']} must be (P, H) beside {names['weight_hh']} (4 H, P) of an LSTM, "
                       f"not {projection.shape} beside {recurrent.shape}")  # fmt: skip
    return rows, rows // 4


def _check_stack(layers: list[FloatLayer]) -> None:
    """BadInput where a layer does not read what lies below it."""
    for k, layer in enumerate(layers):
        below = layers[: k - layer.beside]
        if below and layer.inputs != width_above(below):
            raise BadInput(f"recurrent layer {k + 1} must have {width_above(below)} inputs, as the layer below has "
                           f"outputs, not {layer.inputs}")  # fmt: skip
        if layer.beside and layer.inputs != layers[k - 1].inputs:
            raise BadInput(f"recurrent layer {k + 1}, the other direction of layer {k}, must have "
                           f"{layers[k - 1].inputs} inputs, not {layer.inputs}")  # fmt: skip


def _started(layers: list[FloatLayer], starts: dict[str, str], tensors: Tensors, note: Note) -> tuple[FloatLayer, ...]:
    """The layers with the states that their sequences start from; `starts`: names of tensors by the state."""
    given = {state: _rows(layers, state, name, tensors, note) for state, name in starts.items()}
    if not given:
        return tuple(layers)
    return tuple(
        replace(layer, initial_state=_initial(layer, {state: rows[k] for state, rows in given.items()}))
        for k, layer in enumerate(layers)
    )


def _initial(layer: FloatLayer, given: dict[str, Float32s]) -> Float32s | None:
    """``(states, H)``, or one after the other where h and c differ in size; None: zeros."""
    sizes = {"h": layer.outputs}
    parts = [
        given.get(state, np.zeros(sizes.get(state, layer.hidden), np.float32))
        for state in cells.by_name(layer.cell).states
    ]
    if not any(part.any() for part in parts):
        return None
    return np.stack(parts) if layer.projection is None else np.concatenate(parts)


def _rows(layers: list[FloatLayer], state: str, name: str, tensors: Tensors, note: Note) -> Float32s:
    """A learned state ``(L, size)`` of so many layers, directions counted."""
    if name not in tensors:
        raise BadInput(f"initial_{state} must be a tensor, one of {listed(tensors)}, not {shown(name)}")
    if any(state not in cells.by_name(layer.cell).states for layer in layers):
        raise BadInput(f"initial_{state}: the state of {layers[0].cell} has no {state}")
    sizes = {layer.outputs if state == "h" else layer.hidden for layer in layers}
    array = as_float32(tensors[name], f"tensor {name}", note)
    count, size = len(layers), max(sizes)
    fitting = [(count, size), (count, 1, size), *([(size,)] if count == 1 else [])]
    if len(sizes) > 1 or array.shape not in fitting:
        wanted = "layers of one size" if len(sizes) > 1 else " or ".join(map(str, fitting))
        raise BadInput(f"initial_{state}: tensor {shown(name)} must be {wanted}, not {array.shape}")
    note(f"{shown(name)} is the {state} that every sequence starts from")
    return array.reshape(count, size)
