"""From a finished training run to a packed model and its card."""

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archsim.errors import BadInput
from workloads import sparsify, tasks
from workloads.config import Config, Embedding, LayerConfig, OneHot, Readout, Vector
from workloads.evaluate import evaluate
from workloads.fitting import available
from workloads.layer import Layer
from workloads.model import Model
from workloads.record import longest, record
from workloads.tasks import Sequences
from workloads.training.network import TrainedLayer, TrainedNetwork
from workloads.training.norms import EPSILON, ProductNorm
from workloads.training.recipe import Recipe, load_recipe
from workloads.training.sequence import Compile, fastest
from workloads.training.train import FinishedRun, OnProgress, final_draw, train
from workloads.training.weights import QuantizedWeight, Rng
from workloads.zoo.card import Card, CardMetrics, Data, StateZeros, StoredWeights, Training, file_sha256

SEQUENCES = 64
"""Sequences of the test split that sparsity is measured on, if it has so many; a multiple of every number of lanes."""
UNCHANGED = 1e-4
"""How far the validation metric may move, as a share of it, where float weights are shipped in float16."""
ONE_STREAM_SYMBOLS = 1_000_000
"""The longest test split that is also read as one stream: a step at a time, which takes minutes."""

Doubles = NDArray[np.float64]


def export(recipe: Recipe, network: TrainedNetwork) -> Model:
    """The model that computes what ``network.inference`` does; norms that need no run time folded, in double precision.

    A weight matrix keeps its codes; its format's scale joins the row scales. Where rounding is stochastic the codes are
    the one draw that was validated. BadInput for statistics of each step: one row has one shift.
    """
    _exportable(recipe)
    rng = final_draw(recipe)
    layers = tuple(_layer(recipe, layer, first=k == 0, rng=rng) for k, layer in enumerate(network.stack))
    task = tasks.by_name(recipe.task)
    embedding, embedding_scale = (None, None) if network.embedding is None else network.embedding.codes()
    readout, readout_scale = network.readout_weight.codes()
    readout_bias = _array(network.readout_bias)
    if network.unit is not None:  # the scale of each output takes it back to the unit of its target
        readout_scale = readout_scale * network.unit.deviation
        readout_bias = readout_bias * network.unit.deviation + network.unit.mean
    config = Config(
        name=recipe.name,
        task=recipe.task,
        normalisation=task.normalisation,
        input=_input(network, task),
        layers=tuple(layer.config for layer in layers),
        readout=Readout(outputs=task.outputs, weight_format=recipe.readout.name, when=task.readout),
    )
    return Model(
        config,
        layers,
        embedding_codes=embedding,
        embedding_scale=None if embedding_scale is None else embedding_scale.astype(np.float32),
        readout_codes=readout,
        readout_scale=readout_scale.astype(np.float32),
        readout_bias=readout_bias.astype(np.float32),
    )


def _exportable(recipe: Recipe) -> None:
    if recipe.norm == "batch-per-step":
        raise BadInput(
            f"recipe {recipe.name}: norm batch-per-step cannot be exported: it has statistics of each step, and a "
            "model has one scale and shift a row; train with norm = 'batch'"
        )


def _input(network: TrainedNetwork, task: tasks.Task[Any]) -> OneHot | Embedding | Vector:
    if task.symbols is None:
        assert task.features is not None
        return Vector(size=task.features)
    if network.embedding is None:
        return OneHot(symbols=task.symbols)
    table = network.embedding
    return Embedding(symbols=task.symbols, size=table.full.shape[1], weight_format=table.format.name)


