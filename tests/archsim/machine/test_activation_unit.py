"""The activation unit on a bench: no plan, no trace, no design."""

from dataclasses import replace
from typing import Any

from archsim import catalogue
from archsim.machine.activation_unit import ActivationUnit
from archsim.machine.ports import Elements, FinishedBlock, Queue, ScratchBanks
from archsim.mapping.plan import Block


def test_it_takes_blocks_in_turn_and_frees_their_bank(bench: Any, block: Block) -> None:
    """Blocks of three cycles arrive at 0, 1 and 20, the last with sums that are complete at 22.

    Banks are free at 3, 6 and 25. A cycle later the last elements have left the pipeline, the first two earlier.
    """
    order = [bench.block(replace(block, elements_after=1)) for _ in range(3)]
    sums, banks = Queue[FinishedBlock](bench.env), ScratchBanks(bench.env)
    elements = Queue[Elements](bench.env)
    unit = ActivationUnit(1, order, sums, banks, elements, bench.ledger, bench.clock("activation_unit"), banks_kept=2)
    for turn, cycle, ready in zip(order, (0, 1, 20), (0, 1, 22), strict=True):
        bench.after(cycle, lambda turn=turn, ready=ready: sums.put(FinishedBlock(turn, ready)))
    bench.run(unit.process())
    assert tuple(banks.items) == (3, 6, 25)
    assert tuple(elements.items) == (Elements(2, 4), Elements(5, 7), Elements(24, 26))
    assert unit.free == 25
    assert unit.freed == (6, 25)
    assert unit.finished == 26  # one cycle deep
    assert bench.ledger.get(catalogue.CURVE) == 15
    assert bench.times("activate") == [0, 3, 22]


def test_a_bank_is_free_after_its_handshake(bench: Any, block: Block) -> None:
    order = [bench.block(block) for _ in range(2)]
    sums, banks, elements = Queue[FinishedBlock](bench.env), ScratchBanks(bench.env), Queue[Elements](bench.env)
    unit = ActivationUnit(
        1, order, sums, banks, elements, bench.ledger, bench.clock("activation_unit"), bank_cycles=4, banks_kept=2
    )
    for turn in order:
        sums.put(FinishedBlock(turn, 0))
    bench.run(unit.process())
    assert tuple(banks.items) == unit.freed == (7, 10)
    assert unit.free == 6  # the next block does not wait for it


def test_a_block_that_nobody_lists_is_kept_from_the_encoder(bench: Any, block: Block) -> None:
    """The block is that of a readout, on a unit that is busy until 5."""
    turn = bench.block(replace(block, list=None, ends_list=False))
    sums, banks = Queue[FinishedBlock](bench.env), ScratchBanks(bench.env)
    elements = Queue[Elements](bench.env)
    unit = ActivationUnit(2, [turn], sums, banks, elements, bench.ledger, bench.clock("activation_unit"), free=5)
    sums.put(FinishedBlock(turn, 0))
    bench.run(unit.process())
    assert tuple(elements.items) == ()
    assert tuple(banks.items) == (8,)
    assert unit.finished == 10
