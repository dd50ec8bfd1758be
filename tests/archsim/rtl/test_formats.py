"""The machine in Verilog with weights of every format, and of several at once, on PEs of every kind."""

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archsim.design import Design
from archsim.mapping.planner import plan
from archsim.mapping.work import measure
from archsim.trace.columns import pack_mask
from archsim.trace.header import VERSION, Header
from archsim.trace.trace import Trace
from tests.archsim.rtl.machines import differs, drawn_integers, tools
from tests.archsim.rtl.test_random import machines
from tests.archsim.test_engines import fits
from workloads.config import Config, Embedding, LayerConfig, OneHot, Readout, Vector
from workloads.graphs import graph_of

pytestmark = tools

PES = {
    "fixed": (8, ["fixed8", "fixed4", "ternary", "binary"]),
    "ternary": (2, ["ternary", "binary", "pow2-ternary"]),
    "binary": (1, ["binary"]),
    "shift": (6, ["exponential5", "exponential3"]),
}
"""Kinds of PE: bits of a weight, and the formats that it takes."""


@st.composite
def cases(draw: st.DrawFn) -> tuple[Design, Trace]:
    kind = draw(st.sampled_from(sorted(PES)))
    bits, formats = PES[kind]
    design = draw(machines()).override(
        {
            "pe_array.multiplier": kind if kind in ("fixed", "shift") else "mux",
            "pe_array.weight_bits": bits,
            "pe_array.accumulator_bits": draw(st.sampled_from([12, 24, 40])),
            "skip_encoder.enabled": draw(st.booleans()),
        }
    )
    return design, draw(traces(formats))


@st.composite
def traces(draw: st.DrawFn, formats: list[str]) -> Trace:
    """Any of three cells, of which a product may have a format of its own."""
    a_format = st.sampled_from(formats)
    symbols, steps = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    inputs: Any = draw(
        st.sampled_from(
            [
                OneHot(symbols=symbols),
                Vector(size=symbols),
                Embedding(symbols=symbols, size=3, weight_format=draw(a_format)),
            ]
        )
    )
    layer = LayerConfig(
        cell=draw(st.sampled_from(["lstm", "gru", "gru-classic"])),
        hidden=draw(st.integers(1, 9)),
        weight_format=draw(a_format),
        input_weight_format=draw(a_format),
        state_bits=8,
        input_bits=None if inputs.kind == "one_hot" else 8,
    )
    readout = Readout(outputs=symbols, weight_format=draw(a_format), when="every_step")
    config = Config(name="drawn", input=inputs, layers=(layer,), readout=readout)
    scaled = draw(st.booleans())
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: scaled))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    density, sequences = draw(st.sampled_from([0.0, 0.3, 1.0])), 4
    arrays = {
        o.name: rng.integers(0, o.size, (steps, sequences), dtype=np.uint16)
        if o.kind == "one_hot"
        else pack_mask(rng.random((steps + (o.kind == "state"), sequences, o.size)) < density)
        for o in graph.operands
    }
    header = Header(version=VERSION, workload="drawn", synthetic=True, provenance={}, graph=graph)
    return Trace(header, arrays, np.full(sequences, steps))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases(), st.integers(0, 2**31))
def test_sums_of_every_format_are_those_of_the_products(case: tuple[Design, Trace], seed: int) -> None:
    design, trace = case
    assume(fits(design, trace))
    planned = plan(design, trace.graph, design.lanes)
    work = measure(trace, planned, trace.steps, design.skip_encoder.enabled, design.skip_encoder.reach)
    with tempfile.TemporaryDirectory() as folder:
        assert differs(design, planned, work, Path(folder), drawn_integers(trace, seed)) is None
