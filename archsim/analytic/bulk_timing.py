"""The timing and counts of many designs on one network as a compiled loop: plan, recurrence, and what it adds up to."""

# mypy: disable-error-code="no-any-return"

import numpy as np
from numpy.typing import NDArray

from archsim import catalogue
from archsim.analytic import recurrence
from archsim.analytic.bulk_plan import (
    DRAM_BITS,
    SAFE,
    SRAM_WORDS,
    SUM_FIELDS,
    compiled,
    cut,
    estimate,
    fill_plan,
    largest,
    refused_for_dram,
    resident_streams,
    up,
)
from archsim.analytic.bulk_positions import (
    ACCESS_BITS,
    ACTIVATION_STAGES,
    BANK_CYCLES,
    BUSY,
    COUNTS,
    CYCLES,
    DRAIN,
    DRAM_LATENCY,
    EMPTY_CYCLES,
    ENCODES,
    FIFO_SIZE,
    FITS,
    FROM_BUFFER,
    INPUT_CYCLES,
    INPUT_PARTS,
    INPUTS,
    ISSUED,
    KIND_STAGE,
    LANES,
    NONZERO,
    NOT_COVERED,
    OUTCOME,
    PE_STAGES,
    PES_OF_LANE,
    RAN,
    REFUSED,
    RESIDENT_BITS,
    RUN_LANES,
    RUN_STEPS,
    SETUP_CYCLES,
    STALL_0,
    STATE_UNITS,
    STREAMED,
    SUMS,
    TWO_BANKS,
    UNITS,
)
from archsim.analytic.positions import (
    ACTIVATED,
    ACTIVATED_BEFORE,
    ACTIVATION,
    ARRIVED,
    BANK,
    BANKS,
    BEGAN,
    BLOCK_FIELDS,
    BURST_FIELDS,
    BURSTS,
    CAUSES,
    COUNT,
    COVERED,
    DEPTH,
    DRAINED,
    EMPTY,
    ENCODE,
    ENCODE_TAIL,
    ENCODED,
    FETCH_LATENCY,
    FETCHED,
    FIRST_BURST,
    FIRST_STREAM,
    HELD_BURST,
    HELD_WORDS,
    LATENCY,
    LIST,
    LISTS,
    MACHINE_FIELDS,
    NEXT,
    NORMS,
    PACE_CYCLES,
    PACE_WORDS,
    PATH,
    RELEASED,
    ROWS,
    SETUP,
    STREAMS,
    TILE,
    TILES,
    WORDS,
)
from archsim.catalogue import Action

Ints = NDArray[np.int64]

COUNTED: tuple[Action, ...] = (
    catalogue.BURST, catalogue.COLUMN, catalogue.SRAM_READ_WORD, catalogue.FIFO_WORD, catalogue.MAC,
    catalogue.MAC_ZERO_OPERAND, catalogue.SCRATCH_ACCESS, catalogue.H_READ, catalogue.SCAN_COLUMN,
    catalogue.LIST_COLUMN, catalogue.IDLE_PE_CYCLE, catalogue.READ_BITS, catalogue.SUM_READ, catalogue.NORM_ACCESS,
    catalogue.ROW_AFFINE, catalogue.CURVE, catalogue.MULTIPLY, catalogue.ADD, catalogue.C_READ, catalogue.C_WRITE,
    catalogue.H_WRITE,
)  # fmt: skip
"""The actions that are counted, in the order of the counts of a row of results."""
(N_BURST, N_COLUMN, N_SRAM, N_FIFO, N_MAC, N_ZERO, N_SCRATCH, N_H_READ, N_SCAN, N_LIST, N_IDLE, N_READ) = range(12)

SLOTS, FIELDS = 256, 400
"""Steps that are remembered of a design, and numbers of each; one with more is computed anew."""

# In `scalars` of a network on some lanes.
(KEPT_UNITS, INPUT_BITS, LISTED, SCANNED, LISTS_MADE, LAST_RUNNING, SCALARS) = range(7)


