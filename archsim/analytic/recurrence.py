"""The machine's recurrences as a loop over integers, compiled by numba: the timing of engine ``analytic``.

Every order in the machine is static, so its timing is a max-plus recurrence over the bursts of a plan. L is the
latency from path to PEs, A the cycle at which the step's inputs arrive, and F the cycle at which fetched inputs have
left the channel::

    S = max(path free, list known, tiles began the burst before, A where it reads inputs, F where it needs the channel)
            + setup + norms and biases where it is a block's first           stream start
    C = max(tiles free, S + first words + L, scratch bank free at a block's first burst)     tile start
    I = last word issued -> path free;  E = burst consumed -> tiles free (``mapping.fifo``)
    activated_b = max(activated, E + PE stages - 1) + a_b, which frees the bank
    encoded_b = max(encoded + u_b, activated_b + depth + tail_b)

The inputs of step t + 1 take f cycles of the channel after the first burst of step t, once step t - 1 is consumed::

    F = max(F, E of step t - 1, I of step t's first burst where it needs the channel) + f;  A = F + L from step t + 1 on

Blocks that differ only in their place are not all computed one by one: once a block has advanced every time by the same
number of cycles without waiting for a list or an input, each of the remaining ones does the same.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from archsim.analytic.positions import (
    ACTIVATED,
    ACTIVATED_BEFORE,
    ACTIVATION,
    ARRIVED,
    BANKS,
    BEGAN,
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
    ENDS_LIST,
    FETCH_LATENCY,
    FETCHED,
    FIFO,
    FIFO_CREDIT,
    FIRST_BURST,
    FIRST_STREAM,
    FIRST_WAIT,
    FIRST_WORDS,
    FULL_ROWS,
    GROUP,
    HELD_BURST,
    HELD_WORDS,
    IDLE,
    INPUT_FETCH,
    LATENCY,
    LATEST,
    LEAD,
    LIST,
    LISTS,
    NEXT,
    NORMS,
    NORMS_ON_CHANNEL,
    ON_CHANNEL,
    PACE_CYCLES,
    PACE_WORDS,
    PATH,
    PES,
    PES_BOUND,
    READS_INPUTS,
    RELEASED,
    REST,
    ROOM,
    ROWS,
    SCRATCH_BANK,
    SETUP,
    STATE_DEPENDENCY,
    STREAMS,
    TAIL,
    TILE,
    TILES,
    WAITS,
    WEIGHT_BANDWIDTH,
    WEIGHT_LATENCY,
    WHOLE,
    WORD_ROWS,
    WORDS,
)

Ints = NDArray[np.int64]


@numba.njit(cache=True)
def _cycle_of(burst: Ints, row: int) -> int:
    """The cycle of a column that takes a row."""
    if row < burst[FULL_ROWS]:
        return row // burst[PES]
    return burst[FULL_ROWS] // burst[PES] + (row - burst[FULL_ROWS]) // burst[REST]


@numba.njit(cache=True)
def _room(fifo: int, word: int, before: Ints, released: int) -> int:
    """The cycle at which the burst before, whose last word is released at `released`, leaves room for a word."""
    words = before[WORDS]
    column, place = (fifo - 1 - word) // words, words - 1 - (fifo - 1 - word) % words
    last_cycle = _cycle_of(before, min((place + 1) * before[WORD_ROWS], before[ROWS]) - 1)
    return released - column * before[TILE] - (before[TILE] - 1 - last_cycle)


@numba.njit(cache=True)
def _issue_held(burst: Ints, words: int, start: int, held: int, released: int, before: Ints) -> int:
    """When the last of `words` leaves the path, none of which waits for another's room, in parts of a cycle.

    The burst before may hold its last `held` words. Where each cycle of its columns takes a word, the first and the
    last word that wait for them decide; otherwise one of as many as a column has at either end does.
    """
    cycles, parts, fifo = burst[PACE_CYCLES], burst[PACE_WORDS], burst[FIFO]
    last = start * parts + words * cycles
    if held:
        oldest, stop = max(0, fifo - held), min(words, fifo)
        near = 1 if before[WORD_ROWS] == before[PES] else before[WORDS]
        for word in range(oldest, min(stop, oldest + near)):
            last = max(last, _room(fifo, word, before, released) * parts + (words - word) * cycles)
        for word in range(max(oldest, stop - near), stop):
            last = max(last, _room(fifo, word, before, released) * parts + (words - word) * cycles)
    return last


@numba.njit(cache=True)
def _take_covered(
    burst: Ints, n: int, start: int, begin: int, held: int, released: int, before: Ints
) -> tuple[int, int, int]:
    """The cycles at which the last word of `n` columns leaves the path, at which all are consumed, and at which they
    would be if the PEs had never waited for a word."""
    cycles, parts, column, fifo = burst[PACE_CYCLES], burst[PACE_WORDS], burst[WORDS], burst[FIFO]
    words, latency = n * column, burst[LATENCY]
    runs_on = max(begin, start - (-burst[LATEST] // parts) + latency) + n * burst[TILE]
    last = _issue_held(burst, words, start, held, released, before)
    if burst[PES_BOUND]:
        if words > fifo:
            last = max(last, (runs_on - burst[LEAD]) * parts)
        end = -(-last // parts) + latency + burst[TAIL]
    else:
        if words > fifo:
            last = max(last, begin * parts + (words - fifo) * cycles + burst[ROOM])
        end = latency + burst[TILE] - (-(last - column * cycles + burst[LATEST]) // parts)
    return -(-last // parts), max(runs_on, end), runs_on


@numba.njit(cache=True)
def _words_until(burst: Ints, cycle: int) -> int:
    """Words that must have arrived for a cycle of a column to run."""
    if burst[WHOLE]:
        return burst[WORDS]
    full = burst[FULL_ROWS] // burst[PES]
    rows = (cycle + 1) * burst[PES]
    if cycle >= full:
        rows = min(burst[ROWS], burst[FULL_ROWS] + (cycle + 1 - full) * burst[REST])
    return -(-rows // burst[WORD_ROWS])


@numba.njit(cache=True)
def _issue(burst: Ints, words: int, start: int, rooms: Ints, following: int) -> int:
    """When the last of `words` leaves the path, none of which waits for another's room, in parts of a cycle."""
    cycles, parts = burst[PACE_CYCLES], burst[PACE_WORDS]
    at = start * parts
    for word in range(words):
        at = max(at, rooms[(following + word) % len(rooms)] * parts) + cycles
    return at


