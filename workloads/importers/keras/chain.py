"""The config of a Keras model as a chain of layers, from the input to the output.

Of a Sequential model it is the list of its layers; a Functional one is followed back from its output, through whatever
each layer reads first. What branches, joins or repeats is refused by the name of its layer.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archsim.errors import BadInput
from workloads.importers.keras.file import Json, listed
from workloads.importers.network import Note

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")
_MASKS = ("NotEqual", "Any")
"""Operations that Keras itself adds to compute the mask of an Embedding or a Masking layer."""


@dataclass(frozen=True, eq=False)
class Item:
    """A layer as its config describes it, or an operation between two (``x[:, -1]``)."""

    name: str
    kind: str
    config: Json
    place: str = ""
    """Its class, numbered within the model: where a ``.keras`` file has its arrays."""
    result: int = 0
    """Which of the tensors that it returns is read next: its output, or, from 1 on, its states after the last step."""
    arguments: tuple[Any, ...] = ()
    """Of an operation: what it is given beside its tensor."""

    def refused(self, why: str) -> BadInput:
        return BadInput(f"layer {self.name!r} ({self.kind}): {why}")

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self.config.get(key, default)
        if not isinstance(value, bool):
            raise self.refused(f"{key} must be true or false, not {_shown(value)}")
        return value

    def size(self, key: str) -> int:
        value = self.config.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.refused(f"{key} must be a positive integer, not {_shown(value)}")
        return value

    def choice(self, key: str, options: Sequence[str], default: str | None = None) -> str:
        value = self.config.get(key, default)
        if not isinstance(value, str) or value not in options:
            raise self.refused(f"{key} must be {' or '.join(options)}, not {_shown(value)}")
        return value

    def inner(self, key: str) -> "Item":
        """The layer, or cell, that this one wraps."""
        return replace(item_of(self.config.get(key), self.name), place=self.place)


def _shown(value: object) -> str:
    """A value of a config on one short line; of a serialized object its class."""
    if isinstance(value, Mapping):
        value = value.get("class_name", "an object")
    return repr(value)[:80]


def item_of(raw: object, place: str) -> Item:
    """A serialized layer; BadInput where it is none, or of a class that Keras lacks."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("config"), Mapping):
        raise BadInput(f"config of {place!r} must hold layers, each a class_name and a config, not {_shown(raw)}")
    kind, config = raw.get("class_name"), raw["config"]
    name = config.get("name", raw.get("name", kind))
    if not isinstance(kind, str) or not isinstance(name, str):
        raise BadInput(f"config of {place!r}: class_name and name of a layer must be texts, not {_shown(kind)}")
    item = Item(name, kind, config)
    module, registered = raw.get("module"), raw.get("registered_name")
    of_keras = module is None or (isinstance(module, str) and re.match(r"(tf_)?keras(\.|$)", module))
    if not of_keras or ">" in kind:
        whose = _shown(registered or module or kind)
        raise item.refused(
            f"is of a class of one's own, {whose}: its code is not in the file, and none is run; put layers of Keras "
            "in its place"
        )
    return item


def chain_of(config: Json, output: str | None, note: Note) -> tuple[Item, ...]:
    """The layers in order; `output`: the one to end with, by name."""
    model = item_of(config, "the model")
    if model.kind == "Sequential":
        return _sequential(model, output)
    if model.kind in ("Functional", "Model"):
        return _Functional(model, note).chain(output)
    raise BadInput(
        f"the model must be Sequential or Functional, not of class {_shown(model.kind)}: a class of one's own has its "
        "order of layers in code, which is not in the file"
    )


def _layers(model: Item) -> list[tuple[Item, Json]]:
    raw = model.config.get("layers")
    if not isinstance(raw, list):
        raise model.refused("its config must hold a list of layers")
    counts: Counter[str] = Counter()
    items = []
    for layer in raw:
        item = item_of(layer, model.name)
        snake, before = _snake_case(item.kind), counts[item.kind]
        counts[item.kind] += 1
        items.append((replace(item, place=f"{snake}_{before}" if before else snake), layer))
    return items


