"""A person's network in floating point, as both readers hand it on, and the model that it becomes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from archsim.errors import BadInput, explain
from archsim.trace.graph import When
from workloads import cells
from workloads.config import (
    Config,
    Dense,
    DenseActivation,
    Embedding,
    HeadLayer,
    LayerConfig,
    OneHot,
    Pooling,
    Readout,
    Vector,
)
from workloads.dense import DenseNumbers
from workloads.importers.rounding import Float32s as Float32s
from workloads.importers.rounding import Rounded, rounded
from workloads.importers.rounding import StoredCodes as StoredCodes
from workloads.layer import Layer
from workloads.model import Model

Note = Callable[[str], None]
"""Takes what there is to say beside the model: a choice that was made, a conversion."""
InputKind = Literal["vector", "one_hot"]
Activation = Literal["tanh", "relu"]

CONVERTED = ("float16", "bfloat16", "float64")
"""Types that weights may have beside float32."""


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A recurrent layer as `workloads.cells` computes it: R rows, gate-major in the order of its cell.

    P is the size of h: H, or the rows of `projection`. Layers lie in the order that they are stacked in; the second
    direction of a bidirectional layer follows the first, and is `beside` it.
    """

    cell: str
    input_weight: Float32s  # (R, I)
    recurrent_weight: Float32s  # (R, P)
    bias: Float32s  # (R,) added to the input product
    candidate_bias: Float32s | None = None  # (H,) cell "gru": bias of the candidate's recurrent product
    initial_state: Float32s | None = None  # (states, H); with a projection (P + H,): h, then c. None: zeros
    projection: Float32s | None = None  # (P, H) h = W_hr (o * tanh(c)), without a bias: PyTorch's proj_size
    peepholes: Float32s | None = None  # (3, H) c seen by the gates i, f and o
    reverse: bool = False
    """It reads its sequence from the last step to the first."""
    beside: bool = False
    """It reads what the layer before it reads, and what lies above reads both: first that layer's h, then its own."""
    input_codes: StoredCodes | None = None
    """The integers that `input_weight` was stored as, where it was."""
    recurrent_codes: StoredCodes | None = None
    source: str = ""
    """What the file calls it, where it has names of layers and not of tensors."""

    @property
    def inputs(self) -> int:
        return int(self.input_weight.shape[1])

    @property
    def hidden(self) -> int:
        """H, units."""
        cell = cells.by_name(self.cell)
        return len(self.bias) // len(cell.gates)

    @property
    def outputs(self) -> int:
        """P, the size of h."""
        return int(self.recurrent_weight.shape[1])


@dataclass(frozen=True, eq=False)
class FloatDense:
    """``activation(W v + b)``: a dense layer before the recurrent ones, or between them and the readout."""

    weight: Float32s  # (O, I)
    bias: Float32s  # (O,)
    activation: DenseActivation = "none"

    def __call__(self, vectors: Float32s) -> Float32s:
        """What becomes of vectors ``(..., I)``: ``(..., O)``."""
        numbers = DenseNumbers(self.weight, np.ones(1, np.float32), self.bias)
        return np.asarray(numbers(vectors, "float32", self.activation), np.float32)


