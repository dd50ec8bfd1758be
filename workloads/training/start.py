"""A network that starts from the best weights of another run, or from a float model: fine-tuning and curricula."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archsim.errors import BadInput
from workloads import cells, formats, tasks, zoo
from workloads.config import Config
from workloads.layer import Layer
from workloads.model import Model
from workloads.tasks import Sequences
from workloads.training import checkpoints
from workloads.training.batches import MiniBatch
from workloads.training.network import TrainedLayer, TrainedNetwork
from workloads.training.norms import EPSILON, row_norms
from workloads.training.recipe import Recipe

SHAPE = ("cell", "hidden", "layers", "embedding", "norm")


def load(source: str, network: TrainedNetwork, batch: MiniBatch) -> None:
    """Fill `network` from the folder of a run, or from a float32 model (file or zoo name); its thresholds stay.

    A model's folded batch norm is taken apart again so that the network infers what the model does: mean and variance
    of its products come from `batch`, gain and bias from what is then left. BadInput where the two are of another
    shape.
    """
    with _keeping_thresholds(network):
        if Path(source).is_dir():
            _from_run(Path(source) / "best.pt", network)
        else:
            _from_model(zoo.load_model(source), f"start_from {source}", network, batch)


def take_over(network: TrainedNetwork, before: TrainedNetwork, longer: float) -> None:
    """Fill `network` from one trained on sequences of which its own are `longer` times as long; its thresholds stay."""
    with _keeping_thresholds(network):
        network.load_state_dict(before.state_dict())
    lengthen_memories(network, longer)


@contextmanager
def _keeping_thresholds(network: TrainedNetwork) -> Iterator[None]:
    thresholds = [layer.threshold.clone() for layer in network.stack]
    yield
    for layer, threshold in zip(network.stack, thresholds, strict=True):
        layer.threshold.copy_(threshold)


@torch.no_grad()
def lengthen_memories(network: TrainedNetwork, longer: float) -> None:
    """Let a network forget and take in `longer` times as slowly.

    A gate near zero is the exponential of what goes into it, so the log is taken off what takes in and added to what
    keeps: an LSTM's biases (the time warp of Tallec & Ollivier 2018). A cell without these two gates stays as it is.
    """
    gates = cells.by_name(network.recipe.cell).gates
    if not cells.keeps_by_gates(gates):
        return
    for layer in network.stack:
        bias = layer.bias.view(len(gates), layer.hidden)
        bias[gates.index("f")] += math.log(longer)
        bias[gates.index("i")] -= math.log(longer)


def times_longer(task: str, before: str) -> float:
    """Mean steps of the training sequences of a task, over those of another; texts are alike."""
    return _mean_steps(task) / _mean_steps(before)


def _mean_steps(task: str) -> float:
    data = tasks.by_name(task).split("train")
    return float(data.lengths.mean()) if isinstance(data, Sequences) else 1.0


def _from_run(path: Path, network: TrainedNetwork) -> None:
    theirs, ours = checkpoints.recipe_of(path), network.recipe
    for key in SHAPE:
        _same(f"start_from {path.parent}", key, getattr(theirs, key), getattr(ours, key), ours)
    try:
        network.load_state_dict(checkpoints.weights(path, str(network.readout_bias.device)))
    except RuntimeError as error:  # another task, so other sizes
        reason = str(error).splitlines()[-1].strip()
        raise BadInput(f"start_from {path.parent}: is not of the shape of recipe {ours.name} ({reason})") from None


def _same(where: str, what: str, theirs: object, ours: object, recipe: Recipe) -> None:
    if theirs != ours:
        raise BadInput(f"{where}: {what} must be {ours}, as in recipe {recipe.name}, not {theirs}")


def _beyond_training(config: Config) -> Iterator[tuple[str, str]]:
    """What of a network training has not: where, and what it is."""
    if config.reversed_layer is not None:
        yield f"layers.{config.reversed_layer}", "reads in reverse"
    if config.input.kind == "dense":
        yield "input", "a dense layer before the recurrent ones"
    if config.readout is not None and config.readout.pooling is not None:
        yield "readout", f"{config.readout.pooling} pooling"
    if config.readout is not None and config.readout.head:
        yield "readout", "dense layers below it (a head)"
    yield from config.beyond_integers()


def _from_model(model: Model, where: str, network: TrainedNetwork, batch: MiniBatch) -> None:
    config, recipe = model.config, network.recipe
    if any(layer.cell.normed_cell for layer in model.layers):
        raise BadInput(f"{where}: a model has no statistics of c; start from the folder of a run")
    for part, what in _beyond_training(model.with_threshold(0.0).config):  # what is pruned the recipe says
        raise BadInput(f"{where}: {part}: {what}: training is of stacked layers that read forwards and a plain readout")
    kind = "embedding" if network.embedding is not None else "one_hot" if network.one_hot else "vector"
    _same(where, "layers", len(model.layers), recipe.layers, recipe)
    _same(where, "input", config.input.kind, kind, recipe)
    _same(where, "input size", config.input.width, network.stack[0].input_weight.full.shape[1], recipe)
    if recipe.norm == "batch-per-step":
        raise BadInput(f"{where}: a model has no statistics of each step; start from the folder of a run")
    if model.readout_codes is None or model.readout_scale is None or model.readout_bias is None:
        raise BadInput(f"{where}: has no readout")
    _same(where, "outputs", len(model.readout_codes), len(network.readout_bias), recipe)
    operands, _ = model.operands(_inputs(batch, config.input.symbols is not None))
    for k, (layer, given) in enumerate(zip(network.stack, model.layers, strict=True)):
        _same(where, "cell", given.config.cell, recipe.cell, recipe)
        _same(where, "hidden", given.config.hidden, recipe.hidden, recipe)
        for weight_format in (given.config.weight_format, given.config.input_weight_format):
            if formats.by_name(weight_format).multiplier != "float":
                raise BadInput(f"{where}: weight format must be float32 or float16, not {weight_format}")
        _same(where, "norm", given.config.norm, "layer" if recipe.norm == "layer" else "none", recipe)
        if given.initial_state is not None and layer.initial is None:
            raise BadInput(f"{where}: has an initial state, and sequences are trained from zeros")
        _fill(layer, given, _products(model, k, operands))
    weights, bias = _weights(model.readout_codes, model.readout_scale), model.readout_bias.astype(np.float64)
    if network.unit is not None:
        weights, bias = weights / network.unit.deviation[:, None], (bias - network.unit.mean) / network.unit.deviation
    _set(network.readout_weight.full, weights)
    _set(network.readout_bias, bias)
    if network.embedding is not None and model.embedding_codes is not None and model.embedding_scale is not None:
        _set(network.embedding.full, _weights(model.embedding_codes, model.embedding_scale))


def _inputs(batch: MiniBatch, symbols: bool) -> NDArray[np.generic]:
    """The steps of a mini-batch that all sequences have."""
    steps = len(batch.inputs) if batch.lengths is None else int(batch.lengths.min())
    inputs: NDArray[np.generic] = batch.inputs[:steps].cpu().numpy()
    return inputs.astype(np.uint32) if symbols else inputs


@dataclass(frozen=True)
class _Products:
    """Products of the codes of one layer over a mini-batch, without scales."""

    recurrent: NDArray[np.float64]  # (T, B, R)
    input: NDArray[np.float64]  # (T, B, R)


def _products(model: Model, k: int, operands: Mapping[str, NDArray[Any]]) -> _Products:
    layer, suffix = model.layers[k], model.config.suffix(k)
    h = operands[f"h{suffix}"].astype(np.float64)
    codes, parts, first = layer.recurrent_codes.astype(np.float64), [], 0
    for stage, operand in zip(layer.cell.stages, ("h", *layer.cell.results), strict=True):
        rows = slice(first, first + len(stage.gates) * layer.config.hidden)
        of_step = np.concatenate([np.zeros_like(h[:1]), h[:-1]]) if operand == "h" else operands[f"{operand}{suffix}"]
        parts.append(of_step @ codes[rows].T)
        first = rows.stop
    x, columns = operands[model.config.input_operand(k)], layer.input_codes.astype(np.float64).T
    return _Products(np.concatenate(parts, -1), columns[x] if x.ndim == 2 else x @ columns)


def _fill(layer: TrainedLayer, given: Layer, products: _Products) -> None:
    """The parameters of a layer, so that it infers what `given` does."""
    shift = given.shift.astype(np.float64)
    candidate = np.zeros(layer.hidden) if given.shift_recurrent is None else given.shift_recurrent.astype(np.float64)
    for weight, norm, codes, scale, gain, z in (
        (layer.recurrent_weight, layer.recurrent_norm, given.recurrent_codes, given.scale_recurrent,
         given.gain_recurrent, products.recurrent),
        (layer.input_weight, layer.input_norm, given.input_codes, given.scale_input,
         given.gain_input, products.input),
    ):  # fmt: skip
        if not norm.by_batch and norm.norm != "weight":
            _set(weight.full, _weights(codes, scale))
            if gain is not None:
                _set(norm.gain, gain)
            continue
        _set(weight.full, codes)
        if norm.norm == "weight":
            _set(norm.gain, scale * row_norms(weight.full.detach()).cpu().numpy())
            continue
        recurrent = norm is layer.recurrent_norm
        mean = z.mean((0, 1))
        variance = z.var(1).mean(0) if recurrent else z.var((0, 1))
        _set(norm.mean, mean)
        _set(norm.variance, variance)
        _set(norm.gain, scale * np.sqrt(variance + EPSILON))
        restored = scale * mean
        if recurrent and layer.bias_candidate is not None:
            candidate += restored[-layer.hidden :]
            restored[-layer.hidden :] = 0
        shift += restored
    _set(layer.bias, shift)
    if layer.initial is not None and given.initial_state is not None:
        _set(layer.initial, given.initial_state)
    if layer.bias_candidate is not None:
        _set(layer.bias_candidate, candidate)


def _weights(codes: NDArray[Any], scale: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = codes.astype(np.float64) * scale[:, None]
    return weights


@torch.no_grad()
def _set(parameter: Tensor, values: NDArray[np.generic]) -> None:
    parameter.copy_(torch.from_numpy(np.asarray(values, np.float64)))
