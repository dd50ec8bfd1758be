"""Units of work for the tests of workers, in a module that other processes can import."""

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> int:
    raise ValueError(f"not {number}")


def process(_: object) -> int:
    return os.getpid()


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def die_at_first(note: Path) -> str:
    """Killed the first time, and done the second."""
    if not note.exists():
        note.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return note.name


def die(note: Path) -> None:
    """Killed every time, and counted."""
    with note.open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def threads(_: object) -> list[str | None]:
    return [os.environ.get(variable) for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")]
