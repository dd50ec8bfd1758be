"""An estimate of the time of a stage, by which a dataflow chooses how to cut it into blocks.

A block takes c cycles on the weight path or in the PEs, whichever is slower, and a cycles of activation, which with two
scratch banks overlaps the block that follows::

    C_i = max(C_(i-1), A_(i-2)) + c_i        A_i = max(A_(i-1), C_i) + a_i        one bank: C_i = A_(i-1) + c_i

The encoder lists blocks one after the other too. After the last one its elements pass through the pipeline and the
encoder, and weights for them come from memory;
meanwhile those columns of the next first block are consumed that do not wait for them. The rest of the machine (room in
the FIFO across blocks, inputs on the channel, another stage in between) is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from archsim.costs.latencies import latencies
from archsim.design import Design
from archsim.mapping.capacity import FirstMemory
from archsim.mapping.dataflows.base import ALIKE, BlockUnits, Cut
from archsim.mapping.integers import Ints, ceil_divs
from archsim.mapping.plan import Stage
from archsim.mapping.streams import Stream
from archsim.specs.base import MOST, ceil_div

PARTS = 2**10
"""Parts of a cycle in which the time of a DRAM access is counted."""


class Columns(NamedTuple):
    """Columns of a step that feed the same rows of a unit."""

    rows_per_unit: int
    bits_per_unit: int
    """Bits that come from DRAM; 0 if they are resident."""
    all: tuple[int, ...]
    """In each of a few steps."""
    early: tuple[int, ...]
    """Those of them that do not wait for the newest list."""


class StageTime(NamedTuple):
    """All that the time of a stage depends on, but for how it is cut."""

    units: int
    columns: tuple[Columns, ...]
    pes: int
    """PEs of a lane."""
    banks: int
    """Scratch banks."""
    private: bool
    """Whether PEs or tiles have weight memories of their own, of which each delivers a word a cycle."""
    word_rows: int
    word_cycles: int
    fifo_words: int
    stores: bool
    """Whether the FIFO must hold a whole column."""
    access_bits: int
    access_parts: int
    """Time that a DRAM access takes on the channel; 0 if all weights are resident."""
    norm_bits: int
    """Bits of the row scales and biases of a unit."""
    word_bits: int
    turn: int
    """Cycles from the turn of a burst, or from its list, until its first column can be consumed."""
    lanes: int
    at_once: int
    """Elements that enter the activation unit together."""
    element_cycles: tuple[int, int]
    """Cycles that those take, by the rows of a block and unit by unit."""
    stages: int
    """Pipeline stages from there until an element is listed, or is known if nothing is."""
    listed_at_once: int
    """Columns that the encoder lists a cycle; 0 without an encoder."""
    lists: bool
    """Whether products wait for its results."""
    memory: FirstMemory | None = None
    """The private memory with the most words, where it has room for no more than so many of them."""

    def fastest(self, most: int, unit_by_unit: bool) -> Cut:
        """The best cut into blocks of at most `most` units.

        No column is wider than a FIFO that must hold it, and no PE has more rows than it has to: private memories hold
        no word without need. Where they lack room, those cuts alone count that need no more than there is.
        """
        if self._holds_columns:
            rows = max(each.rows_per_unit for each in self.columns)
            most = min(most, self.fifo_words * self.word_rows // rows) or most
        return _fastest(self, most, unit_by_unit)

    def cycles(self, most: int, unit_by_unit: bool) -> Ints:
        """The cycles of the steps for blocks of 1, 2, ..., `most` units and a last one of what is left, ``(most,)``."""
        sizes, counts, rest, last = _cuts(self.units, most, self._is_large)
        element_cycles = self.element_cycles[unit_by_unit]
        activation = ceil_divs(sizes * self.lanes, self.at_once) * element_cycles
        blocks = self._blocks(sizes, unit_by_unit)
        c, a, last_a = blocks.cycles[:, 1:], activation[1:], activation[rest]
        if self.banks > 1:
            pace = np.maximum(c, a)
            whole = activated = c + (counts - 1) * pace + a  # the last one of full size
            before = activated - pace  # when the bank of the last but one is free
            consumed = np.maximum(c, before + c - a)
            consumed = np.where(rest, np.maximum(consumed, before) + blocks.cycles[:, rest], consumed)
            activated = np.maximum(activated, consumed) + last_a
        else:
            later, last_c = blocks.after(slice(1, None), a), blocks.after(rest, a)
            whole = c + a + (counts - 1) * (later + a)
            consumed = activated = whole + last_c + last_a
        if self.listed_at_once:  # block after block, no sooner than they are activated
            groups = ceil_divs(sizes, self.listed_at_once)
            listed = np.maximum(whole - a + groups[1:], c + counts * groups[1:]) + groups[rest]
            activated = np.maximum(activated, listed)
        known = self.turn + self.stages + self._behind(last, activation[last], element_cycles)
        if self.lists:
            consumed = activated + known - np.minimum(blocks.early[:, 1:], activated - consumed + known)
        cycles: Ints = consumed.sum(axis=0) + activation[last] + known
        return cycles

    @property
    def _holds_columns(self) -> bool:
        """Whether the FIFO must hold whole columns, as where it holds fewer words than the PEs need in a cycle."""
        aligned = self.pes % self.word_rows == 0
        needed = self.pes // self.word_rows if aligned else 1 + ceil_div(self.pes - 1, self.word_rows)
        return not self.private and (self.stores or self.fifo_words < needed)

    def rows(self, most: int, unit_by_unit: bool) -> Ints:
        """Rows of the busiest PE over all blocks, ``(most,)``."""
        sizes, counts, rest, _ = _cuts(self.units, most, self._is_large)
        rows = self._dealt(sizes, max(each.rows_per_unit for each in self.columns), unit_by_unit)
        return counts * rows[1:] + rows[rest]

    def missing(self, memory: FirstMemory, most: int, unit_by_unit: bool) -> Ints:
        """Words over all blocks for which `memory` has no room, ``(most,)``."""
        sizes, counts, rest, _ = _cuts(self.units, most, self._is_large)
        words = memory.words(sizes, unit_by_unit)
        return (counts * words[1:] + words[rest] - memory.room).clip(min=0)

    def _dealt(self, units: Ints, rows_per_unit: int, unit_by_unit: bool) -> Ints:
        """Rows of the busiest PE, which are the cycles of a column there."""
        if unit_by_unit:
            return ceil_divs(units, self.pes) * rows_per_unit
        return ceil_divs(units * rows_per_unit, self.pes)

    def _blocks(self, units: Ints, unit_by_unit: bool) -> "_Blocks":
        norms = units * self.norm_bits
        path = np.maximum(ceil_divs(norms, self.word_bits) * PARTS, self._on_channel(norms))
        early = pes = used = words = 0 * _column(self.columns[0].all)
        for each in self.columns:
            columns, first = _column(each.all), _column(each.early)
            column = ceil_divs(units * each.rows_per_unit, self.word_rows)
            sent = column * (self.word_cycles * PARTS)
            if each.bits_per_unit:
                sent = np.maximum(sent, self._on_channel(units * each.bits_per_unit))
            dealt = self._dealt(units, each.rows_per_unit, unit_by_unit)
            slower = np.maximum(sent, dealt * PARTS)
            path, pes, words = path + columns * sent, pes + columns * dealt, words + columns * column
            used, early = used + columns * slower, early + first * slower
        cycles = np.maximum(ceil_divs(np.maximum(path, used), PARTS), self.turn)
        cycles[:, 0] = 0
        in_fifo = path // np.maximum(words, 1) * np.minimum(words, self.fifo_words) // PARTS
        return _Blocks(early // PARTS, cycles, pes, in_fifo)

    def _on_channel(self, bits: Ints) -> Ints:
        """Parts of cycles that `bits` take on the DRAM channel, in whole accesses."""
        return ceil_divs(bits, self.access_bits) * self.access_parts

    def _behind(self, units: Ints, activation: Ints, element_cycles: int) -> Ints:
        """Cycles for which the encoder is behind the activation of a block."""
        if not self.listed_at_once:
            return 0 * units
        first = ceil_divs(np.minimum(units, self.listed_at_once) * self.lanes, self.at_once) * element_cycles
        behind: Ints = np.maximum(0, first - 1 + ceil_divs(units, self.listed_at_once) - activation)
        return behind

    @property
    def _is_large(self) -> bool:
        """Whether 64 bits might not hold the parts of the steps, `ALIKE` times over."""
        accesses = ceil_div(self.norm_bits + max(each.bits_per_unit for each in self.columns), self.access_bits)
        rows = sum(max(each.all) * each.rows_per_unit for each in self.columns) + self.norm_bits
        columns = sum(max(each.all) for each in self.columns) + 1
        a_unit = max(rows * self.word_cycles * PARTS, columns * accesses * self.access_parts)
        a_block = self.units * (a_unit + self.lanes * max(self.element_cycles)) + self.turn + self.stages
        return len(self.columns[0].all) * (self.units + 1) * a_block * ALIKE >= 2**61


def stage_time(
    design: Design, stage: Stage, streams: Sequence[tuple[Stream, tuple[int, ...]]], lanes: int, streamed: bool
) -> StageTime:
    """The time of a stage of `streams`, each with its columns in a few steps; `streamed`: weights come from DRAM."""
    memory, depths, encoder = design.weight_memory, latencies(design), design.skip_encoder
    at_once = min(design.activation_unit.units_per_cycle, design.state_buffer.banks or MOST)
    units = ceil_div(at_once, lanes)
    dram = design.dram if streamed else None  # without one, `residency_of` refuses a model that does not fit
    cycles, parts = dram.channel_time(dram.burst_bits, design.clock_mhz) if dram else (0, 1)
    latency = dram.latency_cycles(design.clock_mhz) if dram else depths.sram_cycles
    return StageTime(
        units=stage.units,
        columns=tuple(columns_of(streams, streamed)),
        pes=design.pes_per_lane,
        banks=design.pe_array.banks,
        private=memory.private,
        word_rows=design.pes_per_lane if memory.private else memory.weights_per_cycle,
        word_cycles=1 if memory.private else memory.fifo_cycles(1),
        fifo_words=latency if memory.private else memory.fifo_words,
        stores=memory.stores,
        access_bits=dram.burst_bits if dram else 1,
        access_parts=ceil_div(cycles * PARTS, parts),
        norm_bits=stage.norm_bits,
        word_bits=design.weight_word_bits * design.weight_memories,
        turn=design.sequencer.setup_cycles + latency,
        lanes=lanes,
        at_once=at_once,
        element_cycles=(_element_cycles(design, stage, units, False), _element_cycles(design, stage, units, True)),
        stages=depths.activation_stages + (depths.encoder_stages if encoder.enabled else 0),
        listed_at_once=encoder.columns_per_cycle if encoder.enabled else 0,
        lists=bool(stage.operands),
    )


def _element_cycles(design: Design, stage: Stage, units: int, unit_by_unit: bool) -> int:
    """Cycles in which elements of `units` units enter the activation unit: those of their banks, or of their sums."""
    sums = BlockUnits(units, unit_by_unit).sums_of_a_pe(
        units, stage.rows_per_unit, stage.sums_per_row, stage.sums_per_unit, design.pes_per_lane
    )
    return max(design.state_buffer.turns(stage.unit.cell_reads, 1), ceil_div(sums, design.pe_array.read_ports))


def columns_of(streams: Sequence[tuple[Stream, tuple[int, ...]]], streamed: bool) -> Iterator[Columns]:
    """Columns in a few steps by the rows that they feed; `streamed`: their weights come from DRAM."""
    newest = max(stream.age for stream, _ in streams)
    kinds: dict[tuple[int, int], list[tuple[tuple[int, ...], bool]]] = {}
    for stream, columns in streams:
        waits = bool(stream.waits) and stream.age == newest
        kinds.setdefault((stream.rows_per_unit, stream.bits_per_unit if streamed else 0), []).append((columns, waits))
    for kind, found in kinds.items():
        early = [(0,) * len(columns) if waits else columns for columns, waits in found]
        yield Columns(*kind, _added(columns for columns, _ in found), _added(early))


def _added(each: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The sums of columns, step by step."""
    return tuple(map(sum, zip(*each, strict=True)))


