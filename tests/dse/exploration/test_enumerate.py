"""Every point of a space, against each evaluated on its own; stopped at any moment, an enumeration goes on."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from archsim.costs.clock import reachable
from archsim.errors import BadInput
from dse import studies
from dse.evaluation.evaluator import DesignPoint, Evaluator, run_all
from dse.evaluation.models import ModelSide
from dse.evaluation.outcome import kind_of
from dse.evaluation.point import Evaluation, MeasuredModel
from dse.evaluation.workers import LocalProcesses
from dse.exploration import enumerate as enumeration
from dse.exploration.enumerate import (
    Enumeration,
    EnumerationProgress,
    enumerate_space,
    feasible,
)
from dse.results.pareto import non_dominated
from dse.results.quality import costs
from dse.space.choice import ModelChoice
from dse.space.grid import Grid
from dse.space.space import (
    MODEL,
    Space,
    load_space,
    parse_space,
)
from tests.sizes import NIGHTLY
from workloads import zoo
from workloads.record import record


@pytest.fixture
def tree(tree: dict[str, Any]) -> dict[str, Any]:
    tree["parameters"] |= {
        "clock_mhz": {"low": 200, "high": 400, "step": 200},
        "lanes": {"choices": [1, 3]},
        "pe_array.tiles": {"choices": [1, 4]},
        "pe_array.pes_per_tile": {"choices": [4, 12]},
    }
    return tree


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "PART", 24)


def test_points_and_their_numbers_go_both_ways(space: Space) -> None:
    grid = Grid(space)
    assert grid.size == 2 * 2 * 2 * 2 * 2 * 6
    points = [grid.point(n) for n in range(grid.size)]
    assert [grid.index(point) for point in points] == list(range(grid.size))
    assert {tuple(point.values()) for point in points} == set(itertools.product(*grid.axes.values()))
    assert points[0][MODEL] != points[1][MODEL]


def test_steps_of_a_range_are_all_there(tree: dict[str, Any]) -> None:
    tree["parameters"] = {
        "lanes": {"choices": [4]},
        "dram.bandwidth_gbps": {"low": 1.0, "high": 2.0, "step": 0.1},
        "clock_mhz": {"low": 100, "high": 200, "step": 100},
    }
    grid = Grid(parse_space(tree, "t"))
    assert grid.axes["dram.bandwidth_gbps"] == pytest.approx(np.linspace(1, 2, 11).tolist())
    assert grid.axes["clock_mhz"] == (100, 200)
    assert grid.index({**grid.point(0), "dram.bandwidth_gbps": 1.7}) == 7 * 2 * 2 * 6
    with pytest.raises(ValueError, match="clock_mhz must be one of 100, 200, not 150"):
        grid.index({**grid.point(0), "clock_mhz": 150})


def test_a_continuous_range_is_refused(tree: dict[str, Any]) -> None:
    tree["parameters"]["dram.bandwidth_gbps"] = {"low": 1.0, "high": 2.0}
    with pytest.raises(BadInput, match=r"parameters\.dram\.bandwidth_gbps: a range without steps"):
        Grid(parse_space(tree, "t"))


def test_equals_each_point_on_its_own(space: Space, models: ModelSide, tmp_path: Path, small_parts: None) -> None:
    seen: list[EnumerationProgress] = []
    found = enumerate_space(space, tmp_path, models, seen.append)
    grid = Grid(space)
    rows: Any = found.points
    evaluator = Evaluator(models, space.scenario)
    expected: dict[int, list[float]] = {}
    for number in range(grid.size):
        picked = grid.point(number)
        try:
            point = DesignPoint(space.design(space.overrides(picked)), space.choices[str(picked[MODEL])])
        except BadInput:
            continue
        one = evaluator.evaluate([point], lambda _: None)[0]
        if isinstance(one, Evaluation):
            values = [goal.of(one) for goal in space.goals]
            assert rows.loc[number, [goal.name for goal in space.goals]].tolist() == pytest.approx(values, rel=1e-12)
            latency = one.report.latency_us_per_step
            kept = latency <= 0.8 and reachable(one.design)
            assert (rows.loc[number, "reason"] == "") == kept
            assert rows.loc[number, "excess latency_us_per_step"] == pytest.approx(latency / 0.8 - 1)
            if kept:
                expected[number] = [goal.of(one) for goal in space.goals]
        else:
            assert rows.loc[number, "reason"] == kind_of(str(one))
    numbers = list(expected)
    table = np.array(list(expected.values()))
    on_front = non_dominated(costs(space.goals, {g.name: table[:, i] for i, g in enumerate(space.goals)}))
    assert sorted(found.front["point"]) == [number for number, on in zip(numbers, on_front, strict=True) if on]
    counts = found.counts
    assert (counts.combinations, counts.distinct, counts.feasible) == (grid.size, grid.size, len(expected))
    assert counts.refused + counts.infeasible + counts.feasible == sum(counts.reasons.values()) + counts.feasible
    assert min(counts.reasons.values()) > 0
    assert counts.one_by_one == 0
    assert counts.front == len(found.front) > 3
    assert feasible(rows).sum() == len(expected)
    assert seen[-1].done == seen[-1].total == grid.size
    assert 0 < found.volume < 1
    assert found.reference.hypervolume(found.costs(rows)) == pytest.approx(found.volume)


def test_goes_on_where_it_was_stopped(
    space: Space, models: ModelSide, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = enumerate_space(space, tmp_path / "whole", models)
    evaluated: list[int] = []
    evaluate = enumeration.evaluate_part

    def stopped(part: enumeration.PartWork) -> Any:
        if len(evaluated) == 5:
            raise KeyboardInterrupt
        evaluated.append(part.first)
        return evaluate(part)

    monkeypatch.setattr(enumeration, "evaluate_part", stopped)
    with pytest.raises(KeyboardInterrupt):
        enumerate_space(space, tmp_path / "twice", models)
    with pytest.raises(BadInput, match="holds no complete enumeration"):
        Enumeration(tmp_path / "twice")

    def noted(part: enumeration.PartWork) -> Any:
        evaluated.append(part.first)
        return evaluate(part)

    monkeypatch.setattr(enumeration, "evaluate_part", noted)
    again = enumerate_space(space, tmp_path / "twice", models)
    parts = list(range(0, whole.grid.size, 24))
    assert sorted(evaluated) == [0, *parts]  # the first again, to see that it comes out the same
    assert again.counts == whole.counts
    assert again.points.equals(whole.points)
    assert again.seconds > 0
    assert (tmp_path / "twice" / "front.csv").read_text() == (tmp_path / "whole" / "front.csv").read_text()
    enumerate_space(space, tmp_path / "twice", models)
    assert sorted(evaluated) == [0, 0, *parts]


def test_another_version_of_the_machine_is_noticed(space: Space, models: ModelSide, tmp_path: Path) -> None:
    enumerate_space(space, tmp_path, models)
    part = min((tmp_path / "points").iterdir())
    table: Any = pd.read_parquet(part)
    table.loc[3, "area_mm2"] *= 1 + 1e-12
    table.to_parquet(part, index=False)
    with pytest.raises(BadInput, match="its points do not come out as they did"):
        enumerate_space(space, tmp_path, models)


def test_what_the_sweep_does_not_cover_is_evaluated_one_by_one_and_counted(
    tree: dict[str, Any], models: ModelSide, tmp_path: Path
) -> None:
    tree["variants"] = {"memory": {"one": {}, "private": PRIVATE}}
    space = parse_space(tree, "t")
    found = enumerate_space(space, tmp_path, models)
    private = [n for n in range(found.grid.size) if found.grid.point(n)["memory"] == "private"]
    evaluated = found.points.loc[private][space.goals[0].name].notna()
    assert found.counts.one_by_one >= evaluated.sum() > 0
    assert found.counts.one_by_one <= len(private)


def test_a_stream_is_enumerated_in_small_parts(tree: dict[str, Any], models: ModelSide, tmp_path: Path) -> None:
    tree["scenario"] = {**tree.get("scenario", {}), "kind": "streaming", "period_us": 100.0}
    found = enumerate_space(parse_space(tree, "t"), tmp_path, models)
    assert found.counts.one_by_one == found.counts.distinct
    assert json.loads((tmp_path / "enumeration.json").read_text())["part"] == enumeration.SMALL_PART


PRIVATE = {
    "weight_memory.organisation": "per_tile",
    "weight_memory.capacity_kib": 4096,
    "pe_array.weight_bits": 8,
    "pe_array.multiplier": "fixed",
}


@pytest.mark.slow
def test_points_of_study_exact_equal_those_one_by_one() -> None:
    """Drawn ones, on the traces of its models; losses are made up."""
    space = load_space(studies.path("exact"))
    grid, scenario = Grid(space), space.scenario
    drawn = np.random.default_rng(1).choice(grid.size, 20_000 if NIGHTLY else 2_000, replace=False)
    measured: dict[ModelChoice, MeasuredModel | BadInput] = {}
    for choice in space.choices.values():
        trace = record(zoo.load_either(choice.network), "validation", scenario.sequences, scenario.steps, scenario.seed)
        measured[choice] = MeasuredModel(choice, "", 0.0, "", 1000, 0.5, 1.7, trace)
    rows = enumeration.evaluate_part(enumeration.PartWork(space, measured, 0, grid.size)).set_index("point")
    assert len(rows) == grid.size
    ran = 0
    for number in drawn.tolist():
        picked = grid.point(number)
        side = measured[space.choices[str(picked[MODEL])]]
        found: Evaluation | BadInput
        try:
            (found,) = run_all([(space.design(space.overrides(picked)), side)], scenario)
        except BadInput as refusal:
            found = refusal
        row: Any = rows.loc[number]
        if isinstance(found, BadInput):
            assert row["reason"] == kind_of(str(found))
        else:
            assert [row[goal.name] for goal in space.goals] == pytest.approx(
                [g.of(found) for g in space.goals], rel=1e-12
            )
            ran += 1
    assert 0.5 * len(drawn) < ran < 0.7 * len(drawn)


@pytest.mark.slow
def test_workers_find_the_same(space: Space, models: ModelSide, tmp_path: Path, small_parts: None) -> None:
    alone = enumerate_space(space, tmp_path / "alone", models)
    with LocalProcesses(2) as workers:
        together = enumerate_space(space, tmp_path / "together", models, workers=workers)
    assert together.points.equals(alone.points)
    assert together.front.equals(alone.front)


def test_another_space_is_refused_another_sampler_is_not(
    tree: dict[str, Any], models: ModelSide, tmp_path: Path
) -> None:
    enumerate_space(parse_space(tree, "t"), tmp_path, models)
    enumerate_space(parse_space(tree | {"sampler": "random", "seed": 9, "trials": 7}, "t"), tmp_path, models)
    with pytest.raises(BadInput, match="holds the enumeration of another space"):
        enumerate_space(parse_space(tree | {"constraints": {}}, "t"), tmp_path, models)


def test_too_many_points_and_none_that_is_feasible(
    tree: dict[str, Any], models: ModelSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=r"none of its 192 points is feasible; most often \(\d+\): \S"):
        enumerate_space(parse_space(tree | {"constraints": {"area_mm2": 1e-6}}, "t"), tmp_path, models)
    monkeypatch.setattr(enumeration, "MOST", 100)
    with pytest.raises(BadInput, match="at most 100 combinations are enumerated, not 192"):
        enumerate_space(parse_space(tree, "t"), tmp_path / "other", models)


def test_a_torn_file_is_named(space: Space, models: ModelSide, tmp_path: Path) -> None:
    enumerate_space(space, tmp_path, models)
    record = tmp_path / "enumeration.json"
    assert json.loads(record.read_text())["reference"]["corner"]
    record.write_text("{")
    with pytest.raises(BadInput, match=r"enumeration\.json: is not a whole record"):
        enumerate_space(space, tmp_path, models)


def test_what_is_out_of_force_makes_no_point_of_its_own(
    tree: dict[str, Any], models: ModelSide, tmp_path: Path, small_parts: None
) -> None:
    """One parameter beside a group, one beside a model: each design is that of the point's own settings."""
    tree["parameters"] = {
        "lanes": {"choices": [2, 4]},
        "pe_array.pes_per_tile": {"choices": [8, 16], "when": {"model": "wp-lstm256-ternary"}},
        "dram.bandwidth_gbps": {"choices": [12.8, 25.6, 51.2], "when": {"array": "mux"}},
    }
    space = parse_space(tree | {"constraints": {}}, "t")
    found = enumerate_space(space, tmp_path, models)
    assert found.counts.distinct == space.size == 2 * (5 + 2) * (1 + 3)
    assert found.counts.combinations == 2 * 2 * 3 * 2 * 6
    evaluator = Evaluator(models, space.scenario)
    for number, row in found.points.iterrows():
        picked = found.grid.point(int(str(number)))
        assert space.canonical(picked) == picked
        choice = space.choices[str(picked[MODEL])]
        design = space.design(space.overrides(picked))
        one = evaluator.evaluate([DesignPoint(design, choice)], lambda _: None)[0]
        if row["reason"] == "":
            assert isinstance(one, Evaluation)
            assert row["area_mm2"] == one.report.area.total_chip
        else:
            assert isinstance(one, BadInput)
