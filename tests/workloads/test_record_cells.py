"""Traces of every cell: their graphs, and counts that equal a popcount of the equations' operands."""

from dataclasses import replace

import numpy as np
import pytest

from archsim.trace.graph import (
    Encode,
    LayerNorm,
    MatVec,
    RowAffine,
)
from archsim.trace.trace import Trace
from workloads import cells
from workloads.config import Embedding, OneHot, Vector
from workloads.graphs import graph_of
from workloads.record import record_sample
from workloads.tasks.base import Sample

STEPS, SEQUENCES, HIDDEN, WARMUP = 30, 5, 10, 4
LENGTHS = np.array([30, 11, 1, 30, 22])
every_cell = pytest.mark.parametrize("cell", [c.name for c in cells.ALL])


def drawn(draw, cell, inputs, layers=1, **more):
    return draw(hidden=HIDDEN, task=None, cell=cell, inputs=inputs, layers=layers, state_bits=8, **more)


def sample(inputs, warmup=WARMUP):
    rng = np.random.default_rng(2)
    shape = (warmup + STEPS, SEQUENCES)
    if inputs.symbols is None:
        values = rng.normal(0, 0.6, (*shape, inputs.size)).astype(np.float32)
        return Sample(values * (rng.random(values.shape) < 0.7), LENGTHS, warmup)
    return Sample(rng.integers(0, inputs.symbols, shape).astype(np.uint16), LENGTHS, warmup)


