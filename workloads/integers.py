"""A model and its inputs as the integers that a machine computes with, and the sums that its products must come to."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads import cells
from workloads.graphs import gates_by_group, graph_of, product_name
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


def integer_run(model: Model, sample: Sample) -> IntegerRun:
    """Integers of `model` over `sample`, from the numpy reference; BadInput names what is no integer.

    A state of n bits is an integer times its unit, a weight a code times its scale. The sums are those of the products
    of both in double precision, where they are exact.
    """
    graph = graph_of(model)
    weights = dict(_weights(model))
    # In single precision, as traces are recorded: in double a state near the threshold may fall on its other side.
    state = model.start(len(sample.lengths))
    if sample.warmup:
        _, state = model.operands(sample.inputs[: sample.warmup], state)
    before = hidden_states(model.config, state)
    values, _ = model.operands(sample.inputs[sample.warmup :], state)
    units = _units(model)
    operands: dict[str, Ints] = {}
    for operand in graph.operands:
        if operand.kind == "one_hot":
            continue
        array = values[operand.name]
        if operand.kind == "state":
            array = np.concatenate([before[operand.name][None], array])
        unit = units[operand.name]
        if unit is None:
            raise BadInput(f"model {model.name}: operand {operand.name} is floating point, not integers")
        operands[operand.name] = _exact(array.astype(np.float64) / unit, f"model {model.name}: operand {operand.name}")
    sums: dict[str, Ints] = {}
    running = np.arange(len(sample.inputs) - sample.warmup)[:, None] < sample.lengths
    for mv in graph.mat_vecs:
        kind = graph.operand(mv.operand).kind
        if kind == "one_hot":
            product = weights[mv.name].T[values[mv.operand].astype(np.intp)]
        else:
            rows = operands[mv.operand]
            if kind == "state":
                rows = rows[1:] if mv.edge == "same_step" else rows[:-1]
            exact = rows.astype(np.float64) @ weights[mv.name].T.astype(np.float64)
            product = _exact(exact, f"model {model.name}: sums of {mv.name}")
        last = np.arange(len(running))[:, None] == sample.lengths - 1
        product = product * (last if mv.when == "last_step" else running)[..., None]
        sums[mv.name] = product
        group = [other for other in graph.mat_vecs if other.group == mv.group]
        if mv.name not in {other.group for other in graph.mat_vecs} and all(other.rows == mv.rows for other in group):
            sums[mv.group] = sums.get(mv.group, np.zeros_like(product)) + product
    return IntegerRun(weights, operands, sums)


def _weights(model: Model) -> Iterator[tuple[str, Ints]]:
    if model.embedding_codes is not None:
        yield "embedding", _codes(model, "embedding", model.embedding_codes.T)
    for k, layer in enumerate(model.layers):
        cell, suffix, hidden = layer.cell, model.config.suffix(k), layer.config.hidden
        into = dict(zip(cell.gates, cell.input_groups, strict=True))
        of_state = dict(zip(cell.gates, cell.recurrent_groups, strict=True))
        products = [("W_x", layer.input_codes, cell.gates, into)]
        products += [("W_h", layer.recurrent_codes, stage.gates, of_state) for stage in cell.stages]
        for weight, codes, gates, groups in products:
            for own in gates_by_group(gates, groups).values():
                rows = np.concatenate([np.arange(hidden) + cell.gates.index(gate) * hidden for gate in own])
                name = product_name(weight, own, cell.gates, suffix)
                yield name, _codes(model, name, codes[rows])
    if model.readout_codes is not None:
        yield "readout", _codes(model, "readout", model.readout_codes)


def _codes(model: Model, name: str, codes: NDArray[np.generic]) -> Ints:
    values = codes.astype(np.float64)
    finest = np.min(np.abs(values[values != 0]), initial=1.0)  # powers of two are integers of the least of them
    return _exact(values / min(1.0, finest), f"model {model.name}: weights of {name}")


def _units(model: Model) -> dict[str, float | None]:
    """Value of one integer step of every vector operand; None: floating point."""
    units: dict[str, float | None] = {}
    for k, layer in enumerate(model.config.layers):
        suffix = model.config.suffix(k)
        units.setdefault(model.config.input_operand(k), layer.input_pruning.unit)  # the h below keeps its own
        for name in ("h", *cells.by_name(layer.cell).results):
            units[f"{name}{suffix}"] = layer.pruning.unit
    return units


def _exact(values: NDArray[np.float64], what: str) -> Ints:
    integers = np.rint(values)
    if np.any(integers != values) or np.abs(integers).max(initial=0) >= 2**53:
        raise BadInput(f"{what} must be integers; this model computes with floating-point numbers there")
    return integers.astype(np.int64)
