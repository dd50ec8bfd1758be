"""Samplers against an exact front, on a space small enough to check by hand; a search says how far it is from it."""

import json
import re
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from archsim.errors import BadInput
from dse.cli.tables import searches as tables
from dse.evaluation.models import ModelSide
from dse.evaluation.workers import InProcess
from dse.exploration import compare as comparing
from dse.exploration.compare import (
    Lookup,
    SamplerRun,
    carry_out,
    compare,
    parse_budgets,
)
from dse.exploration.enumerate import Enumeration, enumerate_space
from dse.exploration.samplers import PLUGINS
from dse.exploration.study import search
from dse.report import comparison_page
from dse.results.quality import Reference
from dse.space.space import Space, parse_space

SCRIPT = (resources.files("dse.report") / "web" / "samplers.js").read_text()
SCRIPTED = re.findall(r'(\w+): "\w+"', re.search(r"SAMPLER_COLOURS = {(.*?)}", SCRIPT, re.DOTALL)[1])


@pytest.fixture
def tree(tree: dict[str, Any]) -> dict[str, Any]:
    tree["parameters"] |= {"clock_mhz": {"low": 200, "high": 400, "step": 200}, "lanes": {"choices": [1, 2]}}
    return tree


@pytest.fixture
def exact(space: Space, models: ModelSide, tmp_path: Path) -> Enumeration:
    return enumerate_space(space, tmp_path / "exact", models)


def test_shares_are_those_of_the_points_that_were_drawn(exact: Enumeration, tmp_path: Path) -> None:
    budgets = {"grid": exact.grid.size, "nsga2": 60, "random": 60}
    done: list[SamplerRun] = []
    found = compare(exact, tmp_path / "compare", budgets, [1, 2], 8, InProcess(), done.append)
    whole, nsga2, _ = found.curves
    assert whole.final == pytest.approx((1.0, 1.0))
    assert set(whole.on_front) == {exact.counts.front}
    assert (set(whole.repeated), set(nsga2.repeated)) == ({0}, {0})
    assert len(done) == 6
    numbers = pd.read_parquet(tmp_path / "compare" / "runs" / "nsga2-2-8.parquet")["point"].to_numpy()
    costs = exact.costs(exact.points.loc[numbers])
    share = exact.reference.hypervolume(costs[np.isfinite(costs).all(axis=1)]) / exact.volume
    assert nsga2.final[1] == pytest.approx(share)
    reached = nsga2.trials_to["0.5"][1]
    assert reached is not None
    for trials, enough in ((reached, True), (reached - 1, False)):
        assert (exact.reference.hypervolume(costs[:trials]) / exact.volume >= 0.5) is enough
    table = pd.read_csv(tmp_path / "compare" / "compare.csv")
    last = table[(table["sampler"] == "nsga2") & (table["trials"] == 60)].iloc[0]
    assert last[["mean", "min", "max"]].tolist() == pytest.approx(
        [np.mean(nsga2.final), min(nsga2.final), max(nsga2.final)]
    )
    stored = json.loads((tmp_path / "compare" / "compare.json").read_text())
    assert stored["reference"]["corner"] == pytest.approx(list(exact.reference.corner))
    [shown] = comparison_page(tmp_path).comparisons
    assert [curve.sampler for curve in shown.curves] == [row[0] for row in shown.table.rows] == list(budgets)
    assert shown.curves[1].trials[-1] == 60
    assert shown.curves[1].mean[-1] == pytest.approx(100 * nsga2.mean)
    assert shown.curves[0].least[-1] == pytest.approx(100)
    assert len(SCRIPTED) > 5
    assert set(SCRIPTED) <= set(PLUGINS.names)  # a sampler without a colour of its own takes that of its place


def test_a_folder_without_a_comparison_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no comparison; run archsim compare"):
        comparison_page(tmp_path)


