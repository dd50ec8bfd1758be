"""Private weight memories: which words lie in the memory of a tile or of a PE, and how they reach the PEs beside it.

A PE reads the weights of the rows that the mapping gives it, so they lie in its own memory, and those of no other PE
do. The memory of a tile serves consecutive PEs of a lane, and the PEs of all lanes that compute the same rows: lanes
share every weight. The first memory has the most rows of every block, so the others keep up.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from archsim.costs.latencies import latencies
from archsim.design import Design
from archsim.mapping.dataflows import BlockUnits, Schedule
from archsim.mapping.plan import NORM_BITS, Burst, Norms, Pace, Stage
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div


class Words(NamedTuple):
    """Words in private memories."""

    most: int
    """Words in the memory that has the most."""
    all: int
    """Words in all memories together."""


def private_burst(design: Design, stream: Stream, part: BlockUnits) -> Burst:
    """The burst of one stream for one block: every memory delivers a word a cycle, so that PEs work in every cycle.

    There is no FIFO. At most so many words are under way as the latency has cycles, beside one that is read, one that
    waits and one that is used.
    """
    words, latency = column_words(design, stream, part), latencies(design).sram_cycles
    return Burst(
        streams=(stream.mat_vecs,),
        waits=stream.waits,
        reads_inputs=not stream.waits,
        rows=part.units * stream.rows_per_unit,
        column_words=words.most,
        column_sram_words=words.all,
        column_dram_bits=0,
        latency_cycles=latency,
        pace=Pace(1, 1),
        tile_cycles=part.rows_of_a_pe(stream.rows_per_unit, design.pes_per_lane),
        fifo_words=latency + 3,
        feed=part.first_group_feed(
            stream.rows_per_unit, design.weight_memories, design.pes_per_lane, weights_of_a_word(design, stream)
        ),
        buffered=False,
    )


def private_norms(design: Design, stage: Stage, part: BlockUnits) -> Norms:
    """The row scales and biases of a block, of which all memories are read side by side, a word of each a cycle."""
    words = norm_words(design, stage, part)
    return Norms(cycles=words.most, sram_words=words.all, dram_bits=0)


def column_words(design: Design, stream: Stream, part: BlockUnits) -> Words:
    """The words of one column of a block, of which each holds as many whole weights as fit."""
    per_word = weights_of_a_word(design, stream)
    return _words((count, ceil_div(rows, per_word)) for count, rows in _rows(design, stream.rows_per_unit, part))


def norm_words(design: Design, stage: Stage, part: BlockUnits) -> Words:
    """The words of a block's row scales and biases, which are distributed over the memories as its rows are."""
    values, rows = part.units * stage.norm_bits // NORM_BITS, part.units * stage.rows_per_unit
    dealt = [(count, ceil_div(values * own, rows)) for count, own in _rows(design, stage.rows_per_unit, part)]
    return _words((count, ceil_div(own * NORM_BITS, design.weight_word_bits)) for count, own in dealt)


def stage_words(design: Design, stage: Stage, streams: Iterable[Stream], schedule: Schedule) -> Words:
    """The words of a stage."""
    most = all_words = 0
    for part, blocks in Counter(schedule.blocks).items():
        found = [(norm_words(design, stage, part), 1)]
        found += [(column_words(design, stream, part), stream.cols) for stream in streams]
        most += blocks * sum(words.most * times for words, times in found)
        all_words += blocks * sum(words.all * times for words, times in found)
    return Words(most, all_words)


def weights_of_a_word(design: Design, stream: Stream) -> int:
    """Whole weights of a stream that a word holds, at the width of the widest."""
    return design.weight_word_bits // stream.row_bits


def _rows(design: Design, rows_per_unit: int, part: BlockUnits) -> tuple[tuple[int, int], ...]:
    """The rows of a block in each memory; see `BlockUnits.rows_of_groups`."""
    return part.rows_of_groups(rows_per_unit, design.weight_memories, design.pes_per_lane)


def _words(by_memory: Iterable[tuple[int, int]]) -> Words:
    """The sum of words that are given as (memories, words of each), those with the most first."""
    words = tuple(by_memory)
    return Words(most=words[0][1], all=sum(count * each for count, each in words))
