"""Trained checkpoints, packed at their real bit width, each with a card beside it.

``archsim train`` makes both; `verify` measures a model again and compares it with its card.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.errors import BadInput, near
from workloads import tasks
from workloads.config import Config
from workloads.evaluate import evaluate
from workloads.fixed_point import IntegerModel, MeasuredBits, Settings, calibrate, quantize
from workloads.fixed_point.model import is_integer_model
from workloads.model import Model
from workloads.tasks import METRIC_WORDS, own
from workloads.zoo.card import Card, Quantized, file_sha256

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

TOLERANCE = 1e-3
"""How far a test metric measured again may lie from its card, as a share of it. Float32 differs between machines in the
last bit, and a state that then falls on the other side of the threshold changes all that follow."""
FLIPPED = 2
"""How many sequences of the test split may be classified otherwise than on the card, if that is more: an error in %
counts whole ones, and TOLERANCE is less than one of most tasks."""


@dataclass(frozen=True)
class Verification:
    """A zoo model measured again, or its integers after training."""

    name: str
    bits: str | None
    """Widths of the integers; None: the model as it is."""
    metric: str
    card_loss: float
    measured_loss: float | None
    """None: the data are not at hand."""
    tolerance: float | None
    """How far the two may lie apart, where there are two."""
    missing: str | None
    """Which, and where to put them."""
    same_file: bool
    """The checkpoint has the SHA-256 that its card names."""

    @property
    def passed(self) -> bool:
        """Nothing differs, as far as it could be measured."""
        if self.measured_loss is None or self.tolerance is None:
            return self.same_file
        return self.same_file and abs(self.measured_loss - self.card_loss) <= self.tolerance


def model_path(name_or_path: str | Path) -> Path:
    """File of a shipped model by name, or a path as it is; BadInput where it is neither."""
    if str(name_or_path) in ALL:
        return FOLDER / f"{name_or_path}.safetensors"
    path = Path(name_or_path)
    if not path.is_file():
        raise BadInput(f"{path}: no such model file, nor one of {near(str(path), ALL)}")
    return path


def load_model(name_or_path: str | Path) -> Model:
    """A shipped model by name, or one from a file; BadInput says what is wrong, and where."""
    return Model.load(model_path(name_or_path))


def load_either(name_or_path: str | Path) -> Model | IntegerModel:
    """A model as `load_model` has it, or one that computes with integers alone (`archsim ptq` writes them)."""
    path = model_path(name_or_path)
    return IntegerModel.load(path) if is_integer_model(path) else Model.load(path)


def load_config(name_or_path: str | Path) -> Config:
    """What a model is, of either kind, without reading its numbers."""
    path = model_path(name_or_path)
    return IntegerModel.load_config(path) if is_integer_model(path) else Model.load_config(path)


def load_card(name_or_path: str | Path) -> Card:
    """The card of a shipped model by name, or the one beside a model file."""
    return Card.load(model_path(name_or_path).with_suffix(".toml"))


def verify(name_or_path: str | Path, on_steps: Callable[[int, int], None] | None = None) -> Iterator[Verification]:
    """Measure the test metrics on the card of a model again, on the whole split, where its data are at hand.

    BadInput where the model or its card is broken.
    """
    path = model_path(name_or_path)
    card, model = load_card(path), Model.load(path)
    task = tasks.at_hand(model.task)
    missing = own.not_found(model.task) if task is None else task.missing()
    same_file = file_sha256(path) == card.file.sha256

    def found(bits: str | None, of_card: float, measured: float | None) -> Verification:
        tolerance = None if measured is None or task is None else _tolerance(task, of_card)
        return Verification(card.name, bits, card.measured.metric, of_card, measured, tolerance, missing, same_file)

    yield found(None, card.measured.test, None if missing else evaluate(model, "test", on_steps))
    for entry in card.quantized:
        again = None if missing else evaluate(_integers(model, entry), "test", on_steps)
        yield found(entry.bits, entry.test, again)


def _tolerance(task: tasks.Task[Any], loss: float) -> float:
    share = TOLERANCE * loss
    if not METRIC_WORDS[task.metric].of_hundred:
        return share
    return max(share, 100 * (FLIPPED + 0.5) / len(task.split("test")))  # and a half, since figures are rounded


def record_quantized(name_or_path: str | Path, card: Card, point: MeasuredBits, integers: IntegerModel) -> Quantized:
    """Measure `integers`, which is `point` of the validation split, on the test split too, and put both on the card."""
    entry = Quantized(
        weight_bits=point.weight_bits,
        activation_bits=point.activation_bits,
        cell_bits=point.cell_bits,
        embedding_bits=point.embedding_bits,
        validation=point.value,
        test=evaluate(integers.with_products("blas"), "test"),
        memory_cut=round(point.memory_cut, 6),
    )
    card.with_quantized(entry).save(model_path(name_or_path).with_suffix(".toml"))
    return entry


def _integers(model: Model, entry: Quantized) -> IntegerModel:
    widths = entry.model_dump(include={"weight_bits", "activation_bits", "cell_bits", "embedding_bits"})
    return quantize(model, calibrate(model), Settings.of(**widths)).with_products("blas")


__all__ = [
    "ALL",
    "FOLDER",
    "Card",
    "Quantized",
    "Verification",
    "load_card",
    "load_config",
    "load_either",
    "load_model",
    "model_path",
    "record_quantized",
    "verify",
]
