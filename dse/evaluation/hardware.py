"""What of a model goes into a machine in Verilog: a trace of it with the integers behind it."""

from dataclasses import replace
from typing import NamedTuple

from archsim.machine.functional import Integers
from archsim.trace.trace import Trace
from workloads import tasks
from workloads.fixed_point import IntegerModel
from workloads.fixed_point.integers import integer_run_of
from workloads.integers import integer_run
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks.base import Split


class Recorded(NamedTuple):
    """A model over data of its task."""

    trace: Trace
    integers: Integers


def recorded(model: Model | IntegerModel, split: Split, lanes: int, steps: int, sequences: int = 1) -> Recorded:
    """A model over at most `steps` steps of the first `lanes` of so many sequences of a split, at least of `lanes`.

    BadInput names what of the model is no integer.
    """
    sample = tasks.by_name(model.task).sample(split, max(lanes, sequences), steps, seed=0)
    lengths = sample.lengths[:lanes]
    sample = replace(sample, inputs=sample.inputs[: sample.warmup + lengths.max(), :lanes], lengths=lengths)
    run = integer_run_of(model, sample) if isinstance(model, IntegerModel) else integer_run(model, sample)
    return Recorded(record_sample(model, sample, {}), Integers(run.weights, run.operands))
