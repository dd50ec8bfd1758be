"""Models of Keras: whole ones, ``.keras`` or ``.h5``, read with numpy alone, without TensorFlow and Keras.

Nothing of a file is run: classes of one's own, Lambda layers and whatever has no rule here are refused by name.
"""

from dataclasses import replace
from pathlib import Path

from archsim.errors import BadInput
from workloads.importers.keras.chain import chain_of
from workloads.importers.keras.file import is_keras, read_file
from workloads.importers.keras.flow import Context, Flow
from workloads.importers.keras.layers import follow
from workloads.importers.network import FloatDense, ImportedNetwork, InputKind, Note


def read_network(path: Path, output: str | None, input_kind: InputKind, note: Note) -> ImportedNetwork:
    """The network in a file; BadInput names what it has no rule for. `output`: the layer whose output is the result."""
    file = read_file(path)
    context, flow = Context(file.arrays, input_kind, note), Flow()
    for item in chain_of(file.config, output, note):
        flow = follow(context, item, flow)
    if not flow.layers:
        raise BadInput("there is no recurrent layer (LSTM, GRU, SimpleRNN) on the way to the output")
    return _network(flow, input_kind, note)


def _network(flow: Flow, input_kind: InputKind, note: Note) -> ImportedNetwork:
    if flow.reading is not None:
        raise BadInput("a norm, or directions that are added up, must have a Dense layer after them")
    *head, readout = flow.head or (None,)
    if readout is None:
        if flow.pooling is not None:
            raise BadInput("there must be a Dense layer after pooling")
        if not flow.steps:
            note("the output is h of the last step, and there is no readout: the model has h of every step")
    else:
        readout = _without_end(readout, flow.end, note)
    if flow.backwards and flow.steps:
        note("Keras returns steps from the last to the first (go_backwards); the model has each at its own position")
    network = ImportedNetwork(
        input=input_kind,
        layers=flow.layers,
        embedding=flow.table,
        when="every_step" if flow.steps or readout is None else "last_step",
        dense=flow.dense,
        head=tuple(layer for layer in head if layer is not None),
        pooling=flow.pooling,
        at_last_position=flow.at_last_position and readout is not None,
        embedding_codes=flow.table_codes,
        tensor_names={("readout" if role == f"head {len(flow.head)}" else role): n for role, n in flow.names.items()},
    )
    if readout is None:
        return network
    return replace(network, readout_weight=readout.weight, readout_bias=readout.bias, readout_codes=flow.codes)


def _without_end(readout: FloatDense, end: str | None, note: Note) -> FloatDense:
    """The last dense layer without the softmax or sigmoid after it, which does not change what is largest."""
    if readout.activation in ("relu", "tanh"):
        raise BadInput(f"the last Dense layer must be linear (softmax and sigmoid are passed over), not "
                       f"{readout.activation}: add a linear Dense layer after it")  # fmt: skip
    if end is not None or readout.activation != "none":
        note(f"the {end or readout.activation} at the end is passed over: the outputs are those before it")
    return replace(readout, activation="none")


__all__ = ["is_keras", "read_network"]
