"""What papers report of trained networks, beside ours: ``published.toml`` joined with the cards of the zoo."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from workloads import tasks, zoo
from workloads.training.recipe import load_recipe
from workloads.training.recipes import ALL as RECIPES


@dataclass(frozen=True)
class Published:
    """One published figure, and ours by the recipe that stands for it."""

    paper: str
    recipe: str
    metric: str
    value: float
    sure: str
    ours: float | None
    """On the test split; None: not trained yet."""

    @property
    def difference(self) -> float | None:
        """Ours less theirs: all metrics are losses, so below zero is better."""
        return None if self.ours is None else self.ours - self.value


@dataclass(frozen=True)
class Untrained:
    """A recipe whose model is not shipped yet."""

    recipe: str
    hours: float
    """Estimated, on one CPU core."""

    @property
    def command(self) -> str:
        return f"archsim train workloads/training/recipes/{self.recipe}.toml"


def published() -> list[Published]:
    """Every published figure, in the order of the file."""
    found = []
    for paper in _tree()["papers"]:
        title = paper["title"]
        for recipe, (value, sure) in ((key, figure) for key, figure in paper.items() if key != "title"):
            metric = tasks.by_name(load_recipe(recipe).task).metric
            ours = zoo.load_card(recipe).measured.test if recipe in zoo.ALL else None
            found.append(Published(title, recipe, metric, value, sure, ours))
    return found


def untrained() -> list[Untrained]:
    """Recipes without a model, with the hours they would take."""
    hours = _tree()["hours"]
    return [Untrained(name, hours[load_recipe(name).group]) for name in RECIPES if name not in zoo.ALL]


@cache
def _tree() -> dict[str, Any]:
    return tomllib.loads(resources.files("workloads.zoo").joinpath("published.toml").read_text())