@dataclass(frozen=True, eq=False)
class ImportedNetwork:
    """Everything that an imported model computes with: ``input, dense, layers, pooling, head, readout``."""

    input: InputKind
    layers: tuple[FloatLayer, ...]
    embedding: Float32s | None = None  # (symbols, size)
    embedding_codes: StoredCodes | None = None
    """The integers that `embedding` was stored as, where it was."""
    readout_weight: Float32s | None = None  # (V, P), of a bidirectional last layer (V, 2 P)
    readout_bias: Float32s | None = None  # (V,)
    readout_codes: StoredCodes | None = None
    """The integers that `readout_weight` was stored as, where it was."""
    when: When = "every_step"
    dense: FloatDense | None = None
    """What vectors go through before the first recurrent layer."""
    head: tuple[FloatDense, ...] = ()
    """Dense layers between the last h and the readout."""
    pooling: Pooling | None = None
    """Over the steps of a sequence, of h, before `head` and readout, which then run at its last step."""
    at_last_position: bool = False
    """Of a readout at the last step above a layer that reads in reverse: it takes that layer's h at the last position
    (``output[:, -1]``), which is its first step, and not the h after its last step (``h_n``)."""
    tensor_names: Mapping[str, str] = field(default_factory=dict)
    """Names that a file gives to its matrices, by their roles in `matrices`."""

    def source_of(self, role: str) -> str:
        """What the file calls a matrix, or its layer; empty where it calls it nothing."""
        layers = {
            f"{matrix} {k}": layer.source
            for k, layer in enumerate(self.layers, start=1)
            for matrix in ("W_x", "W_h", "W_hr")
        }
        return self.tensor_names.get(role) or layers.get(role, "")

    @property
    def matrices(self) -> Iterator[tuple[str, Float32s]]:
        """Every weight matrix by its role, from the input up; layers are counted from 1, directions each."""
        if self.embedding is not None:
            yield "embedding", self.embedding
        if self.dense is not None:
            yield "dense", self.dense.weight
        for k, layer in enumerate(self.layers, start=1):
            yield f"W_x {k}", layer.input_weight
            yield f"W_h {k}", layer.recurrent_weight
            if layer.projection is not None:
                yield f"W_hr {k}", layer.projection
        for k, dense in enumerate(self.head, start=1):
            yield f"head {k}", dense.weight
        if self.readout_weight is not None:
            yield "readout", self.readout_weight


def make_layer(
    cell: str,
    input_weight: Float32s,
    recurrent_weight: Float32s,
    input_bias: Float32s | None,
    recurrent_bias: Float32s | None,
    initial_state: Float32s | None = None,
) -> FloatLayer:
    """A layer from two biases ``(R,)``, where it has them; its cell says which of them can be one."""
    rows, hidden = recurrent_weight.shape
    zeros = np.zeros(rows, np.float32)
    input_bias = zeros if input_bias is None else input_bias
    recurrent_bias = zeros if recurrent_bias is None else recurrent_bias
    candidate = None
    if cells.by_name(cell).shifts_candidate:
        candidate = recurrent_bias[-hidden:].copy()
        recurrent_bias = np.concatenate([recurrent_bias[:-hidden], np.zeros(hidden, np.float32)])
    if initial_state is not None and not initial_state.any():
        initial_state = None
    with np.errstate(over="ignore"):  # a model refuses what is not finite
        bias = input_bias + recurrent_bias
    return FloatLayer(cell, input_weight, recurrent_weight, bias, candidate, initial_state)


def as_float32(array: NDArray[Any], what: str, note: Note) -> Float32s:
    """`array` in float32; BadInput where it holds no floats, or something that is not finite in float32."""
    if array.dtype.name not in ("float32", *CONVERTED):
        raise BadInput(f"{what} must be of float32, {', '.join(CONVERTED)}, not {array.dtype}")
    if array.dtype.name != "float32":
        note(f"{array.dtype} weights are converted to float32")
    with np.errstate(over="ignore", invalid="ignore"):
        converted = array.astype(np.float32)  # a copy also of float32: a model makes its arrays read-only
    if not np.all(np.isfinite(converted)):
        raise BadInput(f"{what} must hold finite numbers only")
    return converted


@dataclass(frozen=True)
class Formats:
    """Formats that weights are rounded to on import; None: as the layers."""

    layers: str | None = None
    """None: integers that weights were stored as stay what they are, and all else is float32."""
    embedding: str | None = None
    readout: str | None = None


