"""Files written whole or not at all, also when several processes write the same one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, of this process alone; it takes the name `path` once the block has ended well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}{path.suffix}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def write_with(path: Path, save: Callable[[Path], None]) -> None:
    """For writers that take a path."""
    with whole(path) as part:
        save(part)
