"""What a search finds, counts and keeps, against its own tables and against brute force."""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from archsim.analysis.scenario import streaming
from archsim.costs import AreaReport, area
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.simulation import simulate
from archsim.trace.trace import Trace
from dse import objectives
from dse.cli.tables import searches as tables
from dse.evaluation.evaluator import (
    DesignPoint,
    EngineMismatch,
    Evaluator,
)
from dse.evaluation.models import (
    ModelSide,
    OnDone,
)
from dse.evaluation.point import MeasuredModel
from dse.exploration.study import SearchProgress, search
from dse.report import view_page
from dse.results import store, traces
from dse.results.bands import front_at
from dse.results.result import SearchResult
from dse.space.choice import ModelChoice
from dse.space.space import Space, parse_space
from tests.dse.cli.test_cli import archsim
from workloads.evaluate import evaluate
from workloads.tasks.base import HeldOutSplit


@pytest.mark.slow
def test_same_seed_same_search(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    def trials(folder: str, seed: int, sampler: str) -> str:
        space = parse_space(tree | {"trials": 16, "seed": seed, "sampler": sampler}, "t")
        search(space, tmp_path / folder, models=models)
        return (tmp_path / folder / "trials.csv").read_text()

    for sampler in ("nsga2", "tpe", "random"):
        assert trials(f"{sampler}-a", 5, sampler) == trials(f"{sampler}-b", 5, sampler)
    assert trials("other", 6, "nsga2") != (tmp_path / "nsga2-a" / "trials.csv").read_text()


def test_models_are_measured_once_and_tested_for_the_front_only(tmp_path: Path, space: Space, models: Any) -> None:
    result = search(space, tmp_path, models=models)
    assert len(models.measured) == len(set(models.measured)) <= len(space.choices)
    assert len(models.tested) == len(set(models.tested))
    assert set(models.tested) == {p.evaluation.measured.choice for p in result.front}
    assert result.model_evaluations == len(models.measured) + len(models.tested)
    assert result.model_evaluations_cached == 0


def test_the_front_is_that_of_the_feasible_trials(finished: SearchResult) -> None:
    trials = store.read(finished.folder).trials
    feasible = trials[trials["feasible"] & trials["distinct"]]
    costs = feasible[["validation_loss", "area_mm2", "energy_system_pj_per_token"]].to_numpy()
    beaten = [any((o <= c).all() and (o < c).any() for o in costs) for c in costs]
    assert feasible["on_front"].tolist() == [not b for b in beaten]
    assert not trials[~trials["feasible"]]["on_front"].any()
    assert finished.front


def test_refused_and_infeasible_points_say_why(finished: SearchResult) -> None:
    trials = store.read(finished.folder).trials
    refused = trials[trials["area_mm2"].isna()]
    too_fast = trials["clock_reachable"].notna() & (trials["clock_reachable"] != True)  # noqa: E712
    late = trials[(trials["latency_us_per_step"] > 0.8) & ~too_fast]
    assert len(refused) == finished.refused > 0
    assert len(late) + too_fast.sum() == finished.infeasible
    assert len(late) > 0 < too_fast.sum()
    assert trials[too_fast]["reason"].str.contains("clock_reachable must be true, not false").all()
    assert not refused["feasible"].any()
    assert refused["reason"].str.contains("lanes must divide|need a multiplier").all()
    assert late["reason"].str.fullmatch(r"latency_us_per_step must be at most 0\.8, not [\d.]+").all()
    assert (trials[trials["feasible"]]["reason"] == "").all()
    assert len(trials) == len(refused) + len(late) + too_fast.sum() + trials["feasible"].sum()


def test_points_that_come_up_twice_count_once(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    """Four points in all, and far more trials."""
    few = {
        "models": [{"name": "wp-lstm256-fixed8"}, {"name": "wp-lstm256-ternary"}],
        "parameters": {"clock_mhz": {"choices": [100, 200]}, "lanes": {"choices": [4]}},
        "variants": {},
        "constraints": {},
    }
    result = search(parse_space(tree | few, "t"), tmp_path, models=models)
    trials = store.read(tmp_path).trials
    assert len(trials) == 30
    assert result.distinct_points == trials["distinct"].sum() == 4
    assert result.distinct_designs == trials["design_sha256"].nunique() == 2
    assert result.models_run == 2
    for _, same in trials.groupby(["model", "clock_mhz"]):
        assert same["energy_system_pj_per_token"].nunique() == 1
        assert same["on_front"].sum() <= 1


def test_front_details_equal_the_trials(finished: SearchResult) -> None:
    results = store.read(finished.folder)
    by_number = results.trials.set_index("trial")
    assert sorted(d.trial for d in results.details) == sorted(results.front["trial"])
    for detail in results.details:
        row = by_number.loc[detail.trial]
        for objective in objectives.ALL:
            assert row[objective.name] == pytest.approx(detail.objectives[objective.name], rel=1e-12)
        assert sum(f.value for f in detail.energy.values()) == pytest.approx(row["energy_system_pj_per_token"])
        assert sum(f.value for f in detail.area.values()) == pytest.approx(row["area_mm2"])
        assert detail.cycles == detail.busy_cycles + sum(detail.stalls.values())
        assert detail.energy_system_band_pj_per_token[1] == pytest.approx(detail.energy_system_pj_per_token)
        assert {f.status for f in (*detail.energy.values(), *detail.area.values())} <= {"calibrated", "predicted"}


def test_every_simulated_point_is_broken_down(finished: SearchResult, models: ModelSide) -> None:
    """Against each point simulated on its own, event by event."""
    results = store.read(finished.folder)
    simulated = [t for t in finished.trials if t.distinct and not t.outcome.refused]
    points, components = results.parts.points.set_index("trial"), results.parts.components
    assert points.index.tolist() == [t.number for t in simulated]
    measured = models.measure(results.space.choices.values(), lambda choice: None)
    for trial in simulated:
        choice = results.space.choices[str(trial.parameters["model"])]
        side = measured[choice]
        assert isinstance(side, MeasuredModel)
        design = results.space.design(results.space.overrides(trial.parameters))
        report = simulate(design, side.trace, "burst", scope="recurrent")
        row = points.loc[trial.number]
        assert (row["cycles"], row["busy_cycles"]) == (report.cycles, report.busy_cycles)
        assert {cause: row[f"stall_{cause}"] for cause in report.stalls} == dict(report.stalls)
        own = components[components["trial"] == trial.number]
        for whole, figures in (("energy", report.energy.components), ("area", report.area.components)):
            told = own[own["whole"] == whole].set_index("component")
            assert told["value"].to_dict() == pytest.approx({name: f.value for name, f in figures.items()})
            assert told["low"].to_dict() == pytest.approx({name: f.band.low for name, f in figures.items()})
            assert told["source"].to_dict() == {name: f.source for name, f in figures.items()}


def test_the_front_runs_again_from_its_command(finished: SearchResult) -> None:
    detail = store.read(finished.folder).details[0]
    words = shlex.split(detail.command)
    assert words[:2] == ["archsim", "run"]
    done = archsim(*words[1:], "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["cycles"] == detail.cycles
    assert report["ledger"] == detail.ledger


def test_an_engine_that_disagrees_ends_the_search_loudly(
    tmp_path: Path, space: Space, models: ModelSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off_by_one(*arguments: Any, **options: Any) -> Any:
        report = simulate(*arguments, **options)
        object.__setattr__(report, "cycles", report.cycles + 1)
        return report

    monkeypatch.setattr("dse.evaluation.evaluator.simulate", off_by_one)
    with pytest.raises(EngineMismatch, match=r"skip-65nm on .*: cycles are \d+ by analytic, \d+ by burst"):
        search(space, tmp_path, models=models)
    assert not (tmp_path / "front.csv").exists()


def test_published_designs_are_those_that_can_run(finished: SearchResult) -> None:
    published = store.read(finished.folder).published
    ran = set(zip(published["design"], published["model"], strict=True))
    assert ("rbt-low-power-ternary", "wp-lstm256-ternary") in ran
    assert ("rbt-low-power-ternary", "wp-lstm256-fixed8") not in ran  # multiplexers
    assert not any(design == "rbt-low-power-binary" for design, _ in ran)  # one bit, and no binary model here
    assert not any(design == "skip-65nm" for design, _ in ran)  # eight lanes, and four sequences here
    row = published[(published["design"] == "rbt-low-power-ternary") & (published["model"] == "wp-lstm256-ternary")]
    trace = next(t for t in finished.trials if t.outcome.model == "wp-lstm256-ternary")
    assert row["validation_loss"].item() == pytest.approx(trace.outcome.values["validation_loss"], abs=0.1)
    assert (published["area_mm2"] > 0).all()


def test_traces_of_the_front_are_kept(finished: SearchResult) -> None:
    for point in finished.front:
        path = traces.trace_path(point.evaluation.measured, finished.folder)
        assert Trace.load(path).sha256 == point.evaluation.measured.trace.sha256


def test_the_manifest_counts_what_the_tables_hold(finished: SearchResult) -> None:
    results = store.read(finished.folder)
    counts, trials = results.manifest.counts, results.trials
    evaluated = trials[trials["area_mm2"].notna()]
    assert counts.trials == len(trials) == 30
    assert counts.distinct_points == evaluated["distinct"].sum()
    assert counts.distinct_designs == evaluated["design_sha256"].nunique()
    assert counts.front == len(results.front) == trials["on_front"].sum()
    assert results.manifest.seed == 3
    assert results.manifest.base_design_sha256 == load_design("skip-65nm").sha256
    assert results.manifest.space_sha256 == results.space.sha256


def test_trials_are_kept_with_their_types_too(finished: SearchResult) -> None:
    """The same table as the CSV, in which a lane is an integer and a yes a yes."""
    folder = finished.folder
    csv, typed = store.read(folder).trials, pd.read_parquet(folder / "trials.parquet")
    assert list(typed) == list(csv)
    numbers = csv.select_dtypes(["number", "bool"]).columns
    for name in numbers:
        np.testing.assert_allclose(typed[name].to_numpy(float, na_value=np.nan), csv[name].to_numpy(float))
    for name in csv.columns.difference(numbers):
        missing = typed[name].isna() | (typed[name].astype(str) == "")
        assert missing.tolist() == (csv[name].isna() | (csv[name].astype(str) == "")).tolist()
        assert typed[name][~missing].astype(str).tolist() == csv[name][~missing].astype(str).tolist()
    assert pd.api.types.is_integer_dtype(typed["lanes"])
    assert pd.api.types.is_bool_dtype(typed["feasible"])
    assert pd.api.types.is_float_dtype(typed["area_mm2"])


def test_nothing_feasible_is_a_result_too(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    result = search(parse_space(tree | {"constraints": {"area_mm2": 1e-9}}, "t"), tmp_path, models=models)
    assert result.front == ()
    results = store.read(tmp_path)
    assert (len(results.front), len(results.details)) == (0, 0)
    assert len(results.parts.points) == result.distinct_points > 0
    assert (view_page([tmp_path]).searches[0].others.trial) == results.parts.points["trial"].tolist()
    assert results.trials["reason"].str.contains("area_mm2 must be at most 1e-09").any()


def test_nothing_simulated_is_a_result_too(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    refused = {"parameters": {"lanes": {"choices": [3]}, "pe_array.pes_per_tile": {"choices": [4, 8]}}, "variants": {}}
    search(parse_space(tree | refused, "t"), tmp_path, models=models)
    results = store.read(tmp_path)
    assert results.parts.points.empty
    assert view_page([tmp_path]).searches[0].others.trial == []


def test_a_summary_says_what_most_trials_were_refused_for(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    """Three lanes cannot share 16 PEs evenly."""
    parameters = {"lanes": {"choices": [3, 4]}, "pe_array.pes_per_tile": {"choices": [4]}}
    space = parse_space(tree | {"parameters": parameters, "variants": {}, "constraints": {}}, "t")
    found = search(space, tmp_path, models=models)
    assert found.front
    console = Console(width=200, record=True, file=StringIO())
    console.print(tables.search_summary(found, space, tmp_path))
    assert f"Refused most often ({found.refused} trials): design skip-65nm: lanes must divide" in console.export_text()


def test_a_summary_begins_with_the_best_of_the_first_objective(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    space = parse_space(tree | {"objectives": ["tokens_per_second", "area_mm2", "validation_loss"]}, "t")
    found = search(space, tmp_path, models=models)
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables.search_summary(found, space, tmp_path))
    said = console.export_text()
    assert "best throughput first" in said
    shown = [float(rate.replace(",", "")) for rate in re.findall(r"^ *wp-\S+ +([\d,]+) ", said, re.MULTILINE)]
    assert len(shown) > 1
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == round(max(point.trial.outcome.values["tokens_per_second"] for point in found.front))


def test_a_front_of_points_that_are_alike_says_how_many_differ(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    """No accuracy and no area depends on the DRAM's bandwidth."""
    parameters = {name: {"choices": c} for name, c in (("lanes", [4]), ("dram.bandwidth_gbps", [10, 20, 40]))}
    changed = {"objectives": ["validation_loss", "area_mm2"], "constraints": {}, "parameters": parameters}
    space = parse_space(tree | changed, "t")
    found = search(space, tmp_path, models=models)
    different = {(p.evaluation.measured.choice.label, p.trial.outcome.values["area_mm2"]) for p in found.front}
    assert len(different) < len(found.front)
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables.search_summary(found, space, tmp_path))
    said = " ".join(console.export_text(clear=False).split())
    assert f"{len(found.front)} points that no other beats in every respect ({len(different)} different" in said
    rows = re.findall(r"^ *wp-.*$", console.export_text(), re.MULTILINE)
    assert len(rows) == len(set(rows)) == len(different)


def test_progress_rises_to_the_end(tmp_path: Path, space: Space, models: ModelSide) -> None:
    seen: list[SearchProgress] = []
    search(space, tmp_path, on_progress=seen.append, models=models)
    assert [p.phase for p in seen] == sorted(
        (p.phase for p in seen), key=["search", "break down", "confirm", "test"].index
    )
    done = [p.done for p in seen if p.phase == "search"]
    assert done == sorted(done)
    assert done[-1] == 30
    assert seen[-1].done == seen[-1].total
    assert [p.model_evaluations for p in seen] == sorted(p.model_evaluations for p in seen)


def test_a_price_that_cannot_be_said_is_a_refusal(
    space: Space, models: ModelSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def priced(design: Design, *_: object) -> AreaReport:
        if design.clock_mhz == 123:
            raise BadInput("no price at 123 MHz")
        return area(design)

    monkeypatch.setattr("archsim.simulation.area", priced)
    base = load_design("skip-65nm").override({"lanes": 4})
    choice = ModelChoice("wp-lstm256-ternary")
    points = [DesignPoint(base.override({"clock_mhz": mhz}), choice) for mhz in (100, 123, 200)]
    found = Evaluator(models, space.scenario).evaluate(points, lambda _: None)
    assert [isinstance(one, BadInput) for one in found] == [False, True, False]


def test_a_model_that_fails_does_not_end_the_search(
    tmp_path: Path, space: Space, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = models.measure

    def one_fails(choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, MeasuredModel | BadInput]:
        found = measure(choices, on_done)
        return {c: BadInput("its numbers overflow") if "s90" in c.name else side for c, side in found.items()}

    monkeypatch.setattr(models, "measure", one_fails)
    result = search(space, tmp_path, models=models)
    results = store.read(tmp_path)
    failed = results.trials[results.trials["model"].str.contains("s90")]
    designs_ran = failed["design_sha256"].notna()
    assert len(results.trials) == len(result.trials) == 30
    assert designs_ran.any()
    assert (failed["reason"][designs_ran] == "its numbers overflow").all()
    assert not failed["feasible"].any()
    assert result.front
    assert not any("s90" in label for label in results.manifest.models)


def test_models_that_cannot_be_measured_are_a_result_too(
    tmp_path: Path, space: Space, models: ModelSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(choices: Iterable[ModelChoice], _: OnDone) -> dict[ModelChoice, BadInput]:
        return {choice: BadInput("its file is gone") for choice in choices}

    monkeypatch.setattr(models, "measure", none)
    assert search(space, tmp_path, models=models).refused == 30
    assert store.read(tmp_path).models.empty
    page = view_page([tmp_path])
    assert page.networks == []
    assert page.searches[0].failures.rows


def test_a_test_loss_that_is_missing_is_null(
    tmp_path: Path, space: Space, models: ModelSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "test_loss", lambda choices, _: dict.fromkeys(choices))
    found = search(space, tmp_path, models=models)
    assert [point.test_loss for point in found.front] == [None] * len(found.front)
    text = (tmp_path / "front_details.json").read_text()
    assert "NaN" not in text
    assert [detail["test_loss"] for detail in json.loads(text)] == [None] * len(found.front)
    assert pd.read_csv(tmp_path / "front.csv")["test_loss"].isna().all()
    assert {network.test for network in view_page([tmp_path]).networks} == {None}
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables.search_summary(found, space, tmp_path))
    assert re.search(r"wp-lstm.* - *$", console.export_text(), re.MULTILINE)


STREAM = {"kind": "streaming", "scope": "recurrent", "sequences": 4, "steps": 6, "period_us": 1.0, "deadline_us": 0.8}


def test_a_stream_is_searched_for_designs_that_keep_its_deadline(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    goals = ["validation_loss", "area_mm2", "power_system_mw"]
    tree["parameters"]["lanes"] = {"choices": [2, 4]}
    space = parse_space(tree | {"scenario": STREAM, "constraints": {}, "objectives": goals}, "t")
    assert space.constraints == {"clock_reachable": True, "meets_deadline": True}
    result = search(space, tmp_path, models=models)
    trials = store.read(tmp_path).trials
    evaluated = trials[trials["area_mm2"].notna()]
    late = evaluated[~evaluated["meets_deadline"].astype(bool)]
    assert 0 < len(late) < len(evaluated)
    assert (late["reason"] == "meets_deadline must be true, not false").all()
    for point in result.front:
        found = streaming(
            point.evaluation.design, point.evaluation.measured.trace, 1.0, 0.8,
            lanes=point.evaluation.design.lanes, scope="recurrent", engine="burst",
        )  # fmt: skip
        assert found.missed_steps == 0
        assert found.energy.power_system_mw == point.trial.outcome.values["power_system_mw"]
    detail = store.read(tmp_path).details[0]
    assert sum(f.value for f in detail.energy.values()) == pytest.approx(detail.energy_system_pj_per_token)
    assert "max(latency, period)" in detail.energy_basis
    words = shlex.split(detail.command)
    assert words[:2] == ["archsim", "stream"]
    again = json.loads(archsim(*words[1:], "--json").stdout)
    assert again["lanes"] == detail.lanes > 1
    assert again["steps"] == detail.steps
    assert again["energy_pj_per_token"]["total_system"] == pytest.approx(detail.energy_system_pj_per_token)
    assert again["deadline_us"] - again["slack_us"]["mean"] == pytest.approx(detail.objectives["latency_us_per_step"])


def test_a_stream_that_burst_sees_otherwise_ends_the_search(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*arguments: Any, **options: Any) -> Any:
        found = streaming(*arguments, **options)
        return replace(found, busy_us=found.busy_us + 1) if options["engine"] == "burst" else found

    monkeypatch.setattr("dse.evaluation.evaluator.streaming", slow)
    with pytest.raises(EngineMismatch, match="streams are "):
        search(parse_space(tree | {"scenario": STREAM, "constraints": {}}, "t"), tmp_path, models=models)


def test_a_parameter_out_of_force_is_empty_in_the_tables(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    tree["parameters"]["dram.bandwidth_gbps"] = {"choices": [12.8, 25.6], "when": {"array": "mux"}}
    search(parse_space(tree, "t"), tmp_path, models=models)
    trials = store.read(tmp_path).trials
    assert (trials["dram.bandwidth_gbps"].isna() == (trials["array"] == "multiplier")).all()
    assert set(trials["array"]) == {"multiplier", "mux"}


def test_the_front_at_the_ends_of_the_bands(finished: SearchResult) -> None:
    """Values against the bands of the reports, fronts against every pair of trials."""
    for point in finished.front:
        report, found = point.evaluation.report, point.trial.outcome
        for end in ("low", "high"):
            there = found.at(end)
            assert there["energy_system_pj_per_token"] == pytest.approx(getattr(report.energy.band, end))
            assert there["energy_chip_pj_per_token"] == pytest.approx(getattr(report.energy.band_chip, end))
            assert there["area_mm2"] == pytest.approx(getattr(report.area.band, end))
            assert there["validation_loss"] == found.values["validation_loss"]
        assert found.at("low")["edp_pj_us"] < found.values["edp_pj_us"] < found.at("high")["edp_pj_us"]
    trials = store.read(finished.folder).trials
    evaluated = [t for t in finished.trials if t.distinct and not t.outcome.refused]
    ends: tuple[Literal["low"], Literal["high"]] = ("low", "high")
    for end in ends:
        values = {
            t.number: [
                t.outcome.at(end)[name] for name in ("validation_loss", "area_mm2", "energy_system_pj_per_token")
            ]
            for t in evaluated
            if t.outcome.at(end)["latency_us_per_step"] <= 0.8 and t.outcome.values["clock_reachable"] <= 0
        }
        beaten = {
            n
            for n, mine in values.items()
            for other in values.values()
            if other != mine and all(o <= m for o, m in zip(other, mine, strict=True))
        }
        assert finished.fronts[end] == set(values) - beaten
        assert set(trials[trials[f"on_front_{end}"]]["trial"]) == finished.fronts[end]
    details = {d.trial: d.on_front_at for d in store.read(finished.folder).details}
    assert details == {p.trial.number: list(finished.stays(p)) for p in finished.front}
    assert any(details.values())


def test_a_constraint_is_looked_at_again_at_the_ends(finished: SearchResult, tree: dict[str, Any]) -> None:
    """A bound that one design just keeps: with high costs it is too large."""
    chosen = max((p.trial for p in finished.front), key=lambda trial: trial.outcome.values["area_mm2"])
    bound = chosen.outcome.values["area_mm2"]
    space = parse_space(tree | {"constraints": {"area_mm2": bound}}, "t")
    areas = {t.number: t.outcome for t in finished.trials}
    for end in ("low", "high"):
        numbers = front_at(end, finished.trials, space)
        assert numbers
        assert all(areas[number].at(end)["area_mm2"] <= bound for number in numbers)
    assert chosen.number not in front_at("high", finished.trials, space)
    nothing = parse_space(tree | {"constraints": {"area_mm2": 1e-9}}, "t")
    assert front_at("low", finished.trials, nothing) == frozenset()


def test_other_hardware_evaluates_no_model_again(
    tmp_path: Path, tree: dict[str, Any], digits_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real models, counted: a first search runs each over both splits, one of other designs runs none."""
    ran: list[str] = []

    def counting(model: Any, split: HeldOutSplit) -> float:
        ran.append(f"{model.name} {model.threshold} {split}")
        return evaluate(model, split)

    monkeypatch.setattr("dse.evaluation.models.evaluate", counting)
    ptq = {"weights": [3, 6], "activations": 8}
    models = [{"name": str(digits_file), "thresholds": [0.3]}, {"name": str(digits_file), "ptq": ptq}]
    first = parse_space(tree | {"models": models}, "t")
    search(first, tmp_path / "first", cache=tmp_path / "cache")
    assert len(ran) == len(set(ran)) <= 2 * 4
    assert {line.split()[0] for line in ran} == {"digits", "digits-w3a8", "digits-w6a8"}
    before = len(ran)
    tree["parameters"] |= {"clock_mhz": {"choices": [50]}, "dram.bandwidth_gbps": {"choices": [3.2, 6.4]}}
    other = search(parse_space(tree | {"models": models}, "t"), tmp_path / "second", cache=tmp_path / "cache")
    assert {line.split()[2] for line in ran[before:]} <= {"test"}  # those that only the second front has
    assert len(set(ran)) == len(ran)
    assert {t.outcome.design_sha256 for t in other.trials} - {""}
