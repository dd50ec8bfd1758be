"""The report's data: what the tables hold, in a page that no name breaks out of and that loads nothing."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from archsim.catalogue import CATALOGUE, Cause
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.record import RunRecord
from archsim.simulation import simulate
from archsim.timing import STALLS
from archsim.trace.synthetic import synthesize
from dse import objectives
from dse import report as report_
from dse.evaluation.models import ModelSide
from dse.exploration.study import search
from dse.report import view_page, words, write_report
from dse.report.bundle import bundle
from dse.report.designs import Texts, energy_words, front_designs
from dse.report.html import WEB, render
from dse.report.others import others
from dse.report.searches import search_page
from dse.report.shapes import STATES, Page, Trials
from dse.results import store
from dse.results.result import SearchResult
from dse.results.store import Results
from dse.space.rules import TAKEN
from dse.space.space import parse_space
from workloads.model import Model
from workloads.record import record


@pytest.fixture(scope="module")
def results(finished: SearchResult) -> Results:
    return store.read(finished.folder)


@pytest.fixture(scope="module")
def page(finished: SearchResult) -> Page:
    return view_page([finished.folder])


class Tags(HTMLParser):
    """Tags with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def test_one_file_that_loads_nothing(finished: SearchResult) -> None:
    path = write_report(finished.folder)
    text = path.read_text()
    assert path == finished.folder / "report.html"
    for tag, attributes in Tags(text).tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
        assert not {"src", "href", "srcset", "action", "data"} & set(attributes), (tag, attributes)
    own = text.replace(get_plotlyjs(), "").replace("http://www.w3.org/2000/svg", "")
    assert text.count(get_plotlyjs()) == 1
    assert re.findall(r"https?://|//cdn|@import|url\((?!#)", own) == []
    assert "default-src 'none'" in own
    assert "modeBarButtons: [BUTTONS]" in own  # Plotly's default bar can send a figure to a server
    assert len(text) < 8_000_000


EVIL = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>'\"&"


def test_names_are_inert_and_whole(page: Page) -> None:
    search = page.searches[0].model_copy(update={"title": EVIL, "introduction": EVIL, "footer": EVIL})
    design = page.designs[0].model_copy(update={"title": EVIL, "command": EVIL, "model": EVIL})
    evil = page.model_copy(update={"title": EVIL, "searches": [search], "designs": [design], "texts": [EVIL]})
    clean, parsed = Tags(render(page)), Tags(render(evil))
    assert [tag for tag, _ in parsed.tags] == [tag for tag, _ in clean.tags]
    assert not any("onerror" in attributes for _, attributes in parsed.tags)
    assert len(parsed.scripts) == 3
    assert json.loads(parsed.scripts[1])["designs"][0]["command"] == EVIL


def test_the_data_survive_the_page(page: Page) -> None:
    assert Page.model_validate_json(Tags(render(page)).scripts[1]) == page


def test_every_trial_is_there_once_with_its_figures(page: Page, results: Results) -> None:
    trials, table = page.searches[0].trials, results.trials
    assert trials.trial == table["trial"].tolist()
    kinds = [trials.coded["kind"].values[i] for i in trials.coded["kind"].index]
    front = [trial for trial, kind in zip(trials.trial, kinds, strict=True) if kind == "front"]
    assert front == results.front["trial"].tolist()
    assert kinds.count("refused") == (table["distinct"] & table["area_mm2"].isna()).sum()
    assert kinds.count("repeated") == (~table["distinct"]).sum()
    for name, scale in (("area_mm2", 1), ("energy_system_pj_per_token", 1000)):  # energy is shown in nJ
        found = np.array(trials.numbers[name], float)
        np.testing.assert_allclose(found, table[name].to_numpy() / scale, rtol=1e-6)
    for name in ("lanes", "clock_mhz", "array", "model"):
        column = trials.coded[name]
        assert [column.values[i] for i in column.index] == table[name].tolist()


def test_no_group_of_variants_can_be_called_as_a_column(page: Page, results: Results) -> None:
    own = {*results.space.parameters, *results.space.variants}
    assert {*results.trials.columns, *results.front.columns, *page.searches[0].trials.coded} - own <= TAKEN


