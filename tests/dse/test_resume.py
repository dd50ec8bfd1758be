"""A search may be killed at any moment: no complete trial is lost, none counts twice, and it ends as if undisturbed."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from archsim.trace import BadInput
from dse import store
from dse.models import ModelSide
from dse.space import Space, parse_space
from dse.study import Progress, search

SCRIPT = Path(__file__).with_name("conftest.py")


def kill_after(folder: Path, complete: int, trials: int, sampler: str) -> None:
    """Run a slow search in a process of its own, and kill -9 it once it says that `complete` trials are done."""
    command = [sys.executable, str(SCRIPT), str(folder), str(trials), sampler, "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            phase, done = line.split()
            if phase != "search" or int(done) >= complete:
                break
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL


def stored_trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="search", storage=f"sqlite:///{folder / 'study.db'}").get_trials()


@pytest.mark.parametrize("sampler", ["nsga2", "random"])
def test_killed_and_resumed_equals_undisturbed(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide, sampler: str
) -> None:
    space = parse_space(tree | {"trials": 40, "sampler": sampler}, "tiny.toml")
    search(space, tmp_path / "whole", models=models)
    killed = tmp_path / "killed"
    kill_after(killed, 16, 40, sampler)
    before = stored_trials(killed)
    assert 16 <= len(before) < 40
    assert {trial.state for trial in before} == {optuna.trial.TrialState.COMPLETE}
    assert not (killed / "trials.csv").exists()
    search(space, killed, resume=True, models=models)
    after = stored_trials(killed)
    assert len(after) == 40
    assert [t.params for t in after[: len(before)]] == [t.params for t in before]
    for table in ("trials.csv", "front.csv", "published.csv"):
        assert (killed / table).read_text() == (tmp_path / "whole" / table).read_text()


class _Stop(Exception):
    """Stands for Ctrl-C: KeyboardInterrupt would end the test session where a test failed to catch it."""


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random"])
def test_interrupted_within_a_generation(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    """Cut off while a generation is being written: the trials already there stand, the rest is drawn again."""
    space = parse_space(tree | {"trials": 24, "sampler": sampler}, "tiny.toml")
    add = optuna.Study.add_trials

    def add_some(study: optuna.Study, trials: list[optuna.trial.FrozenTrial]) -> None:
        if study.study_name == "search" and trials[0].number == 8:
            add(study, trials[:3])
            raise _Stop
        add(study, trials)

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "add_trials", add_some)
        with pytest.raises(_Stop):
            search(space, tmp_path / "cut", models=models)
    assert len(stored_trials(tmp_path / "cut")) == 11
    result = search(space, tmp_path / "cut", resume=True, models=models)
    assert [t.number for t in result.trials] == list(range(24))
    if sampler != "tpe":
        search(space, tmp_path / "whole", models=models)
        assert (tmp_path / "cut" / "trials.csv").read_text() == (tmp_path / "whole" / "trials.csv").read_text()


def test_a_finished_search_grows(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    seen: list[Progress] = []
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
    store.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_resume(tmp_path: Path, space: Space, models: ModelSide) -> None:
    with pytest.raises(BadInput, match=r"holds no search to resume \(no study.db\)"):
        search(space, tmp_path / "nowhere", resume=True, models=models)


def test_another_space_cannot_carry_on(tmp_path: Path, tree: dict[str, Any], models: ModelSide) -> None:
    search(parse_space(tree, "t"), tmp_path, models=models)
    with pytest.raises(BadInput, match="another space, base design or models; only its budget may change"):
        search(parse_space(tree | {"seed": 4}, "t"), tmp_path, resume=True, models=models)


def test_a_study_file_that_is_none(tmp_path: Path, space: Space, models: ModelSide) -> None:
    (tmp_path / "study.db").write_text("not a database, though long enough to be looked at" * 100)
    with pytest.raises(BadInput, match=r"study.db: is not a study of this search"):
        search(space, tmp_path, resume=True, models=models)


def test_results_of_another_version_do_not_pass_for_ones_own(
    tmp_path: Path, space: Space, models: ModelSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored trial on the front that no longer comes out as it did is named, not mixed with new ones."""
    search(space, tmp_path, models=models)
    monkeypatch.setattr("dse.study._same", lambda *_: False)
    with pytest.raises(BadInput, match=r"trial \d+ does not come out as it did: it was made by another version"):
        search(space, tmp_path, resume=True, models=models)
