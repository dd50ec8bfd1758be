"""What papers report of trained networks, beside ours: ``published.toml`` joined with the cards of the zoo."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import Field

from archsim.frozen import Frozen
from workloads import tasks, zoo
from workloads.fixed_point import relative_loss
from workloads.tasks import METRIC_WORDS, Metric
from workloads.training.recipe import load_recipe
from workloads.training.recipes import ALL as RECIPES
from workloads.zoo.card import Card

Sure = Literal["read", "agrees", "recalled", "weak", "derived"]
"""As in ``archsim/costs/published.toml``, which this package does not know."""


class _Paper(Frozen):
    """Figures of one kind: the metric on the test split. Each other kind is a subclass with a field of its own."""

    title: str
    figures: dict[str, tuple[float, Sure]] = Field(description="by recipe: the figure, and how sure it is")

    def unit(self, metric: Metric) -> str:
        """Short, of `metric`, the task's."""
        return metric

    def words(self, metric: Metric) -> str:
        """The same in words."""
        words = METRIC_WORDS[metric]
        return f"{words.title}, {words.unit}"

    def ours(self, card: Card) -> float | None:
        """Our figure; None: not measured yet."""
        return card.measured.test


class _OverTwin(_Paper):
    over: str = Field(description="recipe of the dense twin, whose metric is taken off")

    def unit(self, metric: Metric) -> str:
        return f"+{metric}"

    def words(self, metric: Metric) -> str:
        words = METRIC_WORDS[metric]
        return f"{words.title} over the dense twin, {words.unit}"

    def ours(self, card: Card) -> float | None:
        dense = _card(self.over)
        return None if dense is None else card.measured.test - dense.measured.test


class _InIntegers(_Paper):
    bits: tuple[int, int] = Field(description="of weights and of activations, after training")

    def unit(self, metric: Metric) -> str:
        return f"{metric} {self.bits[0]}/{self.bits[1]}"

    def words(self, metric: Metric) -> str:
        return f"{super().words(metric)}, integers of {self.bits[0]} and {self.bits[1]} bits"

    def ours(self, card: Card) -> float | None:
        entries = [q for q in card.quantized if (q.weight_bits, q.activation_bits) == self.bits]
        return min(entries, key=lambda q: q.validation).test if entries else None


class _LeastMemory(_Paper):
    within_loss_pct: float = Field(description="integers that lose this at most, on the validation split")

    def unit(self, metric: Metric) -> str:
        return "memory_pct"

    def words(self, metric: Metric) -> str:
        return "memory, % of float32"

    def ours(self, card: Card) -> float | None:
        measured = card.measured
        small = [
            100 * (1 - q.memory_cut)
            for q in card.quantized
            if 100 * relative_loss(measured.metric, measured.validation, q.validation) <= self.within_loss_pct
        ]
        return min(small, default=None)


class _File(Frozen):
    papers: tuple[_OverTwin | _InIntegers | _LeastMemory | _Paper, ...]
    hours: dict[str, float]


@dataclass(frozen=True)
class PublishedAccuracy:
    """One published figure, and ours by the recipe that stands for it. Less is better."""

    paper: str
    recipe: str
    metric: str
    """The task's; ``+bpc``: over the dense twin; ``ppw 11/10``: in integers of 11 and 10 bits; ``memory_pct``: memory
    in per cent of float32."""
    words: str
    """The same in words, with the unit."""
    value: float
    sure: Sure
    trained: bool
    ours: float | None
    """None: not trained, or not measured so, yet."""

    @property
    def difference(self) -> float | None:
        """Ours less theirs: below zero is better."""
        return None if self.ours is None else self.ours - self.value


@dataclass(frozen=True)
class Untrained:
    """A recipe whose model is not shipped yet."""

    recipe: str
    hours: float | None
    """Estimated, on one CPU core; None: nobody has."""

    @property
    def command(self) -> str:
        return f"archsim train workloads/training/recipes/{self.recipe}.toml"


def published() -> list[PublishedAccuracy]:
    """Every published figure, in the order of the file."""
    return [_published(paper, recipe, *figure) for paper in _file().papers for recipe, figure in paper.figures.items()]


def _published(paper: _Paper, recipe: str, value: float, sure: Sure) -> PublishedAccuracy:
    metric, card = tasks.by_name(load_recipe(recipe).task).metric, _card(recipe)
    return PublishedAccuracy(
        paper=paper.title,
        recipe=recipe,
        metric=paper.unit(metric),
        words=paper.words(metric),
        value=value,
        sure=sure,
        trained=card is not None,
        ours=None if card is None else paper.ours(card),
    )


def untrained() -> list[Untrained]:
    """Recipes without a model, with the hours they would take."""
    hours = _file().hours
    return [Untrained(name, hours.get(load_recipe(name).group)) for name in RECIPES if name not in zoo.ALL]


def _card(recipe: str) -> Card | None:
    return zoo.load_card(recipe) if recipe in zoo.ALL else None


@cache
def _file() -> _File:
    text = resources.files("workloads.zoo").joinpath("published.toml").read_text()
    return _File.model_validate(tomllib.loads(text))
