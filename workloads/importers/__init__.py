"""A person's own model: from a PyTorch state dict (safetensors or ``torch.save``), from ONNX, or from Keras.

Nothing of a file is run, nothing in it is dropped in silence, and what cannot be computed here is refused by name.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.errors import BadInput
from workloads.importers import keras, onnx, pytorch
from workloads.importers.kinds import ZIP, refuse_other_kinds
from workloads.importers.network import Formats, ImportedNetwork, InputKind, Note, to_model
from workloads.importers.pytorch import Choices, DenseChoice
from workloads.importers.report import ImportedMatrix, report_of
from workloads.model import Model


@dataclass(frozen=True, eq=False)
class Imported:
    """A model that was imported, and what became of what was in the file."""

    model: Model
    network: ImportedNetwork
    """What the file holds, in floating point."""
    notes: tuple[str, ...]
    """Conversions and choices that were made."""

    @property
    def matrices(self) -> tuple[ImportedMatrix, ...]:
        """Role, format and error of every weight matrix, from the input up."""
        return report_of(self.network, self.model)

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
    note: Note = lambda text: None,
) -> Model:
    """The model in a file, called `name` or as the file is: in float32 by default, or in the integers it is stored as.

    What kind of file it is is seen from its content. `choices` are those of a state dict, `output` a tensor of an ONNX
    graph or a layer of Keras; `input_kind` says what one without an embedding reads. `note` is called, once each, with
    conversions and choices that were made. BadInput, on one line, names the file and what is wrong with it.
    """
    return import_with_report(
        path, name, input_kind=input_kind, formats=formats, choices=choices, output=output, note=note
    ).model


def import_with_report(
    path: str | Path,
    name: str | None = None,
    *,
    input_kind: InputKind = "vector",
    formats: Formats | None = None,
    choices: Choices | None = None,
    output: str | None = None,
    note: Note = lambda text: None,
) -> Imported:
    """`import_model`, with what became of each matrix."""
    path = Path(path)
    notes: list[str] = []

    def once(text: str) -> None:
        if text not in notes:
            notes.append(text)
            note(text)

    try:
        network = _network(path, input_kind, choices, output, once)
        model = to_model(network, path.stem if name is None else name, formats or Formats())
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return Imported(model, network, tuple(notes))


def _network(
    path: Path, input_kind: InputKind, choices: Choices | None, output: str | None, note: Note
) -> ImportedNetwork:
    refuse_other_kinds(path)
    kind = _kind(path)
    if kind in ("onnx", "keras"):
        if choices is not None and choices != Choices():
            what = {"onnx": "ONNX", "keras": "of Keras"}[kind]
            raise BadInput(
                f"is {what}, which says itself what its tensors are: options of a state dict do not go with it"
            )
        read_network = onnx.read_network if kind == "onnx" else keras.read_network
        return read_network(path, output, input_kind, note)
    if output is not None:
        raise BadInput("output: a state dict has none")
    chosen = choices or Choices()
    read = pytorch.read_safetensors if kind == "safetensors" else pytorch.read_torch
    return pytorch.to_network(read(path, chosen, note), input_kind, chosen, note)


_PICKLE = b"\x80"  # torch.save before 1.6


def _kind(path: Path) -> str:
    """safetensors (a length and a JSON object), keras, torch, or else onnx, which has no mark of its own."""
    if keras.is_keras(path):
        return "keras"
    with path.open("rb") as file:
        start = file.read(9)
    if len(start) == 9 and start.endswith(b"{"):  # first: a length may begin with any byte
        return "safetensors"
    return "torch" if start.startswith((ZIP, _PICKLE)) else "onnx"


__all__ = [
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
