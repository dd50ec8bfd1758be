"""Accuracy of a model on real text, by the numpy reference."""

from collections.abc import Callable

from workloads import tasks
from workloads.model import Model
from workloads.tasks.char_lm import Split
from workloads.tasks.metrics import bits_per_character


def evaluate(
    model: Model, split: Split, on_steps: Callable[[int, int], None] | None = None, streams: int = 64
) -> float:
    """Bits per character of the whole `split` of the model's task, in float32.

    `streams` parts run side by side, each warmed up (see `bits_per_character`); one carries the state all along.
    """
    return bits_per_character(model.run, tasks.by_name(model.task).split(split), streams, on_steps=on_steps)
