"""Workers of every kind do the same work; those that die cost nothing but time, up to a point.

Dask is met as a person meets it: a scheduler and workers that are processes of their own, reached by address.
"""

import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from archsim.errors import BadInput
from dse.evaluation.models import ModelSide, OnDone
from dse.evaluation.point import MeasuredModel
from dse.evaluation.workers import (
    DEATHS,
    DaskCluster,
    InProcess,
    LocalProcesses,
    WorkerDied,
    Workers,
    workers_for,
)
from dse.exploration.study import SearchProgress, search
from dse.space.choice import ModelChoice
from dse.space.space import parse_space
from dse.threads import VARIABLES

HERE = Path(__file__).parent
Begin = Callable[..., "Cluster"]


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(HERE)
    return importlib.import_module("units")


class Cluster:
    """A scheduler and workers of Dask, each a process of its own."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder = folder
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)])}
        address = folder / "address"
        self.scheduler = self._begin(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)
        )
        wait_until(lambda: address.exists() and address.stat().st_size > 0)
        self.address = str(json.loads(address.read_text())["address"])
        self.workers = [self.join() for _ in range(workers)]

    def join(self) -> subprocess.Popen[bytes]:
        """One worker more, on one thread and without a nanny that would begin it again."""
        alone = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self._folder))
        return self._begin("worker", self.address, *alone)

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words], stdout=log, stderr=log, env=self._environment
            )

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.terminate()
            process.wait(60)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begins a cluster of so many workers, which ends with the test."""
    pytest.importorskip("distributed")
    with ExitStack() as ending:

        def begin(workers: int) -> Cluster:
            cluster = Cluster(tmp_path, workers)
            ending.callback(cluster.end)
            return cluster

        yield begin


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def has(workers: Workers, count: int) -> bool:
    return workers.count == count


