"""A model measured again, and compared with its card; and what is put on a card of its integers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads import tasks
from workloads.evaluate import evaluate
from workloads.fixed_point import IntegerModel, MeasuredBits, Settings, calibrate, quantize
from workloads.model import Model
from workloads.tasks import METRIC_WORDS, own
from workloads.zoo import load_card, model_path
from workloads.zoo.card import Card, Quantized, file_sha256

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


def verify(
    name_or_path: str | Path, on_steps: Callable[[int, int], None] | None = None, threads: int = 1
) -> Iterator[Verification]:
    """Measure the test metrics on the card of a model again, on the whole split, where its data are at hand.

    `threads` share the sequences, as `evaluate` says. BadInput where the model or its card is broken.
    """
    path = model_path(name_or_path)
    card, model = load_card(path), Model.load(path)
    task = tasks.at_hand(model.task)
    missing = own.not_found(model.task) if task is None else task.missing()
    same_file = file_sha256(path) == card.file.sha256

    def found(bits: str | None, of_card: float, measured: float | None) -> Verification:
        tolerance = None if measured is None or task is None else _tolerance(task, of_card)
        return Verification(card.name, bits, card.measured.metric, of_card, measured, tolerance, missing, same_file)

    yield found(None, card.measured.test, None if missing else evaluate(model, "test", on_steps, threads=threads))
    for entry in card.quantized:
        again = None if missing else evaluate(_integers(model, entry), "test", on_steps, threads=threads)
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
