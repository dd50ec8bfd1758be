"""Points to evaluations: the model side from its cache, the hardware side in bulk."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from archsim.design import Design
from archsim.simulation import Job, simulate, simulate_many
from archsim.trace import BadInput
from dse.models import ModelSide, OnDone
from dse.point import Evaluation, Measured, ModelChoice
from dse.space import Scenario


@dataclass(frozen=True)
class Point:
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
        self._measured: dict[ModelChoice, Measured] = {}

    @property
    def measured(self) -> Mapping[ModelChoice, Measured]:
        """What has been measured so far."""
        return self._measured

    def measure(self, choices: Iterable[ModelChoice], on_done: OnDone) -> None:
        """Measure what has not been yet, in order; `choices` are distinct, and may end where time does."""
        self._measured |= self.models.measure((c for c in choices if c not in self._measured), on_done)

    def evaluate(self, points: Sequence[Point], on_done: OnDone) -> list[Evaluation | BadInput]:
        """Every point by `analytic`, in order; a point that the machine refuses yields its reason."""
        self.measure(dict.fromkeys(point.choice for point in points), on_done)
        return run_all([(point.design, self._measured[point.choice]) for point in points], self.scenario)

    def confirm(self, evaluation: Evaluation) -> Evaluation:
        """The same point on `burst`, with its dense runs.

        EngineMismatch where it is not equal in cycles, stalls and every count.
        """
        expected = evaluation.report
        trace = evaluation.measured.trace
        report = simulate(evaluation.design, trace, "burst", scope=self.scenario.scope)
        for what, ours, theirs in (
            ("cycles", expected.cycles, report.cycles),
            ("stalls", expected.stalls, report.stalls),
            ("ledger", expected.ledger.counts, report.ledger.counts),
        ):
            if ours != theirs:
                raise EngineMismatch(
                    f"{evaluation.design.name} on {evaluation.measured.choice.label}: "
                    f"{what} are {ours} by analytic, {theirs} by burst"
                )
        return replace(evaluation, report=report)


def run_all(pairs: Sequence[tuple[Design, Measured]], scenario: Scenario) -> list[Evaluation | BadInput]:
    """Designs on measured models, by `analytic`, in order; what the machine refuses yields its reason."""
    jobs = [Job(design, side.trace, scope=scenario.scope) for design, side in pairs]
    return [
        report if isinstance(report, BadInput) else Evaluation(design, side, report)
        for (design, side), report in zip(pairs, simulate_many(jobs), strict=True)
    ]
