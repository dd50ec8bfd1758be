"""The study of a search on disk: SQLite, held by one process at a time, complete trials only, a generation at a time.

``optuna-dashboard`` opens it too: it is an ordinary Optuna study, called ``search``.
"""

import errno
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import filelock
import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import URL, event
from sqlalchemy.exc import SQLAlchemyError

from archsim.errors import BadInput
from dse.exploration.bulk import Writer
from dse.exploration.draws import quiet_optuna
from dse.results.result import Extended

Direction = Literal["minimize", "maximize"]

FILE = "study.db"
LOCK = "search.lock"
UNREADABLE = (optuna.exceptions.OptunaError, SQLAlchemyError, ValueError)


class Database:
    """The study of a folder, open and held."""

    def __init__(self, path: Path, study: optuna.Study, writer: Writer) -> None:
        self._path = path
        self._study = study
        self._writer = writer

    @property
    def trials(self) -> list[FrozenTrial]:
        """In the order in which they were added; BadInput where the file is damaged."""
        try:
            return self._study.get_trials(deepcopy=False)
        except UNREADABLE as error:
            raise _unreadable(self._path, error) from None

    @property
    def first(self) -> list[dict[str, bool | int | float | str]]:
        """Points that the search was given to begin with."""
        return list(self._study.user_attrs.get("first", []))

    @property
    def extended(self) -> Extended | None:
        """What the search has kept of an earlier run, where it extends one."""
        found = self._study.user_attrs.get("extended")
        return found and Extended(**found)

    def begin_with(
        self, points: Sequence[Mapping[str, bool | int | float | str]], extended: Extended | None = None
    ) -> None:
        self._study.set_user_attr("extended", extended and asdict(extended))
        self._study.set_user_attr("first", [dict(point) for point in points])

    def add(self, trials: Sequence[FrozenTrial]) -> None:
        """All are there, or none. OSError where there is no room, or the file cannot be written."""
        try:
            self._writer.add(trials)
        except SQLAlchemyError as error:
            cause = _cause(error)
            number = errno.ENOSPC if "full" in str(cause) else errno.EIO
            raise OSError(number, f"{cause}; its complete trials are kept, --resume goes on", str(self._path)) from None


def stored_trials(folder: Path) -> list[FrozenTrial]:
    """The complete trials of a folder, finished or not, in order; BadInput where it holds no search."""
    path = folder / FILE
    if not path.exists():
        raise BadInput(f"{folder}: holds no search (no {FILE})")
    with quiet_optuna():
        try:
            study = optuna.load_study(study_name="search", storage=_url(path))
            return study.get_trials(deepcopy=False)
        except (*UNREADABLE, KeyError) as error:  # KeyError: a database without our study
            raise _unreadable(path, error) from None


@contextmanager
def opened(folder: Path, resume: bool, goals: Mapping[str, Direction], signature: str) -> Iterator[Database]:
    """The study of `folder`, for this process alone; `goals` are called so in the dashboard.

    BadInput where a search is there and should not be or the other way round, where it is another one by its
    `signature`, where another process is at it, and where the file cannot be read.
    """
    with quiet_optuna(), _held(folder, resume):
        path = folder / FILE
        storage = None
        try:
            try:
                storage = RDBStorage(_url(path))
                _write_ahead(storage)
                study = optuna.create_study(
                    storage=storage, study_name="search", directions=list(goals.values()), load_if_exists=True
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # so it was since 3.2
                    study.set_metric_names(list(goals))
                signed = study.user_attrs.setdefault("signature", signature)
                study.set_user_attr("signature", signed)
            except UNREADABLE as error:
                raise _unreadable(path, error) from None
            if signed != signature:
                raise BadInput(
                    f"{folder}: holds a search of another space, base design or models; only its budget may change"
                )
            yield Database(path, study, Writer(storage.engine, storage.get_study_id_from_name("search")))
        finally:
            if storage is not None:
                storage.remove_session()
                storage.engine.dispose()


@contextmanager
def _held(folder: Path, resume: bool) -> Iterator[None]:
    path = folder / FILE
    if resume and not path.exists():
        raise BadInput(f"{folder}: holds no search to resume (no {FILE})")
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder):
        if path.exists() and not resume:
            raise BadInput(f"{folder}: already holds a search; carry it on with --resume, or name another folder")
        yield


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keeps every other search off the folder; the system lets go of it whatever becomes of this process."""
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise BadInput(f"{folder}: another search is at work in this folder") from None
    try:
        yield
    finally:
        lock.release()


def _url(path: Path) -> str:
    """For SQLAlchemy, to which a ? or a % in a path would mean something."""
    return URL.create("sqlite", database=str(path.resolve())).render_as_string()


def _write_ahead(storage: RDBStorage) -> None:
    """SQLite's write-ahead log: as safe against a killed process, and several times as fast as a journal synced to
    disk at every write. A power cut can cost the last trials, never the file."""

    def connected(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    event.listen(storage.engine, "connect", connected)
    storage.engine.dispose()  # connections opened before now


def _unreadable(path: Path, error: BaseException) -> BadInput:
    return BadInput(f"{path}: is not a study of this search, or damaged ({str(_cause(error)).splitlines()[0]})")


def _cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
