"""A front run again by `burst`: in order whoever runs it, and a difference is told from a worker too."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from archsim.design import load_design
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize
from dse.evaluation.evaluator import TOGETHER, EngineMismatch, Evaluator, run_all
from dse.evaluation.models import ModelSide
from dse.evaluation.point import Evaluation, MeasuredModel
from dse.evaluation.workers import InProcess, LocalProcesses
from dse.space.choice import ModelChoice
from dse.space.specs import Scenario

SCENARIO = Scenario(scope="recurrent", sequences=8, steps=5)
NOBODY = cast(ModelSide, SimpleNamespace())


@pytest.fixture(scope="module")
def front() -> list[Evaluation]:
    """Two models on as many designs as three workers take, the last of them one alone."""
    sides = [
        MeasuredModel(
            ModelChoice(name), name, 0.0, "fixed8", 1, 0.0, None, synthesize(40, 10, density, sequences=8, steps=5)
        )
        for name, density in (("sparse", 0.2), ("dense", 0.9))
    ]
    designs = [load_design("skip-65nm").override({"clock_mhz": 100 + n}) for n in range(2 * TOGETHER + 1)]
    found = run_all([(design, sides[n % 2]) for n, design in enumerate(designs)], SCENARIO)
    assert all(isinstance(each, Evaluation) for each in found)
    return cast(list[Evaluation], found)


@pytest.fixture(scope="module")
def workers() -> Iterator[LocalProcesses]:
    with LocalProcesses(2) as begun:
        yield begun


def test_processes_confirm_what_this_one_does_and_in_order(front: list[Evaluation], workers: LocalProcesses) -> None:
    done: dict[str, list[int]] = {"alone": [], "together": []}
    evaluator = Evaluator(NOBODY, SCENARIO)
    alone = evaluator.confirm(front, InProcess(), done["alone"].append)
    together = evaluator.confirm(front, workers, done["together"].append)
    expected = [simulate(each.design, each.measured.trace, "burst", scope="recurrent") for each in front]
    for found in (alone, together):
        assert [each.report for each in found] == expected
        assert [each.measured for each in found] == [each.measured for each in front]
    assert done["alone"] == [TOGETHER, 2 * TOGETHER, 2 * TOGETHER + 1]
    assert sorted(done["together"])[-1] == len(front)


def test_a_point_that_a_worker_finds_otherwise_ends_it(front: list[Evaluation], workers: LocalProcesses) -> None:
    wrong: list[Any] = [*front[:-1], replace(front[-1], report=replace(front[-1].report, cycles=1))]
    with pytest.raises(EngineMismatch, match=r"cycles are 1 by analytic, \d+ by burst"):
        Evaluator(NOBODY, SCENARIO).confirm(wrong, workers, lambda _: None)
