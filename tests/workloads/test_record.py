"""Recorded traces hold what the reference computed over real text."""

import numpy as np
import pytest

from archsim.errors import BadInput
from archsim.trace.graph import MatVec, RowAffine
from archsim.trace.trace import Trace
from workloads import formats, tasks
from workloads.graphs import graph_of
from workloads.record import longest, record
from workloads.tasks.language_model import WARMUP

SEQUENCES, STEPS = 5, 150


@pytest.fixture(scope="module")
def trace(model):
    return record(model, "validation", SEQUENCES, STEPS, seed=3)


@pytest.fixture(scope="module")
def text(model, trace):
    """Symbols ``(WARMUP + T, S)``, found again in the split from the symbols recorded."""
    whole = tasks.by_name(model.task).split("validation")
    part = len(whole) // SEQUENCES
    first = trace.arrays["x"][:, 0].astype(np.uint8).tobytes()
    start = whole.tobytes().index(first) - WARMUP
    assert whole.tobytes().count(first) == 1
    return whole[start + part * np.arange(SEQUENCES) + np.arange(WARMUP + STEPS)[:, None]]


@pytest.fixture(scope="module")
def states(model, text):
    """``(T + 1, S, H)``: after the warm-up, and after each step."""
    return model.states(text)[0][WARMUP - 1 :]


def test_masks_are_the_non_zero_states(model, trace, states):
    masks = np.unpackbits(trace.arrays["h"], axis=-1, count=model.config.layers[0].hidden).astype(bool)
    np.testing.assert_array_equal(masks, states != 0)


def test_inputs_are_evenly_spaced_pieces_of_the_text(trace, text):
    np.testing.assert_array_equal(trace.arrays["x"], text[WARMUP:])


def test_counts_equal_a_popcount_of_the_states(model, trace, states, text):
    for lanes in (1, 3, SEQUENCES):
        for mat_vec in trace.graph.mat_vecs:
            columns = trace.columns(mat_vec, lanes, STEPS)
            for t in (0, 1, STEPS // 2, STEPS - 1):
                if mat_vec.operand == "x":
                    needed = [{int(text[WARMUP + t, s])} for s in range(lanes)]
                else:
                    row = states[t + (mat_vec.edge == "same_step")]
                    needed = [
                        {j for j in range(model.config.layers[0].hidden) if row[s, j] != 0.0} for s in range(lanes)
                    ]
                assert columns.listed[t] == len(set().union(*needed))
                assert columns.nonzero[t] == sum(map(len, needed))


def test_provenance_says_what_was_recorded(model, trace, states):
    given = trace.header.provenance
    assert not trace.header.synthetic
    assert trace.header.workload == model.name
    assert given["model_sha256"] == model.sha256
    assert (given["task"], given["split"]) == (model.task, "validation")
    assert (given["sequences"], given["steps"], given["seed"]) == (SEQUENCES, STEPS, 3)
    assert given["threshold"] == model.threshold
    assert given["state_sparsity"] == pytest.approx(np.mean(states[1:] == 0))


def test_the_graph_is_that_of_the_model(model):
    ours = graph_of(model)
    ours.check()
    rows, gates, readout = (
        4 * model.config.layers[0].hidden,
        model.weight_format,
        formats.by_name(model.config.readout.weight_format),
    )
    shapes = {mv.name: (mv.scope, mv.edge, mv.group, mv.rows, mv.cols, mv.weight_format.bits) for mv in ours.mat_vecs}
    assert shapes == {
        "W_x": ("input", "input", "gates", rows, model.config.input.symbols, gates.bits),
        "W_h": ("recurrent", "previous_step", "gates", rows, model.config.layers[0].hidden, gates.bits),
        "readout": (
            "readout",
            "same_step",
            "readout",
            model.config.input.symbols,
            model.config.layers[0].hidden,
            readout.bits,
        ),
    }
    assert {op.of for op in ours.operations if isinstance(op, RowAffine)} == {"W_x", "W_h"}
    assert {op.weight_format.multiplier for op in ours.operations if isinstance(op, MatVec)} <= {
        gates.multiplier,
        readout.multiplier,
    }
    assert ours.operand("h").bits == model.config.layers[0].state_bits


def test_the_same_seed_gives_the_same_trace_and_another_seed_another(draw, tmp_path):
    model = draw(hidden=8)
    trace = record(model, "test", 3, 40, seed=1)
    assert record(model, "test", 3, 40, seed=1).sha256 == trace.sha256
    assert record(model, "test", 3, 40, seed=2).sha256 != trace.sha256
    trace.save(tmp_path / "trace.npz")
    assert Trace.load(tmp_path / "trace.npz").sha256 == trace.sha256


def test_as_many_steps_as_there_are_and_no_more(draw):
    model = draw(hidden=4)
    most = longest(model, "test", 64)
    assert record(model, "test", 64, most).steps == most == 111_540 // 64 - WARMUP
    message = f"steps must be at most {most} with 64 sequences of the test split of tiny-shakespeare, not {most + 1}"
    with pytest.raises(BadInput, match=message):
        record(model, "test", 64, most + 1)


@pytest.mark.parametrize(("sequences", "steps"), [(0, 10), (4, 0)])
def test_nothing_to_record_is_refused(draw, sequences, steps):
    message = f"sequences and steps must be at least 1, not {sequences} and {steps}"
    with pytest.raises(BadInput, match=message):
        record(draw(), "test", sequences, steps)
