"""Tables of one run."""

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table

from archsim.costs import EnergyReport, Figure, clock_problems
from archsim.report import SimReport
from dse.cli.tables.layout import MARK, figures, literal, plain, several


def run_report(report: SimReport) -> RenderableType:
    """Everything a run says, in the order a reader asks for it."""
    return Group(*_conditions(report), *_measured(report), *_notes(report), _in_short(report))


def _conditions(report: SimReport) -> list[RenderableType]:
    """What was run on what, where the weights lie, and what is not in the figures."""
    parts: list[RenderableType] = [
        f"[bold]{literal(report.workload)}[/] on [bold]{literal(report.design.name)}[/]: "
        f"{several(report.lanes, 'lane')}, {several(report.steps, 'step')}, {report.design.clock_mhz} MHz, "
        f"engine {report.engine}, scope {report.scope}",
    ]
    if report.synthetic:
        parts.append("[yellow]synthetic trace: drawn masks, no accuracy stands behind them[/]")
    kept = f"{report.resident_bits / 8192:,.1f} KiB in SRAM, the rest " if report.resident_bits else ""
    weights = "in on-chip SRAM" if report.resident else f"{kept}from DRAM, {report.dram_gbps:.3g} Gb/s"
    parts.append(f"weights and norms {report.model_bits / 8192:,.1f} KiB, {weights}")
    parts += _load(report)
    parts += [f"[yellow]left out:[/] {literal(left)}" for left in report.left_out]
    return parts


def _measured(report: SimReport) -> list[RenderableType]:
    """The tables: time, throughput, the PE array's cycles, energy, area."""
    energy, area = report.energy, report.area
    speed = [
        ("per step", f"{report.cycles_per_step:,.1f}", f"{report.latency_us_per_step:,.3f} µs"),
        ("per token", f"{report.cycles / report.tokens:,.1f}", f"{report.time_us_per_token:,.3f} µs"),
        ("whole run", f"{report.cycles:,}", f"{report.seconds * 1e3:,.3f} ms"),
    ]
    gains = [
        ("achieved (issued MACs)", f"{report.gops:,.2f} GOPS"),
        ("effective (dense-equivalent)", f"{report.gops_effective:,.2f} GOPS"),
        ("speed-up over the same lanes, skipping off", f"{report.speedup_same_lanes:.3f} x"),
        ("speed-up per token over the best dense", f"{report.speedup_best_dense:.3f} x"),
        ("ideal: dense over issued MACs", f"{report.speedup_ideal:.3f} x"),
    ]
    cycles = [
        (cause.replace("_", " "), f"{cycles:,}", f"{cycles / report.cycles:.1%}")
        for cause, cycles in (("busy", report.busy_cycles), *report.stalls.items())
    ]
    system = "system (chip and DRAM)" if report.design.dram else "system (there is no DRAM)"
    totals = {"chip": energy.total_chip, system: energy.total_system}
    return [
        figures("Speed", ("", "cycles", "time"), speed),
        figures("Throughput and what skipping gains", ("", "value"), gains),
        figures("Cycles of the PE array", ("", "cycles", "share"), cycles),
        _costs("Energy per token (c calibrated, p predicted)", "pJ", energy.components, totals),
        _costs("Area", "mm²", area.components, {"chip": area.total_chip}),
    ]


def _notes(report: SimReport) -> list[str]:
    """How sure the figures are, and what they leave out."""
    energy = report.energy
    reused = f"{report.reused_steps:,} of {report.steps:,} steps met what an earlier one had met: not simulated again"
    return [
        *([reused] if report.reused_steps else []),
        f"system energy at the ends of all cost bands: {plain(energy.band.low)} to "
        f"{plain(energy.band.high)} pJ a token",
        f"power at this rate: chip {energy.power_chip_mw:,.1f} mW, "
        f"system {energy.power_system_mw:,.1f} mW{background(energy)}; not counted: {', '.join(energy.left_out)}",
        *(f"[yellow]clock:[/] {literal(problem)}" for problem in clock_problems(report.design)),
    ]


def background(energy: EnergyReport) -> str:
    """The part of the system's power that flows whether DRAM is read or not, where there is one."""
    return f" ({energy.dram_background_mw:,.1f} mW background of DRAM)" if energy.dram_background_mw else ""


def _in_short(report: SimReport) -> str:
    return (
        f"[bold]{report.latency_us_per_step:,.3f} µs a step, {plain(report.energy.total_system / 1000)} nJ a token "
        f"(chip {plain(report.energy.total_chip / 1000)}), {plain(report.area.total_chip)} mm², "
        f"{report.speedup_same_lanes:.3g} x by skipping[/]"
    )


def _load(report: SimReport) -> list[str]:
    """Filling the SRAM once, where anything lies in it."""
    load = report.load
    if load is None:
        return []
    source = "" if report.design.dram else ", from outside the chip"
    return [
        f"loading {report.resident_bits / 8192:,.1f} KiB of SRAM once{source}, apart from all below: "
        f"{load.time_us:,.4g} µs, chip "
        f"{plain(load.chip_pj / 1000)} nJ, system {plain(load.system_pj.mid / 1000)} nJ, as much as "
        f"{plain(load.tokens(report.energy.total_system))} tokens"
    ]


def _costs(title: str, unit: str, parts: Mapping[str, Figure], totals: Mapping[str, float]) -> Table:
    rows = [(name.replace("_", " "), plain(f.value), MARK[f.status]) for name, f in parts.items()]
    rows += [(f"total {name}", plain(value), "") for name, value in totals.items()]
    return figures(title, ("", unit, ""), rows)
