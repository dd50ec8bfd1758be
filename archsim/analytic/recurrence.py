"""The machine's recurrences as a loop over integers, compiled by numba: the timing of engine ``analytic``.

Every order in the machine is static, so its timing is a max-plus recurrence over the bursts of a plan. L is the
latency from path to PEs, A the cycle at which the step's inputs arrive, and F the cycle at which fetched inputs have
left the channel::

    S = max(path free, list known, tiles began the burst before, A where it reads inputs, F where it needs the channel)
            + setup + norms and biases where it is a block's first           stream start
    C = max(tiles free, S + first words + L, scratch bank free at a block's first burst)     tile start
    I = last word issued -> path free;  E = burst consumed -> tiles free (``mapping.fifo``)
    activated_b = max(activated, E + PE stages - 1) + a_b, which frees the bank, after its cycles of handshake
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
    BANK,
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
    EVEN,
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


@numba.njit(cache=True, error_model="numpy")
def _cycle_of(bursts: Ints, b: int, row: int) -> int:
    """The cycle of a column that takes a row."""
    if row < bursts[b, FULL_ROWS]:
        return int(row // bursts[b, PES])
    return int(bursts[b, FULL_ROWS] // bursts[b, PES] + (row - bursts[b, FULL_ROWS]) // bursts[b, REST])


@numba.njit(cache=True, error_model="numpy", inline="always")
def _up(parts_of_cycles: int, parts: int) -> int:
    """Whole cycles, rounded up; a division is avoided where it is slow for nothing."""
    return parts_of_cycles if parts == 1 else -(-parts_of_cycles // parts)


@numba.njit(cache=True, error_model="numpy")
def _uneven_room(bursts: Ints, before: int, later: int, released: int) -> int:
    """The cycle at which a word of burst `before` is released after which `later` others are, the last of them
    at `released`."""
    words, tile = bursts[before, WORDS], bursts[before, TILE]
    column, place = later // words, words - 1 - later % words
    row = min((place + 1) * bursts[before, WORD_ROWS], bursts[before, ROWS]) - 1
    return int(released - column * tile - (tile - 1 - _cycle_of(bursts, before, row)))


@numba.njit(cache=True, error_model="numpy")
def _uneven_issue(
    bursts: Ints, before: int, words: int, cycles: int, parts: int, fifo: int, held: int, released: int
) -> int:
    """When the last of `words` leaves the path at the earliest, for the room that burst `before` leaves, in parts of a
    cycle: one of as many words as its columns have, at either end of those that wait, decides."""
    oldest, stop, near, last = max(0, fifo - held), min(words, fifo), bursts[before, WORDS], 0
    for word in range(oldest, min(stop, oldest + near)):
        room = _uneven_room(bursts, before, fifo - 1 - word, released)
        last = max(last, room * parts + (words - word) * cycles)
    for word in range(max(oldest, stop - near), stop):
        room = _uneven_room(bursts, before, fifo - 1 - word, released)
        last = max(last, room * parts + (words - word) * cycles)
    return last


@numba.njit(cache=True, error_model="numpy", inline="always")
def _even_issue(words: int, cycles: int, parts: int, fifo: int, held: int, released: int) -> int:
    """As `_uneven_issue`, where each cycle of the burst before takes a word: the first or the last one decides."""
    oldest, stop = max(0, fifo - held), min(words, fifo)
    if oldest >= stop:
        return 0
    first = (released - (fifo - 1 - oldest)) * parts + (words - oldest) * cycles
    return max(first, (released - (fifo - stop)) * parts + (words - stop + 1) * cycles)


@numba.njit(cache=True, error_model="numpy")
def _words_until(bursts: Ints, b: int, cycle: int) -> int:
    """Words that must have arrived for a cycle of a column to run."""
    if bursts[b, WHOLE]:
        return int(bursts[b, WORDS])
    full = bursts[b, FULL_ROWS] // bursts[b, PES]
    rows = (cycle + 1) * bursts[b, PES]
    if cycle >= full:
        rows = min(bursts[b, ROWS], bursts[b, FULL_ROWS] + (cycle + 1 - full) * bursts[b, REST])
    return int(-(-rows // bursts[b, WORD_ROWS]))


@numba.njit(cache=True, error_model="numpy")
def _issue(bursts: Ints, b: int, words: int, start: int, rooms: Ints, following: int) -> int:
    """When the last of `words` leaves the path, none of which waits for another's room, in parts of a cycle."""
    cycles, parts = bursts[b, PACE_CYCLES], bursts[b, PACE_WORDS]
    at = start * parts
    for word in range(words):
        at = max(at, rooms[(following + word) % len(rooms)] * parts) + cycles
    return int(at)


