"""Tables of trained networks: how accurate they are, where their zeros lie, and how few bits they need."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from dse.cli.tables.layout import figures, literal, several
from dse.evaluation.sparsity import SparsityPoint
from workloads.fixed_point import MeasuredBits
from workloads.importers import Check, ImportedMatrix
from workloads.sparsify import Zeros
from workloads.zoo.published import PublishedAccuracy, Untrained
from workloads.zoo.verification import Verification


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


def imported_table(matrices: Iterable[ImportedMatrix]) -> Table:
    """What became of each matrix of a network that was imported."""
    return figures(
        "Matrices: relative error, shares clipped and zero",
        ("tensor", "role", "shape", "format", "error", "clipped", "zero"),
        [
            (
                m.tensor or "-",
                m.role,
                f"{m.rows} x {m.columns}",
                m.format,
                f"{m.error:.2%}",
                f"{m.clipped:.2%}",
                f"{m.zero:.1%}",
            )
            for m in matrices
        ],
        text=("role", "format"),
    )


def check_table(check: Check) -> Table:
    """The largest absolute differences of an imported model from its source, layer by layer."""
    return figures(
        f"Largest difference from {check.by}",
        ("of", "range", "float", "as imported", ""),
        [
            (d.what, f"{d.range:.4g}", f"{d.floats:.2g}", f"{d.rounded:.2g}", "" if d.passed else "DIFFERS")
            for d in check.differences
        ],
        text=("",),
    )


def points_table(metric: str, points: Iterable[MeasuredBits], best: MeasuredBits, where: str) -> Table:
    """What a search over bits measured, smallest memory first; the one it chose is marked."""
    some = {"c": best.cell_bits, "emb.": best.embedding_bits}
    optional = [name for name, bits in some.items() if bits is not None]
    return figures(
        f"Integers only, on {where}: bits, and sums that saturated",
        ("w.", "st.", *optional, "acc.", "sums", metric, "loss", "KiB", "saved", ""),
        [
            (
                str(p.weight_bits),
                str(p.activation_bits),
                *(str(bits) for bits in (p.cell_bits, p.embedding_bits) if bits is not None),
                str(p.accumulator_bits),
                _share(p.accumulator_clipped),
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


def _share(share: float) -> str:
    """In per cent; what is there is never shown as 0."""
    return "0" if not share else "<0.01%" if share < 1e-4 else f"{share:.2%}" if share < 0.1 else f"{share:.0%}"


def clipped_line(best: MeasuredBits) -> str:
    """What of a measured model does not fit its numbers."""
    width = f"accumulators of {best.accumulator_bits} bits"
    sums = f"{best.accumulator_clips:,} sums saturated ({_share(best.accumulator_clipped)})"
    if not best.accumulator_clips:
        sums = f"not proved for {best.rows_unproved:,} rows, no sum saturated" if best.rows_unproved else "proved"
    return f"{width}: {sums}; clipped: {', '.join(f'{what} {_share(share)}' for what, share in _clipped(best))}"


def _clipped(point: MeasuredBits) -> tuple[tuple[str, float], ...]:
    return (
        ("arguments of sigmoid and tanh", point.argument_clipped),
        ("h and c", point.state_clipped),
        ("inputs", point.input_clipped),
        ("constants up to", point.constants_clipped),
    )


def bits_table(metric: str, points: Sequence[MeasuredBits]) -> RenderableType:
    """The metric of every combination, weight bits down and activation bits across, and what did not fit."""
    titles = [what for what, _ in _clipped(points[0])]
    shares = [("sums saturated", [p.accumulator_clipped for p in points])]
    shares += [(f"clipped, {what}", [_clipped(p)[n][1] for p in points]) for n, what in enumerate(titles)]
    widths = sorted({p.accumulator_bits for p in points})
    none = [what for what, each in shares if not any(each)]
    return Group(
        "Weight bits down, activation bits across\n",
        _grid(metric, points, [f"{p.value:.2f}" for p in points]),
        *(_grid(what, points, [_share(share) for share in each]) for what, each in shares if any(each)),
        f"accumulators of {' to '.join(str(n) for n in dict.fromkeys((widths[0], widths[-1])))} bits",
        *([f"none: {', '.join(none)}"] if none else []),
    )


def _grid(title: str, points: Sequence[MeasuredBits], cells: Sequence[str]) -> Table:
    value = {(p.weight_bits, p.activation_bits): cell for p, cell in zip(points, cells, strict=True)}
    across = sorted({a for _, a in value})
    rows = [(str(w), *(value[w, a] for a in across)) for w in sorted({w for w, _ in value})]
    return figures(title, ("", *map(str, across)), rows)


def sparsity_table(points: Sequence[SparsityPoint]) -> RenderableType:
    """What zeros cost and gain, a line a model and sparsity, and what could not be simulated."""
    lanes = next((tuple(gain.lanes for gain in p.gains) for p in points if p.gains), ())
    rows = [
        (
            f"{p.model}{' *' if p.pruned else ''}{' r' if p.recurrence_alone else ''}",
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
            ("model", "zeros", "loss", *(several(n, "lane") for n in lanes)),
            rows,
        ),
        "* pruned after training" if any(p.pruned for p in points) else "",
        "r for the recurrence alone" if any(p.recurrence_alone for p in points) else "",
        *(f"[yellow]not simulated:[/] {literal(r)}" for r in dict.fromkeys(p.refusal for p in points) if r),
    )


def sparsity_markdown(points: Sequence[SparsityPoint]) -> str:
    """The same for a page: with the share of columns skipped."""
    lanes = next((tuple(gain.lanes for gain in p.gains) for p in points if p.gains), ())
    heads = (f"skipped, {several(n, 'lane')} | speed-up | ideal" for n in lanes)
    lines = [f"| model | zeros | metric | loss | {' | '.join(heads)} |", "|---|" + "---|" * (3 + 3 * len(lanes))]
    for p in points:
        gains = (f"{g.skipped:.1%} | {g.speedup:.2f} | {g.ideal:.2f}" for g in p.gains)
        how = [*(["pruned"] if p.pruned else []), *(["the recurrence alone"] if p.recurrence_alone else [])]
        name = ", ".join([f"`{p.model}`", *how])
        lines.append(f"| {name} | {p.sparsity:.1%} | {p.metric} | {p.loss:.3f} | {' | '.join(gains)} |")
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


def published_networks(figures_: Iterable[PublishedAccuracy], untrained: Iterable[Untrained]) -> RenderableType:
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


def published_markdown(figures_: Iterable[PublishedAccuracy]) -> str:
    """The same for docs/results: what papers report, and ours."""
    lines = ["| paper | recipe | metric | published | how sure | ours | difference |", "|---|---|---|---|---|---|---|"]
    for f in figures_:
        ours, difference = _ours(f) or (f"not {'measured' if f.trained else 'trained'} yet", "")
        lines.append(f"| {f.paper} | `{f.recipe}` | {_unit(f)} | {f.value:g} | {f.sure} | {ours} | {difference} |")
    return "\n".join(lines)


_UNITS = "+bpc: over the dense twin. ppw 11/10: integers of these weight and activation bits. memory %: of float32."


def _unit(figure: PublishedAccuracy) -> str:
    return figure.metric.replace("_pct", " %")


def _ours(figure: PublishedAccuracy) -> tuple[str, str] | None:
    """Our figure and how far it is from theirs."""
    if figure.ours is None or figure.difference is None:
        return None
    return f"{figure.ours:.3f}", f"{figure.difference:+.3f}"
