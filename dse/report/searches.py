"""A folder of results as the tabs Front and Search show it."""

import math
import sqlite3
import warnings
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, create_trial

from dse import constraints
from dse.exploration.coordinates import distributions, known_choice
from dse.objectives import Objective
from dse.report import words
from dse.report.designs import Texts, network_key
from dse.report.others import commands, others
from dse.report.shapes import Goal, PageColumn, PageTable, Scalar, SearchTab, Trials
from dse.report.values import coded, key, leaves
from dse.report.words import known, short
from dse.results.quality import value_of
from dse.results.store import Results
from dse.space.space import (
    MODEL,
    Space,
    Value,
)

MOST_REPLAYED = 1500
"""Trials from which importances are computed: more cost seconds and change little."""

FRONT, DOMINATED, MISSES, REFUSED, REPEATED = "front", "dominated", "misses a constraint", "refused", "repeated"
"""What became of a trial; `REPEATED`: an earlier one was at the same point."""


def search_page(results: Results, folder: Path, index: int, texts: Texts, of: str = "") -> SearchTab:
    """Search number `index` of a page; `of` follows its name where another has the same."""
    space = results.space
    best = balanced(results)
    return SearchTab(
        name=space.name + of,
        title=(space.title or space.name) + of,
        introduction=words.introduction(results),
        tiles=words.tiles(results),
        objectives=list(space.objectives),
        limits={
            name: space.objective(name).shown(bound)
            for name, bound in space.demanded.items()
            if not constraints.is_one(name)
        },
        base=leaves(space.base_design),
        parameters=[*space.parameters, *space.variants],
        variants={group: {n: dict(s) for n, s in variants.items()} for group, variants in space.variants.items()},
        trials=_trials(results),
        others=others(results, texts),
        commands=commands(results, folder),
        published=_published(results),
        first=None if best is None else key(index, best),
        course=[] if results.quality is None else [short(v) for v in results.trials["hypervolume"]],
        reference=_reference(results),
        quality=words.quality(results),
        importances=_importances(results),
        pace=_pace(folder),
        failures=words.failures(results),
        notes=words.notes(results),
        footer=words.footer(results),
    )


def goals(space: Space) -> list[Goal]:
    """Every objective in the words of the task, those of the search first."""
    return [
        Goal(name=o.name, title=o.title, unit=o.screen_unit, minimize=o.sign > 0, log=o.logarithmic)
        for o in (*space.goals, *(figure for figure in space.figures if figure.name not in space.objectives))
    ]


def balanced(results: Results) -> int | None:
    """The trial of the front nearest to the best of every objective at once, each scaled to the front's own range."""
    chosen, details = results.space.goals, results.details
    if not details:
        return None

    def scaled(goal: Objective, value: float) -> float:
        return goal.sign * (math.log(value) if goal.logarithmic and value > 0 else value)

    columns = [[scaled(goal, d.objectives[goal.name]) for d in details] for goal in chosen]
    distance = [sum(((c[i] - min(c)) / ((max(c) - min(c)) or 1.0)) ** 2 for c in columns) for i in range(len(details))]
    return details[distance.index(min(distance))].trial


def _trials(results: Results) -> Trials:
    table, space = results.trials, results.space
    kind = np.select(
        [~table["distinct"], table[space.objectives[0]].isna(), ~table["feasible"], table["on_front"]],
        [REPEATED, REFUSED, MISSES, FRONT],
        DOMINATED,
    )
    names = ("model", "threshold", "weight_format", *space.parameters, *space.variants, "reason")
    return Trials(
        trial=table["trial"].tolist(),
        numbers=_numbers(table, space) | {"state_sparsity": _shortened(100 * table["state_sparsity"])},
        coded={"kind": coded(pd.Series(kind)), "facts": coded(_satisfied(table, space))}
        | {
            "network": coded(
                pd.Series([network_key(*ran) for ran in zip(table["model"], table["threshold"], strict=True)])
            )
        }
        | {name: coded(table[name]) for name in names},
    )


def _published(results: Results) -> Trials:
    table = results.published
    return Trials(
        trial=list(range(len(table))),
        numbers=_numbers(table, results.space),
        coded={"facts": coded(_satisfied(table, results.space))}
        | {name: coded(table[name]) for name in ("design", "model", "weight_format", "reason")},
    )


def _satisfied(table: pd.DataFrame, space: Space) -> pd.Series:
    """Whether every constraint is satisfied that no limit of the page can stand for."""
    asked = [name for name in space.demanded if constraints.is_one(name)]
    return pd.Series([not any(f"{name} must be" in reason for name in asked) for reason in table["reason"]], dtype=bool)