def to_model(network: ImportedNetwork, name: str, chosen: Formats) -> Model:
    """The model of a network, its weights as near as the chosen formats come; BadInput where it breaks a rule.

    What is dense before the layers, and a projection, have the format of the layers, and a head that of the readout.
    """
    layers = tuple(_layer(layer, chosen.layers, f"layer {k + 1}") for k, layer in enumerate(network.layers))
    embedding = _maybe(
        network.embedding, chosen.embedding or chosen.layers, "the embedding", network.embedding_codes
    )  # fmt: skip
    readout = _maybe(
        network.readout_weight, chosen.readout or chosen.layers, "the readout", network.readout_codes
    )  # fmt: skip
    before = _maybe(None if network.dense is None else network.dense.weight, chosen.layers, "the dense layer before")
    head = tuple(
        rounded(each.weight, chosen.readout or chosen.layers, f"dense layer {k + 1} of the head")
        for k, each in enumerate(network.head)
    )
    try:
        config = Config(
            name=name,
            task=None,
            input=_input(network, embedding, before),
            layers=tuple(layer.config for layer in layers),
            readout=_readout(network, readout, head),
        )
    except ValidationError as error:
        raise BadInput(explain(error)) from None
    bias = network.readout_bias
    if readout is not None and bias is None:
        bias = np.zeros(len(readout.codes), np.float32)
    return Model(
        config,
        layers,
        embedding_codes=None if embedding is None else embedding.codes,
        embedding_scale=None if embedding is None else embedding.scale,
        readout_codes=None if readout is None else readout.codes,
        readout_scale=None if readout is None else readout.scale,
        readout_bias=bias,
        dense=None if before is None or network.dense is None else _dense(before, network.dense),
        head=tuple(map(_dense, head, network.head)),
    )


def _maybe(
    weight: Float32s | None, format_name: str | None, what: str, stored: StoredCodes | None = None
) -> Rounded | None:
    return None if weight is None else rounded(weight, format_name, what, stored)


def _input(
    network: ImportedNetwork, embedding: Rounded | None, before: Rounded | None
) -> OneHot | Embedding | Vector | Dense:
    if embedding is not None:
        symbols, size = embedding.codes.shape
        return Embedding(symbols=symbols, size=size, weight_format=embedding.format)
    if before is not None and network.dense is not None:
        width, features = before.codes.shape
        return Dense(features=features, width=width, weight_format=before.format, activation=network.dense.activation)
    width = network.layers[0].inputs
    return OneHot(symbols=width) if network.input == "one_hot" else Vector(size=width)


def _readout(network: ImportedNetwork, readout: Rounded | None, head: tuple[Rounded, ...]) -> Readout | None:
    if readout is None:
        if network.head or network.pooling:
            raise BadInput(
                "a head or a pooling without a readout above it leads to nothing: the last dense layer is it"
            )
        return None
    return Readout(
        outputs=len(readout.codes),
        weight_format=readout.format,
        when=network.when,
        head=tuple(
            HeadLayer(outputs=len(weight.codes), weight_format=weight.format, activation=each.activation)
            for weight, each in zip(head, network.head, strict=True)
        ),
        pooling=network.pooling,
        at_last_position=network.at_last_position,
    )


def _dense(weight: Rounded, dense: FloatDense) -> DenseNumbers:
    return DenseNumbers(weight.codes, weight.scale, dense.bias)


def _layer(layer: FloatLayer, format_name: str | None, where: str) -> Layer:
    rows = len(layer.bias)
    stored = None if layer.projection is not None else layer.recurrent_codes  # a projection has the format of W_h
    recurrent = rounded(layer.recurrent_weight, format_name, f"W_h of {where}", stored)
    inputs = rounded(layer.input_weight, format_name, f"W_x of {where}", layer.input_codes)
    projection = _maybe(layer.projection, recurrent.format, f"the projection of {where}")
    config = LayerConfig(
        cell=layer.cell,
        hidden=layer.hidden,
        weight_format=recurrent.format,
        input_weight_format=inputs.format,
        reverse=layer.reverse,
        beside=layer.beside,
        projection=None if layer.projection is None else layer.outputs,
    )
    return Layer(
        config,
        recurrent.codes,
        inputs.codes,
        scale_recurrent=recurrent.by_row(rows),
        scale_input=inputs.by_row(rows),
        shift=layer.bias,
        shift_recurrent=layer.candidate_bias,
        initial_state=layer.initial_state,
        projection_codes=None if projection is None else projection.codes,
        scale_projection=None if projection is None else projection.by_row(layer.outputs),
        peepholes=layer.peepholes,
    )
