"""Test data choose nothing: what calibrates, searches, prunes or trains never reads the test split.

Every reading of a task's data goes through its `split`, which the fixture watches: a test split is refused at once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workloads import tasks
from workloads.config import Vector
from workloads.evaluate import evaluate
from workloads.fixed_point import calibrate, search_bits, sweep
from workloads.model import Model
from workloads.record import record
from workloads.sparsify import prune_to, sample_of
from workloads.tasks import Classification, LanguageModel, Split

pytestmark = pytest.mark.usefixtures("shorter_text")


class ForbiddenSplit(AssertionError):
    """Something read the test split that must not."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[Split]:
    """The splits that have been read so far."""
    seen: set[Split] = set()
    for kind in (Classification, LanguageModel):

        def watched(self: Any, split: Split, original: Callable[..., Any] = kind.split) -> Any:
            if split == "test":
                raise ForbiddenSplit(f"the test split of {self.name}")
            seen.add(split)
            return original(self, split)

        monkeypatch.setattr(kind, "split", watched)
    return seen


@pytest.fixture(params=["digits", "tiny-shakespeare"])
def model(request: pytest.FixtureRequest, draw: Callable[..., Model]) -> Model:
    """A model of each kind of task, with drawn weights."""
    if request.param == "digits":
        return draw(
            task="digits", inputs=Vector(size=8), outputs=10, when="last_step", input_bits=8, weight_format="fixed8"
        )
    return draw(task=request.param, hidden=6, weight_format="fixed8")


def test_every_task_is_of_a_kind_that_is_watched() -> None:
    assert all(isinstance(task, Classification | LanguageModel) for task in tasks.ALL)


def test_the_watch_works(model: Model, read: set[Split]) -> None:
    for use in (
        lambda: evaluate(model, "test"),
        lambda: record(model, "test", 2, 4),
        lambda: calibrate(model, "test", 2, 4),
    ):
        with pytest.raises(ForbiddenSplit):
            use()
    assert not read


def test_calibration_reads_training_data_alone(model: Model, read: set[Split]) -> None:
    calibrate(model, sequences=4, steps=8)
    assert read == {"train"}


@pytest.mark.parametrize("method", ["monotone", "exhaustive"])
def test_the_search_over_bits_is_decided_on_the_validation_split(model: Model, read: set[Split], method: Any) -> None:
    ranges = calibrate(model, sequences=4, steps=8)
    read.clear()
    search_bits(model, weight_bits=(6, 8), activation_bits=(10,), ranges=ranges, method=method)
    assert read == {"validation"}
    read.clear()
    search_bits(model, weight_bits=(8,), activation_bits=(10,), method=method)  # ranges of its own
    assert read == {"train", "validation"}


def test_a_sweep_is_measured_on_the_validation_split(model: Model, read: set[Split]) -> None:
    sweep(model, weight_bits=(8,), activation_bits=(10,))
    assert read == {"train", "validation"}


def test_thresholds_are_found_on_the_validation_split(model: Model, read: set[Split]) -> None:
    prune_to(model, 0.5, sample_of(model))
    assert read == {"validation"}


def test_a_trace_is_of_the_validation_split_unless_another_is_asked_for(model: Model, read: set[Split]) -> None:
    record(model, sequences=2, steps=4)
    assert read == {"validation"}


@pytest.mark.train
@pytest.mark.parametrize("task", ["digits", "tiny-shakespeare"])
def test_training_keeps_the_epoch_that_is_best_on_the_validation_split(
    task: str, read: set[Split], tmp_path: Path
) -> None:
    """Batches, norms and the curriculum are of the training split; the epoch that is kept is validated."""
    pytest.importorskip("torch")
    from workloads.training.recipe import Recipe
    from workloads.training.train import train

    sizes: dict[str, Any] = {"batch": 32} if task == "digits" else {"batch": 1024, "steps": 40}
    recipe = Recipe(
        name="tiny", task=task, hidden=4, weight_format="ternary", state_bits=8, target_sparsity=0.3, epochs=2,
        patience=2, learning_rate=0.03, products="float32", seed=2, **sizes,
    )  # fmt: skip
    train(recipe, tmp_path)
    assert read == {"train", "validation"}
