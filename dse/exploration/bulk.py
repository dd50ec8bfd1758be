"""Complete trials into the tables of Optuna's database, many in one transaction.

Optuna adds one trial at a time, each row through an object of its own. The rows written here are those that it would
have written: `optuna.load_study` and optuna-dashboard read them, and a test compares what is read with what was told.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Engine

COLUMNS = {
    "trials": ("trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete"),
    "trial_params": ("trial_id", "param_name", "param_value", "distribution_json"),
    "trial_values": ("trial_id", "objective", "value", "value_type"),
    "trial_user_attributes": ("trial_id", "key", "value_json"),
    "trial_system_attributes": ("trial_id", "key", "value_json"),
}
"""Of Optuna's schema since its version 3.2; keys of their own are given by SQLite."""

INFINITE = {inf: "INF_POS", -inf: "INF_NEG"}

Row = tuple[Any, ...]


class Writer:
    """Adds trials to one study; nobody else may add to it meanwhile."""

    def __init__(self, engine: Engine, study_id: int) -> None:
        self._engine = engine
        self._study_id = study_id
        self._json: dict[BaseDistribution, str] = {}

    def add(self, trials: Sequence[FrozenTrial]) -> None:
        """All of them, or none: complete ones, with their numbers. SQLAlchemyError where they cannot be written."""
        with self._engine.begin() as connection:
            first: int = connection.exec_driver_sql("SELECT coalesce(max(trial_id), 0) + 1 FROM trials").scalar_one()
            numbered = list(enumerate(trials, first))
            _insert(connection, "trials", (self._trial(i, trial) for i, trial in numbered))
            _insert(connection, "trial_params", (row for i, trial in numbered for row in self._params(i, trial)))
            _insert(connection, "trial_values", (row for i, trial in numbered for row in _values(i, trial)))
            for table, attributes in (("user", "user_attrs"), ("system", "system_attrs")):
                rows = (
                    (i, key, json.dumps(value))
                    for i, trial in numbered
                    for key, value in getattr(trial, attributes).items()
                )
                _insert(connection, f"trial_{table}_attributes", rows)

    def _trial(self, trial_id: int, trial: FrozenTrial) -> Row:
        times = (_utc(trial.datetime_start), _utc(trial.datetime_complete))
        return (trial_id, trial.number, self._study_id, trial.state.name, *times)

    def _params(self, trial_id: int, trial: FrozenTrial) -> Iterator[Row]:
        for name, value in trial.params.items():
            of = trial.distributions[name]
            if of not in self._json:
                self._json[of] = distribution_to_json(of)
            yield trial_id, name, of.to_internal_repr(value), self._json[of]


def _insert(connection: Connection, table: str, rows: Iterable[Row]) -> None:
    columns = COLUMNS[table]
    marks = ", ".join("?" * len(columns))
    if some := list(rows):
        connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", some)


def _values(trial_id: int, trial: FrozenTrial) -> Iterator[Row]:
    for objective, value in enumerate(trial.values):
        infinite = INFINITE.get(value)
        yield trial_id, objective, None if infinite else value, infinite or "FINITE"


def _utc(local: datetime | None) -> str | None:
    """As SQLAlchemy writes it: Optuna keeps local times as UTC without saying so."""
    return None if local is None else local.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
