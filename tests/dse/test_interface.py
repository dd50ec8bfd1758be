"""The search from Python: a space as an object, a mapping, a name or a path; its results as tables and figures."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import dse
from archsim.errors import BadInput

SPACE: dict[str, Any] = {
    "name": "small",
    "base": "edge-8pe",
    "objectives": ["area_mm2", "latency_us_per_step"],
    "trials": 8,
    "population": 4,
    "scenario": {"inputs": "tokens.npy", "sequences": 2, "steps": 5},
    "models": [{"name": "wp-lstm256-ternary"}],
    "parameters": {"pe_array.tiles": {"choices": [1, 2]}, "clock_mhz": {"choices": [50, 100]}},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dse.Search:
    folder = tmp_path_factory.mktemp("found")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.save("tokens.npy", np.random.default_rng(0).integers(0, 83, (5, 2)))
        return dse.search(SPACE, str(folder / "out"))


def test_its_tables_are_those_of_the_folder(found: dse.Search) -> None:
    assert len(found.to_frame()) == len(pd.read_csv(found.folder / "trials.csv"))
    front = found.front()
    assert sorted(front["trial"]) == sorted(pd.read_csv(found.folder / "front.csv")["trial"])
    assert front["area_mm2"].is_monotonic_increasing
    assert front["latency_us_per_step"].is_monotonic_decreasing
    assert dse.load_search(str(found.folder)).front().equals(front)


def test_it_is_shown_as_a_figure_and_as_a_table(found: dse.Search) -> None:
    figure = found.plot(x="latency_us_per_step", y="area_mm2")
    assert isinstance(figure, go.Figure)
    tried, front = figure.data
    assert (len(front.x), len(front.x) + len(tried.x)) == (len(found.front()), found.to_frame()["distinct"].sum())
    assert found._repr_html_().count("<tr") == len(found.front()) + 1
    assert found.write_report().is_file()


def test_a_finished_search_goes_on_with_a_larger_budget(found: dse.Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(found.folder.parent)
    with pytest.raises(BadInput, match="holds a search"):
        dse.search(SPACE, found.folder)
    more = dse.search(SPACE | {"trials": 12}, found.folder, resume=True)
    assert len(more.to_frame()) >= len(found.to_frame())


def test_other_models_take_the_place_of_a_study_s() -> None:
    from dse.interface import as_space

    own = [{"name": "wp-lstm256-binary"}]
    for given in (SPACE, as_space(SPACE), "own"):
        assert list(as_space(given, own).choices) == ["wp-lstm256-binary"]


def test_mistakes_are_said_all_at_once(found: dse.Search) -> None:
    with pytest.raises(BadInput) as told:
        dse.search(SPACE | {"base": "nothing", "objectives": ["area_mm2", "beauty"]})
    assert {line.split(":")[1].strip() for line in told.value.lines} == {"base", "objectives.1"}
    with pytest.raises(BadInput, match=r"objective must be one of .*, not 'beauty'"):
        found.plot(x="beauty")
    with pytest.raises(BadInput, match="nowhere: holds no finished search"):
        dse.load_search("nowhere")
    with pytest.raises(AttributeError, match="module 'dse' has no attribute 'nothing'"):
        getattr(dse, "nothing")  # noqa: B009  the very call that `dse.nothing` is
    assert {"Search", "search", "load_search", "Space"} <= set(dir(dse))
