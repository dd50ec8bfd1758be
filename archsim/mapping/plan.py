"""The static order of work that every engine reads: stages, blocks, bursts, and the operand lists they wait for."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from typing import Literal, NamedTuple

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


class Pace(NamedTuple):
    """An exact rate: `words` words take `cycles` cycles, both without a common divisor."""

    cycles: int
    words: int

    def of(self, words: int) -> int:
        """Cycles that `words` words take back to back, rounded up once."""
        return ceil_div(words * self.cycles, self.words)


class Feed(NamedTuple):
    """How the words of a column reach the PEs of a lane: in the order of its rows, `pes` rows a cycle.

    A word holds `word_rows` rows. After the first `full_rows` rows, a cycle takes `rest` of them: those of the PEs that
    have a row (or a unit) more than the others.
    """

    rows: int
    word_rows: int
    pes: int
    full_rows: int
    rest: int
    whole: bool
    """Whether the PEs begin a column only once all of it has arrived (store-and-forward)."""

    @property
    def words(self) -> int:
        return ceil_div(self.rows, self.word_rows)

    @property
    def cycles(self) -> int:
        """Cycles that the PEs take for a column whose words are all there."""
        return _cycles(self)

    def first_cycle(self, word: int) -> int:
        """The first cycle of the column, from 0 on, that needs a word."""
        return 0 if self.whole else self._cycle_of(word * self.word_rows)

    def last_cycle(self, word: int) -> int:
        """The last cycle of the column that needs a word; the word's room in the FIFO is free after it."""
        return self._cycle_of(min((word + 1) * self.word_rows, self.rows) - 1)

    def words_until(self, cycle: int) -> int:
        """Words that must have arrived for a cycle of the column to run."""
        if self.whole:
            return self.words
        return ceil_div(self._rows_until(cycle), self.word_rows)

    @property
    def even(self) -> bool:
        """Whether every cycle takes one word, and every word one cycle."""
        return _even(self)

    def decisive(self, first: int, stop: int) -> Collection[int]:
        """Those of the words from `first` to before `stop` that decide a maximum of what is linear in word and cycle.

        If it is even, the first and the last one do; otherwise one of a column at either end does.
        """
        if self.even:
            return {first, stop - 1} if first < stop else ()
        ends = range(first, min(stop, first + self.words)), range(max(first, stop - self.words), stop)
        return dict.fromkeys(chain(*ends))

    def released(self, last: int, later: int) -> int:
        """The cycle at which a word of these columns is released after which `later` others are, the last at `last`.

        The PEs never wait for one.
        """
        if self.even:
            return last - later
        column, place = divmod(later, self.words)
        return last - column * self.cycles - (self.cycles - 1 - self.last_cycle(self.words - 1 - place))

    def steps(self) -> "tuple[FeedStep, ...]":
        """What each word of a column allows, in order."""
        return _feed_steps(self)

    @property
    def most_held(self) -> int:
        """The most words of a column that are needed before the first of them can be released."""
        return _most_held(self)

    def _cycle_of(self, row: int) -> int:
        if row < self.full_rows:
            return row // self.pes
        return self.full_rows // self.pes + (row - self.full_rows) // self.rest

    def _rows_until(self, cycle: int) -> int:
        """Rows that the cycles from 0 to `cycle` take together."""
        full = self.full_rows // self.pes
        if cycle < full:
            return (cycle + 1) * self.pes
        return min(self.rows, self.full_rows + (cycle + 1 - full) * self.rest)


@lru_cache(maxsize=4096)
def _cycles(feed: Feed) -> int:
    return feed.last_cycle(feed.words - 1) + 1


@lru_cache(maxsize=4096)
def _even(feed: Feed) -> bool:
    return feed.word_rows == feed.pes and feed.cycles == feed.words


@lru_cache(maxsize=65536)
def _most_held(feed: Feed) -> int:
    return max(feed.words_until(feed.last_cycle(word)) - word for word in range(feed.words))


