"""Tables of the command line, 80 columns wide."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from archsim.analysis.diff import Diff
from archsim.analysis.explain import ExplainRow
from archsim.analysis.roofline import Roofline
from archsim.analysis.scenario import Least, Streaming
from archsim.analysis.validate import Validation, ValidationRow
from archsim.costs import Figure, clock_problems
from archsim.report import SimReport
from dse.evaluation.fit import Fit
from dse.evaluation.sparsity import SparsityPoint
from workloads.fixed_point import Point
from workloads.sparsify import Zeros
from workloads.zoo import Card, Verification
from workloads.zoo.published import Published, Untrained

if TYPE_CHECKING:
    from dse.results.result import SearchResult
    from dse.search.compare import Comparison
    from dse.search.enumerate import Enumeration
    from dse.space.space import Space
    from workloads.training.sweep import Trained

FRONT_ROWS = 12
"""Rows of the front that a summary shows."""
REASONS = 8
"""Reasons that are shown, the most frequent first."""

MARK = {"calibrated": "c", "predicted": "p", "given": "g"}


def literal(text: str) -> str:
    """Markup that shows `text` as it is: brackets are no style, and a control character is seen, not obeyed."""
    return escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


def figures(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], text: Sequence[str] = ()) -> Table:
    """A table whose first column is text and whose others, but for those named in `text`, are numbers, never broken."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        first = index == 0
        is_text = first or column in text
        justify: Literal["left", "right"] = "left" if is_text else "right"
        table.add_column(column, justify=justify, no_wrap=not is_text, overflow="fold")
    for row in rows:
        table.add_row(*(literal(cell) for cell in row))
    return table


def run_report(report: SimReport) -> RenderableType:
    """Everything a run says, in the order a reader asks for it."""
    parts: list[RenderableType] = [
        f"[bold]{literal(report.workload)}[/] on [bold]{literal(report.design.name)}[/]: "
        f"{_several(report.lanes, 'lane')}, {_several(report.steps, 'step')}, {report.design.clock_mhz} MHz, "
        f"engine {report.engine}, scope {report.scope}",
    ]
    if report.synthetic:
        parts.append("[yellow]synthetic trace: drawn masks, no accuracy stands behind them[/]")
    kept = f"{report.resident_bits / 8192:,.1f} KiB in SRAM, the rest " if report.resident_bits else ""
    weights = "in on-chip SRAM" if report.resident else f"{kept}from DRAM, {report.dram_gbps:.3g} Gb/s"
    parts.append(f"weights and norms {report.model_bits / 8192:,.1f} KiB, {weights}")
    parts += _load(report)
    parts += [f"[yellow]left out:[/] {literal(left)}" for left in report.left_out]
    parts += [
        figures(
            "Speed",
            ("", "cycles", "time"),
            [
                ("per step", f"{report.cycles_per_step:,.1f}", f"{report.latency_us_per_step:,.3f} us"),
                ("per token", f"{report.cycles / report.tokens:,.1f}", f"{report.time_us_per_token:,.3f} us"),
                ("whole run", f"{report.cycles:,}", f"{report.seconds * 1e3:,.3f} ms"),
            ],
        ),
        figures(
            "Throughput and what skipping gains",
            ("", "value"),
            [
                ("achieved (issued MACs)", f"{report.gops:,.2f} GOPS"),
                ("effective (dense-equivalent)", f"{report.gops_effective:,.2f} GOPS"),
                ("speed-up over the same lanes, skipping off", f"{report.speedup_same_lanes:.3f} x"),
                ("speed-up per token over the best dense", f"{report.speedup_best_dense:.3f} x"),
                ("ideal: dense over issued MACs", f"{report.speedup_ideal:.3f} x"),
            ],
        ),
        figures(
            "Cycles of the PE array",
            ("", "cycles", "share"),
            [
                (cause.replace("_", " "), f"{cycles:,}", f"{cycles / report.cycles:.1%}")
                for cause, cycles in (("busy", report.busy_cycles), *report.stalls.items())
            ],
        ),
        _costs("Energy per token (c calibrated, p predicted)", "pJ", report.energy.components, {
            "chip": report.energy.total_chip, "system (chip and DRAM)": report.energy.total_system}),
        _costs("Area", "mm2", report.area.components, {"chip": report.area.total_chip}),
        *(
            [f"{report.reused_steps:,} of {report.steps:,} steps met what an earlier one had met: not simulated again"]
            if report.reused_steps
            else []
        ),
        f"system energy at the ends of the cost bands (DRAM, leakage): {_plain(report.energy.band.low)} to "
        f"{_plain(report.energy.band.high)} pJ a token",
        f"power at this rate: chip {report.energy.power_chip_mw:,.1f} mW, "
        f"system {report.energy.power_system_mw:,.1f} mW; not counted: {', '.join(report.energy.left_out)}",
        *(f"[yellow]clock:[/] {literal(problem)}" for problem in clock_problems(report.design)),
        f"[bold]{report.latency_us_per_step:,.3f} us a step, {_plain(report.energy.total_system / 1000)} nJ a token "
        f"(chip {_plain(report.energy.total_chip / 1000)}), {_plain(report.area.total_chip)} mm2, "
        f"{report.speedup_same_lanes:.3g} x by skipping[/]",
    ]  # fmt: skip
    return Group(*parts)


