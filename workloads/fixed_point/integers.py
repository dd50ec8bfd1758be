"""An integer model over a sample as the integers that a machine computes with, and the sums of its products."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.cells.integer import Codes
from workloads.fixed_point.layers import Accumulators
from workloads.fixed_point.model import IntegerModel
from workloads.graphs import gates_by_group, phases_of, product_name
from workloads.integers import IntegerRun, Ints, summed
from workloads.record import hidden_states
from workloads.tasks.base import Sample


def integer_run_of(model: IntegerModel, sample: Sample) -> IntegerRun:
    """What goes through every product of `model` over `sample`; the sums lack the biases, which are added after them.

    Weights are shifted left to the fraction of their accumulator, row by row (`product_shifts`), so that all products
    of one add up: a machine stores the codes, and shifts what it multiplies. BadInput where the model has phases.
    """
    phases = phases_of(model)
    if len(phases) > 1:
        raise BadInput(f"model {model.name}: must have one phase to run on integer cells, not {len(phases)}")
    shifts = product_shifts(model)
    weights = {name: codes << shifts[name][:, None] for name, codes in _codes(model)}
    before, values = _values(model, sample)
    operands = {}
    for operand in (o for o in phases[0].graph.operands if o.kind != "one_hot"):
        array = values[operand.name].astype(np.int64)
        if operand.kind == "state":
            array = np.concatenate([before[operand.name][None].astype(np.int64), array])
        operands[operand.name] = array
    run = summed(model.name, phases, weights, operands, values, sample.lengths)
    return replace(run, shifts=shifts)


def beside_before(model: IntegerModel, sample: Sample) -> dict[tuple[str, str], Ints]:
    """What lies beside an h when `sample` begins, ``(S, H)`` by both names: ``("h_2", "c")``."""
    state = iter(_warm(model, sample))
    found: dict[tuple[str, str], Ints] = {}
    for k, layer in enumerate(model.layers):
        _, *own = (next(state).astype(np.int64) for _ in layer.cell.states)
        h = f"h{model.config.suffix(k)}"
        found |= {(h, name): codes for name, codes in zip(layer.cell.states[1:], own, strict=True)}
    return found


def product_shifts(model: IntegerModel) -> dict[str, Ints]:
    """Left shifts of each row of each product, ``(rows,)``, which bring it to its accumulator's binary point."""
    found = {name: np.zeros(len(codes), np.int64) for name, codes in _codes(model)}
    for k, layer in enumerate(model.layers):
        own = Accumulators.of(layer, model.squashing)
        found |= dict(_products(model, k, own.input_left, own.recurrent_left))
    return found


def _codes(model: IntegerModel) -> Iterator[tuple[str, Ints]]:
    """Codes of the weights of every product ``(rows, cols)``, by its name in the graph."""
    if model.embedding is not None:
        yield "embedding", model.embedding.T.astype(np.int64)
    if model.dense is not None:
        yield "dense", model.dense.codes.astype(np.int64)
    for k, layer in enumerate(model.layers):
        yield from _products(model, k, layer.input_codes.astype(np.int64), layer.recurrent_codes.astype(np.int64))
    if model.readout_codes is not None:
        yield "readout", model.readout_codes.astype(np.int64)


def _products(model: IntegerModel, k: int, of_input: Ints, of_state: Ints) -> Iterator[tuple[str, Ints]]:
    """Rows of a layer's products by their names in the graph."""
    cell, suffix, hidden = model.layers[k].cell, model.config.suffix(k), model.layers[k].config.hidden
    into = dict(zip(cell.gates, cell.input_groups, strict=True))
    recurrent = dict(zip(cell.gates, cell.recurrent_groups, strict=True))
    for weight, rows, gates, groups in (
        ("W_x", of_input, cell.gates, into),
        *(("W_h", of_state, stage.gates, recurrent) for stage in cell.stages),
    ):
        for own in gates_by_group(gates, groups).values():
            taken = np.concatenate([np.arange(hidden) + cell.gates.index(gate) * hidden for gate in own])
            yield product_name(weight, own, cell.gates, suffix), rows[taken]


def _warm(model: IntegerModel, sample: Sample) -> Codes:
    """The state after the warm-up."""
    state = model.start(len(sample.lengths))
    return model.operands(sample.inputs[: sample.warmup], state)[1] if sample.warmup else state


def _values(model: IntegerModel, sample: Sample) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The h that sequences begin with, by operand, and all operands."""
    state = _warm(model, sample)
    values, _ = model.operands(sample.inputs[sample.warmup :], state, lengths=sample.lengths)
    return hidden_states(model.config, state), values
