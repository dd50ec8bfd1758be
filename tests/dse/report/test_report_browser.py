"""The report as a person meets it: in a real browser, from the file system, with the network off."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from archsim.design import load_design
from archsim.record import RunRecord
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize
from dse import report as report_
from dse.evaluation.models import ModelSide
from dse.exploration.study import search
from dse.report.html import render
from dse.report.shapes import Coded, Others, Page, PageColumn, PageTable, SamplerLine, SamplersTab, Trials
from dse.results import store
from dse.results.result import SearchResult
from dse.results.store import Results
from dse.space.space import parse_space
from tests.archsim.rtl.integer_bench import needs
from tests.dse.cli.test_cli import archsim

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright (extra `dev`)")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium (or $CHROMIUM): none is installed here"),
]

TABS = ("front", "design", "search", "model", "validation", "timeline")
FLUID = 5
"""The most CPU time that an answer may take of 20,000 points, in times of what it takes of 200, a hundredth of them.
Medians of 21 are 3.4 to 4.6; 6.1 to 7.8 were they drawn anew. Of the three answers that were measured before, the first
was slow on either page, and a tick of the clock is a tenth of the shorter time."""


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    with playwright.sync_playwright() as runs:
        yield lambda *options: runs.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *options])


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any]) -> Iterator[Any]:
    browser = launch("--disable-gpu")
    yield browser
    browser.close()


Opened = Callable[..., Any]


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """Opens a file offline; at the end nothing may have been complained of, and nothing else asked for."""
    complaints: list[str] = []
    asked: list[str] = []
    contexts = []

    def opens(path: Path, width: int = 1440, scheme: str = "light") -> Any:
        context = browser.new_context(
            offline=True, viewport={"width": width, "height": 1400}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        return tab

    yield opens
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []


@pytest.fixture(scope="module")
def results(finished: SearchResult) -> Results:
    return store.read(finished.folder)


@pytest.fixture(scope="module")
def page(finished: SearchResult) -> Page:
    return report_.view_page([finished.folder])


@pytest.fixture(scope="module")
def report(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_.write(page, tmp_path_factory.mktemp("report") / "report.html")


@dataclass(frozen=True)
class Searched:
    """A search with its report."""

    folder: Path
    report: Path
    results: Results


@pytest.fixture(scope="module")
def tiny(finished: SearchResult, report: Path, results: Results) -> Searched:
    return Searched(finished.folder, report, results)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """What `archsim demo` leaves behind."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    subprocess.run([sys.executable, "-m", "dse.cli", "--quiet", "demo", "--out", folder], check=True)
    return Searched(folder, folder / "report.html", store.read(folder))


@pytest.fixture(scope="module", params=["tiny", "demo"])
def searched(request: pytest.FixtureRequest) -> Searched:
    found: Searched = request.getfixturevalue(request.param)
    return found


def turn_to(tab: Any, name: str) -> None:
    tab.click(f"#tab-{name}")


SPOT = """key => {
  const plot = document.querySelector("[data-figure=front]"), full = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  const point = pointByKey.get(key), at = (axis, v) => axis._offset + axis.l2p(axis.type === "log" ? Math.log10(v) : v);
  return [box.x + at(full.xaxis, value(point, view.x)), box.y + at(full.yaxis, value(point, view.y))];
}"""


def click_point(tab: Any, key: str) -> None:
    x, y = tab.evaluate(SPOT, key)
    tab.mouse.move(x - 3, y)
    tab.mouse.move(x, y)
    tab.wait_for_function("document.querySelector('[data-figure=front]')._hoverdata?.length")  # a click is of a hover
    tab.mouse.click(x, y)


APART = f"""() => {{
  const at = new Map(points.map((p) => [p.key, ({SPOT})(p.key)]));
  const near = (key) => Math.min(...[...at].filter(([other]) => other !== key).map(([, [x, y]]) =>
    Math.hypot(x - at.get(key)[0], y - at.get(key)[1])));
  const keys = page.designs.map((design) => design.key).filter((key) => key !== page.searches[0].first && at.has(key));
  return keys.sort((a, b) => near(b) - near(a))[0];
}}"""


