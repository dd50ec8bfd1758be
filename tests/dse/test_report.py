"""The report: one file that loads nothing, that no name breaks out of, and figures that show what the tables hold."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from archsim.trace import BadInput
from dse import plots, store
from dse.models import ModelSide
from dse.plots.base import colour, symbol
from dse.plots.breakdown import breakdown_info
from dse.plots.models import models_info
from dse.plots.scatter import scatter_info
from dse.plots.stalls import stalls_info
from dse.report import number, render, write_report
from dse.result import SearchResult
from dse.space import parse_space
from dse.store import Results
from dse.study import search

EVIL = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>'\"&"


@pytest.fixture(scope="module")
def results(finished: SearchResult) -> Results:
    return store.read(finished.folder)


class Page(HTMLParser):
    """Tags with their attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def data_of(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Page(page).scripts[1])
    return found


def test_one_file_that_loads_nothing(finished: SearchResult) -> None:
    path = write_report(finished.folder)
    text = path.read_text()
    page = Page(text)
    assert path == finished.folder / "report.html"
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
        assert not {"src", "href", "srcset", "action", "data"} & set(attributes), (tag, attributes)
    own = text.replace(get_plotlyjs(), "")
    assert len(own) < len(text)
    assert re.findall(r"https?://|//cdn|@import|url\(", own) == []
    assert text.count(get_plotlyjs()) == 1
    assert "modeBarButtons: [buttons]" in own  # Plotly's default bar can send a figure to a server
    assert "Cloud" not in own


def test_names_are_inert(results: Results) -> None:
    def evil(table: str, column: str) -> Any:
        frame = getattr(results, table)
        return frame.assign(**{column: EVIL})

    attacked = replace(
        results,
        space=results.space.model_copy(update={"title": EVIL}),
        trials=evil("trials", "model"),
        front=evil("front", "model"),
        models=evil("models", "model"),
        published=evil("published", "design"),
        details=[
            d.model_copy(update={"model": EVIL, "command": EVIL, "overrides": {EVIL: EVIL}, "clock_problems": [EVIL]})
            for d in results.details
        ],
    )
    clean, page = Page(render(results)), Page(render(attacked))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in clean.tags]
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert len(page.scripts) == 3
    point = next(iter(data_of(render(attacked))["points"].values()))
    assert point["command"] == EVIL  # whole, for the page to set as text
    figures = json.dumps(data_of(render(attacked))["overview"])
    assert "<script" not in figures.lower()
    assert "<img" not in figures.lower()


def test_every_point_of_the_front_can_be_chosen(results: Results) -> None:
    page = render(results)
    data = data_of(page)
    trials = {str(n) for n in results.front["trial"]}
    assert set(data["points"]) == trials
    assert str(data["first"]) in trials
    rows = {a["data-trial"] for tag, a in Page(page).tags if tag == "tr" and "data-trial" in a}
    assert rows == trials
    for name in ("front", "hardware"):
        dots = [n for trace in data["overview"][name]["data"] for n in trace.get("customdata", [])]
        assert {str(n) for n in dots} == trials
    for point in data["points"].values():
        assert set(point["figures"]) == {plot.name for plot in plots.DETAIL}


def test_ids_of_the_script_are_on_the_page(results: Results) -> None:
    page = render(results)
    ids = [a["id"] for _, a in Page(page).tags if "id" in a]
    assert len(ids) == len(set(ids))
    script = Page(page).scripts[2]
    assert set(re.findall(r'"#([\w-]+)"', script)) <= set(ids)
    assert {f"detail-{plot.name}" for plot in plots.DETAIL} <= set(ids)
    assert {f"overview-{plot.name}" for plot in plots.OVERVIEW} <= set(ids)