def _load(report: SimReport) -> list[str]:
    """Filling the SRAM once, where anything lies in it."""
    load = report.load
    if load is None:
        return []
    return [
        f"loading {load.dram_bits / 8192:,.1f} KiB of SRAM once, apart from all below: {load.time_us:,.4g} us, chip "
        f"{_plain(load.chip_pj / 1000)} nJ, system {_plain(load.system_pj.mid / 1000)} nJ, as much as "
        f"{_plain(load.tokens(report.energy.total_system))} tokens"
    ]


def stream_report(found: Streaming, least: Mapping[str, Least | str], roof: Roofline) -> RenderableType:
    """A stream: how its steps keep the deadline, what it costs, and what would be enough."""
    needs = [
        (name, each if isinstance(each, str) else f"{each.value:,.4g} {each.unit}") for name, each in least.items()
    ]
    return Group(
        f"[bold]{literal(found.workload)}[/] on [bold]{literal(found.design.name)}[/]: "
        f"{_several(found.lanes, 'lane')}, a step of each every {found.period_us:g} us, "
        f"due after {found.deadline_us:g} us; "
        f"{found.missed_steps} of {found.steps} steps miss it",
        figures(
            "Microseconds",
            ("", "least", "mean", "most"),
            [
                (name, *(f"{v:,.2f}" for v in (spread.least, spread.mean, spread.most)))
                for name, spread in (("latency", found.latency_us), ("slack", found.slack_us))
            ],
        ),
        f"energy per token: chip {_plain(found.energy.total_chip)} pJ, system {_plain(found.energy.total_system)} pJ "
        f"({found.energy_basis})",
        figures("The least that holds the deadline", ("", "least"), needs, text=("least",)),
        figures(
            "Roofline, back to back",
            ("", "GOPS"),
            [
                ("all PEs", f"{roof.ceiling_pes_gops:,.4g}"),
                ("PEs of the lanes that run", f"{roof.ceiling_lanes_gops:,.4g}"),
                ("weight bus", f"{roof.ceiling_bus_gops:,.4g}"),
                ("DRAM bandwidth", f"{roof.ceiling_dram_gops:,.4g}"),
                ("DRAM accesses under way", f"{roof.ceiling_accesses_gops:,.4g}"),
                ("achieved", f"{roof.achieved_gops:,.4g}"),
            ],
        ),
        f"bound by {roof.bound}: {roof.share:.1%} of that ceiling",
    )


