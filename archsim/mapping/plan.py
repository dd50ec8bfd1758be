"""The static order of work that every engine reads: stages, blocks, bursts, and the operand lists they wait for."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from archsim.catalogue import Action
from archsim.specs.base import ceil_div
from archsim.specs.dram import Arbitration
from archsim.trace.graph import MatVec, UnitOperations

RunScope = Literal["model", "recurrent"]
RUN_SCOPES: tuple[RunScope, ...] = ("model", "recurrent")
NORM_BITS = 16
"""Bits of one stored row scale, shift or bias."""


@dataclass(frozen=True)
class Wait:
    """An operand list that must be known before a burst's first column can be issued."""

    list: int
    """Index into ``Plan.lists``."""
    steps_back: int
    """0 if the list is made within the step, 1 if by the previous step."""


@dataclass(frozen=True)
class Burst:
    """Columns streamed back to back for one block, one stream after the other.

    A stream is given by the products (indices into ``Plan.mat_vecs``) that read one operand: a column of it feeds rows
    of all of them.
    """

    streams: tuple[tuple[int, ...], ...]
    waits: tuple[Wait, ...]
    reads_inputs: bool
    """Whether it has columns of an operand from outside the machine."""
    rows: int
    """Rows of the block that a column feeds."""
    column_words: int
    """Bus words of one column, and FIFO words that it occupies."""
    column_sram_words: int
    """Words read from the SRAM for one column; 0 if it is streamed from DRAM."""
    column_dram_bits: int
    """Bits read from DRAM for one column, in whole accesses; 0 if it is resident."""
    latency_cycles: int
    """Latency from the weight path to the PEs: that of the SRAM if the weights are resident, otherwise of the DRAM."""
    stream_cycles: int
    """Cycles that a column takes on the weight path."""
    tile_cycles: int
    """Cycles that a column takes in the PEs: the rows of the busiest PE."""
    fifo_columns: int
    """Columns that the FIFO holds."""

    @property
    def streamed(self) -> bool:
        """Whether its columns come from DRAM and so occupy the channel."""
        return self.column_dram_bits > 0

    @property
    def costs(self) -> tuple[int, ...]:
        """Everything that one column takes; bursts of equal costs can be joined whichever operands they stream."""
        words = self.column_words, self.column_sram_words, self.column_dram_bits
        cycles = self.latency_cycles, self.stream_cycles, self.tile_cycles
        return (self.rows, *words, *cycles, self.fifo_columns)


@dataclass(frozen=True)
class Norms:
    """The row scales and biases of a block's units.

    They take the weight path before the block's first column and bypass the FIFO on their way to the activation unit;
    the columns hide their latency.
    """

    cycles: int
    """Cycles that they take on the weight path."""
    sram_words: int
    dram_bits: int

    @property
    def streamed(self) -> bool:
        """Whether they come from DRAM and so occupy the channel."""
        return self.dram_bits > 0


@dataclass(frozen=True)
class Block:
    """Units that are accumulated together, with the work that follows."""

    index: int
    stage: int
    """Index into ``Plan.stages``."""
    first_unit: int
    units: int
    unit_by_unit: bool
    """Whether each unit lies in one PE; otherwise rows are dealt out to the PEs one by one."""
    norms: Norms
    bursts: tuple[Burst, ...]
    activation_cycles: int
    encode_cycles: int
    list: int | None
    """Index into ``Plan.lists`` of the list that the encoder adds these units to; None if no product reads them."""
    ends_list: bool
    """Whether the list is known once this block has been encoded."""
    results: tuple[tuple[Action, int], ...]
    """Actions of activating the block, each with its count per active lane."""

    def on_channel(self, position: int, columns: int) -> bool:
        """Whether a burst takes the DRAM channel: for its columns, or, as the first, for row scales and biases."""
        return (columns > 0 and self.bursts[position].streamed) or (position == 0 and self.norms.streamed)


@dataclass(frozen=True)
class BlockRun:
    """Successive blocks that differ only in their place: usually all of a stage but its first and last."""

    block: Block
    """The first of these blocks."""
    count: int

    @property
    def blocks(self) -> tuple[Block, ...]:
        b = self.block
        return tuple(replace(b, index=b.index + k, first_unit=b.first_unit + k * b.units) for k in range(self.count))


@dataclass(frozen=True)
class Sum:
    """Products that share accumulators: a group, or a single product of it that has row scales of its own."""

    name: str
    mat_vecs: tuple[int, ...]
    rows_per_unit: int


@dataclass(frozen=True)
class Stage:
    """Products whose sums one operation reads unit by unit: an elementwise operation, or the encoding alone, which
    hands on the rows of an embedding as they are."""

    streams: tuple[tuple[int, ...], ...]
    sums: tuple[Sum, ...]
    unit: UnitOperations
    """Operations for each unit of each lane once its sums are complete."""
    units: int
    norms_per_unit: int
    """Row scales applied to one unit of one lane."""
    shifts_per_unit: int
    rows_per_unit: int
    """The most rows of a unit that one column feeds."""
    operands: tuple[str, ...]
    """Operands that its result becomes, all listed in one scan: h, and a separate operand for the layer above if that
    is pruned or rounded on its own."""

    @property
    def norm_bits(self) -> int:
        """Bits of the stored row scales and biases of one unit."""
        return NORM_BITS * (self.norms_per_unit + self.shifts_per_unit)

    @property
    def sums_per_unit(self) -> int:
        """Accumulators of one unit in one lane."""
        return sum(each.rows_per_unit for each in self.sums)

    @property
    def sums_per_row(self) -> int:
        return ceil_div(self.sums_per_unit, self.rows_per_unit)


@dataclass(frozen=True)
class Fetch:
    """What one step fetches over the DRAM channel, in whole accesses: inputs, and what earlier phases have written.

    Tuples are indexed by the number of lanes that run, from none to all.
    """

    bits: tuple[int, ...]
    cycles: tuple[int, ...]
    """Cycles that they take on the channel, or on the inputs' own share of it under ``tdm``."""
    latency_cycles: int
    arbitration: Arbitration

    @property
    def takes_turns(self) -> bool:
        """Whether inputs and weights may wait for each other; otherwise each owns a share of the channel's time."""
        return self.arbitration != "tdm"


@dataclass(frozen=True)
class Plan:
    """The static order of a step, the same for every step of a phase: the blocks of `runs` in sequence."""

    mat_vecs: tuple[MatVec, ...]
    stages: tuple[Stage, ...]
    runs: tuple[BlockRun, ...]
    lists: tuple[tuple[str, ...], ...]
    """Operands that the machine itself makes, those of one result together, in the order in which a step makes them."""
    fetch: Fetch | None
    """What comes over the DRAM channel before a step; None if all inputs are always available."""
    written: tuple[int, ...]
    """Bits that earlier phases have written to DRAM for a step of this one, in whole accesses, by the number of lanes
    that run, from none to all; empty if it reads nothing of theirs."""
    lanes: int
    banks: int
    resident_bits: int
    """Bits of the model, over all its phases, that lie in the weight SRAM."""
    model_bits: int
    """Bits of all weights, row scales and biases of the planned products of all phases, padded to whole bus words."""
    left_out: tuple[str, ...]
    """Names of the operations that run on the host or lie outside the scope, each with the reason."""

    @property
    def resident(self) -> bool:
        """Whether the whole model lies in SRAM."""
        return self.resident_bits == self.model_bits

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for run in self.runs for block in run.blocks)
