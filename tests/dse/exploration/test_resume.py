"""A search may be killed at any moment: no complete trial is lost, none counts twice, and it ends as if undisturbed."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
import pytest

from archsim.errors import BadInput
from dse.evaluation.models import ModelSide
from dse.exploration.database import Database
from dse.exploration.study import SearchProgress, search
from dse.exploration.warm import warm_points
from dse.report.designs import Texts
from dse.report.searches import search_page
from dse.results import store
from dse.space.space import Space, parse_space
from tests.sizes import NIGHTLY

DRAWING = ("nsga3", "qmc", "random", "grid")
"""Samplers that differ from the others in what they draw alone."""
SCRIPT = Path(__file__).parents[1] / "conftest.py"


class Forks:
    """Searches in processes of their own, which begin at once: they are forked from one that has imported it all."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def kill(self, space: Path, folder: Path, trials: int, seconds: float) -> None:
        """Have a search made or carried on, and kill -9 it so long after it has stored so many trials, or ended."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(space, folder, file=self._server.stdin, flush=True)
        process = int(self._server.stdout.readline())
        while counted(folder) < trials and running(process):
            time.sleep(0.001)
        time.sleep(seconds)
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(process, signal.SIGKILL)
        while running(process):
            time.sleep(0.001)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()


def running(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def counted(folder: Path) -> int:
    """Trials in the file, seen from outside while it is written to."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True)) as study:
            return int(study.execute("SELECT count(*) FROM trials").fetchone()[0])
    except sqlite3.OperationalError:  # not begun, or locked
        return 0


def stored_trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """What anyone who opens the study finds; nothing where it is not begun."""
    if not (folder / "study.db").exists():
        return []
    try:
        return optuna.load_study(study_name="search", storage=f"sqlite:///{folder / 'study.db'}").get_trials()
    except KeyError:
        return []


def told(folder: Path) -> list[object]:
    """The stored trials, less what time they took."""
    return [
        (t.number, t.state, t.params, t.values, t.user_attrs["outcome"], t.constraints) for t in stored_trials(folder)
    ]


def same_tables(one: Path, other: Path) -> bool:
    return all((one / t).read_text() == (other / t).read_text() for t in ("trials.csv", "front.csv", "published.csv"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "kills"), [("nsga2", 20), ("tpe", 20), *((name, 20 if NIGHTLY else 8) for name in DRAWING)]
)
def test_killed_at_many_moments(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide, sampler: str, kills: int
) -> None:
    """Every kill leaves the first trials of an undisturbed search, never fewer than before, none twice."""
    if sampler == "grid":
        tree["parameters"]["clock_mhz"] = {"choices": [100, 200, 400]}
    space, file, whole = (
        parse_space(tree | {"trials": 40, "sampler": sampler}, "t"),
        tmp_path / "t.toml",
        tmp_path / "w",
    )
    file.write_text(space.to_toml())
    search(space, whole, models=models)
    undisturbed = told(whole)
    rng = np.random.default_rng(7)
    folder, complete, cut = tmp_path / "0", 0, set[int]()
    with Forks() as forks:
        for kill in range(1, kills + 1):
            forks.kill(file, folder, int(rng.integers(complete, 41)), rng.uniform(0, 0.05))
            found = told(folder)
            assert found == undisturbed[: len(found)]
            assert len(found) >= complete
            complete = len(found)
            cut.add(complete)
            if complete == 40 or kill == kills:
                search(space, folder, resume=(folder / "study.db").exists(), models=models)
                assert same_tables(folder, whole)
                folder, complete = tmp_path / f"{kill}", 0
    assert len(cut) >= kills // 4  # it was killed while it searched, not before or after only


class _Stop(Exception):
    """Stands for Ctrl-C: KeyboardInterrupt would end the test session where a test failed to catch it."""


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3", "tpe", "qmc"])
def test_interrupted_within_a_generation(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    """Cut off where a file holds a part of a generation, as one of an older version may: the trials already there
    stand, the rest is drawn again."""
    space = parse_space(tree | {"trials": 24, "sampler": sampler}, "tiny.toml")
    add = Database.add

    def add_some(disk: Database, trials: list[optuna.trial.FrozenTrial]) -> None:
        if trials[0].number == 8:
            add(disk, trials[:3])
            raise _Stop
        add(disk, trials)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "add", add_some)
        with pytest.raises(_Stop):
            search(space, tmp_path / "cut", models=models)
    assert len(stored_trials(tmp_path / "cut")) == (9 if sampler == "tpe" else 11)  # tpe asks for one at a time
    result = search(space, tmp_path / "cut", resume=True, models=models)
    assert [t.number for t in result.trials] == list(range(24))
    search(space, tmp_path / "whole", models=models)
    assert (tmp_path / "cut" / "trials.csv").read_text() == (tmp_path / "whole" / "trials.csv").read_text()


def test_a_finished_search_grows(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    seen: list[SearchProgress] = []
    first = search(parse_space(tree | {"trials": 10}, "t"), tmp_path / "grown", models=models)
    grown = search(parse_space(tree | {"trials": 30}, "t"), tmp_path / "grown", True, seen.append, models=models)
    whole = search(parse_space(tree | {"trials": 30}, "t"), tmp_path / "whole", models=models)
    assert grown.trials[:10] == first.trials
    assert grown.trials == whole.trials
    assert (seen[0].done, seen[0].total) == (10, 30)


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path, space: Space, models: ModelSide) -> None:
    search(space, tmp_path, models=models)
    with pytest.raises(BadInput, match=r"already holds a search; carry it on with --resume"):
        search(space, tmp_path, models=models)
    store.clear(tmp_path, space.name)
    assert list(tmp_path.iterdir()) == []
    store.clear(tmp_path, space.name)
    store.clear(tmp_path / "absent", space.name)


