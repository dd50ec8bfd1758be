"""The network of a graph, put together from its output back to its input."""

from dataclasses import dataclass, field, replace

import numpy as np

from archsim.errors import BadInput
from archsim.trace.graph import When
from workloads.config import Pooling
from workloads.importers.network import Float32s, FloatDense, FloatLayer, ImportedNetwork, InputKind, Note, StoredCodes


@dataclass(frozen=True, eq=False)
class Met:
    """A dense layer of the graph, the integers that its matrix was stored as, and what the file calls it."""

    dense: FloatDense
    codes: StoredCodes | None = None
    tensor: str = ""


@dataclass
class Chain:
    """What has been met so far on the way from the output back to the input."""

    note: Note
    above: list[Met] = field(default_factory=list)
    """Dense layers above the recurrent ones, the last one first."""
    pooling: Pooling | None = None
    when: When = "every_step"
    at_last_position: bool = False
    layers: tuple[FloatLayer, ...] = ()
    layer_names: tuple[tuple[str, ...], ...] = ()
    """What the file calls W and R of each layer."""
    below: list[Met] = field(default_factory=list)
    """Dense layers below the recurrent ones, the last one first."""
    table: Float32s | None = None
    table_name: str = ""
    one_hot: bool = False

    @property
    def fresh(self) -> bool:
        """Nothing has been met: what is met next is an end of the graph."""
        return not (self.above or self.layers or self.pooling)

    def add_dense(self, met: Met) -> None:
        (self.below if self.layers else self.above).append(met)

    def network(self, input_kind: InputKind) -> ImportedNetwork:
        table = self._table(input_kind)
        dense = None if table is not None else self._dense()
        above = self._above()
        readout = above[0] if above else None
        if readout is None and self.when == "last_step":
            self.note("the output is h of the last step, and there is no readout: the model has h of every step")
        return ImportedNetwork(
            input="one_hot" if self.one_hot and table is None else input_kind if table is None else "vector",
            layers=self.layers,
            embedding=table,
            readout_weight=None if readout is None else readout.dense.weight,
            readout_bias=None if readout is None else readout.dense.bias,
            readout_codes=None if readout is None else readout.codes,
            when="every_step" if readout is None else self.when,
            dense=None if dense is None else dense.dense,
            head=tuple(met.dense for met in above[:0:-1]),
            pooling=self.pooling,
            at_last_position=self.at_last_position and readout is not None,
            tensor_names=self._names(dense, above),
        )

    def _dense(self) -> Met | None:
        """The dense layer before the recurrent ones; linear ones are folded into what follows them."""
        if len(self.below) <= 1:
            return self.below[0] if self.below else None
        whole, *others = (met.dense for met in reversed(self.below))
        for upper in others:
            if whole.activation != "none":
                raise BadInput(
                    "two dense layers with an activation between lie before the recurrent ones: only one is supported"
                )
            bias = upper.bias + upper.weight @ whole.bias
            whole = FloatDense(upper.weight @ whole.weight, bias, upper.activation)
        self.note("dense layers without an activation between them are folded into one")
        return Met(whole)

    def _names(self, dense: Met | None, above: list[Met]) -> dict[str, str]:
        """What the file calls each matrix, by its role."""
        names = {"embedding": "" if self.below else self.table_name, "dense": "" if dense is None else dense.tensor}
        for k, (w, r) in enumerate(self.layer_names, start=1):
            names |= {f"W_x {k}": w, f"W_h {k}": r}
        names |= {f"head {k}": met.tensor for k, met in enumerate(above[:0:-1], start=1)}
        if above:
            names["readout"] = above[0].tensor
        return {role: name for role, name in names.items() if name}

    def _table(self, input_kind: InputKind) -> Float32s | None:
        """The embedding; dense layers that follow it, or follow a one-hot input, are functions of the symbol alone."""
        table = self.table
        if table is not None and input_kind == "one_hot":
            raise BadInput("input: one_hot does not go with an embedding")
        if table is None and self.below and (self.one_hot or input_kind == "one_hot"):
            table = np.eye(self.below[-1].dense.weight.shape[1], dtype=np.float32)
        if table is None:
            return None
        for met in reversed(self.below):
            self.note("what is computed of a symbol before the first recurrent layer is folded into the embedding")
            with np.errstate(all="ignore"):  # a model refuses what is not finite
                table = met.dense(table)
        return table

    def _above(self) -> list[Met]:
        """The readout and the dense layers below it, the last one first; a readout itself has no activation."""
        if not self.above:
            if self.pooling is None:
                return []
            self.note("the output is pooled h: its readout is the identity")
            return [_identity(_outputs(self.layers))]
        last, *others = self.above
        match last.dense.activation:
            case "none":
                return self.above
            case "sigmoid":
                self.note(passed_over("Sigmoid"))
                return [replace(last, dense=replace(last.dense, activation="none")), *others]
            case "relu" | "tanh":
                self.note(f"the output is {last.dense.activation} of a dense layer: its readout is the identity")
                return [_identity(len(last.dense.weight)), *self.above]


def passed_over(end: str) -> str:
    return f"{end} at the end is passed over: the model gives what it is taken of (logits), in the same order of size"


def _identity(size: int) -> Met:
    return Met(FloatDense(np.eye(size, dtype=np.float32), np.zeros(size, np.float32)))


def _outputs(layers: tuple[FloatLayer, ...]) -> int:
    """Elements of h of the last layer, over both of its directions."""
    last = layers[-1]
    return last.outputs + (layers[-2].outputs if last.beside else 0)