def _layer(recipe: Recipe, layer: TrainedLayer, first: bool, rng: Rng) -> Layer:
    recurrent, scale_recurrent, shift_recurrent = _folded(layer.recurrent_weight, layer.recurrent_norm, rng)
    inputs, scale_input, shift_input = _folded(layer.input_weight, layer.input_norm, rng)
    bias, bias_candidate = (None if b is None else _array(b) for b in layer.biases(rng))
    assert bias is not None
    shift = bias + shift_input
    if bias_candidate is not None:  # the candidate's rows, the last, are shifted inside the reset
        bias_candidate = bias_candidate + shift_recurrent[-layer.hidden :]
        shift_recurrent[-layer.hidden :] = 0
    shift = shift + shift_recurrent
    affine = None
    if layer.cell_norm is not None and layer.bias_cell is not None:
        scale, mean = _by_running_statistics(layer.cell_norm)
        affine = np.stack([scale, _array(layer.bias_cell) - scale * mean])
    at_run_time = recipe.norm == "layer"
    config = LayerConfig(
        cell=recipe.cell,
        hidden=recipe.hidden,
        weight_format=recipe.recurrent.name,
        input_weight_format=recipe.input.name,
        norm="layer" if at_run_time else "none",
        state_bits=recipe.state_bits,
        state_integer_bits=recipe.state_integer_bits,
        threshold=float(layer.threshold),
        input_bits=recipe.input_bits if first else None,
        input_integer_bits=recipe.input_integer_bits if first else 0,
        input_threshold=recipe.input_threshold if first else 0.0,
        pruned=layer.kind.pruned,
        unpruned=layer.kind.unpruned,
    )
    return Layer(
        config,
        recurrent,
        inputs,
        scale_recurrent=scale_recurrent.astype(np.float32),
        scale_input=scale_input.astype(np.float32),
        shift=shift.astype(np.float32),
        shift_recurrent=None if bias_candidate is None else bias_candidate.astype(np.float32),
        gain_recurrent=_array(layer.recurrent_norm.gain).astype(np.float32) if at_run_time else None,
        gain_input=_array(layer.input_norm.gain).astype(np.float32) if at_run_time else None,
        initial_state=None if layer.initial is None else _array(layer.initial).astype(np.float32),
        affine_cell=None if affine is None else affine.astype(np.float32),
    )


def _by_running_statistics(norm: ProductNorm) -> tuple[Doubles, Doubles]:
    """Gain over the running deviation, and the running mean, of each row of a batch norm."""
    return _array(norm.gain) / np.sqrt(_array(norm.variance) + EPSILON), _array(norm.mean)


def _folded(weight: QuantizedWeight, norm: ProductNorm, rng: Rng) -> tuple[NDArray[Any], Doubles, Doubles]:
    """Codes of a product, and what is left of its format and its norm: scale and shift of each row ``(R,)``."""
    codes, of_format = weight.codes(rng)
    scale, shift = np.broadcast_to(of_format, len(codes)), np.zeros(len(codes))
    if norm.by_batch:
        gain, mean = _by_running_statistics(norm)
        return codes, gain * scale, -gain * mean
    if norm.norm == "weight":
        values = codes.astype(np.float64) * scale[:, None]
        return codes, scale * _array(norm.gain) / np.sqrt(np.square(values).sum(1) + EPSILON), shift
    return codes, scale.astype(np.float64), shift


def narrowest(model: Model) -> Model:
    """`model` with its float32 weights in float16 where the validation metric does not change, else as it is."""
    narrow = model.with_float16()
    if narrow.config == model.config:
        return model
    before, after = evaluate(model, "validation"), evaluate(narrow, "validation")
    return narrow if abs(after - before) <= UNCHANGED * before else model


