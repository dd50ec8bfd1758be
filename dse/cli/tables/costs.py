"""Tables of cost figures: of one design, of formats against SRAM, and of published chips."""

from collections.abc import Callable, Iterable
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table

from archsim.analysis.explain import ExplainRow
from archsim.analysis.skip_gain import NetworkRun
from archsim.analysis.validate import KINDS, Kind, Validation, ValidationRow
from dse.cli.tables.layout import MARK, Hanging, figures, footnotes, literal, plain, unit_in_print
from dse.evaluation.fit import FormatFit


def fit_report(found: Iterable[FormatFit]) -> RenderableType:
    """SRAM down, formats across: system energy, with its band, and what of the model is resident."""
    found = list(found)
    capacities = sorted({each.capacity_kib for each in found})
    by = {(each.weights, each.capacity_kib): each for each in found}
    formats = list(dict.fromkeys(each.weights for each in found))

    def table(title: str, cell: Callable[[FormatFit], str]) -> Table:
        rows = [(str(kib), *(cell(by[name, kib]) for name in formats)) for kib in capacities]
        return figures(title, ("KiB of SRAM", *formats), rows)

    sizes = ", ".join(f"{name} {by[name, capacities[0]].model_kib:,.0f}" for name in formats)
    return Group(
        f"KiB of the model: {sizes}",
        table("Resident", lambda each: f"{each.resident_share:.0%}"),
        table("System energy, nJ a token", lambda each: f"{each.system_pj_per_token.mid / 1e3:,.0f}"),
        table(
            "Its band, µJ a token",
            lambda e: f"{e.system_pj_per_token.low / 1e6:.2g}-{e.system_pj_per_token.high / 1e6:.2g}",
        ),
        table("Chip energy, nJ a token", lambda each: f"{each.chip_pj_per_token / 1e3:,.0f}"),
        table("Microseconds a token", lambda each: f"{each.time_us_per_token:,.1f}"),
        table("Chip, mm²", lambda each: f"{each.area_mm2:.2f}"),
        "Weights of fewer bits come over a narrower bus, and a row's 16-bit bias takes more words of it: where all is "
        "resident, fewer bits can take longer.",
    )


def explain_report(rows: Iterable[ExplainRow], left_out: Iterable[str] = ()) -> RenderableType:
    """Cost figures of a design, component by component, each with its band and the number of its source.

    `left_out` is what no figure counts.
    """
    by_component: dict[str, list[ExplainRow]] = {}
    for row in rows:
        by_component.setdefault(row.component, []).append(row)
    sources = list(dict.fromkeys(r.source for group in by_component.values() for r in group))
    lines: list[tuple[str | Hanging, ...]] = []
    for component, group in by_component.items():
        lines.append((Hanging(component), "", "", "", "", ""))
        lines += [
            (
                Hanging(r.figure, indent=1),
                plain(r.value),
                *_ends(r),
                _unit(r),
                f"{MARK[r.status]} {1 + sources.index(r.source)}",
            )
            for r in group
        ]
    names = ("component", "value", "low", "high", "unit", "src")
    return Group(
        figures("Every cost figure (c calibrated, p predicted, g given)", names, lines, text=("unit",)),
        footnotes((f"{number}:", source) for number, source in enumerate(sources, 1)),
        *(f"not counted: {each}" for each in left_out),
    )


def _ends(row: ExplainRow) -> tuple[str, str]:
    return ("", "") if row.low == row.high else (plain(row.low), plain(row.high))


def _unit(row: ExplainRow) -> str:
    """Nothing where the figure is a count of what it is called: banks, macros a bank."""
    return "" if row.unit in row.figure.split() else unit_in_print(row.unit)


MARKS: dict[Kind, str] = {"identity": "i", "fitted": "f", "checked": "c", "blind": "b"}


def validation_table(found: Validation) -> RenderableType:
    """Published figures beside ours, each with what its agreement is worth, and runs without a published figure."""
    notes = list(dict.fromkeys(r.note for r in found.rows if r.note))
    lines: list[tuple[str | Hanging, ...]] = []
    for chip, rows in groupby(found.rows, key=lambda row: row.chip):
        lines.append((chip, *[""] * 6))
        lines += [
            (
                Hanging(r.figure, indent=1),
                _with_unit(r),
                f"{r.ours:.4g}",
                f"{r.error_pct:+.1f}",
                _left_out(r),
                f"{MARKS[r.kind]} {'MISSED' if r.failed else '*' if r.gates else ''}".rstrip(),
                f"{1 + notes.index(r.note)}" if r.note else "",
            )
            for r in rows
        ]
    names = ("chip and figure", "paper", "ours", "%", "out", "kind", "note")
    kinds = ((MARKS[kind], f"{kind}: {meaning}") for kind, meaning in KINDS.items())
    gates = f"{sum(r.gates for r in found.rows)} of {len(found.rows)} figures can fail (*)"
    return Group(
        figures("Published figures and ours (out: error if left out of the fit)", names, lines, text=("kind",)),
        footnotes(kinds),
        footnotes((f"{number}:", note) for number, note in enumerate(notes, 1)),
        *([_runs_table(found.runs)] if found.runs else []),
        f"{gates}; {'all are within their tolerance' if found.ok else 'one or more are MISSED'}",
    )


RUN_NAMES = ("network", "lanes", "skipped", "x same lanes", "x best dense", "energy, chip", "with DRAM")
SHORT_NAMES = ("network", "lanes", "skipped", "same", "best", "chip", "DRAM")
"""The same for 80 columns; the title says the rest."""


def _runs_table(runs: Iterable[NetworkRun]) -> RenderableType:
    """What SKIP's chip gains on networks of our own; the paper has no figure for them."""
    title = (
        "SKIP on networks without a published figure: speed over a dense run on\n"
        "the same lanes and over the best one; energy gain over the best one"
    )
    refused = (f"{run.network}: {literal(run.note)}" for run in runs if run.note)
    return Group(figures(title, SHORT_NAMES, [_run_cells(run) for run in runs]), *dict.fromkeys(refused))


def _run_cells(run: NetworkRun) -> tuple[str, ...]:
    drawn = " (synthetic)" if run.source == "synthetic" else ""
    if run.gain is None:
        return (f"{run.network}{drawn}", f"{run.lanes}", *["-"] * 5)
    gain = run.gain
    gains = (gain.speed_same_lanes, gain.speed_best_dense, gain.energy_chip, gain.energy_system)
    return (f"{run.network}{drawn}", f"{run.lanes}", f"{gain.skipped:.1%}", *(f"{each:.3g}" for each in gains))


def validation_markdown(found: Validation) -> str:
    """The same for docs/results, with the notes of rows that can be taken for others."""
    lines = [
        "| chip | figure | published | how sure | ours | error, % | left out, % | kind |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in found.rows:
        kind = f"{r.kind}, gates" if r.gates else r.kind
        lines.append(
            f"| {r.chip} | {r.figure} | {_with_unit(r)} | {r.sure} | {r.ours:.4g} | {r.error_pct:+.1f} "
            f"| {_left_out(r)} | {kind} |"
        )
    if found.runs:
        lines += ["", f"| {' | '.join(RUN_NAMES)} |", f"|{'---|' * len(RUN_NAMES)}"]
        lines += [f"| {' | '.join(_run_cells(run))} |" for run in found.runs]
    return "\n".join(lines)


def _with_unit(row: ValidationRow) -> str:
    return f"{row.published:.4g} {row.unit}".strip()


def _left_out(row: ValidationRow) -> str:
    return "" if row.left_out_pct is None else f"{row.left_out_pct:+.1f}"
