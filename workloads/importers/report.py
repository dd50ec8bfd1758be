"""What became of each weight matrix of an imported network: its role, its format, and how far it is from the source."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads import formats
from workloads.importers.network import Float32s, ImportedNetwork
from workloads.importers.rounding import Rounded
from workloads.model import Model


@dataclass(frozen=True)
class ImportedMatrix:
    """One weight matrix ``(rows, columns)``, and the error that rounding made."""

    role: str
    tensor: str
    """Its name in the file, or that of its layer; empty where the file gives none."""
    rows: int
    columns: int
    format: str
    error: float
    """Frobenius norm of the difference, over that of the source."""
    clipped: float
    """Share of weights beyond the largest code by more than half a step."""
    zero: float
    """Share of zeros."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def report_of(network: ImportedNetwork, model: Model) -> tuple[ImportedMatrix, ...]:
    """Every matrix of `network` beside that of the `model` it became, from the input up."""
    made = dict(_matrices(model))
    return tuple(_compared(role, network.source_of(role), weight, made[role]) for role, weight in network.matrices)


def _compared(role: str, tensor: str, source: Float32s, made: Rounded) -> ImportedMatrix:
    scale = made.scale.reshape(-1, 1)
    values = made.codes.astype(np.float32) * scale
    norm = float(np.linalg.norm(source))
    with np.errstate(over="ignore"):
        beyond = np.abs(source) > formats.by_name(made.format).reach * scale.astype(np.float64)
    rows, columns = source.shape
    return ImportedMatrix(
        role=role,
        tensor=tensor,
        rows=rows,
        columns=columns,
        format=made.format,
        error=float(np.linalg.norm(source - values)) / norm if norm else 0.0,
        clipped=float(np.mean(beyond)) if made.format != "float32" else 0.0,
        zero=float(np.mean(values == 0)),
    )


def _matrices(model: Model) -> Iterator[tuple[str, Rounded]]:
    """A model's matrices by the names that `ImportedNetwork.matrices` gives them."""

    def rounded(name: str, codes: NDArray[np.generic] | None, scale: Float32s | None) -> Rounded:
        assert codes is not None
        assert scale is not None
        return Rounded(name, codes, scale)

    config = model.config
    if config.input.kind == "embedding":
        yield "embedding", rounded(config.input.weight_format, model.embedding_codes, model.embedding_scale)
    if config.input.kind == "dense" and model.dense is not None:
        yield "dense", rounded(config.input.weight_format, model.dense.codes, model.dense.scale)
    for k, layer in enumerate(model.layers, start=1):
        own = layer.config
        yield f"W_x {k}", rounded(own.input_weight_format, layer.input_codes, layer.scale_input)
        yield f"W_h {k}", rounded(own.weight_format, layer.recurrent_codes, layer.scale_recurrent)
        if own.projection is not None:
            yield f"W_hr {k}", rounded(own.weight_format, layer.projection_codes, layer.scale_projection)
    if config.readout is not None:
        for k, (numbers, of_head) in enumerate(zip(model.head, config.readout.head, strict=True), start=1):
            yield f"head {k}", rounded(of_head.weight_format, numbers.codes, numbers.scale)
        yield "readout", rounded(config.readout.weight_format, model.readout_codes, model.readout_scale)
