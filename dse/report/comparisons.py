"""What `archsim compare` found as the tab Samplers shows it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dse.exploration.compare import (
    LEVELS,
    SamplerCurve,
    stored,
)
from dse.report.shapes import PageColumn, PageTable, SamplerLine, SamplersTab, Scalar
from dse.report.words import short
from dse.results.tables import read_csv


def comparison(folder: Path) -> SamplersTab | None:
    """The samplers in ``folder/compare`` beside each other; None where none were compared there."""
    folder = folder / "compare"
    if not (folder / "compare.json").is_file():
        return None
    found = stored(folder)
    by_sampler = read_csv(folder / "compare.csv").groupby("sampler", sort=False)
    columns = (
        PageColumn(title="Sampler", words=True),
        PageColumn(title="Trials"),
        PageColumn(title="Of the space", unit="%"),
        *(PageColumn(title=f"Found, {which}", unit="%") for which in ("mean", "least", "most")),
        *(PageColumn(title=f"Trials to {100 * level:g} %", unit="median") for level in LEVELS),
        PageColumn(title="On the exact front", unit="mean"),
    )
    return SamplersTab(
        name=found.space,
        says=f"All {found.points:,} points of the space were evaluated; {found.front:,} are on its exact front, "
        f"whose hypervolume is {found.hypervolume:.2%} of the box. Each sampler searched with "
        f"{max(len(curve.seeds) for curve in found.curves)} seeds; a generation, where it has any, is "
        f"{found.population} trials.",
        curves=[_line(str(name), rows) for name, rows in by_sampler],
        table=PageTable(columns=columns, rows=[_row(curve) for curve in found.curves]),
    )


def _line(sampler: str, rows: pd.DataFrame) -> SamplerLine:
    mean, least, most = ([short(100 * share) for share in rows[name]] for name in ("mean", "min", "max"))
    return SamplerLine(sampler=sampler, trials=rows["trials"].tolist(), mean=mean, least=least, most=most)


def _row(curve: SamplerCurve) -> list[Scalar]:
    shares = (curve.share_of_space, curve.mean, min(curve.final), max(curve.final))
    to = [_median(curve.trials_to[str(level)]) for level in LEVELS]
    return [
        curve.sampler,
        curve.trials,
        *(short(100 * share) for share in shares),
        *to,
        short(float(np.mean(curve.on_front))),
    ]


def _median(trials: Sequence[int | None]) -> int | None:
    """None where most seeds did not get there."""
    return sorted(trials, key=lambda n: float("inf") if n is None else n)[len(trials) // 2]