@compiled
def evaluate(
    designs: Ints, stages: Ints, streams: Ints, by_reads: Ints, kinds: Ints, kinds_resident: Ints, unit_counts: Ints,
    streamed: Ints, active: Ints, tokens: Ints, totals: Ints, off_steps: Ints, off_lanes: Ints, scalars: Ints,
    results: Ints,
) -> None:  # fmt: skip
    """Fill a row of `results` ``(designs, COUNTS + len(COUNTED))`` for each of `designs`, which are sorted by columns.

    - `stages`, `streams`: the network; `by_reads`: streams in the order in which they become resident;
    - `kinds` ``(kinds, KIND_FIELDS)``: columns by stage, with their bits in DRAM; `kinds_resident`: where none are;
    - `unit_counts` ``(stages, counts)``: actions for each unit and lane of a stage;
    - `streamed`, `active` ``(products, steps)``, `tokens` ``(steps,)``, `totals` ``(products, fields)``: the work;
    - `off_steps`, `off_lanes`: steps at whose end lanes are switched off, and how many.
    """
    steps, number = streamed.shape[1], len(stages)
    units = stages[:, UNITS].sum()
    most_runs = 8 * number + 4 * len(streams)
    blocks = np.zeros((most_runs, BLOCK_FIELDS + 2), np.int64)
    bursts = np.zeros((most_runs * len(streams), BURST_FIELDS), np.int64)
    fed = np.zeros(most_runs * len(streams), np.int64)
    waits = np.zeros((most_runs * len(streams), 2), np.int64)
    norm_sums, burst_sums = np.zeros((most_runs, SUM_FIELDS), np.int64), np.zeros((len(bursts), SUM_FIELDS), np.int64)
    cuts, kept = np.zeros((number, 2), np.int64), np.zeros(units, np.int64)
    estimated = np.zeros((2, number, stages[:, UNITS].max()), np.int64)
    lengths = np.zeros((2, number), np.int64)
    machine, fetches, ends = (
        np.zeros(MACHINE_FIELDS, np.int64),
        np.zeros(steps + 1, np.int64),
        np.zeros(steps, np.int64),
    )
    state, stalls = np.zeros(LISTS + scalars[LISTS_MADE], np.int64), np.zeros(CAUSES, np.int64)
    memo = np.zeros((SLOTS, FIELDS), np.int64)
    for u in range(len(designs) - 1, -1, -1):
        design, row = designs[u], results[u]
        if u + 1 < len(designs) and _differ(design, designs[u + 1]):
            lengths[:] = 0
        row[OUTCOME] = _cut_all(design, stages, kinds, kinds_resident, scalars, estimated, lengths, cuts)
        if row[OUTCOME] != RAN:
            continue
        norms_kept, row[RESIDENT_BITS] = resident_streams(stages, streams, by_reads, cuts, design, kept)
        runs, count, covered, row[OUTCOME] = fill_plan(
            design, stages, streams, by_reads, cuts, kept, norms_kept, blocks, bursts, fed, waits, norm_sums, burst_sums
        )
        if row[OUTCOME] != RAN:
            continue
        if not _in_range(design, blocks[:runs], bursts[:count], fed, totals, steps, scalars):
            row[OUTCOME] = NOT_COVERED
            continue
        _run(
            design, blocks[:runs], bursts[:count], fed, waits, covered, streamed, active, tokens, scalars,
            machine, fetches, ends, state, stalls, memo,
        )  # fmt: skip
        cycles = max(state[ACTIVATED] + design[ACTIVATION_STAGES], state[ENCODED], state[TILES])
        row[CYCLES], row[DRAIN] = cycles, cycles - state[TILES]
        for cause in range(CAUSES):
            row[STALL_0 + cause] = stalls[cause]
        row[BUSY] = _count(
            design, blocks[:runs], bursts, fed, norm_sums, burst_sums, unit_counts, tokens, totals, scalars,
            row[COUNTS:],
        )  # fmt: skip
        lane_cycles = scalars[LAST_RUNNING] * cycles
        for k in range(len(off_steps)):
            lane_cycles += off_lanes[k] * ends[off_steps[k]]
        row[COUNTS + N_IDLE] = design[PES_OF_LANE] * lane_cycles - row[COUNTS + N_SCRATCH]


