"""The static order of turns."""

from collections import Counter

from archsim import catalogue
from archsim.design import load_design
from archsim.ledger import Ledger
from archsim.machine.sequencer import KEPT_STEPS, Sequencer
from archsim.machine.turns import BurstTurn
from archsim.mapping.planner import plan
from archsim.mapping.work import measure
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace


def sequencer(trace: Trace, lanes: int, steps: int) -> Sequencer:
    planned = plan(load_design("skip-65nm"), trace.graph, lanes)
    return Sequencer(planned, measure(trace, planned, steps, skipping=True), range(steps), Ledger())


def test_it_passes_over_what_no_lane_needs() -> None:
    trace = synthesize(4, 2, 1.0, sequences=2, steps=3)
    trace.lengths[:] = [3, 1]
    order = [(turn.step, turn.position) for turn in sequencer(trace, 2, 3).bursts()]
    assert order == [(step, position) for step in range(3) for position in (0, 1)]
    assert [turn.lanes for turn in sequencer(trace, 2, 3).blocks()] == [2, 1, 1]
    trace.lengths[:] = [1, 1]
    assert [turn.step for turn in sequencer(trace, 2, 1).bursts()] == [0, 0]


def test_the_first_and_the_last_burst_of_a_step_say_so() -> None:
    trace = synthesize(4, 2, 1.0, sequences=2, steps=3)
    turns = list(sequencer(trace, 2, 3).bursts())
    assert [turn.opens_step for turn in turns] == [True, False] * 3
    assert [turn.closes_step for turn in turns] == [False, True] * 3


def test_a_burst_is_counted_as_it_is_issued_and_no_other_time() -> None:
    trace = synthesize(4, 2, 1.0, sequences=2, steps=3)
    ledger = Ledger()
    planned = plan(load_design("skip-65nm"), trace.graph, 2)
    order = Sequencer(planned, measure(trace, planned, 3, skipping=True), range(3), ledger)
    assert list(order.bursts())
    assert not ledger.counts
    columns = sum(turn.columns for turn in order.issue())
    assert (ledger.get(catalogue.BURST), ledger.get(catalogue.COLUMN)) == (6, columns)


def test_no_more_than_a_few_steps_are_kept() -> None:
    trace = synthesize(4, 2, 1.0, sequences=2, steps=3 * KEPT_STEPS)
    order = sequencer(trace, 2, 3 * KEPT_STEPS)
    assert len(list(order.bursts())) == 2 * 3 * KEPT_STEPS
    assert len(order._turns) == KEPT_STEPS


def test_bursts_that_differ_only_in_their_place_stand_for_each_other() -> None:
    """The blocks of 1,000 units, one by one, and those that are alike counted together."""
    trace = synthesize(1000, 2, 0.3, sequences=2, steps=2)
    order = sequencer(trace, 2, 2)

    def of(turn: BurstTurn) -> tuple[object, ...]:
        return turn.position, turn.operands, turn.block.units, turn.block.norms, turn.of.listed, turn.burst

    for step in range(2):
        together = Counter[tuple[object, ...]]()
        for turn, times in order.alike(step):
            together[of(turn)] += times
        assert together == Counter(map(of, order.bursts_of(step)))
        assert together.total() > 2 * len(together)
