"""From a model and real data to a trace: the only producer of recorded traces."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.files import NOT_WHOLE, read_array
from archsim.trace.columns import pack_mask
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
from archsim.trace.header import VERSION, Header
from archsim.trace.trace import Trace
from workloads import cells, formats, tasks
from workloads.cells import Floats, State
from workloads.config import Config, Inputs, LayerConfig
from workloads.tasks.base import Sample, Split

_CHUNK = 128  # steps run at a time, which bounds the memory of the states
_BIAS = UnitOperations(adds=1)


class Recordable(Protocol):
    """What a trace is recorded from: a `Model`, or one that computes with integers."""

    @property
    def config(self) -> Config: ...

    @property
    def task(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    def start(self, batch: int) -> State: ...

    def operands(self, inputs: Inputs, state: State | None = None) -> tuple[dict[str, NDArray[Any]], State]: ...

    def scaled_apart(self, layer: int) -> bool: ...


def record(
    model: Recordable,
    split: Split = "validation",
    sequences: int = 16,
    steps: int = 1000,
    seed: int = 0,
    out: Path | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Trace:
    """Trace of `model` over `sequences` pieces of `split` of its task, at most `steps` steps each, drawn with `seed`.

    A text is cut into as many parts as there are sequences, and each is warmed up first; of a set of sequences some are
    drawn, with the lengths that they have (see the task's `sample`). `on_step` is called with the number of steps done.
    BadInput where the split is too small.
    """
    task = tasks.by_name(model.task)
    provenance: dict[str, str | int | float] = {
        "task": model.task, "split": split, "sequences": sequences, "steps": steps, "seed": seed
    }  # fmt: skip
    return record_sample(model, task.sample(split, sequences, steps, seed), provenance, out, on_step)


def record_sample(
    model: Recordable,
    sample: Sample,
    provenance: Mapping[str, str | int | float],
    out: Path | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Trace:
    """Trace of `model` over given inputs; row 0 of a state is the state after the warm-up.

    `out`: a file that the trace goes to as the model runs, so that memory does not grow with its length. `on_step` is
    called with the number of steps that are done.
    """
    recording = _Recording(model, sample, graph_of(model), on_step)

    def header() -> Header:
        return Header(
            version=VERSION,
            workload=model.config.name,
            synthetic=False,
            provenance={
                "model_sha256": model.sha256,
                **provenance,
                "warmup": sample.warmup,
                "threshold": max(layer.threshold for layer in model.config.layers),
                "state_sparsity": recording.state_sparsity,
            },
            graph=recording.graph,
        )

    return Trace.assemble(header, sample.lengths.astype(np.int64), recording.rows(), out)


@dataclass
class _Recording:
    """A run of a model, and how many elements of its states were not zero in the steps that sequences really run."""

    model: Recordable
    sample: Sample
    graph: Graph
    on_step: Callable[[int], None] | None
    nonzero: int = 0

    def rows(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Rows of the operands as a trace holds them, some steps at a time."""
        model, sample, operands = self.model, self.sample, self.graph.operands
        state = model.start(len(sample.lengths))
        if sample.warmup:
            _, state = model.operands(sample.inputs[: sample.warmup], state)
        before = hidden_states(model.config, state)
        yield from ((o.name, pack_mask(before[o.name] != 0)[None]) for o in operands if o.kind == "state")
        steps = int(sample.lengths.max())
        for first in range(0, steps, _CHUNK):
            last = min(first + _CHUNK, steps)
            values, state = model.operands(sample.inputs[sample.warmup + first : sample.warmup + last], state)
            running = np.arange(first, last)[:, None] < sample.lengths
            for operand in operands:
                array = values[operand.name]
                rows = array.astype(np.uint16) if operand.kind == "one_hot" else pack_mask(array != 0)
                if operand.kind == "state":
                    self.nonzero += int(np.bitwise_count(rows[running]).sum())
                yield operand.name, rows
            if self.on_step:
                self.on_step(last)

    @property
    def state_sparsity(self) -> float:
        """Share of zeros in the states of all layers."""
        sizes = sum(o.size for o in self.graph.operands if o.kind == "state")
        return 1 - self.nonzero / (int(self.sample.lengths.sum()) * sizes)


def hidden_states(config: Config, state: State) -> dict[str, Floats]:
    """h of every layer ``(B, H)`` by the name of its operand, out of a flat state."""
    parts = iter(state)
    hidden = {}
    for k, layer in enumerate(config.layers):
        h, *_ = (next(parts) for _ in cells.by_name(layer.cell).states)
        hidden[f"h{config.suffix(k)}"] = h
    return hidden


def given_sample(path: Path) -> Sample:
    """A person's own inputs from a ``.npy`` file: symbols ``(T, S)`` or vectors ``(T, S, I)``, all of one length."""
    try:
        with path.open("rb") as file:
            inputs = read_array(file, path.stat().st_size)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file of inputs") from None
    except NOT_WHOLE as error:
        raise BadInput(f"{path}: is not a .npy file of numbers ({str(error)[:200]})") from None
    if inputs.dtype.kind not in "iuf":
        raise BadInput(f"{path}: inputs must be integers or floats, not {inputs.dtype}")
    if not np.all(np.isfinite(inputs)):
        count = np.count_nonzero(~np.isfinite(inputs))
        raise BadInput(f"{path}: inputs must be finite; {count:,} of {inputs.size:,} are not")
    if inputs.ndim not in (2, 3) or not inputs.size:
        raise BadInput(f"{path}: inputs must be (steps, sequences) or (steps, sequences, size)")
    return Sample(inputs, np.full(inputs.shape[1], len(inputs), np.int64), 0)


def beyond_range(config: Config, inputs: NDArray[np.generic]) -> float:
    """Share of vectors' elements `inputs` that lie beyond the fixed point of what enters, and so are clipped."""
    first = config.layers[0]
    if config.input.kind != "vector" or first.input_bits is None:
        return 0.0
    return float(np.mean(np.abs(inputs.astype(np.float64)) > 2.0**first.input_integer_bits))


def longest(model: Recordable, split: Split, sequences: int) -> int:
    """The most steps that `record` can take from a split with so many sequences."""
    return tasks.by_name(model.task).longest(split, sequences)


def graph_of(model: Recordable) -> Graph:
    """One step of a model: embedding, layers, readout.

    Every layer's recurrence, the next layer and the readout see the same pruned, rounded h.
    """
    config = model.config
    operands = [] if config.input.kind == "vector" else [_symbols(config)]
    operations: list[Operation] = _embedding(config)
    for k, layer in enumerate(config.layers):
        suffix, source = config.suffix(k), config.input_operand(k)
        if k == 0 and config.input.kind != "one_hot":
            operands.append(Operand(name=source, size=config.input.width, bits=layer.input_bits, kind="vector"))
        elif source.startswith("x") and k > 0:
            below, size = f"cell{config.suffix(k - 1)}", config.layers[k - 1].hidden
            operands.append(Operand(name=source, size=size, bits=layer.input_bits, kind="result"))
            operations.append(
                Encode(name=f"encode_{source}", scope="input", size=size, of=below, operand=source)
            )  # fmt: skip
        inputs = next(o for o in operands if o.name == source)
        operations += _layer(layer, inputs, "same_step" if k else "input", suffix, model.scaled_apart(k))
        results = cells.by_name(layer.cell).results
        operands += [
            Operand(name=f"{name}{suffix}", size=layer.hidden, bits=layer.state_bits, kind="result") for name in results
        ]
        operands.append(Operand(name=f"h{suffix}", size=layer.hidden, bits=layer.state_bits, kind="state"))
    return Graph(operations=(*operations, *_readout(config)), operands=tuple(operands))


def _symbols(config: Config) -> Operand:
    assert config.input.symbols is not None
    name = "x" if config.input.kind == "one_hot" else "token"
    return Operand(name=name, size=config.input.symbols, bits=1, kind="one_hot")


def _embedding(config: Config) -> list[Operation]:
    if config.input.kind != "embedding":
        return []
    table, size = number_format(config.input.weight_format), config.input.size
    return [
        MatVec(name="embedding", scope="embedding", rows=size, cols=config.input.symbols, weight_format=table,
               operand="token", edge="input", group="embedding"),
        Encode(name="encode_x", scope="embedding", size=size, of="embedding", operand="x"),
    ]  # fmt: skip


def _readout(config: Config) -> list[Operation]:
    if config.readout is None:
        return []
    last, outputs = len(config.layers) - 1, config.readout.outputs
    return [
        MatVec(name="readout", scope="readout", rows=outputs, cols=config.layers[last].hidden,
               weight_format=number_format(config.readout.weight_format), operand=f"h{config.suffix(last)}",
               edge="same_step", group="readout", when=config.readout.when),
        Elementwise(name="readout_bias", scope="readout", unit=_BIAS, size=outputs, of=("readout",)),
    ]  # fmt: skip


def _layer(layer: LayerConfig, inputs: Operand, edge: Edge, suffix: str, scaled_apart: bool) -> list[Operation]:
    """Operations of one layer, in order.

    The recurrent products come in stages: a later one waits for a result of the step (the GRU that resets first).
    """
    cell, hidden = cells.by_name(layer.cell), layer.hidden
    into, of_state = dict(zip(cell.gates, cell.input_groups, strict=True)), dict[str, str]()
    operations = _product(
        layer, "W_x", "input", cell.gates, into, inputs.name, inputs.size, edge, suffix, layer.input_weight_format,
        scaled_apart,
    )  # fmt: skip
    operand = "h"
    for stage in cell.stages:
        first, last = stage is cell.stages[0], stage is cell.stages[-1]
        own = {g: group for g, group in zip(cell.gates, cell.recurrent_groups, strict=True) if g in stage.gates}
        of_state |= own
        operations += _product(
            layer, "W_h", "recurrent", stage.gates, own, f"{operand}{suffix}", hidden,
            "previous_step" if first else "same_step", suffix, layer.weight_format, scaled_apart,
        )  # fmt: skip
        groups = [*into.values(), *of_state.values()] if last else [*own.values()]
        of = tuple(f"{group}{suffix}" for group in dict.fromkeys(groups))
        operations += [
            Elementwise(name=f"{stage.name}{suffix}", scope="recurrent", unit=stage.unit, size=hidden, of=of),
            Encode(name=f"encode_{stage.result}{suffix}", scope="recurrent", size=hidden, of=f"{stage.name}{suffix}",
                   operand=f"{stage.result}{suffix}"),
        ]  # fmt: skip
        operand = stage.result
    return operations


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
