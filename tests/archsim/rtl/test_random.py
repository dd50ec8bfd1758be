"""The machine in Verilog on drawn machines: control alone, and the whole of it, against engine `column`."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archsim.design import Design
from archsim.machine.functional import Integers
from archsim.mapping.plan import Norms, Plan
from archsim.mapping.planner import plan
from archsim.mapping.work import Work, measure
from tests.archsim.rtl.machines import differs, drawn_integers, tools
from tests.archsim.test_engines import drawn_designs, drawn_traces, fits

pytestmark = tools


def drawn(examples: int) -> settings:
    rejected = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=examples, deadline=None, suppress_health_check=rejected)


@st.composite
def machines(draw: st.DrawFn) -> Design:
    """Machines whose partial sums stay, with a weight memory that may hold a part of the model."""
    design = draw(drawn_designs())
    changed: dict[str, Any] = {}
    if design.dataflow != "output-stationary":
        changed |= {
            "dataflow": "output-stationary",
            "sequencer.steps_at_once": 1,
            "pe_array.tiles": 1,
            "pe_array.pes_per_tile": design.lanes * draw(st.integers(1, 6)),
            "pe_array.accumulators": draw(st.integers(1, 6)),
        }
    if not design.weight_memory.private and draw(st.booleans()):
        changed |= {"weight_memory.capacity_kib": draw(st.integers(1, 2)), "weight_memory.residency": "part"}
    return design.override(changed)


@dataclass(frozen=True)
class Run:
    """A drawn run: all of a machine's lanes or some, all steps of a trace or some."""

    design: Design
    plan: Plan
    work: Work

    def differs(self, integers: Integers | None = None) -> str | None:
        """How the machine in Verilog differs from engine `column`; control alone without `integers`."""
        with tempfile.TemporaryDirectory() as folder:
            return differs(self.design, self.plan, self.work, Path(folder), integers)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    design, trace = draw(machines()), draw(drawn_traces())
    assume(fits(design, trace))
    lanes, steps = draw(st.integers(1, design.lanes)), draw(st.integers(1, trace.steps))
    planned = plan(design, trace.graph, lanes)
    return Run(design, planned, measure(trace, planned, steps, design.skip_encoder.enabled, design.skip_encoder.reach))


def without_norms(planned: Plan) -> Plan:
    """The same order without row scales and biases, so that nothing keeps empty bursts of different blocks apart."""
    bare = (replace(run, block=replace(run.block, norms=Norms(0, 0, 0))) for run in planned.runs)
    return replace(planned, runs=tuple(bare))


@drawn(10)
@given(runs(), st.booleans())
def test_control_has_the_event_log_of_column(run: Run, norms: bool) -> None:
    assert (run if norms else replace(run, plan=without_norms(run.plan))).differs() is None


@drawn(10)
@given(runs(), st.integers(0, 2**31))
def test_the_whole_machine_has_its_event_log_and_its_sums(run: Run, seed: int) -> None:
    assert run.differs(drawn_integers(run.work.trace, seed)) is None


@pytest.mark.slow
@drawn(110)
@given(runs(), st.integers(0, 2**31))
def test_more_machines_have_their_event_logs_and_their_sums(run: Run, seed: int) -> None:
    assert run.differs(drawn_integers(run.work.trace, seed)) is None
