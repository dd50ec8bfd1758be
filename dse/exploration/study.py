"""The search: ask Optuna for a generation, evaluate it in bulk, tell, keep; then confirm the front.

Trials are drawn in a study in memory and written to SQLite once they are complete, a generation in one transaction: a
search that is killed at any moment holds complete trials only, and the one that carries it on draws what was under way
again, with the same numbers. But for ``gp``, whose fits start from the fit before, a search that was stopped and
carried on ends with the same trials as one that ran through (tests/dse/exploration/test_resume.py), for one version of
Optuna and NumPy.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from archsim import designs
from archsim.design import Design, load_design
from archsim.errors import BadInput
from dse import objectives
from dse.evaluation.evaluator import DesignPoint, Evaluator
from dse.evaluation.models import Models, ModelSide
from dse.evaluation.outcome import (
    ENDS,
    PointOutcome,
    outcome,
    point_key,
    with_bands,
)
from dse.evaluation.point import Evaluation, MeasuredModel
from dse.evaluation.workers import InProcess, Workers
from dse.exploration.budget import Budget
from dse.exploration.database import (
    Database,
    Direction,
    opened,
)
from dse.exploration.draws import Drawn, Draws
from dse.exploration.enumerate import EnumerationProgress, enumerate_space, known_front, soon
from dse.exploration.standstill import Standstill
from dse.results import store, traces
from dse.results.bands import front_at
from dse.results.breakdown import Breakdowns, breakdowns
from dse.results.command import command
from dse.results.pareto import Front
from dse.results.quality import (
    Quality,
    Reference,
    costs,
)
from dse.results.result import (
    Extended,
    FrontPoint,
    SearchResult,
    Trial,
)
from dse.space.choice import ModelChoice
from dse.space.space import (
    MODEL,
    Setting,
    Space,
    Value,
)
from workloads.tasks.base import HeldOutSplit

DEFAULT_CACHE = Path("results") / ".cache"
"""Where measured accuracies and traces are kept between searches."""

TIMED_PART = 8
"""Points evaluated together where seconds count: bulk gains little beyond, and a part once begun is completed."""

BULK = 512
"""Points evaluated together of which whole reports are needed: these are not kept."""

FEW = 16
"""Points of a front that this process confirms alone: another would take as long to load what it needs."""

T = TypeVar("T")
Phase = Literal["search", "enumerate", "break down", "confirm", "test"]


@dataclass(frozen=True)
class SearchProgress:
    """How far a search is. After `search`, done and total count the points that were simulated, then points and models
    of the front."""

    phase: Phase
    done: int
    total: int | None
    """None where the budget is one of seconds alone."""
    model_evaluations: int
    """Whole splits run through a model so far, by this process."""
    front_size: int
    seconds: float
    """Spent on searching, earlier runs counted in."""


OnProgress = Callable[[SearchProgress], None]


def search(
    space: Space,
    folder: Path,
    resume: bool = False,
    on_progress: OnProgress | None = None,
    *,
    fresh: bool = False,
    workers: Workers | None = None,
    cache: Path = DEFAULT_CACHE,
    models: ModelSide | None = None,
    first: Sequence[Mapping[str, Value]] = (),
    extended: Extended | None = None,
    exact: bool = False,
) -> SearchResult:
    """Search `space` and write `folder`; BadInput where the folder already holds a search that this one is not.

    `resume` carries an unfinished search on, or a finished one with a larger budget. `fresh` measures every accuracy in
    this search, whatever the cache holds. `workers` measure them; this process alone does the rest, and writes.
    `models` stands in for the zoo in tests. `first` are points to begin with, after the starts of the space; `extended`
    says which run they were kept of, if they were. `exact` finds the exact front as well, in the folder ``exact``, of a
    space that is soon enumerated.
    """
    workers = workers or InProcess()
    if models is None:
        space.check_data()
        models = Models.of(space, folder / "cache" if fresh else cache, workers)
    identities = {choice: models.identity(choice) for choice in space.choices.values()}
    goals: dict[str, Direction] = {goal.name: goal.direction for goal in space.goals}
    with opened(folder, resume, goals, _signature(space, identities)) as disk:
        store.write_config(space, folder)
        if not resume:
            disk.begin_with(first, extended)
        running = _RunningSearch(space, folder, disk, identities, models, workers, on_progress)
        running.run()
        if not running.trials:
            raise BadInput(f"{space.name}: seconds must be enough to begin a trial, not {space.seconds:g}")
        if exact and soon(space):
            running.enumerated()
        parts = running.broken_down()
        front, published = running.confirmed(), running.published()
        seconds = running.seconds
        fronts = {end: front_at(end, running.trials, space) for end in ENDS}
        evaluations = (running.model_evaluations, running.cached_evaluations(front))
        found = (tuple(running.trials), front, fronts, *evaluations, seconds, *running.quality())
        result = SearchResult(folder, *found, running.stood_still, disk.extended)
        store.write(result, space, published, running.evaluator.measured, parts)
    return result


class _RunningSearch:
    """One search under way."""

    def __init__(
        self,
        space: Space,
        folder: Path,
        disk: Database,
        identities: Mapping[ModelChoice, str],
        models: ModelSide,
        workers: Workers,
        on_progress: OnProgress | None,
    ) -> None:
        self.space = space
        self.folder = folder
        self._phase: tuple[Phase, int, int | None]
        self.evaluator = Evaluator(models, space.scenario)
        self.identities = identities
        self._run: dict[HeldOutSplit, set[ModelChoice]] = {"validation": set(), "test": set()}
        self.trials: list[Trial] = []
        self._workers = workers
        self._on_progress = on_progress
        self._memory: dict[str, PointOutcome] = {}
        self._seen: set[str] = set()
        self._found = Front(len(space.goals))
        self._on_front: dict[int, Evaluation] = {}
        self._draws = Draws(space, disk.first)
        self._standstill = Standstill(space.stop_after_still, space.population, len(space.goals), self._draws.given)
        self._disk = disk
        stored = disk.trials
        self._draws.restore(stored)
        before_seconds = 0.0
        for trial in stored:
            try:
                found = PointOutcome.from_json(trial.user_attrs["outcome"])
                before_seconds = float(trial.user_attrs["seconds"])
            except (KeyError, TypeError, ValueError):
                raise BadInput(
                    f"{folder}: trial {trial.number} was made by another version of archsim; search in a new folder"
                ) from None
            self._remember(trial.number, trial.params, found)
        self._count_in(0)
        self._budget = Budget(space.trials, space.seconds, before_seconds)
        self._searched()

    @property
    def seconds(self) -> float:
        """Spent so far, by earlier runs of the search as well."""
        return self._budget.seconds

    @property
    def stood_still(self) -> int | None:
        """Trials after which the hypervolume stood still."""
        return self._standstill.reached

    def run(self) -> None:
        """Generation after generation until the budget is spent, or the hypervolume stands still."""
        self._report()
        while not self.stood_still and not self._draws.exhausted:
            numbers = self._budget.generation(len(self.trials), self._draws.batch)
            if not numbers:
                break
            self._generation(len(numbers))
            self._report()

    def broken_down(self) -> Breakdowns:
        """What every point that was simulated consists of: evaluated once more, in bulk, since a search keeps figures
        of its points and no reports."""
        front = {trial.number for trial in self._front()}

        def each() -> Iterator[tuple[int, Evaluation]]:
            for trial, found in self._again([t for t in self.trials if t.distinct and not t.outcome.refused]):
                if trial.number in front:
                    self._on_front[trial.number] = found
                yield trial.number, found

        return breakdowns(each())

    def _again(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Evaluation]]:
        """Trials as they came out; BadInput where one does not come out so again."""
        for begin in range(0, len(trials), BULK):
            self._enter("break down", begin, len(trials))
            part = trials[begin : begin + BULK]
            found = self.evaluator.evaluate([self._point(trial) for trial in part], self._count)
            for trial, evaluation in zip(part, found, strict=True):
                if isinstance(evaluation, BadInput) or not _same(trial.outcome.values, evaluation):
                    raise BadInput(
                        f"{self.folder}: trial {trial.number} does not come out as it did: it was made by another"
                        " version of archsim, of a design or of a model; search again in a new folder"
                    )
                yield trial, evaluation

    def confirmed(self) -> tuple[FrontPoint, ...]:
        """The front, after `broken_down`: each point run again by `burst`, with its test loss."""
        front = self._front()
        self._enter("confirm", 0, len(front))
        workers = self._workers if len(front) > FEW else InProcess()
        evaluated = [self._on_front[trial.number] for trial in front]
        confirmed = self.evaluator.confirm(evaluated, workers, lambda done: self._enter("confirm", done, len(front)))
        loss = self._test([found.measured.choice for found in confirmed])
        traces.write_traces((m for m in self.evaluator.measured.values() if isinstance(m, MeasuredModel)), self.folder)
        return tuple(
            FrontPoint(trial, found, overrides, loss[found.measured.choice], self._command(found, overrides))
            for trial, found, overrides in zip(front, confirmed, map(self._overrides, front), strict=True)
        )

    def enumerated(self) -> None:
        """Find the exact front, if it has one, for `quality`; where its folder holds another, that is left alone."""

        def show(p: EnumerationProgress) -> None:
            self._enter("enumerate", p.done, p.total)

        with suppress(BadInput):
            enumerate_space(self.space, self.folder / "exact", self.evaluator.models, show, self._workers)

    def quality(self) -> tuple[Quality | None, tuple[float, ...]]:
        """How good the search is, and the hypervolume after each trial."""
        exact = known_front(self.space, self.folder / "exact", self.evaluator.models)
        found = self._costs(self.trials)
        if not np.isfinite(found).all(axis=1).any():
            return None, (0.0,) * len(found)
        reference = exact.reference if exact else Reference.of(found)
        course = reference.course(found)
        return Quality(reference, float(course[-1]), exact.volume if exact else None), tuple(course.tolist())

    def published(self) -> list[tuple[Design, ModelChoice, PointOutcome]]:
        """The shipped designs on every model that was searched, as trained: same scenario, objectives and constraints.

        A model that a design cannot run is left out.
        """
        searched = {self._choice(trial.parameters) for trial in self.trials}
        choices = [choice for choice in self.space.as_trained if choice in searched]
        pairs = [(load_design(name), choice) for name in designs.PUBLISHED for choice in choices]
        found = self.evaluator.evaluate([DesignPoint(design, choice) for design, choice in pairs], self._count)
        return [
            (design, choice, self._outcome(choice, "", evaluation, design.sha256))
            for (design, choice), evaluation in zip(pairs, found, strict=True)
            if isinstance(evaluation, Evaluation)
        ]

    def _generation(self, size: int) -> None:
        asked: list[Drawn] = []
        while len(asked) < size and not self._draws.exhausted:
            asked.append(self._draws.ask())
        outcomes = self._answers([drawn.picked for drawn in asked])
        told = []
        for drawn, found in zip(asked, outcomes, strict=False):  # what there was no time for is asked again some day
            excesses = {} if found.refused else self.space.violations(found.values)
            notes: dict[str, str | float] = {"outcome": found.to_json(), "seconds": round(self._budget.seconds, 3)}
            told.append(self._draws.tell(drawn, found.values, excesses, notes))
        self._disk.add(told)
        before = len(self.trials)
        for complete, found in zip(told, outcomes, strict=True):
            self._remember(complete.number, complete.params, found)
        self._count_in(before)
        self._searched()

    def _searched(self) -> None:
        self._phase = ("search", len(self.trials), self.space.trials)

    def _answers(self, picked: Sequence[Mapping[str, Value]]) -> list[PointOutcome]:
        """Outcomes of a generation, in order: of all, or of the first ones where there is no time for more."""
        keys = [self._key(parameters) for parameters in picked]
        new = {key: p for key, p in zip(keys, picked, strict=True) if key not in self._memory}
        together = max(TIMED_PART, 4 * self._workers.count) if self._budget.timed else max(1, len(new))
        for part in self._budget.in_time(_parts(new, together)):
            self._evaluate(part)
        return [self._memory[key] for key in takewhile(self._memory.__contains__, keys)]

    def _evaluate(self, new: Mapping[str, Mapping[str, Value]]) -> None:
        """Remember the outcome of each point, evaluated in bulk, but for those whose model it was too late to measure.

        All of them begin with the first; a measurement that has begun is waited for.
        """
        choices = {key: self._choice(parameters) for key, parameters in new.items()}
        self.evaluator.measure(self._budget.in_time(dict.fromkeys(choices.values())), self._count)
        valid: dict[str, DesignPoint] = {}
        for key, choice in choices.items():
            if choice in self.evaluator.measured:
                try:
                    valid[key] = DesignPoint(self.space.design(self.space.overrides(new[key])), choice)
                except BadInput as refusal:
                    self._memory[key] = self._outcome(choice, key, refusal, "")
        found = self.evaluator.evaluate(list(valid.values()), self._count)
        for (key, point), evaluation in zip(valid.items(), found, strict=True):
            self._memory[key] = self._outcome(point.choice, key, evaluation, point.design.sha256)

    def _outcome(self, choice: ModelChoice, key: str, found: Evaluation | BadInput, design_sha256: str) -> PointOutcome:
        made = outcome(self.space, key, choice, self.evaluator.measured[choice], found, design_sha256)
        return made if isinstance(found, BadInput) else with_bands(made, found)

    def _remember(self, number: int, parameters: Mapping[str, Value], found: PointOutcome) -> None:
        self.trials.append(Trial(number, dict(parameters), found, distinct=found.key not in self._seen))
        self._seen.add(found.key)
        self._memory[found.key] = found

    def _front(self) -> list[Trial]:
        """Distinct feasible trials that no other dominates; equal ones stay together."""
        return [self.trials[index] for index in self._found.labels]

    def _count_in(self, begin: int) -> None:
        """Take account of the trials from index `begin` on."""
        self._found.add(*self._feasible(begin))
        self._standstill.add(self._costs(self.trials[begin:]))

    def _costs(self, trials: Sequence[Trial]) -> NDArray[np.float64]:
        """``(N, M)``, on the axes of the hypervolume; infinite where a trial is not feasible."""
        missing = float("inf")
        values = {g.name: np.array([t.outcome.values.get(g.name, missing) for t in trials]) for g in self.space.goals}
        found = costs(self.space.goals, values)
        found[[not trial.outcome.feasible for trial in trials]] = missing
        return found

    def _feasible(self, begin: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Costs ``(N, M)`` and indices ``(N,)`` of the distinct feasible trials from index `begin` on."""
        found = [i for i, t in enumerate(self.trials[begin:], begin) if t.distinct and t.outcome.feasible]
        signs = [(goal.name, goal.sign) for goal in self.space.goals]
        costs = [[sign * self.trials[i].outcome.values[name] for name, sign in signs] for i in found]
        return np.array(costs).reshape(-1, len(signs)), np.array(found, np.int64)

    def _choice(self, parameters: Mapping[str, Value]) -> ModelChoice:
        return self.space.choices[str(parameters[MODEL])]

    def _key(self, parameters: Mapping[str, Value]) -> str:
        return point_key(self.space.overrides(parameters), self.identities[self._choice(parameters)])

    def _overrides(self, trial: Trial) -> dict[str, Setting]:
        return self.space.overrides(trial.parameters)

    def _point(self, trial: Trial) -> DesignPoint:
        return DesignPoint(self.space.design(self._overrides(trial)), self._choice(trial.parameters))

    def _test(self, choices: Sequence[ModelChoice]) -> Mapping[ModelChoice, float | None]:
        distinct = list(dict.fromkeys(choices))
        self._enter("test", 0, len(distinct))
        loss = self.evaluator.models.test_loss(distinct, self._count_test)
        self._enter("test", len(distinct), len(distinct))
        return loss

    def _command(self, found: Evaluation, overrides: Mapping[str, Setting]) -> str:
        return command(self.space, traces.trace_path(found.measured, self.folder), overrides)

    @property
    def model_evaluations(self) -> int:
        return sum(map(len, self._run.values()))

    def cached_evaluations(self, front: Iterable[FrontPoint]) -> int:
        """Those that were needed and not run; none where there is no task."""
        if self.space.task is None:
            return 0
        measured = {choice for choice, side in self.evaluator.measured.items() if isinstance(side, MeasuredModel)}
        tested = {point.evaluation.measured.choice for point in front}
        return len(measured - self._run["validation"]) + len(tested - self._run["test"])

    def _count(self, choice: ModelChoice) -> None:
        self._run["validation"].add(choice)
        self._report()

    def _count_test(self, choice: ModelChoice) -> None:
        phase, done, total = self._phase
        self._run["test"].add(choice)
        self._enter(phase, done + 1, total)

    def _enter(self, phase: Phase, done: int, total: int | None) -> None:
        self._phase = (phase, done, total)
        self._report()

    def _report(self) -> None:
        if self._on_progress:
            self._on_progress(
                SearchProgress(*self._phase, self.model_evaluations, len(self._found.labels), self._budget.seconds)
            )


def _signature(space: Space, identities: Mapping[ModelChoice, str]) -> str:
    """What must be the same for a stored trial to stand: the space less its budget, and the models."""
    return point_key({"space": space.sha256}, " ".join(identities.values()))


def _parts(points: Mapping[str, T], size: int) -> Iterator[dict[str, T]]:
    items = iter(points.items())
    while part := dict(islice(items, size)):
        yield part


def _same(values: Mapping[str, float], found: Evaluation) -> bool:
    """Whether a point comes out as stored; an accuracy measured anew may differ in its last digits."""
    stored = [o for o in objectives.every() if o.name in values]
    return all(math.isclose(values[o.name], o.of(found), rel_tol=1e-5) for o in stored)