def test_what_another_search_or_none_has_left_is_not_cleared(tmp_path: Path, space: Space, models: ModelSide) -> None:
    search(space, tmp_path / "search", models=models)
    (tmp_path / "mine" / "cache").mkdir(parents=True)
    (tmp_path / "mine" / "config.toml").write_text(f'name = "{space.name}"')
    before = sorted(tmp_path.rglob("*"))
    for folder, name in (("search", "other"), ("mine", space.name)):
        with pytest.raises(BadInput, match=f"{folder}: holds something other than the search {name}; name another"):
            store.clear(tmp_path / folder, name)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_may_be_called_as_it_likes(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    """What means something in an address means nothing here; the report finds the study too, or does without."""
    space = parse_space(tree | {"trials": 8}, "t")
    for name in ("a?b=c", "a#b", "a%41b", "a b:é"):
        search(space, tmp_path / name, models=models)
        assert search_page(store.read(tmp_path / name), tmp_path / name, 0, Texts()).pace[-1][0] == 8
        assert len(warm_points(space, [str(tmp_path / name)])) > 0
    assert len(list(tmp_path.iterdir())) == 4
    (tmp_path / name / "study.db").write_bytes(b"not a database" * 1000)
    assert search_page(store.read(tmp_path / name), tmp_path / name, 0, Texts()).pace == []


def test_nothing_to_resume(tmp_path: Path, space: Space, models: ModelSide) -> None:
    with pytest.raises(BadInput, match=r"holds no search to resume \(no study.db\)"):
        search(space, tmp_path / "nowhere", resume=True, models=models)


def test_another_space_cannot_carry_on(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    search(parse_space(tree, "t"), tmp_path, models=models)
    with pytest.raises(BadInput, match="another space, base design or models; only its budget may change"):
        search(parse_space(tree | {"seed": 4}, "t"), tmp_path, resume=True, models=models)


def test_one_search_at_a_time_in_a_folder(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    """The second is turned away with one line, be it to carry on or to clear, and the first is not disturbed."""
    space = parse_space(tree | {"trials": 10}, "t")
    problems: set[str] = set()

    def intrude(progress: SearchProgress) -> None:
        for intrusion in (
            lambda: search(space, tmp_path, resume=True, models=models),
            lambda: store.clear(tmp_path, space.name),
        ):
            with pytest.raises(BadInput) as refusal:
                intrusion()
            problems.add(str(refusal.value))

    search(space, tmp_path, False, intrude, models=models)
    assert problems == {f"{tmp_path}: another search is at work in this folder"}
    assert len(stored_trials(tmp_path)) == 10
    search(space, tmp_path, resume=True, models=models)


def damaged(study: bytes) -> list[bytes]:
    """A file cut off, with pages of nonsense in its middle, and of nonsense altogether."""
    page = 4096
    middle = len(study) // page // 2 * page
    return [study[:middle], study[:page] + b"\xa5" * (len(study) - page), b"not a database" * 1000]


@pytest.mark.parametrize("how", range(3))
def test_a_damaged_study_is_refused(tmp_path: Path, space: Space, models: ModelSide, how: int) -> None:
    search(space, tmp_path, models=models)
    study = tmp_path / "study.db"
    study.write_bytes(damaged(study.read_bytes())[how])
    with pytest.raises(BadInput, match=r"study.db: is not a study of this search, or damaged \(.+\)$"):
        search(space, tmp_path, resume=True, models=models)


def test_trials_of_an_older_version_are_refused(tmp_path: Path, space: Space, models: ModelSide) -> None:
    search(space, tmp_path, models=models)
    with sqlite3.connect(tmp_path / "study.db") as study:
        study.execute("update trial_user_attributes set value_json = '\"{}\"' where key = 'outcome' and trial_id = 3")
    study.close()
    with pytest.raises(BadInput, match=r"trial 2 was made by another version of archsim; search in a new folder"):
        search(space, tmp_path, resume=True, models=models)


@pytest.mark.slow
def test_a_full_disk_costs_no_trial(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    """Files that may not grow: as good as a full disk, and no test needs the right to mount one."""
    space = parse_space(tree | {"trials": 40}, "t")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limit[1]))
    try:
        with pytest.raises(OSError, match=r"its complete trials are kept, --resume goes on"):
            search(space, tmp_path / "full", models=models)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    kept = told(tmp_path / "full")
    assert 0 < len(kept) < 40
    search(space, tmp_path / "full", resume=True, models=models)
    assert told(tmp_path / "full")[: len(kept)] == kept
    search(space, tmp_path / "whole", models=models)
    assert same_tables(tmp_path / "full", tmp_path / "whole")


def test_results_of_another_version_do_not_pass_for_ones_own(
    tmp_path: Path, space: Space, models: ModelSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored trial on the front that no longer comes out as it did is named, not mixed with new ones."""
    search(space, tmp_path, models=models)
    monkeypatch.setattr("dse.exploration.study._same", lambda *_: False)
    with pytest.raises(BadInput, match=r"trial \d+ does not come out as it did: it was made by another version"):
        search(space, tmp_path, resume=True, models=models)
