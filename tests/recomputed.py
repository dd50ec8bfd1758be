"""Losses of a GRU on a person's own data by PyTorch alone, from files: no line of archsim's is used.

`float_loss` runs nn.GRU with the weights of a state dict. `integer_loss` decodes the file of an integer model and
computes with int64 tensors what `workloads.fixed_point` says that such a model computes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn


def metric(outputs: Tensor, targets: Tensor) -> float:
    """The error in % of logits ``(N, V)`` where targets are classes, the root mean squared error of numbers."""
    if targets.dtype == torch.int64:
        return float(100 * (outputs.argmax(1) != targets).double().mean())
    return float((outputs.double()[:, 0] - targets.double()).square().mean().sqrt())


def float_loss(weights: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> float:
    """Of the weights ``gru.*`` and ``fc.*``, on inputs ``(N, T, I)``."""
    hidden = weights["gru.weight_hh_l0"].shape[1]
    gru = nn.GRU(inputs.shape[2], hidden, batch_first=True)
    gru.load_state_dict({name.removeprefix("gru."): value for name, value in weights.items() if "gru." in name})
    with torch.no_grad():
        return metric(gru(inputs)[1][0] @ weights["fc.weight"].T + weights["fc.bias"], targets)


def integer_loss(path: Path, inputs: Tensor, targets: Tensor) -> float:
    """Of the integer model in a file, one GRU that resets after its product, on inputs ``(N, T, I)``."""
    with safe_open(path, framework="pt") as file:
        spec = json.loads(file.metadata()["archsim_integer"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return metric(_logits(spec, tensors, inputs), targets)


def _logits(spec: Mapping[str, Any], tensors: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    layer, wide = spec["layers"][0], spec["widths"]
    hidden, features = spec["network"]["layers"][0]["hidden"], inputs.shape[2]

    def read(name: str, bits: int, *shape: int) -> Tensor:
        return _fields(tensors[name], bits, shape)

    def fraction(name: str, rows: int) -> Tensor:
        return read(name, 8, tensors[name].numel()).expand(rows)

    def bias(name: str, number: Mapping[str, int], at: Tensor, rows: int) -> Tensor:
        return _shifted(read(name, wide["bias_bits"], rows), number["fraction"] - at)

    w_x, w_h = (
        read(f"layers.0.{name}_weight", wide["weight_bits"], 3 * hidden, size)
        for name, size in (("input", features), ("recurrent", hidden))
    )
    f_x = fraction("layers.0.input_fraction", 3 * hidden) + layer["input"]["fraction"]
    f_h = fraction("layers.0.recurrent_fraction", 3 * hidden) + layer["state"]["fraction"]
    both = torch.maximum(f_x, f_h)
    candidate = torch.arange(3 * hidden) >= 2 * hidden  # its two products are added up after the reset
    f_x_sum, f_h_sum = torch.where(candidate, f_x, both), torch.where(candidate, f_h, both)
    b_x = bias("layers.0.bias", layer["bias"], f_x_sum, 3 * hidden)
    b_h = bias("layers.0.recurrent_bias", layer["recurrent_bias"], f_h_sum[2 * hidden :], hidden)
    gate = wide["gate_bits"] - 1

    def curve(name: str, argument: Tensor) -> Tensor:
        number, table = spec[name], tensors[name]
        words = _words(table, wide["gate_bits"], name == "tanh", wide["table_bits"])
        low = -(1 << (number["bits"] - 1))
        code = argument.clamp(low, -low - 1) - low
        return words[code >> (number["bits"] - wide["table_bits"])]

    x = _rounded(inputs, layer["input"])
    h = torch.zeros(len(inputs), hidden, dtype=torch.int64)
    for t in range(inputs.shape[1]):
        of_x = b_x + ((x[:, t] @ w_x.T) << (f_x_sum - f_x))
        of_h = (h @ w_h.T) << (f_h_sum - f_h)
        r, z = (
            curve("sigmoid", _shifted(of_x[:, rows] + of_h[:, rows], f_x_sum[rows] - spec["sigmoid"]["fraction"]))
            for rows in (slice(0, hidden), slice(hidden, 2 * hidden))
        )
        rows = slice(2 * hidden, None)
        n_h = _clipped(_shifted(of_h[:, rows] + b_h, f_h_sum[rows] - layer["reset"]["fraction"]), layer["reset"])
        n = of_x[:, rows] + _shifted(r * n_h, gate + layer["reset"]["fraction"] - f_x_sum[rows])
        n = curve("tanh", _shifted(n, f_x_sum[rows] - spec["tanh"]["fraction"]))
        new, kept = 2 * gate, gate + layer["state"]["fraction"]
        finest = max(new, kept)
        mixed = ((((1 << gate) - z) * n) << (finest - new)) + ((z * h) << (finest - kept))
        h = _clipped(_shifted(mixed, torch.tensor(finest - layer["state"]["fraction"])), layer["state"])
    outputs = spec["network"]["readout"]["outputs"]
    w = read("readout_weight", wide["weight_bits"], outputs, hidden)
    f = fraction("readout_fraction", outputs) + layer["state"]["fraction"]
    sums = h @ w.T + bias("readout_bias", spec["readout_bias"], f, outputs)
    return sums.double() * torch.exp2(-f.double())


def _fields(packed: Tensor, bits: int, shape: tuple[int, ...]) -> Tensor:
    """Two's complement fields of `bits`, least significant bit first."""
    stream = (packed.long()[:, None] >> torch.arange(8)) & 1
    count = int(torch.tensor(shape).prod())
    fields = (stream.reshape(-1)[: count * bits].reshape(count, bits) << torch.arange(bits)).sum(1)
    return (fields - ((fields >> (bits - 1)) << bits)).reshape(shape)


def _words(packed: Tensor, bits: int, signed: bool, table_bits: int) -> Tensor:
    fields = _fields(packed, bits, (1 << table_bits,))
    return fields if signed else fields & ((1 << bits) - 1)


def _shifted(codes: Tensor, by: Tensor) -> Tensor:
    """Right by `by`, rounded half up; left, exactly, where it is negative."""
    right = by.clamp(min=0)
    return ((codes << (-by).clamp(min=0)) + ((1 << right) >> 1)) >> right


def _clipped(codes: Tensor, number: Mapping[str, int]) -> Tensor:
    limit = 1 << (number["bits"] - 1)
    return codes.clamp(-limit, limit - 1)


def _rounded(values: Tensor, number: Mapping[str, int]) -> Tensor:
    return _clipped((values.double() * 2.0 ** number["fraction"]).round().long(), number)
