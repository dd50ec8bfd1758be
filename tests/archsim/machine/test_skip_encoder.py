"""The encoder on a bench: no plan, no trace, no design."""

from dataclasses import replace
from typing import Any

import pytest

from archsim import catalogue
from archsim.machine.ports import Elements, OperandLists, Queue
from archsim.machine.skip_encoder import SkipEncoder
from archsim.mapping.plan import Block
from archsim.specs.skip_encoder import SkipEncoderSpec


@pytest.mark.parametrize("enabled", [True, False])
def test_it_lists_a_block_once_its_elements_are_there(bench: Any, block: Block, enabled: bool) -> None:
    """Elements leave the pipeline at 5 and 6 and take two cycles: encoded at 7 and 9, when the list is known.

    Those of the second block are there at 6 and wait for the encoder.
    """
    spec = SkipEncoderSpec(enabled=enabled, columns_per_cycle=1, offset_bits=8)
    order = [bench.block(replace(block, ends_list=False, encode_tail=1)), bench.block(replace(block, encode_tail=1))]
    order[0] = order[0]._replace(listed=0)
    elements, lists = Queue[Elements](bench.env), OperandLists(bench.env, [0], before=-1)
    done: list[int] = []
    clock = bench.clock("skip_encoder")
    encoder = SkipEncoder(spec, order, elements, lists, bench.ledger, clock, on_step=done.append)
    for cycle in (5, 6):
        bench.after(cycle - 1, lambda cycle=cycle: elements.put(Elements(cycle, cycle)))
    bench.run(encoder.process())
    assert bench.times("encode") == [5, 7]
    assert lists.at(0, 0).value == 9
    assert lists.after(0) == (9,)
    assert encoder.free == 9
    assert encoder.step_ends == {0: 9}
    assert done == [1]
    assert bench.ledger.get(catalogue.SCAN_COLUMN) == 4 * enabled
    assert bench.ledger.get(catalogue.LIST_COLUMN) == 3 * enabled


def test_it_lists_elements_while_others_are_still_in_the_pipeline(bench: Any, block: Block) -> None:
    """The elements of a block leave from 5 to 20; its scan of two cycles begins at 5, and the last is listed at 21."""
    spec = SkipEncoderSpec(enabled=True, columns_per_cycle=1, offset_bits=8)
    elements, lists = Queue[Elements](bench.env), OperandLists(bench.env, [0], before=-1)
    order = [bench.block(replace(block, encode_tail=1))]
    encoder = SkipEncoder(spec, order, elements, lists, bench.ledger, bench.clock("skip_encoder"))
    elements.put(Elements(5, 20))
    bench.run(encoder.process())
    assert bench.times("encode") == [5]
    assert lists.after(0) == (21,)