def measure(model: Model) -> CardMetrics:
    """The task's metric on both splits, and how the zeros of the states lie on the test split."""
    task = tasks.by_name(model.task)
    test = task.split("test")
    sequences = min(SEQUENCES, available(model, "test"))
    trace = record(model, "test", sequences, longest(model, "test", sequences))
    one_stream = not isinstance(test, Sequences) and len(test) <= ONE_STREAM_SYMBOLS
    return CardMetrics(
        metric=task.metric,
        validation=evaluate(model, "validation"),
        test=evaluate(model, "test"),
        test_one_stream=evaluate(model, "test", streams=1) if one_stream else None,
        sequences=sequences,
        states=tuple(
            StateZeros(
                operand=zeros.operand, threshold=layer.threshold, sparsity=zeros.sparsity, union_sparsity=zeros.union
            )
            for zeros, layer in zip(sparsify.zeros(trace), model.config.layers, strict=True)
        ),
    )


def make_card(
    model: Model, path: Path, recipe: Recipe, outcome: FinishedRun, machine: str, hours: float | None
) -> Card:
    """Card of `model`, saved at `path`; measures it anew. `hours` of training, where they are known."""
    task = tasks.by_name(recipe.task)
    return Card(
        name=model.name,
        published=task.published,
        data=Data(
            task=task.name,
            title=task.title,
            sha256=task.sha256,
            symbols=task.symbols,
            features=task.features,
            outputs=task.outputs,
            split=_split(task),
            normalisation=task.normalisation,
        ),
        recipe=recipe,
        training=Training(
            epochs_run=outcome.epochs_run,
            best_epoch=outcome.best_epoch,
            validation=outcome.validation_loss,
            torch=torch.__version__,
            machine=machine,
            hours=hours,
        ),
        measured=measure(model),
        file=StoredWeights(
            sha256=file_sha256(path),
            bytes=path.stat().st_size,
            weight_bytes=model.weight_bytes,
            gate_weight_bytes=model.gate_weight_bytes,
        ),
    )


def train_and_export(
    recipe_name_or_path: str | Path,
    folder: Path,
    zoo_folder: Path,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    hours: float | None = None,
    compile_: Compile | None = None,
) -> Card:
    """Train a recipe, or go on where `folder` holds a run of it; write ``NAME.safetensors`` and ``NAME.toml``.

    A run that had ended is exported as it is. `hours` of training go on the card; None: the time this call took, where
    it trained from the first epoch, else unknown. `compile_`: None takes the fastest there is. BadInput where the
    recipe or a checkpoint is broken, or, before it trains, where the result could not be exported.
    """
    recipe = load_recipe(recipe_name_or_path)
    _exportable(recipe)
    path = zoo_folder / f"{recipe.name}.safetensors"
    _refuse_other_file(path.with_suffix(".toml"), Path(recipe_name_or_path))
    fresh = not any(folder.rglob("latest.pt"))
    start = time.monotonic()
    outcome = train(recipe, folder, device, on_progress, compile_ or fastest())
    if fresh and hours is None:
        hours = round((time.monotonic() - start) / 3600, 3)
    zoo_folder.mkdir(parents=True, exist_ok=True)
    model = narrowest(export(recipe, outcome.network))
    model.save(path)
    card = make_card(model, path, outcome.network.recipe, outcome, _machine(device), hours)
    card.save(path.with_suffix(".toml"))
    return card


def _refuse_other_file(card: Path, recipe: Path) -> None:
    """BadInput where the card would take the place of a task, or of another recipe, of the same name.

    That of the recipe itself it may take, since it holds all of it.
    """
    if not card.exists() or (recipe.exists() and card.samefile(recipe)):
        return
    try:
        Card.load(card)
    except BadInput:
        raise BadInput(f"{card}: is no card, and the model's would replace it; give another folder, or name") from None


def _split(task: tasks.Task[Any]) -> str:
    """Sizes of train, validation and test."""
    sizes = [len(task.split(split)) for split in tasks.SPLITS]
    of = "symbols" if task.predicts == "symbols" else "sequences"
    return f"{' / '.join(f'{size:,}' for size in sizes)} {of}"


def _array(tensor: Tensor) -> Doubles:
    return tensor.detach().cpu().numpy().astype(np.float64)


def _machine(device: str) -> str:
    """The class of this machine, for a card."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"
