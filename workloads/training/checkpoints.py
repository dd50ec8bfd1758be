"""Checkpoints of a training run: ``latest.pt`` to go on from, ``best.pt`` with the weights of the best epoch."""

import errno
import pickle
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from archsim.errors import BadInput
from archsim.files import whole_file
from workloads.training.network import TrainedNetwork
from workloads.training.recipe import Recipe

FORMAT = 2
"""Of a checkpoint. In those that tell none, products of ``bfloat16`` were those of the layers alone."""


def save(
    path: Path, recipe: Recipe, network: TrainedNetwork, optimiser: torch.optim.Optimizer, standing: dict[str, Any]
) -> None:
    """All that a run needs to go on as if it had not stopped, the state of PyTorch's generators included (dropout)."""
    device = network.readout_bias.device
    _save(
        path,
        {
            "format": FORMAT,
            "recipe": recipe.model_dump_json(),
            "model": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "standing": standing,
            "rng": torch.get_rng_state(),
            "device_rng": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        },
    )


def resume(
    path: Path, recipe: Recipe, network: TrainedNetwork, optimiser: torch.optim.Optimizer, device: str
) -> dict[str, Any]:
    """Put a run back to where `path` left it; returns its standing. BadInput where it is of another recipe."""
    saved = _load(path, device, "recipe", "model", "optimiser", "standing", "rng", "device_rng")
    theirs = _recipe(saved)
    if theirs != recipe:
        differs = "" if theirs is None else f" ({_difference(theirs, recipe)})"
        raise BadInput(f"{path}: was made by another recipe{differs}; give an empty folder or the recipe that made it")
    try:
        network.load_state_dict(saved["model"])
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise BadInput(f"{path}: does not fit the task {recipe.task} as it is now ({reason})") from None
    optimiser.load_state_dict(saved["optimiser"])
    torch.set_rng_state(saved["rng"].cpu())
    if saved["device_rng"] is not None and device.startswith("cuda"):
        torch.cuda.set_rng_state(saved["device_rng"].cpu(), device)
    standing: dict[str, Any] = saved["standing"]
    return standing


def save_weights(path: Path, recipe: Recipe, network: TrainedNetwork) -> None:
    _save(path, {"format": FORMAT, "recipe": recipe.model_dump_json(), "model": network.state_dict()})


def weights(path: Path, device: str) -> dict[str, torch.Tensor]:
    """State of the network in a file of `save_weights`."""
    state: dict[str, torch.Tensor] = _load(path, device, "model")["model"]
    return state


def recipe_of(path: Path) -> Recipe:
    """The recipe that made a checkpoint; BadInput where it is none that can be read today."""
    recipe = _recipe(_load(path, "cpu", "recipe"))
    if recipe is None:
        raise BadInput(f"{path}: was made by a recipe with other keys than recipes have now")
    return recipe


def _recipe(saved: dict[str, Any]) -> Recipe | None:
    """Compared as a recipe, not as text: a key that has come since has its default."""
    try:
        recipe = Recipe.model_validate_json(saved["recipe"])
    except ValidationError:
        return None
    layers_alone = "format" not in saved and recipe.products == "bfloat16"
    return recipe.changed(products="bfloat16-layers") if layers_alone else recipe


def _difference(theirs: Recipe, ours: Recipe) -> str:
    """The keys that differ, each with both values."""
    given = theirs.model_dump(), ours.model_dump()
    return ", ".join(
        f"{key} {given[0][key]}, not {given[1][key]}" for key in given[0] if given[0][key] != given[1][key]
    )


def _load(path: Path, device: str, *needed: str) -> dict[str, Any]:
    """A checkpoint of `_save`; BadInput where it is not a whole one, or has not all that is `needed`."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise BadInput(
            f"{path}: no such checkpoint, though latest.pt is beside it; start from an empty folder"
            if path.with_name("latest.pt").exists()
            else f"{path}: no such checkpoint"
        ) from None
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{path}: is not a whole checkpoint; delete it to start over ({reason})") from None
    if not isinstance(saved, dict) or not saved.keys() >= set(needed):
        raise BadInput(f"{path}: is not a checkpoint of a training run")
    return saved


def _save(path: Path, state: dict[str, Any]) -> None:
    """Written whole or not at all; OSError where it could not be."""
    with whole_file(path) as part:
        try:
            torch.save(state, part)
        except RuntimeError as error:  # what torch says of a full disk
            raise OSError(errno.EIO, str(error).splitlines()[0]) from None
