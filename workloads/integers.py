"""A model and its inputs as the integers that a machine computes with, and the sums that its products must come to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.graph import Graph, MatVec, When
from archsim.trace.header import Phase
from workloads.cells import Floats
from workloads.graphs import gates_by_group, phases_of, product_name, readout_products
from workloads.model import Model
from workloads.record import hidden_states
from workloads.tasks.base import Sample

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class IntegerRun:
    """What went through every product of a trace, step by step, as integers."""

    weights: dict[str, Ints]
    """The weights by product: ``(rows, cols)``, rows gate-major."""
    operands: dict[str, Ints]
    """The values by vector operand: ``(T, S, size)``, of a state ``(T + 1, S, size)`` with what step 0 meets first."""
    sums: dict[str, Ints]
    """The sums by product, and by group where its products add up in one accumulator: ``(T, S, rows)``."""
    shifts: dict[str, Ints] = field(default_factory=dict)
    """Places by which rows of stored weights were shifted left, ``(rows,)``; a product that is missing has none."""


def integer_run(model: Model, sample: Sample) -> IntegerRun:
    """Integers of `model` over `sample`, from the numpy reference; BadInput names what is no integer.

    A state of n bits is an integer times its unit, a weight a code times its scale. The sums are those of the products
    of both in double precision, where they are exact. A phase with one step a sequence has one row of each.
    """
    phases = phases_of(model)
    before, values = _values(model, sample)
    operands = dict(_operands(model, phases, before, values))
    return summed(model.name, phases, dict(_weights(model)), operands, values, sample.lengths)


def summed(
    name: str,
    phases: Sequence[Phase],
    weights: dict[str, Ints],
    operands: dict[str, Ints],
    values: Mapping[str, NDArray[Any]],
    lengths: NDArray[np.int64],
) -> IntegerRun:
    """What the products of a model called `name` come to. `values` has the symbols of one-hot operands."""
    sums: dict[str, Ints] = {}
    for phase in phases:
        steps = lengths if phase.steps == "all" else np.ones_like(lengths)
        for mv in phase.graph.mat_vecs:
            if phase.graph.operand(mv.operand).kind == "one_hot":
                product = weights[mv.name].T[values[mv.operand].astype(np.intp)]
            else:
                exact = _read(phase.graph, mv, operands).astype(np.float64) @ weights[mv.name].T.astype(np.float64)
                product = _exact(exact, f"model {name}: sums of {mv.name}")
            sums[mv.name] = product * _running(mv.when, steps)[..., None]
            if group := _group(phase.graph, mv):
                sums[group] = sums.get(group, np.zeros_like(product)) + sums[mv.name]
    return IntegerRun(weights, operands, sums)


def _values(model: Model, sample: Sample) -> tuple[dict[str, Floats], dict[str, NDArray[Any]]]:
    """The h that sequences begin with, by operand, and all operands. Computed in single precision, as traces are
    recorded: in double a state near the threshold may fall on its other side."""
    state = model.start(len(sample.lengths))
    if sample.warmup:
        _, state = model.operands(sample.inputs[: sample.warmup], state)
    before = hidden_states(model.config, state)
    given = None if model.config.reversed_layer is not None else state
    values, _ = model.operands(sample.inputs[sample.warmup :], given, lengths=sample.lengths)
    return before, values


def _operands(
    model: Model, phases: Sequence[Phase], before: dict[str, Floats], values: dict[str, NDArray[Any]]
) -> Iterator[tuple[str, Ints]]:
    units = _units(model)
    for operand in (o for phase in phases for o in phase.graph.operands if o.kind != "one_hot"):
        array, unit, what = values[operand.name], units.get(operand.name), f"model {model.name}: operand {operand.name}"
        if unit is None:
            raise BadInput(f"{what} is floating point, not integers")
        if operand.kind == "state":
            array = np.concatenate([before[operand.name][None], array])
        yield operand.name, _exact(array.astype(np.float64) / unit, what)


def _read(graph: Graph, mv: MatVec, operands: dict[str, Ints]) -> Ints:
    """What a product reads in each step."""
    rows = operands[mv.operand]
    if graph.operand(mv.operand).kind != "state":
        return rows
    return rows[1:] if mv.edge == "same_step" else rows[:-1]


def _running(when: When, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """In which steps a product is made ``(T, S)``."""
    steps, last = np.arange(lengths.max())[:, None], lengths - 1
    running: NDArray[np.bool_] = steps == last if when == "last_step" else steps <= last
    return running


def _group(graph: Graph, mv: MatVec) -> str | None:
    """The accumulators that a product shares with others row by row; None: they have the name of a product."""
    alike = all(other.rows == mv.rows for other in graph.mat_vecs if other.group == mv.group)
    return mv.group if alike and mv.group not in {other.name for other in graph.mat_vecs} else None


def _weights(model: Model) -> Iterator[tuple[str, Ints]]:
    config = model.config
    if model.embedding_codes is not None:
        yield "embedding", _codes(model, "embedding", model.embedding_codes.T)
    if model.dense is not None:
        yield "dense", _codes(model, "dense", model.dense.codes)
    for k, layer in enumerate(model.layers):
        cell, suffix, hidden = layer.cell, config.suffix(k), layer.config.hidden
        into = dict(zip(cell.gates, cell.input_groups, strict=True))
        of_state = dict(zip(cell.gates, cell.recurrent_groups, strict=True))
        products = [("W_x", layer.input_codes, cell.gates, into)]
        products += [("W_h", layer.recurrent_codes, stage.gates, of_state) for stage in cell.stages]
        for weight, codes, gates, groups in products:
            for own in gates_by_group(gates, groups).values():
                rows = np.concatenate([np.arange(hidden) + cell.gates.index(gate) * hidden for gate in own])
                name = product_name(weight, own, cell.gates, suffix)
                yield name, _codes(model, name, codes[rows])
        if layer.projection_codes is not None:
            yield f"W_hr{suffix}", _codes(model, f"W_hr{suffix}", layer.projection_codes)
    for k, numbers in enumerate(model.head, 1):
        yield f"head_{k}", _codes(model, f"head_{k}", numbers.codes)
    if model.readout_codes is not None:
        names = readout_products(config)
        cuts = np.cumsum([config.layers[k].outputs for k in config.levels[-1]])[: len(names) - 1]
        for name, codes in zip(names, np.split(model.readout_codes, cuts, axis=1), strict=True):
            yield name, _codes(model, name, codes)


def _codes(model: Model, name: str, codes: NDArray[np.generic]) -> Ints:
    values = codes.astype(np.float64)
    finest = np.min(np.abs(values[values != 0]), initial=1.0)  # powers of two are integers of the least of them
    return _exact(values / min(1.0, finest), f"model {model.name}: weights of {name}")


def _units(model: Model) -> dict[str, float | None]:
    """Value of one integer step of every vector operand; None: floating point."""
    config, units = model.config, dict[str, float | None]()
    of_level = [config.layers[level[0]].pruning.unit for level in config.levels]
    for k, layer in enumerate(config.layers):
        suffix, level = config.suffix(k), config.level_of(k)
        below = of_level[level - 1] if level else None
        units.setdefault(config.input_operand(k), layer.input_pruning.unit or below)  # the h below keeps its own
        for name in ("h", "y", *layer.results):
            units[f"{name}{suffix}"] = layer.pruning.unit
    if config.input.kind == "dense":
        units["features"] = config.input.pruning.unit
    if config.readout is not None and config.readout_apart is not None:
        units["y"] = of_level[-1]
        units |= {f"y_{k}": layer.pruning.unit for k, layer in enumerate(config.readout.head, 1)}
    return units


def _exact(values: NDArray[np.float64], what: str) -> Ints:
    integers = np.rint(values)
    if np.any(integers != values) or np.abs(integers).max(initial=0) >= 2**53:
        raise BadInput(f"{what} must be integers; this model computes with floating-point numbers there")
    return integers.astype(np.int64)
