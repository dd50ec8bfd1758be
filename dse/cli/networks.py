"""Commands that make and compare trained networks: import, prune, sparsity."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.trace.graph import When
from dse.cli.clipping import clipped_json, say_clipped
from dse.cli.fixed_point import INSTEAD, FixedPoint
from dse.cli.inputs import for_task
from dse.cli.options import BatchFirst, DesignOption, Json, TaskOption, either
from dse.cli.tables.layout import literal
from dse.cli.tables.networks import check_table, imported_table, sparsity_markdown, sparsity_table, zeros_table
from dse.cli.terminal import notes, out, print_json, progress, say
from dse.evaluation.sparsity import sparsity_curve
from workloads import zoo
from workloads.config import Pooling
from workloads.importers import Check, Choices, DenseChoice, Formats, Imported, ImportedMatrix, import_with_report
from workloads.importers.network import Activation, InputKind
from workloads.model import Model
from workloads.numbers import Clipped
from workloads.record import given_array, given_sample, record_sample
from workloads.sparsify import prune_to, sample_of, zeros
from workloads.tasks import Split

PANEL = "Networks"
app = typer.Typer()


@app.command(name="import", rich_help_panel=PANEL, short_help="Your own model, from PyTorch, ONNX or Keras.")
def import_(
    path: Annotated[Path, typer.Argument(help="Safetensors or torch.save state dict, ONNX, .keras or .h5.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Model file to write; default NAME.safetensors.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the model; default: of the file.")] = None,
    input_: Annotated[
        InputKind,
        typer.Option("--input", help="vector or one_hot, where there is no embedding.", **either("--input", InputKind)),
    ] = "vector",
    weights: Annotated[
        str | None, typer.Option(help="Format that weights are rounded to; default: float32, or integers as stored.")
    ] = None,
    state_bits: Annotated[int | None, typer.Option(help="Fixed point of the states; default: float.")] = None,
    input_bits: Annotated[int | None, typer.Option(help="Fixed point of vectors that enter; default: float.")] = None,
    input_integer_bits: Annotated[
        int | None, typer.Option(help="Of those, before the point; default: what an embedding needs, 0 of vectors.")
    ] = None,
    state_integer_bits: Annotated[
        list[int] | None, typer.Option(help="Of the states, before the point; repeat it for those of each layer.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Inputs (.npy) that all integer bits are taken from, instead of naming them.")
    ] = None,
    batch_first: BatchFirst = False,
    embedding_weights: Annotated[str | None, typer.Option(help="Of the embedding; default: as the layers.")] = None,
    readout_weights: Annotated[str | None, typer.Option(help="Of the readout; default: as the layers.")] = None,
    output: Annotated[str | None, typer.Option(help="ONNX, Keras: the tensor, or layer, that is the result.")] = None,
    recurrent: Annotated[
        list[str] | None, typer.Option(help="State dict: a recurrent module, from the input up (repeatable).")
    ] = None,
    embedding: Annotated[str | None, typer.Option(help="State dict: the embedding's module.")] = None,
    readout: Annotated[str | None, typer.Option(help="State dict: the readout's module.")] = None,
    dense: Annotated[
        str | None, typer.Option(help="State dict: MODULE[:ACTIVATION], a dense layer before the recurrent ones.")
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(help="State dict: MODULE[:ACTIVATION], a dense layer before the readout (repeatable)."),
    ] = None,
    initial_h: Annotated[str | None, typer.Option(help="State dict: the tensor of a learned h at the start.")] = None,
    initial_c: Annotated[str | None, typer.Option(help="The same of c.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="State dict: a tensor or module that is not part of it (repeatable).")
    ] = None,
    activation: Annotated[
        Activation,
        typer.Option(help="State dict: of an nn.RNN, tanh or relu.", **either("--activation", Activation)),
    ] = "tanh",
    when: Annotated[
        When, typer.Option(help="State dict: readout at every_step or last_step.", **either("--when", When))
    ] = "every_step",
    at_last_position: Annotated[
        bool, typer.Option("--at-last-position", help="Of a bidirectional net: output[:, -1] is read, not h_n.")
    ] = False,
    pooling: Annotated[
        Pooling | None,
        typer.Option(help="State dict: mean or max of h over the steps.", **either("--pooling", Pooling)),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Inputs (.npy), as the source takes them, to run it beside the model; 1 if they differ."),
    ] = None,
    task: Annotated[str | None, typer.Option(help="What it is for: a task, or your own (TOML).")] = None,
    state_dict: Annotated[str | None, typer.Option(help="torch.save: path of the state dict in it.")] = None,
    as_json: Json = False,
) -> None:
    """Your own model: from a PyTorch state dict, from ONNX (extra `onnx`), or from Keras.

    archsim import mine.pt --head fc1:relu --readout fc2 --when last_step --out models/mine.safetensors

    archsim import mine.onnx --weights fixed8 --state-bits 8 --input-bits 8 --input-integer-bits 2
    """
    chosen = Choices(
        recurrent=tuple(recurrent or ()),
        embedding=embedding,
        readout=readout,
        dense=None if dense is None else DenseChoice.of(dense),
        head=tuple(map(DenseChoice.of, head or ())),
        initial_h=initial_h,
        initial_c=initial_c,
        ignore=tuple(ignore or ()),
        activation=activation,
        when=when,
        at_last_position=at_last_position,
        pooling=pooling,
        state_dict=state_dict,
    )
    formats = Formats(weights, embedding_weights, readout_weights)
    imported = import_with_report(
        path, name, input_kind=input_, formats=formats, choices=chosen, output=output, note=_noted
    )
    fixed = FixedPoint(
        state_bits, input_bits, input_integer_bits, tuple(state_integer_bits or ()), calibrate, batch_first
    )
    model, clips = fixed.applied(for_task(imported.model, task))
    checked = None if check is None else imported.check(_check_inputs(check, imported, batch_first), model)
    _written(model, imported.matrices, path, out_ or Path(f"{model.name}.safetensors"), as_json, clips, checked)
    if checked is not None and not checked.passed:
        raise typer.Exit(1)


def _check_inputs(path: Path, imported: Imported, batch_first: bool) -> NDArray[np.generic]:
    """Inputs as the source takes them; ONNX and Keras have a layout of their own, whatever --batch-first says."""
    own = imported.source.kind in ("onnx", "keras")
    return given_array(path, "inputs") if own else given_sample(path, batch_first).inputs


def _noted(text: str) -> None:
    notes.print(f"archsim: {literal(text)}", soft_wrap=True, highlight=False)


def _written(
    model: Model,
    matrices: tuple[ImportedMatrix, ...],
    source: Path,
    target: Path,
    as_json: bool,
    clips: tuple[Clipped, ...],
    checked: Check | None,
) -> None:
    if target.resolve() == source.resolve():
        raise BadInput(f"--out: {target} is the file that is imported; name another")
    model.save(target)
    if as_json:
        said: dict[str, object] = {
            "model": str(target),
            "weight_bytes": model.weight_bytes,
            "clipped": clipped_json(clips),
        }
        said |= {"matrices": [matrix.to_json() for matrix in matrices]}
        said |= {} if checked is None else {"check": checked.to_json()}
        print_json({**said, **model.config.model_dump(mode="json")})
        return
    out.print(imported_table(matrices))
    if checked is not None:
        out.print(check_table(checked))
    say_clipped(clips, INSTEAD)
    say(f"{target}: {model.config.title}, {model.weight_bytes:,} bytes")


@app.command(rich_help_panel=PANEL, short_help="State thresholds that leave so many zeros, untrained.")
def prune(
    workload: Annotated[str, typer.Argument(help="A zoo model, or a model file.")],
    out_: Annotated[Path, typer.Option("--out", help="File to write (.safetensors).")],
    sparsity: Annotated[
        list[float], typer.Option(help="Share of the state to be zero; repeat it for a share of each layer.")
    ],
    task: TaskOption = None,
    inputs: Annotated[Path | None, typer.Option(help="Inputs (.npy) instead of the task's validation data.")] = None,
    batch_first: BatchFirst = False,
    as_json: Json = False,
) -> None:
    """Find the state thresholds that leave so many zeros, without training again.

    archsim prune wp-lstm256-ternary --sparsity 0.5 --out half.safetensors

    archsim prune stack.safetensors --sparsity 0.9 --sparsity 0.8 --inputs mine.npy --out pruned.safetensors
    """
    model = for_task(zoo.load_model(workload), task)
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


@app.command(rich_help_panel=PANEL, short_help="What zeros in the state cost in accuracy, and gain in speed.")
def sparsity(
    workloads: Annotated[list[str], typer.Argument(help="Zoo models, or model files.")],
    task: TaskOption = None,
    design: DesignOption = "skip-65nm",
    lanes: Annotated[list[int] | None, typer.Option(min=1, help="Sequences side by side; default: 1 and 8.")] = None,
    at: Annotated[list[float] | None, typer.Option(help="Pruned to this share as well (repeatable).")] = None,
    split: Annotated[Split, typer.Option(help="Data that all is measured on.")] = "validation",
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/results has it.")] = False,
    as_json: Json = False,
) -> None:
    """What zeros in the state cost in accuracy, and gain in speed: models as trained, and pruned harder.

    archsim sparsity wp-lstm256-ternary wp-lstm256-ternary-s50 wp-lstm256-ternary-s90

    archsim sparsity mine.safetensors --at 0.5 --at 0.8 --at 0.9 --design mine.toml --lanes 4
    """
    points = []
    with progress("measuring", len(workloads) * (1 + len(at or []))) as (bar, shown):
        for point in sparsity_curve(workloads, load_design(design), lanes or (1, 8), at or (), split, task):
            points.append(point)
            bar.update(shown, advance=1, note=f"{point.model}: {point.sparsity:.0%} zeros, {point.loss:.3f}")
    if as_json:
        print_json([point.to_json() for point in points])
    elif markdown:
        print(sparsity_markdown(points))
    else:
        out.print(sparsity_table(points))
