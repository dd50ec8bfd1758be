"""A few steps of a shipped model of every kind in Verilog: the sums are those of the model's own integers."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from archsim.design import load_design
from archsim.machine.functional import Integers
from archsim.rtl.images import Images
from archsim.rtl.program import Program
from archsim.rtl.tables import Tables
from archsim.simulation import Job, prepare
from tests.archsim.rtl.machines import differences, tools
from workloads.config import Embedding, OneHot, Vector
from workloads.integers import integer_run
from workloads.record import record_sample
from workloads.tasks.base import Sample
from workloads.zoo import load_model

pytestmark = tools


class Window(NamedTuple):
    """Steps of a model on a design, after others that are not recorded."""

    model: str
    design: str
    steps: int = 2
    warmup: int = 10
    lanes: int = 1


WINDOWS = (
    Window("spoken-rnn64-ternary", "edge-8pe", steps=3),
    Window("spoken-gru64-ternary", "edge-resident", lanes=2),
    Window("spoken-lstm64-ternary", "edge-private"),
    Window("imdb-gru64-ternary", "edge-resident", steps=1),
    Window("smnist-rows-lstm100-binary", "rbt-low-power-full", steps=1),
    Window("wp-lstm256-fixed8-s90", "edge-8pe", steps=1),
    Window("wp-lstm256-binary", "edge-8pe", steps=1, warmup=0),
    Window("wp-lstm512-pow2-ternary", "edge-8pe", steps=1, warmup=0),
    Window("wp-lstm512-exponential5", "edge-shift", steps=1, warmup=0),
)
"""Each cell, weight format and kind of input; those that begin with an empty state are dense otherwise."""
QUICK = "spoken-rnn64-ternary", "wp-lstm256-binary"


@pytest.mark.parametrize(
    "window",
    [pytest.param(w, id=w.model, marks=() if w.model in QUICK else pytest.mark.slow) for w in WINDOWS],
)
def test_sums_of_a_shipped_model(window: Window, tmp_path: Path) -> None:
    model, rng = load_model(window.model), np.random.default_rng(4)
    shape, given = (window.warmup + window.steps, window.lanes), model.config.input
    inputs: NDArray[Any]
    if isinstance(given, OneHot | Embedding):
        inputs = rng.integers(0, given.symbols, shape)
    else:
        assert isinstance(given, Vector)
        inputs = rng.standard_normal((*shape, given.size)).astype(np.float32)
    lengths = np.maximum(1, window.steps - np.arange(window.lanes))
    sample = Sample(inputs=inputs, lengths=lengths, warmup=window.warmup)
    trace, reference = record_sample(model, sample, {}), integer_run(model, sample)
    integers = Integers(reference.weights, reference.operands)
    lanes = {"lanes": window.lanes, "pe_array.pes_per_tile": 8 * window.lanes} if window.lanes > 1 else {}
    design = load_design(window.design).override(lanes)
    prepared = prepare(Job(design, trace, window.lanes))
    assert differences(*prepared.triple, tmp_path, integers) == ()
    program = Program(*prepared.triple)
    expected = Images(program, Tables(program), integers).sums()
    for name, sums in expected.items():
        assert np.array_equal(sums, reference.sums[name][: program.steps, : window.lanes])