def apart(tab: Any) -> str:
    """Key of the front's point that lies farthest from any other that is drawn: what a click on it means is plain."""
    found: str = tab.evaluate(APART)
    return found


def test_samplers_are_drawn_with_their_spread(tmp_path: Path, page: Page, opened: Opened) -> None:
    curves = [
        SamplerLine(sampler=name, trials=[1, 10], mean=[at, at + 9], least=[at - 5, at], most=[at + 1, at + 12])
        for name, at in (("nsga2", 60), ("random", 40))
    ]
    table = PageTable(columns=(PageColumn(title="Sampler", words=True),), rows=[["nsga2"], ["random"]])
    compared = SamplersTab(name="tiny", says="All points were evaluated.", curves=curves, table=table)
    tab = opened(report_.write(page.model_copy(update={"comparisons": [compared]}), tmp_path / "samplers.html"))
    turn_to(tab, "samplers")
    drawn = tab.evaluate(
        "document.querySelector('[data-figure=samplers]').data.map((t) => [t.name ?? '', t.fill ?? '', [...t.y]])"
    )
    assert [name for name, fill, _ in drawn if not fill] == ["nsga2", "random"]
    assert [y for _, fill, y in drawn if fill] == [[61, 72, 60, 55], [41, 52, 40, 35]]


