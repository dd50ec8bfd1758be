"""Traces of an LSTM and of GRUs, dense and sparse, that every engine runs in a moment."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from archsim.trace.columns import pack_mask
from archsim.trace.header import VERSION, Header
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from workloads.config import Config, LayerConfig, OneHot
from workloads.graphs import graph_of

TRACES = ("lstm-dense", "lstm-sparse", "gru-dense", "gru-sparse")
UNITS, SYMBOLS, STEPS = 100, 20, 3
FORMATS = {"edge-shift": "exponential5", "rbt-low-power-full": "fixed12"}


def weights_of(design: str) -> str:
    """The weight format that a shipped design is made for."""
    return FORMATS.get(design, design.rsplit("-", 1)[-1] if "rbt" in design else "fixed8")


@cache
def trace_of(kind: str, weights: str, sequences: int) -> Trace:
    """A layer of `UNITS` units on a one-hot input, dense or with a tenth of its states; ``gru-stack``: two of 40."""
    density = 0.1 if kind.endswith("sparse") else 1.0
    if kind.startswith("lstm"):
        return synthesize(UNITS, SYMBOLS, density, sequences=sequences, steps=STEPS, weight_format=weights)
    stacked = kind == "gru-stack"
    layer = LayerConfig(
        cell="gru", hidden=40 if stacked else UNITS, weight_format=weights, input_weight_format=weights, state_bits=8
    )
    layers = (layer, layer) if stacked else (layer,)
    config = Config(name="gru", input=OneHot(symbols=SYMBOLS), layers=layers, readout=None)
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))
    rng = np.random.default_rng(1)
    arrays = {
        o.name: rng.integers(0, o.size, (STEPS, sequences), dtype=np.uint16)
        if o.kind == "one_hot"
        else pack_mask(rng.random((STEPS + 1, sequences, o.size)) < density)
        for o in graph.operands
    }
    header = Header(version=VERSION, workload=kind, synthetic=True, provenance={}, graph=graph)
    return Trace(header, arrays, np.full(sequences, STEPS))
