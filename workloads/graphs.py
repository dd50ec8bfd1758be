"""The graphs of a model: what hardware has to do in a step of each of its phases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from archsim.trace.graph import (
    Edge,
    Elementwise,
    Encode,
    Graph,
    LayerNorm,
    MatVec,
    NumberFormat,
    Operand,
    Operation,
    RowAffine,
    Scope,
    UnitOperations,
)
from archsim.trace.header import Phase
from workloads import cells, formats
from workloads.config import Config, DenseActivation, LayerConfig, Pooling, Readout

_HANDED_ON = UnitOperations(state_writes=1)
_POOLED: dict[Pooling, UnitOperations] = {
    "max": UnitOperations(adds=1, cell_reads=1, cell_writes=1),
    "mean": UnitOperations(adds=2, multiplies=1, cell_reads=1, cell_writes=1),
}
"""What pooling adds to a unit of h, with what lies beside the other states: a comparison, or ``m + (h - m) / step``."""


class Described(Protocol):
    """What graphs are made of: a `Model`, or one that computes with integers."""

    @property
    def config(self) -> Config: ...

    def scaled_apart(self, layer: int) -> bool: ...


@dataclass
class _Step:
    """A step that is being put together."""

    operations: list[Operation] = field(default_factory=list)
    operands: list[Operand] = field(default_factory=list)
    rereads: list[str] = field(default_factory=list)

    def has(self, operand: str) -> bool:
        return any(o.name == operand for o in self.operands)

    def phase(self) -> Phase:
        graph = Graph(operations=tuple(self.operations), operands=tuple(self.operands))
        return Phase(graph=graph, rereads=tuple(self.rereads))


def graph_of(model: Described) -> Graph:
    """One step of the first phase of a model: all of it, unless a layer reads in reverse or its readout is apart."""
    return phases_of(model)[0].graph


def phases_of(model: Described) -> tuple[Phase, ...]:
    """A step of each phase: embedding, layers, readout.

    Every layer's recurrence, the next layer and the readout see the same pruned, rounded h; where the recurrence alone
    sees it pruned, what lies above reads an operand of its own, made of the same result. Directions of a level share
    a step: step k computes position k forwards, and position length - 1 - k in reverse. Below and above a level that
    reads in reverse a phase ends, since it needs the whole sequence, and what reads its h by position needs all of
    them. A readout that pools, or has a head, is a phase too.
    """
    config, steps = model.config, [_Step()]
    _add_input(steps[0], config)
    for level in range(len(config.levels)):
        if config.waits(level):
            steps.append(_Step())
        for k in config.levels[level]:
            _add_layer(steps[-1], model, k)
    if config.readout is not None and config.readout_apart is None:
        _add_readout(steps[-1], config, config.readout)
    phases = tuple(step.phase() for step in steps)
    if config.readout is None or config.readout_apart is None:
        return phases
    apart = _apart(config, config.readout).phase()
    return (*phases, apart.model_copy(update={"steps": config.readout_apart}))


def _add_input(step: _Step, config: Config) -> None:
    """What is done to an input before the first layer; where that waits for all of it, nothing is handed on at once."""
    given = config.input
    if given.kind == "embedding":
        step.operands.append(Operand(name="token", size=given.symbols, bits=1, kind="one_hot"))
        step.operations.append(
            MatVec(name="embedding", scope="embedding", rows=given.size, cols=given.symbols,
                   weight_format=number_format(given.weight_format), operand="token", edge="input", group="embedding")
        )  # fmt: skip
        made = "embedding"
    elif given.kind == "dense":
        step.operands.append(Operand(name="features", size=given.features, bits=given.input_bits, kind="vector"))
        step.operations += _dense("dense", "embedding", given.width, given.features, given.weight_format, "features",
                                  "input", given.activation)  # fmt: skip
        made = "dense_unit"
    else:
        return
    if config.waits(0):
        if given.kind == "embedding":
            step.operations.append(
                Elementwise(name="embed", scope="embedding", unit=_HANDED_ON, size=given.size, of=(made,))
            )
        return
    step.operations.append(Encode(name="encode_x", scope="embedding", size=given.width, of=made, operand="x"))


def _add_layer(step: _Step, model: Described, k: int) -> None:
    """A layer and what enters it."""
    config, level = model.config, model.config.level_of(k)
    layer, source, suffix = config.layers[k], config.input_operand(k), config.suffix(k)
    outside = not level or config.waits(level)
    if outside:
        step.operands.append(_entering(config, k))
        if layer.beside and step.has(source.removesuffix("_reverse")) and config.waits(level):
            step.rereads.append(source)
    elif not step.has(source):
        size = config.input_width(k)
        bits = layer.input_bits or _state_bits(config, level - 1)
        step.operands.append(Operand(name=source, size=size, bits=bits, kind="result"))
        below = _maker(config, config.levels[level - 1][0])
        step.operations.append(Encode(name=f"encode_{source}", scope="input", size=size, of=below, operand=source))
    inputs = next(o for o in step.operands if o.name == source)
    pooling = config.readout.pooling if config.readout and level == len(config.levels) - 1 else None
    step.operations += _layer(
        layer, inputs, "input" if outside else "same_step", suffix, model.scaled_apart(k), pooling
    )  # fmt: skip
    step.operands += [
        Operand(name=f"{name}{suffix}", size=layer.hidden, bits=layer.state_bits, kind="result")
        for name in layer.results
    ]
    step.operands.append(Operand(name=f"h{suffix}", size=layer.outputs, bits=layer.state_bits, kind="state"))


def _entering(config: Config, k: int) -> Operand:
    """What enters a layer from outside its step: an input, or what earlier phases have left."""
    level, name = config.level_of(k), config.input_operand(k)
    if config.is_one_hot(k):
        return Operand(name=name, size=config.input.width, bits=1, kind="one_hot")
    bits = config.layers[k].input_bits
    if level and bits is None:
        bits = _state_bits(config, level - 1)
    return Operand(name=name, size=config.input_width(k), bits=bits, kind="vector")


def _state_bits(config: Config, level: int) -> int | None:
    """Bits of an element of the h of a level, which are those of both directions; None: floating point."""
    return config.layers[config.levels[level][0]].state_bits


def _maker(config: Config, k: int) -> str:
    """The operation that makes the h of a layer."""
    return f"{'cell' if config.layers[k].projection is None else 'project'}{config.suffix(k)}"


def _add_readout(step: _Step, config: Config, read: Readout) -> None:
    """A readout within the step of the last level: a product for each direction, added in the same accumulators."""
    for name, k in zip(readout_products(config), config.levels[-1], strict=True):
        layer, operand = config.layers[k], config.readout_operand(k)
        if layer.splits:
            step.operands.append(Operand(name=operand, size=layer.outputs, bits=layer.state_bits, kind="result"))
            step.operations.append(
                Encode(name=f"encode_{operand}", scope="readout", size=layer.outputs, of=_maker(config, k),
                       operand=operand)
            )  # fmt: skip
        step.operations.append(
            MatVec(name=name, scope="readout", rows=read.outputs,
                   cols=layer.outputs, weight_format=number_format(read.weight_format), operand=operand,
                   edge="same_step", group="readout", when=read.when)
        )  # fmt: skip
    step.operations.append(_bias(read))


def readout_products(config: Config) -> tuple[str, ...]:
    """Names of the products of a readout; where it reads two directions within a step, they add up in a group."""
    both = len(config.levels[-1]) > 1 and config.readout_apart is None
    return ("readout_forward", "readout_reverse") if both else ("readout",)


def _bias(read: Readout) -> Elementwise:
    return Elementwise(
        name="readout_bias", scope="readout", unit=UnitOperations(adds=1), size=read.outputs, of=("readout",)
    )


def _apart(config: Config, read: Readout) -> _Step:
    """A readout of its own: from ``y`` through its head."""
    step, size = _Step(), config.level_outputs(-1)
    step.operands.append(Operand(name="y", size=size, bits=_state_bits(config, -1), kind="vector"))
    operand = "y"
    edge: Edge = "input"
    for n, each in enumerate(read.head, 1):
        step.operations += _dense(f"head_{n}", "readout", each.outputs, size, each.weight_format, operand, edge,
                                  each.activation)  # fmt: skip
        operand, edge, size = f"y_{n}", "same_step", each.outputs
        step.operations.append(
            Encode(name=f"encode_{operand}", scope="readout", size=size, of=f"head_{n}_unit", operand=operand)
        )
        step.operands.append(Operand(name=operand, size=size, bits=each.bits, kind="result"))
    step.operations += [
        MatVec(name="readout", scope="readout", rows=read.outputs, cols=size,
               weight_format=number_format(read.weight_format), operand=operand, edge=edge, group="readout"),
        _bias(read),
    ]  # fmt: skip
    return step


def _dense(
    name: str,
    scope: Scope,
    rows: int,
    cols: int,
    weight_format: str,
    operand: str,
    edge: Edge,
    activation: DenseActivation,
) -> list[Operation]:
    """A dense layer: its product, then its bias and activation, handed on."""
    unit = UnitOperations(curves=0 if activation == "none" else 1, adds=1, state_writes=1)
    return [
        MatVec(name=name, scope=scope, rows=rows, cols=cols, weight_format=number_format(weight_format),
               operand=operand, edge=edge, group=name),
        Elementwise(name=f"{name}_unit", scope=scope, unit=unit, size=rows, of=(name,)),
    ]  # fmt: skip


def _layer(
    layer: LayerConfig, inputs: Operand, edge: Edge, suffix: str, scaled_apart: bool, pooling: Pooling | None
) -> list[Operation]:
    """Operations of one layer, in order.

    The recurrent products come in stages: a later one waits for a result of the step (the GRU that resets first). A
    projection is one more product of a step, of what the cell makes.
    """
    cell, hidden = cells.by_name(layer.cell), layer.hidden
    into, of_state = dict(zip(cell.gates, cell.input_groups, strict=True)), dict[str, str]()
    operations = _product(
        layer, "W_x", "input", cell.gates, into, inputs.name, inputs.size, edge, suffix, layer.input_weight_format,
        scaled_apart,
    )  # fmt: skip
    operand, size = "h", layer.outputs
    for stage in cell.stages:
        first, last = stage is cell.stages[0], stage is cell.stages[-1]
        own = {g: group for g, group in zip(cell.gates, cell.recurrent_groups, strict=True) if g in stage.gates}
        of_state |= own
        operations += _product(
            layer, "W_h", "recurrent", stage.gates, own, f"{operand}{suffix}", size,
            "previous_step" if first else "same_step", suffix, layer.weight_format, scaled_apart,
        )  # fmt: skip
        groups = [*into.values(), *of_state.values()] if last else [*own.values()]
        of = tuple(f"{group}{suffix}" for group in dict.fromkeys(groups))
        operand, size = "m" if last and layer.projection is not None else stage.result, hidden
        unit = _with_pooling(stage.unit, pooling if operand == "h" else None)
        operations += _made(stage.name, operand, unit, hidden, of, suffix)
    if layer.projection is not None:
        operations += _projected(layer, suffix, scaled_apart, pooling)
    return operations


def _projected(layer: LayerConfig, suffix: str, scaled_apart: bool, pooling: Pooling | None) -> list[Operation]:
    name, group = f"W_hr{suffix}", f"projection{suffix}"
    product = MatVec(
        name=name, scope="recurrent", rows=layer.outputs, cols=layer.hidden,
        weight_format=number_format(layer.weight_format), operand=f"m{suffix}", edge="same_step", group=group,
    )  # fmt: skip
    scale = RowAffine(name=f"affine_hr{suffix}", scope="recurrent", rows=layer.outputs, of=name)
    unit = _with_pooling(_HANDED_ON, pooling)
    return [product, *([scale] if scaled_apart else []), *_made("project", "h", unit, layer.outputs, (group,), suffix)]


def _made(
    name: str, operand: str, unit: UnitOperations, size: int, of: tuple[str, ...], suffix: str
) -> list[Operation]:
    """An elementwise operation of a layer, and the operand that it makes."""
    return [
        Elementwise(name=f"{name}{suffix}", scope="recurrent", unit=unit, size=size, of=of),
        Encode(name=f"encode_{operand}{suffix}", scope="recurrent", size=size, of=f"{name}{suffix}",
               operand=f"{operand}{suffix}"),
    ]  # fmt: skip


def _with_pooling(unit: UnitOperations, pooling: Pooling | None) -> UnitOperations:
    if pooling is None:
        return unit
    more = {name: getattr(unit, name) + count for name, count in _POOLED[pooling] if count}
    return unit.model_copy(update=more)


def _product(
    layer: LayerConfig,
    weight: str,
    scope: Scope,
    gates: tuple[str, ...],
    groups: Mapping[str, str],
    operand: str,
    size: int,
    edge: Edge,
    suffix: str,
    weight_format: str,
    scaled_apart: bool,
) -> list[Operation]:
    """A product, cut by the group its rows are added to, and what is done to its rows before they are."""
    whole = cells.by_name(layer.cell).gates
    parts: list[MatVec] = [
        MatVec(
            name=product_name(weight, own, whole, suffix), scope=scope,
            rows=len(own) * layer.hidden, cols=size, weight_format=number_format(weight_format), operand=operand,
            edge=edge, group=f"{group}{suffix}",
        )
        for group, own in gates_by_group(gates, groups).items()
    ]  # fmt: skip
    after: list[Operation] = []
    tail = weight.removeprefix("W")
    if layer.norm == "layer":
        stage = "" if len(gates) == len(whole) else "_" + "".join(gates)
        rows, of = len(gates) * layer.hidden, tuple(part.name for part in parts)
        after.append(LayerNorm(name=f"norm{tail}{stage}{suffix}", scope=scope, rows=rows, of=of))
    if layer.norm == "layer" or scaled_apart:
        after += [
            RowAffine(name=f"affine{part.name.removeprefix('W')}", scope=scope, rows=part.rows, of=part.name)
            for part in parts
        ]
    return [*parts, *after]


def gates_by_group(gates: tuple[str, ...], groups: Mapping[str, str]) -> dict[str, list[str]]:
    """The gates of a product, by the accumulators that their rows are added to."""
    members: dict[str, list[str]] = {}
    for gate in gates:
        members.setdefault(groups[gate], []).append(gate)
    return members


def product_name(weight: str, own: list[str], whole: tuple[str, ...], suffix: str) -> str:
    """Name of a product in the trace: ``W_x``, or ``W_x_rz`` where it has some of the cell's gates alone."""
    return f"{weight}{'' if len(own) == len(whole) else '_' + ''.join(own)}{suffix}"


def number_format(name: str) -> NumberFormat:
    """A weight format by name, as hardware sees it."""
    weight_format = formats.by_name(name)
    return NumberFormat(name=weight_format.name, bits=weight_format.bits, multiplier=weight_format.multiplier)