@numba.njit(cache=True, error_model="numpy")
def _take_words(
    bursts: Ints, b: int, n: int, start: int, begin: int, rooms: Ints, following: int
) -> tuple[int, int, int]:
    """As `_take_covered`, word by word; updates `rooms`, and returns the place of the earliest of them too.

    Columns come around at the same places of the FIFO after a period. Once all that the FIFO holds was issued and
    released the same number of cycles after what came a period before, so is all that follows, which is taken at once.
    """
    cycles, parts, column, latency = bursts[b, PACE_CYCLES], bursts[b, PACE_WORDS], bursts[b, WORDS], bursts[b, LATENCY]
    size, at, end, left, k = len(rooms), start * parts, begin, n, 0
    period = size // math.gcd(size, column)
    latest = np.zeros((period, column + 2), np.int64)
    needed, until, due = np.zeros(column, np.int64), np.zeros(column, np.int64), np.zeros(column, np.int64)
    for word in range(
        column
    ):  # the first cycle that needs it, and the one after the last; words released once it is there
        needed[word] = 0 if bursts[b, WHOLE] else _cycle_of(bursts, b, word * bursts[b, WORD_ROWS])
        last_cycle = _cycle_of(bursts, b, min((word + 1) * bursts[b, WORD_ROWS], bursts[b, ROWS]) - 1)
        until[word] = last_cycle + 1
        due[_words_until(bursts, b, last_cycle) - 1] = word + 1
    alike, shift = 0, 0
    while left:
        now = latest[k % period]
        first, released, moved, same = end, 0, 0, k >= period
        for word in range(column):
            at = max(at, rooms[(following + word) % size] * parts) + cycles
            first = max(first, -(-at // parts) + latency - needed[word])
            while released < due[word]:
                room = first + until[released]
                rooms[(following + released) % size] = room
                moved = room - now[released] if released == 0 else moved
                same = same and room - now[released] == moved
                now[released] = room
                released += 1
        following = (following + column) % size
        end = first + bursts[b, TILE]
        same = same and end - now[column] == moved and at - now[column + 1] == moved * parts
        now[column], now[column + 1] = end, at
        alike = (alike + 1 if moved == shift or not alike else 1) if same else 0
        shift, left, k = moved, left - 1, k + 1
        if alike * column >= size and left >= period:
            later = left // period * shift
            rooms += later
            at, end, left, alike = at + later * parts, end + later, left % period, 0
    return -(-at // parts), end, following


@numba.njit(cache=True, error_model="numpy")
def _take_groups(
    bursts: Ints, b: int, n: int, start: int, begin: int, rooms: Ints, following: int
) -> tuple[int, int, int]:
    """As `_take_words`, a group of columns at a time, which leaves the FIFO once its vectors begin to pass."""
    cycles, parts, size = bursts[b, PACE_CYCLES], bursts[b, PACE_WORDS], len(rooms)
    at, end, left = start * parts, begin, n
    while left > 0:
        words = min(left, bursts[b, GROUP]) * bursts[b, WORDS]
        for word in range(words):
            at = max(at, rooms[(following + word) % size] * parts) + cycles
        begun = max(end, -(-at // parts) + bursts[b, LATENCY])
        for word in range(words):
            rooms[(following + word) % size] = begun
        following = (following + words) % size
        end, left = begun + bursts[b, TILE], left - bursts[b, GROUP]
    return -(-at // parts), end, following


@numba.njit(cache=True, error_model="numpy")
def _shifted(rooms: Ints, following: int, before: Ints, before_following: int, shift: int) -> bool:
    """Whether every room is free `shift` cycles later than before, in the order of the words that take them."""
    size = len(rooms)
    for word in range(size):
        if rooms[(following + word) % size] - before[(before_following + word) % size] != shift:
            return False
    return True


@numba.njit(cache=True, error_model="numpy")
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
            state[ACTIVATED] = state[ACTIVATED_BEFORE] = -machine[BANK]  # banks are free from the beginning
            rooms[:] = 0
            state[FETCHED] = fetches[t]
            state[ARRIVED] = fetches[t] + (fetch_latency if fetches[t] else 0)
        for i in range(lists):
            before[i] = state[LISTS + i]
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
                if not covered:
                    rooms_before[:] = rooms
                for cause in range(CAUSES):
                    moved[cause] = 0
                waited = False
                for b in range(first, last_burst):
                    burst = bursts[b]
                    n = 0
                    for k in range(burst[FIRST_STREAM], burst[FIRST_STREAM] + burst[STREAMS]):
                        n += streamed[streams[k], t]
                    listed = 0
                    for k in range(burst[FIRST_WAIT], burst[FIRST_WAIT] + burst[WAITS]):
                        i = waits[k, 0]
                        listed = max(listed, before[i] if waits[k, 1] else state[LISTS + i])
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
                    words, fifo, latency = n * burst[WORDS], burst[FIFO], burst[LATENCY]
                    cycles, parts, tile = burst[PACE_CYCLES], burst[PACE_WORDS], burst[TILE]
                    sent = start * parts + words * cycles
                    issued, holds, even = sent, held > 0 and released > start, bursts[held_burst, EVEN]
                    if n:
                        needed = min(n, burst[GROUP]) * burst[WORDS] if burst[GROUP] else burst[FIRST_WORDS]
                        arrives_at = start * parts + needed * cycles
                        if not covered:
                            arrives_at = _issue(bursts, b, needed, start, rooms, following)
                        elif holds and even:
                            arrives_at = max(arrives_at, _even_issue(needed, cycles, parts, fifo, held, released))
                            issued = max(issued, _even_issue(words, cycles, parts, fifo, held, released))
                        elif holds:
                            before_it = held_burst, needed, cycles, parts, fifo, held, released
                            arrives_at = max(arrives_at, _uneven_issue(bursts, *before_it))
                            before_it = held_burst, words, cycles, parts, fifo, held, released
                            issued = max(issued, _uneven_issue(bursts, *before_it))
                        ready = latency + _up(arrives_at, parts)
                    bank_free = 0
                    if b == first:
                        bank_free = (activated_before if banks == 2 else activated) + machine[BANK]
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
                        turns = n
                        if burst[GROUP]:
                            turns = -(-n // burst[GROUP])
                            last, tiles, following = _take_groups(bursts, b, n, start, begin, rooms, following)
                        elif not covered:
                            last, tiles, following = _take_words(bursts, b, n, start, begin, rooms, following)
                        else:
                            runs_on = max(begin, start + _up(burst[LATEST], parts) + latency) + n * tile
                            if burst[PES_BOUND]:
                                if words > fifo:
                                    issued = max(issued, (runs_on - burst[LEAD]) * parts)
                                last = _up(issued, parts)
                                end = last + latency + burst[TAIL]
                            else:
                                if words > fifo:
                                    issued = max(issued, begin * parts + (words - fifo) * cycles + burst[ROOM])
                                last = _up(issued, parts)
                                of_column = burst[WORDS] * cycles
                                end = latency + tile + _up(issued - of_column + burst[LATEST], parts)
                            tiles = max(runs_on, end)
                        starved = tiles - begin - turns * tile
                        for_credit = min(starved, last - _up(sent, parts))
                        moved[FIFO_CREDIT] += for_credit
                        moved[WEIGHT_BANDWIDTH] += starved - for_credit + turns * burst[IDLE]
                        summed = tiles - burst[IDLE]
                        path = max(last, begin)
                    held, released, held_burst = min(words, fifo), runs_on, b
                    if fetch:
                        fetched = max(fetched, consumed, last if on_channel else 0) + fetch
                        arrives, fetch, waited = fetched + fetch_latency, 0, True
                activated_before, activated = activated, max(activated, summed + machine[DRAINED]) + block[ACTIVATION]
                if block[LIST] >= 0:
                    encoded = max(encoded + block[ENCODE], activated + depth + block[ENCODE_TAIL])
                alike_too, shift = 0, path - was_path
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
                    if not covered:
                        rooms += left * shift
                    released += left * shift
                    alike_too, left = left, 0
                for cause in range(CAUSES):
                    stalls[cause] += (1 + alike_too) * moved[cause]
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
