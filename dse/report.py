"""The report of a search: one HTML file that opens offline, in light and dark, on a narrow screen and a wide one."""

import html
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dse import facts, objectives, store
from dse.files import write_text
from dse.objectives import Objective
from dse.outcome import ENDS, kind_of
from dse.page import SCRIPT, STYLE
from dse.plots import DETAIL, OVERVIEW, OverviewPlot
from dse.plots.base import model_label, number
from dse.plots.breakdown import PJ_PER_NJ
from dse.space import Scenario, Space
from dse.store import FrontDetail, Results

CLICKABLE = ("front", "hardware")
"""Figures whose points choose a design."""


class Cell(NamedTuple):
    """One cell of a table: what is shown, and what it is sorted by."""

    shown: str
    key: str | float
    words: bool = False
    """Set flush left."""


class Column(NamedTuple):
    title: str
    note: str = ""
    words: bool = False


def write_report(folder: Path) -> Path:
    """Write ``report.html`` beside the tables of a finished search; BadInput names what is missing."""
    path = folder / "report.html"
    write_text(path, render(store.read(folder)))
    return path


def render(results: Results) -> str:
    """The whole page."""
    space = results.space
    overview = [(plot, made) for plot in OVERVIEW if (made := plot.make(results)) is not None]
    figures = {plot.name: _figure_html(plot) for plot, _ in overview}
    data = {
        "overview": {plot.name: _figure_json(made) for plot, made in overview},
        "clickable": [f"overview-{plot.name}" for plot, _ in overview if plot.name in CLICKABLE],
        "points": {detail.trial: _point(detail, results) for detail in results.details},
        "first": _balanced(results),
    }
    title = space.title or space.name
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_e(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{_e(title)}</h1>
<button class="theme" type="button">light / dark</button>
<p>{_introduction(results)}</p>
{_tiles(results)}
</header>
<main>
<h2>The front</h2>
<div class="columns">{figures["front"]}{figures.get("hardware", "")}</div>
{_chosen() if results.details else "<p class='warning'>No design keeps every constraint.</p>"}
<h2>Every design on the front</h2>
<p class="soft">Click a heading to sort, a row to look inside.</p>
{_front_table(results)}
<h2>The models</h2>
<div class="columns wide"><div>{_models_table(results)}</div>{figures["models"]}</div>
<h2>Published designs, for comparison</h2>
{_published_table(results)}
<h2>How to read the figures</h2>
{_notes(results)}
</main>
<footer>{_footer(results)}</footer>
<script>{get_plotlyjs()}</script>
<script type="application/json" id="data">{_embedded(data)}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _e(value: object) -> str:
    return html.escape(str(value))


def _embedded(value: object) -> str:
    """JSON that no text in it can break out of."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _figure_json(made: go.Figure) -> dict[str, object]:
    plain: dict[str, object] = json.loads(made.to_json())
    return plain


def _figure_html(plot: OverviewPlot) -> str:
    return (
        f"<figure><h3>{_e(plot.title)}</h3><div class='plot' id='overview-{plot.name}'></div>"
        f"<figcaption>{_e(plot.caption)}</figcaption></figure>"
    )


def _introduction(results: Results) -> str:
    space, counts = results.space, results.manifest.counts
    goals = _listed([_goal_words(goal) for goal in space.goals])
    bounds = _listed([_bound_words(space, name) for name in space.constraints])
    return (
        f"Each point is a complete accelerator design running one of {counts.models} really trained networks. "
        f"The search looked for {_e(goals)}{', with ' + _e(bounds) if bounds else ''}. A design is worth building only "
        "if no other is at least as good in every respect and better in one: those make up the Pareto front. Accuracy "
        "was measured on real data, with each network quantized and pruned as the hardware would run it; time, energy "
        "and area come from simulating every design on what that network computed, step by step."
    )


def _goal_words(goal: Objective) -> str:
    return f"{'low' if goal.direction == 'minimize' else 'high'} {goal.title[0].lower()}{goal.title[1:]}"


def _bound_words(space: Space, name: str) -> str:
    if name in facts.BY_NAME:
        return facts.BY_NAME[name].title
    goal, bound = space.objective(name), space.constraints[name]
    return f"{goal.title[0].lower()}{goal.title[1:]} at {'most' if goal.sign > 0 else 'least'} {bound:g} {goal.unit}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([*filter(None, [", ".join(words[:-1])]), *words[-1:]])


def _tiles(results: Results) -> str:
    counts, manifest = results.manifest.counts, results.manifest
    tiles = [
        (f"{counts.trials:,}", "trials"),
        (f"{counts.distinct_designs:,}", "distinct designs simulated"),
        (f"{counts.models}", "trained networks"),
        (f"{counts.model_evaluations}", f"accuracies measured in this run, {counts.model_evaluations_cached} cached"),
        (f"{counts.front}", "designs on the front"),
        (f"{manifest.wall_seconds:,.0f} s", "on this machine"),
    ]
    items = "".join(f"<li><b>{value}</b><span>{label}</span></li>" for value, label in tiles)
    return f"<ul class='tiles'>{items}</ul>"


def _chosen() -> str:
    figures = "".join(
        f"<figure><h3>{_e(plot.title)}</h3><div class='plot' id='detail-{plot.name}'></div>"
        f"<figcaption>{_e(plot.caption)}</figcaption></figure>"
        for plot in DETAIL
    )
    return (
        "<h2>The chosen design</h2><section class='panel' aria-live='polite'><h3 id='chosen-title'></h3>"
        "<p id='chosen-says'></p><dl class='facts' id='chosen-facts'></dl>"
        f"<div class='columns three'>{figures}</div><p class='soft' id='chosen-clock'></p>"
        "<p class='soft'>Run it again:</p><div class='command'><code id='chosen-command'></code>"
        "<button id='copy' type='button'>copy</button></div></section>"
    )


def _point(detail: FrontDetail, results: Results) -> dict[str, object]:
    values, goals, metric = detail.objectives, results.space.goals, results.space.metric
    slow = detail.clock_problems
    facts = [
        *((goal.title, f"{number(goal.shown(values[goal.name]))} {goal.screen_unit}") for goal in goals),
        (f"Test {metric.title}", f"{detail.test_loss:.4f} {metric.unit}"),
        ("On the front if costs are", _stays(detail.on_front_at)),
        ("Latency per step", f"{number(values['latency_us_per_step'])} µs"),
        ("Throughput", f"{number(values['tokens_per_second'])} tokens/s"),
        ("Zeros in the state", f"{100 * detail.state_sparsity:.1f} %"),
        ("Speed-up by skipping", f"{detail.speedup_same_lanes:.2f}x"),
        ("Achieved", f"{number(detail.gops)} GOPS"),
        ("Dense-equivalent", f"{number(detail.gops_effective)} GOPS"),
        ("Weights", "resident in SRAM" if detail.weights_resident else "streamed from DRAM"),
        ("State threshold", f"{detail.threshold:.3g}"),
        *((path, _plain(value)) for path, value in detail.overrides.items()),
    ]
    return {
        "title": f"Trial {detail.trial}: {model_label(detail.model)}, {detail.weight_format} weights",
        "says": _energy_words(detail),
        "facts": facts,
        "clock": "Misses its clock as it stands: " + "; ".join(slow) if slow else "Every part meets the clock.",
        "command": detail.command,
        "figures": {plot.name: _figure_json(plot.make(detail)) for plot in DETAIL},
    }


def _energy_words(detail: FrontDetail) -> str:
    low, mid, high = (number(pj / PJ_PER_NJ) for pj in detail.energy_system_band_pj_per_token)
    chip = number(detail.energy_chip_pj_per_token / PJ_PER_NJ)
    if low == high:
        return f"{mid} nJ a token; no DRAM traffic."
    return f"{mid} nJ a token with DRAM, {low} to {high} as its energy per bit is low or high; {chip} nJ on the chip."


def _balanced(results: Results) -> int | None:
    """The trial of the front nearest to the best of every objective at once, each scaled to the front's own range."""
    goals, details = results.space.goals, results.details
    if not details:
        return None

    def scaled(goal: Objective, value: float) -> float:
        return goal.sign * (math.log(value) if goal.logarithmic and value > 0 else value)

    columns = [[scaled(goal, d.objectives[goal.name]) for d in details] for goal in goals]
    distance = [sum(((c[i] - min(c)) / ((max(c) - min(c)) or 1.0)) ** 2 for c in columns) for i in range(len(details))]
    return details[distance.index(min(distance))].trial


def _stays(ends: Sequence[str]) -> str:
    """At which ends of the costs' bands a point of the front is still on it."""
    return ", ".join(["mid", *ends])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, (tuple, list)) else str(value)


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        return Cell(value, value, words=True)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Cell(_plain(value), str(value), words=True)
    if isinstance(value, float):
        return Cell("–", float("inf")) if math.isnan(value) else Cell(number(value), value)
    return Cell(str(value), value)