def fit_report(found: Iterable[Fit]) -> RenderableType:
    """SRAM down, formats across: system energy, with its band, and what of the model is resident."""
    found = list(found)
    capacities = sorted({each.capacity_kib for each in found})
    by = {(each.weights, each.capacity_kib): each for each in found}
    formats = list(dict.fromkeys(each.weights for each in found))

    def table(title: str, cell: Callable[[Fit], str]) -> Table:
        rows = [(str(kib), *(cell(by[name, kib]) for name in formats)) for kib in capacities]
        return figures(title, ("KiB of SRAM", *formats), rows)

    sizes = ", ".join(f"{name} {by[name, capacities[0]].model_kib:,.0f}" for name in formats)
    return Group(
        f"KiB of the model: {sizes}",
        table("Resident", lambda each: f"{each.resident_share:.0%}"),
        table("System energy, nJ a token", lambda each: f"{each.system_pj_per_token.mid / 1e3:,.0f}"),
        table(
            "Its band, uJ a token",
            lambda e: f"{e.system_pj_per_token.low / 1e6:.2g}-{e.system_pj_per_token.high / 1e6:.2g}",
        ),
        table("Chip energy, nJ a token", lambda each: f"{each.chip_pj_per_token / 1e3:,.0f}"),
        table("Microseconds a token", lambda each: f"{each.time_us_per_token:,.1f}"),
        table("Chip, mm²", lambda each: f"{each.area_mm2:.2f}"),
        "Weights of fewer bits come over a narrower bus, and a row's 16-bit bias takes more words of it: where all is "
        "resident, fewer bits can take longer.",
    )


def explain_report(rows: Iterable[ExplainRow]) -> RenderableType:
    """Cost figures of a design, component by component, each with its band and the number of its source."""
    by_component: dict[str, list[ExplainRow]] = {}
    for row in rows:
        by_component.setdefault(row.component, []).append(row)
    sources = list(dict.fromkeys(r.source for group in by_component.values() for r in group))
    lines: list[tuple[str, ...]] = []
    for component, group in by_component.items():
        lines.append((component, "", "", "", "", ""))
        lines += [
            (f" {r.figure}", f"{r.value:.4g}", *_ends(r), r.unit, f"{MARK[r.status]} {1 + sources.index(r.source)}")
            for r in group
        ]
    names = ("component", "value", "low", "high", "unit", "src")
    return Group(
        figures("Every cost figure (c calibrated, p predicted, g given)", names, lines, text=("unit",)),
        *(f"{number}: {literal(source)}" for number, source in enumerate(sources, 1)),
    )


def _ends(row: ExplainRow) -> tuple[str, str]:
    return ("", "") if row.low == row.high else (f"{row.low:.3g}", f"{row.high:.3g}")


QUANTITIES = {
    "gops": "GOPS",
    "gops_one_lane": "GOPS/lane",
    "gops_per_w": "GOPS/W",
    "area_mm2": "mm²",
    "power_mw": "mW",
    "speedup_max": "speed-up",
    "skipped_share": "skipped",
}


def validation_table(found: Validation) -> RenderableType:
    """Published figures beside ours, each with the number of its note."""
    notes = list(dict.fromkeys(r.note for r in found.rows if r.note))
    rows = [
        (
            r.chip.replace("high speed", "fast").replace("low power", "small"),
            QUANTITIES.get(r.quantity, r.quantity),
            f"{r.published:.4g}",
            *_ours_and_error(r),
            r.sure,
            f"{r.basis[0]} {f'{1 + notes.index(r.note)}' if r.note else '':2} "
            f"{'MISSED' if r.failed else 'gates' if r.gates else ''}".rstrip(),
        )
        for r in found.rows
    ]
    names = ("chip", "figure", "paper", "ours", "%", "sure", "")
    verdict = "every figure that gates is within its tolerance" if found.ok else "a figure that gates is missed"
    return Group(
        figures("Published figures and ours (f fitted, p predicted)", names, rows, text=("figure", "sure", "")),
        *(f"{number}: {literal(note)}" for number, note in enumerate(notes, 1)),
        verdict,
    )


