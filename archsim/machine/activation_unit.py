"""Row affine, gate activations and the cell update; frees the accumulators of a block."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

if TYPE_CHECKING:
    from archsim.machine.assembly import Run
    from archsim.mapping.plan import Block


class ActivationUnit:
    """Takes the blocks the PE array has finished, in order."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.inbox: simpy.Store = simpy.Store(run.env)
        self.free = run.barrier.activated
        self.freed: list[int] = []
        """Cycles at which this run's blocks gave their scratch bank back: the last few."""

    def process(self) -> Generator[simpy.Event, Any, None]:
        run = self.run
        depth = run.design.activation_unit.depth_cycles
        yield run.env.timeout(max(0, self.free))
        for step in run.steps:
            for block in run.blocks(step):
                run.waits("activation_unit", "a finished block from the PE array")
                yield self.inbox.get()
                run.note("activation_unit", "activate", step, block.index)
                yield run.env.timeout(block.activation_cycles)
                if run.functional:
                    run.functional.read_out(block, step)
                run.note("activation_unit", "end", step, block.index)
                yield run.scratch_banks.put(run.now)
                self.free = run.now
                self.freed = [*self.freed[1 - run.plan.banks :], run.now] if run.plan.banks > 1 else [run.now]
                self.count(block, step)
                run.finished = max(run.finished, run.now + depth)
                if block.list is not None:
                    yield run.encoder.inbox.put(run.now)

    def count(self, block: "Block", step: int) -> None:
        for action, per_lane in block.results:
            self.run.ledger.add(action, per_lane * self.run.work.active_in(block, step))
