"""The ports themselves, and how waiting is split by cause."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from archsim.catalogue import Cause
from archsim.machine.ports import OperandLists, Queue, Signals, WordFifo, blame, share_out

CAUSES = st.sampled_from([Cause.SCRATCH_BANK, Cause.STATE_DEPENDENCY, Cause.INPUT_FETCH])


@given(begin=st.integers(0, 50), length=st.integers(0, 50), waited=st.lists(st.tuples(CAUSES, st.integers(0, 120))))
def test_every_cycle_has_the_first_cause_that_is_missing_in_it(
    begin: int, length: int, waited: list[tuple[Cause, int]]
) -> None:
    """The expected cause of each cycle is the first that has not ended yet."""
    cycles = range(begin, begin + length)
    expected = [next((cause for cause, until in waited if cycle < until), Cause.WEIGHT_LATENCY) for cycle in cycles]
    causes = [cause for cause, n in blame(begin, begin + length, waited, Cause.WEIGHT_LATENCY) for _ in range(n)]
    assert causes == expected


@given(cycles=st.integers(0, 50), most=st.lists(st.integers(0, 40), max_size=3))
def test_shares_add_up_and_none_is_larger_than_its_wait(cycles: int, most: list[int]) -> None:
    parts = list(share_out(cycles, [(Cause.FIFO_CREDIT, each) for each in most], Cause.WEIGHT_BANDWIDTH))
    assert sum(part for _, part in parts) == cycles
    assert all(0 <= part <= each for (_, part), each in zip(parts, most, strict=False))
    assert parts[-1] == (Cause.WEIGHT_BANDWIDTH, max(0, cycles - sum(most)))


def test_a_fifo_says_from_when_a_word_has_room(bench: Any) -> None:
    """Two words have room at once; at 7 it is said that others will have it from 9 and 12 on."""
    fifo, taken = WordFifo(bench.env, 2), []

    def take() -> Any:
        for _ in range(3):
            taken.append(((yield from fifo.room.get()), int(bench.env.now)))

    for cycle in (9, 12):
        bench.after(7, lambda cycle=cycle: fifo.room.put(cycle))
    bench.run(take())
    assert taken == [(0, 0), (0, 0), (9, 7)]
    assert tuple(fifo.room.items) == (12,)


def test_a_queue_keeps_the_order(bench: Any) -> None:
    queue, got = Queue[str](bench.env), []

    def take() -> Any:
        for _ in range(2):
            got.append(((yield from queue.get()), int(bench.env.now)))

    bench.after(3, lambda: queue.put("a"))
    for item in "bc":
        bench.after(5, lambda item=item: queue.put(item))
    bench.run(take())
    assert got == [("a", 3), ("b", 5)]
    assert tuple(queue.items) == ("c",)


def test_a_signal_may_be_given_before_or_after_it_is_waited_for(bench: Any) -> None:
    signals, seen = Signals(bench.env), []

    def wait(step: int) -> Any:
        seen.append((step, (yield signals.at(step)), int(bench.env.now)))

    signals.give(0, 10)
    bench.after(4, lambda: signals.give(1))
    bench.run(wait(0), wait(1))
    assert seen == [(0, 10, 0), (1, None, 4)]
    assert signals.given(2) is None
    signals.forget(0)
    assert not signals.at(0).triggered


def test_the_latest_list_of_an_operand_outlives_a_step_that_makes_none(bench: Any) -> None:
    lists = OperandLists(bench.env, [3, 5], before=1)
    lists.give(0, 2, 9)
    bench.run()
    assert lists.after(2) == (9, 5)
    assert (lists.at(0, 1).value, lists.at(1, 1).value) == (3, 5)
