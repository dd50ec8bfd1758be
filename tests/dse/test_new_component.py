"""A component that no module has heard of is in the folder of a search and in its report."""

import json
from functools import partial
from typing import Any

import pandas as pd
import pytest

from archsim.analytic.closed_form import run_analytic
from archsim.costs import area
from archsim.machine.steps import run_machine
from archsim.simulation import simulate, simulate_many
from dse.exploration.study import search
from dse.report import view_page
from dse.results.result import SearchResult
from dse.space.space import parse_space
from tests.archsim.new_component import SCRATCH, STORE, with_store
from tests.dse.conftest import FakeModels, tiny_tree


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """A search of a few points on machines that have the component."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archsim.simulation.run_machine", with_store(run_machine))
        patch.setattr("archsim.simulation.run_analytic", with_store(run_analytic))
        patch.setattr("dse.evaluation.evaluator.simulate", partial(simulate, costs=SCRATCH))
        patch.setattr("dse.evaluation.evaluator.simulate_many", partial(simulate_many, costs=SCRATCH))
        space = parse_space(tiny_tree() | {"trials": 12, "population": 4}, "tiny.toml")
        models: Any = FakeModels()
        return search(space, tmp_path_factory.mktemp("found"), models=models)


def test_it_is_in_the_tables_of_the_search(found: SearchResult) -> None:
    table = pd.read_parquet(found.folder / "components.parquet")
    own = table[table["component"] == STORE.name]
    assert set(own["whole"]) == {"energy", "area"}
    assert set(own["trial"]) == set(table["trial"])
    assert (own["value"] > 0).all()


def test_it_is_in_the_details_of_the_front(found: SearchResult) -> None:
    details: Any = json.loads((found.folder / "front_details.json").read_text())
    assert details
    for point in details:
        assert point["energy"][STORE.name]["value"] > 0
        assert point["area"][STORE.name]["value"] > 0
        assert STORE.name in point["ledger"]


def test_it_is_in_what_the_report_is_given(found: SearchResult) -> None:
    page = view_page([found.folder])
    assert page.designs
    for design in page.designs:
        for parts in (design.energy, design.area):
            assert [part.value > 0 for part in parts if part.name == STORE.name] == [True]
    others = page.searches[0].others
    assert STORE.name in {column.name for column in others.energy} & {column.name for column in others.area}


def test_its_area_and_energy_are_in_the_totals(found: SearchResult) -> None:
    for point in found.front:
        report = point.evaluation.report
        assert report.area == area(report.design, SCRATCH)
        without = sum(figure.value for name, figure in report.area.components.items() if name != STORE.name)
        assert report.area.total_chip > without
