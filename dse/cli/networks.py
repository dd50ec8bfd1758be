"""Commands that make networks sparser, and compare them: prune, sparsity."""

from pathlib import Path
from typing import Annotated

import typer

from archsim.design import load_design
from dse.cli.bars import progress
from dse.cli.inputs import for_task
from dse.cli.options import BatchFirst, DesignOption, Json, PrunedFor, TaskOption
from dse.cli.tables.networks import sparsity_markdown, sparsity_table, zeros_table
from dse.cli.terminal import out, print_json, say
from dse.evaluation.sparsity import sparsity_curve
from workloads import zoo
from workloads.record import given_sample, record_sample
from workloads.sparsify import prune_to, sample_of, zeros
from workloads.tasks import Split


def prune(
    workload: Annotated[str, typer.Argument(help="A zoo model, or a model file.")],
    out_: Annotated[Path, typer.Option("--out", help="File to write (.safetensors).")],
    sparsity: Annotated[
        list[float], typer.Option(help="Share of the state to be zero; repeat it for a share of each layer.")
    ],
    task: TaskOption = None,
    consumers: PrunedFor = None,
    inputs: Annotated[Path | None, typer.Option(help="Inputs (.npy) instead of the task's validation data.")] = None,
    batch_first: BatchFirst = False,
    as_json: Json = False,
) -> None:
    """Find the state thresholds that leave so many zeros, without training again.

    archsim prune wp-lstm256-ternary --sparsity 0.5 --out half.safetensors

    archsim prune stack.safetensors --sparsity 0.9 --sparsity 0.8 --for recurrence --inputs mine.npy --out s.safetensors
    """
    model = for_task(zoo.load_model(workload), task)
    model = model.with_pruned(consumers) if consumers else model
    sample = sample_of(model) if inputs is None else given_sample(inputs, batch_first)
    with progress("bisecting thresholds", None):
        pruned = prune_to(model, sparsity if len(sparsity) > 1 else sparsity[0], sample)
    pruned.save(out_)
    found = zeros(record_sample(pruned, sample, {}))
    thresholds = [layer.threshold for layer in pruned.config.layers]
    if as_json:
        lying = [{"operand": z.operand, "sparsity": z.sparsity, "union": z.union} for z in found]
        print_json({"model": str(out_), "thresholds": thresholds, "zeros": lying})
        return
    out.print(zeros_table(found))
    say(f"thresholds {', '.join(f'{t:.4g}' for t in thresholds)}: written to {out_}")


def sparsity(
    workloads: Annotated[list[str], typer.Argument(help="Zoo models, or model files.")],
    task: TaskOption = None,
    design: DesignOption = "skip-65nm",
    lanes: Annotated[list[int] | None, typer.Option(min=1, help="Sequences side by side; default: 1 and 8.")] = None,
    at: Annotated[list[float] | None, typer.Option(help="Pruned to this share as well (repeatable).")] = None,
    consumers: PrunedFor = None,
    split: Annotated[Split, typer.Option(help="Data that all is measured on.")] = "validation",
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/results has it.")] = False,
    as_json: Json = False,
) -> None:
    """What zeros in the state cost in accuracy, and gain in speed: models as trained, and pruned harder.

    archsim sparsity wp-lstm256-ternary wp-lstm256-ternary-s50 wp-lstm256-ternary-s90

    archsim sparsity mine.safetensors --at 0.5 --at 0.9 --for recurrence --design mine.toml --lanes 4
    """
    points = []
    with progress("measuring", len(workloads) * (1 + len(at or []))) as (bar, shown):
        shares, used = at or (), lanes or (1, 8)
        for point in sparsity_curve(workloads, load_design(design), used, shares, split, task, consumers or ()):
            points.append(point)
            bar.update(shown, advance=1, note=f"{point.model}: {point.sparsity:.0%} zeros, {point.loss:.3f}")
    if as_json:
        print_json([point.to_json() for point in points])
    elif markdown:
        print(sparsity_markdown(points))
    else:
        out.print(sparsity_table(points))
