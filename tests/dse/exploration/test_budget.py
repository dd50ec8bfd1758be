"""A budget in seconds: nothing begins after it, what has begun is completed, and a search goes on from there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dse.evaluation.evaluator import run_all
from dse.evaluation.models import OnDone
from dse.evaluation.point import MeasuredModel
from dse.exploration import study
from dse.exploration.budget import Budget
from dse.exploration.study import SearchProgress, search
from dse.results.result import Trial
from dse.space.choice import ModelChoice
from dse.space.space import parse_space


class Clock:
    """A clock that goes on only where work is done: no test waits for it, and none depends on the machine."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.work: list[tuple[str, float, float]] = []

    def does(self, what: str, seconds: float) -> None:
        began = self.now
        self.now += seconds
        self.work.append((what, began - 1000, self.now - 1000))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("dse.exploration.budget.monotonic", lambda: clock.now)
    return clock


class SlowModels:
    """Models that take ten seconds each, once."""

    def __init__(self, models: Any, clock: Clock) -> None:
        self._models = models
        self._clock = clock
        self._known: set[ModelChoice] = set()

    def identity(self, choice: ModelChoice) -> str:
        return str(self._models.identity(choice))

    def measure(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, MeasuredModel]:
        found: dict[ModelChoice, MeasuredModel] = {}
        for choice in choices:
            if choice not in self._known:
                self._clock.does(choice.label, 10)
                self._known.add(choice)
            found |= self._models.measure([choice], on_done)
        return found

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float]:
        return dict(self._models.test_loss(choices, on_done))


@pytest.mark.parametrize("seconds", [1, 10, 25, 39.5, 41])
def test_models_that_take_longer_than_there_is_time(
    tmp_path: Path, tree: dict[str, Any], models: Any, clock: Clock, seconds: float
) -> None:
    """All but one of the first points need a model of their own: each begins in time, and the last is completed."""
    timed = tree | {"trials": None, "seconds": seconds, "population": 8}
    result = search(parse_space(timed, "t"), tmp_path, models=SlowModels(models, clock))
    measured = [work for work in clock.work if work[0]]
    assert all(began < seconds for _, began, _ in measured)
    assert clock.now - 1000 <= seconds + 10
    assert len({what for what, *_ in measured}) == len(measured) == min(6, -(-seconds // 10))
    assert result.trials


def test_the_hardware_side_ends_in_time_too(
    tmp_path: Path, tree: dict[str, Any], models: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second a point: a part of a generation that has begun is completed, and is the longest trial there is."""

    def slow(pairs: Any, scenario: Any) -> Any:
        clock.does("points", len(pairs))
        return run_all(pairs, scenario)

    with monkeypatch.context() as patched:
        patched.setattr("dse.evaluation.evaluator.run_all", slow)
        timed = tree | {"trials": None, "seconds": 30.5, "population": 50}
        search(parse_space(timed, "t"), tmp_path, models=models)
    parts = [(began, ended) for _, began, ended in clock.work if began < 30.5]
    longest = max(ended - began for began, ended in parts)
    assert parts[-1][1] <= 30.5 + longest
    assert longest <= study.TIMED_PART


def test_a_search_out_of_time_goes_on_with_more(
    tmp_path: Path, tree: dict[str, Any], models: Any, clock: Clock
) -> None:
    """What the first run spent is counted in, and the two together are one that was given all the time at once."""

    slow = SlowModels(models, clock)

    def run(folder: str, seconds: float, resume: bool = False) -> list[Trial]:
        space = parse_space(tree | {"trials": 40, "seconds": seconds}, "t")
        return list(search(space, tmp_path / folder, resume, models=slow).trials)

    first = run("a", 25)
    spent = clock.now
    more = run("a", 45, resume=True)
    assert [began for _, began, _ in clock.work] == [0, 10, 20, 30, 40]
    whole = run("b", 1e6)
    assert 0 < len(first) < len(more) <= len(whole) == 40
    assert first == more[: len(first)]
    assert more == whole[: len(more)]
    assert spent == 1030
    assert run("a", 45, resume=True) == more


def test_whichever_is_spent_first() -> None:
    assert Budget(10, 1e6).generation(8, 4) == range(8, 10)
    assert not Budget(10, 1e6).generation(10, 4)
    assert not Budget(10, 1e6).generation(12, 4)  # resumed with fewer than it has
    assert not Budget(10, 5, before_seconds=5).generation(0, 4)
    assert Budget(None, 5).generation(6, 4) == range(6, 8)
    assert list(Budget(None, 5, before_seconds=5).in_time([1])) == []
    assert list(Budget(3, None, before_seconds=1e9).in_time([1])) == [1]


def test_progress_has_no_total_where_only_time_ends_it(
    tmp_path: Path, tree: dict[str, Any], models: Any, clock: Clock
) -> None:
    seen: list[SearchProgress] = []
    timed = tree | {"trials": None, "seconds": 15}
    search(parse_space(timed, "t"), tmp_path, False, seen.append, models=SlowModels(models, clock))
    assert {p.total for p in seen if p.phase == "search"} == {None}
    assert max(p.seconds for p in seen) == 20