def shapes(graph):
    return {
        mv.name: (mv.scope, mv.rows // HIDDEN, mv.operand, mv.edge, mv.group)
        for mv in graph.mat_vecs
        if mv.scope != "readout"
    }


GRAPHS = {
    "lstm": {
        "W_x": ("input", 4, "x", "input", "gates"),
        "W_h": ("recurrent", 4, "h", "previous_step", "gates"),
    },
    "rnn-tanh": {
        "W_x": ("input", 1, "x", "input", "gates"),
        "W_h": ("recurrent", 1, "h", "previous_step", "gates"),
    },
    # The candidate's two sums stay apart until the reset: a fourth accumulator a unit.
    "gru": {
        "W_x_rz": ("input", 2, "x", "input", "gates"),
        "W_x_n": ("input", 1, "x", "input", "candidate_x"),
        "W_h_rz": ("recurrent", 2, "h", "previous_step", "gates"),
        "W_h_n": ("recurrent", 1, "h", "previous_step", "candidate_h"),
    },
    # Reset before the product: its operand is made within the step, after r.
    "gru-classic": {
        "W_x_rz": ("input", 2, "x", "input", "gates"),
        "W_x_n": ("input", 1, "x", "input", "candidate"),
        "W_h_rz": ("recurrent", 2, "h", "previous_step", "gates"),
        "W_h_n": ("recurrent", 1, "rh", "same_step", "candidate"),
    },
}
GRAPHS["rnn-relu"] = GRAPHS["rnn-tanh"]
GRAPHS["lstm-peephole"] = GRAPHS["lstm-normed-cell"] = GRAPHS["lstm"]


@every_cell
def test_products_and_their_accumulators(draw, cell):
    graph = graph_of(drawn(draw, cell, OneHot(symbols=7)))
    graph.check()
    assert shapes(graph) == GRAPHS[cell]


def test_the_second_barrier_of_the_classic_gru(draw):
    names = [op.name for op in graph_of(drawn(draw, "gru-classic", OneHot(symbols=7))).operations]
    order = [names.index(n) for n in ("W_h_rz", "reset", "encode_rh", "W_h_n", "cell", "encode_h", "readout")]
    assert order == sorted(order)


@every_cell
def test_a_stack_with_an_embedding(draw, cell):
    model = drawn(draw, cell, Embedding(symbols=7, size=6, weight_format="fixed8"), layers=2)
    graph = graph_of(model)
    graph.check()
    assert graph.operations[0].scope == "embedding"
    assert {mv.operand: mv.edge for mv in graph.mat_vecs if mv.name.startswith("W_x")} == {
        "x": "input",
        "h_1": "same_step",
    }
    assert [o.name for o in graph.operands if o.kind == "state"] == ["h_1", "h_2"]
    assert next(mv for mv in graph.mat_vecs if mv.scope == "readout").operand == "h_2"


def test_what_enters_a_higher_layer_may_be_pruned_on_its_own(draw):
    model = drawn(draw, "lstm", OneHot(symbols=7), layers=2, input_threshold=0.5)
    trace = record_sample(model, sample(OneHot(symbols=7)), {})
    operand = {mv.name: mv.operand for mv in trace.graph.mat_vecs}
    assert (operand["W_x_2"], operand["W_h_1"]) == ("x_2", "h_1")
    kept, below = (np.unpackbits(trace.arrays[n], axis=-1).sum() for n in ("x_2", "h_1"))
    assert 0 < kept < below


@every_cell
@pytest.mark.parametrize("threshold_above", [0.0, 0.5])
def test_an_h_pruned_for_the_recurrence_alone_is_two_operands(draw, cell, threshold_above):
    """What lies above reads all that is not zero by itself, and W_h what is not below the threshold."""
    symbols = OneHot(symbols=7)
    model = drawn(draw, cell, symbols, layers=2, threshold=0.25, pruned="recurrence", input_threshold=threshold_above)
    given = sample(symbols)
    trace = record_sample(model, given, {})
    products = trace.graph.mat_vecs
    assert {mv.operand for mv in products if mv.name.startswith("W_x") and mv.name.endswith("_2")} == {"x_2"}
    assert [mv.operand for mv in products if mv.scope == "readout"] == ["y_2"]
    assert {mv.operand for mv in products if mv.edge == "previous_step"} == {"h_1", "h_2"}
    made = {op.operand: op.of for op in trace.graph.operations if isinstance(op, Encode)}
    assert (made["h_1"], made["h_2"]) == (made["x_2"], made["y_2"]) == ("cell_1", "cell_2")
    assert {o.bits for o in trace.graph.operands if o.kind != "one_hot"} == {8}
    _, before = model.states(given.inputs[:WARMUP])
    of_last, _ = model.states(given.inputs[WARMUP:], before)
    stored = np.concatenate([before[len(before) // 2][None], of_last])  # h of the second layer, dense
    masks = {name: np.unpackbits(trace.arrays[name], axis=-1, count=HIDDEN) for name in ("h_1", "h_2", "x_2", "y_2")}
    np.testing.assert_array_equal(masks["h_2"], np.abs(stored) >= 0.25)
    np.testing.assert_array_equal(masks["y_2"], of_last != 0)
    assert masks["h_2"][1:].sum() < masks["y_2"].sum()
    assert (masks["x_2"] <= masks["h_1"][1:]).all() if threshold_above else (masks["x_2"] >= masks["h_1"][1:]).all()
    assert masks["x_2"].sum() != masks["h_1"][1:].sum()


def test_zeros_of_two_units_by_hand(draw):
    """Symbol 0 makes h = (0.5, 0.05) and symbol 1 (-0.05, 0.9), since W_h is zero; the threshold is 0.1."""
    model = draw(cell="rnn-tanh", hidden=2, weight_format="float32", state_bits=None, threshold=0.1, task=None,
                 inputs=OneHot(symbols=2), pruned="recurrence")  # fmt: skip
    (layer,) = model.layers
    wanted = np.arctanh([[0.5, -0.05], [0.05, 0.9]]).astype(np.float32)
    one, zero = np.ones(2, np.float32), np.zeros(2, np.float32)
    layer = replace(
        layer, recurrent_codes=np.zeros((2, 2), np.float32), input_codes=wanted, scale_input=one, shift=zero
    )
    trace = record_sample(replace(model, layers=(layer,)), Sample(np.array([[0], [1], [1]]), np.array([3]), 0), {})
    bits = {name: np.unpackbits(trace.arrays[name], axis=-1, count=2)[:, 0].tolist() for name in ("h", "y")}
    assert bits == {"h": [[0, 0], [1, 0], [0, 1], [0, 1]], "y": [[1, 1], [1, 1], [1, 1]]}
    assert trace.header.provenance["state_sparsity"] == 0.5
    counted = {mv.name: trace.columns(mv, 1, 3) for mv in trace.graph.mat_vecs}
    assert counted["W_h"].listed.tolist() == [0, 1, 1]
    assert counted["readout"].listed.tolist() == [2, 2, 2]


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_norms_left_at_run_time_are_operations(draw, norm):
    graph = graph_of(drawn(draw, "gru-classic", OneHot(symbols=7), norm=norm))
    graph.check()
    found = {op.name: (op.rows // HIDDEN, op.of) for op in graph.operations if isinstance(op, LayerNorm)}
    assert found == (
        {"norm_x": (3, ("W_x_rz", "W_x_n")), "norm_h_rz": (2, ("W_h_rz",)), "norm_h_n": (1, ("W_h_n",))}
        if norm == "layer"
        else {}
    )
    assert {op.of for op in graph.operations if isinstance(op, RowAffine)} == set(GRAPHS["gru-classic"])


def test_products_without_scales_of_their_own_meet_in_one_accumulator(draw):
    model = drawn(draw, "lstm", OneHot(symbols=7))
    assert model.scaled_apart(0)
    for scale in (model.layers[0].scale_input, model.layers[0].scale_recurrent):
        scale.flags.writeable = True
        scale[:] = 0.25
    assert not model.scaled_apart(0)
    assert not any(isinstance(op, RowAffine) for op in graph_of(model).operations)


@every_cell
@pytest.mark.parametrize(
    "inputs", [OneHot(symbols=7), Embedding(symbols=7, size=6, weight_format="fixed8"), Vector(size=6)],
    ids=lambda i: i.kind,
)  # fmt: skip
@pytest.mark.parametrize("when", ["every_step", "last_step"])
def test_counts_equal_a_popcount_of_the_operands(draw, cell, inputs, when, tmp_path):
    model = drawn(draw, cell, inputs, layers=2, when=when)
    given = sample(inputs)
    record_sample(model, given, {}).save(tmp_path / "t.npz")
    trace = Trace.load(tmp_path / "t.npz")
    _, state = model.operands(given.inputs[:WARMUP])
    values, _ = model.operands(given.inputs[WARMUP:], state)
    before = {"h_1": state[0], "h_2": state[len(cells.by_name(cell).states)]}
    for mat_vec in trace.graph.mat_vecs:
        expected = popcounts(mat_vec, values, before, trace.graph.operand(mat_vec.operand).kind == "one_hot")
        for lanes in (1, 3, SEQUENCES):
            columns = trace.columns(mat_vec, lanes, STEPS)
            listed, nonzero, active = expected(lanes)
            np.testing.assert_array_equal(columns.listed, listed)
            np.testing.assert_array_equal(columns.nonzero, nonzero)
            np.testing.assert_array_equal(columns.active, active)


def popcounts(mat_vec: MatVec, values, before, one_hot):
    """Sets of the columns needed, gathered element by element. A lane whose sequence has ended needs none."""

    def needed(t, s):
        if t >= LENGTHS[s] or (mat_vec.when == "last_step" and t != LENGTHS[s] - 1):
            return None
        if one_hot:
            return {int(values[mat_vec.operand][t, s])}
        if mat_vec.edge == "previous_step":
            row = before[mat_vec.operand][s] if t == 0 else values[mat_vec.operand][t - 1, s]
        else:
            row = values[mat_vec.operand][t, s]
        return {j for j, element in enumerate(row) if element != 0}

    def count(lanes):
        rows = [[n for s in range(lanes) if (n := needed(t, s)) is not None] for t in range(STEPS)]
        return (
            [len(set().union(*row)) for row in rows],
            [sum(map(len, row)) for row in rows],
            [len(row) for row in rows],
        )

    return count


def test_the_sparsity_on_record_is_that_of_the_steps_that_run(draw):
    model = drawn(draw, "gru", OneHot(symbols=7), layers=2, threshold=0.3)
    given = sample(OneHot(symbols=7), warmup=0)
    values, _ = model.operands(given.inputs)
    zeros = [values[name][: LENGTHS[s], s] == 0 for name in ("h_1", "h_2") for s in range(SEQUENCES)]
    recorded = record_sample(model, given, {}).header.provenance["state_sparsity"]
    assert recorded == pytest.approx(np.concatenate([z.ravel() for z in zeros]).mean())
    assert 0.1 < recorded < 0.9
