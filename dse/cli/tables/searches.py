"""Tables of searches, enumerations and comparisons. Needs what a search needs: Optuna and pandas."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill

import pandas as pd
from rich.console import Group, RenderableType

from dse.cli.tables.layout import aligned, figures, literal, several
from dse.exploration.compare import SamplerComparison
from dse.exploration.enumerate import Enumeration
from dse.exploration.standstill import SHARE
from dse.results import clocks
from dse.results.result import SearchResult
from dse.space.space import Space

FRONT_ROWS = 12
"""Rows of the front that a summary shows."""
REASONS = 8
"""Reasons that are shown, the most frequent first."""


def enumeration_report(found: Enumeration) -> RenderableType:
    """What a space holds: its points by what became of them, and the two ends of its front for each objective."""
    counts, goals, front = found.counts, found.space.goals, found.front
    total = max(counts.distinct, 1)
    kinds = (("refused", counts.refused), ("outside a constraint", counts.infeasible), ("feasible", counts.feasible))
    rows = [(name, f"{number:,}", f"{number / total:.1%}") for name, number in kinds]
    reasons = [(f"{number:,}", reason) for reason, number in list(counts.reasons.items())[:REASONS]]
    return Group(
        f"{counts.combinations:,} combinations, {counts.distinct:,} distinct points in {found.seconds:,.0f} s of "
        f"evaluation: {found.points_per_second:,.0f} points/s and worker",
        *([f"{counts.one_by_one:,} of them one by one, which the sweep does not cover"] if counts.one_by_one else []),
        figures("What became of them", ("", "points", ""), rows),
        figures("Why not", ("points", "reason"), reasons, text=("reason",)) if reasons else "",
        f"Exact front: {counts.front:,} points; hypervolume {found.volume:.4f} of the box between",
        figures(
            "The front's box",
            ("", "best", "worst"),
            [
                (f"{g.title}, {g.screen_unit}", *(aligned(g.shown(end)) for end in _ends(front[g.name])[:: g.sign]))
                for g in goals
            ],
        ),
        *clocks.in_words(front[clocks.COLUMN].tolist()),
        *_not_counted(found.space),
        f"front: {literal(str(found.folder / 'front.csv'))}",
    )


def _ends(values: pd.Series) -> tuple[float, float]:
    return values.min(), values.max()


def comparison_report(found: SamplerComparison, exact: Enumeration, page: Path) -> RenderableType:
    """Samplers by the share of the hypervolume of the `exact` front that they found, and by the trials it took."""

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
        *clocks.in_words(exact.front[clocks.COLUMN].tolist()),
        *_not_counted(exact.space),
        f"figure: {literal(str(page))}",
    )


def search_summary(result: SearchResult, space: Space, report: Path) -> RenderableType:
    """What a search found: how much it looked at, a few points of the front, and where the rest is."""
    bounds = ", ".join(space.bounds_in_words) or "none"
    return Group(
        f"{several(result.distinct_points, 'point')} ({several(result.distinct_designs, 'design')}, "
        f"{several(result.models_run, 'network')}) in {result.seconds:,.0f} s; {_evaluations(result, space)}.\n"
        f"{result.refused} trials were refused, {result.infeasible} missed the constraints ({literal(bounds)}).",
        *_kept(result),
        *_ended(result, space),
        *((*_refusals(result), *_front(result, space)) if result.front else [_nothing(result)]),
        *clocks.in_words(clocks.column(point.evaluation.design for point in result.front)),
        *_not_counted(space),
        f"trials: {literal(str(result.folder / 'trials.csv'))}",
        f"front: {literal(str(result.folder / 'front.csv'))}",
        f"report: [bold]{literal(str(report))}[/] (open it in a browser; it works offline)",
    )


def _kept(result: SearchResult) -> list[str]:
    """What was kept of an earlier run."""
    if (found := result.extended) is None:
        return []
    lost = f"; {found.trials - found.kept} no longer fit" if found.misfits else ""
    return [literal(f"Kept {found.kept} of {several(found.trials, 'trial')} of {found.run}{lost}{found.reasons}.")]


def _ended(result: SearchResult, space: Space) -> list[str]:
    """That the search ended before its budget was spent."""
    if result.stood_still is None:
        return []
    return [
        f"Its hypervolume stood still after {several(result.stood_still, 'trial')}: the last {space.stop_after_still} "
        f"let it grow by no more than {SHARE:.1%}."
    ]


def _refusals(result: SearchResult) -> list[str]:
    """What most of the refused trials were refused for."""
    reasons = Counter(trial.outcome.reason for trial in result.trials if trial.outcome.refused)
    return [f"Refused most often ({several(times, 'trial')}): {literal(r)}" for r, times in reasons.most_common(1)]


def _not_counted(space: Space) -> list[str]:
    """What the system's energy lacks in all points alike, since it is not known."""
    return [f"[yellow]not counted in any energy of the system:[/] {', '.join(space.not_counted)}"] * bool(
        space.not_counted
    )


def _evaluations(result: SearchResult, space: Space) -> str:
    if space.task is None:
        return "no task, so no accuracy was measured"
    cached = result.model_evaluations_cached
    return f"{several(result.model_evaluations, 'run')} of a model over a whole split, {cached} in the cache"


def _nothing(result: SearchResult) -> str:
    """Why the front is empty."""
    (reason, times), *_ = Counter(trial.outcome.reason for trial in result.trials).most_common(1)
    return f"No point is feasible; most often ({several(times, 'trial')}): {literal(reason)}"


def _front(result: SearchResult, space: Space) -> Iterator[RenderableType]:
    goals = space.goals
    different = result.outcomes(goal.name for goal in goals)
    alike = f" ({len(different)} different outcomes)" if len(different) < len(result.front) else ""
    by_first = sorted(different, key=lambda p: goals[0].sign * p.trial.outcome.values[goals[0].name])
    step = max(1, -(-len(by_first) // FRONT_ROWS))
    shown = by_first[::step]
    tested = () if space.metric is None else (f"test {space.metric.title}, {space.metric.unit}",)
    heads = (*(f"{g.title}, {g.screen_unit}" for g in goals), *tested)
    yield (
        f"Pareto front: {several(len(result.front), 'point')} that no other beats in every respect"
        f"{alike}, each simulated again event by event with equal cycles and counts."
    )
    yield figures(
        f"{len(shown)} of them, best {goals[0].noun} first",
        ("model", *(fill(head, 9, break_long_words=False) for head in heads)),
        [
            (
                p.evaluation.measured.choice.title,
                *(aligned(goal.shown(p.trial.outcome.values[goal.name])) for goal in goals),
                *("-" if p.test_loss is None else f"{p.test_loss:.3f}" for _ in tested),
            )
            for p in shown
        ],
    )
    yield figures(
        "The front at the ends of the cost bands",
        ("costs", "points", "of these stay", "others join"),
        [
            (end, str(len(numbers)), str(stay), str(len(numbers) - stay))
            for end, numbers in result.fronts.items()
            for stay in [sum(end in result.stays(point) for point in result.front)]
        ],
    )
