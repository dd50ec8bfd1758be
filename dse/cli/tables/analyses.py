"""Tables of a stream, and of two runs beside each other."""

from collections.abc import Mapping
from math import isinf

from rich.console import Group, RenderableType

from archsim.analysis.diff import Diff
from archsim.analysis.roofline import Roofline
from archsim.analysis.scenario import Least, Streaming
from dse.cli.tables.layout import figures, literal, plain, several
from dse.cli.tables.runs import background

LEAST = {"bandwidth": "DRAM bandwidth", "sram": "weight SRAM"}
"""What `archsim stream --json` calls the least that holds a deadline, in words."""


def stream_report(found: Streaming, least: Mapping[str, Least | str], roof: Roofline) -> RenderableType:
    """A stream: how its steps keep the deadline, what it costs, and what would be enough."""
    needs = [
        (LEAST[name], each if isinstance(each, str) else f"{each.value:,.4g} {each.unit}")
        for name, each in least.items()
    ]
    return Group(
        f"[bold]{literal(found.workload)}[/] on [bold]{literal(found.design.name)}[/]: "
        f"{several(found.lanes, 'lane')}, a step of each every {found.period_us:g} µs, "
        f"due after {found.deadline_us:g} µs; "
        f"{found.missed_steps} of {found.steps} steps miss it",
        figures(
            "Microseconds",
            ("", "least", "mean", "most"),
            [
                (name, *(f"{v:,.2f}" for v in (spread.least, spread.mean, spread.most)))
                for name, spread in (("latency", found.latency_us), ("slack", found.slack_us))
            ],
        ),
        f"energy per token: chip {plain(found.energy.total_chip)} pJ, system {plain(found.energy.total_system)} pJ"
        f"{background(found.energy)} ({found.energy_basis}); not counted: {', '.join(found.energy.left_out)}",
        figures("The least that holds the deadline", ("", "least"), needs, text=("least",)),
        figures(
            "Roofline, back to back",
            ("", "GOPS"),
            [
                ("all PEs", _gops(roof.ceiling_pes_gops)),
                ("PEs of the lanes that run", _gops(roof.ceiling_lanes_gops)),
                ("weight bus", _gops(roof.ceiling_bus_gops)),
                ("DRAM bandwidth", _gops(roof.ceiling_dram_gops)),
                ("DRAM accesses under way", _gops(roof.ceiling_accesses_gops)),
                ("achieved", _gops(roof.achieved_gops)),
            ],
        ),
        f"bound by {roof.bound}: {roof.share:.1%} of that ceiling",
    )


def _gops(ceiling: float) -> str:
    return "no limit" if isinf(ceiling) else f"{ceiling:,.4g}"


def diff_report(found: Diff) -> RenderableType:
    """Two runs: what was set, and what followed."""
    set_ = [(c.path, str(c.before), str(c.after)) for c in (*found.settings, *(found.parameters or ()))]
    changes = [
        (
            f"{c.component}: {c.name}" if c.name else c.component,
            f"{c.kind}, {c.unit}" if c.unit not in ("", "count", c.kind) else c.kind,
            plain(c.before),
            plain(c.after),
            "new" if c.ratio == float("inf") else f"x {c.ratio:.4g}",
        )
        for c in found.changes
    ]
    if not set_ and not changes:
        return f"{literal(found.before)} -> {literal(found.after)}: no difference"
    return Group(
        f"{literal(found.before)} -> {literal(found.after)}"
        + ("; cycles and counts per token" if found.per_token else ""),
        *_unequal(found),
        figures("Set differently", ("", "before", "after"), set_, text=("before", "after")),
        figures("What followed, largest effect first", ("", "what", "before", "after", ""), changes, text=("what",)),
    )


def _unequal(found: Diff) -> list[str]:
    """Energies that do not hold the same are no figures to compare."""
    sides = ((found.before, found.before_lacks), (found.after, found.after_lacks))
    return [
        f"[yellow]unequal energies:[/] those of {literal(name)} alone do not count: {literal('; '.join(parts))}"
        for name, parts in sides
        if parts
    ]
