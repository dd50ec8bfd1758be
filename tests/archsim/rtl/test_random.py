"""The machine in Verilog on drawn machines: control alone, and the whole of it, against engine `column`."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archsim.design import Design
from archsim.mapping.planner import plan
from archsim.mapping.work import measure
from archsim.trace.trace import Trace
from tests.archsim.rtl.machines import differs, drawn_integers, tools
from tests.archsim.test_engines import drawn_designs, drawn_traces, fits

pytestmark = tools

drawn = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


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


def compared(design: Design, trace: Trace, seed: int | None = None) -> str | None:
    """How the machine in Verilog differs from engine `column`; control alone without a seed for its integers."""
    planned = plan(design, trace.graph, design.lanes)
    work = measure(trace, planned, trace.steps, design.skip_encoder.enabled, design.skip_encoder.reach)
    integers = None if seed is None else drawn_integers(trace, seed)
    with tempfile.TemporaryDirectory() as folder:
        return differs(design, planned, work, Path(folder), integers)


@drawn
@given(machines(), drawn_traces())
def test_control_has_the_event_log_of_column(design: Design, trace: Trace) -> None:
    assume(fits(design, trace))
    assert compared(design, trace) is None


@drawn
@given(machines(), drawn_traces(), st.integers(0, 2**31))
def test_the_whole_machine_has_its_event_log_and_its_sums(design: Design, trace: Trace, seed: int) -> None:
    assume(fits(design, trace))
    assert compared(design, trace, seed) is None