def test_runs_are_kept(exact: Enumeration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[SamplerRun] = []

    def counted(run: SamplerRun) -> Any:
        ran.append(run)
        return carry_out(run)

    monkeypatch.setattr(comparing, "carry_out", counted)
    arguments = (InProcess(), lambda _: None)
    first = compare(exact, tmp_path / "c", {"random": 40}, [1], 8, *arguments)
    assert compare(exact, tmp_path / "c", {"random": 40}, [1], 8, *arguments) == first
    compare(exact, tmp_path / "c", {"random": 20}, [1, 2], 8, *arguments)
    assert [(run.seed, run.trials) for run in ran] == [(1, 40), (2, 20)]
    few, many = (compare(exact, tmp_path / "c", {"nsga2": 60}, [1], size, *arguments) for size in (8, 12))
    assert [few.population, many.population] == [run.population for run in ran[2:]] == [8, 12]
    assert few.curves != many.curves


def test_a_search_is_answered_as_by_the_machine(
    space: Space, models: ModelSide, exact: Enumeration, tmp_path: Path
) -> None:
    """The same points in the same order, and so the same shares."""
    result = search(space, tmp_path, models=models)
    numbers = carry_out(SamplerRun(exact.folder, space.sampler, space.seed, 30, space.population))
    lookup = Lookup(exact)
    assert [lookup.number(trial.parameters) for trial in result.trials] == numbers.tolist()
    assert result.quality is not None
    assert result.quality.reference == exact.reference
    assert result.quality.exact_hypervolume == exact.volume
    found = exact.reference.hypervolume(exact.costs(exact.points.loc[numbers]))
    assert result.quality.hypervolume == pytest.approx(found)
    assert result.quality.regret == pytest.approx(1 - found / exact.volume)
    assert 0 < result.quality.regret < 1


def test_an_exact_front_of_other_models_is_not_that_of_a_search(
    space: Space, models: ModelSide, exact: Enumeration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same names in the same space, trained anew since."""
    monkeypatch.setattr(models, "identity", lambda choice: f"again {choice.label}")
    result = search(space, tmp_path, models=models)
    assert result.quality is not None
    assert result.quality.exact_hypervolume is None


def test_without_an_exact_front_a_search_is_its_own_measure(space: Space, models: ModelSide, tmp_path: Path) -> None:
    result = search(space, tmp_path, models=models)
    assert result.quality is not None
    assert result.quality.regret is None
    assert len(result.course) == len(result.trials)
    assert list(result.course) == sorted(result.course)
    assert result.course[-1] == result.quality.hypervolume
    assert isinstance(result.quality.reference, Reference)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nsga2,best", f"must be distinct, of {', '.join(PLUGINS.names)}, not 'best'"),
        ("nsga2,nsga2:5", "must be distinct"),
        ("tpe:0", "trials of tpe must be a positive number, not '0'"),
        ("tpe:many", "trials of tpe must be a positive number, not 'many'"),
    ],
)
def test_what_is_no_budget_is_refused(given: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_budgets(given)


def test_budgets_are_two_per_cent_where_none_is_given(exact: Enumeration, tmp_path: Path) -> None:
    budgets = parse_budgets("random, qmc:7")
    assert budgets == {"random": None, "qmc": 7}
    found = compare(exact, tmp_path / "c", budgets, [1], 8, InProcess(), lambda _: None)
    assert [curve.trials for curve in found.curves] == [exact.counts.distinct // 50, 7]


def test_a_sampler_that_does_not_fit_is_refused_before_any_runs(
    tree: dict[str, Any], models: ModelSide, tmp_path: Path
) -> None:
    exact = enumerate_space(parse_space(tree, "t"), tmp_path / "exact", models)
    with pytest.raises(BadInput, match="sampler gp: trials must be at most 1000"):
        compare(exact, tmp_path / "c", {"random": 10, "gp": 2000}, [1], 8, InProcess(), lambda _: None)
    assert not (tmp_path / "c").exists()


def test_its_tables_fit_80_columns(exact: Enumeration, tmp_path: Path) -> None:
    """Nothing is folded or cut, not even of large spaces."""
    found = compare(exact, tmp_path / "c", {"random": 40, "nsga2": 40}, [1], 8, InProcess(), lambda _: None)
    late = {str(level): (123_456,) for level in comparing.LEVELS}
    large = [curve.model_copy(update={"trials": 200_000, "trials_to": late}) for curve in found.curves]
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables.comparison_report(found.model_copy(update={"curves": tuple(large)}), exact, tmp_path))
    console.print(tables.enumeration_report(exact))
    rows = [line.split() for line in console.export_text().splitlines()]
    for curve in large:
        share = f"{100 * curve.mean:.2f}"
        assert [curve.sampler, "200,000", f"{100 * curve.share_of_space:.2f}", *3 * [share], *3 * ["123,456"]] in rows
    assert ["refused", f"{exact.counts.refused:,}", f"{exact.counts.refused / exact.counts.distinct:.1%}"] in rows


def test_the_best_of_what_is_maximised_is_the_most(tree: dict[str, Any], models: ModelSide, tmp_path: Path) -> None:
    found = enumerate_space(
        parse_space(tree | {"objectives": ["tokens_per_second", "area_mm2"]}, "t"), tmp_path, models
    )
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables.enumeration_report(found))
    text = console.export_text()
    for name, unit, best in (("tokens_per_second", "tokens/s", max), ("area_mm2", "mm²", min)):
        shown = re.search(rf"{unit} +(\S+) +(\S+)", text)
        assert shown
        ends = [float(value.replace(",", "")) for value in shown.groups()]
        assert ends[0] == pytest.approx(best(found.front[name]), rel=1e-3)
        assert ends[0] == best(ends) != ends[1]