class FeedStep(NamedTuple):
    """A word of a column: the first cycle that needs it, and, for each word that is released once it is there too, the
    cycles from the start of the column until then."""

    needed: int
    released: tuple[int, ...]


@lru_cache(maxsize=4096)
def _feed_steps(feed: Feed) -> tuple[FeedStep, ...]:
    releases: list[list[int]] = [[] for _ in range(feed.words)]
    for word in range(feed.words):
        last = feed.last_cycle(word)
        releases[feed.words_until(last) - 1].append(last + 1)
    return tuple(FeedStep(feed.first_cycle(word), tuple(each)) for word, each in enumerate(releases))


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
    """Words of one column: of the bus and the FIFO, or of the private memory that has the most."""
    column_sram_words: int
    """Words read from the SRAM for one column; 0 if it is streamed from DRAM."""
    column_dram_bits: int
    """Bits read from DRAM for one column, in whole accesses; 0 if it is resident."""
    latency_cycles: int
    """Latency from the weight path to the PEs: that of the SRAM if the weights are resident, otherwise of the DRAM."""
    pace: Pace
    """Cycles that a word takes on the weight path: bus, FIFO or channel, whichever is slowest."""
    tile_cycles: int
    """Cycles that a column takes in the PEs once all of it is there: the rows of the busiest PE. Of a group of columns:
    those of the vectors that pass it, or of the words of the next group if these are more."""
    fifo_words: int
    """Words that the FIFO holds."""
    feed: Feed
    buffered: bool = True
    """Whether its words pass the FIFO; those of private memories do not, and `fifo_words` of them are under way."""
    group: int = 0
    """Columns whose weights lie in the PEs together while vectors pass them; 0 if columns pass one after the other."""
    idle_cycles: int = 0
    """Cycles of a group's `tile_cycles` in which no vector passes, since the next group is still being loaded."""

    @property
    def column_fifo_words(self) -> int:
        """Words of one column that are written to the FIFO and read from it."""
        return self.column_words if self.buffered else 0

    @property
    def streamed(self) -> bool:
        """Whether its columns come from DRAM and so occupy the channel."""
        return self.column_dram_bits > 0

    @property
    def costs(self) -> tuple[object, ...]:
        """Everything that one column takes; bursts of equal costs can be joined whichever operands they stream."""
        words = self.column_words, self.column_sram_words, self.column_dram_bits
        cycles = self.latency_cycles, self.pace, self.tile_cycles, self.idle_cycles
        return (self.rows, *words, *cycles, self.fifo_words, self.feed, self.group)

    @property
    def at_once(self) -> int:
        """Columns that the PEs take together."""
        return self.group or 1

    def turns(self, columns: int) -> int:
        """How often the PEs are occupied for `tile_cycles` by `columns`."""
        return ceil_div(columns, self.at_once)

    def busy_cycles(self, columns: int) -> int:
        """Cycles in which the PEs multiply by the weights of `columns`."""
        return self.turns(columns) * (self.tile_cycles - self.idle_cycles)

    @cached_property
    def readers(self) -> tuple[int, ...]:
        """A product of each stream, by which its columns are counted."""
        return tuple(stream[0] for stream in self.streams)

    @cached_property
    def first_words(self) -> int:
        """Words that the PEs need to begin a column."""
        return self.feed.words_until(0)

    @cached_property
    def times(self) -> "WordTimes":
        """The constants of its timing in closed form."""
        return _word_times(self.pace, self.feed, self.tile_cycles, self.latency_cycles, self.fifo_words)


class WordTimes(NamedTuple):
    """Constants of a burst's timing; those in parts are in parts of a cycle, ``Pace.words`` of which are a cycle.

    Word j of a column is first needed in cycle f_j of the column and last in l_j; a word takes s cycles on the path.
    """

    latest_parts: int
    """The largest ``(j + 1) s - f_j``: from the issue of a column's first word to when the PEs can begin and run on."""
    room_parts: int
    """The largest ``l_j + 1 - j s``: from the start of the PEs to the path that the room of the first column allows."""
    lead_cycles: int
    """Cycles from the issue of a burst's last word until its end, if the PEs are slower than the path."""
    tail_cycles: int
    """Cycles from the arrival of a column's last word, if the PEs wait for it, to the end of the column."""
    pes_bound: bool
    """Whether a column takes at least as long in the PEs as on the path."""
    slowest: float
    """Cycles of a word on the path or in the PEs, whichever is more."""
    trip: float
    """The most cycles from the issue of a word until its room is free, if PEs and path wait for nothing else."""


