"""What zeros in the state cost in accuracy, and what a design gains from them (SKIP, Ardakani et al., DATE 2019).

Points of one curve: models as they were trained, and the same ones pruned harder, without training again.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from archsim.design import Design
from archsim.errors import BadInput
from archsim.files import JsonValue
from archsim.simulation import quickest, simulate
from archsim.trace.trace import Trace
from workloads import zoo
from workloads.evaluate import evaluate
from workloads.fitting import available, task_of
from workloads.model import Model
from workloads.record import longest, record
from workloads.sparsify import prune_to, sample_of, zeros
from workloads.tasks.base import Split

SEQUENCES, STEPS = 16, 400
"""The largest trace in which zeros and cycles are counted."""


@dataclass(frozen=True)
class Gain:
    """What skipping gains on so many lanes, over the same lanes with skipping off."""

    lanes: int
    skipped: float
    """Share of the columns streamed, inputs among them, that are zero in every lane."""
    speedup: float
    ideal: float
    """Were time in proportion to columns."""


@dataclass(frozen=True)
class SparsityPoint:
    """One model at one sparsity."""

    model: str
    metric: str
    pruned: bool
    """After training; else as it was trained."""
    recurrence_alone: bool
    """The recurrence of some layer reads h pruned, and what lies above reads it dense."""
    threshold: float
    """The largest of the layers."""
    sparsity: float
    """Share of the states that is zero."""
    loss: float
    """The task's metric over the whole split."""
    gains: tuple[Gain, ...]
    """By lanes; none where the design cannot do the model."""
    refusal: str | None
    """Why not."""

    def to_json(self) -> dict[str, JsonValue]:
        return {**vars(self), "gains": [vars(gain) for gain in self.gains]}


def sparsity_curve(
    names: Sequence[str | Path],
    design: Design,
    lanes: Sequence[int],
    targets: Sequence[float] = (),
    split: Split = "validation",
    task: str | None = None,
    consumers: Collection[str] = (),
) -> Iterator[SparsityPoint]:
    """Each model as it is, and with thresholds for each share of `targets` that it does not have by itself.

    `task`: a task, or the path of one's file, instead of the models' own. `consumers`: what then reads h pruned; none
    named: what reads it so in the model as it is.

    BadInput where a name is no model, or a target no share.
    """
    for name in names:
        model = zoo.load_model(name)
        model = model if task is None else model.with_task(task)
        trained = _point(model, design, lanes, split, pruned=False)
        yield trained
        sample, other = sample_of(model), model.with_pruned(consumers) if consumers else model
        for target in targets:
            if target > trained.sparsity:
                yield _point(prune_to(other, target, sample), design, lanes, split, pruned=True)


def _point(model: Model, design: Design, lanes: Sequence[int], split: Split, pruned: bool) -> SparsityPoint:
    sequences = max(min(SEQUENCES, available(model, split)), *lanes)
    trace = record(model, split, sequences, min(STEPS, longest(model, split, sequences)))
    states = zeros(trace)
    gains: tuple[Gain, ...] = ()
    refusal = None
    try:
        gains = tuple(_gain(trace, design, n) for n in lanes)
    except BadInput as reason:
        refusal = str(reason)
    return SparsityPoint(
        model=model.name,
        metric=task_of(model).metric,
        pruned=pruned,
        recurrence_alone=any(layer.splits for layer in model.config.layers),
        threshold=model.threshold,
        sparsity=sum(state.sparsity for state in states) / len(states),
        loss=evaluate(model, split),
        gains=gains,
        refusal=refusal,
    )


def _gain(trace: Trace, design: Design, lanes: int) -> Gain:
    report = simulate(design, trace, quickest(design), lanes=lanes, scope="recurrent")
    return Gain(lanes, report.skipped, report.speedup_same_lanes, report.speedup_ideal)
