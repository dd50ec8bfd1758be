"""The sequencer: the static order of a step's bursts, layer by layer, and what it takes to begin one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import simpy

from archsim import catalogue
from archsim.mapping.plan import Block, Burst

if TYPE_CHECKING:
    from archsim.machine.assembly import Run


@dataclass
class Transfer:
    """One burst of one step on its way through the machine."""

    step: int
    block: Block
    position: int
    """Of the burst in its block."""
    columns: int
    lists_known: tuple[simpy.Event, ...]
    previous: "Transfer | None"
    descriptor: simpy.Event
    """Fires at the stream's start with the cycle at which the first column arrives (no column: that start itself)."""
    started: simpy.Event
    """Fires with the cycle at which the tiles begin."""
    last_issue: simpy.Event
    """Fires with the cycle at which the last column leaves the weight path."""
    credit_wait: int = 0
    """Cycles that the weight path waited for room in the FIFO, within the burst."""
    opens_step: bool = False
    admitted: int = 0
    """Cycle at which its inputs were there and it might take the channel."""
    channel_wait: int = 0
    """Cycles that the weight path waited for the channel, within the burst (``fcfs`` in engine `column`)."""

    @property
    def opens_block(self) -> bool:
        return self.position == 0

    @property
    def closes_block(self) -> bool:
        return self.position == len(self.block.bursts) - 1

    @property
    def burst(self) -> Burst:
        return self.block.bursts[self.position]


class Sequencer:
    """Every burst of every step in the machine's static order, made when the weight path comes to it."""

    def __init__(self, run: "Run") -> None:
        self.run = run

    def blocks(self, step: int) -> Iterator[Block]:
        """Those that run at a step: a block whose products no lane needs is passed over."""
        return (block for block in self.run.plan.blocks if self.run.work.active_in(block, step))

    def opens_on_channel(self, step: int) -> bool:
        """Whether the first burst of a step takes the DRAM channel."""
        first = next(self.blocks(step))
        return first.on_channel(0, self.run.work.columns_of(first.bursts[0], step))

    def transfers(self) -> Iterator[Transfer]:
        run, previous = self.run, None
        for step in run.steps:
            run.forget_lists(step - 2)
            opens = True
            for block in self.blocks(step):
                for position, burst in enumerate(block.bursts):
                    known = tuple(run.list_event(wait.list, step - wait.steps_back) for wait in burst.waits)
                    columns = run.work.columns_of(burst, step)
                    events = (run.env.event(), run.env.event(), run.env.event())
                    transfer = Transfer(step, block, position, columns, known, previous, *events, opens_step=opens)
                    self.count(columns)
                    opens = False
                    yield transfer
                    transfer.previous, previous = None, transfer  # keeps memory flat: no chain back to the first

    def count(self, columns: int) -> None:
        """A burst is set up whether it has columns or not; each column moves the place in the list and the address."""
        self.run.ledger.add(catalogue.BURST, 1)
        self.run.ledger.add(catalogue.COLUMN, columns)
