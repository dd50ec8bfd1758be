"""`archsim train`: what needs PyTorch is loaded when it is called, and asked for by name where it is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from archsim.errors import BadInput
from dse.cli.options import Json


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe (TOML), or the name of a shipped one.")],
    run_folder: Annotated[Path | None, typer.Option("--run", help="Folder of the run; default runs/NAME.")] = None,
    out_: Annotated[Path, typer.Option("--out", help="Folder for the model and its card.")] = Path("results/models"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    each: Annotated[
        list[str] | None,
        typer.Option(help="A field and its values, FIELD=A,B,...: compare all combinations, write no model."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --each: the table as a page has it.")] = False,
    as_json: Json = False,
) -> None:
    """Train a recipe with PyTorch (extra `train`), or variants of it; the same command again resumes.

    archsim train workloads/training/recipes/wp-lstm256-ternary.toml

    archsim train my.toml --each weight_format=float32,ternary --each cell=lstm,gru
    """
    with _pytorch():
        from dse.cli import training
    if each:
        training.compare_variants(recipe, each, run_folder, device, markdown, as_json)
    else:
        training.train_one(recipe, run_folder, out_, device, as_json)


@contextmanager
def _pytorch() -> Iterator[None]:
    """BadInput where an import within finds no PyTorch."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise BadInput("archsim train needs PyTorch: pip install 'archsim[train]'") from None
