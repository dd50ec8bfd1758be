"""The encoder on a bench: no plan, no trace, no design."""

from dataclasses import replace
from typing import Any

import pytest

from archsim import catalogue
from archsim.machine.ports import OperandLists, Queue
from archsim.machine.skip_encoder import SkipEncoder
from archsim.mapping.plan import Block
from archsim.specs.skip_encoder import SkipEncoderSpec


@pytest.mark.parametrize("enabled", [True, False])
def test_it_lists_a_block_once_its_elements_are_there(bench: Any, block: Block, enabled: bool) -> None:
    """Elements arrive at 5 and 6 and take two cycles to scan: encoded at 7 and 9, when the list is known."""
    spec = SkipEncoderSpec(enabled=enabled, columns_per_cycle=1, offset_bits=8)
    order = [bench.block(replace(block, ends_list=False)), bench.block(block)]
    order[0] = order[0]._replace(listed=0)
    elements, lists = Queue[int](bench.env), OperandLists(bench.env, [0], before=-1)
    done: list[int] = []
    clock = bench.clock("skip_encoder")
    encoder = SkipEncoder(spec, order, elements, lists, bench.ledger, clock, on_step=done.append)
    for cycle in (5, 6):
        bench.after(cycle - 1, lambda cycle=cycle: elements.put(cycle))
    bench.run(encoder.process())
    assert bench.times("encode") == [5, 7]
    assert lists.at(0, 0).value == 9
    assert lists.after(0) == (9,)
    assert encoder.free == 9
    assert encoder.step_ends == {0: 9}
    assert done == [1]
    assert bench.ledger.get(catalogue.SCAN_COLUMN) == 4 * enabled
    assert bench.ledger.get(catalogue.LIST_COLUMN) == 3 * enabled
