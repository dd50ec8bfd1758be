"""Reading TOML files and numpy arrays, and writing files either completely or not at all."""

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
"""A value that JSON can represent."""


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tree of a TOML file. BadInput if the file is not TOML.

    FileNotFoundError passes through, since the caller knows which alternatives to suggest.
    """
    try:
        return tomllib.loads(Path(path).read_bytes().decode())
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError, OSError) as error:  # not UTF-8, not TOML, a number of 5,000 digits; too deep
        raise BadInput(f"{path}: is not a TOML file ({error})") from None


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that only this process writes to, and rename it to `path` once the block succeeds.

    So `path` is either complete or absent, even when several processes write it. An OSError, as from a full disk,
    names `path`.
    """
    path = Path(path)
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
