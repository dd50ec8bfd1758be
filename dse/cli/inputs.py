"""What the commands are given: workloads by name or file, overrides of a design."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from archsim.design import Value
from archsim.errors import BadInput
from archsim.trace.trace import Trace
from dse.cli.bars import steps_of
from dse.cli.clipping import say_clipped
from dse.cli.terminal import notes
from workloads import zoo
from workloads.fitting import available
from workloads.model import Model
from workloads.record import record
from workloads.tasks import Normalisation, Sample
from workloads.tasks.base import HeldOutSplit

SEQUENCES = 16
"""The most that are recorded where nobody says how many, and no more lanes are asked for."""
if TYPE_CHECKING:
    from workloads.fixed_point import IntegerModel
AnyModel = TypeVar("AnyModel", Model, "IntegerModel", "Model | IntegerModel")


def load_workload(name: str, lanes: int, steps: int, split: HeldOutSplit, threshold: float | None) -> Trace:
    """A trace file, or a trace recorded now from a model of the zoo (or a model file) over real data; what the model's
    numbers clip meanwhile is said."""
    if name.endswith(".npz"):
        if threshold is not None:
            raise BadInput(f"--threshold: {name} is a trace, which has its threshold already; give a model")
        return Trace.load(Path(name))
    model = at_threshold(zoo.load_either(name), threshold).counting()
    trace = record_text(model, split, max(lanes, min(SEQUENCES, available(model, split))), steps)
    say_clipped((*model.constants_clipped, *model.saturations.places))
    return trace


def for_task(model: AnyModel, task: str | None) -> AnyModel:
    """The model with its own task, or with another."""
    return model if task is None else model.with_task(task)


def check_raw(raw: bool) -> None:
    """BadInput where there are no inputs that --raw could be of."""
    if raw:
        raise BadInput(f"{_RAW} data of a task are normalised already")


def normalised(sample: Sample, normalisation: Normalisation | None, raw: bool) -> Sample:
    """A person's own inputs as the model reads them; says so where they are taken to be normalised already."""
    if normalisation is None:
        if raw:
            raise BadInput(f"{_RAW} the model has no normalisation")
        return sample
    if raw:
        return replace(sample, inputs=normalisation(sample.inputs))
    how = f"[yellow]inputs:[/] are taken as normalised ({normalisation.method}) like the training data; --raw does it"
    notes.print(how, soft_wrap=True, highlight=False)
    return sample


_RAW = "--raw: normalises --inputs as the model's training data were, but"


def at_threshold(model: AnyModel, threshold: float | None) -> AnyModel:
    """The model with its own state threshold, or with another."""
    return model if threshold is None else model.with_threshold(threshold)


def record_text(
    model: "Model | IntegerModel", split: HeldOutSplit, sequences: int, steps: int, out: Path | None = None
) -> Trace:
    """A trace recorded now, of a model over data of its task."""
    with steps_of(f"recording {model.name}", steps) as on_step:
        return record(model, split, sequences=sequences, steps=steps, out=out, on_step=on_step)


def parse_overrides(assignments: list[str]) -> dict[str, Value]:
    """``dotted.path=value`` with the value as JSON reads it, or else as text."""
    values: dict[str, Value] = {}
    for assignment in assignments:
        path, equals, raw = assignment.partition("=")
        if not equals or not path:
            raise BadInput(f"--set must be dotted.path=value, not {assignment!r}")
        values[path.strip()] = parse_value(raw)
    return values


def parse_value(text: str) -> Value:
    """As JSON reads it, or else the text; BadInput where it is a number too long, or lists too deep, to be read."""
    try:
        value: Value = json.loads(text)
    except json.JSONDecodeError:
        return text
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{text[:20]}...: cannot be read ({error})") from None
    return value