@lru_cache(maxsize=65536)
def _word_times(pace: Pace, feed: Feed, tile_cycles: int, latency_cycles: int, fifo_words: int) -> WordTimes:
    words, (cycles, parts) = feed.words, pace
    some = feed.decisive(0, words)
    first = {word: feed.first_cycle(word) for word in some}
    after = {word: feed.last_cycle(word) + 1 for word in some}
    latest = max((word + 1) * cycles - at * parts for word, at in first.items())
    room = max(at * parts - word * cycles for word, at in after.items())
    leads = []
    for later in some:
        column, word = _from_the_end(fifo_words + later, words)
        leads.append((column * tile_cycles - feed.last_cycle(word) - 1) * parts - (later + 1) * cycles)
    early = max(word * tile_cycles - at * words for word, at in first.items())
    late = max(at * words - word * tile_cycles for word, at in after.items())
    pes_bound = tile_cycles * parts >= cycles * words
    trip = pace.of(1) + latency_cycles + 1 + (early + late) / words
    if not pes_bound:
        trip = max(trip, latency_cycles + 1 + (room + latest) / parts)
    return WordTimes(
        latest_parts=latest,
        room_parts=room,
        lead_cycles=min(leads) // parts,
        tail_cycles=tile_cycles - first[words - 1],
        pes_bound=pes_bound,
        slowest=max(cycles / parts, tile_cycles / words),
        trip=trip,
    )


def _from_the_end(word: int, words: int) -> tuple[int, int]:
    """The column of a word that is counted from the end of a burst, counted likewise from 1 on, and its place there."""
    columns, place = divmod(word, words)
    return columns + 1, words - 1 - place


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
    elements_after: int
    """Cycles from the start of the activation until the first element of all lanes has entered the pipeline."""
    encode_cycles: int
    """Cycles of the encoder if all elements are there; 0 without an encoder."""
    encode_tail: int
    """Cycles from the last element's leaving the pipeline until the block is listed, if the encoder was free."""
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
    """Operands that its result becomes and products read, all listed in one scan: h, and a separate operand for what
    lies above if that is pruned or rounded on its own."""

    @property
    def norm_bits(self) -> int:
        """Bits of the stored row scales and biases of one unit."""
        return NORM_BITS * (self.norms_per_unit + self.shifts_per_unit)

    @cached_property
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
    steps_at_once: tuple[int, ...]
    """For each product, the steps for which it is computed at once, at the first of them."""
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
    pe_stages: int
    """Pipeline stages of a PE."""
    activation_stages: int
    """Pipeline stages of the activation unit."""
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

    @property
    def fifo_words(self) -> int:
        """Words that the FIFO holds."""
        return self.runs[0].block.bursts[0].fifo_words

    @property
    def stationary(self) -> bool:
        """Whether weights stay in the PEs while vectors pass, a group of columns at a time."""
        return self.runs[0].block.bursts[0].group > 0

    @cached_property
    def covered(self) -> bool:
        """Whether the FIFO holds all words of a round trip, even where a fast burst follows one of a long latency.

        Its room then never delays the PEs for longer than the path takes, and bursts have a closed form. Groups of
        columns whose weights stay in the PEs have none, and are followed one by one.
        """
        if self.stationary:
            return False
        bursts = [burst for run in self.runs for burst in run.block.bursts]
        held = min(burst.fifo_words for burst in bursts) * min(burst.times.slowest for burst in bursts)
        return held >= max(burst.times.trip for burst in bursts)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for run in self.runs for block in run.blocks)