def test_hardware_of_the_chosen_design_passes_its_check(demo: Searched, tmp_path: Path) -> None:
    """As a newcomer follows the demo's page: the design that it opens with, its command as it stands, any folder."""
    needs("verilator")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', demo.report.read_text(), re.DOTALL)
    assert data is not None
    page = json.loads(data[1])
    (design,) = [each for each in page["designs"] if each["key"] == page["searches"][0]["first"]]
    words = shlex.split(design["hardware"]["command"])
    assert words[:2] == ["archsim", "rtl"]
    assert "--check" in words
    done = archsim(*words[1:], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("equal: ")


def test_every_tab_opens_offline_and_fits_the_window(searched: Searched, opened: Opened) -> None:
    for width in (800, 1440, 2000):
        tab = opened(searched.report, width)
        assert tab.title() == (searched.results.space.title or searched.results.space.name)
        for name in TABS:
            turn_to(tab, name)
            assert tab.locator(f"#{name}").is_visible()
            assert tab.locator(f"#{name} .plot .main-svg").count() > 0
            assert tab.evaluate("document.documentElement.scrollWidth") <= width


TOLD = """name => [...document.querySelectorAll(`#${name} figure`)].map((figure) => {
  const plot = figure.querySelector(".plot"), made = plot.make(), { xaxis, yaxis } = plot.layout;
  const words = yaxis.ticktext || plot.data.some((trace) => trace.orientation === "h");
  return {
    x: xaxis.title.text, y: words ? "(names)" : yaxis.title.text, title: made.title, rows: made.rows.length,
    caption: figure.querySelector("figcaption").textContent, csv: Boolean(figure.querySelector("button.csv")),
    whole: made.rows.every((row) => row.length === made.columns.length),
  };
})"""


def test_every_figure_has_units_a_sentence_and_its_data(report: Path, opened: Opened) -> None:
    tab = opened(report)
    for name in TABS:
        turn_to(tab, name)
        told = tab.evaluate(TOLD, name)
        assert told
        for figure in told:
            assert re.search(r"\(.+\)$", figure["x"]), figure
            assert re.search(r"\(.+\)$", figure["y"]), figure
            assert figure["title"]
            assert figure["caption"].endswith(".")
            assert figure["csv"]
            assert figure["rows"]
            assert figure["whole"]


def test_a_click_on_the_front_shows_what_the_tables_hold(searched: Searched, opened: Opened, tmp_path: Path) -> None:
    tab, results = opened(searched.report), searched.results
    key = apart(tab)
    click_point(tab, key)
    assert tab.evaluate("chosen.keys") == [key]
    row: Any = results.front.set_index("trial").loc[int(key.split(":")[1])]
    facts = tab.locator("#brief dl").first.inner_text().splitlines()
    assert report_.words.number(row["area_mm2"]) + " mm²" in facts
    assert report_.words.number(row["energy_system_pj_per_token"] / 1000) + " nJ" in facts
    turn_to(tab, "design")
    assert tab.locator("[data-design]").get_attribute("data-design") == key
    parameters = cells(tab, "#design table", -1)
    for name in results.space.parameters:
        assert float(parameters[name].replace(",", "")) == row[name]
    for group, variants in results.space.variants.items():
        for name, value in variants[row[group]].items():
            assert parameters[name] == ({True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value))
    detail = next(d for d in results.details if d.trial == row.name)
    for kind, figures, scale in (("energy", detail.energy, 1000), ("area", detail.area, 1)):
        shown = cells(tab, f"table[data-parts={kind}]")
        saved: Any = pd.read_csv(downloaded(tab, f"figure:has([data-figure={kind}])", tmp_path)).set_index("Component")
        assert set(saved.index) == set(figures)
        for name, figure in figures.items():
            assert shown[name.replace("_", " ")] == report_.words.number(float(f"{figure.value / scale:.7g}"))
            for column, value in (("Value", figure.value), ("Low", figure.low), ("High", figure.high)):
                assert saved.filter(like=column).loc[name].item() == pytest.approx(value / scale, rel=1e-6)
            assert saved.loc[name, "Source"] == figure.source
    commands = tab.locator("#design code").all_inner_texts()
    assert commands[0] == detail.command
    assert "front alone" not in tab.locator("#design").inner_text()
    tiles = int(parameters["pe_array.tiles"])
    assert tab.locator("svg.diagram rect.tile").count() == tiles
    assert tab.locator("svg.diagram rect.pe").count() == tiles * row["pe_array.pes_per_tile"]


OFF = """kind => points.find((p) => p.kind === kind && !designByKey.has(p.key)).key"""


@pytest.mark.parametrize("kind", ["dominated", "misses a constraint"])
def test_a_point_off_the_front_has_its_parts_and_its_command(searched: Searched, opened: Opened, kind: str) -> None:
    tab, results = opened(searched.report), searched.results
    key = tab.evaluate(OFF, kind)
    tab.evaluate("key => chosen.choose(key)", key)
    number = int(key.split(":")[1])
    row = results.trials.set_index("trial").loc[number]
    said = tab.locator("#brief").inner_text()
    assert (row["reason"] or "is at least as good in every objective, and better in one") in said
    assert tab.locator("#brief .strip").count() == 2
    turn_to(tab, "design")
    own = results.parts.components[results.parts.components["trial"] == number]
    for whole, scale in (("energy", 1000), ("area", 1)):
        shown = cells(tab, f"table[data-parts={whole}]")
        of = own[own["whole"] == whole].set_index("component")
        assert set(shown) - {"system", "chip"} == {str(name).replace("_", " ") for name in of.index}
        for name, value in of["value"].items():
            assert shown[str(name).replace("_", " ")] == report_.words.number(float(f"{value / scale:.7g}"))
    point = results.parts.points.set_index("trial").loc[number]
    assert f"bound by {point['bound']}" in tab.locator("#design").inner_text()
    assert tab.locator("svg.diagram rect.pe").count() > 0
    assert "Cycles of each step" in tab.locator("#design").inner_text()
    words = shlex.split(tab.locator("#design code").inner_text())
    ran = subprocess.run([sys.executable, "-m", "dse.cli", *words[1:], "--json"], stdout=subprocess.PIPE, check=True)
    run = json.loads(ran.stdout)
    stalls = {cause: n for _, cause, n, _ in tab.evaluate("document.querySelector('[data-figure=stalls]').make().rows")}
    assert stalls == {"busy": run["busy_cycles"], **{c: run["stalls"][c] for c in set(stalls) - {"busy"}}}
    assert run["area_mm2"]["total_chip"] == pytest.approx(row["area_mm2"])
    assert run["energy_pj_per_token"]["total_system"] == pytest.approx(row["energy_system_pj_per_token"])


def test_of_a_point_far_from_the_front_the_page_says_what_it_has(page: Page, tmp_path: Path, opened: Opened) -> None:
    (search_,) = page.searches
    few = search_.model_copy(update={"others": Others(left_out=len(search_.others.trial))})
    tab = opened(report_.write(page.model_copy(update={"searches": [few]}), tmp_path / "few.html"))
    tab.evaluate("key => chosen.choose(key)", tab.evaluate(OFF, "dominated"))
    turn_to(tab, "design")
    said = tab.locator("#design").inner_text()
    assert f"{few.others.left_out} lie farther. The command shows them." in said
    assert tab.locator("#design code").inner_text().startswith("archsim run --design skip-65nm --workload ")
    assert tab.locator("table[data-parts]").count() == 0


def test_a_component_and_a_cause_that_are_new_are_drawn(page: Page, tmp_path: Path, opened: Opened) -> None:
    first = page.designs[0]
    energy = [*first.energy, first.energy[0].model_copy(update={"name": "content_memory", "value": 1e4})]
    stalls = {"content_miss": 7, **first.stalls}
    design = first.model_copy(update={"energy": energy, "stalls": stalls})
    page = page.model_copy(update={"designs": [design, *page.designs[1:]]})
    tab = opened(report_.write(page, tmp_path / "new.html"))
    tab.evaluate("key => chosen.choose(key)", design.key)
    assert "content memory" in tab.locator("#brief .strip").first.locator("span").last.get_attribute("title")
    turn_to(tab, "design")
    assert cells(tab, "table[data-parts=energy]")["content memory"] == "10,000"
    names = "name => document.querySelector(`[data-figure=${name}]`).data.map((trace) => trace.name)"
    assert "content memory" in tab.evaluate(names, "energy")
    assert tab.evaluate(names, "stalls")[1] == "waits: content miss"


def downloaded(tab: Any, where: str, folder: Path) -> Path:
    """What the button for CSV saves there, under the name that it gives it."""
    with tab.expect_download() as waited:
        tab.locator(where).locator("button.csv").click()
    path: Path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def cells(tab: Any, selector: str, index: int = 0) -> dict[str, str]:
    """First cell of each row to the second."""
    rows = tab.locator(selector).nth(index).locator("tbody tr").all_inner_texts()
    return {name: shown for name, shown, *_ in (row.split("\t") for row in rows)}


DRAWN = """() => document.querySelector("[data-figure=front]").data.flatMap((t) => t.customdata || [])"""


def test_filters_change_what_is_drawn(searched: Searched, opened: Opened) -> None:
    tab, results = opened(searched.report), searched.results
    distinct = results.trials[results.trials["distinct"] & results.trials["area_mm2"].notna()]
    assert sorted(tab.evaluate(DRAWN)) == sorted(f"0:{n}" for n in distinct["trial"])
    for filters, name in (("models", "model"), ("formats", "weight_format")):
        one = distinct[name].iloc[0]
        tab.uncheck(f"[data-filters={filters}] [data-filter='{one}']")
        others = distinct[distinct[name] != one]
        assert sorted(tab.evaluate(DRAWN)) == sorted(f"0:{n}" for n in others["trial"])
        tab.check(f"[data-filters={filters}] [data-filter='{one}']")
    tab.uncheck("[data-view=misses]")
    bound = distinct["area_mm2"].median() * 1.0001  # the page keeps seven figures
    tab.fill("[data-limit=area_mm2]", str(bound))
    tab.press("[data-limit=area_mm2]", "Enter")
    inside = distinct[(distinct["area_mm2"] <= bound) & distinct["feasible"]]
    assert sorted(tab.evaluate(DRAWN)) == sorted(f"0:{n}" for n in inside["trial"])
    tab.select_option("[data-view=x]", "latency_us_per_step")
    assert tab.evaluate("document.querySelector('[data-figure=front]').layout.shapes.length") == 1


def test_the_front_of_the_page_is_that_of_the_search(searched: Searched, opened: Opened) -> None:
    tab, results = opened(searched.report), searched.results
    assert sorted(tab.evaluate("sorted().front.map((p) => p.trial)")) == sorted(results.front["trial"])
    assert tab.locator("#front tr[data-key]").count() == len(results.front)


def test_facts_keep_points_off_the_front(
    tmp_path: Path, opened: Opened, tree: dict[str, Any], models: ModelSide
) -> None:
    stream = {"kind": "streaming", "scope": "recurrent", "sequences": 4, "steps": 6, "period_us": 2, "deadline_us": 0.8}
    found = search(parse_space(tree | {"scenario": stream, "constraints": {}}, "t"), tmp_path, models=models)
    table = store.read(tmp_path).trials
    assert not table[table["distinct"] & table["area_mm2"].notna()]["meets_deadline"].all()
    tab = opened(report_.write_report(tmp_path))
    assert sorted(tab.evaluate("sorted().front.map((p) => p.trial)")) == sorted(p.trial.number for p in found.front)
    tab.evaluate("key => chosen.choose(key)", tab.evaluate(OFF, "misses a constraint"))
    turn_to(tab, "design")
    assert tab.locator("#design code").inner_text().startswith("archsim stream --design skip-65nm --workload ")
    for name in ("design", "timeline"):
        turn_to(tab, name)
        assert "--html" not in tab.locator(f"#{name}").inner_text()  # which a stream has not


def test_parameters_of_any_trial_are_those_of_its_design(report: Path, opened: Opened, page: Page) -> None:
    tab = opened(report)
    for design in page.designs:
        made = tab.evaluate("key => parametersOf(pointByKey.get(key))", design.key)
        named = {"name", "title"}
        assert {k: v for k, v in made.items() if k not in named} == {
            k: list(v) if isinstance(v, tuple) else v for k, v in design.parameters.items() if k not in named
        }


def test_the_dark_switch_works(searched: Searched, opened: Opened) -> None:
    tab = opened(searched.report)
    look = """() => [getComputedStyle(document.body).backgroundColor,
                     document.querySelector("[data-figure=front]").layout.font.color]"""
    light = tab.evaluate(look)
    tab.click("#theme")
    dark = tab.evaluate(look)
    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] == "rgb(20, 23, 28)"
    assert light[1] != dark[1]
    assert opened(searched.report, scheme="dark").evaluate(look) == dark


