"""Tables of cost figures: of one design, of formats against SRAM, and of published chips."""

from collections import Counter
from collections.abc import Callable, Iterable

from rich.console import Group, RenderableType
from rich.table import Table

from archsim.analysis.explain import ExplainRow
from archsim.analysis.validate import Validation, ValidationRow
from dse.cli.tables.layout import MARK, figures, literal
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
            "Its band, uJ a token",
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
        *(f"not counted: {each}" for each in left_out),
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