def _snake_case(kind: str) -> str:
    """As ``keras.src.utils.naming.to_snake_case``."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))).lower()


def _sequential(model: Item, output: str | None) -> tuple[Item, ...]:
    items = [item for item, _ in _layers(model)]
    if output is None:
        return tuple(items)
    names = [item.name for item in items]
    if output not in names:
        raise BadInput(f"output must be one of the layers {listed(names)}, not {output!r}")
    return tuple(items[: names.index(output) + 1])


@dataclass(frozen=True)
class _Tensor:
    layer: str
    index: int


class _Functional:
    """The graph of a Functional model."""

    def __init__(self, model: Item, note: Note) -> None:
        self.model, self.note = model, note
        layers = _layers(model)
        self.items = {item.name: item for item, _ in layers}
        self.raw = {item.name: raw for item, raw in layers}
        if len(self.items) < len(layers):
            raise model.refused("its layers must have names of their own")
        self.states: list[str] = []
        """Input layers that states come from."""

    def chain(self, output: str | None) -> tuple[Item, ...]:
        tensor: _Tensor | None = self._output(output)
        chain: list[Item] = []
        while tensor is not None:
            item = replace(self._item(tensor.layer), result=tensor.index)
            if len(chain) > len(self.items):
                raise item.refused("reads what is computed of itself")
            tensor, item = self._read_by(item)
            chain.insert(0, item)
        others = [t.layer for t in self._tensors("input_layers") if t.layer not in (chain[0].name, *self.states)]
        if others:
            raise BadInput(
                f"the model must have one input beside initial states, not {listed([chain[0].name, *others])}"
            )
        if self.states:
            self.note(
                f"initial states are inputs of the model ({listed(self.states)}): here a sequence starts from zeros"
            )
        return tuple(chain)

    def _item(self, name: str) -> Item:
        if name not in self.items:
            raise BadInput(f"a layer reads {name!r}, which the model does not have")
        return self.items[name]

    def _output(self, name: str | None) -> _Tensor:
        if name is not None:
            if name not in self.items:
                raise BadInput(f"output must be one of the layers {listed(self.items)}, not {name!r}")
            return _Tensor(name, 0)
        outputs = self._tensors("output_layers")
        # states that a model returns are those it computes anyway
        results = [t for t in outputs if not (t.index and self._item(t.layer).kind in RECURRENT)] or outputs
        if len(results) != 1:
            names = listed(t.layer for t in results)
            raise BadInput(f"the model has {len(results)} outputs, {names}: choose one with --output")
        return results[0]

    def _tensors(self, key: str) -> list[_Tensor]:
        raw = self.model.config.get(key)
        if isinstance(raw, Mapping):
            raw = list(raw.values())
        if isinstance(raw, list) and raw and isinstance(raw[0], str):
            raw = [raw]
        if not isinstance(raw, list):
            raise self.model.refused(f"{key} must be a list, not {_shown(raw)}")
        return [self._history(self.model, one) for one in raw]

    @staticmethod
    def _history(item: Item, raw: object) -> _Tensor:
        match raw:
            case [str(layer), 0, int(index), *_] if 0 <= index < 100:
                return _Tensor(layer, index)
            case [str(layer), int(node), *_]:
                raise BadInput(f"layer {layer!r}: must be used once, and {item.name!r} reads its use {node}")
        raise item.refused(f"a tensor must be a layer, a node and an index, not {_shown(raw)}")

    def _read_by(self, item: Item) -> tuple[_Tensor | None, Item]:
        """What a layer reads first, None of an input, and the layer with what else it is given."""
        nodes = self.raw[item.name].get("inbound_nodes")
        if item.kind == "InputLayer":
            return None, item
        if not isinstance(nodes, list) or len(nodes) != 1:
            used = f"{len(nodes)} times" if isinstance(nodes, list) else "somewhere unknown"
            raise item.refused(f"must be used once, not {used}")
        first, *more = self._arguments(item, nodes[0])
        if isinstance(first, list):
            raise item.refused(f"joins {len(first)} tensors: only a chain of layers is supported")
        if not isinstance(first, _Tensor):
            raise item.refused("must read what another layer computes")
        if item.kind in RECURRENT:
            self._initial(item, more)
        elif any(isinstance(value, _Tensor) for value in _flat(more)):
            raise item.refused("joins several tensors: only a chain of layers is supported")
        return first, replace(item, arguments=tuple(more))

    def _arguments(self, item: Item, node: object) -> list[Any]:
        """Positional arguments, and the initial states, of a call: `_Tensor` for each tensor of Keras 3 or older."""
        if isinstance(node, list):  # as ``.h5`` has them: [[layer, node, index, keywords], ...]
            keywords: dict[str, Any] = {}
            for raw in node:
                if isinstance(raw, list) and len(raw) == 4 and isinstance(raw[3], Mapping):
                    keywords |= raw[3]
            tensors: list[Any] = [self._history(item, raw) for raw in node]
            given = [*tensors] if item.kind in RECURRENT or len(tensors) < 2 else [tensors]
        elif isinstance(node, Mapping) and isinstance(node.get("args"), list):
            keywords = dict(node["kwargs"]) if isinstance(node.get("kwargs"), Mapping) else {}
            given = [self._parsed(item, one, 1) for one in node["args"]]
            if given and item.kind in RECURRENT and isinstance(given[0], list):
                given = [*given[0], *given[1:]]
        else:
            raise item.refused(f"its call must have arguments, not {_shown(node)}")
        states = self._parsed(item, keywords.pop("initial_state", None), 0)
        self._check_mask(item, self._parsed(item, keywords.pop("mask", None), 0))
        if keywords.pop("training", None) is True:
            raise item.refused("is called with training=True")
        if left := [key for key, value in keywords.items() if value is not None]:
            raise item.refused(f"is called with {listed(left)}, which is not supported")
        return [*(given or [None]), *([] if states is None else [states])]

    def _parsed(self, item: Item, raw: Any, depth: int) -> Any:
        """Arguments as they are, with a `_Tensor` for what a layer computes."""
        if depth > 5:
            raise item.refused("arguments of its call are nested too deeply")
        if isinstance(raw, Mapping) and raw.get("class_name") == "__keras_tensor__":
            config = raw.get("config")
            return self._history(item, config.get("keras_history") if isinstance(config, Mapping) else None)
        if isinstance(raw, list):
            if len(raw) >= 3 and isinstance(raw[0], str):
                return self._history(item, raw)
            return [self._parsed(item, one, depth + 1) for one in raw]
        return raw

    def _check_mask(self, item: Item, mask: object) -> None:
        if isinstance(mask, _Tensor) and (kind := self._item(mask.layer).kind) not in _MASKS:
            raise item.refused(f"its mask must be that of an Embedding or a Masking layer, not computed by "
                               f"{mask.layer!r} ({kind})")  # fmt: skip

    def _initial(self, item: Item, more: Sequence[Any]) -> None:
        for tensor in _flat(more):
            if not isinstance(tensor, _Tensor):
                continue
            if self._item(tensor.layer).kind != "InputLayer":
                raise item.refused(f"its initial state must be zeros or an input, not computed by {tensor.layer!r}: an "
                                   "encoder with a decoder is not supported")  # fmt: skip
            self.states.append(tensor.layer)


def _flat(values: Sequence[Any]) -> list[Any]:
    return [leaf for value in values for leaf in (_flat(value) if isinstance(value, list) else [value])]