def test_a_figure_saves_its_data(searched: Searched, opened: Opened, tmp_path: Path) -> None:
    tab, results = opened(searched.report), searched.results
    path = downloaded(tab, "figure:has([data-figure=front])", tmp_path)
    assert path.name == "front.csv"
    saved = pd.read_csv(path)
    front = saved[saved["Kind"] == "front"].set_index("Trial")
    expected = results.front.set_index("trial")
    assert set(front.index) == set(expected.index)
    area = front["Chip area (mm²)"].sort_index()
    assert area.tolist() == pytest.approx(expected["area_mm2"].sort_index().tolist(), rel=1e-6)
    with path.open() as file:
        assert len(list(csv.reader(file))) == 1 + len(saved)


def test_four_designs_stand_side_by_side(report: Path, opened: Opened) -> None:
    tab = opened(report)
    rows = tab.locator("#front tr[data-key]")
    rows.nth(0).click()
    for i in (1, 2, 3, 4):
        rows.nth(i).click(modifiers=["Shift"])
    keys = [rows.nth(i).get_attribute("data-key") for i in (1, 2, 3, 4)]
    assert tab.evaluate("chosen.keys") == keys
    turn_to(tab, "design")
    shown = tab.locator("[data-design]")
    assert [shown.nth(i).get_attribute("data-design") for i in range(4)] == keys
    assert tab.evaluate("document.querySelector('[data-figure=energy]').data[0].y") == ["A", "B", "C", "D"]
    tab.locator("[data-design] button.away").first.click()
    assert tab.evaluate("chosen.keys") == keys[1:]


