"""A cell that archsim does not know: its trace states the operations of a unit, and all results follow from these."""

import pytest
from pydantic import ValidationError

from archsim import catalogue
from archsim.analytic.closed_form import run_analytic
from archsim.design import load_design
from archsim.ledger import Ledger
from archsim.machine.steps import run_machine
from archsim.mapping.planner import plan
from archsim.mapping.work import measure
from archsim.simulation import Engine, simulate
from archsim.trace.graph import Elementwise, UnitOperations
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace

HIDDEN, LANES, STEPS = 200, 4, 6
MADE_UP = UnitOperations(
    curves=4, multiplies=2, adds=7, state_reads=3, state_writes=2, cell_reads=2, cell_writes=5
)  # fmt: skip
DESIGN = load_design("skip-65nm")


def _trace(unit: UnitOperations) -> Trace:
    """A trace with the products of an LSTM and the operations `unit` for its update."""
    drawn = synthesize(HIDDEN, 9, 0.4, sequences=LANES, steps=STEPS)
    operations = tuple(
        op.model_copy(update={"unit": unit}) if isinstance(op, Elementwise) else op for op in drawn.graph.operations
    )
    graph = drawn.graph.model_copy(update={"operations": operations})
    return Trace(drawn.header.model_copy(update={"graph": graph}), drawn.arrays, drawn.lengths)


COUNTED = {
    "curves": catalogue.CURVE,
    "multiplies": catalogue.MULTIPLY,
    "adds": catalogue.ADD,
    "state_reads": catalogue.H_READ,
    "state_writes": catalogue.H_WRITE,
    "cell_reads": catalogue.C_READ,
    "cell_writes": catalogue.C_WRITE,
}


def _ledger(engine: Engine, unit: UnitOperations) -> Ledger:
    trace = _trace(unit)
    planned = plan(DESIGN, trace.graph, LANES)
    work = measure(trace, planned, STEPS, skipping=True)
    if engine == "analytic":
        return run_analytic(DESIGN, planned, work).ledger
    return run_machine(DESIGN, planned, work, engine).ledger


@pytest.mark.parametrize("engine", ["burst", "column", "analytic"])
def test_its_operations_are_counted_by_every_engine(engine: Engine) -> None:
    """Compared with a cell that does nothing, since products and encoding access h as well."""
    made_up, nothing = _ledger(engine, MADE_UP), _ledger(engine, UnitOperations())
    more = {name: made_up.get(action) - nothing.get(action) for name, action in COUNTED.items()}
    assert more == {name: count * HIDDEN * LANES * STEPS for name, count in MADE_UP.model_dump().items()}


def _dynamic_pj(unit: UnitOperations) -> float:
    components = simulate(DESIGN, _trace(unit), lanes=LANES).energy.components
    return components["activation_unit"].value + components["state_buffer"].value


def test_its_operations_are_priced_one_by_one() -> None:
    """Each operation has a price, and a run costs that much more than one of a cell that does nothing."""
    nothing = _dynamic_pj(UnitOperations())
    counts = MADE_UP.model_dump()
    of_one = {name: _dynamic_pj(UnitOperations(**{name: 1})) - nothing for name in counts}
    assert min(of_one.values()) > 0
    expected = sum(count * of_one[name] for name, count in counts.items())
    assert _dynamic_pj(MADE_UP) - nothing == pytest.approx(expected, rel=1e-9)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValidationError, match="adds"):
        UnitOperations(adds=-1)
