"""From the tensors of a state dict to a network."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from archsim.errors import BadInput
from workloads.importers.network import Float32s, FloatDense, ImportedNetwork, InputKind, Note, StoredCodes, as_float32
from workloads.importers.pytorch.choices import Choices, DenseChoice
from workloads.importers.pytorch.files import StateDict
from workloads.importers.pytorch.layers import modules_in_order, recurrent_layers, width_above
from workloads.importers.pytorch.names import Key, Tensors, common_prefix, dotted, module_of
from workloads.importers.pytorch.roles import Around, Roles, find_roles
from workloads.importers.pytorch.weights import checked_ignored, plain_weights


def to_network(stored: StateDict, input_kind: InputKind, choices: Choices, note: Note) -> ImportedNetwork:
    """The network of a state dict; BadInput names what it cannot place, and what no model here computes."""
    prefix = common_prefix(stored.tensors)
    choices = choices.within(prefix)
    named = {name.removeprefix(prefix): array for name, array in stored.tensors.items()}
    tensors = plain_weights(checked_ignored(named, choices.ignore, note), note)
    codes = {name.removeprefix(prefix): integers for name, integers in stored.codes.items()}
    recurrent = recurrent_layers(tensors, codes, choices, note)
    layers = recurrent.layers
    around = Around(
        left={name: array for name, array in tensors.items() if name not in recurrent.used},
        inputs=layers[0].inputs,
        outputs=width_above(layers),
        before=_before(tensors, choices.recurrent) if stored.ordered else frozenset(),
        ordered=stored.ordered,
    )
    roles, said = find_roles(around, input_kind, choices)
    if said:
        note(said)
    _check_readout(roles, choices, bidirectional=layers[-1].beside, note=note)
    network = ImportedNetwork(
        input_kind,
        layers,
        when="last_step" if choices.pooling is not None else choices.when or "every_step",
        pooling=choices.pooling,
        at_last_position=choices.at_last_position,
        tensor_names=recurrent.tensor_names | _names_around(roles, choices),
    )
    return _with_ends(network, tensors, codes, roles, choices, note)


def _names_around(roles: Roles, choices: Choices) -> dict[str, str]:
    """Names of the matrices around the recurrent layers, by their roles."""
    modules = {
        "embedding": roles.embedding,
        "dense": None if choices.dense is None else choices.dense.module,
        "readout": roles.readout,
        **{f"head {k}": choice.module for k, choice in enumerate(choices.head, start=1)},
    }
    return {role: f"{dotted(module)}weight" for role, module in modules.items() if module is not None}


def _before(tensors: Tensors, recurrent: tuple[str, ...]) -> frozenset[str]:
    """Modules that were defined before the first recurrent one."""
    first = modules_in_order(tensors, recurrent)[0]
    names = list(tensors)
    start = next(k for k, name in enumerate(names) if (key := Key.of(name)) and key.module == first)
    return frozenset(map(module_of, names[:start]))


def _check_readout(roles: Roles, choices: Choices, bidirectional: bool, note: Note) -> None:
    """BadInput where a choice speaks of a readout that there is not; and what is taken of the one that there is."""
    if roles.readout is None:
        given = {"when": choices.when == "last_step", "head": choices.head, "pooling": choices.pooling}
        for what in (what for what, value in given.items() if value):
            raise BadInput(f"{what}: there is no readout that could use it: name it with --readout")
    if choices.at_last_position and not (bidirectional and choices.when == "last_step"):
        raise BadInput("at_last_position: needs a bidirectional layer and a readout at the last step")
    if roles.readout is None or choices.pooling is not None:
        return
    if choices.when is None:
        note("a state dict does not tell which steps the readout runs at: every step is taken")
    elif choices.when == "last_step" and bidirectional and not choices.at_last_position:
        note("the readout is taken to read h after the last step of each direction (h_n), not output[:, -1]")


def _with_ends(
    network: ImportedNetwork,
    tensors: Tensors,
    codes: Mapping[str, StoredCodes],
    roles: Roles,
    choices: Choices,
    note: Note,
) -> ImportedNetwork:
    def floats(name: str) -> Float32s:
        return as_float32(tensors[name], f"tensor {name}", note)

    def dense(choice: DenseChoice) -> FloatDense:
        weight, bias = (f"{dotted(choice.module)}{what}" for what in ("weight", "bias"))
        matrix = floats(weight)
        return FloatDense(
            matrix, floats(bias) if bias in tensors else np.zeros(len(matrix), np.float32), choice.activation
        )

    network = replace(network, head=tuple(map(dense, choices.head)))
    if choices.dense is not None:
        network = replace(network, dense=dense(choices.dense))
    if roles.embedding is not None:
        network = replace(network, embedding=floats(f"{dotted(roles.embedding)}weight"))
    if roles.readout is not None:
        weight, bias = (f"{dotted(roles.readout)}{what}" for what in ("weight", "bias"))
        network = replace(
            network,
            readout_weight=floats(weight),
            readout_bias=floats(bias) if bias in tensors else None,
            readout_codes=codes.get(weight),
        )
    return _without_dense_over_symbols(network, note)


def _without_dense_over_symbols(network: ImportedNetwork, note: Note) -> ImportedNetwork:
    """A dense layer over symbols is a table of its own: each symbol's row goes through it once."""
    if network.dense is None or (network.embedding is None and network.input != "one_hot"):
        return network
    columns = network.dense.weight.shape[1]
    rows = np.eye(columns, dtype=np.float32) if network.embedding is None else network.embedding
    note("the dense layer over symbols is folded into the embedding")
    return replace(network, input="vector", embedding=network.dense(rows), dense=None)
