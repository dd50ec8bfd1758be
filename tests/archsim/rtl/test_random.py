"""The machine in Verilog on drawn machines: control alone, and the whole of it, against engine `column`."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archsim.design import Design
from archsim.mapping.plan import Norms, Plan
from archsim.mapping.planner import plan
from archsim.mapping.work import Work, measure
from tests.archsim.rtl.machines import control_differs, differences, drawn_integers, tools, with_row_shifts
from tests.archsim.test_engines import UNITS, drawn_designs, drawn_traces, fits

pytestmark = tools


def drawn(examples: int) -> settings:
    rejected = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=examples, deadline=None, suppress_health_check=rejected)


PES = {
    "fixed": (8, ["fixed8", "fixed4", "ternary", "binary"]),
    "ternary": (2, ["ternary", "binary", "pow2-ternary"]),
    "binary": (1, ["binary"]),
    "shift": (6, ["exponential5", "exponential3"]),
}
"""Kinds of PE: bits of a weight, and the formats that it takes."""
MEMORIES = ("shared", "part", "per_tile", "per_pe")
"""Weight memories: one for all that holds the model or nothing of it, or a part of it; or several of their own."""


@st.composite
def machines(draw: st.DrawFn, kind: str, memory: str) -> Design:
    """Machines whose partial sums stay, with PEs of a kind and one of `MEMORIES`."""
    design = draw(drawn_designs())
    changed: dict[str, Any] = {
        "pe_array.multiplier": kind if kind in ("fixed", "shift") else "mux",
        "pe_array.weight_bits": PES[kind][0],
        "pe_array.accumulator_bits": draw(st.sampled_from([12, 24, 40])),
    }
    if design.dataflow != "output-stationary":
        changed |= {
            "dataflow": "output-stationary",
            "sequencer.steps_at_once": 1,
            "pe_array.tiles": 1,
            "pe_array.pes_per_tile": design.lanes * draw(st.integers(1, 6)),
            "pe_array.accumulators": draw(st.integers(1, 6)),
        }
    if memory == "part":
        changed |= {"weight_memory.capacity_kib": 1, "weight_memory.residency": "part"}
    elif memory != "shared":
        changed |= {"weight_memory.capacity_kib": 256, "weight_memory.residency": "whole"}
    changed["weight_memory.organisation"] = "shared" if memory == "part" else memory
    return design.override(changed | ({"lanes": 1} if memory == "per_pe" else {}))


SHIFTS = st.sampled_from([0, 1, 6])
"""The most places by which products are shifted, row by row."""


@dataclass(frozen=True)
class Run:
    """A drawn run: all of a machine's lanes or some, all steps of a trace or some."""

    design: Design
    plan: Plan
    work: Work

    def control_differs(self) -> str | None:
        """How control in Verilog differs from engine `column`."""
        with tempfile.TemporaryDirectory() as folder:
            return control_differs(self.design, self.plan, self.work, Path(folder))

    def differences(self, seed: int, shift: int) -> tuple[str, ...]:
        """How the whole machine differs, with integers that are drawn with a seed, in rows shifted by up to `shift`."""
        with tempfile.TemporaryDirectory() as folder:
            integers = with_row_shifts(drawn_integers(self.work.trace, seed), shift, seed)
            return differences(self.design, self.plan, self.work, Path(folder), integers)


@st.composite
def runs(draw: st.DrawFn, memory: str) -> Run:
    """With a weight memory that is one of `MEMORIES`; a part of one needs a large model."""
    part = memory == "part"
    kind = draw(st.sampled_from(["fixed", "shift"] if part else sorted(PES)))
    formats = PES[kind][1][: 2 if part else None]
    design, trace = draw(machines(kind, memory)), draw(drawn_traces(formats, st.integers(12, 18) if part else UNITS))
    assume(fits(design, trace))
    lanes = design.lanes - draw(st.integers(0, design.lanes - 1))
    steps = trace.steps - draw(st.integers(0, trace.steps - 1))
    planned = plan(design, trace.graph, lanes)
    return Run(design, planned, measure(trace, planned, steps, design.skip_encoder.enabled, design.skip_encoder.reach))


def without_norms(planned: Plan) -> Plan:
    """The same order without row scales and biases, so that nothing keeps empty bursts of different blocks apart."""
    bare = (replace(run, block=replace(run.block, norms=Norms(0, 0, 0))) for run in planned.runs)
    return replace(planned, runs=tuple(bare))


any_runs = st.sampled_from(MEMORIES).flatmap(runs)


@drawn(10)
@given(any_runs, st.booleans())
def test_control_has_the_event_log_of_column(run: Run, norms: bool) -> None:
    assert (run if norms else replace(run, plan=without_norms(run.plan))).control_differs() is None


@drawn(20)
@given(any_runs, st.integers(0, 2**31), SHIFTS)
def test_the_whole_machine_has_its_event_log_and_its_sums(run: Run, seed: int, shift: int) -> None:
    assert run.differences(seed, shift) == ()


@pytest.mark.slow
@pytest.mark.parametrize("memory", MEMORIES)
@drawn(28)
@given(st.data(), st.integers(0, 2**31), SHIFTS)
def test_more_machines_have_their_event_logs_and_their_sums(
    memory: str, data: st.DataObject, seed: int, shift: int
) -> None:
    assert data.draw(runs(memory)).differences(seed, shift) == ()
