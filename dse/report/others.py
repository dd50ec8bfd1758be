"""Points off the front as the tab Design shows them: what they consist of, by column, and their commands."""

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from archsim.record import PointRecord, RooflineRecord
from dse.exploration.coordinates import distributions, known_choice
from dse.report.designs import PJ_PER_NJ, STAYS, Texts, clock_words, network_key, weights_words
from dse.report.shapes import Coded, Commands, Others, PartColumn, TermColumn
from dse.report.values import coded
from dse.report.words import short
from dse.results.breakdown import (
    STALL,
    WHOLES,
    Whole,
)
from dse.results.command import (
    head,
    settings,
    tail,
)
from dse.results.quality import costs
from dse.results.store import Results

MOST = 2000
"""Points off the front whose parts are in the page; a study of a thousand trials has all of its own."""

SCALE: dict[Whole, float] = dict(zip(WHOLES, (1 / PJ_PER_NJ, 1.0), strict=True))
"""From the table's units to those on screen."""


def others(results: Results, texts: Texts, most: int = MOST) -> Others:
    """The points off the front that lie nearest to it, at most so many."""
    simulated = results.parts.points
    if simulated.empty:
        return Others()
    trials = results.trials.set_index("trial", drop=False)
    off = simulated[~simulated["trial"].isin(results.front["trial"])]
    far = _distance(results, trials.loc[off["trial"]])
    points = off.iloc[np.argsort(far, kind="stable")[:most]].sort_values("trial")
    rows = trials.loc[points["trial"]]
    return Others(
        trial=points["trial"].tolist(),
        left_out=len(off) - len(points),
        facts=[
            TermColumn(term=STAYS, values=coded(_stays(rows))),
            *_figures(points),
            TermColumn(term="Weights", values=coded(rows["weights_resident"].map(weights_words))),
            TermColumn(term="Left out", values=coded(rows["left_out"].replace("", "nothing"))),
        ],
        energy=_parts(results.parts.components, "energy", points["trial"], texts),
        area=_parts(results.parts.components, "area", points["trial"], texts),
        cycles=points["cycles"].tolist(),
        busy_cycles=points["busy_cycles"].tolist(),
        stalls={c.removeprefix(STALL): points[c].tolist() for c in points.columns if c.startswith(STALL)},
        roofline={name: _numbers(points[name]) for name in RooflineRecord.model_fields if name != "bound"},
        bound=coded(points["bound"]),
        clock=coded(points["clock_problems"].map(lambda said: clock_words(tuple(filter(None, [said]))))),
    )


def commands(results: Results, folder: Path) -> Commands:
    """The words of the command of any point."""
    space, trials = results.space, results.trials
    free = distributions(space)
    set_ = {
        name: [
            "" if value is None else settings({name: known_choice(free[name], value)})
            for value in coded(trials[name]).values
        ]
        for name in space.parameters
    }
    set_ |= {
        group: [settings(variants[str(value)]) for value in coded(trials[group]).values]
        for group, variants in space.variants.items()
    }
    traces = {
        network_key(row["model"], row["threshold"]): shlex.quote(str(folder / row["trace"]))
        for _, row in results.models.iterrows()
    }
    return Commands(head=head(space), traces=traces, settings=set_, tail=tail(space))


def _distance(results: Results, rows: pd.DataFrame) -> NDArray[np.float64]:
    """By how much of the front's range a point would have to be better in every objective to be on the front.

    The additive epsilon indicator (Zitzler et al., "Performance Assessment of Multiobjective Optimizers", 2003), axes
    that read in decades taken so. Points that miss a constraint come after those that keep them.
    """
    goals = results.space.goals
    values = {goal.name: results.trials[goal.name].to_numpy(float) for goal in goals}
    by_trial = pd.DataFrame(costs(goals, values), index=results.trials["trial"])
    front = by_trial.loc[results.front["trial"]].to_numpy()
    if not len(front):
        return np.zeros(len(rows))
    span = np.ptp(front, axis=0)
    span[span == 0] = 1.0
    own = by_trial.loc[rows["trial"]].to_numpy() / span
    nearest = np.full(len(own), np.inf)
    for one in front / span:
        nearest = np.minimum(nearest, (own - one).max(axis=1))
    return nearest + np.where(rows["feasible"], 0.0, 1e9)


def _stays(rows: pd.DataFrame) -> pd.Series:
    """At which ends of the costs' bands a point is on the front, though it is not as they stand."""
    ends = [rows[f"on_front_{end}"].map({True: end, False: ""}) for end in ("low", "high")]
    return pd.Series([", ".join(filter(None, each)) or "none" for each in zip(*ends, strict=True)])


def _parts(components: pd.DataFrame, whole: Whole, trials: pd.Series, texts: Texts) -> list[PartColumn]:
    of = components[(components["whole"] == whole) & components["trial"].isin(trials)]
    found = []
    for name, group in of.groupby("component", sort=False, observed=True):
        at = group.set_index("trial").reindex(trials)
        value, low, high = (_numbers(SCALE[whole] * at[end]) for end in ("value", "low", "high"))
        source = coded(at["source"])
        found.append(
            PartColumn(
                name=str(name),
                value=value,
                low=None if low == value else low,
                high=None if high == value else high,
                status=coded(at["status"]),
                source=Coded(values=[v and texts(str(v)) for v in source.values], index=source.index),
            )
        )
    return found


def _figures(points: pd.DataFrame) -> list[TermColumn]:
    """What has a label in the record of a point; a column that a search did not write is left out."""
    return [
        TermColumn(term=label.title, unit=label.unit, values=_shortened(points[name]))
        for name, label in PointRecord.labels().items()
        if name in points.columns
    ]


def _numbers(values: pd.Series) -> list[float | None]:
    return [None if np.isnan(v) else short(v) for v in values.tolist()]


def _shortened(values: pd.Series) -> Coded:
    return coded(values.map(short))
