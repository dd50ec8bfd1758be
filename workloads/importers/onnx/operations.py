"""What computes the numbers of a graph, and what each is in a network."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workloads.config import Pooling
from workloads.importers.network import Float32s, FloatDense, FloatLayer, StoredCodes
from workloads.importers.onnx.chain import Chain, Met, passed_over
from workloads.importers.onnx.file import Node
from workloads.importers.onnx.flow import Reads, Source

AN_END = 4
"""The rank of what follows logits."""


@dataclass(frozen=True, eq=False)
class Entry:
    """An input of the graph."""

    name: str
    integers: bool
    rank: int = 0
    needs: tuple[Source, ...] = ()

    def add_to(self, chain: Chain, reads: Reads) -> None:
        """Vectors of a person's data."""


@dataclass(frozen=True, eq=False)
class Lookup:
    """Rows of a table ``(symbols, size)``, or columns of one-hot vectors, by the symbols of an input."""

    node: Node
    symbols: Source
    table: Float32s | None
    tensor: str = ""
    """What the file calls the table."""
    rank: int = 0

    @property
    def needs(self) -> tuple[Source, ...]:
        return (self.symbols,)

    def add_to(self, chain: Chain, reads: Reads) -> None:
        chain.table, chain.one_hot = self.table, self.table is None
        chain.table_name = self.tensor


@dataclass(frozen=True, eq=False)
class Recurrence:
    """One direction of a recurrent node: h at every step."""

    node: Node
    layer: FloatLayer
    reads: Reads
    unequal: bool
    """Sequences end at lengths of their own, and what lies behind them is zero."""
    rank: int = 2

    @property
    def needs(self) -> tuple[Source, ...]:
        return self.reads.parts

    def add_to(self, chain: Chain, reads: Reads) -> Reads:
        return _add_layers(chain, self, [self._at(chain, *read) for read in zip(reads.parts, reads.steps, strict=True)])

    def _at(self, chain: Chain, part: Source, step: int | None) -> "Recurrence":
        """Take down which step the readout reads at."""
        of = _of(self, part)
        if step is not None:
            last = part.grid[0] - 1
            if self.unequal:
                raise self.node.refused("a step of sequences of unequal length is read by its index: read Y_h instead")
            if step not in ((0, last) if of.layer.reverse else (last,)):
                raise self.node.refused(f"step {step} of its h is read: only every step or the last one can be")
            chain.when = "last_step"
            chain.at_last_position |= of.layer.reverse and step == last
        return of


def _of(first: Recurrence, part: Source) -> Recurrence:
    """The recurrence that made a source; BadInput where it reads something else than the first, or as it does."""
    of = part.of
    if not isinstance(of, Recurrence) or not of.reads.same(first.reads):
        raise first.node.refused(
            "its h is joined with something else before it is read, such as another h: choose one with --output"
        )
    return of


def _add_layers(chain: Chain, first: Recurrence, directions: list[Recurrence]) -> Reads:
    if chain.below:
        raise first.node.refused("a dense layer between it and the next recurrent layer is not supported")
    if [of.layer.reverse for of in directions] not in ([False], [True], [False, True]):
        raise first.node.refused("its h is joined with that of another layer, which is not supported")
    layers = tuple(replace(of.layer, beside=k > 0) for k, of in enumerate(directions))
    chain.layers = (*layers, *chain.layers)
    chain.layer_names = (*(of.node.inputs[1:3] for of in directions), *chain.layer_names)
    return first.reads


@dataclass(frozen=True, eq=False)
class Final:
    """h of one direction after the last step of each sequence, where they are of unequal length."""

    of: Source
    rank: int = 1

    @property
    def needs(self) -> tuple[Source, ...]:
        return (self.of,)

    def add_to(self, chain: Chain, reads: Reads) -> Reads:
        first = self.of.of
        assert isinstance(first, Recurrence)
        own = [part.of.of if isinstance(part.of, Final) else part for part in reads.parts]
        chain.when = "last_step"
        return _add_layers(chain, first, [_of(first, part) for part in own])