class _Blocks(NamedTuple):
    """Cycles of blocks of 0, 1, 2, ... units, ``(steps, most + 1)`` each."""

    early: Ints
    """Until those columns are consumed that wait for an older list or none."""
    cycles: Ints
    """Until all columns are consumed."""
    pes: Ints
    """Of the PEs, if all words are there."""
    in_fifo: Ints
    """Of the weight path, for as many words as the FIFO holds."""

    def after(self, sizes: Ints | slice, wait: Ints) -> Ints:
        """Cycles of blocks of `sizes` that begin after a `wait`, in which the FIFO has been filled."""
        filled = np.minimum(self.in_fifo[:, sizes], wait)
        later: Ints = np.maximum(self.pes[:, sizes], self.cycles[:, sizes] - filled)
        return later


@lru_cache(maxsize=65536)
def _fastest(time: StageTime, most: int, unit_by_unit: bool) -> Cut:
    cycles = time.cycles(most, unit_by_unit)
    missing = 0
    if time.private:
        spent = time.missing(time.memory, most, unit_by_unit) if time.memory else time.rows(most, unit_by_unit)
        cycles = np.where(spent == spent.min(), cycles, cycles.max() * 2)
        missing = int(spent.min()) if time.memory else 0
    alike = np.flatnonzero(cycles * ALIKE <= cycles.min() * (ALIKE + 1))[::-1]
    blocks = -(-time.units // (alike + 1))
    fewest = alike[blocks == blocks[0]]
    best = int(fewest[cycles[fewest].argmin()])
    return Cut(int(cycles[best]), int(blocks[0]), unit_by_unit, best + 1, missing)


@lru_cache(maxsize=1024)
def _cuts(units: int, most: int, large: bool) -> tuple[Ints, Ints, Ints, Ints]:
    """Sizes from 0 on, how many blocks of each but 0 there are, the units left, and those of the last block."""
    sizes = np.arange(most + 1)
    counts, rest = np.divmod(units, sizes[1:])
    exact = sizes.astype(object) if large else sizes
    return exact, counts, rest, np.where(rest, rest, sizes[1:])


@lru_cache(maxsize=1024)
def _column(numbers: tuple[int, ...]) -> Ints:
    return np.array(numbers)[:, None]
