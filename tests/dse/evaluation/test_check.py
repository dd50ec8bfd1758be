"""Networks whose parts need whole sequences, on machines: the functional check, and engine against engine."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.design import load_design
from archsim.simulation import simulate
from dse.evaluation.check import check
from workloads.config import Pooling
from workloads.importers.network import FloatDense, FloatLayer, Formats, ImportedNetwork, make_layer, to_model
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks.base import Sample

FEATURES = 3
ROWS = {"lstm": 4, "gru": 3, "gru-classic": 3, "rnn-tanh": 1, "lstm-peephole": 4}


def layer(rng: np.random.Generator, cell: str, inputs: int, hidden: int, projected: bool, **more: bool) -> FloatLayer:
    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.6, shape).astype(np.float32)

    rows, outputs = ROWS[cell] * hidden, 2 if projected else hidden
    made = make_layer(cell, drawn(rows, inputs), drawn(rows, hidden), drawn(rows), None)
    changes = {"recurrent_weight": drawn(rows, outputs), "projection": drawn(2, hidden) if projected else None}
    peepholes = {"peepholes": drawn(3, hidden)} if cell == "lstm-peephole" else {}
    return FloatLayer(**vars(made) | changes | peepholes | more)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Stacks of any cell and direction, in integers of 8 bits, with all that may lie before and above."""
    rng, width, layers = np.random.default_rng(draw(st.integers(0, 2**20))), FEATURES, []
    for _ in range(draw(st.integers(1, 2))):
        cell, hidden = draw(st.sampled_from(sorted(ROWS))), draw(st.integers(1, 7))
        projected, both = cell == "lstm" and draw(st.booleans()), draw(st.booleans())
        layers.append(layer(rng, cell, width, hidden, projected))
        layers += [layer(rng, cell, width, hidden, projected, reverse=True, beside=True)] if both else []
        width = layers[-1].outputs * (1 + both)
    dense = None
    if draw(st.booleans()):
        dense = FloatDense(rng.normal(0, 0.6, (FEATURES, 2)).astype(np.float32), np.ones(FEATURES, np.float32), "relu")
    pooling: Pooling | None = draw(st.sampled_from([None, "mean", "max"]))
    head: tuple[FloatDense, ...] = ()
    if draw(st.booleans()):
        head = (FloatDense(rng.normal(0, 0.5, (4, width)).astype(np.float32), np.ones(4, np.float32), "relu"),)
    network = ImportedNetwork(
        input="vector",
        layers=tuple(layers),
        readout_weight=rng.normal(0, 1, (2, 4 if head else width)).astype(np.float32),
        when="last_step" if pooling else draw(st.sampled_from(["every_step", "last_step"])),
        dense=dense,
        head=head,
        pooling=pooling,
    )
    model = to_model(network, "drawn", Formats(layers="fixed8"))
    return model.with_bits(8, 8, 2, state_integer_bits=1).with_threshold(0.1)


@settings(max_examples=20)
@given(models(), st.lists(st.integers(1, 4), min_size=8, max_size=8))
def test_machines_compute_what_the_reference_does_and_engines_agree(model: Model, lengths: list[int]) -> None:
    shape = (max(lengths), len(lengths), model.config.input.features)
    inputs = np.random.default_rng(3).normal(0, 1, shape).astype(np.float32)
    sample, design = Sample(inputs, np.array(lengths), 0), load_design("edge-8pe")
    found = check(design, model, sample)
    assert found.passed
    assert sum(found.sums.values()) > 0
    trace = record_sample(model, sample, {})
    burst, analytic = (simulate(design, trace, engine) for engine in ("burst", "analytic"))
    assert (burst.cycles, burst.stalls, burst.macs) == (analytic.cycles, analytic.stalls, analytic.macs)
