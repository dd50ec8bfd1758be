"""What is known of a checkpoint: data, recipe, and what was measured, as TOML beside it."""

import hashlib
import tomllib
from pathlib import Path

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archsim.trace import BadInput, explain, whole_file
from workloads.training.recipe import Recipe


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Frozen):
    """The text, and how it was split."""

    task: str
    title: str
    sha256: str
    symbols: int
    split: str = "80/10/10 by position"


class Training(_Frozen):
    """How the run went. BPC by PyTorch, in float32."""

    epochs_run: int
    best_epoch: int
    validation_bpc: float
    torch: str
    machine: str
    hours: float | None = None


class Measured(_Frozen):
    """By the numpy reference, on whole splits; 64 streams unless said otherwise (`workloads.evaluate`)."""

    validation_bpc: float
    test_bpc: float
    test_bpc_one_stream: float = Field(description="the state carried from the first symbol to the last")
    threshold: float
    state_sparsity: float = Field(description="share of h that is zero, on the test split")
    sequences: int = Field(description="sequences that the test split was cut into for the sparsities")
    union_sparsity: dict[int, float] = Field(description="by lanes: share of columns zero in all of them")


class Weights(_Frozen):
    """The file, and what of it is weights."""

    sha256: str
    bytes: int
    weight_bytes: int = Field(description="all that inference reads: packed weights, row scales and shifts, biases")
    gate_weight_bytes: int = Field(description="packed W_h and W_x alone: RBT's size of a model")


class Card(_Frozen):
    """One checkpoint of the zoo. `published` is for orientation: another work's figure on the same text."""

    name: str
    published: str
    data: Data
    recipe: Recipe
    training: Training
    measured: Measured
    file: Weights

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        with whole_file(path) as part:
            part.write_text(self.to_toml())

    @classmethod
    def load(cls, path: Path) -> "Card":
        """A validated card; BadInput names the file and the rule it breaks."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text()))
        except FileNotFoundError:
            raise BadInput(f"{path}: no such card") from None
        except ValidationError as error:
            raise BadInput(f"{path}: {explain(error)}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise BadInput(f"{path}: is not a TOML file ({error})") from None


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
