"""Trained checkpoints, packed at their real bit width, each with a card beside it.

``archsim train`` makes both. Importing this loads no model and no card: their modules are loaded when one is asked for.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from archsim.errors import BadInput, near

if TYPE_CHECKING:
    from workloads.config import Config
    from workloads.fixed_point import IntegerModel
    from workloads.model import Model
    from workloads.zoo.card import Card

ALL: tuple[str, ...] = (
    "wp-lstm256-float",
    "wp-lstm256-fixed8",
    "wp-lstm256-ternary",
    "wp-lstm256-binary",
    "wp-lstm256-ternary-s50",
    "wp-lstm256-ternary-s90",
    "wp-lstm256-fixed8-s90",
    "wp-lstm512-float",
    "wp-lstm512-binary",
    "wp-lstm512-ternary",
    "wp-lstm512-ternary-s50",
    "wp-lstm512-ternary-s80",
    "wp-lstm512-ternary-s90",
    "wp-lstm512-ternary-s95",
    "wp-lstm512-ternary-r90",
    "wp-lstm512-fixed8",
    "wp-lstm512-pow2-ternary",
    "wp-lstm512-exponential5",
    "smnist-lstm100-float",
    "smnist-lstm100-binary",
    "smnist-lstm100-ternary",
    "smnist-lstm100-ternary-s80",
    "smnist-rows-lstm100-float",
    "smnist-rows-lstm100-binary",
    "smnist-rows-lstm100-ternary",
    "smnist-rows-lstm100-ternary-s80",
    "ptb-word-lstm300-float",
    "imdb-lstm64-float",
    "imdb-lstm64-ternary",
    "imdb-gru64-float",
    "imdb-gru64-ternary",
    "spoken-lstm64-float",
    "spoken-lstm64-ternary",
    "spoken-gru64-float",
    "spoken-gru64-ternary",
    "spoken-rnn64-float",
    "spoken-rnn64-ternary",
)

FOLDER = Path(__file__).parent
"""Where the shipped checkpoints and their cards lie."""


def model_path(name_or_path: str | Path) -> Path:
    """File of a shipped model by name, or a path as it is; BadInput where it is neither."""
    if str(name_or_path) in ALL:
        return FOLDER / f"{name_or_path}.safetensors"
    path = Path(name_or_path)
    if not path.is_file():
        raise BadInput(f"{path}: no such model file, nor one of {near(str(path), ALL)}")
    return path


def load_model(name_or_path: str | Path) -> "Model":
    """A shipped model by name, or one from a file; BadInput says what is wrong, and where."""
    from workloads.model import Model

    return Model.load(model_path(name_or_path))


def load_either(name_or_path: str | Path) -> "Model | IntegerModel":
    """A model as `load_model` has it, or one that computes with integers alone (`archsim ptq` writes them)."""
    path = model_path(name_or_path)
    return _kind(path).load(path)


def load_config(name_or_path: str | Path) -> "Config":
    """What a model is, of either kind, without reading its numbers."""
    path = model_path(name_or_path)
    return _kind(path).load_config(path)


def _kind(path: Path) -> "type[Model] | type[IntegerModel]":
    from workloads.packed import is_integer_model

    if is_integer_model(path):
        from workloads.fixed_point import IntegerModel

        return IntegerModel
    from workloads.model import Model

    return Model


def load_card(name_or_path: str | Path) -> "Card":
    """The card of a shipped model by name, or the one beside a model file."""
    from workloads.zoo.card import Card

    return Card.load(model_path(name_or_path).with_suffix(".toml"))