@compiled
def _differ(design: Ints, other: Ints) -> bool:
    """Whether two designs differ in what the time of a stage may depend on."""
    return bool((design[:SUMS] != other[:SUMS]).any())


@compiled
def _cut_all(
    design: Ints, stages: Ints, kinds: Ints, kinds_resident: Ints, scalars: Ints, estimated: Ints, lengths: Ints,
    cuts: Ints,
) -> int:  # fmt: skip
    """Cut all stages of a network; `estimated` ``(2, stages, units)`` and their `lengths` are kept between designs."""
    if design[STATE_UNITS] < scalars[KEPT_UNITS] or refused_for_dram(design):
        return REFUSED
    from_dram = not design[FITS]
    every = kinds if from_dram else kinds_resident
    first = 0
    for s in range(len(stages)):
        last = first
        while last < len(every) and every[last, KIND_STAGE] == s:
            last += 1
        own, most = every[first:last], largest(stages[s], design)
        first = last
        for kind in range(2):
            if lengths[kind, s] < most[kind]:
                estimate(stages[s], own, design, from_dram, kind == 1, estimated[kind, s, : most[kind]])
                lengths[kind, s] = most[kind]
        cuts[s, 0], by_units, outcome = cut(stages[s], own, design, estimated[0, s], estimated[1, s])
        cuts[s, 1] = by_units
        if outcome != RAN:
            return outcome
    return RAN


@compiled
def _in_range(design: Ints, blocks: Ints, bursts: Ints, fed: Ints, totals: Ints, steps: int, scalars: Ints) -> bool:
    """Whether no count can be too large for 64 bits, by far: `refusals.check_range`, and as much for the counts."""
    cycles, parts, columns_of_all = 0.0, 1.0, 0.0
    for r in range(len(blocks)):
        block = blocks[r]
        of_block = float(block[ACTIVATION] + block[ENCODE] + block[ENCODE_TAIL] + block[NORMS])
        of_block += design[PE_STAGES] + design[ACTIVATION_STAGES] + design[BANK_CYCLES]
        for b in range(block[FIRST_BURST], block[FIRST_BURST] + block[BURSTS]):
            burst, columns = bursts[b], 0.0
            for k in range(burst[FIRST_STREAM], burst[FIRST_STREAM] + burst[STREAMS]):
                columns += totals[fed[k], STREAMED]
            slower = burst[TILE] + burst[WORDS] * (1.0 + burst[PACE_CYCLES] / burst[PACE_WORDS])
            cycles += block[COUNT] * (columns * slower + 1)
            of_block += design[SETUP_CYCLES] + design[EMPTY_CYCLES] + burst[LATENCY]
            parts = max(parts, float(burst[PACE_WORDS]))
            columns_of_all += block[COUNT] * columns * burst[ROWS] * 64.0
        cycles += block[COUNT] * steps * of_block
    fetched = float(scalars[INPUT_BITS]) * design[INPUT_CYCLES] / design[INPUT_PARTS] + 1
    cycles += steps * (fetched * design[LANES] + design[DRAM_LATENCY])
    return max(cycles * parts, cycles * design[PES_OF_LANE] * design[LANES], columns_of_all * design[LANES]) < SAFE / 4