def validation_markdown(found: Validation) -> str:
    """The same for docs/results; a note where a chip has several figures of a kind."""
    lines = ["| chip | figure | published | how sure | ours | error, % | |", "|---|---|---|---|---|---|---|"]
    kinds = Counter((r.chip, r.quantity) for r in found.rows)
    for r in found.rows:
        note = f" ({r.note})" if kinds[r.chip, r.quantity] > 1 else ""
        ours, error = _ours_and_error(r)
        basis = f"{r.basis}, gates" if r.gates else r.basis
        lines.append(
            f"| {r.chip} | {QUANTITIES.get(r.quantity, r.quantity)}{note} | {r.published:.4g} | {r.sure} | {ours} "
            f"| {error} | {basis} |"
        )
    return "\n".join(lines)


def _ours_and_error(row: ValidationRow) -> tuple[str, str]:
    if row.ours is None or row.error_pct is None:
        return "-", "-"
    return f"{row.ours:.4g}", f"{row.error_pct:+.1f}"


def diff_report(found: Diff) -> RenderableType:
    """Two runs: what was set, and what followed."""
    set_ = [(c.path, str(c.before), str(c.after)) for c in (*found.settings, *(found.parameters or ()))]
    changes = [
        (
            f"{c.component}: {c.name}" if c.name else c.component,
            f"{c.kind}, {c.unit}" if c.unit not in ("", c.kind) else c.kind,
            _plain(c.before),
            _plain(c.after),
            "new" if c.ratio == float("inf") else f"x {c.ratio:.3g}",
        )
        for c in found.changes
    ]
    if not set_ and not changes:
        return f"{literal(found.before)} -> {literal(found.after)}: no difference"
    return Group(
        f"{literal(found.before)} -> {literal(found.after)}"
        + ("; cycles and counts per token" if found.per_token else ""),
        figures("Set differently", ("", "before", "after"), set_, text=("before", "after")),
        figures("What followed, largest effect first", ("", "what", "before", "after", ""), changes, text=("what",)),
    )


def _costs(title: str, unit: str, parts: Mapping[str, Figure], totals: Mapping[str, float]) -> Table:
    rows = [(name.replace("_", " "), _plain(f.value), MARK[f.status]) for name, f in parts.items()]
    rows += [(f"total {name}", _plain(value), "") for name, value in totals.items()]
    return figures(title, ("", unit, ""), rows)


