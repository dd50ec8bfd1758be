"""`archsim import`: a network that was trained elsewhere, and what became of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.graph import When
from dse.cli.bars import progress
from dse.cli.clipping import clipped_json, say_clipped
from dse.cli.fixed_point import INSTEAD, FixedPoint
from dse.cli.options import BatchFirst, Json, either
from dse.cli.tables.layout import literal
from dse.cli.tables.networks import check_table, imported_table
from dse.cli.terminal import notes, out, print_json, say
from workloads import tasks
from workloads.config import Pooling
from workloads.evaluate import evaluate
from workloads.importers import Check, Choices, DenseChoice, Formats, Imported, import_with_report
from workloads.importers.network import Activation, InputKind
from workloads.model import Model
from workloads.numbers import Clipped
from workloads.record import given_array, given_sample
from workloads.tasks import METRIC_WORDS, Metric


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
        When | None,
        typer.Option(
            help="State dict: readout at every_step (default; or as --task) or last_step.", **either("--when", When)
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="A task, or a task's file, that it is for: its validation loss is measured.")
    ] = None,
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
    state_dict: Annotated[str | None, typer.Option(help="torch.save: path of the state dict in it.")] = None,
    as_json: Json = False,
) -> None:
    """Your own model: from a PyTorch state dict, from ONNX (extra `onnx`), or from Keras.

    archsim import mine.pt --head fc1:relu --readout fc2 --when last_step --out models/mine.safetensors

    archsim import mine.onnx --task mine.toml --weights fixed8 --state-bits 8 --input-bits 8 --input-integer-bits 2
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
        path, name, input_kind=input_, formats=formats, choices=chosen, output=output, task=task, note=_noted
    )
    fixed = FixedPoint(
        state_bits, input_bits, input_integer_bits, tuple(state_integer_bits or ()), calibrate, batch_first
    )
    model, clips = fixed.applied(imported.model)
    target = out_ or Path(f"{model.name}.safetensors")
    if target.resolve() == path.resolve():
        raise BadInput(f"--out: {target} is the file that is imported; name another")
    model.save(target)
    checked = None if check is None else imported.check(_check_inputs(check, imported, batch_first), model)
    result = _Result(imported, model, target, clips, checked, None if task is None else _measured(imported, model))
    if as_json:
        print_json(result.to_json())
    else:
        result.show()
    if checked is not None and not checked.passed:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Losses:
    """The metric of a task on its validation split."""

    metric: Metric
    source: float
    """Of the network in floating point."""
    imported: float

    def __str__(self) -> str:
        words = METRIC_WORDS[self.metric]
        title = f"validation {words.title}, {words.unit}"
        return f"{title}: {self.imported:.4g} as imported, {self.source:.4g} in floating point, as its source is"


def _measured(imported: Imported, model: Model) -> _Losses:
    with progress("measuring on the validation split", None):
        source = evaluate(imported.floats, "validation")
        return _Losses(tasks.by_name(model.task).metric, source, evaluate(model, "validation"))


@dataclass(frozen=True, eq=False)
class _Result:
    """What the command says of a network that it has written to `target`."""

    imported: Imported
    model: Model
    target: Path
    clips: tuple[Clipped, ...]
    checked: Check | None
    losses: _Losses | None

    def to_json(self) -> dict[str, Any]:
        return {
            "model": str(self.target),
            "weight_bytes": self.model.weight_bytes,
            "clipped": clipped_json(self.clips),
            "matrices": [matrix.to_json() for matrix in self.imported.matrices],
            **({} if self.checked is None else {"check": self.checked.to_json()}),
            **({} if self.losses is None else {"validation": asdict(self.losses)}),
            **self.model.config.model_dump(mode="json"),
        }

    def show(self) -> None:
        out.print(imported_table(self.imported.matrices))
        if self.checked is not None:
            out.print(check_table(self.checked))
        say_clipped(self.clips, INSTEAD)
        if self.losses is not None:
            say(str(self.losses))
        say(f"{self.target}: {self.model.config.title}, {self.model.weight_bytes:,} bytes")


def _check_inputs(path: Path, imported: Imported, batch_first: bool) -> NDArray[np.generic]:
    """Inputs as the source takes them; ONNX and Keras have a layout of their own, whatever --batch-first says."""
    own = imported.source.kind in ("onnx", "keras")
    return given_array(path, "inputs") if own else given_sample(path, batch_first).inputs


def _noted(text: str) -> None:
    notes.print(f"archsim: {literal(text)}", soft_wrap=True, highlight=False)