def test_variants_may_be_called_as_numbers_and_truths(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    multiplier, mux = tree["variants"]["array"].values()
    tree["variants"] = {
        "array": {"true": multiplier, "false": mux},
        "volts": {"0.90": {"voltage_v": 0.9}, "1.0": {"voltage_v": 1.0}},
        "node": {"07": {"node_nm": 65}, "7": {"node_nm": 45}},
    }
    found = search(parse_space(tree, "t"), tmp_path, models=models)
    [shown] = view_page([tmp_path]).searches
    for group, variants in tree["variants"].items():
        column = shown.trials.coded[group]
        assert [column.values[i] for i in column.index] == [trial.parameters[group] for trial in found.trials]
        for name, set_ in zip(column.values, shown.commands.settings[group], strict=True):
            assert all(f"{path}={value}" in set_ for path, value in variants[name].items())


def test_breakdowns_add_up_and_carry_their_band(page: Page, results: Results) -> None:
    assert [d.key for d in page.designs] == [f"0:{d.trial}" for d in results.details]
    for design, detail in zip(page.designs, results.details, strict=True):
        low, mid, high = (value / 1000 for value in detail.energy_system_band_pj_per_token)
        assert sum(part.value for part in design.energy) == pytest.approx(mid, rel=1e-5)
        assert sum(part.low for part in design.energy) == pytest.approx(low, rel=1e-5)
        assert sum(part.high for part in design.energy) == pytest.approx(high, rel=1e-5)
        assert sum(part.value for part in design.area) == pytest.approx(detail.area_chip_mm2, rel=1e-5)
        assert design.busy_cycles + sum(design.stalls.values()) == design.cycles
        assert len(design.step_cycles) == detail.steps
        assert 0 <= design.cycles - sum(design.step_cycles) < 0.05 * design.cycles  # the last results' way out
        assert {page.texts[part.source] for part in design.area} == {f.source for f in detail.area.values()}


def test_points_off_the_front_are_broken_down_too(page: Page, results: Results) -> None:
    of = page.searches[0].others
    table = results.trials.set_index("trial")
    drawn = table[table["distinct"] & table["area_mm2"].notna()]
    assert of.trial == sorted(set(drawn.index) - set(results.front["trial"]))
    assert of.left_out == 0
    for name, columns, scale in (("energy_system_pj_per_token", of.energy, 1000), ("area_mm2", of.area, 1)):
        totals = np.sum([np.array(part.value, float) for part in columns], axis=0)
        np.testing.assert_allclose(totals, table.loc[of.trial, name] / scale, rtol=1e-5)
        for part in columns:
            low, high = part.low or part.value, part.high or part.value
            assert (np.array(low) <= np.array(part.value)).all()
            assert (np.array(part.value) <= np.array(high)).all()
            names: list[Any] = part.source.values
            assert all(page.texts[names[i]] for i in part.source.index)
    waits = np.sum([of.stalls[cause] for cause in of.stalls], axis=0)
    assert (np.array(of.busy_cycles) + waits).tolist() == of.cycles


def test_of_many_points_the_nearest_to_the_front_are_kept(results: Results) -> None:
    kept, every = others(results, Texts(), 3), others(results, Texts())
    assert len(kept.trial) == 3
    assert kept.left_out == len(every.trial) - 3
    table = results.trials.set_index("trial")
    goals = results.space.goals
    assert all(goal.sign > 0 for goal in goals)
    told: Any = {g.name: np.log10(table[g.name]) if g.logarithmic else table[g.name] for g in goals}
    front = results.front["trial"]
    spans = {name: told[name][front].max() - told[name][front].min() for name in told}

    def behind(trial: int) -> float:
        return float(min(max((told[n][trial] - told[n][best]) / spans[n] for n in told) for best in front))

    order = sorted(every.trial, key=lambda trial: (not table["feasible"][trial], behind(trial)))
    assert kept.trial == sorted(order[:3])


def test_parameters_are_those_of_the_design(page: Page, results: Results) -> None:
    for design, detail in zip(page.designs, results.details, strict=True):
        for path, value in detail.overrides.items():
            assert design.parameters[path] == value
        assert design.parameters["dram.kind"] == results.space.base_design.dram.kind


def test_a_parameter_that_was_searched_is_there_at_its_default_too(results: Results) -> None:
    name, value = "sequencer.empty_burst_cycles", 0
    (detail, *_) = results.details
    at_default = replace(results, details=[detail.model_copy(update={"overrides": {**detail.overrides, name: value}})])
    (design,) = front_designs(at_default, 0, Texts(), [None])
    assert results.space.base_design.stated()["sequencer"].get("empty_burst_cycles") is None
    assert design.parameters[name] == value


def test_hypervolume_rises_to_what_the_front_has(page: Page, results: Results) -> None:
    course = page.searches[0].course
    assert len(course) == len(results.trials)
    assert course == sorted(course)
    last = max(results.front["trial"])
    assert course[last] == course[-1] > course[0]


def test_a_page_says_how_much_was_found(results: Results) -> None:
    assert results.quality is not None
    whole = 2 * results.quality.hypervolume
    assert "is not known" in words.quality(results)
    assert "50.00% of it were not found" in words.quality(
        replace(results, quality=replace(results.quality, exact_hypervolume=whole))
    )
    assert words.quality(replace(results, quality=None)) == "Nothing feasible was found."


def test_importances_are_shares_of_every_objective(page: Page, results: Results) -> None:
    table = page.searches[0].importances
    assert len(table.columns) == 1 + len(results.space.objectives)
    rows: dict[Any, Any] = {row[0]: row[1:] for row in table.rows}
    assert set(rows) == {"model", *results.space.parameters, *results.space.variants}
    for goal in range(len(results.space.objectives)):
        assert sum(row[goal] for row in rows.values() if isinstance(row[goal], float)) == pytest.approx(1, abs=1e-5)


def test_what_an_objective_hangs_on_is_found(results: Results, finished: SearchResult) -> None:
    rng, space = np.random.default_rng(5), results.space
    drawn = {name: rng.choice(results.trials[name].unique(), 400) for name in space.parameters}
    drawn |= {"model": rng.choice([m.name for m in space.models], 400), "array": rng.choice(["multiplier", "mux"], 400)}
    table = pd.DataFrame(drawn).assign(trial=range(400), threshold=0.0, distinct=True, feasible=True, on_front=False)
    table = table.assign(weight_format="ternary", state_sparsity=0.5, reason="", left_out="")
    given = {"validation_loss": table["model"].map(len), "area_mm2": table["pe_array.tiles"]}
    given |= {"energy_system_pj_per_token": 1.0 / table["clock_mhz"]}
    table = table.assign(on_front_low=False, on_front_high=False, hypervolume=0.0, weights_resident=True)
    table = table.assign(**{o.name: given.get(o.name, 1.0) for o in objectives.ALL})
    rows: Any = search_page(replace(results, trials=table), finished.folder, 0, Texts()).importances.rows
    most = [max(rows, key=itemgetter(goal))[0] for goal in (1, 2, 3)]
    assert most == ["model", "pe_array.tiles", "clock_mhz"]


def test_a_parameter_that_was_never_in_force_has_no_importance(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    """It goes with PEs of one bit, which no model here can run on."""
    tree["variants"]["array"]["bits"] = {"pe_array.multiplier": "mux", "pe_array.weight_bits": 1}
    tree["parameters"]["dram.bandwidth_gbps"] = {"choices": [12.8, 25.6], "when": {"array": "bits"}}
    search(parse_space(tree | {"trials": 60}, "t"), tmp_path, models=models)
    [shown] = view_page([tmp_path]).searches
    rows = {row[0]: row[1:] for row in shown.importances.rows}
    assert rows.pop("dram.bandwidth_gbps") == [None, None, None]
    for goal in range(3):
        assert sum(float(str(row[goal])) for row in rows.values()) == pytest.approx(1, abs=1e-5)


def test_the_pace_counts_every_trial_in_order(page: Page, results: Results) -> None:
    pace = page.searches[0].pace
    assert pace[-1][0] == len(results.trials)
    assert pace == sorted(pace)


def test_timelines_tile_the_window_of_every_component(page: Page) -> None:
    assert page.timelines
    for timeline in page.timelines:
        assert timeline.components == [c.title for c in CATALOGUE.processes]
        assert set(timeline.states) <= {"busy", *Cause}
        for component in range(len(timeline.components)):
            own = [i for i, c in enumerate(timeline.component) if c == component]
            ends = [timeline.begin[i] + timeline.cycles[i] for i in own]
            assert [timeline.begin[i] for i in own[1:]] == ends[:-1]


def test_every_state_of_a_timeline_has_a_colour_of_its_own() -> None:
    table = re.search(r"STATE_COLOURS = \[(.*?)\]", (WEB / "colours.js").read_text(), re.DOTALL)
    assert table
    colours = re.findall(r'"(#\w+)"', table[1])
    assert set(STATES) == {"busy", *STALLS, *Cause}
    assert len(set(colours)) == len(colours) == len(STATES)
    assert [state for state in STATES if state in STALLS] == list(STALLS)


def test_networks_are_the_models_measured(page: Page, results: Results) -> None:
    assert [n.validation for n in page.networks] == pytest.approx(results.models["validation_loss"].tolist(), rel=1e-6)
    for network in page.networks:
        (state,) = network.states
        zeros = sum(state.per_unit) / len(state.per_unit)
        assert zeros == pytest.approx(state.union[1], abs=1e-3)
        assert sorted(state.union.values(), reverse=True) == list(state.union.values())
        for matrix in network.weights:
            assert sum(matrix.share) == pytest.approx(100, abs=0.01)
    ternary = next(n for n in page.networks if n.label == "wp-lstm256-ternary")
    assert ternary.weights[0].value == [-1, 0, 1]


def test_the_checks_are_those_of_validate(page: Page) -> None:
    assert {check.kind for check in page.checks} == {"identity", "fitted", "checked", "blind"}
    for check in page.checks:
        assert check.error_pct == pytest.approx(100 * (check.ours / check.published - 1), abs=1e-3)
        assert (check.left_out_pct is not None) == (check.kind == "fitted")
        assert not check.gates or check.kind in ("identity", "blind")


def test_a_search_without_a_front_is_shown(results: Results, finished: SearchResult) -> None:
    trials = results.trials.assign(on_front=False, feasible=False, reason="too late by 3 us")
    empty = replace(results, trials=trials, front=results.front.iloc[:0], details=[], quality=None)
    made = search_page(empty, finished.folder, 0, Texts())
    assert made.first is None
    assert made.course == []
    assert made.failures.rows[0] == [len(trials), "too late by # us"]


def test_the_page_of_a_thousand_trials_stays_small(page: Page, results: Results) -> None:
    """Ten searches' worth of trials and designs: about what a study of 1,000 trials has."""
    search = page.searches[0]
    times = -(-1000 // len(search.trials.trial))
    trials = search.trials.model_dump()
    trials = {
        "trial": trials["trial"] * times,
        "numbers": {name: values * times for name, values in trials["numbers"].items()},
        "coded": {name: {**c, "index": c["index"] * times} for name, c in trials["coded"].items()},
    }
    large = search.model_copy(update={"trials": Trials.model_validate(trials)})
    grown = page.model_copy(update={"searches": [large], "designs": page.designs * 10})
    text = render(grown)
    (others_,) = [s.others for s in page.searches]
    each = len(others_.model_dump_json()) / len(others_.trial)
    assert len(text) + each * 1000 < 8_000_000


def test_unequal_work_is_warned_of(results: Results) -> None:
    left_out = ["readout" if n % 2 else "" for n in range(len(results.trials))]
    assert not any(note.warning for note in words.notes(results))
    unequal = replace(results, trials=results.trials.assign(left_out=left_out))
    assert any("Not all designs do the same work" in note.text and note.warning for note in words.notes(unequal))


def test_a_run_is_a_page_of_its_design_its_network_and_a_timeline() -> None:
    design, trace = load_design("skip-65nm"), synthesize(64, 10, 0.2, sequences=8, steps=12)
    report = simulate(design, trace)
    timeline = report_.timeline(design, trace, 2, 4, "model", None, "run", "t")
    network = report_.run_network("t.npz", None, trace)
    made = report_.run_page(report, "archsim run", network, timeline)
    (shown,) = made.designs
    assert sum(shown.step_cycles) == report.step_ends[-1]
    assert sum(part.value for part in shown.energy) == pytest.approx(report.energy.total_system / 1000, rel=1e-5)
    assert {f.term: f.value for f in shown.facts}["Trace"] == "synthetic"
    assert min(timeline.step) == 2
    assert max(timeline.step) == 4
    assert network.state_sparsity == pytest.approx(80, abs=3)
    assert network.validation is None
    assert network.threshold is None


def test_a_run_of_a_model_has_the_threshold_it_ran_with(digits_file: Path) -> None:
    """That of the fixture is 0.05."""
    trace = record(Model.load(digits_file), "test", sequences=2, steps=3)
    for given, shown in ((None, 0.05), (0.2, 0.2)):
        network = report_.run_network(str(digits_file), given, trace)
        assert (network.threshold, network.as_trained) == (shown, given is None)


def test_saved_runs_stand_beside_searches(tmp_path: Path, finished: SearchResult) -> None:
    report = simulate(load_design("edge-8pe"), synthesize(64, 10, 0.2, sequences=8, steps=12))
    (tmp_path / "one.json").write_text(json.dumps(RunRecord.of(report).to_json()))
    made = view_page([tmp_path / "one.json", finished.folder])
    run = made.designs[-1]
    assert run.key == "run:0"
    assert run.title.startswith("one: ")
    assert run.parameters["pe_array.pes_per_tile"] == 8
    assert sum(part.value for part in run.energy) == pytest.approx(report.energy.total_system / 1000, rel=1e-5)


def test_searches_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, finished: SearchResult) -> None:
    other = tmp_path / "other"
    shutil.copytree(finished.folder, other)
    made = view_page([finished.folder, other])
    name = store.read(other).space.name
    assert [search.name for search in made.searches] == [f"{name} ({finished.folder})", f"{name} ({other})"]
    assert str(finished.folder) in made.title
    assert str(other) in made.title
    assert view_page([other]).searches[0].name == name


@pytest.mark.parametrize(
    ("chip", "system", "said"),
    [
        (2000.0, (1000.0, 3000.0, 5000.0), "3.000 nJ a token, 2.000 nJ of it on the chip; 1.000 to 5.000 at the ends"),
        (
            3000.0,
            (2000.0, 3000.0, 5000.0),
            "3.000 nJ a token, all of it on the chip; 2.000 to 5.000 at the ends of the",
        ),
        (3000.0, (3000.0, 3000.0, 3000.0), "3.000 nJ a token, all of it on the chip."),
    ],
)
def test_energy_in_words_names_the_dram_where_it_is_read(
    chip: float, system: tuple[float, float, float], said: str
) -> None:
    assert energy_words(chip, system).startswith(said)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no finished search"):
        write_report(tmp_path)
    with pytest.raises(BadInput, match=r"none\.json: no such run, nor a folder of a search"):
        view_page([tmp_path / "none.json"])
    (tmp_path / "wrong.json").write_text('{"design": "x"}')
    with pytest.raises(BadInput, match=r"wrong\.json: not a report of archsim run --json: workload: is missing"):
        view_page([tmp_path / "wrong.json"])
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(BadInput, match=r"list\.json: must be one object, as archsim run --json writes it"):
        view_page([tmp_path / "list.json"])


def test_a_run_of_a_version_before_the_page_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    tree = RunRecord.of(simulate(load_design("edge-8pe"), synthesize(16, 5, 0.2, sequences=1, steps=2))).to_json()
    tree["parameters"] = {**load_design("edge-8pe").stated(), "clock_mhz": 0, "colour": 1}
    (tmp_path / "old.json").write_text(json.dumps({key: tree[key] for key in tree if "_bands_" not in key}))
    with pytest.raises(BadInput) as caught:
        view_page([tmp_path / "old.json"])
    assert str(caught.value).removeprefix(f"{tmp_path}/old.json: not a report of archsim run --json: ").split("; ") == [
        "parameters.clock_mhz: Input should be greater than or equal to 1, not 0",
        "parameters.colour: unknown key",
        "energy_bands_pj_per_token: is missing",
        "area_bands_mm2: is missing",
    ]


def test_every_script_is_in_the_page(page: Page) -> None:
    folder = Path(report_.__file__).parent / "web"
    (script,) = Tags(render(page)).scripts[2:]
    assert script.strip() == bundle({path.name: path.read_text() for path in sorted(folder.glob("*.js"))}).strip()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.00012345, "0.0001234"), (0.012345, "0.01235"), (1.9, "1.900"), (12345.6, "12,346"), (2e9, "2e+09")],
)
def test_numbers_read_easily(value: float, shown: str) -> None:
    assert words.number(value) == shown


def test_a_stream_says_when_its_steps_are_due(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    stream = {"kind": "streaming", "scope": "recurrent", "sequences": 4, "steps": 6, "period_us": 2, "deadline_us": 1.5}
    space = parse_space(tree | {"scenario": stream, "constraints": {"fits_on_chip": True}, "trials": 8}, "t")
    search(space, tmp_path, models=models)
    (made,) = view_page([tmp_path]).searches
    assert "a step of every lane each 2 µs, due 1.5 µs after its input" in made.notes[0].text
    kept = "a clock that pipeline stages can reach, every step within its deadline"
    assert f"with {kept} and the whole model in on-chip SRAM" in made.introduction
