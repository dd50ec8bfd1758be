"""`archsim evaluate`: the accuracy of trained networks, on data of their own task or of a person's."""

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from archsim.cores import cores
from archsim.errors import BadInput
from dse.cli.bars import progress
from dse.cli.clipping import clipped_json, say_clipped
from dse.cli.inputs import for_task
from dse.cli.options import Json, TaskOption, Threshold, one_of
from dse.cli.tables.layout import figures
from dse.cli.terminal import out, print_json, say
from workloads import zoo
from workloads.evaluate import evaluate as accuracy
from workloads.fitting import task_of
from workloads.numbers import Clipped
from workloads.tasks import METRIC_WORDS, Metric, Split, Task

TEXT = ("metric", "unit")
"""Columns that are no numbers."""


@dataclass(frozen=True)
class Evaluation:
    """One network, measured on a whole split."""

    model: str
    task: str
    split: Split
    size: int
    """Sequences, or symbols of a text."""
    metric: Metric
    value: float
    """Less is better."""
    clipped: tuple[Clipped, ...]
    """How much did not fit the numbers that hold it, of constants and on the way."""


def evaluate(
    workloads: Annotated[list[str], typer.Argument(help="Zoo models, or model files.")],
    task: TaskOption = None,
    split: Annotated[Split, typer.Option(help="train, validation or test.", **one_of("--split", Split))] = "test",
    threshold: Threshold = None,
    as_json: Json = False,
) -> None:
    """Measure accuracy over a whole split: of the model's own task, or of a task in a file.

    archsim evaluate wp-lstm256-ternary

    archsim evaluate mine.safetensors small.safetensors --task mine.toml --split test
    """
    found = [_measured(workload, task, split, threshold) for workload in workloads]
    if as_json:
        print_json([{**asdict(each), "clipped": clipped_json(each.clipped)} for each in found])
        return
    rows = [(each.model, f"{each.value:.4g}", *METRIC_WORDS[each.metric][:2]) for each in found]
    out.print(figures(f"The whole {split} split; less is better", ("model", split, "metric", "unit"), rows, text=TEXT))
    for each in found:
        say_clipped(each.clipped, model=each.model if len(found) > 1 else None)
    for name, size in dict.fromkeys((each.task, each.size) for each in found):
        say(f"{name}: {size:,} in the {split} split")


def _measured(workload: str, given: str | None, split: Split, threshold: float | None) -> Evaluation:
    model = for_task(zoo.load_either(workload), given)
    model = (model if threshold is None else model.with_threshold(threshold)).counting()
    task: Task[Any] = task_of(model)
    with progress(model.name, None) as (bar, shown):
        value = accuracy(
            model, split, lambda done, total: bar.update(shown, completed=done, total=total), threads=cores()
        )
    if not math.isfinite(value):
        raise BadInput(f"model {model.name}: its outputs are no finite numbers on the {split} split of {task.name}")
    clipped = (*model.constants_clipped, *model.saturations.places)
    return Evaluation(model.name, task.name, split, len(task.split(split)), task.metric, value, clipped)
