"""What could overflow is refused before it runs, by a bound that no run exceeds."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.mapping import refusals
from archsim.simulation import ENGINES, Engine, simulate
from archsim.trace.synthetic import synthesize

TRACE = synthesize(20, 5, 0.3, sequences=1, steps=3)
SLOW: dict[str, Any] = {
    "dram.bandwidth_gbps": 0.00123456789012,
    "clock_mhz": 4999,
    "sequencer.setup_cycles": 2**30,
    "activation_unit.depth_cycles": 2**30,
}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_could_overflow_is_refused_before_it_runs(engine: Engine) -> None:
    message = r"design edge-8pe: a run must take at most 2\^62 parts of a cycle, of which a cycle has \d+ here, and"
    with pytest.raises(BadInput, match=message):
        simulate(load_design("edge-8pe").override(SLOW), synthesize(20, 5, 0.3, sequences=1, steps=200), engine)


@given(
    st.sampled_from(["edge-8pe", "edge-resident", "skip-65nm"]),
    st.floats(0.01, 100),
    st.integers(0, 50),
    st.sampled_from([True, False]),
)
def test_no_run_takes_longer_than_the_bound_that_it_was_let_through_by(
    name: str, gbps: float, setup_cycles: int, inputs: bool
) -> None:
    """With the run's own cycles as the limit a run is refused, unless nothing in it overlaps."""
    values: dict[str, Any] = {"dram.bandwidth_gbps": gbps, "sequencer.setup_cycles": setup_cycles}
    design = load_design(name).override({**values, "dram.inputs": inputs})
    cycles = simulate(design, TRACE, "analytic", lanes=1).cycles
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refusals, "LARGEST", cycles - 1)
        with pytest.raises(BadInput, match=re.escape("a run must take at most 2^62 parts of a cycle")):
            simulate(design, TRACE, "analytic", lanes=1)
