"""What the sequencer hands to the other processes: one block or one burst of a step, in the machine's static order.

Tuples by name: a run makes one for every burst of every step.
"""

from typing import NamedTuple

from archsim.mapping.plan import Block, Burst


class OperandColumns(NamedTuple):
    """The columns of one operand that a burst streams."""

    streamed: int
    nonzero: int
    """Non-zero elements, summed over the lanes."""
    lanes: int
    """Lanes that run the product."""
    in_state_buffer: bool
    """Its elements are read from the state buffer (a one-hot operand is an index, and is not)."""


class BlockTurn(NamedTuple):
    """A block at a step."""

    step: int
    block: Block
    lanes: int
    """Lanes that run it."""
    listed: int = 0
    """Columns on the list that this block ends."""


class BurstTurn(NamedTuple):
    """A burst of a block at a step."""

    of: BlockTurn
    position: int
    """Its place among the block's bursts."""
    operands: tuple[OperandColumns, ...]
    """In the order of ``Burst.streams``."""
    columns: int
    """Columns of them all."""
    opens_step: bool = False
    closes_step: bool = False

    @property
    def step(self) -> int:
        return self.of.step

    @property
    def block(self) -> Block:
        return self.of.block

    @property
    def burst(self) -> Burst:
        return self.of.block.bursts[self.position]

    @property
    def opens_block(self) -> bool:
        return self.position == 0

    @property
    def closes_block(self) -> bool:
        return self.position == len(self.of.block.bursts) - 1

    @property
    def on_channel(self) -> bool:
        """It takes the DRAM channel: for its columns, or, a block's first, for row scales and biases."""
        return self.of.block.on_channel(self.position, self.columns)


class InputTurn(NamedTuple):
    """The inputs that are fetched while a step runs: those of the step after it."""

    step: int
    """The step that runs meanwhile."""
    lanes: int
    """Lanes whose inputs are fetched; none: nothing is."""
    follows_burst: bool
    """The first burst of the step takes the channel before them, where the order is static."""
