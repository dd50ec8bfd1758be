"""The functional check: a model's integers through the machine's `column` engine, against the reference's sums."""

from dataclasses import dataclass

from archsim.design import Design
from archsim.machine.functional import (
    Integers,
    differences,
    run_check,
)
from archsim.mapping.plan import RunScope
from archsim.simulation import Job, prepare
from workloads.integers import integer_run
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks.base import Sample


@dataclass(frozen=True)
class FunctionalCheck:
    """How many sums of a run the machine made, and how many are not the reference's, by accumulator."""

    design: str
    workload: str
    lanes: int
    steps: int
    sums: dict[str, int]
    different: dict[str, int]

    @property
    def passed(self) -> bool:
        return not any(self.different.values())


def check(
    design: Design, model: Model, sample: Sample, lanes: int | None = None, scope: RunScope = "model"
) -> FunctionalCheck:
    """Run `model` over `sample` on `design`, column by column, and compare the sums of every step, bit for bit.

    BadInput names what the design cannot do, and what of the model is no integer.
    """
    trace = record_sample(model, sample, {})
    prepared = prepare(Job(design, trace, lanes, scope=scope))
    reference = integer_run(model, sample)
    integers = Integers(reference.weights, reference.operands)
    found = {name: sums for phase in prepared.phases for name, sums in run_check(*phase.triple, integers).items()}
    expected = {name: reference.sums[name][:, : prepared.lanes] for name in found}
    return FunctionalCheck(
        design=design.name,
        workload=model.name,
        lanes=prepared.lanes,
        steps=trace.steps,
        sums={name: sums.size for name, sums in found.items()},
        different=differences(found, expected),
    )
