"""What of a model goes into a machine in Verilog: a trace of it with the integers behind it."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from archsim.machine.functional import Integers
from archsim.rtl.case import Cells
from archsim.trace.trace import Trace
from workloads import tasks
from workloads.fixed_point import IntegerModel
from workloads.fixed_point.integers import beside_before, integer_run_of
from workloads.fixed_point.unit_functions import unit_functions
from workloads.integers import integer_run
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks.base import Sample, Split


class Recorded(NamedTuple):
    """A model over data of its task."""

    trace: Trace
    integers: Integers
    cells: Cells | None
    """Of a model that computes with integers alone."""


def recorded(
    model: Model | IntegerModel, split: Split, lanes: int, steps: int, sequences: int = 1, first: int = 0
) -> Recorded:
    """A model over at most `steps` steps of the first `lanes` of so many sequences of a split, at least of `lanes`.

    The window begins at step `first`. BadInput names what of the model is no integer.
    """
    sample = tasks.by_name(model.task).sample(split, max(lanes, sequences), steps, seed=0)
    lengths = sample.lengths[:lanes]
    sample = replace(sample, inputs=sample.inputs[: sample.warmup + lengths.max(), :lanes], lengths=lengths)
    return recorded_over(model, sample, first)


def recorded_over(model: Model | IntegerModel, sample: Sample, first: int = 0) -> Recorded:
    """The same over a given sample."""
    cells = None
    if isinstance(model, IntegerModel):
        values = integer_run_of(model, sample)
        later = replace(sample, warmup=sample.warmup + first, lengths=np.maximum(sample.lengths - first, 1))
        cells = Cells(unit_functions(model), beside_before(model, later))
    else:
        values = integer_run(model, sample)
    return Recorded(record_sample(model, sample, {}), Integers(values.weights, values.operands, values.shifts), cells)
