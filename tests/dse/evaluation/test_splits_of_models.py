"""Test data choose nothing in a search: models are measured without them, and the front is fixed before its test."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from dse.evaluation.models import Models, ModelSide, OnDone
from dse.evaluation.point import MeasuredModel
from dse.exploration.study import search
from dse.space.choice import ModelChoice, PtqBits
from dse.space.space import Scenario, parse_space
from workloads.tasks import Classification, Split


class ForbiddenSplit(AssertionError):
    """Something read the test split that must not."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[Split]:
    """The splits of data sets of sequences that have been read so far; the test split is refused."""
    seen: set[Split] = set()
    original: Callable[..., Any] = Classification.split

    def watched(self: Classification, split: Split) -> Any:
        if split == "test":
            raise ForbiddenSplit(self.name)
        seen.add(split)
        return original(self, split)

    monkeypatch.setattr(Classification, "split", watched)
    return seen


def nothing(_: ModelChoice) -> None: ...


def test_models_are_measured_without_test_data(
    tmp_path: Path, digits_file: Path, read: set[Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are, pruned, and in integers, whose ranges are those of training data."""
    monkeypatch.setattr("dse.evaluation.models._RANGES", {})  # another test of this process may have known them
    name = str(digits_file)
    models = Models(tmp_path / "cache", Scenario(sequences=3, steps=4))
    as_trained, pruned = ModelChoice(name), ModelChoice(name, 0.3)
    in_integers = ModelChoice(name, ptq=PtqBits(weights=8, activations=10, cell=12))
    found = models.measure([as_trained, pruned], nothing)
    assert all(isinstance(each, MeasuredModel) for each in found.values())
    assert read == {"validation"}
    assert isinstance(models.measure([in_integers], nothing)[in_integers], MeasuredModel)
    assert read == {"train", "validation"}
    with pytest.raises(ForbiddenSplit):
        models.test_loss([as_trained], nothing)


class Poisoned:
    """Models whose test losses are whatever they are said to be; every choice that is tested is noted."""

    def __init__(self, models: ModelSide, losses: float) -> None:
        self.identity, self.measure = models.identity, models.measure
        self._losses = losses

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float | None]:
        return {choice: self._losses * (1 + index) for index, choice in enumerate(choices)}


def test_a_search_finds_the_same_whatever_the_test_losses_are(
    tmp_path: Path, tree: dict[str, Any], models: ModelSide
) -> None:
    found = {}
    for losses in (0.1, -1e6, 1e6):
        space = parse_space(tree | {"trials": 24}, "tiny.toml")
        result = search(space, tmp_path / str(losses), models=Poisoned(models, losses))
        assert result.front
        assert all(point.test_loss is not None for point in result.front)
        trials = (tmp_path / str(losses) / "trials.csv").read_text()
        found[losses] = trials, [(point.trial, point.evaluation.measured.choice) for point in result.front]
    first, *others = found.values()
    assert all(other == first for other in others)
