"""Accuracy of a model on real data, by the numpy reference."""

from collections.abc import Callable

from workloads.fitting import task_of
from workloads.fixed_point import IntegerModel
from workloads.model import Model
from workloads.side_by_side import SideBySide
from workloads.tasks.base import Split


def evaluate(
    model: Model | IntegerModel,
    split: Split,
    on_steps: Callable[[int, int], None] | None = None,
    streams: int = 64,
    threads: int = 1,
) -> float:
    """The metric of the model's task over the whole `split`, in float32; less is better.

    A text is read in `streams` parts side by side, each warmed up; one carries the state all along. What was clipped on
    the way, `model.saturations` counts. With more `threads` these share the parts, where that changes no number.
    """
    task = task_of(model)
    if threads == 1:
        return task.evaluate(model, split, on_steps, streams)
    with SideBySide(model, threads) as shared:
        return task.evaluate(shared, split, on_steps, streams)
