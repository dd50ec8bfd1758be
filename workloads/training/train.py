"""Train a recipe: quantization-aware, batch-normalised, with a pruned state. Checkpoints itself and resumes."""

import errno
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archsim.trace import BadInput, whole_file
from workloads import tasks
from workloads.tasks.metrics import State, bits_per_character
from workloads.training.lstm import EAGER, CharLSTM, Steps
from workloads.training.recipe import Recipe

RAMP = 1 / 3
"""Share of the epochs over which the target sparsity rises from zero."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for a progress bar."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss_bpc: float
    validation_bpc: float
    sparsity: float


class OnProgress(Protocol):
    def __call__(self, progress: Progress) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """A finished run: the weights of the best epoch and how it got there."""

    model: CharLSTM
    validation_bpc: float
    best_epoch: int
    epochs_run: int


def build(recipe: Recipe) -> CharLSTM:
    """The untrained network of a recipe, from its seed."""
    torch.manual_seed(recipe.seed)
    symbols = tasks.by_name(recipe.task).symbols
    return CharLSTM(symbols, recipe.hidden, recipe.weight_format, recipe.state_bits)


def validate(model: CharLSTM, symbols: NDArray[np.uint8], device: str = "cpu", streams: int = 64) -> float:
    """BPC of `symbols` by PyTorch, in float32 with the running statistics."""

    def run(inputs: NDArray[np.uint8], state: State | None) -> tuple[NDArray[np.floating], State]:
        if state is None:
            state = tuple(torch.zeros(inputs.shape[1], model.hidden, device=device) for _ in range(2))
        logits, h, c = model.infer(torch.from_numpy(inputs.astype(np.int64)).to(device), *state)
        return logits.cpu().numpy(), (h, c)

    return bits_per_character(run, symbols, streams=streams)


def train(
    recipe: Recipe,
    folder: Path,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    steps: Steps = EAGER,
) -> Outcome:
    """Run `recipe` to its end, from the last finished epoch where `folder` holds one.

    Plain truncated backpropagation: the text is cut into `batch` contiguous streams whose state is carried from one
    mini-batch to the next and reset at the start of an epoch. Adam, cosine decay to zero over all epochs, gradient
    clipping. The full-precision weights of the epoch with the best validation BPC are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task = tasks.by_name(recipe.task)
    text = torch.from_numpy(task.split("train").astype(np.int64))
    validation = task.split("validation")
    model = build(recipe).to(device)
    model.threshold.fill_(recipe.threshold)
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    length = (len(text) - 1) // recipe.batch
    streams = text[: recipe.batch * length + 1]
    inputs = streams[:-1].view(recipe.batch, length).t().contiguous().to(device)  # (length, B)
    targets = streams[1:].view(recipe.batch, length).t().contiguous().to(device)
    batches = length // recipe.steps
    epoch, best_epoch, best_bpc = 0, 0, math.inf
    if not batches:
        raise BadInput(
            f"recipe {recipe.name}: batch x steps must be at most the {len(text) - 1} transitions of the training "
            f"split of {task.name}, not {recipe.batch} x {recipe.steps}"
        )
    latest, best = folder / "latest.pt", folder / "best.pt"
    if latest.exists():
        saved = _load(latest, device)
        if saved["recipe"] != recipe.model_dump_json():
            raise BadInput(f"{latest}: was made by another recipe; give an empty folder or the recipe that made it")
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        epoch, best_epoch, best_bpc = saved["epoch"], saved["best_epoch"], saved["best_bpc"]
    validation_bpc = best_bpc
    while epoch < recipe.epochs and epoch - best_epoch < recipe.patience:
        h = torch.zeros(recipe.batch, recipe.hidden, device=device)
        c = torch.zeros_like(h)
        total_bits, zeros = 0.0, 0.0
        for batch in range(batches):
            done = (epoch + batch / batches) / recipe.epochs
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            window = slice(batch * recipe.steps, (batch + 1) * recipe.steps)
            out = model.run(inputs[window], h, c, getattr(torch, recipe.products), momentum=0.05, steps=steps)
            logits = model.readout(out.states)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets[window].flatten())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            optimiser.step()
            if recipe.target_sparsity:
                _follow_quantile(model, out.unpruned_tail, recipe.target_sparsity * min(1.0, done / RAMP))
            h, c = out.states[-1].detach(), out.cell.detach()
            bits = loss.item() / math.log(2)
            total_bits += bits
            zeros += float((h == 0).float().mean())
            if on_progress:
                on_progress(
                    Progress(epoch, recipe.epochs, batch + 1, batches, bits, validation_bpc, zeros / (batch + 1))
                )
        epoch += 1
        validation_bpc = validate(model, validation, device)
        # Sparsity comes first: while it still rises, an epoch that is denser than asked for cannot be the best one.
        if validation_bpc < best_bpc or (recipe.target_sparsity and (epoch - 1) / recipe.epochs < RAMP):
            best_bpc, best_epoch = validation_bpc, epoch
            _save(best, {"model": model.state_dict()})
        _save(
            latest,
            {
                "recipe": recipe.model_dump_json(),
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "epoch": epoch,
                "best_epoch": best_epoch,
                "best_bpc": best_bpc,
            },
        )
        with (folder / "log.csv").open("a") as log:
            log.write(f"{epoch},{total_bits / batches:.5f},{validation_bpc:.5f},{zeros / batches:.4f}\n")
    model.load_state_dict(_load(best, device)["model"])
    return Outcome(model, best_bpc, best_epoch, epoch)


def _follow_quantile(model: CharLSTM, magnitudes: Tensor, sparsity: float) -> None:
    """Move the threshold a tenth of the way to the `sparsity` quantile of |h| before pruning."""
    flat = magnitudes.flatten()
    rank = max(1, min(flat.numel(), round(sparsity * flat.numel())))
    model.threshold.lerp_(torch.kthvalue(flat, rank).values * (1.0 if sparsity else 0.0), 0.1)


def _load(path: Path, device: str) -> dict[str, Any]:
    """A checkpoint of `_save`; BadInput where it is not a whole one."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise BadInput(
            f"{path}: no such checkpoint, though latest.pt is beside it; start from an empty folder"
        ) from None
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{path}: is not a whole checkpoint; delete it to start over ({reason})") from None
    if not isinstance(saved, dict) or "model" not in saved:
        raise BadInput(f"{path}: is not a checkpoint of a training run")
    return saved


def _save(path: Path, state: dict[str, Any]) -> None:
    """Written whole or not at all; OSError where it could not be."""
    with whole_file(path) as part:
        try:
            torch.save(state, part)
        except RuntimeError as error:  # what torch says of a full disk
            raise OSError(errno.EIO, str(error).splitlines()[0]) from None
