"""Files of data: shipped with archsim, provided by the user under ``$ARCHSIM_DATA``, or fetched. Each by its digest."""

import gzip
import hashlib
import importlib
import importlib.util
import lzma
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

from archsim.errors import BadInput

VARIABLE = "ARCHSIM_DATA"
"""Environment variable: the folder of data that archsim may not ship."""


class DataFile(Protocol):
    """One file of a data set."""

    @property
    def sha256(self) -> str: ...

    def missing(self, task: str) -> str | None:
        """One line on what is not there and where to put it, or None. Reads no data."""

    def read(self, task: str) -> bytes:
        """What is in it, unpacked; BadInput where it is missing or its digest is another."""


@dataclass(frozen=True)
class Shipped:
    """``workloads/tasks/data/NAME.xz``; the digest is that of what is in it."""

    file: str
    sha256: str

    def missing(self, task: str) -> str | None:
        return None

    def read(self, task: str) -> bytes:
        packed = resources.files("workloads.tasks").joinpath("data", self.file).read_bytes()
        return _checked(lzma.decompress(packed), self.sha256, f"task {task}: {self.file}")


@dataclass(frozen=True)
class Provided:
    """``$ARCHSIM_DATA/PATH``; where that is a ``.gz``, the unpacked file beside it will do, by its own digest."""

    path: str
    sha256: str
    source: str
    """What to put there and where it comes from."""
    unpacked_sha256: str | None = None

    def missing(self, task: str) -> str | None:
        return None if self._found() else not_there(task, self.path, f"put there {self.source}")

    def read(self, task: str) -> bytes:
        found = self._found()
        if not found:
            raise BadInput(not_there(task, self.path, f"put there {self.source}"))
        path, digest = found
        data = _checked(_bytes(path, task), digest, f"task {task}: {path}")
        return gzip.decompress(data) if path.suffix == ".gz" else data

    def _found(self) -> tuple[Path, str] | None:
        path = located(self.path)
        if path:
            return path, self.sha256
        unpacked = located(self.path.removesuffix(".gz"))
        return (unpacked, self.unpacked_sha256) if unpacked and self.unpacked_sha256 else None


@dataclass(frozen=True)
class Fetched:
    """One file of a public zip archive: ``$ARCHSIM_DATA/PATH``, or the archive beside it, or fetched into a cache.

    The digest is that of the file; `pooch` fetches the archive once, checks `archive_sha256`, and keeps it in the
    user's cache (on Linux ``~/.cache/archsim``).
    """

    path: str
    sha256: str
    url: str
    archive_sha256: str

    def missing(self, task: str) -> str | None:
        cached = self._cached()
        if located(self.path) or located(self.archive) or (cached and cached.is_file()):
            return None
        return not_there(task, self.path, self._source)

    def read(self, task: str) -> bytes:
        path = located(self.path)
        data = _bytes(path, task) if path else self._unpacked(located(self.archive) or self._fetch(task), task)
        return _checked(data, self.sha256, f"task {task}: {path or self.url}")

    @property
    def archive(self) -> str:
        return str(Path(self.path).parent / Path(self.url).name)

    @property
    def _source(self) -> str:
        return f"unpack {self.url} there, or put it there as it is, or have pooch installed: it is then fetched once"

    def _cached(self) -> Path | None:
        """Where pooch is to keep the archive, which is its own folder by default; None where it is not installed."""
        if not installed("pooch"):
            return None
        cache = importlib.import_module("platformdirs").user_cache_dir("archsim")  # as pooch, but loads no HTTP client
        return Path(cache) / Path(self.url).name

    def _fetch(self, task: str) -> Path:
        target = self._cached()
        if not target:
            raise BadInput(f"{not_there(task, self.path, self._source)}; {NOT_INSTALLED.format('pooch', 'data')}")
        pooch = importlib.import_module("pooch")
        known = f"sha256:{self.archive_sha256}"
        try:
            return Path(pooch.retrieve(self.url, known, fname=target.name, path=target.parent))
        except (OSError, ValueError) as error:  # no network; another digest, which pooch puts into the message
            reason = " ".join(str(error).split())
            raise BadInput(not_there(task, self.path, f"fetching {self.url} failed ({reason})")) from None

    def _unpacked(self, archive: Path, task: str) -> bytes:
        try:
            with zipfile.ZipFile(archive) as opened:
                return opened.read(Path(self.path).name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise BadInput(f"task {task}: {archive}: cannot be read ({error})") from None


def combined(files: Sequence[DataFile]) -> str:
    """Digest of a data set: its only file's, or that of its files' hexadecimal digests, a line each, in order.

    BadInput where there is none: accuracies are kept by this digest, and would outlive a change of the data.
    """
    if not files:
        raise BadInput("a task needs at least one file, by whose digest its data are told from others")
    if len(files) == 1:
        return files[0].sha256
    return hashlib.sha256("".join(f"{file.sha256}\n" for file in files).encode()).hexdigest()


def located(path: str) -> Path | None:
    """``$ARCHSIM_DATA/path``, if the variable is set and the file is there."""
    folder = os.environ.get(VARIABLE)
    there = Path(folder).expanduser() / path if folder else None
    return there if there and there.is_file() else None


def not_there(task: str, path: str, source: str) -> str:
    folder = os.environ.get(VARIABLE)
    state = f"{VARIABLE} is {folder}" if folder else f"{VARIABLE} is not set"
    return f"task {task}: ${VARIABLE}/{path} is not there ({state}); {source}"


NOT_INSTALLED = "the module {} is not installed (pip install 'archsim[{}]')"


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _bytes(path: Path, task: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"task {task}: {path}: cannot be read ({error.strerror})") from None


def _checked(data: bytes, sha256: str, where: str) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise BadInput(f"{where}: SHA-256 must be {sha256}, not {digest}")
    return data
