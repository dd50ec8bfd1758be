"""The sequencer: the static order of every step's blocks and bursts, layer by layer."""

from collections.abc import Iterator, Sequence

from archsim import catalogue
from archsim.ledger import Ledger
from archsim.machine.turns import BlockTurn, BurstTurn, InputTurn, OperandColumns
from archsim.mapping.plan import Block, Plan
from archsim.mapping.work import Work

KEPT_STEPS = 4
"""The number of steps whose turns are kept, since no process lags further behind the weight path."""


class Sequencer:
    """Converts a plan and the work of a trace into turns, so that no other process needs to know either."""

    def __init__(self, plan: Plan, work: Work, steps: range, ledger: Ledger) -> None:
        self._plan, self._work, self._steps, self._ledger = plan, work, steps, ledger
        self._turns: dict[int, Sequence[BurstTurn]] = {}
        self._operands = tuple(enumerate(work.reads_buffer))

    def issue(self) -> Iterator[BurstTurn]:
        """Every burst in order, counted as it is issued to the weight path."""
        for turn in self.bursts():
            self.count(turn)
            yield turn

    def bursts(self) -> Iterator[BurstTurn]:
        for step in self._steps:
            yield from self.bursts_of(step)

    def blocks(self) -> Iterator[BlockTurn]:
        return (turn.of for turn in self.bursts() if turn.opens_block)

    def listed_blocks(self) -> Iterator[BlockTurn]:
        """The blocks that the encoder scans."""
        return (turn for turn in self.blocks() if turn.block.list is not None)

    def inputs(self) -> Iterator[InputTurn]:
        for step in self._steps:
            lanes = self.input_lanes(step + 1)
            yield InputTurn(step, lanes, lanes > 0 and self.bursts_of(step)[0].on_channel)

    def input_lanes(self, step: int) -> int:
        """Lanes whose inputs come over the channel for a step."""
        return self._work.inputs_at(self._plan, step)

    def bursts_of(self, step: int) -> Sequence[BurstTurn]:
        """The bursts of one step; a block whose products no lane runs is left out."""
        found = self._turns.get(step)
        if found is None:
            if len(self._turns) >= KEPT_STEPS:
                del self._turns[next(iter(self._turns))]
            found = self._turns[step] = self._made(step)
        return found

    def alike(self, step: int) -> Iterator[tuple[BurstTurn, int]]:
        """The bursts of one step, those that differ only in their place as one, with how many they are."""
        operand = self._columns(step)
        for run in self._plan.runs:
            for turn in self._turns_of(run.block, operand, step):
                yield turn, run.count

    def count(self, turn: BurstTurn, times: int = 1) -> None:
        """Count a burst and its columns: one without columns is set up too; each column advances list and address."""
        self._ledger.add(catalogue.BURST, times)
        self._ledger.add(catalogue.COLUMN, times * turn.columns)

    def _made(self, step: int) -> Sequence[BurstTurn]:
        operand = self._columns(step)
        turns = [turn for block in self._plan.blocks for turn in self._turns_of(block, operand, step)]
        if turns:
            turns[0] = turns[0]._replace(opens_step=True)
            turns[-1] = turns[-1]._replace(closes_step=True)
        return turns

    def _columns(self, step: int) -> list[OperandColumns]:
        """The columns of each product at a step."""
        return [OperandColumns(*self._work.streamed_at(i, step), stored) for i, stored in self._operands]

    def _turns_of(self, block: Block, operand: Sequence[OperandColumns], step: int) -> Iterator[BurstTurn]:
        lanes = self._work.active_in(block, step)
        if lanes:
            of = BlockTurn(step, block, lanes, self._listed(block, step))
            for position, burst in enumerate(block.bursts):
                columns = tuple([operand[i] for i in burst.readers])
                yield BurstTurn(of, position, columns, sum([each.streamed for each in columns]))

    def _listed(self, block: Block, step: int) -> int:
        return self._work.listed_at(block.list, step) if block.list is not None and block.ends_list else 0
