"""What `archsim compare` found as the tab Samplers shows it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dse.report.shapes import Column, Comparison, Scalar, Table
from dse.report.shapes import Curve as Line
from dse.report.words import short
from dse.search.compare import (
    LEVELS,
    SamplerCurve,
    stored,
)


def comparison(folder: Path) -> Comparison | None:
    """Of the samplers in ``folder/compare``, if any were compared there."""
    folder = folder / "compare"
    if not (folder / "compare.json").is_file():
        return None
    found = stored(folder)
    by_sampler = pd.read_csv(folder / "compare.csv").groupby("sampler", sort=False)
    columns = (
        Column(title="Sampler", words=True),
        Column(title="Trials"),
        Column(title="Of the space", unit="%"),
        *(Column(title=f"Found, {which}", unit="%") for which in ("mean", "least", "most")),
        *(Column(title=f"Trials to {100 * level:g} %", unit="median") for level in LEVELS),
        Column(title="On the exact front", unit="mean"),
    )
    return Comparison(
        name=found.space,
        says=f"All {found.points:,} points of the space were evaluated; {found.front:,} are on its exact front, "
        f"whose hypervolume is {found.hypervolume:.2%} of the box. Each sampler searched with "
        f"{max(len(curve.seeds) for curve in found.curves)} seeds; a generation, where it has any, is "
        f"{found.population} trials.",
        curves=[_line(str(name), rows) for name, rows in by_sampler],
        table=Table(columns=columns, rows=[_row(curve) for curve in found.curves]),
    )


def _line(sampler: str, rows: pd.DataFrame) -> Line:
    mean, least, most = ([short(100 * share) for share in rows[name]] for name in ("mean", "min", "max"))
    return Line(sampler=sampler, trials=rows["trials"].tolist(), mean=mean, least=least, most=most)


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