@pytest.mark.parametrize("plot", plots.ALL, ids=lambda plot: plot.name)
def test_every_figure_has_titles_with_units_and_a_caption(plot: Any, results: Results) -> None:
    made = plot.make(results if isinstance(plot, plots.OverviewPlot) else results.details[0])
    assert re.search(r"\(.+\)$", made.layout.xaxis.title.text)
    horizontal_bars = all(trace.type == "bar" and trace.orientation == "h" for trace in made.data)
    assert horizontal_bars or re.search(r"\(.+\)$", made.layout.yaxis.title.text)
    assert plot.title
    assert plot.caption.endswith(".")
    assert made.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert made.layout.font.color is None  # the page sets it, light or dark


def test_the_front_figure_shows_every_distinct_trial_once(results: Results) -> None:
    goals = results.space.goals
    info = scatter_info(results, goals[2], goals[0], goals[1])
    evaluated = results.trials[results.trials["distinct"] & results.trials["area_mm2"].notna()]
    assert len(info.front.x) + len(info.dominated.x) + len(info.infeasible.x) == len(evaluated)
    assert info.front.x == (results.front["energy_system_pj_per_token"] / 1000).tolist()
    assert info.front.y == results.front["validation_loss"].tolist()
    assert len(info.published.x) == len(results.published)
    assert {name for name in info.published_name if name} == set(results.published["design"])


def test_breakdowns_add_up(results: Results) -> None:
    for detail in results.details:
        energy, area = breakdown_info(detail, "energy"), breakdown_info(detail, "area")
        assert sum(energy.value) == pytest.approx(detail.energy_system_pj_per_token / 1000)
        assert sum(area.value) == pytest.approx(detail.area_chip_mm2)
        assert energy.value == sorted(energy.value)
        assert sum(stalls_info(detail).percent) == pytest.approx(100)


def test_the_models_figure_is_the_models_table(results: Results) -> None:
    info = models_info(results)
    assert info.validation_loss == results.models["validation_loss"].tolist()
    assert info.sparsity_percent == pytest.approx(100 * results.models["state_sparsity"])


def test_a_search_without_a_front_is_shown(results: Results) -> None:
    trials = results.trials.assign(on_front=False, feasible=False, reason="too late by 3 us")
    page = render(replace(results, trials=trials, front=results.front.iloc[:0], details=[]))
    assert "No design keeps every constraint." in page
    assert data_of(page)["first"] is None
    assert "too late by # us" in page


def test_unequal_work_is_warned_of(results: Results) -> None:
    left_out = ["readout" if n % 2 else "" for n in range(len(results.trials))]
    assert "Not all designs do the same work" not in render(results)
    assert "Not all designs do the same work" in render(
        replace(results, trials=results.trials.assign(left_out=left_out))
    )


def test_an_unfinished_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no finished search"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.00012345, "0.0001234"), (0.012345, "0.01235"), (1.9, "1.900"), (12345.6, "12,346"), (2e9, "2e+09")],
)
def test_numbers_read_easily(value: float, shown: str) -> None:
    assert number(value) == shown


def test_formats_that_are_told_apart() -> None:
    looks = {(symbol(name), colour(name)) for name in ("fixed8", "fixed4", "ternary", "binary", "float32")}
    assert len(looks) == 5
    assert (symbol("fixed4"), colour("fixed4")) == (symbol("fixed6-row"), colour("fixed6-row"))
    assert (symbol("fixed8"), colour("fixed8")) == (symbol("fixed12-row"), colour("fixed12-row"))


def test_a_stream_says_when_its_steps_are_due(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    stream = {"kind": "streaming", "scope": "recurrent", "sequences": 4, "steps": 6, "period_us": 2, "deadline_us": 1.5}
    space = parse_space(tree | {"scenario": stream, "constraints": {"fits_on_chip": True}, "trials": 8}, "t")
    search(space, tmp_path, models=models)
    page = render(store.read(tmp_path))
    assert "a step of every lane each 2 µs, due 1.5 µs after its input" in page
    assert "with every step within its deadline and the whole model in on-chip SRAM" in page
