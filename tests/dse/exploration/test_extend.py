"""A search that extends another keeps each of its trials that is a point of the space, and says why others are not."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from archsim.errors import BadInput
from dse.cli.tables import searches as tables
from dse.evaluation.models import ModelSide
from dse.exploration.extend import Beginning, kept_trials
from dse.exploration.study import search
from dse.results import store
from dse.results.result import SearchResult
from dse.space.space import MODEL, Space, parse_space
from workloads.evaluate import evaluate

Change = Callable[[dict[str, Any]], None]


def run(space: Space, folder: Path, models: ModelSide, source: Path) -> SearchResult:
    first, extended = Beginning(extend=source).points(space)
    return search(space, folder, models=models, first=first, extended=extended)


def test_new_choices_and_parameters_keep_every_trial(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    """With the same designs and figures, refused ones too; what is new is what the base has: 51.2 Gbit/s and 16."""
    old = parse_space(tree, "t")
    before = search(old, tmp_path / "old", models=models)
    tree["parameters"] |= {
        "pe_array.tiles": {"choices": [1, 2, 4, 8]},
        "dram.bandwidth_gbps": {"choices": [12.8, 51.2, 102.4]},
        "pe_array.accumulators": {"low": 1, "high": 64, "when": {"array": "mux"}},
    }
    space = parse_space(tree | {"trials": 50}, "t")
    after = run(space, tmp_path / "new", models, tmp_path / "old")
    assert len(after.trials) == 50
    distinct = [t for t in before.trials if t.distinct]
    found = {repr(sorted(t.parameters.items())): t.outcome for t in after.trials}
    for trial in distinct:
        point = space.canonical(trial.parameters | {"dram.bandwidth_gbps": 51.2, "pe_array.accumulators": 16})
        outcome = found[repr(sorted(point.items()))]
        assert (outcome.values, outcome.reason) == (trial.outcome.values, trial.outcome.reason)
        assert outcome.design_sha256 == trial.outcome.design_sha256
    kept = after.extended
    assert kept is not None
    assert (kept.trials, kept.kept, kept.misfits) == (30, 30, {})
    assert store.read(tmp_path / "new").manifest.extended == kept


def narrower(tree: dict[str, Any]) -> None:
    tree["parameters"]["lanes"] = {"choices": [1, 2, 4]}


def without_a_model(tree: dict[str, Any]) -> None:
    tree["models"] = tree["models"][1:]


def without_a_parameter(tree: dict[str, Any]) -> None:
    del tree["parameters"]["pe_array.tiles"]


def without_a_variant(tree: dict[str, Any]) -> None:
    del tree["variants"]["array"]["mux"]


def fits(trial: Any, change: Change) -> bool:
    """By what the changes above say."""
    picked = trial.parameters
    kept: dict[Change, bool] = {
        narrower: picked["lanes"] != 3,
        without_a_model: not str(picked[MODEL]).startswith("wp-lstm256-fixed8"),
        without_a_parameter: picked["pe_array.tiles"] == 4,
        without_a_variant: picked["array"] != "mux",
    }
    return kept[change]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (narrower, "lanes cannot be what it was"),
        (without_a_model, "their model is not in the space"),
        (without_a_parameter, "pe_array.tiles is not what it was"),
        (without_a_variant, "no variant of array sets what they have"),
    ],
)
def test_what_no_longer_fits_is_counted_and_said(
    finished: SearchResult, tree: dict[str, Any], change: Change, why: str
) -> None:
    old = parse_space(tree, "t")
    assert old.base_design.pe_array.tiles == 4
    change(tree)
    points, found = kept_trials(parse_space(tree | {"trials": 60}, "t"), finished.folder)
    expected = [t.parameters for t in finished.trials if fits(t, change)]
    assert len(points) == found.kept == len(expected) > 0
    assert [point[MODEL] for point in points] == [picked[MODEL] for picked in expected]
    assert sum(found.misfits.values()) == 30 - found.kept > 0
    assert all(each.startswith(why) for each in found.misfits)


def test_the_summary_counts_what_was_kept_also_when_resumed(
    tmp_path: Path, finished: SearchResult, tree: dict[str, Any], models: ModelSide
) -> None:
    narrower(tree)
    first = run(parse_space(tree | {"trials": 40}, "t"), tmp_path / "new", models, finished.folder)
    grown = parse_space(tree | {"trials": 48}, "t")
    again = search(grown, tmp_path / "new", resume=True, models=models)
    whole = run(grown, tmp_path / "whole", models, finished.folder)
    assert again.trials == whole.trials
    assert again.trials[:40] == first.trials
    console = Console(width=200, record=True, file=StringIO())
    console.print(tables.search_summary(again, grown, tmp_path))
    kept = first.extended
    assert kept is not None
    said = (
        f"Kept {kept.kept} of 30 trials of {finished.folder}; {30 - kept.kept} no longer fit: lanes cannot be what it"
    )
    assert said in " ".join(console.export_text().split())


def test_an_accuracy_is_not_measured_again(
    tmp_path: Path, tree: dict[str, Any], digits_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def counting(model: Any, split: str) -> float:
        ran.append(split)
        return evaluate(model, split)  # type: ignore[arg-type]

    monkeypatch.setattr("dse.evaluation.models.evaluate", counting)
    tree |= {"models": [{"name": str(digits_file)}], "trials": 12}
    cache = tmp_path / "cache"
    search(parse_space(tree, "t"), tmp_path / "old", cache=cache)
    assert ran.count("validation") == 1
    tree["parameters"]["pe_array.tiles"] = {"choices": [1, 2, 4, 8]}
    space = parse_space(tree | {"trials": 20}, "t")
    first, extended = kept_trials(space, tmp_path / "old")
    found = search(space, tmp_path / "new", cache=cache, first=first, extended=extended)
    assert ran.count("validation") == 1
    assert found.extended is not None
    assert found.extended.kept == 12


def test_mistakes(tmp_path: Path, finished: SearchResult, tree: dict[str, Any]) -> None:
    run, space = finished.folder, parse_space(tree | {"trials": 60}, "t")
    with pytest.raises(BadInput, match="--extend: a search that is resumed has begun already"):
        Beginning(resume=True, extend=run).points(space)
    with pytest.raises(BadInput, match=r"holds no search \(no study.db\)"):
        kept_trials(space, tmp_path)
    other = tree | {"models": [{"name": "wp-lstm512-ternary"}], "trials": 60}
    with pytest.raises(
        BadInput, match=r"--extend .*: none of its 30 trials fits the space tiny: their model is not in"
    ):
        kept_trials(parse_space(other, "t"), run)
    with pytest.raises(BadInput, match=r"trials must be more than the \d+ points that are kept or begin .*, not 20"):
        kept_trials(parse_space(tree | {"trials": 20}, "t"), run)
    tree["parameters"]["clock_mhz"] = {"low": 100, "high": 400, "step": 50}
    with pytest.raises(BadInput, match="sampler grid draws every point of a space anyway; choose another one"):
        kept_trials(parse_space(tree | {"sampler": "grid", "trials": 60}, "t"), run)
