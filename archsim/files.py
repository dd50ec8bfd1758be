"""Reading text, TOML files and numpy arrays, and writing files either completely or not at all.

Every text that a person may have saved is read here, and every output is written here.
"""

import codecs
import errno
import math
import os
import shutil
import stat
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
"""A value that JSON can represent."""


_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16: its mark begins with that of UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks, as Windows writes them: Notepad and PowerShell save text as UTF-8 or UTF-16 with one."""


def encoding_of(start: bytes) -> str:
    """The encoding of a text by its first bytes: what its byte order mark says, or UTF-8."""
    return next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), "utf-8")


def encoding_of_file(path: str | Path) -> str:
    """The encoding of a file of text, by its byte order mark."""
    with open(path, "rb") as file:
        return encoding_of(file.read(4))


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, or in what its byte order mark says. OSError, and ValueError where it is no text."""
    content = Path(path).read_bytes()
    return content.decode(encoding_of(content))


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tree of a TOML file. BadInput if the file is not TOML.

    FileNotFoundError passes through, since the caller knows which alternatives to suggest.
    """
    try:
        return tomllib.loads(read_text(path))
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError, OSError) as error:  # not UTF-8, not TOML, a number of 5,000 digits; too deep
        raise BadInput(f"{path}: is not a TOML file ({error})") from None


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that only this process writes to, and rename it to `path` once the block succeeds.

    So a plain file is either complete or absent, even when several processes write it; it keeps its permissions, and of
    a link the file that it leads to is written. What is no plain file is not replaced: into a device or a pipe the
    content is copied once it is complete. An OSError, as from a full disk or for a folder, names `path`.
    """
    path = Path(path)
    try:
        check_output(path)
        with _copied_into(path) if is_stream(path) else _renamed_to(path) as part:
            yield part
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


@contextmanager
def whole_folder(path: str | Path, mark: str) -> Iterator[Path]:
    """Yield a temporary folder that only this process writes to, and rename it to `path` once the block succeeds.

    A folder at `path` is replaced if it is empty or has a file called `mark`, by which the writer knows its own.
    BadInput if anything else is there.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and ((path / mark).is_file() or not any(path.iterdir()))):
        what = f"a folder that this command did not write (it has no {mark})" if path.is_dir() else "no folder"
        raise BadInput(f"{path}: is {what}; give another, which will be made")
    target = path.resolve()
    part, old = (target.with_name(f"{target.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        part.mkdir(parents=True)
        yield part
        if target.exists():
            os.rename(target, old)
        os.rename(part, target)
    except OSError as error:
        if old.exists() and not target.exists():
            os.rename(old, target)
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)


def check_output(path: str | Path) -> None:
    """OSError, which names `path`, where that is a folder, or a plain file that must not be written."""
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file to write", str(path))
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def is_stream(path: Path) -> bool:
    """Whether a device, a pipe or a socket is there, or what this process prints to."""
    try:
        found = os.stat(path)
    except OSError:  # nothing there yet, or nothing that can be asked: writing will say so
        return False
    return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or _is_printed_to(found)


def _is_printed_to(found: os.stat_result) -> bool:
    try:
        return os.path.samestat(found, os.fstat(_STDOUT))
    except OSError:  # standard output is closed
        return False


_STDOUT = 1


@contextmanager
def _copied_into(stream: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part"
        yield part
        if sys.stdout is not None:
            sys.stdout.flush()
        with part.open("rb") as content, _opened(stream) as out:
            shutil.copyfileobj(content, out)


def _opened(stream: Path) -> IO[bytes]:
    """A stream to write to; standard output by its number, since by its name its beginning would be overwritten."""
    if _is_printed_to(os.stat(stream)):
        return open(_STDOUT, "wb", closefd=False)
    return stream.open("wb")


@contextmanager
def _renamed_to(path: Path) -> Iterator[Path]:
    target = path.resolve() if path.is_symlink() else path
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if target.exists():
            shutil.copymode(target, part)
        os.replace(part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


NOT_WHOLE = (
    zipfile.BadZipFile,
    zlib.error,
    TokenError,  # a broken array header, as numpy parses it
    RuntimeError,  # an encrypted member, an unknown compression method, JSON that nests too deep
    KeyError,
    ValueError,
    EOFError,
    OSError,
)
"""What numpy and zipfile raise for a file that is damaged or not of the expected format."""


def read_array(file: IO[bytes], size_bytes: int) -> NDArray[Any]:
    """The array in a ``.npy`` file of `size_bytes`. Raises one of `NOT_WHOLE` for a wrong size or an array of objects.

    No memory is allocated for data that the header declares but the file lacks, and no object is unpickled.
    """
    shape, fortran, dtype = declared_array(file, size_bytes)
    return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")


def declared_array(file: IO[bytes], size_bytes: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and type of the array in a ``.npy`` file, which is left at the array's first element."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("is not an array as numpy stores it")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    stored = size_bytes - file.tell()
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != stored:
        raise ValueError(f"an array of {dtype} {shape} is not what {stored} bytes hold")
    return shape, fortran, dtype
