"""Studies shipped: search spaces as TOML. A new one is one file and one line in ``ALL``.

``demo`` is what ``archsim demo`` runs: accuracy against area against energy, on ten trained models. ``exact`` is
enumerated: its front is known, and samplers are compared on it. ``edge`` is a stream with a deadline, on trained and on
quantized models. ``own`` is for a network of one's own (``archsim search own --model``).
"""

from importlib import resources
from pathlib import Path

ALL: tuple[str, ...] = ("demo", "exact", "edge", "own")


def path(name_or_path: str | Path) -> Path:
    """File of a shipped study by name, or a path as it is."""
    if str(name_or_path) in ALL:
        return Path(str(resources.files("dse.studies"))) / f"{name_or_path}.toml"
    return Path(name_or_path)