@compiled
def _run(
    design: Ints, blocks: Ints, bursts: Ints, fed: Ints, waits: Ints, covered: bool, streamed: Ints, active: Ints,
    tokens: Ints, scalars: Ints, machine: Ints, fetches: Ints, ends: Ints, state: Ints, stalls: Ints, memo: Ints,
) -> None:  # fmt: skip
    """`closed_form._RecurrenceState`: the times after all steps, in `state`, `stalls` and `ends`.

    A step that meets the same times, columns and inputs as an earlier one is taken from `memo` ``(slots, fields)``.
    """
    latency = design[DRAM_LATENCY] if design[INPUTS] else 0
    machine[BANKS], machine[SETUP] = design[TWO_BANKS] + 1, design[SETUP_CYCLES]
    machine[EMPTY], machine[DRAINED] = design[EMPTY_CYCLES], design[PE_STAGES] - 1
    machine[DEPTH], machine[FETCH_LATENCY] = design[ACTIVATION_STAGES], latency
    machine[COVERED], machine[BANK] = covered, design[BANK_CYCLES]
    fetches[:] = 0
    if design[INPUTS]:
        for t in range(len(tokens)):
            accesses = up(tokens[t] * scalars[INPUT_BITS], design[ACCESS_BITS])
            fetches[t] = up(accesses * design[INPUT_CYCLES], design[INPUT_PARTS])
    state[:], stalls[:] = 0, 0
    state[ACTIVATED] = state[ACTIVATED_BEFORE] = -design[BANK_CYCLES]
    state[FETCHED], state[ARRIVED] = fetches[0], fetches[0] + latency
    rooms = np.zeros(1 if covered else design[FIFO_SIZE], np.int64)
    products, times = len(streamed), len(state)
    held = 0 if covered else len(rooms)
    found = 2 * products + 1 + times + held  # where what a step was like ends, and what it leaves begins
    memoized = found + times + held + CAUSES + 1 <= memo.shape[1]
    memo[:, 0] = -1  # no step is like that
    rotated, now, moved = np.zeros(len(rooms), np.int64), np.zeros(found, np.int64), np.zeros(CAUSES, np.int64)
    columns, running = np.zeros((products, 1), np.int64), np.zeros((products, 1), np.int64)
    for t in range(len(tokens)):
        for p in range(products):
            columns[p, 0], running[p, 0] = streamed[p, t], active[p, t]
        base = state[PATH]
        if memoized and tokens[t]:
            base = _settle(state, rooms, rotated, covered, design[BANK_CYCLES])
            slot = _describe(columns, running, fetches[t + 1], state, rooms, held, base, now) % len(memo)
            row = memo[slot]
            if (row[:found] == now).all():
                for k in range(times):
                    state[k] = row[found + k] + (0 if k in (HELD_WORDS, HELD_BURST, NEXT) else base)
                for k in range(held):
                    rooms[k] = row[found + times + k] + base
                for cause in range(CAUSES):
                    stalls[cause] += row[found + times + held + cause]
                ends[t] = row[found + times + held + CAUSES] + base
                continue
        moved[:] = 0
        recurrence.advance(
            machine, blocks, bursts, fed, waits, columns, running, fetches[t : t + 2], False, state, rooms, moved,
            ends[t : t + 1],
        )  # fmt: skip
        for cause in range(CAUSES):
            stalls[cause] += moved[cause]
        if memoized and tokens[t]:
            row[:found] = now
            for k in range(times):
                row[found + k] = state[k] - (0 if k in (HELD_WORDS, HELD_BURST, NEXT) else base)
            for k in range(held):
                row[found + times + k] = rooms[k] - base
            for cause in range(CAUSES):
                row[found + times + held + cause] = moved[cause]
            row[found + times + held + CAUSES] = ends[t] - base


