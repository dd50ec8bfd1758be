"""Which output of a graph a model gives, and whether it gives all of it in order."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.network import FloatDense, ImportedNetwork, InputKind
from workloads.importers.onnx.chain import Chain, Met
from workloads.importers.onnx.context import Context
from workloads.importers.onnx.flow import Flow, Reads, Source, Value, needed
from workloads.importers.onnx.operations import AN_END, Recurrence


@dataclass(frozen=True, eq=False)
class _Output:
    name: str
    flow: Flow
    sources: tuple[Source, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """The farther from the input the higher: logits, h at every step, h at the last one; then by layers."""
        below = [source for source in needed(self.sources) if isinstance(source.of, Recurrence)]
        nodes = {id(source.of.node) for source in self.sources if isinstance(source.of, Recurrence)}
        kind = 0 if len(nodes) > 1 else max(source.of.rank for source in self.sources)
        return kind - (kind == 2 and not self.every_step), len(below)

    @property
    def every_step(self) -> bool:
        """It holds all there is of its sources."""
        return all(len(np.unique(self.flow.ids)) >= source.stop - source.start for source in self.sources)


def network_of(
    context: Context, values: Mapping[str, Value], outputs: tuple[str, ...], kind: InputKind
) -> ImportedNetwork:
    """The network whose output the graph returns; its other outputs must be parts of it."""
    found = [_output(context, name, values.get(name)) for name in outputs]
    top = _chosen(context, found)
    _check_layers(context, {source.start for source in needed(top.sources)})
    chain = Chain(context.note)
    read = _read(context, top)
    if read.bent:
        context.note(f"output {top.name!r} is scaled or shifted by constants: its readout is that")
        chain.add_dense(Met(FloatDense(np.diag(read.scale).astype(np.float32), read.shift.astype(np.float32))))
    reads: Reads | None = read
    while reads is not None:
        reads = reads.parts[0].of.add_to(chain, reads)
    _check_roles(context)
    return chain.network(kind)


def _output(context: Context, name: str, value: Value | None) -> _Output:
    sources = tuple(context.found(value.ids)[1]) if isinstance(value, Flow) else ()
    if not isinstance(value, Flow) or not any(isinstance(source.of, Recurrence) for source in needed(sources)):
        raise BadInput(f"output {name!r} must be computed by recurrent layers")
    return _Output(name, value, sources)


def _chosen(context: Context, outputs: list[_Output]) -> _Output:
    top = max(outputs, key=lambda output: output.rank)
    if top.rank[0] == 0:
        raise BadInput("no output is that of a readout, or h: name a tensor with --output")
    inside = {source.start for source in needed(top.sources)}
    for output in outputs:
        if output is top:
            continue
        part = all(_same_part(source, inside) for source in output.sources)
        if not part or (output.rank == top.rank and top.rank[0] < AN_END):
            raise BadInput(f"outputs {top.name!r} and {output.name!r} are of different networks: choose with --output")
        if output.rank[0] == 2:
            context.note(f"output {output.name!r} is h of recurrent layer {output.rank[1]}, which the model has beside")
    return top


def _same_part(source: Source, inside: set[int]) -> bool:
    """Whether a source is part of the network, or a state or another end beside what is."""
    if source.start in inside:
        return True
    beside = source.of.rank < 2 or source.of.rank == AN_END
    return beside and all(_same_part(below, inside) for below in source.of.needs)


def _check_layers(context: Context, inside: set[int]) -> None:
    """Each recurrent layer above one that is read must be read too: whoever reads the lower one errs."""
    layers = [source for source in context.sources if isinstance(source.of, Recurrence)]
    nodes = {id(source.of.node) for source in layers if source.start in inside and isinstance(source.of, Recurrence)}
    for source in layers:
        if source.start in inside or not isinstance(source.of, Recurrence):
            continue
        node = source.of.node
        if id(node) in nodes:
            context.note(f"one of the two directions of {node.name!r} is read by nothing, and left out")
        elif any(part.start in inside and isinstance(part.of, Recurrence) for part in source.of.reads.parts):
            raise node.refused("lies above a layer that the output is read of, and is read by nothing: read h_n[-1]")


def _check_roles(context: Context) -> None:
    for name, roles in context.roles.items():
        if len(roles) > 1:
            raise BadInput(f"input {name} must be one thing, not {' and '.join(sorted(roles))} at once")


def _read(context: Context, output: _Output) -> Reads:
    """All elements of the output, which must lie in order, at every step or at one of them."""
    flow, parts = output.flow, output.sources
    if flow.by_length:
        raise BadInput(f"output {output.name!r} must not be left in the order of lengths")
    which, _ = context.found(flow.ids)
    starts, sizes = (np.array([getattr(part, name) for part in parts]) for name in ("start", "size"))
    places = flow.ids - starts[which]
    sequences = parts[0].grid[-1]
    elements = (np.cumsum(sizes) - sizes)[which] + places % sizes[which]
    steps, batch = np.divmod(places // sizes[which], sequences)
    read: list[int | None] = []
    for k, part in enumerate(parts):
        own = np.unique(steps[which == k])
        every = len(own) == part.grid[0]
        read.append(None if every else int(own[0]))
        if len(own) > 1 and not every:
            raise BadInput(f"output {output.name!r} must be of every step or of the last one, not of some")
    together = None in read and max(part.grid[0] for part in parts) > 1
    order = np.stack([(steps if together else 0 * steps).ravel(), batch.ravel(), elements.ravel()])
    width = int(sizes.sum())
    _check_order(output.name, order, sequences, width)
    scale = _each(output.name, elements, flow.scale, 1.0, width)
    return Reads(
        parts, tuple(read), width, np.arange(width), scale, _each(output.name, elements, flow.shift, 0.0, width)
    )


def _each(
    name: str, elements: NDArray[np.int64], numbers: NDArray[np.float64] | None, default: float, width: int
) -> NDArray[np.float64]:
    """One number for each element."""
    each = np.full(width, default)
    if numbers is not None:
        each[elements] = numbers
        if (each[elements] != numbers).any():
            raise BadInput(f"output {name!r} must be scaled and shifted alike at all steps and sequences")
    return each


def _check_order(name: str, order: NDArray[np.int64], sequences: int, width: int) -> None:
    """Along each of steps, sequences and elements the others being equal, indices must rise from 0."""
    sizes = (len(np.unique(order[0])), sequences, width)
    whole = order.shape[1] == np.prod(sizes)
    for k in range(3):
        others = [order[j] for j in range(3) if j != k]
        rising = np.lexsort((np.arange(order.shape[1]), *others))
        whole = whole and np.array_equal(order[k][rising], np.tile(np.arange(sizes[k]), order.shape[1] // sizes[k]))
    if not whole:
        raise BadInput(
            f"output {name!r} must give every sequence and every element once, in order: choose with --output"
        )