@dataclass(frozen=True, eq=False)
class CellState:
    """c of one direction after the last step."""

    node: Node
    of: Source
    rank: int = 0

    @property
    def needs(self) -> tuple[Source, ...]:
        return (self.of,)

    def add_to(self, chain: Chain, reads: Reads) -> Reads:
        raise self.node.refused("its cell state is read, which is not supported: only h can be")


@dataclass(frozen=True, eq=False)
class Dense:
    """A dense layer of the vectors that it reads."""

    node: Node
    dense: FloatDense
    reads: Reads
    codes: StoredCodes | None
    """The integers that its matrix was stored as."""
    tensor: str
    """What the file calls its matrix."""
    rank: int = 3

    @property
    def needs(self) -> tuple[Source, ...]:
        return self.reads.parts

    def bent(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> "Dense":
        """``scale * this + shift``, one of each for every output; it must have no activation."""
        weight, codes = self.dense.weight, self.codes
        if (scale != 1).any():
            weight = (weight * scale[:, None]).astype(np.float32)
            codes = None if codes is None else _scaled(codes, scale)
        bias = (self.dense.bias * scale + shift).astype(np.float32)
        return replace(self, dense=FloatDense(weight, bias), codes=codes)

    def add_to(self, chain: Chain, reads: Reads) -> Reads:
        _alone(self.node, reads)
        chain.add_dense(Met(self.dense, self.codes, self.tensor))
        return self.reads.at(reads.steps[0])


def _scaled(codes: StoredCodes, scale: NDArray[np.float64]) -> StoredCodes:
    each = (codes.scale * scale).astype(np.float32)
    return replace(codes, scale=each[:1] if (each == each[0]).all() else each)


def _alone(node: Node, reads: Reads) -> None:
    if len(reads.parts) > 1:
        raise node.refused("its output is joined with something else before it is read, which is not supported")


@dataclass(frozen=True, eq=False)
class Pooled:
    """Mean or maximum over the steps."""

    node: Node
    kind: Pooling
    of: Source
    rank: int = 3

    @property
    def needs(self) -> tuple[Source, ...]:
        return (self.of,)

    def add_to(self, chain: Chain, reads: Reads) -> Reads:
        if chain.layers:
            raise self.node.refused("only what lies above the recurrent layers can be pooled")
        if chain.pooling is not None:
            raise self.node.refused("the steps are pooled twice, which is not supported")
        if not all(isinstance(part.of, Pooled) and part.of.kind == self.kind for part in reads.parts):
            raise self.node.refused("its output is joined with something else before it is read")
        under = tuple(part.of.of for part in reads.parts if isinstance(part.of, Pooled))
        below = replace(reads, parts=under, steps=(None,) * len(under))
        first = self.of.of
        while isinstance(first, Dense):  # the mean of a linear layer is that layer of the mean
            if self.kind != "mean" or first.dense.activation != "none":
                raise self.node.refused("must pool h, not what a dense layer makes of it")
            below = first.add_to(chain, below)
            first = below.parts[0].of
        if not isinstance(first, Recurrence):
            raise self.node.refused("must pool h of a recurrent layer")
        if first.unequal:
            raise self.node.refused("must not pool sequences of unequal length, as it pools what lies behind them too")
        chain.pooling, chain.when = self.kind, "last_step"
        return below


@dataclass(frozen=True, eq=False)
class End:
    """Softmax and the like, which change no order of the outputs."""

    node: Node
    of: Source
    rank: int = AN_END

    @property
    def needs(self) -> tuple[Source, ...]:
        return (self.of,)

    def add_to(self, chain: Chain, reads: Reads) -> Reads:
        _alone(self.node, reads)
        if not chain.fresh:
            raise self.node.refused("is supported at the end of a graph only")
        chain.note(passed_over(self.node.op))
        size = self.of.size
        return Reads((self.of,), reads.steps, size, np.arange(size), np.ones(size), np.zeros(size))
