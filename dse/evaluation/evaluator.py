"""Points to evaluations: the model side from its cache, the hardware side in bulk."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from archsim.analysis.scenario import Streaming, streaming
from archsim.analytic import closed_form
from archsim.design import Design
from archsim.errors import BadInput
from archsim.report import SimReport
from archsim.simulation import Job, simulate, simulate_many
from dse.evaluation.models import ModelSide, OnDone
from dse.evaluation.point import Evaluation, MeasuredModel
from dse.evaluation.workers import Workers
from dse.space.choice import ModelChoice
from dse.space.specs import Scenario


@dataclass(frozen=True)
class DesignPoint:
    """A design and what runs on it."""

    design: Design
    choice: ModelChoice


class EngineMismatch(RuntimeError):
    """`burst` and `analytic` disagree: a fault of archsim, never of an input."""


class Evaluator:
    """Evaluates points of a space on one scenario. Each model is measured once, however many designs run it."""

    def __init__(self, models: ModelSide, scenario: Scenario) -> None:
        self.models = models
        self.scenario = scenario
        self._measured: dict[ModelChoice, MeasuredModel | BadInput] = {}

    @property
    def measured(self) -> Mapping[ModelChoice, MeasuredModel | BadInput]:
        """What has been measured so far, or why it could not be."""
        return self._measured

    def measure(self, choices: Iterable[ModelChoice], on_done: OnDone) -> None:
        """Measure what has not been yet, in order; `choices` are distinct, and may end where time does."""
        self._measured |= self.models.measure((c for c in choices if c not in self._measured), on_done)

    def evaluate(self, points: Sequence[DesignPoint], on_done: OnDone) -> list[Evaluation | BadInput]:
        """Every point by `analytic`, in order; what cannot be run, or has no loss, yields its reason."""
        self.measure(dict.fromkeys(point.choice for point in points), on_done)
        return run_all([(point.design, self._measured[point.choice]) for point in points], self.scenario)

    def confirm(
        self, evaluations: Sequence[Evaluation], workers: Workers, on_done: Callable[[int], None]
    ) -> list[Evaluation]:
        """The same points on `burst`, in order, by `workers`; EngineMismatch where one is not equal in cycles, stalls
        and every count.

        Of a stream, each of its steps on its own as well. `on_done` is called with the number of points that are done.
        """
        firsts = range(0, len(evaluations), TOGETHER)
        parts = (FrontPart(self.scenario, first, tuple(evaluations[first : first + TOGETHER])) for first in firsts)
        found: dict[int, SimReport] = {}
        for part, reports in workers.run(confirmed, parts):
            found |= dict(enumerate(reports, part.first))
            on_done(len(found))
        return [replace(evaluation, report=found[place]) for place, evaluation in enumerate(evaluations)]


TOGETHER = 4
"""Points that are confirmed by one worker at a time."""


@dataclass(frozen=True, eq=False)
class FrontPart:
    """Points to confirm, as they are sent to a worker."""

    scenario: Scenario
    first: int
    """The place of the first of them."""
    evaluations: tuple[Evaluation, ...]

    def __str__(self) -> str:
        return f"points {self.first + 1} to {self.first + len(self.evaluations)} of the front"


def confirmed(part: FrontPart) -> list[SimReport]:
    """The reports of `burst`. A function of the module, so that it can be sent to another process."""
    closed_form.load()
    return [_confirmed(evaluation, part.scenario) for evaluation in part.evaluations]


def _confirmed(evaluation: Evaluation, scenario: Scenario) -> SimReport:
    design, measured, expected = evaluation.design, evaluation.measured, evaluation.report
    report = simulate(design, measured.trace, "burst", scope=scenario.scope)
    compared: list[tuple[str, object, object]] = [
        ("cycles", expected.cycles, report.cycles),
        ("stalls", expected.stalls, report.stalls),
        ("ledger", expected.ledger.counts, report.ledger.counts),
    ]
    if evaluation.stream is not None:
        compared.append(("streams", evaluation.stream, stream(design, measured, scenario, "burst")))
    for what, ours, theirs in compared:
        if ours != theirs:
            raise EngineMismatch(
                f"{design.name} on {measured.choice.label}: {what} are {ours} by analytic, {theirs} by burst"
            )
    return report


def run_all(
    pairs: Sequence[tuple[Design, MeasuredModel | BadInput]], scenario: Scenario
) -> list[Evaluation | BadInput]:
    """Designs on measured models, by `analytic`, in order; what the machine refuses yields its reason."""
    ready = [(design, side) for design, side in pairs if not isinstance(side, BadInput)]
    reports = simulate_many(Job(design, side.trace, scope=scenario.scope) for design, side in ready)
    found = (_evaluation(*pair, report, scenario) for pair, report in zip(ready, reports, strict=True))
    return [side if isinstance(side, BadInput) else next(found) for _, side in pairs]


def _evaluation(
    design: Design, side: MeasuredModel, report: SimReport | BadInput, scenario: Scenario
) -> Evaluation | BadInput:
    if isinstance(report, BadInput):
        return report
    try:
        return Evaluation(design, side, report, stream(design, side, scenario))
    except BadInput as reason:
        return reason


def stream(
    design: Design, side: MeasuredModel, scenario: Scenario, engine: Literal["analytic", "burst"] = "analytic"
) -> Streaming | None:
    """A sequence in every lane of a design, a step a period; None where the scenario is no stream."""
    if scenario.period_us is None:
        return None
    return streaming(
        design,
        side.trace,
        scenario.period_us,
        scenario.deadline_us,
        lanes=design.lanes,
        scope=scenario.scope,
        engine=engine,
    )
