"""From a finished training run to a packed model and its card."""

import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workloads import tasks
from workloads.evaluate import evaluate
from workloads.model import Config, Model
from workloads.record import longest, record
from workloads.state_pruning import sparsity, union_sparsity
from workloads.training.lstm import EPSILON, CharLSTM, QuantizedWeight, Steps, fastest
from workloads.training.recipe import Recipe, load_recipe
from workloads.training.train import OnProgress, Outcome, train
from workloads.zoo.card import Card, Data, Measured, Training, Weights, file_sha256

LANES = (1, 2, 4, 8, 16)
SEQUENCES = 64
"""Sequences that the test split is cut into to measure sparsity; a multiple of every number of lanes."""


def export(recipe: Recipe, network: CharLSTM) -> Model:
    """The model that computes what ``network.infer`` does, with the batch norm folded into scales and shifts.

    Folding is done in double precision. A weight matrix keeps its codes; its format's scale joins the row scales.
    """
    recurrent_codes, recurrent_scale = _codes(network.recurrent_weight)
    input_codes, input_scale = _codes(network.input_weight)
    readout_codes, readout_scale = _codes(network.readout_weight)
    gain_h = _array(network.phi_recurrent) / np.sqrt(_array(network.recurrent_variance) + EPSILON)
    gain_x = _array(network.phi_input) / np.sqrt(_array(network.input_variance) + EPSILON)
    shift = _array(network.bias) - gain_h * _array(network.recurrent_mean) - gain_x * _array(network.input_mean)
    config = Config(
        name=recipe.name,
        task=recipe.task,
        cell=recipe.cell,
        hidden=recipe.hidden,
        symbols=network.symbols,
        weight_format=recipe.weight_format,
        readout_format=network.readout_weight.format.name,
        state_bits=recipe.state_bits,
        threshold=float(network.threshold),
    )
    return Model(
        config,
        recurrent_codes=recurrent_codes,
        input_codes=input_codes,
        readout_codes=readout_codes,
        scale_recurrent=(gain_h * recurrent_scale).astype(np.float32),
        scale_input=(gain_x * input_scale).astype(np.float32),
        shift=shift.astype(np.float32),
        readout_scale=np.array([readout_scale], np.float32),
        readout_bias=_array(network.readout_bias).astype(np.float32),
    )


def measure(model: Model) -> Measured:
    """Accuracy on both splits, and the sparsity of the states on the test split."""
    trace = record(model, "test", SEQUENCES, longest(model, "test", SEQUENCES))
    nonzero = np.unpackbits(trace.arrays["h"][1:], axis=-1, count=model.hidden).view(np.bool_)  # (T, S, H)
    return Measured(
        validation_bpc=evaluate(model, "validation"),
        test_bpc=evaluate(model, "test"),
        test_bpc_one_stream=evaluate(model, "test", streams=1),
        threshold=model.threshold,
        state_sparsity=sparsity(nonzero),
        sequences=SEQUENCES,
        union_sparsity={lanes: union_sparsity(nonzero, lanes) for lanes in LANES},
    )


def make_card(model: Model, path: Path, recipe: Recipe, outcome: Outcome, machine: str, hours: float | None) -> Card:
    """Card of `model`, saved at `path`; measures it anew. `hours` of training, where they are known."""
    task = tasks.by_name(recipe.task)
    return Card(
        name=model.name,
        published=task.published,
        data=Data(task=task.name, title=task.title, sha256=task.sha256, symbols=task.symbols),
        recipe=recipe,
        training=Training(
            epochs_run=outcome.epochs_run,
            best_epoch=outcome.best_epoch,
            validation_bpc=outcome.validation_bpc,
            torch=torch.__version__,
            machine=machine,
            hours=hours,
        ),
        measured=measure(model),
        file=Weights(
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
    steps: Steps | None = None,
) -> Card:
    """Train a recipe, or go on where `folder` holds a run of it; write ``NAME.safetensors`` and ``NAME.toml``.

    A run that had ended is exported as it is. `hours` of training go on the card; None: the time this call took, where
    it trained from the first epoch, else unknown. `steps`: None takes the fastest there are. BadInput where the recipe
    or a checkpoint is broken.
    """
    recipe = load_recipe(recipe_name_or_path)
    fresh = not (folder / "latest.pt").exists()
    start = time.monotonic()
    outcome = train(recipe, folder, device, on_progress, steps or fastest())
    if fresh and hours is None:
        hours = round((time.monotonic() - start) / 3600, 3)
    zoo_folder.mkdir(parents=True, exist_ok=True)
    path = zoo_folder / f"{recipe.name}.safetensors"
    model = export(recipe, outcome.model)
    model.save(path)
    card = make_card(model, path, recipe, outcome, _machine(device), hours)
    card.save(path.with_suffix(".toml"))
    return card


def _codes(weight: QuantizedWeight) -> tuple[NDArray[np.generic], float]:
    full = weight.full.detach().cpu().numpy()
    scale = weight.format.fit_scale(full)
    return weight.format.quantize(full, scale), scale


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().numpy().astype(np.float64)


def _machine(device: str) -> str:
    """The class of this machine, for a card."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"
