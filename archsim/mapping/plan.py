"""The static order of work that every engine reads: blocks, bursts, and what they wait for."""

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
    """A list of non-zero columns that must be known before a burst's first column can be issued."""

    list: int
    """Index into ``Plan.lists``."""
    steps_back: int
    """0: made within the step; 1: by the step before."""


@dataclass(frozen=True)
class Burst:
    """Columns streamed back to back for one row block, stream after stream.

    A stream is the products (indices into ``Plan.mat_vecs``) of one operand: a column of it feeds the rows of them all.
    """

    streams: tuple[tuple[int, ...], ...]
    waits: tuple[Wait, ...]
    reads_inputs: bool
    """Some of its columns are those of an operand from outside the machine."""
    rows: int
    """Rows of the block that a column feeds."""
    column_words: int
    """Bus words of one column, which are also the FIFO words it takes."""
    column_sram_words: int
    """Words read from the SRAM for one column; none where it streams."""
    column_dram_bits: int
    """Bits read from DRAM for one column, in whole accesses; none where it is resident."""
    latency_cycles: int
    """From the weight path to the PEs: of the DRAM, or of the SRAM where these weights are resident."""
    stream_cycles: int
    """Cycles that a column takes on the weight path."""
    tile_cycles: int
    """Cycles that a column takes in the PEs: rows of the busiest."""
    fifo_columns: int
    """Columns that the FIFO holds."""

    @property
    def streamed(self) -> bool:
        """From DRAM, so that its columns occupy the channel."""
        return self.column_dram_bits > 0

    @property
    def costs(self) -> tuple[int, ...]:
        """What one column takes, whichever operand it is of."""
        words = self.column_words, self.column_sram_words, self.column_dram_bits
        cycles = self.latency_cycles, self.stream_cycles, self.tile_cycles
        return (self.rows, *words, *cycles, self.fifo_columns)


@dataclass(frozen=True)
class Norms:
    """Row scales and biases of a block's units: they come over the weight path before its first column, past the FIFO
    to the activation unit, and their latency hides behind the columns."""

    cycles: int
    """Cycles that they take on the weight path."""
    sram_words: int
    dram_bits: int

    @property
    def streamed(self) -> bool:
        """From DRAM, so that they occupy the channel."""
        return self.dram_bits > 0


@dataclass(frozen=True)
class Block:
    """Units that are accumulated together, and what follows once they are."""

    index: int
    stage: int
    """Index into ``Plan.stages``."""
    first_unit: int
    units: int
    unit_by_unit: bool
    """A unit lies in one PE; else its rows are dealt out to the PEs one by one."""
    norms: Norms
    bursts: tuple[Burst, ...]
    activation_cycles: int
    encode_cycles: int
    list: int | None
    """The list that the encoder adds these units to; None: they are no operand of another product."""
    ends_list: bool
    """The list is known once this block is encoded."""
    results: tuple[tuple[Action, int], ...]
    """Actions, each with its count per active lane, once the block is activated."""

    def on_channel(self, position: int, columns: int) -> bool:
        """Whether a burst takes the DRAM channel: for its columns, or, the first, for norms and biases."""
        return (columns > 0 and self.bursts[position].streamed) or (position == 0 and self.norms.streamed)


@dataclass(frozen=True)
class BlockRun:
    """Blocks in a row that differ in nothing but their place: as a rule all of a stage but its first and last."""

    block: Block
    """The first of them."""
    count: int

    @property
    def blocks(self) -> tuple[Block, ...]:
        b = self.block
        return tuple(replace(b, index=b.index + k, first_unit=b.first_unit + k * b.units) for k in range(self.count))


@dataclass(frozen=True)
class Sum:
    """What is accumulated together: a group, or one product of it where products are scaled apart."""

    name: str
    mat_vecs: tuple[int, ...]
    rows_per_unit: int


@dataclass(frozen=True)
class Stage:
    """Products whose sums one operation reads, unit by unit: an elementwise one, or none but the encoding (the rows
    of an embedding are handed on as they are)."""

    streams: tuple[tuple[int, ...], ...]
    sums: tuple[Sum, ...]
    unit: UnitOperations
    """What follows for each unit of each lane once its sums are there."""
    units: int
    norms_per_unit: int
    """Row scales applied to one unit of one lane."""
    shifts_per_unit: int
    rows_per_unit: int
    """Most rows of a unit that one column feeds."""
    operands: tuple[str, ...]
    """What its result becomes, listed in one scan: an h, and beside it what the layer above reads where that is pruned
    or rounded on its own."""

    @property
    def norm_bits(self) -> int:
        """Stored row scales and biases of one unit."""
        return NORM_BITS * (self.norms_per_unit + self.shifts_per_unit)

    @property
    def sums_per_unit(self) -> int:
        """Accumulators of one unit and lane."""
        return sum(each.rows_per_unit for each in self.sums)

    @property
    def sums_per_row(self) -> int:
        return ceil_div(self.sums_per_unit, self.rows_per_unit)


@dataclass(frozen=True)
class Fetch:
    """The inputs of one step on their way over the DRAM channel, in whole accesses. Tuples go by the lanes that run,
    from none to all."""

    bits: tuple[int, ...]
    cycles: tuple[int, ...]
    """Cycles that they take on the channel, or on the inputs' own share of it (``tdm``)."""
    latency_cycles: int
    arbitration: Arbitration

    @property
    def takes_turns(self) -> bool:
        """Inputs and weights keep each other waiting for the channel; else each owns a share of its time."""
        return self.arbitration != "tdm"


@dataclass(frozen=True)
class Plan:
    """The static order of one step: the blocks of `runs` in sequence, each step the same."""

    mat_vecs: tuple[MatVec, ...]
    stages: tuple[Stage, ...]
    runs: tuple[BlockRun, ...]
    lists: tuple[tuple[str, ...], ...]
    """Operands that the machine makes itself, those of one result together, in the order in which a step makes them."""
    fetch: Fetch | None
    """Inputs that come over the DRAM channel; None: they are there when they are needed."""
    lanes: int
    banks: int
    resident_bits: int
    """What of the model lies in the weight SRAM."""
    model_bits: int
    """Weights, norms and biases of what runs here, at storage width, padded to whole bus words."""
    left_out: tuple[str, ...]
    """Operations that run on the host or lie outside the scope."""

    @property
    def resident(self) -> bool:
        """Everything is in SRAM."""
        return self.resident_bits == self.model_bits

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for run in self.runs for block in run.blocks)