def _numbers(table: pd.DataFrame, space: Space) -> dict[str, list[float | None]]:
    return {o.name: _shortened(o.shown(1.0) * table[o.name]) for o in space.figures}


def _shortened(values: pd.Series) -> list[float | None]:
    return [known(value) for value in values]


def _reference(results: Results) -> str:
    """The far corner of the box that hypervolumes are shares of, in words; empty where nothing is feasible."""
    if results.quality is None:
        return ""
    corner = zip(results.space.goals, results.quality.reference.corner, strict=True)
    return ", ".join(f"{g.noun} {words.number(g.shown(value_of(g, c)))} {g.screen_unit}" for g, c in corner)


def _importances(results: Results) -> PageTable:
    """Importance of each parameter for each objective (PED-ANOVA: how the best tenth of the trials is distributed).

    Watanabe, Bansal & Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces"
    (IJCAI 2023), as Optuna has it. None for a parameter that was in force in no trial; the table is empty where too few
    trials were evaluated for it to mean anything.
    """
    space, table = results.space, results.trials
    evaluated = table[table["distinct"] & table[space.objectives[0]].notna()]
    free = {name: d for name, d in distributions(space).items() if not d.single()}
    columns = (
        PageColumn(title="Parameter", words=True),
        *(PageColumn(title=g.title, unit="share") for g in space.goals),
    )
    if len(evaluated) < 20 or not free:
        return PageTable(columns=columns, rows=[])
    study = _replayed(_spread(evaluated, MOST_REPLAYED), space, free)
    by_goal = [_importance(study, index) for index in range(len(space.goals))]
    rows: list[list[Scalar]] = [[name, *(known(found.get(name)) for found in by_goal)] for name in free]
    return PageTable(
        columns=columns, rows=sorted(rows, key=lambda row: -sum(v for v in row[1:] if isinstance(v, float)))
    )


def _replayed(evaluated: pd.DataFrame, space: Space, free: Mapping[str, BaseDistribution]) -> optuna.Study:
    """The trials as a study in memory, from their table: the database may be of another sampler's making."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=[goal.direction for goal in space.goals])
    optuna.logging.set_verbosity(verbosity)
    values = evaluated[list(space.objectives)].to_numpy(float).tolist()
    picked = [_picked(row, space, free) for _, row in evaluated.iterrows()]
    study.add_trials(
        [
            create_trial(params=p, distributions={name: free[name] for name in p}, values=v)
            for p, v in zip(picked, values, strict=True)
        ]
    )
    return study


def _picked(row: pd.Series, space: Space, free: Mapping[str, BaseDistribution]) -> dict[str, Value]:
    """What a trial picked, as its distributions know it; parameters whose condition does not hold are left out."""
    given = {name: row[name] for name in free if name != MODEL and not pd.isna(row[name])}
    picked: dict[str, Value] = {name: known_choice(free[name], value) for name, value in given.items()}
    return picked | ({MODEL: _label(space, row["model"], row["threshold"])} if MODEL in free else {})


def _spread(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, evenly."""
    return table.iloc[:: max(1, -(-len(table) // most))]


def _importance(study: optuna.Study, goal: int) -> dict[str, float]:
    minimised = study.directions[goal] == optuna.study.StudyDirection.MINIMIZE

    def target(trial: FrozenTrial) -> float:
        found: float = trial.values[goal]
        return found if minimised else -found

    with warnings.catch_warnings(action="ignore", category=UserWarning):  # "low values are sought": they are
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(), target=target)


def _label(space: Space, network: str, threshold: float) -> str:
    """Label of the choice that a trial ran: the network at its trained threshold, or at one of the space."""
    at = {choice.threshold: choice.label for choice in space.choices.values() if choice.network == network}
    return next((label for t, label in at.items() if t is not None and math.isclose(t, threshold)), at[None])


def _pace(folder: Path) -> list[tuple[int, float]]:
    """How many trials were complete after how many seconds of searching, models measured meanwhile counted in.

    Empty where the study cannot be read: all else is in the tables.
    """
    path = folder / "study.db"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT CAST(value_json AS REAL) FROM trials JOIN trial_user_attributes USING (trial_id) "
                "WHERE state = 'COMPLETE' AND key = 'seconds' ORDER BY number"
            ).fetchall()
    except sqlite3.Error:
        return []
    step = max(1, len(rows) // 200)
    picked = [*range(step - 1, len(rows), step)]
    return [(i + 1, round(float(rows[i][0]), 3)) for i in picked]
