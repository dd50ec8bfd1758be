"""What `archsim train` does once PyTorch is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from archsim.errors import BadInput
from dse.cli.bars import progress
from dse.cli.inputs import parse_value
from dse.cli.tables.cards import zoo_table
from dse.cli.tables.layout import literal
from dse.cli.tables.training import sweep_markdown, sweep_table
from dse.cli.terminal import complain, notes, out, print_json, say
from workloads.training.export import train_and_export
from workloads.training.recipe import load_recipe
from workloads.training.sequence import fastest
from workloads.training.sweep import sweep, variants
from workloads.training.train import OnProgress, TrainingProgress


def train_one(recipe: str, run_folder: Path | None, out_: Path, device: str, as_json: bool) -> None:
    """Train a recipe, or go on with it; write its model and card to `out_`."""
    path = Path(recipe)
    folder = run_folder or Path("runs") / path.stem
    with progress(f"training {path.stem}", None) as (bar, task), _resumable(folder):
        card = train_and_export(
            path,
            folder,
            out_,
            device,
            lambda p: bar.update(
                task, total=p.epochs * p.batches, completed=p.epoch * p.batches + p.batch, note=_epoch(p)
            ),
        )
    if as_json:
        print_json(card.model_dump(mode="json"))
        return
    out.print(zoo_table([card]))
    say(f"written to {out_}")


def compare_variants(
    recipe: str, each: list[str], run_folder: Path | None, device: str, markdown: bool, as_json: bool
) -> None:
    """Train every combination of the values that `each` names, and show how they came out."""
    base = load_recipe(recipe)
    fitting, refused = variants(base, {key: tuple(values) for key, values in map(_field, each)})
    for reason in refused:
        notes.print(literal(f"left out: {reason}"), soft_wrap=True, highlight=False)
    folder, found = run_folder or Path("runs") / f"{base.name}-variants", []
    with progress(f"training {base.name}", len(fitting)) as (bar, task), _resumable(folder):

        def show(k: int) -> OnProgress:
            return lambda p: bar.update(task, note=f"{fitting[k]}: {_epoch(p)}")

        for trained in sweep(fitting, folder, device, show, fastest()):
            found.append(trained)
            bar.update(task, completed=len(found))
    if as_json:
        print_json([{**vars(t), "variant": t.variant.values} for t in found])
    elif markdown:
        print(sweep_markdown(found))
    else:
        out.print(sweep_table(found))


def _field(text: str) -> tuple[str, list[Any]]:
    """``FIELD=A,B``, each value a number where it reads as one."""
    key, equals, values = text.partition("=")
    if not equals or not values:
        raise BadInput(f"--each must be FIELD=VALUE,VALUE,..., not {text!r}")
    return key, [parse_value(value) for value in values.split(",")]


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """One who interrupts it is told how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        complain(f"stopped; {folder} keeps the epochs that are done, the same command goes on")
        raise typer.Exit(130) from None


def _epoch(p: TrainingProgress) -> str:
    return (
        f"{p.task}, epoch {p.epoch + 1}/{p.epochs}: loss {p.loss:.3f} {p.loss_unit}, "
        f"{p.metric} {p.validation_loss:.3f}, "
        f"zeros {p.sparsity:.0%}"
    )