def test_keys_and_the_keyboard_choose_too(report: Path, opened: Opened) -> None:
    tab = opened(report)
    row = tab.locator("#front tr[data-key]").nth(2)
    row.focus()
    row.press("Enter")
    assert tab.evaluate("chosen.keys") == [row.get_attribute("data-key")]
    tab.locator("#front th button").nth(3).click()
    rows = tab.locator("#front table").first.locator("tbody tr").all_inner_texts()
    order = [float(row.split("\t")[3]) for row in rows]
    assert order == sorted(order)


def test_marks_of_rows_outlast_sorting(report: Path, opened: Opened, page: Page) -> None:
    tab = opened(report)
    marked = tab.locator("#front tr.chosen")
    assert marked.get_attribute("data-key") == page.searches[0].first  # one, and before anything is chosen
    tab.locator("#front th button").nth(3).click()
    assert marked.get_attribute("data-key") == page.searches[0].first
    tab.locator("#front tr[data-key]:not(.chosen)").first.click(modifiers=["Shift"])
    assert marked.count() == 2
    turn_to(tab, "design")
    marks = """() => [...document.querySelectorAll("#design .columns table:not(.parts) tbody tr")].map((row) =>
      [row.className === "differs", row.cells[1].textContent !== row.cells[2].textContent])"""
    before = tab.evaluate(marks)
    assert all(marked == differs for marked, differs in before)
    assert {marked for marked, _ in before} == {True, False}
    for i in range(2):
        tab.locator("#design .columns table:not(.parts) thead").nth(i).locator("button").nth(1).click()
    after = tab.evaluate(marks)
    assert after != before
    assert sorted(after) == sorted(before)


EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


def test_names_with_markup_show_as_text(page: Page, tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "evil.html"
    path.write_text(render(attacked(page)))
    tab = opened(path)
    assert tab.locator("h1").inner_text() == EVIL
    for name in TABS:
        turn_to(tab, name)
        assert EVIL in tab.locator("main").inner_text() or name in ("validation",)
    turn_to(tab, "front")
    click_point(tab, apart(tab))
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("img").count() == 0
    assert tab.locator("script").count() == 3


NAMES = ("title", "label", "introduction", "footer", "says", "command", "clock", "term", "note", "texts", "text")


def attacked(page: Page) -> Page:
    """The page with its names replaced: all of these, a model's wherever it is, and a published design's."""
    model, design = page.networks[0].label, page.searches[0].published.coded["design"].values[0]

    def walk(value: Any, at: str) -> Any:
        if isinstance(value, dict):
            return {key: walk(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [walk(each, at) for each in value]
        return EVIL if isinstance(value, str) and (at in NAMES or value in (model, design)) else value

    return Page.model_validate(walk(page.model_dump(mode="json"), ""))


def enlarged(page: Page, count: int) -> Page:
    """The first search with its trials repeated, a little apart from each other, until there are `count`."""
    search = page.searches[0]
    of = search.trials
    alive = [i for i, k in enumerate(of.coded["kind"].index) if of.coded["kind"].values[k] in ("front", "dominated")]
    rows = [alive[n % len(alive)] for n in range(count)]
    apart = [1 + 0.9 * (n * 7919 % 1000) / 1000 for n in range(count)]
    trials = Trials(
        trial=list(range(100_000, 100_000 + count)),
        numbers={
            name: [(each[i] or 0.0) * factor for i, factor in zip(rows, apart, strict=True)]
            for name, each in of.numbers.items()
        },
        coded={name: Coded(values=c.values, index=[c.index[i] for i in rows]) for name, c in of.coded.items()},
    )
    return page.model_copy(update={"searches": [search.model_copy(update={"trials": trials, "first": None})]})


SELECT = """async key => {
  const frame = () => new Promise(requestAnimationFrame);
  chosen.choose(key);
  await frame(); await frame();
}"""


def selection_s(tab: Any) -> float:
    """What the browser works for a selection until it is drawn, as the median of many: CPU time, whatever else runs."""
    browser = tab.context.browser.new_browser_cdp_session()

    def worked() -> float:
        return sum(float(each["cpuTime"]) for each in browser.send("SystemInfo.getProcessInfo")["processInfo"])

    took = []
    for n in range(7, 28):
        before = worked()
        tab.evaluate(SELECT, f"0:{100_000 + n}")
        took.append(worked() - before)
    return float(np.median(took))


def test_twenty_thousand_points_stay_fluid(page: Page, tmp_path: Path, opened: Opened, record_property: Any) -> None:
    took = {}
    for count in (200, 20_000):
        path = tmp_path / f"{count}.html"
        path.write_text(render(enlarged(page, count)))
        tab = opened(path)
        key = tab.evaluate("sorted().front[0].key")
        click_point(tab, key)
        tab.wait_for_function("chosen.keys.length === 1", timeout=5000)
        took[count] = selection_s(tab)
    ratio = took[20_000] / took[200]
    print(f"selection: {took[200]:.3f} s of 200 points, {took[20_000]:.3f} s of 20,000: x {ratio:.1f}")
    record_property("ratio", ratio)
    assert ratio < FLUID


def test_without_webgl_what_lies_on_one_spot_is_drawn_once(
    page: Page, tmp_path: Path, launch: Callable[..., Any]
) -> None:
    browser = launch("--disable-gpu", "--disable-3d-apis")
    took = {}
    for count in (200, 20_000):
        path = tmp_path / f"{count}.html"
        path.write_text(render(enlarged(page, count)))
        tab = browser.new_page()
        tab.goto(path.as_uri())
        assert tab.evaluate("webgl") is False
        took[count] = selection_s(tab)
    front = tab.evaluate("sorted().front.length")
    assert front < len(tab.evaluate(DRAWN)) <= front + 2 * tab.evaluate("MOST_SVG")
    print(f"selection without WebGL: {took[200]:.3f} s of 200 points, {took[20_000]:.3f} s of 20,000")
    assert took[20_000] / took[200] < FLUID
    browser.close()


def test_a_run_has_its_design_its_model_and_its_timeline(tmp_path: Path, opened: Opened) -> None:
    design, trace = load_design("skip-65nm"), synthesize(64, 10, 0.2, sequences=8, steps=12)
    timeline = report_.timeline(design, trace, 0, 2, "model", None, "run", "t")
    network = report_.run_network("t.npz", None, trace)
    made = report_.run_page(simulate(design, trace), "archsim run", network, timeline)
    tab = opened(report_.write(made, tmp_path / "run.html"))
    assert tab.locator("nav button").all_inner_texts() == ["Design", "Model", "Timeline"]
    for name in ("design", "model", "timeline"):
        turn_to(tab, name)
        assert tab.locator(f"#{name} .plot .main-svg").count() > 0


def test_where_no_accuracy_was_measured_none_is_spoken_of(page: Page, tmp_path: Path, opened: Opened) -> None:
    """As after a search without a task."""
    said = {}
    for name, change in (("with", {}), ("without", {"validation": None, "test": None, "metric": "", "unit": ""})):
        networks = [network.model_copy(update=change) for network in page.networks]
        tab = opened(report_.write(page.model_copy(update={"networks": networks}), tmp_path / f"{name}.html"))
        turn_to(tab, "search")
        searched = tab.locator("#search").inner_text()
        turn_to(tab, "model")
        heads = tab.locator("#model table").first.locator("th").all_inner_texts()
        said[name] = ("accuracies" in searched, [head.split()[0] for head in heads[-3:]])
    assert said == {"with": (True, ["Size", "Validation", "Test"]), "without": (False, ["Threshold", "Zeros", "Size"])}


def test_two_searches_and_a_run_are_compared(finished: SearchResult, tmp_path: Path, opened: Opened) -> None:
    run = tmp_path / "one.json"
    report = simulate(load_design("edge-8pe"), synthesize(64, 10, 0.2, sequences=8, steps=12))
    run.write_text(json.dumps(RunRecord.of(report).to_json()))
    path = report_.write(report_.view_page([finished.folder, finished.folder, run]), tmp_path / "both.html")
    tab = opened(path)
    assert tab.evaluate("page.searches.length") == 2
    lines = "document.querySelector('[data-figure=front]').data.filter((trace) => trace.mode === 'lines')"
    assert len(tab.evaluate(lines)) == 2
    turn_to(tab, "search")
    assert len(tab.evaluate("document.querySelector('[data-figure=hypervolume]').data")) == 2
    turn_to(tab, "design")
    tab.select_option("#compare", "run:0")
    assert tab.locator("[data-design]").count() == 2
    for _ in range(2):  # taken away, and put beside it again
        tab.evaluate("chosen.choose(page.searches[0].first, true)")
    assert tab.evaluate("chosen.keys") == ["run:0", tab.evaluate("page.searches[0].first")]
    assert tab.evaluate("pins().map((pin) => pin.text)") == ["<b>B</b>"]
    assert tab.locator("[data-design]").nth(1).locator("b.letter").inner_text() == "B"
