"""Turns, which the sequencer issues to the other processes: one block or burst of a step, in the static order.

They are named tuples for speed, since a run makes one for every burst of every step.
"""

from typing import NamedTuple

from archsim.mapping.plan import Block, Burst


class OperandColumns(NamedTuple):
    """The columns of one operand that a burst streams."""

    streamed: int
    nonzero: int
    """Non-zero elements, summed over the lanes."""
    lanes: int
    """Vectors that pass the columns: one for each lane that runs the product, and each step of those taken at once."""
    in_state_buffer: bool
    """Whether its elements are read from the state buffer; a one-hot operand is an index and is not."""

    @property
    def issued(self) -> int:
        """Columns for which PEs of a lane are issued MACs, summed over lanes: of a one-hot operand its own alone."""
        return self.streamed * self.lanes if self.in_state_buffer else self.nonzero


class BlockTurn(NamedTuple):
    """A block in a step."""

    step: int
    block: Block
    lanes: int
    """Lanes that run it."""
    listed: int = 0
    """Columns on the operand list that this block completes; 0 if it completes none."""


class BurstTurn(NamedTuple):
    """A burst of a block in a step."""

    of: BlockTurn
    position: int
    """Its place among the block's bursts."""
    operands: tuple[OperandColumns, ...]
    """Its operands, in the order of ``Burst.streams``."""
    columns: int
    """Columns of all its operands."""
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
        """Whether it takes the DRAM channel: for its columns, or, as a block's first, for row scales and biases."""
        return self.of.block.on_channel(self.position, self.columns)


class InputTurn(NamedTuple):
    """The inputs that are fetched while a step runs: those of the next step."""

    step: int
    """The step that runs meanwhile."""
    lanes: int
    """Lanes whose inputs are fetched; 0 if none are."""
    follows_burst: bool
    """Whether the first burst of the step takes the channel before them under ``static`` arbitration."""
