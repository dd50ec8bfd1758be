"""A person's own model: from a PyTorch state dict (safetensors or ``torch.save``), from ONNX, or from Keras.

Nothing of a file is run, nothing in it is dropped in silence, and what cannot be computed here is refused by name.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.graph import When
from workloads import tasks
from workloads.importers import keras, onnx, pytorch
from workloads.importers.check import Check, compared
from workloads.importers.check.graphs import run_graph
from workloads.importers.check.keras_models import run_keras
from workloads.importers.check.modules import run_modules
from workloads.importers.kinds import ZIP, refuse_other_kinds
from workloads.importers.network import Formats, ImportedNetwork, InputKind, Note, to_model
from workloads.importers.pytorch import Choices, DenseChoice
from workloads.importers.report import ImportedMatrix, report_of
from workloads.model import Model

Kind = Literal["safetensors", "torch", "onnx", "keras"]


@dataclass(frozen=True)
class Source:
    """The file of a model, and which of its tensors is the result."""

    path: Path
    kind: Kind
    output: str | None = None


@dataclass(frozen=True, eq=False)
class Imported:
    """A model that was imported, and what became of what was in the file."""

    source: Source
    model: Model
    network: ImportedNetwork
    """What the file holds, in floating point."""
    notes: tuple[str, ...]
    """Conversions and choices that were made."""

    @property
    def matrices(self) -> tuple[ImportedMatrix, ...]:
        """Role, format and error of every weight matrix, from the input up."""
        return report_of(self.network, self.model)

    @property
    def floats(self) -> Model:
        """The model with nothing rounded, of the same task."""
        model = to_model(self.network, self.model.name, Formats("float32", "float32", "float32"))
        return model if self.model.config.task is None else model.with_task(self.model.config.task)

    def check(self, inputs: NDArray[np.generic], rounded: Model | None = None) -> Check:
        """The model beside its source, which is run on `inputs`; `rounded`: another one made of it, by fewer bits.

        Symbols are ``(T, B)``, vectors ``(T, B, I)``; an ONNX graph takes them in its own layout, and Keras sequences
        first. BadInput where what runs the source is not installed, or does not take them.
        """
        symbols = self.floats.config.input.symbols is not None
        if self.source.kind == "onnx":
            run = run_graph(self.source.path, self.source.output, inputs, symbols)
        elif self.source.kind == "keras":
            run = run_keras(self.source.path, inputs, symbols)
        else:
            run = run_modules(self.network, inputs)
        return compared(run, self.floats, rounded or self.model)

    def to_frame(self) -> Any:
        """The same as a pandas DataFrame, a line a matrix."""
        import pandas  # only here: it takes longer to load than most models

        return pandas.DataFrame([matrix.to_json() for matrix in self.matrices])


def import_model(
    path: str | Path,
    name: str | None = None,
    *,
    input_kind: InputKind = "vector",
    formats: Formats | None = None,
    choices: Choices | None = None,
    output: str | None = None,
    task: str | Path | None = None,
    note: Note = lambda text: None,
) -> Model:
    """The model in a file, called `name` or as the file is: in float32 by default, or in the integers it is stored as.

    What kind of file it is is seen from its content. `choices` are those of a state dict, `output` a tensor of an ONNX
    graph or a layer of Keras; `input_kind` says what one without an embedding reads; `task` says what the model is
    for, by its name or its file. `note` is called, once each, with conversions and choices that were made. BadInput
    names the file and what is wrong with it, on one line, or on one for each size that does not fit the task.
    """
    return import_with_report(
        path, name, input_kind=input_kind, formats=formats, choices=choices, output=output, task=task, note=note
    ).model


def import_with_report(
    path: str | Path,
    name: str | None = None,
    *,
    input_kind: InputKind = "vector",
    formats: Formats | None = None,
    choices: Choices | None = None,
    output: str | None = None,
    task: str | Path | None = None,
    note: Note = lambda text: None,
) -> Imported:
    """`import_model`, with what became of each matrix."""
    path = Path(path)
    notes: list[str] = []

    def once(text: str) -> None:
        if text not in notes:
            notes.append(text)
            note(text)

    its_task = None if task is None else tasks.by_name(task)
    try:
        refuse_other_kinds(path)
        source = Source(path, _kind(path), output)
        if its_task is not None and source.kind in ("safetensors", "torch"):
            choices = _at_steps_of(its_task.readout, choices or Choices(), once)
        network = _network(source, input_kind, choices, once)
        if its_task is not None and its_task.predicts == "classes" and its_task.outputs == 2:
            network = _with_two_scores(network, once)
        model = to_model(network, path.stem if name is None else name, formats or Formats())
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return Imported(source, model if task is None else model.with_task(task), network, tuple(notes))


def _at_steps_of(readout: When, choices: Choices, note: Note) -> Choices:
    """The choices of a state dict, which does not tell what a task does: which steps the readout runs at."""
    if choices.when is not None or choices.pooling is not None:
        return choices
    note(f"the readout runs at {'the last step' if readout == 'last_step' else 'every step'}, as the task needs it")
    return replace(choices, when=readout)


def _with_two_scores(network: ImportedNetwork, note: Note) -> ImportedNetwork:
    """One score, which a sigmoid would turn into the probability of the second class, as scores of both classes.

    ``sigmoid(z) = softmax(0, z)[1]``.
    """
    weight, bias, codes = network.readout_weight, network.readout_bias, network.readout_codes
    if weight is None or len(weight) != 1:
        return network
    note("the readout has one output, the score of the second class: that of the first is 0")
    return replace(
        network,
        readout_weight=np.concatenate([np.zeros_like(weight), weight]),
        readout_bias=None if bias is None else np.concatenate([np.zeros_like(bias), bias]),
        readout_codes=None if codes is None else replace(codes, codes=np.concatenate([0 * codes.codes, codes.codes])),
    )


def _network(source: Source, input_kind: InputKind, choices: Choices | None, note: Note) -> ImportedNetwork:
    if source.kind in ("onnx", "keras"):
        if choices is not None and choices != Choices():
            what = {"onnx": "ONNX", "keras": "of Keras"}[source.kind]
            raise BadInput(
                f"is {what}, which says itself what its tensors are: options of a state dict do not go with it"
            )
        read_network = onnx.read_network if source.kind == "onnx" else keras.read_network
        return read_network(source.path, source.output, input_kind, note)
    if source.output is not None:
        raise BadInput("output: a state dict has none")
    chosen = choices or Choices()
    read = pytorch.read_safetensors if source.kind == "safetensors" else pytorch.read_torch
    return pytorch.to_network(read(source.path, chosen, note), input_kind, chosen, note)


_PICKLE = b"\x80"  # torch.save before 1.6


def _kind(path: Path) -> Kind:
    """safetensors (a length and a JSON object), keras, torch, or else onnx, which has no mark of its own."""
    if keras.is_keras(path):
        return "keras"
    with path.open("rb") as file:
        start = file.read(9)
    if len(start) == 9 and start.endswith(b"{"):  # first: a length may begin with any byte
        return "safetensors"
    return "torch" if start.startswith((ZIP, _PICKLE)) else "onnx"


__all__ = [
    "Check",
    "Choices",
    "DenseChoice",
    "Formats",
    "Imported",
    "ImportedMatrix",
    "ImportedNetwork",
    "import_model",
    "import_with_report",
    "to_model",
]
