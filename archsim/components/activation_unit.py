"""Row affine, gate activations and the cell update; frees the accumulators of a block."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy
from pydantic import Field

from archsim.components.base import Spec

if TYPE_CHECKING:
    from archsim.machine import Run


class ActivationUnitSpec(Spec):
    """A pipeline that takes `units_per_cycle` units (all gates of one lane's unit) a cycle, `depth_cycles` long."""

    units_per_cycle: int = Field(ge=1)
    depth_cycles: int = Field(ge=0)


class ActivationUnit:
    """Takes the blocks the PE array has finished, in order."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.inbox: simpy.Store = simpy.Store(run.env)

    def process(self) -> Generator[simpy.Event, Any, None]:
        run = self.run
        depth = run.design.activation_unit.depth_cycles
        for step in range(run.steps):
            for block in run.plan.blocks:
                yield self.inbox.get()
                run.note("activation_unit", "activate", step, block.index)
                yield run.env.timeout(block.activation_cycles)
                yield run.scratch_banks.put(1)
                for component, action, per_lane in block.results:
                    run.ledger.add(component, action, per_lane * run.active[step])
                run.finished = max(run.finished, run.now + depth)
                if block.feeds_state:
                    yield run.encoder.inbox.put(run.now)
