"""The integers that a machine is checked with are those of the network."""

import numpy as np
import pytest

from archsim.design import load_design
from archsim.errors import BadInput
from dse.evaluation.check import check
from workloads import cells
from workloads.config import Embedding, OneHot, Vector
from workloads.graphs import graph_of
from workloads.integers import integer_run
from workloads.record import record_sample
from workloads.tasks.base import Sample

LENGTHS = np.array([12, 5, 12])


def sample(inputs):
    rng = np.random.default_rng(0)
    shape = (15, 3)
    values = rng.normal(0, 0.5, (*shape, inputs.size)) if inputs.symbols is None else rng.integers(0, 7, shape)
    return Sample(values, LENGTHS, 3)


@pytest.mark.parametrize("cell", [c.name for c in cells.ALL])
@pytest.mark.parametrize(
    "inputs", [OneHot(symbols=7), Embedding(symbols=7, size=6, weight_format="fixed4"), Vector(size=6)],
    ids=lambda i: i.kind,
)  # fmt: skip
@pytest.mark.parametrize("weight_format", ["ternary", "fixed8", "exponential4", "pow2-ternary"])
def test_sums_are_dot_products_of_weights_and_operands(draw, cell, inputs, weight_format):
    model = draw(hidden=9, task=None, cell=cell, inputs=inputs, layers=2, weight_format=weight_format, input_bits=6,
                 input_integer_bits=1, when="last_step", outputs=4)  # fmt: skip
    given = sample(inputs)
    run, trace = integer_run(model, given), record_sample(model, given, {})
    for mv in trace.graph.mat_vecs:
        assert run.weights[mv.name].shape == (mv.rows, mv.cols)
        assert run.sums[mv.name].shape == (12, 3, mv.rows)
        operand = trace.graph.operand(mv.operand)
        nonzero = trace.nonzero(mv, 3, 12)
        for t, s, row in ((0, 0, 0), (4, 1, 1), (4, 2, mv.rows - 1), (11, 0, 2)):
            shift = operand.kind == "state" and mv.edge == "same_step"
            total = 0
            for column in np.flatnonzero(nonzero[t, s]):
                value = 1 if operand.kind == "one_hot" else int(run.operands[mv.operand][t + shift, s, column])
                assert value != 0
                total += value * int(run.weights[mv.name][row, column])
            assert run.sums[mv.name][t, s, row] == total
        assert not run.sums[mv.name][6:, 1].any()  # that sequence has ended
    assert any(sums.any() for sums in run.sums.values())


def test_the_state_is_its_integers_times_their_unit(draw):
    model = draw(hidden=9, task=None, cell="gru", inputs=OneHot(symbols=7), state_bits=6)
    given = sample(OneHot(symbols=7))
    states, _ = model.states(given.inputs)
    run = integer_run(model, given)
    np.testing.assert_array_equal(run.operands["h"] / 32, states[2:])
    np.testing.assert_array_equal(
        run.weights["W_h_rz"] * model.layers[0].scale_recurrent[:18, None],
        model.layers[0].recurrent_codes[:18] * model.layers[0].scale_recurrent[:18, None],
    )


@pytest.mark.parametrize("cell", [c.name for c in cells.ALL])
def test_a_state_of_two_operands_is_the_same_integers_but_for_those_that_are_pruned(draw, cell):
    """What the machine sums up, column by column, are products with either: its list decides."""
    model = draw(hidden=9, task=None, cell=cell, inputs=OneHot(symbols=7), threshold=0.25, layers=2,
                 pruned="recurrence")  # fmt: skip
    given = sample(OneHot(symbols=7))
    operands, unit = integer_run(model, given).operands, model.config.layers[0].pruning.unit
    for h, dense in ((operands["h_1"][1:], operands["x_2"]), (operands["h_2"][1:], operands["y_2"])):
        np.testing.assert_array_equal(h, np.where(np.abs(dense) * unit < 0.25, 0, dense))
        assert 0 < np.count_nonzero(h) < np.count_nonzero(dense)
    found = check(load_design("edge-8pe"), model, given, 1)
    assert found.passed
    assert found.sums["readout"] == 12 * 7
    assert found.sums.keys() >= {mv.name for mv in graph_of(model).mat_vecs if mv.scope == "readout"}


def test_groups_add_up(draw):
    model = draw(hidden=9, task=None, cell="lstm", inputs=OneHot(symbols=7))
    run = integer_run(model, sample(OneHot(symbols=7)))
    np.testing.assert_array_equal(run.sums["gates"], run.sums["W_x"] + run.sums["W_h"])
    assert set(run.sums) == {mv.name for mv in graph_of(model).mat_vecs} | {"gates"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight_format": "float32"}, "model drawn: weights of W_x must be integers"),
        ({"state_bits": None}, "model drawn: operand h is floating point, not integers"),
    ],
)
def test_floating_point_is_refused_by_name(draw, change, message):
    with pytest.raises(BadInput, match=message):
        integer_run(draw(task=None, inputs=OneHot(symbols=7), **change), sample(OneHot(symbols=7)))
