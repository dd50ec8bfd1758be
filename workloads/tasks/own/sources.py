"""Arrays and columns of data files by name: ``.npz``, ``.npy``, CSV and Parquet, read when they are asked for.

Nothing in a file is ever executed: arrays of objects, which only unpickling can read, are refused.
"""

import importlib
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput, near
from archsim.files import NOT_WHOLE, declared_array, encoding_of_file, read_array

MOST_BYTES = 4 * 2**30
"""The largest array that is unpacked into memory; one in a ``.npy`` file is read in place, however large."""


class Source(Protocol):
    """One file, or some arrays in memory."""

    @property
    def where(self) -> str: ...

    @property
    def names(self) -> Sequence[str]:
        """Of its arrays or columns, in its order."""

    @property
    def columns(self) -> bool:
        """Whether all it has are columns of one table."""

    def array(self, name: str) -> NDArray[Any]:
        """One of `names`; BadInput where it is damaged, too large, or holds objects."""


@dataclass(frozen=True)
class Memory:
    """Arrays that a program gives."""

    arrays: Mapping[str, NDArray[Any]]

    where = "arrays"
    columns = False

    @property
    def names(self) -> Sequence[str]:
        return tuple(self.arrays)

    def array(self, name: str) -> NDArray[Any]:
        array = self.arrays[name]
        if array.dtype.hasobject:
            raise BadInput(f"{name}: must be numbers or text, not an array of objects")
        return array


@dataclass(frozen=True)
class _File:
    """What sources that are files have in common: the path, by which mistakes in them are told."""

    path: Path

    @property
    def where(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Npz(_File):
    """Arrays of a zip archive as numpy writes it."""

    columns = False

    @cached_property
    def names(self) -> Sequence[str]:
        with _read(self.path), zipfile.ZipFile(self.path) as archive:
            return tuple(member.removesuffix(".npy") for member in archive.namelist())

    def array(self, name: str) -> NDArray[Any]:
        with _read(f"{self.path}: {name}"), zipfile.ZipFile(self.path) as archive:
            member = archive.getinfo(f"{name}.npy")
            _small_enough(f"{self.path}: {name}", member.file_size)
            with archive.open(member) as file:
                return read_array(file, member.file_size)


@dataclass(frozen=True)
class Npy(_File):
    """One array, called as its file is; mapped, not read."""

    columns = False

    @property
    def names(self) -> Sequence[str]:
        return (self.path.stem,)

    def array(self, name: str) -> NDArray[Any]:
        with _read(self.path), self.path.open("rb") as file:
            shape, fortran, dtype = declared_array(file, self.path.stat().st_size)
            if 0 in shape:
                return np.empty(shape, dtype)
            order = "F" if fortran else "C"
            return np.memmap(self.path, dtype, "r", file.tell(), shape, order)  # type: ignore[call-overload,no-any-return]


@dataclass(frozen=True)
class Csv(_File):
    """Columns of text: comma, or in a ``.tsv`` tab, between; the first row names them."""

    columns = True

    @cached_property
    def names(self) -> Sequence[str]:
        with _read(self.path):
            return tuple(map(str, self._table(nrows=0).columns))

    def array(self, name: str) -> NDArray[Any]:
        with _read(f"{self.path}: {name}"):
            return _column(self._table(usecols=[name])[name], self.path)

    def _table(self, **options: Any) -> Any:
        pandas = importlib.import_module("pandas")
        separator = "\t" if self.path.suffix.lower() == ".tsv" else ","
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # rows longer than the first lose their ends
            encoding = encoding_of_file(self.path)
            return pandas.read_csv(
                self.path, sep=separator, index_col=False, low_memory=False, encoding=encoding, **options
            )


@dataclass(frozen=True)
class Parquet(_File):
    """Columns of a Parquet file."""

    columns = True

    @cached_property
    def names(self) -> Sequence[str]:
        with _read(self.path):
            return tuple(self._file.schema_arrow.names)

    def array(self, name: str) -> NDArray[Any]:
        with _read(f"{self.path}: {name}"):
            _small_enough(f"{self.path}: {name}", 8 * self._file.metadata.num_rows)
            return _column(self._file.read(columns=[name], use_threads=False).to_pandas()[name], self.path)

    @property
    def _file(self) -> Any:
        return importlib.import_module("pyarrow.parquet").ParquetFile(self.path)


KINDS: Mapping[str, type[Npz] | type[Npy] | type[Csv] | type[Parquet]] = {
    ".npz": Npz,
    ".npy": Npy,
    ".csv": Csv,
    ".tsv": Csv,
    ".parquet": Parquet,
}


def opened(path: Path) -> Source:
    """The source that a file is, by the end of its name."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadInput(f"{path}: must end in {', '.join(KINDS)}, not {path.suffix or 'nothing'!r}")
    return kind(path)


@dataclass(frozen=True)
class Named:
    """What is called by one name: in one file, or in several one after the other."""

    where: str
    arrays: tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Sources:
    """Files of one split, or of all, and what is in them by name."""

    each: tuple[Source, ...]

    @property
    def columns(self) -> bool:
        return all(source.columns for source in self.each)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all that there is, each once."""
        return tuple(dict.fromkeys(name for source in self.each for name in source.names))

    def matching(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Each name as it is, or all names that fit one with a ``*``; BadInput names what is not there."""
        found: list[str] = []
        for pattern in patterns:
            fitting = [pattern] if pattern in self.names else []
            if not fitting and "*" in pattern:
                fitting = [name for name in self.names if fnmatchcase(name, pattern)]
            if not fitting:
                where = ", ".join(source.where for source in self.each)
                raise BadInput(f"must name what is in {where} ({near(pattern, self.names)}), not {pattern!r}")
            found += fitting
        return tuple(found)

    def read(self, name: str) -> Named:
        having = [source for source in self.each if name in source.names]
        return Named(f"{having[0].where}: {name}", tuple(source.array(name) for source in having))


@contextmanager
def _read(where: str | Path) -> Iterator[None]:
    """BadInput where a file is damaged or not of its kind."""
    try:
        yield
    except BadInput:
        raise
    except (*NOT_WHOLE, Warning, NotImplementedError, MemoryError, RecursionError, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{where}: cannot be read ({reason[:300]})") from None


def _small_enough(where: str, size: int) -> None:
    if size > MOST_BYTES:
        most = f"{MOST_BYTES / 2**30:g} GiB"
        raise BadInput(f"{where}: must be at most {most} unpacked, not {size:,} bytes; a .npy file is read in place")


def _column(column: Any, path: Path) -> NDArray[Any]:
    """A pandas column as numbers or as text; a missing text is refused, a missing number is NaN."""
    values: NDArray[Any] = column.to_numpy()
    if values.dtype.kind in "biuf":
        return values
    gaps = column.isna().to_numpy()
    if gaps.any():
        raise BadInput(
            f"{path}: {column.name}: {gaps.sum()} of {len(gaps)} are missing, the first in row {gaps.argmax() + 1}"
        )
    return np.array([str(value) for value in values], np.str_)
