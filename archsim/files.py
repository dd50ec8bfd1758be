"""Files: TOML in, arrays as numpy stores them, and files written whole or not at all."""

import math
import os
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
"""A value that JSON has."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tree of a TOML file. BadInput where it is none; FileNotFoundError is left to who knows what else there is."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError, OSError) as error:  # no UTF-8, no TOML, a number of 5,000 digits; too deep
        raise BadInput(f"{path}: is not a TOML file ({error})") from None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, of this process alone; it takes the name `path` once the block has ended well.

    So a file is there whole or not at all, also when several processes write it. OSError (a full disk) names `path`.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


NOT_WHOLE = (
    zipfile.BadZipFile,
    zlib.error,
    TokenError,  # of numpy's header of an array
    RuntimeError,  # an encrypted member, one packed in a way that is not known, JSON that nests too deep
    KeyError,
    ValueError,
    EOFError,
    OSError,
)
"""What numpy and zipfile raise where a file is not what its name says."""


def read_array(file: IO[bytes], size_bytes: int) -> NDArray[Any]:
    """The array in a ``.npy`` of `size_bytes`; one of `NOT_WHOLE` where it holds another size, or objects.

    Nothing is made that the file merely declares, and no object is unpickled.
    """
    shape, fortran, dtype = declared_array(file, size_bytes)
    return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")


def declared_array(file: IO[bytes], size_bytes: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of the array in a ``.npy``, which is left at its first element."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("is not an array as numpy stores it")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    stored = size_bytes - file.tell()
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != stored:
        raise ValueError(f"an array of {dtype} {shape} is not what {stored} bytes hold")
    return shape, fortran, dtype
