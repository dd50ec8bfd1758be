"""The network of a graph, put together from its output back to its input."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.graph import When
from workloads.config import Pooling
from workloads.importers.network import Float32s, FloatDense, FloatLayer, ImportedNetwork, InputKind, Note


@dataclass
class Chain:
    """What has been met so far on the way from the output back to the input."""

    note: Note
    above: list[FloatDense] = field(default_factory=list)
    """Dense layers above the recurrent ones, the last one first."""
    pooling: Pooling | None = None
    when: When = "every_step"
    at_last_position: bool = False
    layers: tuple[FloatLayer, ...] = ()
    below: list[FloatDense] = field(default_factory=list)
    """Dense layers below the recurrent ones, the last one first."""
    table: Float32s | None = None
    one_hot: bool = False

    @property
    def fresh(self) -> bool:
        """Nothing has been met: what is met next is an end of the graph."""
        return not (self.above or self.layers or self.pooling)

    def add_dense(self, dense: FloatDense) -> None:
        (self.below if self.layers else self.above).append(dense)

    def network(self, input_kind: InputKind) -> ImportedNetwork:
        table, dense = self._table(input_kind), None
        if table is None and self.below:
            (dense,) = self.below if len(self.below) == 1 else (None,)
            if dense is None:
                raise BadInput("at most one dense layer before the recurrent ones is supported: fold them into one")
        readout, *head = self._readout()
        if readout is None and self.when == "last_step":
            self.note("the output is h of the last step, and there is no readout: the model has h of every step")
        return ImportedNetwork(
            input="one_hot" if self.one_hot and table is None else input_kind if table is None else "vector",
            layers=self.layers,
            embedding=table,
            readout_weight=None if readout is None else readout.weight,
            readout_bias=None if readout is None else readout.bias,
            when="every_step" if readout is None else self.when,
            dense=dense,
            head=tuple(layer for layer in head[::-1] if layer is not None),
            pooling=self.pooling,
            at_last_position=self.at_last_position and readout is not None,
        )

    def _table(self, input_kind: InputKind) -> Float32s | None:
        """The embedding; dense layers that follow it, or follow a one-hot input, are functions of the symbol alone."""
        table = self.table
        if table is not None and input_kind == "one_hot":
            raise BadInput("input: one_hot does not go with an embedding")
        if table is None and self.below and (self.one_hot or input_kind == "one_hot"):
            table = np.eye(self.below[-1].weight.shape[1], dtype=np.float32)
        if table is None:
            return None
        for dense in reversed(self.below):
            self.note("what is computed of a symbol before the first recurrent layer is folded into the embedding")
            with np.errstate(all="ignore"):  # a model refuses what is not finite
                table = computed(dense, table).astype(np.float32)
        return table

    def _readout(self) -> list[FloatDense | None]:
        """The readout and the dense layers below it, the last one first; a readout itself has no activation."""
        if not self.above:
            if self.pooling is None:
                return [None]
            self.note("the output is pooled h: its readout is the identity")
            return [identity(_outputs(self.layers))]
        last, *others = self.above
        if last.activation == "none":
            return [last, *others]
        if last.activation == "sigmoid":
            self.note(passed_over("Sigmoid"))
            return [FloatDense(last.weight, last.bias), *others]
        self.note(f"the output is {last.activation} of a dense layer: its readout is the identity")
        return [identity(len(last.weight)), last, *others]


def passed_over(end: str) -> str:
    return f"{end} at the end is passed over: the model gives what it is taken of (logits), in the same order of size"


def identity(size: int) -> FloatDense:
    return FloatDense(np.eye(size, dtype=np.float32), np.zeros(size, np.float32))


def _outputs(layers: tuple[FloatLayer, ...]) -> int:
    """Elements of h of the last layer, over both of its directions."""
    last = layers[-1]
    return last.outputs + (layers[-2].outputs if last.beside else 0)


def computed(dense: FloatDense, vectors: Float32s) -> NDArray[np.float64]:
    """What a dense layer makes of vectors ``(n, I)``, in double precision."""
    sums = vectors.astype(np.float64) @ dense.weight.T + dense.bias
    match dense.activation:
        case "none":
            return sums
        case "relu":
            return np.maximum(sums, 0)
        case "tanh":
            return np.tanh(sums)
        case "sigmoid":
            return 1 / (1 + np.exp(-sums))
