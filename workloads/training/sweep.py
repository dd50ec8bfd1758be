"""One recipe in variants: every combination of values for some of its fields, trained alike and compared."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archsim.errors import BadInput
from workloads import tasks
from workloads.training.recipe import Recipe
from workloads.training.sequence import Compile, eager
from workloads.training.train import OnProgress, train, validate

Value = str | int | float | bool


@dataclass(frozen=True)
class Variant:
    """A recipe with other values in some of its fields."""

    values: dict[str, Value]
    recipe: Recipe

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.values.items())


@dataclass(frozen=True)
class Trained:
    """How a variant came out: the task's metric by PyTorch on whole splits, with the weights of the best epoch."""

    variant: Variant
    metric: str
    validation: float
    test: float
    best_epoch: int
    epochs_run: int


def variants(recipe: Recipe, each: Mapping[str, Sequence[Value]]) -> tuple[list[Variant], list[str]]:
    """Every combination that is a recipe, and why the others are none. BadInput for what is no field, or the name."""
    for key in each:
        if key not in Recipe.model_fields or key == "name":
            raise BadInput(f"each: must name a field of recipes other than name, not {key!r}")
    fitting, refused = [], []
    for chosen in itertools.product(*each.values()):
        values = dict(zip(each, chosen, strict=True))
        try:
            fitting.append(Variant(values, recipe.changed(**values)))
        except BadInput as reason:
            refused.append(str(reason))
    if not fitting:
        raise BadInput(f"each: no combination is a recipe; the first: {refused[0]}")
    return fitting, list(dict.fromkeys(refused))


def sweep(
    fitting: Sequence[Variant],
    folder: Path,
    device: str = "cpu",
    on_progress: Callable[[int], OnProgress] | None = None,
    compile_: Compile = eager,
) -> Iterator[Trained]:
    """Train each variant, in a folder of its own under `folder`; a run that has ended there is not run again.

    `on_progress` makes the callback that follows the run of variant k. BadInput where a folder holds another run.
    """
    for k, variant in enumerate(fitting):
        run = folder / str(variant).replace(" ", ",")
        outcome = train(variant.recipe, run, device, on_progress and on_progress(k), compile_)
        yield Trained(
            variant,
            tasks.by_name(variant.recipe.task).metric,
            outcome.validation_loss,
            validate(outcome.network, "test"),
            outcome.best_epoch,
            outcome.epochs_run,
        )