def _setting(value: object) -> Cell:
    """A parameter's value; a column in which some are out of force has floats for integers."""
    return _cell(int(value)) if isinstance(value, float) and value.is_integer() else _cell(value)


def _table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], trials: Sequence[int] | None = None) -> str:
    head = "".join(
        f"<th{' class=words' if column.words else ''}><button type='button'>{_e(column.title)}</button>"
        f"{f'<small>{_e(column.note)}</small>' if column.note else ''}</th>"
        for column in columns
    )
    body = []
    for index, row in enumerate(rows):
        attributes = "" if trials is None else f" data-trial='{trials[index]}' tabindex='0'"
        cells = "".join(
            f"<td{' class=words' if cell.words else ''} data-sort='{_e(cell.key)}'>{_e(cell.shown)}</td>"
            for cell in row
        )
        body.append(f"<tr{attributes}>{cells}</tr>")
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"


def _front_table(results: Results) -> str:
    space, goals, metric = results.space, results.space.goals, results.space.metric
    front = results.front.sort_values([goal.name for goal in goals])
    others = [name for name in ("latency_us_per_step",) if name not in space.objectives]
    paths = [*space.parameters, *space.variants]
    columns = [
        Column("Trial"),
        Column("Model", words=True),
        Column("Weights", words=True),
        Column("Zeros", "% of the state"),
        *(Column(goal.title, goal.screen_unit) for goal in goals),
        Column(f"Test {metric.title}", metric.unit),
        Column("Stays", "if costs are", words=True),
        *(Column(objectives.by_name(name).title, objectives.by_name(name).unit) for name in others),
        *(Column(path.rpartition(".")[2].replace("_", " "), path.rpartition(".")[0]) for path in paths),
    ]
    rows = [
        [
            Cell(str(row["trial"]), int(row["trial"])),
            _cell(f"{model_label(row['model'])}{' @ ' + format(row['threshold'], '.3g') if row['threshold'] else ''}"),
            _cell(row["weight_format"]),
            Cell(f"{100 * row['state_sparsity']:.1f}", float(row["state_sparsity"])),
            *(_cell(goal.shown(float(row[goal.name]))) for goal in goals),
            Cell(f"{row['test_loss']:.4f}", float(row["test_loss"])),
            _cell(_stays([end for end in ENDS if row[f"on_front_{end}"]])),
            *(_cell(float(row[name])) for name in others),
            *(_setting(row[path].item() if hasattr(row[path], "item") else row[path]) for path in paths),
        ]
        for _, row in front.iterrows()
    ]
    return _table(columns, rows, [int(n) for n in front["trial"]])


