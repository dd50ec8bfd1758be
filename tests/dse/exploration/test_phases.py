"""A search over networks of several phases: engines agree on its front, and its page has their timelines."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dse.exploration.study import search
from dse.report.timelines import front_timelines
from dse.results import store
from dse.space.choice import ModelChoice
from dse.space.space import parse_space
from tests.archsim.phased import stacked
from tests.dse.conftest import FakeModels, tiny_tree
from workloads.config import Vector

LENGTHS = np.array([6, 5, 6, 3])


class Bidirectional(FakeModels):
    """The fake models, each with the trace of a bidirectional stack of its density, in 8 bits."""

    def _one(self, choice: ModelChoice) -> Any:
        one, rng = super()._one(choice), np.random.default_rng(1)
        density = 1 - one.state_sparsity
        return replace(one, trace=stacked(rng, LENGTHS, hidden=8, source=Vector(size=5), density=density))


def _tree(**scenario: object) -> dict[str, Any]:
    return tiny_tree() | {
        "constraints": {},
        "trials": 8,
        "scenario": {"scope": "model", "sequences": 4, "steps": 6} | scenario,
        "variants": {},
    }


def test_a_search_has_a_front_that_burst_confirms(tmp_path: Path) -> None:
    result = search(parse_space(_tree(), "t"), tmp_path, models=Bidirectional())
    assert result.front
    for point in result.front:
        report = point.evaluation.report
        assert report.engine == "burst"
        assert (report.steps, len(report.step_ends)) == (6, 6 + 6 + 1)
    shown = front_timelines(store.read(tmp_path), tmp_path, 0)
    assert shown
    assert all({1, 2} == set(timeline.step) for timeline in shown)


def test_a_search_over_streams_says_why_none_can_run(tmp_path: Path) -> None:
    space = parse_space(_tree(kind="streaming", period_us=50), "t")
    result = search(space, tmp_path, models=Bidirectional())
    assert not result.front
    built = [trial.outcome.reason for trial in result.trials if "lanes must divide" not in trial.outcome.reason]
    assert built
    assert all("cannot run as a stream, a step every period" in reason for reason in built)