def _several(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _plain(value: float) -> str:
    """Four digits, without an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def zeros_table(states: Iterable[Zeros]) -> Table:
    """How the zeros of states lie: alone, over time, and in all of several sequences side by side."""
    states = list(states)
    lanes = sorted({n for z in states for n in z.union} - {1})
    return figures(
        "Zeros of the states; in all of so many lanes",
        ("state", "zeros", "least step", "most step", *map(str, lanes)),
        [
            (
                z.operand,
                f"{z.sparsity:.1%}",
                f"{z.per_step.min():.1%}",
                f"{z.per_step.max():.1%}",
                *(f"{z.union[n]:.1%}" for n in lanes),
            )
            for z in states
        ],
    )


def points_table(metric: str, points: Iterable[Point], best: Point) -> Table:
    """What a search over bits measured, smallest memory first; the one it chose is marked."""
    some = {"c": best.cell_bits, "embedding": best.embedding_bits}
    optional = [name for name, bits in some.items() if bits is not None]
    return figures(
        "Integers only, on the validation split; bits of",
        ("weights", "states", *optional, metric, "loss", "KiB", "saved", ""),
        [
            (
                str(p.weight_bits),
                str(p.activation_bits),
                *(str(bits) for bits in (p.cell_bits, p.embedding_bits) if bits is not None),
                f"{p.value:.4f}",
                f"{p.relative_loss:+.2%}",
                f"{p.memory_bytes / 1024:,.1f}",
                f"{p.memory_cut:.1%}",
                "<- best" if p == best else "",
            )
            for p in sorted(points, key=lambda p: p.memory_bytes)
        ],
        text=("",),
    )


def bits_table(metric: str, points: Iterable[Point]) -> Table:
    """The metric of every combination: weight bits down, activation bits across."""
    value = {(p.weight_bits, p.activation_bits): p.value for p in points}
    across = sorted({a for _, a in value})
    rows = [(str(w), *(f"{value[w, a]:.2f}" for a in across)) for w in sorted({w for w, _ in value})]
    return figures(f"{metric}: weight bits down, activation bits across", ("", *map(str, across)), rows)


def zoo_table(cards: Iterable[Card]) -> Table:
    """The shipped models as measured, a line each; validation is in the cards and in JSON."""
    return figures(
        "The test split; zeros of one sequence, and in all of 8",
        ("name", "test", "zeros", "of 8", "KiB"),
        [
            (
                card.name,
                f"{card.measured.test:.3f} {'%' if card.measured.metric == 'error_pct' else card.measured.metric}",
                f"{card.measured.state_sparsity:.1%}",
                f"{card.measured.union_sparsity[8]:.1%}",
                f"{card.file.gate_weight_bytes / 1024:,.1f}",
            )
            for card in cards
        ],
    )


def zoo_markdown(cards: Iterable[Card]) -> str:
    """The shipped models as docs/results shows them: each beside the float model of its group, if there is one."""
    cards = list(cards)
    twins = {card.recipe.group: card.measured.test for card in cards if card.recipe.weight_format == "float32"}
    lines = [
        "| model | weights | validation | test | test - float | zeros | in all of 8 | gates, KiB | epochs (best) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for card in cards:
        m, training, first = card.measured, card.training, card.recipe.first
        epochs = f"{f'{first.epochs} + ' if first else ''}{training.epochs_run} ({training.best_epoch})"
        twin = twins.get(card.recipe.group)
        lines.append(
            f"| `{card.name}` | {card.recipe.weight_format} | {m.validation:.3f} | {m.test:.3f} "
            f"| {'' if twin is None else f'{m.test - twin:+.3f}'} | {m.state_sparsity:.1%} | {m.union_sparsity[8]:.1%} "
            f"| {card.file.gate_weight_bytes / 1024:,.1f} | {epochs} |"
        )
    return "\n".join(lines)


def sparsity_table(points: Sequence[SparsityPoint]) -> RenderableType:
    """What zeros cost and gain, a line a model and sparsity, and what could not be simulated."""
    lanes = next((tuple(gain.lanes for gain in p.gains) for p in points if p.gains), ())
    rows = [
        (
            f"{p.model}{' *' if p.pruned else ''}",
            f"{p.sparsity:.1%}",
            f"{p.loss:.3f} {p.metric}",
            *(f"{g.speedup:.2f} ({g.ideal:.2f})" for g in p.gains),
            *("-" for _ in lanes if not p.gains),
        )
        for p in points
    ]
    return Group(
        figures(
            "Speed-up over the same lanes with skipping off (were time in proportion to columns)",
            ("model", "zeros", "loss", *(_several(n, "lane") for n in lanes)),
            rows,
        ),
        "* pruned after training" if any(p.pruned for p in points) else "",
        *(f"[yellow]not simulated:[/] {literal(r)}" for r in dict.fromkeys(p.refusal for p in points) if r),
    )


def sparsity_markdown(points: Sequence[SparsityPoint]) -> str:
    """The same for a page: with the share of columns skipped."""
    lanes = next((tuple(gain.lanes for gain in p.gains) for p in points if p.gains), ())
    heads = (f"skipped, {_several(n, 'lane')} | speed-up | ideal" for n in lanes)
    lines = [f"| model | zeros | metric | loss | {' | '.join(heads)} |", "|---|" + "---|" * (3 + 3 * len(lanes))]
    for p in points:
        gains = (f"{g.skipped:.1%} | {g.speedup:.2f} | {g.ideal:.2f}" for g in p.gains)
        name = f"`{p.model}`{', pruned' if p.pruned else ''}"
        lines.append(f"| {name} | {p.sparsity:.1%} | {p.metric} | {p.loss:.3f} | {' | '.join(gains)} |")
    return "\n".join(lines)


def sweep_table(found: "Sequence[Trained]") -> Table:
    """Variants of a recipe as they came out."""
    keys = tuple(found[0].variant.values)
    rows = [
        (
            *map(str, t.variant.values.values()),
            f"{t.validation:.3f}",
            f"{t.test:.3f}",
            f"{t.best_epoch}/{t.epochs_run}",
        )
        for t in found
    ]
    heads = (*keys, "validation", "test", "best epoch")
    return figures(f"Variants: {found[0].metric}, less is better", heads, rows, text=keys)


def sweep_markdown(found: "Sequence[Trained]") -> str:
    """Test metrics for a page: the last field that varies goes across, the others down."""
    down = list(found[0].variant.values)[:-1]
    tests = {tuple(map(str, t.variant.values.values())): f"{t.test:.2f}" for t in found}
    across = list(dict.fromkeys(key[-1] for key in tests))
    lines = [f"| {' | '.join([*down, *across])} |", "|---" * (len(down) + len(across)) + "|"]
    for row in dict.fromkeys(key[:-1] for key in tests):
        cells = (*row, *(tests.get((*row, column), "") for column in across))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verified(results: Sequence[Verification]) -> RenderableType:
    """Test metrics measured again, beside their cards', and data that would be needed for more."""
    rows = [
        (
            r.name if r.bits is None else f"{r.name} {r.bits}",
            r.metric,
            f"{r.card_loss:.4f}",
            "-" if r.measured_loss is None else f"{r.measured_loss:.4f}",
            "DIFFERS" if not r.passed else "no data" if r.missing else "ok",
        )
        for r in results
    ]
    return Group(
        figures("The whole test split", ("name", "metric", "card", "measured", ""), rows, text=("metric",)),
        *(literal(line) for line in dict.fromkeys(r.missing for r in results) if line),
    )


def published_networks(figures_: Iterable[Published], untrained: Iterable[Untrained]) -> RenderableType:
    """What papers report of trained networks, ours, and what has not been trained yet."""
    rows = [(f.recipe, _unit(f), f"{f.value:g}", f.sure, *(_ours(f) or ("-", ""))) for f in figures_]
    waiting = [(u.recipe, "?" if u.hours is None else f"{u.hours:g}") for u in untrained]
    return Group(
        figures(
            "Test metric (less is better)",
            ("recipe", "metric", "paper", "sure", "ours", "diff."),
            rows,
            ("metric", "sure"),
        ),
        _UNITS + "\n",
        figures("Not trained yet: archsim train RECIPE", ("recipe", "hours, 1 core"), waiting),
    )


def published_markdown(figures_: Iterable[Published]) -> str:
    """The same for docs/results: what papers report, and ours."""
    lines = ["| paper | recipe | metric | published | how sure | ours | difference |", "|---|---|---|---|---|---|---|"]
    for f in figures_:
        ours, difference = _ours(f) or (f"not {'measured' if f.trained else 'trained'} yet", "")
        lines.append(f"| {f.paper} | `{f.recipe}` | {_unit(f)} | {f.value:g} | {f.sure} | {ours} | {difference} |")
    return "\n".join(lines)


_UNITS = "+bpc: over the dense twin. ppw 11/10: integers of these weight and activation bits. memory %: of float32."


def _unit(figure: Published) -> str:
    return figure.metric.replace("_pct", " %")


def _ours(figure: Published) -> tuple[str, str] | None:
    """Our figure and how far it is from theirs."""
    if figure.ours is None or figure.difference is None:
        return None
    return f"{figure.ours:.3f}", f"{figure.difference:+.3f}"


def enumeration_report(found: "Enumeration") -> RenderableType:
    """What a space holds: its points by what became of them, and the two ends of its front for each objective."""
    counts, goals, front = found.counts, found.space.goals, found.front
    total = max(counts.distinct, 1)
    kinds = (("refused", counts.refused), ("outside a constraint", counts.infeasible), ("feasible", counts.feasible))
    rows = [(name, f"{number:,}", f"{number / total:.1%}") for name, number in kinds]
    reasons = [(f"{number:,}", reason) for reason, number in list(counts.reasons.items())[:REASONS]]
    return Group(
        f"{counts.combinations:,} combinations, {counts.distinct:,} distinct points in {found.seconds:,.0f} s of "
        f"evaluation: {found.points_per_second:,.0f} points/s and worker",
        figures("What became of them", ("", "points", ""), rows),
        figures("Why not", ("points", "reason"), reasons, text=("reason",)) if reasons else "",
        f"Exact front: {counts.front:,} points; hypervolume {found.volume:.4f} of the box between",
        figures(
            "The front's box",
            ("", "best", "worst"),
            [
                (f"{g.title}, {g.unit}", *map(_plain, (front[g.name].min(), front[g.name].max())[:: g.sign]))
                for g in goals
            ],
        ),
        f"front: {literal(str(found.folder / 'front.csv'))}",
    )


def comparison_report(found: "Comparison", page: Path) -> RenderableType:
    """Samplers by the share of the exact hypervolume that they found, and by the trials it took."""

    def median(steps: Sequence[int | None]) -> str:
        middle = sorted(steps, key=lambda n: float("inf") if n is None else n)[len(steps) // 2]
        return "-" if middle is None else f"{middle:,}"

    rows = [
        (
            c.sampler,
            f"{c.trials:,}",
            *(f"{100 * share:.2f}" for share in (c.share_of_space, c.mean, min(c.final), max(c.final))),
            *(median(c.trials_to[str(level)]) for level in (0.9, 0.95, 0.99)),
        )
        for c in found.curves
    ]
    columns = ("", "trials", "space", "mean", "least", "most", "to 90", "to 95", "to 99")
    seeds = max(len(c.seeds) for c in found.curves)
    return Group(
        figures(f"Per cent of the exact hypervolume, {seeds} seeds; median trials to so much", columns, rows),
        f"{found.points:,} points, {found.front:,} on the exact front; population {found.population}",
        f"figure: {literal(str(page))}",
    )


def search_summary(result: "SearchResult", space: "Space", report: Path) -> RenderableType:
    """What a search found: how much it looked at, a few points of the front, and where the rest is."""
    goals = space.goals
    bounds = ", ".join(space.bounds_in_words) or "none"
    different = result.outcomes(goal.name for goal in goals)
    alike = f" ({len(different)} different outcomes)" if len(different) < len(result.front) else ""
    by_first = sorted(different, key=lambda p: goals[0].sign * p.trial.outcome.values[goals[0].name])
    step = max(1, -(-len(by_first) // FRONT_ROWS))
    shown = by_first[::step]
    heads = (*(f"{g.title}, {g.unit}" for g in goals), f"test {space.metric.title}, {space.metric.unit}")
    return Group(
        f"{_several(result.distinct_points, 'point')} ({_several(result.distinct_designs, 'design')}, "
        f"{_several(result.models_run, 'network')}) in {result.seconds:,.0f} s; {result.model_evaluations} runs of a "
        f"model over a whole split, {result.model_evaluations_cached} in the cache.\n"
        f"{result.refused} trials were refused (a design that cannot do a model), {result.infeasible} missed the "
        f"constraints ({literal(bounds)}).",
        f"Pareto front: {_several(len(result.front), 'point')} that no other beats in every respect"
        f"{alike}, each simulated again event by event with equal cycles and counts.",
        figures(
            f"{len(shown)} of them, best {goals[0].title} first",
            ("model", *(fill(head, 9, break_long_words=False) for head in heads)),
            [
                (
                    p.evaluation.measured.choice.title,
                    *(_plain(p.trial.outcome.values[goal.name]) for goal in goals),
                    "-" if p.test_loss is None else f"{p.test_loss:.3f}",
                )
                for p in shown
            ],
        ),
        figures(
            "The front at the ends of the cost bands",
            ("costs", "points", "of these stay", "others join"),
            [
                (end, str(len(numbers)), str(stay), str(len(numbers) - stay))
                for end, numbers in result.fronts.items()
                for stay in [sum(end in result.stays(point) for point in result.front)]
            ],
        ),
        f"trials: {literal(str(result.folder / 'trials.csv'))}   front: {literal(str(result.folder / 'front.csv'))}",
        f"report: [bold]{literal(str(report))}[/] (open it in a browser; it works offline)",
    )
