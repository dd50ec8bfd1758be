"""The file format of a trace: a header, and the rows of each operand in pieces of 1,024 steps."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.files import declared_array, read_array, whole_file
from archsim.trace.header import Header

MAX_BYTES = 2**32
"""The most bytes that a trace file may unpack to, since a small file could otherwise fill any memory."""
PIECE = 1024
"""Rows of an operand that a file stores as one array."""


class Rows(Protocol):
    """The rows of an operand, in memory or in a file, with the part of numpy's interface that a trace needs."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


def pieces(array: Rows) -> Iterator[NDArray[Any]]:
    """The rows of an operand in pieces of `PIECE` rows, the last of which may be shorter."""
    return (array[first : first + PIECE] for first in range(0, array.shape[0], PIECE))


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows of a trace file, of which a few pieces at a time are in memory. They are pickled as a whole array.

    Reading raises BadInput if the file has been replaced since it was opened.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    file: tuple[int, ...]
    """The identity of the file that was opened (`_identity`)."""
    _read: dict[int, NDArray[Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        first, stop, _ = rows.indices(self.shape[0])
        numbers = range(first // PIECE, -(-stop // PIECE))
        found = [self._read[n] if n in self._read else self._piece(n) for n in numbers]
        self._read.clear()
        self._read.update(zip(numbers[-2:], found[-2:], strict=True))
        begins = (number * PIECE for number in numbers)
        parts = [piece[max(first - at, 0) : stop - at] for piece, at in zip(found, begins, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _piece(self, number: int) -> NDArray[Any]:
        with self.path.open("rb") as stored, zipfile.ZipFile(stored) as archive:
            if _identity(stored) != self.file:
                raise BadInput(f"{self.path}: has been replaced since it was opened")
            member = archive.getinfo(_member(self.name, number))
            with archive.open(member) as file:
                return read_array(file, member.file_size)

    def __reduce__(self) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], tuple[NDArray[Any]]]:
        return np.asarray, (self[:],)


def _identity(file: IO[bytes]) -> tuple[int, ...]:
    stat = os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _member(operand: str, number: int) -> str:
    return f"operand.{operand}.{number}.npy"


class TraceWriter:
    """Writes a trace file piece by piece: rows of operands in portions of any size, and the header at the end."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._waiting: dict[str, list[NDArray[Any]]] = {}
        self._written: dict[str, int] = {}

    @classmethod
    @contextmanager
    def open(cls, path: str | Path) -> Iterator["TraceWriter"]:
        """Open a file that is complete once the block succeeds, and absent otherwise."""
        with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            yield cls(archive)

    def add(self, operand: str, rows: NDArray[Any]) -> None:
        """Append rows to an operand."""
        waiting = self._waiting.setdefault(operand, [])
        waiting.append(rows)
        if sum(map(len, waiting)) >= PIECE:
            joined = np.concatenate(waiting)
            whole = len(joined) // PIECE * PIECE
            for first in range(0, whole, PIECE):
                self._piece(operand, joined[first : first + PIECE])
            self._waiting[operand] = [joined[whole:].copy()]

    def finish(self, header: Header, lengths: NDArray[np.int64]) -> None:
        """Write the remaining rows, the `lengths` of the sequences ``(S,)``, and the header."""
        for operand, waiting in self._waiting.items():
            rows = np.concatenate(waiting)
            if len(rows) or operand not in self._written:
                self._piece(operand, rows)
        self._write("lengths.npy", lengths)
        self._write("header.npy", np.frombuffer(header.model_dump_json().encode(), np.uint8))

    def _piece(self, operand: str, rows: NDArray[Any]) -> None:
        number = self._written.get(operand, 0)
        self._write(_member(operand, number), rows)
        self._written[operand] = number + 1

    def _write(self, member: str, array: NDArray[Any]) -> None:
        content = io.BytesIO()
        np.save(content, array)
        self._archive.writestr(zipfile.ZipInfo(member), content.getbuffer(), zipfile.ZIP_DEFLATED)


def stored_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Rows]]:
    """The arrays of a trace file by name, and the rows of its operands, which are in memory if they are one piece.

    BadInput for a file that unpacks to more than `MAX_BYTES`; ValueError or another of `NOT_WHOLE` for a damaged one.
    """
    arrays: dict[str, NDArray[Any]] = {}
    pieces: dict[str, list[tuple[tuple[int, ...], np.dtype[Any]]]] = {}
    with path.open("rb") as stored, zipfile.ZipFile(stored) as archive:
        identity = _identity(stored)
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_BYTES:
            raise BadInput(f"must unpack to at most {MAX_BYTES} bytes, not {unpacked}")
        for member in archive.infolist():
            with archive.open(member) as file:
                if member.filename.startswith("operand."):
                    operand = member.filename.removeprefix("operand.").removesuffix(".npy").rpartition(".")[0]
                    of = pieces.setdefault(operand, [])
                    if member.filename != _member(operand, len(of)):
                        raise ValueError(f"{member.filename}: pieces must be numbered from 0 on")
                    shape, _, dtype = declared_array(file, member.file_size)
                    of.append((shape, dtype))
                else:
                    arrays[member.filename.removesuffix(".npy")] = read_array(file, member.file_size)
    return arrays, {operand: _rows(path, identity, operand, of) for operand, of in pieces.items()}


def _rows(
    path: Path, identity: tuple[int, ...], operand: str, pieces: list[tuple[tuple[int, ...], np.dtype[Any]]]
) -> Rows:
    shape, dtype = pieces[0]
    if not shape or any((len(other), other[1:], kind) != (len(shape), shape[1:], dtype) for other, kind in pieces):
        raise ValueError(f"operand {operand}: its pieces differ in more than their rows")
    if any(other[0] != PIECE for other, _ in pieces[:-1]):
        raise ValueError(f"operand {operand}: every piece but the last must have {PIECE} rows")
    rows = StoredRows(path, operand, (sum(other[0] for other, _ in pieces), *shape[1:]), dtype, identity)
    return rows if len(pieces) > 1 else rows[:]