def _models_table(results: Results) -> str:
    columns = [
        Column("Model", words=True),
        Column("Weights", words=True),
        Column("Threshold"),
        Column("Zeros", "% of the state"),
        Column("Size", "KiB"),
        Column("Validation", results.space.metric.unit),
        Column("Test", "front only"),
    ]
    rows = [
        [
            _cell(model_label(row["model"])),
            _cell(row["weight_format"]),
            Cell(f"{row['threshold']:.3g}{'' if row['as_trained'] else ' *'}", float(row["threshold"])),
            Cell(f"{100 * row['state_sparsity']:.1f}", float(row["state_sparsity"])),
            Cell(f"{row['weight_kib']:.1f}", float(row["weight_kib"])),
            Cell(f"{row['validation_loss']:.4f}", float(row["validation_loss"])),
            Cell("–", float("inf")) if math.isnan(row["test_loss"]) else _loss(float(row["test_loss"])),
        ]
        for _, row in results.models.iterrows()
    ]
    return _table(columns, rows) + "<p class='soft'>* pruned harder than it was trained for.</p>"


def _loss(value: float) -> Cell:
    return Cell(f"{value:.4f}", value)


def _published_table(results: Results) -> str:
    goals, published = results.space.goals, results.published
    columns = [
        Column("Design", words=True),
        Column("Model", words=True),
        *(Column(goal.title, goal.screen_unit) for goal in goals),
        Column("Keeps the constraints", words=True),
    ]
    rows = [
        [
            _cell(row["design"]),
            _cell(model_label(row["model"])),
            *(_cell(goal.shown(float(row[goal.name]))) for goal in goals),
            _cell(row["reason"] or "yes"),
        ]
        for _, row in published.iterrows()
    ]
    return (
        "<p>The accelerators that archsim ships, as published, on each model that they can run, in the same scenario. "
        "They were built for larger networks; on these they are points of reference, not rivals.</p>"
    ) + _table(columns, rows)


