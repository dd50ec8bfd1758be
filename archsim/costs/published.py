"""Published figures of the chips that costs are fitted to and checked against, each with how it was obtained."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, cast

Sure = Literal["read", "agrees", "recalled", "weak", "derived"]
"""How a figure was obtained; ``published.toml`` defines the terms."""

SURE: tuple[Sure, ...] = ("read", "agrees", "recalled", "weak", "derived")


@dataclass(frozen=True)
class PublishedFigure:
    """A published number and how it was obtained."""

    value: float
    sure: Sure


@dataclass(frozen=True)
class Chip:
    """A published chip, its figures by quantity, and the shipped design that models it."""

    paper: str
    name: str
    design: str
    figures: tuple[tuple[str, PublishedFigure], ...]

    def __getitem__(self, quantity: str) -> PublishedFigure:
        return dict(self.figures)[quantity]


@cache
def chips() -> tuple[Chip, ...]:
    """All chips of ``published.toml``, in its order."""
    tree = tomllib.loads(resources.files("archsim.costs").joinpath("published.toml").read_text())
    return tuple(
        _chip(paper, name, dict(entry))
        for paper, entries in tree.items()
        for name, entry in entries.items()
        if name != "title"
    )


def _chip(paper: str, name: str, entry: dict[str, object]) -> Chip:
    design = str(entry.pop("design"))
    figures = tuple((quantity, _published(cast("list[object]", pair))) for quantity, pair in entry.items())
    return Chip(paper, name, design, figures)


def _published(pair: list[object]) -> PublishedFigure:
    value, sure = pair
    if sure not in SURE or not isinstance(value, float):
        raise ValueError(f"published.toml: a figure is [number, how sure], not {pair!r}")
    return PublishedFigure(value, sure)


def rbt() -> tuple[Chip, ...]:
    """The six RBT chips."""
    return tuple(chip for chip in chips() if chip.paper == "rbt")


def low_power() -> tuple[Chip, ...]:
    """The RBT chips that costs are fitted to."""
    return tuple(chip for chip in rbt() if chip.name.startswith("low_power"))


def skip() -> Chip:
    return next(chip for chip in chips() if chip.paper == "skip")


def chipmunk() -> Chip:
    """A chip that no number is fitted to, and no choice of the cost model was made with."""
    return next(chip for chip in chips() if chip.paper == "chipmunk")
