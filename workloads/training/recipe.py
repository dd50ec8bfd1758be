"""Recipes: everything that decides a training run, as TOML."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from archsim.trace import BadInput, explain
from workloads import formats, tasks
from workloads.training import recipes


def _known_task(name: str) -> str:
    return tasks.by_name(name).name


def _known_format(name: str) -> str:
    return formats.by_name(name).name


class Recipe(BaseModel):
    """One training run. Groups that are compared differ in `weight_format` and `target_sparsity` alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    task: Annotated[str, AfterValidator(_known_task)]
    cell: Literal["lstm"] = "lstm"
    hidden: int = Field(ge=1)
    weight_format: Annotated[str, AfterValidator(_known_format)]
    state_bits: int | None = Field(default=None, ge=2, le=16, description="Q0.n of the hidden state; absent: float")
    threshold: float = Field(default=0.0, ge=0.0, lt=1.0, description="|h| below it becomes zero (SKIP)")
    target_sparsity: float = Field(default=0.0, ge=0.0, lt=1.0, description="sets the threshold by quantile of |h|")
    epochs: int = Field(ge=1)
    patience: int = Field(ge=1, description="epochs without a better validation BPC before the run ends")
    batch: int = Field(default=128, ge=2)
    steps: int = Field(default=50, ge=4, description="steps of truncated backpropagation through time")
    learning_rate: float = Field(default=0.003, gt=0)
    clip_norm: float = Field(default=1.0, gt=0)
    products: Literal["bfloat16", "float32"] = Field(
        default="bfloat16", description="type of the matrix products in training; inference is float32"
    )
    seed: int = 1


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A shipped recipe by name, or one from a TOML file; BadInput names the file and the rule it breaks."""
    shipped = str(name_or_path) in recipes.ALL
    path = recipes.FOLDER / f"{name_or_path}.toml" if shipped else Path(name_or_path)
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text()))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such recipe file, nor one of {', '.join(recipes.ALL)}") from None
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadInput(f"{path}: is not a TOML file ({error})") from None
