"""A bench for one component: a source that feeds its ports, a sink that delays it, and a log of its events."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import pytest
import simpy

from archsim import catalogue
from archsim.catalogue import CATALOGUE
from archsim.ledger import Ledger
from archsim.machine.ports import Clock
from archsim.machine.turns import BlockTurn, BurstTurn, OperandColumns
from archsim.mapping.plan import Block, Burst, Feed, Norms, Pace

Process = Generator[simpy.Event, Any, None]

BURST = Burst(streams=((0,),), waits=(), reads_inputs=True, rows=4, column_words=1, column_sram_words=0,
              column_dram_bits=32, latency_cycles=3, pace=Pace(2, 1), tile_cycles=1, fifo_words=2,
              feed=Feed(rows=4, word_rows=4, pes=4, full_rows=4, rest=4, whole=False))  # fmt: skip
BLOCK = Block(index=0, stage=0, first_unit=0, units=2, unit_by_unit=False, norms=Norms(0, 0, 0), bursts=(BURST,),
              activation_cycles=3, elements_after=3, encode_cycles=2, encode_tail=2, list=0, ends_list=True,
              results=((catalogue.CURVE, 5),))  # fmt: skip


@dataclass
class Bench:
    """The ports and the clock of a component whose neighbours are played by the test."""

    env: simpy.Environment = field(default_factory=simpy.Environment)
    ledger: Ledger = field(default_factory=Ledger)
    log: list[tuple[str, int]] = field(default_factory=list)

    def clock(self, component: str) -> Clock:
        return Clock(self.env, CATALOGUE[component], lambda cycle, _, event, *__: self.log.append((event, cycle)))

    def block(self, block: Block = BLOCK, step: int = 0) -> BlockTurn:
        """On one lane."""
        return BlockTurn(step, block, lanes=1, listed=3)

    def burst(self, columns: int, block: Block = BLOCK, step: int = 0, **place: bool) -> BurstTurn:
        """The first of a block, of one operand without zeros, on one lane."""
        return BurstTurn(self.block(block, step), 0, (OperandColumns(columns, columns, 1, False),), columns, **place)

    def after(self, cycles: int, action: Callable[[], object]) -> None:
        def process() -> Process:
            yield self.env.timeout(cycles)
            action()

        self.env.process(process())

    def run(self, *processes: Process) -> None:
        for process in processes:
            self.env.process(process)
        self.env.run()

    def note(self, what: str) -> None:
        self.log.append((what, int(self.env.now)))

    def times(self, what: str) -> list[int]:
        return [cycle for name, cycle in self.log if name == what]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def block() -> Block:
    """A block of two units, activated in three cycles and encoded in two, with one burst: s = 2, L = 3, p = 1, and two
    columns in the FIFO."""
    return BLOCK
