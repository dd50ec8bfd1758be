"""The plain PyTorch modules that a state dict implies, made of an imported network and run."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.check.runs import Numbers, SourceRun
from workloads.importers.network import Float32s, FloatDense, FloatLayer, ImportedNetwork


def run_modules(network: ImportedNetwork, inputs: Numbers) -> SourceRun:
    """nn.LSTM, nn.GRU, nn.RNN and what is around them over `inputs` ``(T, B[, I])``; BadInput without PyTorch."""
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise BadInput("--check needs PyTorch to run a state dict: pip install 'archsim[train]'") from None
    _check_inputs(network, inputs)
    with torch.no_grad():
        values = _entering(torch, network, inputs)
        states: list[Any] = []
        for level in _levels(network):
            outputs = [_module(torch, layer)(values) for layer in level]
            states += outputs
            values = torch.cat(outputs, -1)
        output = _read(torch, network, values, outputs) if network.readout_weight is not None else values
    return SourceRun("PyTorch", inputs, tuple(state.numpy() for state in states), (output.numpy(),))


def _check_inputs(network: ImportedNetwork, inputs: Numbers) -> None:
    """BadInput where the network cannot read them."""
    symbols = network.embedding is not None or network.input == "one_hot"
    first = network.dense.weight if network.dense is not None else network.layers[0].input_weight
    if not symbols and (inputs.ndim != 3 or inputs.shape[2] != first.shape[1]):
        raise BadInput(f"--check: inputs must be (steps, sequences, {first.shape[1]}), not {inputs.shape}")
    if symbols and (inputs.ndim != 2 or inputs.dtype.kind not in "iu"):
        raise BadInput(f"--check: inputs must be symbols (steps, sequences), not {inputs.dtype} {inputs.shape}")
    count = len(network.embedding) if network.embedding is not None else first.shape[1]
    if symbols and not 0 <= int(inputs.min()) <= int(inputs.max()) < count:
        raise BadInput(f"--check: symbols must be below {count}")


def _levels(network: ImportedNetwork) -> Iterator[list[FloatLayer]]:
    """Layers that read the same, from the input up: one, or two directions."""
    level: list[FloatLayer] = []
    for layer in network.layers:
        if level and not layer.beside:
            yield level
            level = []
        level.append(layer)
    yield level


def _entering(torch: Any, network: ImportedNetwork, inputs: Numbers) -> Any:
    if network.embedding is not None:
        return torch.nn.functional.embedding(
            torch.from_numpy(inputs.astype(np.int64)), _tensor(torch, network.embedding)
        )
    if network.input == "one_hot":
        width = network.layers[0].inputs
        return torch.nn.functional.one_hot(torch.from_numpy(inputs.astype(np.int64)), width).float()
    vectors = torch.from_numpy(inputs.astype(np.float32))
    return vectors if network.dense is None else _dense(torch, network.dense, vectors)


def _tensor(torch: Any, array: NDArray[Any]) -> Any:
    return torch.from_numpy(np.array(array, np.float32))


def _dense(torch: Any, dense: FloatDense, vectors: Any) -> Any:
    sums = torch.nn.functional.linear(vectors, _tensor(torch, dense.weight), _tensor(torch, dense.bias))
    curves = {"none": lambda v: v, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
    return curves[dense.activation](sums)


_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "lstm": ("LSTM", {}), "gru": ("GRU", {}), "rnn-tanh": ("RNN", {}), "rnn-relu": ("RNN", {"nonlinearity": "relu"}),
}  # fmt: skip


def _module(torch: Any, layer: FloatLayer) -> Any:
    """A layer as a function of ``(T, B, I)``: a module of its own, which reads from the end where the layer does."""
    name, options = _KINDS[layer.cell]
    size = {} if layer.projection is None else {"proj_size": layer.outputs}
    kinds = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}
    module = kinds[name](layer.inputs, layer.hidden, **options, **size)
    recurrent_bias = np.zeros_like(layer.bias)
    if layer.candidate_bias is not None:
        recurrent_bias[-layer.hidden :] = layer.candidate_bias
    tensors = {
        "weight_ih_l0": layer.input_weight, "weight_hh_l0": layer.recurrent_weight, "bias_ih_l0": layer.bias,
        "bias_hh_l0": recurrent_bias, **({} if layer.projection is None else {"weight_hr_l0": layer.projection}),
    }  # fmt: skip
    module.load_state_dict({key: _tensor(torch, array) for key, array in tensors.items()})

    def run(values: Any) -> Any:
        values = values.flip(0) if layer.reverse else values
        h, _ = module(values, _start(torch, layer, values.shape[1]))
        return h.flip(0) if layer.reverse else h

    return run


def _start(torch: Any, layer: FloatLayer, batch: int) -> Any:
    if layer.initial_state is None:
        return None
    flat: Float32s = layer.initial_state.reshape(-1)
    parts = np.split(flat, [layer.outputs])[: 2 if layer.cell == "lstm" else 1]
    states = tuple(_tensor(torch, part).expand(1, batch, -1).contiguous() for part in parts)
    return states if layer.cell == "lstm" else states[0]


def _read(torch: Any, network: ImportedNetwork, values: Any, outputs: list[Any]) -> Any:
    """The readout's answer to h ``(T, B, P)`` by position; `outputs`: that of each direction of the last layer."""
    if network.pooling is not None:
        values = values.mean(0) if network.pooling == "mean" else values.max(0).values
    elif network.when == "last_step":
        last = network.layers[-len(outputs) :]
        ends = [0 if layer.reverse and not network.at_last_position else -1 for layer in last]
        values = torch.cat([h[end] for h, end in zip(outputs, ends, strict=True)], -1)
    for dense in network.head:
        values = _dense(torch, dense, values)
    assert network.readout_weight is not None
    bias = None if network.readout_bias is None else _tensor(torch, network.readout_bias)
    return torch.nn.functional.linear(values, _tensor(torch, network.readout_weight), bias)
