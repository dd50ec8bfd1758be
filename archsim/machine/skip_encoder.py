"""The encoder that lists the non-zero columns of a new state, block by block."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from archsim import catalogue

if TYPE_CHECKING:
    from archsim.machine.assembly import Run
    from archsim.mapping.plan import Block


class SkipEncoder:
    """Takes finished blocks in order; a list of a step is known when its last block is encoded."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.inbox: simpy.Store = simpy.Store(run.env)
        self.free = run.barrier.encoded

    def process(self) -> Generator[simpy.Event, Any, None]:
        run = self.run
        depth = run.design.activation_unit.depth_cycles
        yield run.env.timeout(max(0, self.free))
        for step in run.steps:
            for block in run.blocks(step):
                if block.list is None:
                    continue
                run.waits("skip_encoder", "an activated block from the activation unit")
                activated: int = yield self.inbox.get()
                yield run.env.timeout(max(0, activated + depth - run.now))
                run.note("skip_encoder", "encode", step, block.index)
                yield run.env.timeout(block.encode_cycles)
                run.note("skip_encoder", "end", step, block.index)
                self.free = run.now
                self.count(block, step)
                if block.ends_list:
                    run.list_finished(block.list, step)

    def count(self, block: "Block", step: int) -> None:
        if block.list is not None and self.run.design.skip_encoder.enabled:
            self.run.ledger.add(catalogue.SCAN_COLUMN, block.units)
            if block.ends_list:
                self.run.ledger.add(catalogue.LIST_COLUMN, self.run.work.listed_at(block.list, step))
