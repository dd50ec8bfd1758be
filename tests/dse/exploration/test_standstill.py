"""A search ends where its hypervolume stands still: the rule by hand, and a search that is carried on."""

from io import StringIO
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import pytest
from rich.console import Console

from dse.cli.tables import searches as tables
from dse.evaluation.models import ModelSide
from dse.exploration.standstill import Standstill
from dse.exploration.study import search
from dse.results import store
from dse.space.space import parse_space


def by_hand(costs: np.ndarray[Any, Any], after: int, generation: int, given: int) -> int | None:
    """From all trials anew, at the end of each generation."""
    for end in (n for n in range(generation, len(costs) + 1, generation) if n >= given + after):
        found, earlier = (part[np.isfinite(part).all(axis=1)] for part in (costs[:end], costs[: max(end - after, 0)]))
        if not len(earlier):
            continue
        front = found[moocore.is_nondominated(found, keep_weakly=True)]
        span = np.ptp(front, axis=0)
        corner = front.max(axis=0) + np.where(span > 0, 0.1 * span, 1)
        now, before = (moocore.hypervolume(part, ref=corner) for part in (found, earlier))
        if now - before <= 1e-3 * now:
            return end
    return None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("after", "generation", "given"), [(20, 8, 0), (5, 8, 0), (64, 16, 0), (20, 8, 333)])
def test_the_rule(seed: int, after: int, generation: int, given: int) -> None:
    """On trials that come in parts, or all at once; every seventh is not feasible, and after 200 none is better."""
    rng = np.random.default_rng(seed)
    costs = rng.uniform(1, 2, (400, 3)) + 2 / np.arange(1, 401)[:, None]
    costs[200:] += 2
    costs[::7] = np.inf
    expected = by_hand(costs, after, generation, given)
    for parts in (1, 9, 400):
        watch = Standstill(after, generation, 3, given)
        for part in np.array_split(costs, parts):
            watch.add(part)
        assert watch.reached == expected
    assert expected is not None


def test_what_never_stands_still() -> None:
    """Without a limit, with nothing feasible, and where each trial is better than the last."""
    better = np.linspace(2, 1, 100)[:, None] ** np.array([[3, 3]])
    for after, costs in ((None, np.ones((100, 2))), (10, np.full((100, 2), np.inf)), (10, better)):
        watch = Standstill(after, 10, 2)
        watch.add(costs)
        assert watch.reached is None


def test_carried_on_it_ends_where_one_that_ran_through_does(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    """Stopped within a generation; and a larger limit goes on."""
    tree["parameters"]["clock_mhz"] = {"choices": [200]}
    tree |= {"trials": 400, "stop_after_still": 16}
    space = parse_space(tree, "t")
    whole = search(space, tmp_path / "whole", models=models)
    ended = whole.stood_still
    assert ended == len(whole.trials) < 400
    assert ended % space.population == 0
    search(parse_space(tree | {"trials": 13}, "t"), tmp_path / "cut", models=models)
    again = search(space, tmp_path / "cut", resume=True, models=models)
    assert again.trials == whole.trials
    assert again.stood_still == store.read(tmp_path / "cut").manifest.stood_still == ended
    assert search(space, tmp_path / "cut", resume=True, models=models).trials == whole.trials
    longer = parse_space(tree | {"trials": ended + 16, "stop_after_still": 10_000}, "t")
    further = search(longer, tmp_path / "cut", resume=True, models=models)
    assert further.trials[:ended] == whole.trials
    assert (len(further.trials), further.stood_still) == (ended + 16, None)
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables.search_summary(whole, space, tmp_path))
    said = " ".join(console.export_text().split())
    assert f"Its hypervolume stood still after {ended} trials: the last 16 let it grow by no more than 0.1%." in said


def test_a_budget_that_is_spent_first_says_nothing(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    space = parse_space(tree | {"trials": 16, "stop_after_still": 300}, "t")
    found = search(space, tmp_path, models=models)
    assert len(found.trials) == 16
    assert found.stood_still is None
    assert space.sha256 == parse_space(tree, "t").sha256