def running(process: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def conforms(workers: Workers, units: ModuleType) -> None:
    """What holds of workers of every kind."""
    assert workers.count >= 1
    assert sorted(workers.run(units.square, range(7))) == [(n, n * n) for n in range(7)]
    assert list(workers.run(units.square, [])) == []
    with pytest.raises(ValueError, match="not 3"):
        list(workers.run(units.refuse, [3]))
    taken: list[int] = []

    def arguments() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results: Any = workers.run(units.square, arguments())
    assert taken == []
    next(results)
    assert len(taken) <= workers.count + 1  # no sooner than there is a worker free
    results.close()
    assert list(workers.run(units.square, [5])) == [(5, 25)]


def test_in_this_process(units: ModuleType) -> None:
    with InProcess() as workers:
        conforms(workers, units)


def test_local_processes(units: ModuleType) -> None:
    with LocalProcesses(2) as workers:
        conforms(workers, units)
        ours = {number for _, number in workers.run(units.process, range(6))}
        assert os.getpid() not in ours
        assert len(ours) <= 2
        assert [s for s, _ in workers.run(units.sleep, [1.0, 0.01])] == [0.01, 1.0]  # in the order of completion
    wait_until(lambda: not any(map(running, ours)))


def test_a_process_that_has_begun_is_taken_before_another_begins(units: ModuleType) -> None:
    with LocalProcesses(3) as workers:
        assert len({process for _ in range(3) for _, process in workers.run(units.process, [0])}) == 1


def test_the_work_of_a_dead_process_is_done_again(tmp_path: Path, units: ModuleType) -> None:
    """Each of four kills its worker once; the others lose nothing."""
    notes = [tmp_path / f"note-{n}" for n in range(4)]
    with LocalProcesses(2) as workers:
        assert sorted(workers.run(units.die_at_first, notes)) == [(note, note.name) for note in notes]


def test_work_that_kills_every_worker_ends_the_run(tmp_path: Path, units: ModuleType) -> None:
    note = tmp_path / "note"
    with LocalProcesses(2) as workers:
        with pytest.raises(WorkerDied, match=r"4 worker processes died one after the other at .*note"):
            list(workers.run(units.die, [note]))
        assert note.read_text() == "x" * (1 + DEATHS)
        assert list(workers.run(units.square, [2])) == [(2, 4)]


def test_leaving_does_not_wait_for_work_under_way(units: ModuleType) -> None:
    with LocalProcesses(1) as workers:
        (_, process), *_ = workers.run(units.process, [0])
        results = workers.run(units.sleep, iter([0.01, 600.0]))
        next(results)
        began = time.monotonic()
    assert time.monotonic() - began < 60
    wait_until(lambda: not running(process))


def test_processes_end_with_a_killed_driver(tmp_path: Path) -> None:
    """Workers of a killed process would otherwise wait for work for ever."""
    script = tmp_path / "driver.py"
    script.write_text(
        f"import sys, time\nsys.path.insert(0, {str(HERE)!r})\n"
        "from units import process\nfrom dse.evaluation.workers import LocalProcesses\n"
        "if __name__ == '__main__':\n    with LocalProcesses(1) as workers:\n"
        "        for _, number in workers.run(process, [0]):\n"
        "            print(number, flush=True)\n            time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        worker = int(driver.stdout.readline())
        assert running(worker)
        driver.kill()
    wait_until(lambda: not running(worker))


def test_which_workers_a_command_line_means() -> None:
    assert isinstance(workers_for(1, None), InProcess)
    with workers_for(3, None) as workers:
        assert isinstance(workers, LocalProcesses)
        assert workers.count == 3
    with pytest.raises(BadInput, match="not 2 beside tcp://somewhere"):
        workers_for(2, "tcp://somewhere")
    with pytest.raises(BadInput, match="workers must be at least 1, not 0"):
        LocalProcesses(0)


def test_no_scheduler_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("dse.evaluation.workers.ANSWERS_WITHIN_SECONDS", 0.5)
    with pytest.raises(BadInput, match=r"scheduler tcp://127\.0\.0\.1:1: no Dask scheduler answers there"):
        DaskCluster("tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("nonsense", "missing port number"),
        ("127.0.0.1", "missing port number"),
        ("", "missing port number"),
        ("http://127.0.0.1:8786", "http is none of .*tcp"),
        ("tcp://127.0.0.1:99999", "99999 is no port"),
        ("tcp://127.0.0.1:x", "invalid literal"),
        ("tls://127.0.0.1:1", None),
    ],
)
def test_what_is_no_address_of_a_scheduler_is_said_at_once(
    address: str, reason: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """And nothing is left behind that complains later, as a client of Dask does that was never connected."""
    pytest.importorskip("distributed")
    began = time.monotonic()
    rule = "no Dask scheduler answers" if reason is None else rf"must be HOST:PORT or tcp://HOST:PORT, .* \(.*{reason}"
    with pytest.raises(BadInput, match=f"scheduler {address}: {rule}"):
        DaskCluster(address)
    gc.collect()
    assert time.monotonic() - began < 5
    assert capfd.readouterr().err == ""


def test_a_server_that_is_no_scheduler(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("dse.evaluation.workers.ANSWERS_WITHIN_SECONDS", 0.5)
    unanswered = pytest.raises(BadInput, match="no Dask scheduler answers there")
    with socket.create_server(("127.0.0.1", 0)) as server, unanswered:
        DaskCluster(f"127.0.0.1:{server.getsockname()[1]}")
    gc.collect()
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_cluster_without_workers_says_so_and_again(
    begin: Begin, units: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dse.evaluation.workers.ASKS_AGAIN_SECONDS", 0.3)
    cluster, noted = begin(0), list[str]()
    with DaskCluster(cluster.address, noted.append) as workers:

        def join_late(text: str) -> None:
            noted.append(text)
            if len(noted) == 2:
                cluster.workers.append(cluster.join())

        monkeypatch.setattr(workers, "_note", join_late)
        assert sorted(workers.run(units.square, range(3))) == [(0, 0), (1, 1), (2, 4)]
    assert len(noted) >= 2
    assert set(noted) == {f"scheduler {cluster.address}: no worker there yet; waiting for one"}


@pytest.mark.slow
def test_a_dask_cluster(begin: Begin, units: ModuleType, tmp_path: Path) -> None:
    """By address; a worker killed in the middle costs nothing; one that comes later works too."""
    cluster = begin(2)
    with DaskCluster(cluster.address) as workers:
        wait_until(lambda: workers.count == 2)
        conforms(workers, units)
        ours = {number for _, number in workers.run(units.process, range(20))}
        assert ours <= {worker.pid for worker in cluster.workers}
        done = []
        for argument, _ in workers.run(units.sleep, [0.2 + n / 100 for n in range(8)]):
            done.append(argument)
            if len(done) == 2:
                cluster.workers[0].kill()
        assert sorted(done) == [0.2 + n / 100 for n in range(8)]
        assert workers.count == 1
        cluster.workers.append(cluster.join())
        wait_until(lambda: workers.count == 2)
        late = {number for _, number in workers.run(units.process, range(20))}
        assert cluster.workers[0].pid not in late


@pytest.mark.slow
def test_a_cluster_of_another_version(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = begin(1)
    monkeypatch.setattr("dse.evaluation.workers.version", lambda _: "9.9")
    with pytest.raises(BadInput, match=r"it and its workers must run archsim 9\.9, not: archsim \d"):
        DaskCluster(cluster.address)


@pytest.mark.slow
def test_a_scheduler_that_goes(begin: Begin, units: ModuleType) -> None:
    cluster = begin(1)
    with DaskCluster(cluster.address) as workers:
        results = workers.run(units.sleep, [0.2] * 20)
        next(results)
        cluster.scheduler.kill()
        with pytest.raises(WorkerDied, match=f"{cluster.address}: is gone"):
            list(results)


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer(begin: Begin, units: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked how many workers there are, it may time out before any unit is known to be lost."""

    def unanswered(self: object) -> dict[str, int]:
        raise OSError("Timed out trying to connect")

    cluster = begin(1)
    with DaskCluster(cluster.address) as workers:
        monkeypatch.setattr("distributed.Client.nthreads", unanswered)
        with pytest.raises(WorkerDied, match=f"{cluster.address}: is gone .Timed out trying to connect"):
            list(workers.run(units.sleep, [0.1]))


ACCURACIES = {
    "name": "accuracies",
    "base": "skip-65nm",
    "scenario": {"scope": "recurrent", "sequences": 8, "steps": 10},
    "models": [{"name": "wp-lstm256-ternary", "thresholds": [0.1, 0.2, 0.3]}],
    "objectives": ["validation_loss", "area_mm2"],
    "trials": 24,
    "population": 24,
    "parameters": {"clock_mhz": {"choices": [100, 200, 300]}},
}


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_study_costs_no_trial(begin: Begin, tmp_path: Path) -> None:
    """Killed while it measures a model; the study ends as one that this process did alone."""
    cluster, space = begin(2), parse_space(ACCURACIES, "t")
    with DaskCluster(cluster.address) as workers:
        wait_until(lambda: workers.count == 2)

        def kill(progress: SearchProgress) -> None:
            if progress.model_evaluations == 1 and cluster.workers[0].poll() is None:
                cluster.workers[0].kill()
                cluster.workers[0].wait()

        killed = search(space, tmp_path / "killed", False, kill, workers=workers, cache=tmp_path / "cache-of-killed")
        assert workers.count == 1
    alone = search(space, tmp_path / "alone", cache=tmp_path / "cache")
    assert len(killed.trials) == 24
    assert killed.model_evaluations == alone.model_evaluations == 4 + len({p.trial.outcome.model for p in alone.front})
    for table in ("trials.csv", "front.csv", "models.csv"):
        assert (tmp_path / "killed" / table).read_text() == (tmp_path / "alone" / table).read_text()


class Patient:
    """A model side whose accuracies take a second and a half of a worker's time each, and no processor."""

    def __init__(self, models: ModelSide, workers: Workers, units: ModuleType) -> None:
        self._models = models
        self._workers = workers
        self._units = units

    def identity(self, choice: ModelChoice) -> str:
        return self._models.identity(choice)

    def measure(
        self, choices: Iterable[ModelChoice], on_done: OnDone
    ) -> Mapping[ModelChoice, MeasuredModel | BadInput]:
        choices = list(choices)
        list(self._workers.run(self._units.sleep, [1.5] * len(choices)))
        return self._models.measure(choices, on_done)

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> Mapping[ModelChoice, float | None]:
        return self._models.test_loss(choices, on_done)


@pytest.mark.slow
def test_two_workers_are_twice_as_fast_where_models_take_the_time(
    begin: Begin, units: ModuleType, tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    """A ratio of one run, of units that only wait: what else the machine does is no part of it."""
    specs = [{"name": spec["name"], "thresholds": [0.3, 0.4, 0.5, 0.6, 0.7]} for spec in tree["models"]]
    space = parse_space(tree | {"models": specs, "trials": 60, "population": 60}, "t")
    cluster = begin(1)
    searched: dict[int, float] = {}
    with DaskCluster(cluster.address) as workers:
        for count in (1, 2):
            wait_until(partial(has, workers, count))
            seen: list[SearchProgress] = []
            slow = Patient(models, workers, units)
            result = search(space, tmp_path / str(count), False, seen.append, models=slow, workers=workers)
            assert result.model_evaluations > 15
            searched[count] = max(p.seconds for p in seen if p.phase == "search")
            if count == 1:
                cluster.workers.append(cluster.join())
    ratio = searched[1] / searched[2]
    print(f"\n2 Dask workers against 1: {searched[1]:.1f} s and {searched[2]:.1f} s, {ratio:.2f} times")
    assert ratio > 1.5


def test_a_process_takes_one_thread_however_many_its_parent_does(
    units: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    with LocalProcesses(2) as workers:
        assert dict(workers.run(units.threads, [1, 2])) == {1: ["1", "1"], 2: ["1", "1"]}
    assert not set(VARIABLES) & set(os.environ)