@compiled
def _settle(state: Ints, rooms: Ints, rotated: Ints, covered: bool, bank: int) -> int:
    """Raise the times that a running step meets to where they still matter; the cycle from which they are counted.

    The path is free at PATH, and the PEs at TILES, which is no sooner: what is free before them delays nothing.
    """
    path = max(state[PATH], state[BEGAN])
    state[PATH] = state[BEGAN] = path
    for k in (FETCHED, ARRIVED):
        state[k] = max(state[k], path)
    for k in range(LISTS, len(state)):
        state[k] = max(state[k], path)
    for k in (ACTIVATED, ACTIVATED_BEFORE):
        state[k] = max(state[k], state[TILES] - bank)
    state[ENCODED] = max(state[ENCODED], state[TILES])
    if not state[HELD_WORDS] or state[RELEASED] <= path:
        state[HELD_WORDS], state[RELEASED], state[HELD_BURST] = 0, path, 0
    if not covered:
        size = len(rooms)
        for word in range(size):
            rotated[word] = max(rooms[(state[NEXT] + word) % size], path)
        rooms[:] = rotated
    state[NEXT] = 0
    return path


@compiled
def _describe(
    columns: Ints, running: Ints, fetch: int, state: Ints, rooms: Ints, held: int, base: int, now: Ints
) -> int:
    """Fill `now` with all that the timing of a step depends on; a number by which to look for a step like it."""
    place, number = 0, 0
    for p in range(len(columns)):
        now[place], now[place + 1] = columns[p, 0], running[p, 0] > 0
        number = (number * 31 + columns[p, 0]) & 0xFFFFFFFF
        place += 2
    now[place] = fetch
    for k in range(len(state)):
        now[place + 1 + k] = state[k] - (0 if k in (HELD_WORDS, HELD_BURST, NEXT) else base)
    place += 1 + len(state)
    for k in range(held):
        now[place + k] = rooms[k] - base
    return number


@compiled
def _count(
    design: Ints, blocks: Ints, bursts: Ints, fed: Ints, norm_sums: Ints, burst_sums: Ints, unit_counts: Ints,
    tokens: Ints, totals: Ints, scalars: Ints, counts: Ints,
) -> int:  # fmt: skip
    """`closed_form._counts`, but for idle cycles of the PEs; returns their busy cycles."""
    counts[:] = 0
    busy = macs = useful = 0
    for r in range(len(blocks)):
        block = blocks[r]
        count, stage, units = block[COUNT], block[BLOCK_FIELDS], block[BLOCK_FIELDS + 1]
        first = fed[bursts[block[FIRST_BURST], FIRST_STREAM]]
        ran, lanes = count * totals[first, RUN_STEPS], count * totals[first, RUN_LANES]
        for k in range(unit_counts.shape[1]):
            counts[k] += units * unit_counts[stage, k] * lanes
        counts[N_BURST] += block[BURSTS] * ran
        counts[N_READ] += norm_sums[r, DRAM_BITS] * ran
        counts[N_SRAM] += norm_sums[r, SRAM_WORDS] * ran
        if design[ENCODES] and block[LIST] >= 0:
            counts[N_SCAN] += units * ran
        for b in range(block[FIRST_BURST], block[FIRST_BURST] + block[BURSTS]):
            burst = bursts[b]
            for k in range(burst[FIRST_STREAM], burst[FIRST_STREAM] + burst[STREAMS]):
                product = totals[fed[k]]
                columns = count * product[STREAMED]
                counts[N_COLUMN] += columns
                counts[N_READ] += columns * burst_sums[b, DRAM_BITS]
                counts[N_SRAM] += columns * burst_sums[b, SRAM_WORDS]
                counts[N_FIFO] += columns * burst[WORDS]
                busy += columns * burst[TILE]
                macs += count * product[ISSUED] * burst[ROWS]
                useful += count * product[NONZERO] * burst[ROWS]
                if product[FROM_BUFFER]:
                    counts[N_H_READ] += count * product[ISSUED]
    counts[N_MAC], counts[N_ZERO], counts[N_SCRATCH] = useful, macs - useful, macs
    counts[N_LIST] += scalars[LISTED]
    counts[N_SCAN] += scalars[SCANNED]
    if design[INPUTS]:
        for t in range(len(tokens)):
            counts[N_READ] += up(tokens[t] * scalars[INPUT_BITS], design[ACCESS_BITS]) * design[ACCESS_BITS]
    return busy
