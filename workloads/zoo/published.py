"""What papers report of trained networks, beside ours: ``published.toml`` joined with the cards of the zoo."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pydantic import Field

from workloads import tasks, zoo
from workloads.fixed_point import relative_loss
from workloads.training.recipe import load_recipe
from workloads.training.recipes import ALL as RECIPES
from workloads.zoo.card import Card, Frozen


class _Paper(Frozen):
    """Figures of one kind: the metric on the test split, unless a field says otherwise."""

    title: str
    figures: dict[str, tuple[float, str]] = Field(description="by recipe: the figure, and how sure it is")
    over: str | None = Field(default=None, description="the metric less that of this recipe")
    bits: tuple[int, int] | None = Field(default=None, description="with integers of these weights and activations")
    within_loss_pct: float | None = Field(
        default=None, description="not the metric: the least memory within this loss, in per cent of float32"
    )

    def unit(self, recipe: str) -> str:
        metric = tasks.by_name(load_recipe(recipe).task).metric
        if self.within_loss_pct is not None:
            return "memory_pct"
        if self.bits is not None:
            return f"{metric} {self.bits[0]}/{self.bits[1]}"
        return f"+{metric}" if self.over else metric

    def words(self, recipe: str) -> str:
        words = tasks.METRIC_WORDS[tasks.by_name(load_recipe(recipe).task).metric]
        if self.within_loss_pct is not None:
            return "memory, % of float32"
        if self.bits is not None:
            return f"{words.title}, {words.unit}, integers of {self.bits[0]} and {self.bits[1]} bits"
        return f"{words.title}{' over the dense twin' if self.over else ''}, {words.unit}"

    def ours(self, recipe: str) -> float | None:
        """Our figure; None: not trained, or not measured yet."""
        card = _card(recipe)
        if card is None:
            return None
        if self.within_loss_pct is not None:
            float_loss, metric = card.measured.validation, card.measured.metric
            small = [
                100 * (1 - q.memory_cut)
                for q in card.quantized
                if 100 * relative_loss(metric, float_loss, q.validation) <= self.within_loss_pct
            ]
            return min(small, default=None)
        if self.bits is not None:
            entries = [q for q in card.quantized if (q.weight_bits, q.activation_bits) == self.bits]
            return min(entries, key=lambda q: q.validation).test if entries else None
        if self.over is not None:
            dense = _card(self.over)
            return None if dense is None else card.measured.test - dense.measured.test
        return card.measured.test


class _File(Frozen):
    papers: tuple[_Paper, ...]
    hours: dict[str, float]


@dataclass(frozen=True)
class Published:
    """One published figure, and ours by the recipe that stands for it. Less is better."""

    paper: str
    recipe: str
    metric: str
    """The task's; ``+bpc``: over the dense twin; ``ppw 11/10``: in integers of 11 and 10 bits; ``memory_pct``: memory
    in per cent of float32."""
    words: str
    """The same in words, with the unit."""
    value: float
    sure: str
    ours: float | None
    """None: not trained, or not measured, yet."""

    @property
    def difference(self) -> float | None:
        """Ours less theirs: below zero is better."""
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
    return [
        Published(paper.title, recipe, paper.unit(recipe), paper.words(recipe), value, sure, paper.ours(recipe))
        for paper in _file().papers
        for recipe, (value, sure) in paper.figures.items()
    ]


def untrained() -> list[Untrained]:
    """Recipes without a model, with the hours they would take."""
    hours = _file().hours
    return [Untrained(name, hours[load_recipe(name).group]) for name in RECIPES if name not in zoo.ALL]


def _card(recipe: str) -> Card | None:
    return zoo.load_card(recipe) if recipe in zoo.ALL else None


@cache
def _file() -> _File:
    text = resources.files("workloads.zoo").joinpath("published.toml").read_text()
    return _File.model_validate(tomllib.loads(text))