@numba.njit(cache=True)
def _take_words(burst: Ints, n: int, start: int, begin: int, rooms: Ints, following: int) -> tuple[int, int, int]:
    """As `_take_covered`, word by word; updates `rooms`, and returns the place of the earliest of them too.

    Columns come around at the same places of the FIFO after a period. Once all that the FIFO holds was issued and
    released the same number of cycles after what came a period before, so is all that follows, which is taken at once.
    """
    cycles, parts, column, latency = burst[PACE_CYCLES], burst[PACE_WORDS], burst[WORDS], burst[LATENCY]
    size, at, end, left, k = len(rooms), start * parts, begin, n, 0
    period = size // math.gcd(size, column)
    latest = np.zeros((period, column + 2), np.int64)
    alike, shift = 0, 0
    while left:
        now = latest[k % period]
        first, released, moved, same = end, 0, 0, k >= period
        for word in range(column):
            at = max(at, rooms[(following + word) % size] * parts) + cycles
            needed = 0 if burst[WHOLE] else _cycle_of(burst, word * burst[WORD_ROWS])
            first = max(first, -(-at // parts) + latency - needed)
            while released <= word:
                last_cycle = _cycle_of(burst, min((released + 1) * burst[WORD_ROWS], burst[ROWS]) - 1)
                if _words_until(burst, last_cycle) > word + 1:
                    break
                room = first + last_cycle + 1
                rooms[(following + released) % size] = room
                moved = room - now[released] if released == 0 else moved
                same = same and room - now[released] == moved
                now[released] = room
                released += 1
        following = (following + column) % size
        end = first + burst[TILE]
        same = same and end - now[column] == moved and at - now[column + 1] == moved * parts
        now[column], now[column + 1] = end, at
        alike = (alike + 1 if moved == shift or not alike else 1) if same else 0
        shift, left, k = moved, left - 1, k + 1
        if alike * column >= size and left >= period:
            later = left // period * shift
            rooms += later
            at, end, left, alike = at + later * parts, end + later, left % period, 0
    return -(-at // parts), end, following


@numba.njit(cache=True)
def _take_groups(burst: Ints, n: int, start: int, begin: int, rooms: Ints, following: int) -> tuple[int, int, int]:
    """As `_take_words`, a group of columns at a time, which leaves the FIFO once its vectors begin to pass."""
    cycles, parts, size = burst[PACE_CYCLES], burst[PACE_WORDS], len(rooms)
    at, end, left = start * parts, begin, n
    while left > 0:
        words = min(left, burst[GROUP]) * burst[WORDS]
        for word in range(words):
            at = max(at, rooms[(following + word) % size] * parts) + cycles
        begun = max(end, -(-at // parts) + burst[LATENCY])
        for word in range(words):
            rooms[(following + word) % size] = begun
        following = (following + words) % size
        end, left = begun + burst[TILE], left - burst[GROUP]
    return -(-at // parts), end, following


@numba.njit(cache=True)
def _shifted(rooms: Ints, following: int, before: Ints, before_following: int, shift: int) -> bool:
    """Whether every room is free `shift` cycles later than before, in the order of the words that take them."""
    size = len(rooms)
    for word in range(size):
        if rooms[(following + word) % size] - before[(before_following + word) % size] != shift:
            return False
    return True


@numba.njit(cache=True)
def advance(
    machine: Ints,
    blocks: Ints,
    bursts: Ints,
    streams: Ints,
    waits: Ints,
    streamed: Ints,
    active: Ints,
    fetches: Ints,
    alone: bool,
    state: Ints,
    rooms: Ints,
    stalls: Ints,
    ends: Ints,
) -> None:
    """Advance `state` in place over successive steps, and add their stall cycles to `stalls`.

    All arrays are int64, with values at the places of ``positions``:

    - `machine` ``(MACHINE_FIELDS,)``: what holds for every burst;
    - `blocks` ``(runs, BLOCK_FIELDS)`` and `bursts` ``(bursts, BURST_FIELDS)``: the plan;
    - `streams` ``(streams,)``: the product whose columns a stream has;
    - `waits` ``(waits, 2)``: a list, and how many steps ago it was made;
    - `streamed` and `active` ``(products, steps)``: columns, and lanes that run the product;
    - `fetches` ``(steps + 1,)``: cycles of the channel for the inputs of these steps and of the next one;
    - `rooms` ``(FIFO words,)``: the cycle from which each word of the FIFO has room, unless it covers all round trips;
    - `ends` ``(steps,)``: receives the cycle at which each step's last list is known.

    Where nothing is listed, and with `alone`, `ends` receives the cycle of a step's last result. With `alone`, every
    step starts from an idle machine.
    """
    banks, depth, covered = machine[BANKS], machine[DEPTH], machine[COVERED]
    fetch_latency = machine[FETCH_LATENCY]
    lists = len(state) - LISTS
    rooms_before = np.zeros_like(rooms)
    before = np.zeros(lists, np.int64)
    moved = np.zeros(CAUSES, np.int64)
    for t in range(streamed.shape[1]):
        if alone:
            state[:] = 0
            rooms[:] = 0
            state[FETCHED] = fetches[t]
            state[ARRIVED] = fetches[t] + (fetch_latency if fetches[t] else 0)
        before[:] = state[LISTS:]
        path, began, tiles = state[PATH], state[BEGAN], state[TILES]
        activated, activated_before, encoded = state[ACTIVATED], state[ACTIVATED_BEFORE], state[ENCODED]
        held, released, held_burst = state[HELD_WORDS], state[RELEASED], state[HELD_BURST]
        following = state[NEXT]
        fetched, arrived, arrives = state[FETCHED], state[ARRIVED], state[ARRIVED]
        fetch, consumed = 0 if alone else fetches[t + 1], tiles
        for r in range(len(blocks)):
            block = blocks[r]
            first, last_burst = block[FIRST_BURST], block[FIRST_BURST] + block[BURSTS]
            if active[streams[bursts[first, FIRST_STREAM]], t] == 0:
                continue
            left = block[COUNT]
            while left:
                left -= 1
                was_path, was_began, was_tiles = path, began, tiles
                was_activated, was_activated_before = activated, activated_before
                was_held, was_released, was_held_burst, was_following = held, released, held_burst, following
                rooms_before[:] = rooms
                moved[:] = 0
                waited = False
                for b in range(first, last_burst):
                    burst = bursts[b]
                    n = 0
                    for k in range(burst[FIRST_STREAM], burst[FIRST_STREAM] + burst[STREAMS]):
                        n += streamed[streams[k], t]
                    listed = 0
                    for k in range(burst[FIRST_WAIT], burst[FIRST_WAIT] + burst[WAITS]):
                        i, steps_back = waits[k]
                        listed = max(listed, before[i] if steps_back else state[LISTS + i])
                    on_channel = n > 0 and burst[ON_CHANNEL] > 0
                    norms = 0
                    if b == first:
                        norms = block[NORMS]
                        on_channel = on_channel or block[NORMS_ON_CHANNEL] > 0
                    admitted = max(arrived if burst[READS_INPUTS] else 0, fetched if on_channel else 0)
                    path_free = max(path, began)
                    waited = waited or max(listed, admitted) > path_free
                    start = max(path_free, listed, admitted) + machine[SETUP] + norms
                    ready = start + machine[EMPTY]
                    before_it = bursts[held_burst]
                    if n:
                        needed = min(n, burst[GROUP]) * burst[WORDS] if burst[GROUP] else burst[FIRST_WORDS]
                        if covered:
                            issued = _issue_held(burst, needed, start, held, released, before_it)
                        else:
                            issued = _issue(burst, needed, start, rooms, following)
                        ready = burst[LATENCY] - (-issued // burst[PACE_WORDS])
                    bank_free = 0
                    if b == first:
                        bank_free = activated_before if banks == 2 else activated
                    begin = max(tiles, ready, bank_free)
                    for_bank = max(0, bank_free - tiles)
                    for_list = max(0, min(listed, begin) - tiles - for_bank)
                    for_input = max(0, min(admitted, begin) - tiles - for_bank - for_list)
                    moved[SCRATCH_BANK] += for_bank
                    moved[STATE_DEPENDENCY] += for_list
                    moved[INPUT_FETCH] += for_input
                    moved[WEIGHT_LATENCY] += begin - tiles - for_bank - for_list - for_input
                    path, tiles, began, last, runs_on = begin, begin, begin, start, begin
                    summed = begin
                    if n:
                        sent = start - (-n * burst[WORDS] * burst[PACE_CYCLES] // burst[PACE_WORDS])
                        if covered:
                            last, tiles, runs_on = _take_covered(burst, n, start, begin, held, released, before_it)
                        elif burst[GROUP]:
                            last, tiles, following = _take_groups(burst, n, start, begin, rooms, following)
                        else:
                            last, tiles, following = _take_words(burst, n, start, begin, rooms, following)
                        turns = -(-n // max(1, burst[GROUP]))
                        starved = tiles - begin - turns * burst[TILE]
                        for_credit = min(starved, last - sent)
                        moved[FIFO_CREDIT] += for_credit
                        moved[WEIGHT_BANDWIDTH] += starved - for_credit + turns * burst[IDLE]
                        summed = tiles - burst[IDLE]
                        path = max(last, begin)
                    held, released, held_burst = min(n * burst[WORDS], burst[FIFO]), runs_on, b
                    if fetch:
                        fetched = max(fetched, consumed, last if on_channel else 0) + fetch
                        arrives, fetch, waited = fetched + fetch_latency, 0, True
                activated_before, activated = activated, max(activated, summed + machine[DRAINED]) + block[ACTIVATION]
                if block[LIST] >= 0:
                    encoded = max(encoded + block[ENCODE], activated + depth + block[ENCODE_TAIL])
                stalls += moved
                shift = path - was_path
                alike = (
                    began - was_began == shift
                    and tiles - was_tiles == shift
                    and activated - was_activated == shift
                    and activated_before - was_activated_before == shift
                    and held == was_held
                    and released - was_released == shift
                    and held_burst == was_held_burst
                    and (covered or _shifted(rooms, following, rooms_before, was_following, shift))
                )
                if left and alike and not waited:
                    if block[LIST] >= 0:  # the latest end of the encoder follows from the first or the last of them
                        after_first = max(encoded + block[ENCODE], activated + shift + depth + block[ENCODE_TAIL])
                        after_last = activated + left * shift + depth + block[ENCODE_TAIL]
                        encoded = max(after_first + (left - 1) * block[ENCODE], after_last)
                    path, began, tiles = path + left * shift, began + left * shift, tiles + left * shift
                    activated, activated_before = activated + left * shift, activated_before + left * shift
                    stalls += left * moved
                    rooms += left * shift
                    released += left * shift
                    left = 0
            if block[ENDS_LIST]:
                state[LISTS + block[LIST]] = encoded
        state[PATH], state[BEGAN], state[TILES] = path, began, tiles
        state[ACTIVATED], state[ACTIVATED_BEFORE], state[ENCODED] = activated, activated_before, encoded
        state[FETCHED], state[ARRIVED] = fetched, arrives
        state[HELD_WORDS], state[RELEASED], state[HELD_BURST] = held, released, held_burst
        state[NEXT] = following
        ends[t] = state[LISTS:].max() if lists and not alone else max(activated + depth, encoded)
        if alone:
            ends[t] = max(ends[t], tiles)  # the PEs may yet have to end the cycles of their last group
