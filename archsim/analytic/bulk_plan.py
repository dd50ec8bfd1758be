"""The plan of a machine with one shared weight memory as a compiled loop: the rules of ``archsim.mapping``.

What a rule says stands there, in `mapping.estimate`, `mapping.dataflows.output_stationary`, `mapping.residency`,
`mapping.traffic`, `mapping.read_out` and `mapping.plan`; each function here names the one that it repeats, and
tests/archsim/analytic/test_bulk.py holds them equal over drawn designs. Arrays are int64, with values at the places of
``bulk_positions`` and ``positions``.
"""

# mypy: disable-error-code="no-any-return"

import math

import numba
import numpy as np
from numpy.typing import NDArray

from archsim.analytic.bulk_positions import (
    ACCESS_BITS,
    ACCESS_CYCLES,
    ACCESS_PARTS,
    ACTIVATION_STAGES,
    AT_ONCE,
    BUS_BITS,
    BUS_ROWS,
    CAPACITY,
    CELL_READS,
    COLS,
    DRAM_LATENCY,
    ENCODER_COLUMNS,
    ENCODER_STAGES,
    ENCODES,
    FIFO_CYCLES,
    FIFO_SIZE,
    FITS,
    HAS_DRAM,
    IN_TURNS,
    INPUTS,
    KIND_ALL,
    KIND_BITS,
    KIND_EARLY,
    KIND_ROWS,
    LANES,
    MADE,
    NORM_BITS,
    NOT_COVERED,
    OPENING_GROUP,
    PART_RESIDENT,
    PES_OF_LANE,
    PRODUCT,
    RAN,
    READ_PORTS,
    REFUSED,
    ROW_SUMS,
    SETUP_CYCLES,
    SRAM_LATENCY,
    STATE_PORTS,
    STORES,
    STREAM_BEGIN,
    STREAM_END,
    STREAM_ROWS,
    SUMS,
    TWO_BANKS,
    UNIT_BITS,
    UNIT_ROWS,
    UNIT_SUMS,
    UNITS,
    WAIT_BACK,
    WAIT_LIST,
)
from archsim.analytic.positions import (
    ACTIVATION,
    BLOCK_FIELDS,
    BURSTS,
    COUNT,
    ENCODE,
    ENCODE_TAIL,
    ENDS_LIST,
    EVEN,
    FIFO,
    FIRST_BURST,
    FIRST_STREAM,
    FIRST_WAIT,
    FIRST_WORDS,
    FULL_ROWS,
    GROUP,
    IDLE,
    LATENCY,
    LATEST,
    LEAD,
    LIST,
    NORMS,
    NORMS_ON_CHANNEL,
    ON_CHANNEL,
    PACE_CYCLES,
    PACE_WORDS,
    PES,
    PES_BOUND,
    READS_INPUTS,
    REST,
    ROOM,
    ROWS,
    STREAMS,
    TAIL,
    TILE,
    WAITS,
    WHOLE,
    WORD_ROWS,
    WORDS,
)

Ints = NDArray[np.int64]
STEPS = KIND_EARLY - KIND_ALL
"""Steps for whose columns a stage is cut (``mapping.work.LIKELY``)."""
PARTS = 1024
"""As ``mapping.estimate.PARTS``."""
ALIKE = 1024
"""As ``mapping.dataflows.base.ALIKE``."""
MOST_WORDS = 2**24
"""As ``mapping.traffic.MOST_WORDS``."""
LARGEST = 2.0**62
"""As ``mapping.refusals.LARGEST``."""
SAFE = 2.0**61
"""A number that is found in floating point and is beyond it may be too large to be counted here."""

# In a row of `sums`: what of a burst's column, or of a block, is counted, beside what the recurrence reads.
SRAM_WORDS, DRAM_BITS, SUM_FIELDS = range(3)

compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@compiled
def up(numerator: int, denominator: int) -> int:
    """`specs.base.ceil_div`."""
    return -(-numerator // denominator)


@compiled
def _dealt(units: int, unit_rows: int, unit_by_unit: bool, pes: int) -> int:
    """`BlockUnits.rows_of_a_pe`."""
    return up(units, pes) * unit_rows if unit_by_unit else up(units * unit_rows, pes)


@compiled
def _turns_of(group: int, lanes: int, unit_by_unit: bool, stage: Ints, design: Ints) -> int:
    """`read_out._ReadOut.turns_of`; of a group of `lanes` elements a unit, `estimate._element_cycles`."""
    units, pes = up(group, lanes), design[PES_OF_LANE]
    rows = stage[ROW_SUMS] * up(units * stage[UNIT_ROWS], pes)
    sums = stage[UNIT_SUMS] * up(units, pes) if unit_by_unit else rows
    reads = stage[CELL_READS]
    turns = reads + 1 if design[STATE_PORTS] == 1 else max(reads, 1)
    return max(turns, up(sums, design[READ_PORTS]))


@compiled
def _ceils(per_unit: int, size: int, found: Ints) -> None:
    """Fills `found` with ``ceil(u * per_unit / size)`` for u = 0, 1, ..., without a division for each."""
    whole, part = per_unit // size, per_unit % size
    quotient = left = 0
    for u in range(len(found)):
        found[u] = quotient + (left > 0)
        quotient, left = quotient + whole, left + part
        if left >= size:
            quotient, left = quotient + 1, left - size


@compiled
def _of_blocks(
    unit_by_unit: bool, stage: Ints, kinds: Ints, design: Ints, access: tuple[int, int], turn: int, steps: int,
    early: Ints, cycles: Ints, pes: Ints, in_fifo: Ints,
) -> None:  # fmt: skip
    """`StageTime._blocks`, into arrays ``(steps, units + 1)``."""
    size = early.shape[1]
    norms, words_of = np.zeros(size, np.int64), np.zeros(size, np.int64)
    accesses, dealt = np.zeros(size, np.int64), np.zeros(size, np.int64)
    path, used = np.zeros((steps, size), np.int64), np.zeros((steps, size), np.int64)
    words = np.zeros((steps, size), np.int64)
    _ceils(stage[NORM_BITS], design[BUS_BITS], norms)
    _ceils(stage[NORM_BITS], access[0], accesses)
    for t in range(steps):
        for u in range(size):
            path[t, u] = max(norms[u] * PARTS, accesses[u] * access[1])
    early[:], pes[:] = 0, 0
    for k in range(len(kinds)):
        rows = kinds[k, KIND_ROWS]
        _ceils(rows, design[BUS_ROWS], words_of)
        _ceils(kinds[k, KIND_BITS], access[0], accesses)
        _ceils(1 if unit_by_unit else rows, design[PES_OF_LANE], dealt)
        for t in range(steps):
            n, first = kinds[k, KIND_ALL + t], kinds[k, KIND_EARLY + t]
            for u in range(size):
                of_pes = dealt[u] * rows if unit_by_unit else dealt[u]
                sent = max(words_of[u] * design[FIFO_CYCLES] * PARTS, accesses[u] * access[1])
                slower = max(sent, of_pes * PARTS)
                path[t, u] += n * sent
                pes[t, u] += n * of_pes
                words[t, u] += n * words_of[u]
                used[t, u] += n * slower
                early[t, u] += first * slower
    for t in range(steps):
        cycles[t, 0] = 0
        for u in range(1, size):
            cycles[t, u] = max(up(max(path[t, u], used[t, u]), PARTS), turn)
        for u in range(size):
            early[t, u] //= PARTS
        if not design[TWO_BANKS]:
            for u in range(size):
                in_fifo[t, u] = path[t, u] // max(words[t, u], 1) * min(words[t, u], design[FIFO_SIZE]) // PARTS


@compiled
def _steps_of(kinds: Ints) -> int:
    """The steps that differ: 1 where the columns are the same in all of them, as where none is skipped."""
    for k in range(len(kinds)):
        for t in range(1, STEPS):
            if kinds[k, KIND_ALL + t] != kinds[k, KIND_ALL] or kinds[k, KIND_EARLY + t] != kinds[k, KIND_EARLY]:
                return STEPS
    return 1


@compiled
def estimate(stage: Ints, kinds: Ints, design: Ints, streamed: bool, unit_by_unit: bool, found: Ints) -> None:
    """`StageTime.cycles`: fills `found` ``(most,)`` with cycles for blocks of 1, 2, ... units; -1 first: too large."""
    lanes, at_once, columns = design[LANES], design[AT_ONCE], design[ENCODER_COLUMNS] * design[ENCODES]
    access = (design[ACCESS_BITS], up(design[ACCESS_CYCLES] * PARTS, design[ACCESS_PARTS])) if streamed else (1, 0)
    turn = design[SETUP_CYCLES] + (design[DRAM_LATENCY] if streamed else design[SRAM_LATENCY])
    element = _turns_of(lanes * up(at_once, lanes), lanes, unit_by_unit, stage, design)
    stages = design[ACTIVATION_STAGES] + design[ENCODES] * design[ENCODER_STAGES]
    most, steps = len(found), _steps_of(kinds)
    found[:] = 0
    if _is_large(stage, kinds, design, access, turn, stages, element):
        found[0] = -1
        return
    early, cycles = np.zeros((steps, most + 1), np.int64), np.zeros((steps, most + 1), np.int64)
    pes, in_fifo = np.zeros((steps, most + 1), np.int64), np.zeros((steps, most + 1), np.int64)
    activation, groups = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    _of_blocks(unit_by_unit, stage, kinds, design, access, turn, steps, early, cycles, pes, in_fifo)
    _ceils(lanes, at_once, activation)
    if columns:
        _ceils(1, columns, groups)
    for s in range(1, most + 1):
        count = stage[UNITS] // s
        rest = stage[UNITS] - count * s
        last = rest if rest else s
        behind = 0
        if columns:
            begun = activation[min(last, columns)] * element
            behind = max(0, begun - 1 + groups[last] - activation[last] * element)
        known, a, last_a = turn + stages + behind, activation[s] * element, activation[rest] * element
        total = 0
        for t in range(steps):
            c = cycles[t, s]
            if design[TWO_BANKS]:
                pace = max(c, a)
                whole = c + (count - 1) * pace + a
                before = whole - pace
                consumed = max(c, before + c - a)
                if rest:
                    consumed = max(consumed, before) + cycles[t, rest]
                activated = max(whole, consumed) + last_a
            else:
                later = max(pes[t, s], c - min(in_fifo[t, s], a))
                last_c = max(pes[t, rest], cycles[t, rest] - min(in_fifo[t, rest], a))
                whole = c + a + (count - 1) * (later + a)
                consumed = activated = whole + last_c + last_a
            if columns:
                listed = max(whole - a + groups[s], c + count * groups[s]) + groups[rest]
                activated = max(activated, listed)
            if stage[MADE] >= 0:
                consumed = activated + known - min(early[t, s], activated - consumed + known)
            total += consumed
        found[s - 1] = total * (STEPS // steps) + activation[last] * element + known


@compiled
def _is_large(
    stage: Ints, kinds: Ints, design: Ints, access: tuple[int, int], turn: int, stages: int, element: int
) -> bool:
    """Whether the estimate might not fit 64 bits: no narrower than `StageTime._is_large`."""
    bits, rows, columns = 0.0, float(stage[NORM_BITS]), 1.0
    for k in range(len(kinds)):
        most = float(kinds[k, KIND_ALL : KIND_ALL + STEPS].max())
        bits = max(bits, float(kinds[k, KIND_BITS]))
        rows += most * kinds[k, KIND_ROWS]
        columns += most
    accesses = (stage[NORM_BITS] + bits) / access[0] + 1
    a_unit = max(rows * design[FIFO_CYCLES] * PARTS, columns * accesses * access[1])
    a_block = stage[UNITS] * (a_unit + float(design[LANES]) * element) + turn + stages
    return STEPS * (stage[UNITS] + 1.0) * a_block * ALIKE >= SAFE / 4


@compiled
def _fastest(cycles: Ints, most: int, units: int) -> tuple[int, int, int]:
    """`estimate._fastest`: cycles, blocks and units of a block of the best cut into blocks of at most `most` units."""
    least = cycles[:most].min()
    fewest, best = 0, 0
    for s in range(most, 0, -1):
        if cycles[s - 1] * ALIKE <= least * (ALIKE + 1):
            blocks = up(units, s)
            if not best:
                fewest, best = blocks, s
            elif blocks == fewest and cycles[s - 1] < cycles[best - 1]:
                best = s
    return cycles[best - 1], fewest, best


@compiled
def _within_fifo(most: int, kinds: Ints, design: Ints) -> int:
    """The most units that `StageTime.fastest` looks at."""
    pes, word_rows = design[PES_OF_LANE], design[BUS_ROWS]
    needed = pes // word_rows if pes % word_rows == 0 else 1 + up(pes - 1, word_rows)
    if not (design[STORES] or design[FIFO_SIZE] < needed):
        return most
    rows = kinds[:, KIND_ROWS].max()
    within = min(most, design[FIFO_SIZE] * word_rows // rows)
    return within if within else most


@compiled
def largest(stage: Ints, design: Ints) -> tuple[int, int]:
    """`output_stationary._largest`: the most units by rows, and unit by unit; 0 where there is no such block."""
    pes, sums, units = design[PES_OF_LANE], design[SUMS], stage[UNITS]
    by_rows = min(pes * (sums // stage[ROW_SUMS]) // stage[UNIT_ROWS], units)
    by_units = 0
    if stage[UNIT_SUMS] < stage[ROW_SUMS] * stage[UNIT_ROWS]:
        by_units = min(pes * (sums // stage[UNIT_SUMS]), units)
    return by_rows, by_units


@compiled
def cut(stage: Ints, kinds: Ints, design: Ints, by_rows: Ints, by_units: Ints) -> tuple[int, bool, int]:
    """`output_stationary._blocks`: units of a block, whether unit by unit, and the outcome.

    `by_rows` and `by_units` are as `estimate` makes them, of at least as many units.
    """
    most_rows, most_units = largest(stage, design)
    if not most_rows and not most_units:
        return 0, False, REFUSED
    found = np.zeros((2, 3), np.int64)
    cuts = 0
    kind = np.zeros(2, np.bool_)
    for unit_by_unit, most, cycles in ((False, most_rows, by_rows), (True, most_units, by_units)):
        if most:
            within = _within_fifo(most, kinds, design)
            if cycles[0] < 0:
                return 0, False, NOT_COVERED
            found[cuts, 0], found[cuts, 1], found[cuts, 2] = _fastest(cycles, within, stage[UNITS])
            kind[cuts] = unit_by_unit
            cuts += 1
    best = 0
    if cuts == 2:
        least = min(found[0, 0], found[1, 0])
        first = found[0, 0] * ALIKE <= least * (ALIKE + 1)
        second = found[1, 0] * ALIKE <= least * (ALIKE + 1)
        fewer = found[1, 1] < found[0, 1] or (found[1, 1] == found[0, 1] and found[1, 0] < found[0, 0])
        best = 1 if second and (not first or fewer) else 0
    return found[best, 2], kind[best], RAN


@compiled
def _cycle_of(burst: Ints, row: int) -> int:
    """`Feed._cycle_of`."""
    if row < burst[FULL_ROWS]:
        return row // burst[PES]
    return burst[FULL_ROWS] // burst[PES] + (row - burst[FULL_ROWS]) // burst[REST]


@compiled
def _last_cycle(burst: Ints, word: int) -> int:
    """`Feed.last_cycle`."""
    return _cycle_of(burst, min((word + 1) * burst[WORD_ROWS], burst[ROWS]) - 1)


@compiled
def _words_until(burst: Ints, cycle: int) -> int:
    """`Feed.words_until`."""
    if burst[WHOLE]:
        return burst[WORDS]
    full = burst[FULL_ROWS] // burst[PES]
    if cycle < full:
        return up((cycle + 1) * burst[PES], burst[WORD_ROWS])
    rows = min(burst[ROWS], burst[FULL_ROWS] + (cycle + 1 - full) * burst[REST])
    return up(rows, burst[WORD_ROWS])


@compiled
def pace_of(design: Ints, words: int, bits: int, columns: int) -> tuple[int, int, int]:
    """`traffic._pace` of a column with `bits` in DRAM: cycles, words, and the outcome."""
    port = design[FIFO_CYCLES]
    if not bits:
        return port, 1, RAN
    accesses = up(bits, design[ACCESS_BITS])
    if float(accesses) * design[ACCESS_CYCLES] >= SAFE or float(port) * words * design[ACCESS_PARTS] >= SAFE:
        return 0, 0, NOT_COVERED
    cycles, parts = accesses * design[ACCESS_CYCLES], words * design[ACCESS_PARTS]
    if cycles <= port * parts:
        return port, 1, RAN
    common = math.gcd(cycles, parts)
    if parts // common > MOST_WORDS:  # the next fraction above it is taken, which is looked for elsewhere
        return 0, 0, NOT_COVERED
    cycles, parts = cycles // common, parts // common
    if columns * words > MOST_WORDS or float(columns) * words * cycles > LARGEST:
        return 0, 0, REFUSED
    return cycles, parts, RAN


@compiled
def fill_burst(
    burst: Ints, sums: Ints, design: Ints, stream: Ints, units: int, unit_by_unit: bool, resident: bool
) -> int:
    """`traffic._column_by_column` and `plan._word_times`; returns the outcome.

    What bounds a FIFO that covers round trips is left to `covered`.
    """
    rows, pes = units * stream[STREAM_ROWS], design[PES_OF_LANE]
    bits, step = units * stream[UNIT_BITS], stream[STREAM_ROWS] if unit_by_unit else 1
    dealt = units if unit_by_unit else rows
    full, rest = dealt // pes, dealt % pes
    words = up(rows, design[BUS_ROWS])
    burst[ROWS], burst[WORD_ROWS], burst[PES], burst[WHOLE] = rows, design[BUS_ROWS], pes, design[STORES]
    burst[FULL_ROWS], burst[REST], burst[WORDS] = full * pes * step, rest if rest else pes, words
    if words > design[FIFO_SIZE]:
        for word in range(words):
            if _words_until(burst, _last_cycle(burst, word)) - word > design[FIFO_SIZE]:
                return REFUSED
    burst[FIFO], burst[GROUP], burst[IDLE] = design[FIFO_SIZE], 0, 0
    burst[TILE] = _dealt(units, stream[STREAM_ROWS], unit_by_unit, pes)
    burst[LATENCY] = design[SRAM_LATENCY] if resident else design[DRAM_LATENCY]
    cycles, parts, outcome = pace_of(design, words, 0 if resident else bits, stream[COLS])
    if outcome != RAN:
        return outcome
    burst[PACE_CYCLES], burst[PACE_WORDS] = cycles, parts
    sums[SRAM_WORDS] = up(bits, design[BUS_BITS]) if resident else 0
    sums[DRAM_BITS] = 0 if resident else up(bits, design[ACCESS_BITS]) * design[ACCESS_BITS]
    burst[FIRST_WORDS] = _words_until(burst, 0)
    burst[EVEN] = burst[WORD_ROWS] == pes and _last_cycle(burst, words - 1) + 1 == words
    return RAN


@compiled
def word_times(burst: Ints) -> tuple[float, float]:
    """`plan._word_times`: fills a burst, and returns `slowest` and `trip`."""
    words, tile, cycles, parts = burst[WORDS], burst[TILE], burst[PACE_CYCLES], burst[PACE_WORDS]
    latest, room, lead, early, late = -(2**62), -(2**62), 2**62, -(2**62), -(2**62)
    even, first = burst[EVEN], 0
    for word in range(words):
        if even and 0 < word < words - 1:
            continue
        first = 0 if burst[WHOLE] else _cycle_of(burst, word * burst[WORD_ROWS])
        after = _last_cycle(burst, word) + 1
        latest = max(latest, (word + 1) * cycles - first * parts)
        room = max(room, after * parts - word * cycles)
        early = max(early, word * tile - first * words)
        late = max(late, after * words - word * tile)
        columns, place = (burst[FIFO] + word) // words + 1, words - 1 - (burst[FIFO] + word) % words
        lead = min(lead, (columns * tile - _last_cycle(burst, place) - 1) * parts - (word + 1) * cycles)
    burst[LATEST], burst[ROOM], burst[LEAD], burst[TAIL] = latest, room, lead // parts, tile - first
    burst[PES_BOUND] = tile * parts >= cycles * words
    trip = up(cycles, parts) + burst[LATENCY] + 1 + (early + late) / words
    if not burst[PES_BOUND]:
        trip = max(trip, burst[LATENCY] + 1 + (room + latest) / parts)
    return max(cycles / parts, tile / words), trip


@compiled
def _width(elements: int, lanes: int, unit_by_unit: bool, stage: Ints, design: Ints) -> int:
    """`read_out._ReadOut.width`."""
    best, least = 0, 0
    for group in range(design[AT_ONCE], 0, -1):
        cycles = up(elements, group) * _turns_of(group, lanes, unit_by_unit, stage, design)
        if not best or cycles < least:
            best, least = group, cycles
    return best


@compiled
def fill_results(block: Ints, design: Ints, stage: Ints, units: int, unit_by_unit: bool) -> None:
    """`read_out._times`."""
    lanes = design[LANES]
    width = _width(units * lanes, lanes, unit_by_unit, stage, design)
    turns = _turns_of(width, lanes, unit_by_unit, stage, design)
    block[ACTIVATION] = up(units * lanes, width) * turns
    block[ENCODE] = block[ENCODE_TAIL] = 0
    columns = design[ENCODER_COLUMNS] * design[ENCODES] if stage[MADE] >= 0 else 0
    if not columns:
        return
    # Ends repeat, later by as much, after as many columns as fill whole groups and whole cycles of the encoder, so that
    # the latest is among the first or the last of them.
    period = width // math.gcd(width, lanes)
    period = period // math.gcd(period, columns) * columns
    end = 0
    for column in range(units):
        if period <= column < units - period:
            continue
        end = max(end, up((column + 1) * lanes, width) * turns + up(units - column, columns))
    block[ENCODE] = up(units, columns)
    block[ENCODE_TAIL] = end - block[ACTIVATION] + design[ENCODER_STAGES] - 1


@compiled
def fill_norms(block: Ints, sums: Ints, design: Ints, stage: Ints, units: int, resident: bool) -> None:
    """`traffic.norms_of`."""
    bits = stage[NORM_BITS] * units
    words = up(bits, design[BUS_BITS])
    block[NORMS_ON_CHANNEL], sums[DRAM_BITS], sums[SRAM_WORDS] = 0, 0, words
    if not resident:
        accesses = up(bits, design[ACCESS_BITS])
        words = max(words, up(accesses * design[ACCESS_CYCLES], design[ACCESS_PARTS]))
        sums[SRAM_WORDS], sums[DRAM_BITS] = 0, accesses * design[ACCESS_BITS]
        block[NORMS_ON_CHANNEL] = _takes_turns(design) and bits > 0
    block[NORMS] = words


@compiled
def _takes_turns(design: Ints) -> bool:
    """Whether weights wait for inputs on the channel: `Fetch.takes_turns`, where anything is fetched."""
    return design[INPUTS] > 0 and design[IN_TURNS] > 0


@compiled
def _stored(design: Ints, stream: Ints, units: int) -> int:
    """`residency._stored`."""
    return up(units * stream[UNIT_BITS], design[BUS_BITS]) * design[BUS_BITS] * stream[COLS]


@compiled
def model_bits(stages: Ints, streams: Ints, design: Ints) -> int:
    """`residency._model_bits`."""
    bits = 0
    for s in range(len(stages)):
        bits += stages[s, NORM_BITS] * stages[s, UNITS]
        for k in range(stages[s, STREAM_BEGIN], stages[s, STREAM_END]):
            bits += _stored(design, streams[k], stages[s, UNITS])
    return bits


@compiled
def resident_streams(
    stages: Ints, streams: Ints, by_reads: Ints, cuts: Ints, design: Ints, kept: Ints
) -> tuple[bool, int]:
    """`residency.residency_of`: sets in `kept`, a mask of each block's streams; whether norms are resident, and bits.

    `kept` ``(blocks,)`` is of all stages, one after the other. A model that does not fit has DRAM to stream from.
    """
    kept[:] = 0
    if design[FITS]:
        kept[:] = -1
        return True, model_bits(stages, streams, design)
    used = 0
    for s in range(len(stages)):
        used += stages[s, NORM_BITS] * stages[s, UNITS]
    if not design[PART_RESIDENT] or used > design[CAPACITY]:
        return False, 0
    for i in range(len(by_reads)):
        k = by_reads[i]
        begin = 0
        for s in range(len(stages)):
            blocks = up(stages[s, UNITS], cuts[s, 0])
            if stages[s, STREAM_BEGIN] <= k < stages[s, STREAM_END]:
                for b in range(blocks):
                    units = min(cuts[s, 0], stages[s, UNITS] - b * cuts[s, 0])
                    bits = _stored(design, streams[k], units)
                    if used + bits <= design[CAPACITY]:
                        kept[begin + b] |= 1 << (k - stages[s, STREAM_BEGIN])
                        used += bits
            begin += blocks
    return True, used


@compiled
def _equal_costs(one: Ints, other: Ints, sums: Ints, others: Ints) -> bool:
    """Whether `Burst.costs` are equal."""
    for field in (ROWS, WORDS, LATENCY, PACE_CYCLES, PACE_WORDS, TILE, FULL_ROWS, REST):
        if one[field] != other[field]:
            return False
    return sums[SRAM_WORDS] == others[SRAM_WORDS] and sums[DRAM_BITS] == others[DRAM_BITS]


@compiled
def fill_plan(
    design: Ints, stages: Ints, streams: Ints, by_reads: Ints, cuts: Ints, kept: Ints, norms_kept: bool,
    blocks: Ints, bursts: Ints, fed: Ints, waits: Ints, norm_sums: Ints, burst_sums: Ints,
) -> tuple[int, int, bool, int]:  # fmt: skip
    """The runs of `planner._Blocks.runs` and the tables of `closed_form._tables`.

    Returns how many blocks and bursts there are, whether the FIFO covers every round trip, and the outcome. `blocks`
    has two columns more than the recurrence reads: stage, and units.
    """
    turns = _takes_turns(design)
    runs = count = fields = waiting = first_block = 0
    slowest, trip = math.inf, 0.0
    for s in range(len(stages)):
        stage, size, unit_by_unit = stages[s], cuts[s, 0], cuts[s, 1] > 0
        total = up(stage[UNITS], size)
        done = 0
        while done < total:
            units = min(size, stage[UNITS] - done * size)
            opens, mask = done == 0, kept[first_block + done]
            ends = done == total - 1
            alike = 1
            while not opens and not ends and done + alike < total:
                after = done + alike
                same = min(size, stage[UNITS] - after * size) == units and kept[first_block + after] == mask
                if not same or after == total - 1:
                    break
                alike += 1
            if runs == len(blocks):
                return 0, 0, False, NOT_COVERED
            block = blocks[runs]
            fill_results(block, design, stage, units, unit_by_unit)
            fill_norms(block, norm_sums[runs], design, stage, units, norms_kept)
            block[FIRST_BURST], block[COUNT] = count, alike
            block[LIST], block[ENDS_LIST] = stage[MADE], stage[MADE] >= 0 and ends
            block[BLOCK_FIELDS], block[BLOCK_FIELDS + 1] = s, units
            joined_group = -1
            for k in range(stage[STREAM_BEGIN], stage[STREAM_END]):
                stream = streams[k]
                if count == len(bursts):
                    return 0, 0, False, NOT_COVERED
                burst, sums = bursts[count], burst_sums[count]
                resident = (mask >> (k - stage[STREAM_BEGIN])) & 1 > 0
                outcome = fill_burst(burst, sums, design, stream, units, unit_by_unit, resident)
                if outcome != RAN:
                    return 0, 0, False, outcome
                group = stream[OPENING_GROUP] if opens else 0
                before = count - 1
                joins = group == joined_group and _equal_costs(bursts[before], burst, burst_sums[before], sums)
                if joins:
                    burst = bursts[before]
                else:
                    slow, own = word_times(burst)
                    slowest, trip = min(slowest, slow), max(trip, own)
                    burst[FIRST_STREAM], burst[STREAMS] = fields, 0
                    burst[FIRST_WAIT], burst[WAITS], burst[READS_INPUTS] = waiting, 0, 0
                    burst[ON_CHANNEL] = turns and sums[DRAM_BITS] > 0
                    count += 1
                joined_group = group
                fed[fields] = stream[PRODUCT]
                fields, burst[STREAMS] = fields + 1, burst[STREAMS] + 1
                if stream[WAIT_LIST] < 0:
                    burst[READS_INPUTS] = 1
                else:
                    known = False
                    for w in range(burst[FIRST_WAIT], burst[FIRST_WAIT] + burst[WAITS]):
                        known = known or (waits[w, 0] == stream[WAIT_LIST] and waits[w, 1] == stream[WAIT_BACK])
                    if not known:
                        waits[waiting, 0], waits[waiting, 1] = stream[WAIT_LIST], stream[WAIT_BACK]
                        waiting, burst[WAITS] = waiting + 1, burst[WAITS] + 1
            block[BURSTS] = count - block[FIRST_BURST]
            runs, done = runs + 1, done + alike
        first_block += total
    return runs, count, design[FIFO_SIZE] * slowest >= trip, RAN


@compiled
def refused_for_dram(design: Ints) -> bool:
    """`residency_of`, and whatever else takes a channel: whether it needs a DRAM that it has not."""
    return not design[HAS_DRAM] and not design[FITS]
