"""Every shipped design with every shipped model: the engines agree, and what cannot be done is refused by name."""

import re
from typing import Any

import pytest

from archsim import designs
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.mapping.planner import plan
from archsim.simulation import simulate
from archsim.trace.trace import Trace
from dse.evaluation.check import check
from tests.sizes import NIGHTLY
from workloads import tasks, zoo
from workloads.graphs import graph_of
from workloads.record import longest, record

STEPS = 1000
SUM_STEPS = 50 if NIGHTLY else 25
UNIT_STEPS = 256 * SUM_STEPS  # of which every sum is checked: wider networks run fewer steps
MUX = {"ternary", "pow2-ternary", "binary"}
FORMATS_DONE = {
    "skip-65nm": {"fixed8", *MUX},
    "rbt-low-power-full": {"fixed8", *MUX},
    "rbt-low-power-ternary": MUX,
    "rbt-low-power-binary": {"binary"},
    "rbt-high-speed-ternary": MUX,
    "rbt-high-speed-binary": {"binary"},
    **{name: {"fixed8", *MUX} for name in ("edge-8pe", "edge-resident", "edge-private", "stream-only", "large")},
    "stationary-65nm": {"fixed8", *MUX},
    "edge-shift": {"exponential5"},
}


def kinds() -> list[str]:
    """One model of each task, cell, size and format whose data are at hand, and all of the smaller size.

    Two that differ in their zeros alone are one graph.
    """
    found: dict[Any, str] = {}
    for name in zoo.ALL:
        config = zoo.load_config(name)
        first = config.layers[0]
        if tasks.by_name(config.task).missing() is None:
            every = name if first.hidden == 256 else None
            found.setdefault((config.task, first.cell, first.hidden, first.weight_format, every), name)
    return list(found.values())


def formats_read(name: str) -> set[str]:
    """Formats of the weights that a run of the model reads."""
    config = zoo.load_config(name)
    entering = {config.input.weight_format} if config.input.kind == "embedding" else set()
    return {layer.weight_format for layer in config.layers} | entering


HELD = re.compile(r": (weight_memory\.capacity_kib|state_buffer\.units) must be at least [\d,]+")


def holds(design: str, name: str) -> bool:
    """Whether the weights of the model fit, where nothing can stream."""
    try:
        planned = load_design(design)
        return planned.dram is not None or bool(plan(planned, graph_of(zoo.load_model(name)), planned.lanes))
    except BadInput as problem:
        if not HELD.search(str(problem)):
            raise
        return False


def done_by(design: str) -> list[str]:
    """Which of `kinds` the design runs; `test_burst_equals_analytic...` holds that it refuses the rest."""
    return [name for name in kinds() if formats_read(name) <= FORMATS_DONE[design] and holds(design, name)]


@pytest.fixture(scope="module", params=kinds())
def trace(request: pytest.FixtureRequest) -> Trace:
    model = zoo.load_model(request.param)
    return record(model, "test", sequences=16, steps=min(STEPS, longest(model, "test", 16)))


@pytest.mark.slow
@pytest.mark.parametrize("name", designs.ALL)
def test_burst_equals_analytic_over_1000_steps_of_real_text(name: str, trace: Trace) -> None:
    design = load_design(name)
    weights = trace.graph.mat_vecs[0].weight_format.name
    if weights not in FORMATS_DONE[name]:
        with pytest.raises(
            BadInput, match=rf"design {name}( cannot run operation \w+: {weights} weights|{HELD.pattern})"
        ):
            simulate(design, trace)
        return
    if not holds(name, trace.header.workload):
        with pytest.raises(BadInput, match=rf"design {name}{HELD.pattern}"):
            simulate(design, trace)
        return
    burst, analytic = (simulate(design, trace, engine) for engine in ("burst", "analytic"))
    assert burst.cycles == analytic.cycles
    assert burst.stalls == analytic.stalls
    assert burst.ledger == analytic.ledger
    assert burst.macs == analytic.macs


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("trace", done_by("skip-65nm"), indirect=True, scope="module")
def test_burst_stays_with_column_on_real_text(lanes: int, trace: Trace) -> None:
    design = load_design("skip-65nm")
    burst, column = (
        simulate(design, trace, engine, steps=min(30, trace.steps), lanes=lanes) for engine in ("burst", "column")
    )
    assert burst.cycles == pytest.approx(column.cycles, rel=0.005)
    assert burst.macs == column.macs


@pytest.mark.slow
@pytest.mark.parametrize(("name", "workload"), [(design, name) for design in designs.ALL for name in done_by(design)])
def test_every_sum_is_the_reference_s(name: str, workload: str) -> None:
    model, design = zoo.load_model(workload), load_design(name)
    steps = min(SUM_STEPS, UNIT_STEPS // model.layers[0].config.hidden, longest(model, "test", design.lanes))
    sample = tasks.by_name(model.task).sample("test", design.lanes, steps, seed=0)
    found = check(design, model, sample)
    assert found.passed
    layer = model.layers[0]
    rows = len(layer.cell.gates) * layer.config.hidden
    assert sum(found.sums.values()) >= 2 * rows * int(sample.lengths.sum())
