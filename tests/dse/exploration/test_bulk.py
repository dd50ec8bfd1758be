"""Trials written in bulk: row for row what Optuna writes, read by Optuna as they were told, and all of them or none."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, create_trial

from dse.exploration.bulk import COLUMNS
from dse.exploration.database import Database, opened

GOALS: dict[str, Any] = {"loss": "minimize", "rate": "maximize"}


def trials(first: int, count: int) -> list[FrozenTrial]:
    """Every kind of distribution, value and attribute; a microsecond of zero as well."""
    distributions = {
        "model": CategoricalDistribution(("b", "a", 'naïve, "so"')),
        "on": CategoricalDistribution((False, True)),
        "lanes": IntDistribution(1, 64, log=True),
        "tiles": IntDistribution(2, 8, step=2),
        "clock": FloatDistribution(0.1, 400.0, log=True),
        "share": FloatDistribution(0.0, 1.0, step=0.1),
    }
    made = []
    for number in range(first, first + count):
        values = [[0.1 + number, -inf], [inf, 2.5], [0.0, 1e-300]][number % 3]
        params = {"model": 'naïve, "so"', "on": number % 2 == 0, "lanes": 1 + number % 64, "tiles": 4}
        trial = create_trial(
            params=params | {"clock": 0.1 + number / 7, "share": 0.30000000000000004},
            distributions=distributions,
            values=values,
            user_attrs={"outcome": '{"values": {}}', "seconds": 0.125 * number},
            constraints={"refused": 1e6 if number % 3 else 0.0, "area_mm2": -0.1},
        )
        trial.number = number
        assert trial.datetime_complete is not None
        trial.datetime_complete += timedelta(microseconds=-trial.datetime_complete.microsecond if number == 1 else 7)
        made.append(trial)
    return made


def tables(folder: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(folder / "study.db")) as study:
        return {table: study.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in COLUMNS}


def by_optuna(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name="search", storage=f"sqlite:///{folder / 'study.db'}")


def test_the_rows_are_those_that_optuna_writes(tmp_path: Path) -> None:
    told = trials(0, 7)
    with opened(tmp_path / "bulk", False, GOALS, "s") as disk:
        disk.add(told[:3])
        disk.add([])
        disk.add(told[3:])
    with opened(tmp_path / "one", False, GOALS, "s"):
        pass
    by_optuna(tmp_path / "one").add_trials(told)
    assert tables(tmp_path / "bulk") == tables(tmp_path / "one")
    assert len(tables(tmp_path / "bulk")["trial_params"]) == 7 * 6


def test_plain_optuna_reads_what_was_told(tmp_path: Path) -> None:
    told = trials(0, 5)
    with opened(tmp_path, False, GOALS, "s") as disk:
        disk.add(told)
    for found, trial in zip(by_optuna(tmp_path).get_trials(), told, strict=True):
        assert found.number == trial.number
        assert found.state == trial.state == optuna.trial.TrialState.COMPLETE
        assert found.values == trial.values
        assert list(found.params.items()) == list(trial.params.items())
        assert [type(value) for value in found.params.values()] == [type(value) for value in trial.params.values()]
        assert found.distributions == trial.distributions
        assert found.user_attrs == trial.user_attrs
        assert found.constraints == trial.constraints
        assert found.system_attrs == trial.system_attrs
        assert (found.datetime_start, found.datetime_complete) == (trial.datetime_start, trial.datetime_complete)


def test_optuna_may_go_on_where_bulk_stopped_and_the_other_way_round(tmp_path: Path) -> None:
    told = trials(0, 6)
    with opened(tmp_path, False, GOALS, "s") as disk:
        disk.add(told[:2])
    by_optuna(tmp_path).add_trials(told[2:4])
    with opened(tmp_path, True, GOALS, "s") as disk:
        disk.add(told[4:])
        assert [t.number for t in disk.trials] == list(range(6))
    assert [t.number for t in by_optuna(tmp_path).get_trials()] == list(range(6))


@pytest.mark.parametrize("table", list(COLUMNS))
def test_all_trials_of_a_generation_are_there_or_none(tmp_path: Path, table: str) -> None:
    """Stopped in the middle of each table."""
    told = trials(0, 8)
    with opened(tmp_path, False, GOALS, "s") as disk:
        disk.add(told[:3])
        before = tables(tmp_path)
        forbid(tmp_path, f"BEFORE INSERT ON {table} WHEN NEW.trial_id = 6")
        with pytest.raises(OSError, match=r"not now; its complete trials are kept, --resume goes on"):
            disk.add(told[3:])
        assert tables(tmp_path) == before
        forbid(tmp_path, None)
        disk.add(told[3:])
    assert [t.number for t in by_optuna(tmp_path).get_trials()] == list(range(8))


def forbid(folder: Path, when: str | None) -> None:
    with closing(sqlite3.connect(folder / "study.db")) as study:
        study.execute("DROP TRIGGER IF EXISTS never")
        if when:
            study.execute(f"CREATE TRIGGER never {when} BEGIN SELECT RAISE(ABORT, 'not now'); END")


def test_a_file_that_is_full_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, False, GOALS, "s") as disk:
        fill(disk)
        with pytest.raises(
            OSError, match=r"\[Errno 28\] database or disk is full; its complete trials are kept"
        ) as refused:
            disk.add(trials(0, 500))
    assert refused.value.filename == str(tmp_path / "study.db")
    assert by_optuna(tmp_path).get_trials() == []


def fill(disk: Database) -> None:
    """No page more than the file has."""
    with disk._writer._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