def _notes(results: Results) -> str:
    space, counts = results.space, results.manifest.counts
    scenario = space.scenario
    scope = {
        "model": "the whole model, readout included",
        "recurrent": "the recurrent layer (both gate products, the gates, the encoder) without the readout",
    }[scenario.scope]
    basis = {detail.energy_basis for detail in results.details}
    paragraphs = [
        f"<p>Every design runs {scope}, on the same {scenario.sequences} pieces of the validation data, of at most "
        f"{scenario.steps} steps each; a design of fewer lanes runs the first of them.{_stream_words(scenario)}</p>",
        f"<p>Energy is per token, and rests on {_e('; '.join(basis))}.</p>" if basis else "",
        "<p><b>Calibrated</b> figures rest on something fitted to published chips, <b>predicted</b> ones on memory "
        "models and synthesis alone. The energy of a DRAM bit is known to within a factor of two, so conclusions that "
        "hang on DRAM hold only as far as the range given with the chosen design.</p>",
        _bands(results),
        f"<p>The {counts.front} designs of the front were run twice: by the closed form that the search used, and "
        "by the discrete-event simulator. Both agree in every cycle and every count.</p>",
        _left_out(results),
        _refusals(results),
    ]
    return "".join(paragraphs)


def _stream_words(scenario: Scenario) -> str:
    if scenario.period_us is None:
        return ""
    return (
        f" They enter as a stream: a step of every lane each {scenario.period_us:g} µs, due {scenario.due_us:g} µs"
        " after its input. Energy is over the whole period, and a design of which a step is late is not feasible."
    )


def _bands(results: Results) -> str:
    """How much of the front hangs on costs that are known within bands alone."""
    trials, parts = results.trials, []
    for end in ENDS:
        there, stay = trials[f"on_front_{end}"], trials[f"on_front_{end}"] & trials["on_front"]
        parts.append(f"{end}: {stay.sum()} of {trials['on_front'].sum()} stay, {(there & ~stay).sum()} others join")
    return (
        "<p>The front with all energies and areas at one end of the bands that sources leave, "
        f"{_e('; '.join(parts))}.</p>"
    )


def _left_out(results: Results) -> str:
    trials = results.trials
    left = sorted({str(v) or "nothing" for v in trials[trials["feasible"]]["left_out"]})
    if len(left) > 1:
        return (
            f"<p class='warning'>Not all designs do the same work: what they leave to the host differs "
            f"({_e('; '.join(left))}). Compare them with care.</p>"
        )
    return f"<p>Left out of every design alike: {_e(left[0])}.</p>" if left else ""


def _refusals(results: Results) -> str:
    trials = results.trials
    reasons = Counter(kind_of(reason) for reason in trials[~trials["feasible"]]["reason"])
    if not reasons:
        return ""
    rows = [[Cell(str(count), count), Cell(reason, reason, words=True)] for reason, count in reasons.most_common(8)]
    return "<h3>Why trials were not feasible</h3>" + _table([Column("Trials"), Column("Reason", words=True)], rows)


def _footer(results: Results) -> str:
    manifest, space = results.manifest, results.space
    versions = ", ".join(f"{name} {number}" for name, number in manifest.versions.items())
    return (
        f"Search {_e(space.name)}, base design {_e(Path(space.base).name)}, sampler {_e(space.sampler)}, "
        f"seed {manifest.seed}, written {_e(manifest.written)}. Python {_e(manifest.python)}, {_e(versions)}. "
        f"Space <code>{_e(manifest.space_sha256[:16])}</code>, base <code>{_e(manifest.base_design_sha256[:16])}"
        "</code>; everything is in the tables beside this file."
    )
