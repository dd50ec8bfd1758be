"""The activation unit on a bench: no plan, no trace, no design."""

from dataclasses import replace
from typing import Any

from archsim import catalogue
from archsim.machine.activation_unit import ActivationUnit
from archsim.machine.ports import Queue, ScratchBanks
from archsim.machine.turns import BlockTurn
from archsim.mapping.plan import Block


def test_it_takes_blocks_in_turn_and_frees_their_bank(bench: Any) -> None:
    """Blocks of three cycles arrive at 0, 1 and 20. Banks are free at 3, 6 and 23, elements a cycle later."""
    order = [bench.block() for _ in range(3)]
    sums, banks, elements = Queue[BlockTurn](bench.env), ScratchBanks(bench.env), Queue[int](bench.env)
    unit = ActivationUnit(1, order, sums, banks, elements, bench.ledger, bench.clock("activation_unit"), banks_kept=2)
    for turn, cycle in zip(order, (0, 1, 20), strict=True):
        bench.after(cycle, lambda turn=turn: sums.put(turn))
    bench.run(unit.process())
    assert banks.items == (3, 6, 23)
    assert elements.items == (4, 7, 24)
    assert unit.free == 23
    assert unit.freed == (6, 23)
    assert unit.finished == 24  # one cycle deep
    assert bench.ledger.get(catalogue.CURVE) == 15
    assert bench.times("activate") == [0, 3, 20]


def test_a_block_that_nobody_lists_is_kept_from_the_encoder(bench: Any, block: Block) -> None:
    """The block is that of a readout, on a unit that is busy until 5."""
    turn = bench.block(replace(block, list=None, ends_list=False))
    sums, banks, elements = Queue[BlockTurn](bench.env), ScratchBanks(bench.env), Queue[int](bench.env)
    unit = ActivationUnit(2, [turn], sums, banks, elements, bench.ledger, bench.clock("activation_unit"), free=5)
    sums.put(turn)
    bench.run(unit.process())
    assert elements.items == ()
    assert banks.items == (8,)
    assert unit.finished == 10
