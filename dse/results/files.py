"""Text files of a results folder."""

from pathlib import Path

from archsim.files import whole_file


def write_text(path: Path, text: str) -> None:
    """Whole or not at all; OSError names the file."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
