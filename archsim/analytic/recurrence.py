"""The machine's recurrences as a loop over integers, compiled by numba: the timing of engine ``analytic``.

Every order in the machine is static, so its timing is a max-plus recurrence over the bursts of a plan. A column takes s
cycles on the weight path and p in the PEs, L is the latency, and a burst has n columns. A is the cycle at which the
step's inputs arrive, and F the cycle at which fetched inputs have left the channel::

    S = max(path free, list known, tiles began the burst before, A where it reads inputs, F where it needs the channel)
            + setup + norms and biases where it is a block's first           stream start
    C = max(tiles free, S + s + L, scratch bank free at a block's first burst)     tile start;  n = 0: without s + L
    I = last column issued (``mapping.fifo``) -> path free
    E = max(C + n p, I + L + p) -> tiles free;  n = 0: E = C
    activated_b = max(activated, E) + a_b, which frees the bank;  encoded_b = max(encoded, activated_b + depth) + u_b

The inputs of step t + 1 take f cycles of the channel after the first burst of step t, once step t - 1 is consumed::

    F = max(F, E of step t - 1, I of step t's first burst where it needs the channel) + f;  A = F + L from step t + 1 on

Blocks that differ only in their place are not all computed one by one: once a block has advanced every time by the same
number of cycles without waiting for a list or an input, each of the remaining ones does the same.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

P = ParamSpec("P")

# Positions in `state` of the times that one step leaves to the next; from LISTS on, when each list was last known.
PATH, BEGAN, TILES, ACTIVATED, ACTIVATED_BEFORE, ENCODED, FETCHED, ARRIVED, LISTS = range(9)

# Positions in `stalls` of the causes, in the order of ``timing.STALLS`` without the drain.
SCRATCH_BANK, STATE_DEPENDENCY, INPUT_FETCH, FIFO_CREDIT, WEIGHT_LATENCY, WEIGHT_BANDWIDTH, CAUSES = range(7)

# Positions in a row of `blocks`.
FIRST_BURST, BURSTS, COUNT, NORMS, NORMS_ON_CHANNEL, ACTIVATION, ENCODE, LIST, ENDS_LIST, BLOCK_FIELDS = range(10)

# Positions in a row of `bursts`; each burst owns a range of `streams` and one of `waits`.
FIRST_STREAM, STREAMS, FIRST_WAIT, WAITS, READS_INPUTS, ON_CHANNEL, LATENCY, STREAM, TILE, FIFO, BURST_FIELDS = range(
    11
)


def compiled(function: Callable[P, None]) -> Callable[P, None]:
    """Compile a function at its first call and cache it on disk; numba, slow to import, is imported only then."""

    @cache
    def made() -> Callable[P, None]:
        import numba

        quick: Callable[P, None] = numba.njit(cache=True)(function)
        return quick

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        made()(*args, **kwargs)

    return call


@compiled
def advance(
    banks: int,
    setup: int,
    depth: int,
    fetch_latency: int,
    blocks: Ints,
    bursts: Ints,
    streams: Ints,
    waits: Ints,
    streamed: Ints,
    active: Ints,
    fetches: Ints,
    alone: bool,
    state: Ints,
    stalls: Ints,
    ends: Ints,
) -> None:
    """Advance `state` in place over successive steps, and add their stall cycles to `stalls`.

    All arrays are int64:

    - `blocks` ``(runs, BLOCK_FIELDS)`` and `bursts` ``(bursts, BURST_FIELDS)``: the plan;
    - `streams` ``(streams,)``: the product whose columns a stream has;
    - `waits` ``(waits, 2)``: a list, and how many steps ago it was made;
    - `streamed` and `active` ``(products, steps)``: columns, and lanes that run the product;
    - `fetches` ``(steps + 1,)``: cycles of the channel for the inputs of these steps and of the next one;
    - `ends` ``(steps,)``: receives the cycle at which each step's last list is known.

    Where nothing is listed, and with `alone`, `ends` receives the cycle of a step's last result. With `alone`, every
    step starts from an idle machine.
    """
    lists = len(state) - LISTS
    before = np.zeros(lists, np.int64)
    moved = np.zeros(CAUSES, np.int64)
    for t in range(streamed.shape[1]):
        if alone:
            state[:] = 0
            state[FETCHED] = fetches[t]
            state[ARRIVED] = fetches[t] + (fetch_latency if fetches[t] else 0)
        before[:] = state[LISTS:]
        path, began, tiles = state[PATH], state[BEGAN], state[TILES]
        activated, activated_before, encoded = state[ACTIVATED], state[ACTIVATED_BEFORE], state[ENCODED]
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
                moved[:] = 0
                waited = False
                for b in range(first, last_burst):
                    burst = bursts[b]
                    stream, tile, latency = burst[STREAM], burst[TILE], burst[LATENCY]
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
                    start = max(path_free, listed, admitted) + setup + norms
                    ready = start + (stream + latency if n else 0)
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
                    path = tiles = began = begin
                    last = start + n * stream
                    if n:
                        fifo = burst[FIFO]
                        if n > fifo:
                            pace, trip = max(stream, tile), stream + latency + tile
                            trips = 1 if fifo * pace >= trip else max(1, (n - 1) // fifo)
                            held = (trips - 1) * trip + (n - 1 - trips * fifo) * pace
                            last = max(last, begin + tile + held + stream)
                        tiles = max(begin + n * tile, last + latency + tile)
                        starved = tiles - begin - n * tile
                        for_credit = min(starved, last - start - n * stream)
                        moved[FIFO_CREDIT] += for_credit
                        moved[WEIGHT_BANDWIDTH] += starved - for_credit
                        path = max(last, begin)
                    if fetch:
                        fetched = max(fetched, consumed, last if on_channel else 0) + fetch
                        arrives, fetch, waited = fetched + fetch_latency, 0, True
                activated_before, activated = activated, max(activated, tiles) + block[ACTIVATION]
                if block[LIST] >= 0:
                    encoded = max(encoded, activated + depth) + block[ENCODE]
                stalls += moved
                shift = path - was_path
                alike = (
                    began - was_began == shift
                    and tiles - was_tiles == shift
                    and activated - was_activated == shift
                    and activated_before - was_activated_before == shift
                )
                if left and alike and not waited:
                    if block[LIST] >= 0:  # the latest end of the encoder follows from the first or the last of them
                        after_first = max(encoded, activated + shift + depth) + left * block[ENCODE]
                        encoded = max(after_first, activated + left * shift + depth + block[ENCODE])
                    path, began, tiles = path + left * shift, began + left * shift, tiles + left * shift
                    activated, activated_before = activated + left * shift, activated_before + left * shift
                    stalls += left * moved
                    left = 0
            if block[ENDS_LIST]:
                state[LISTS + block[LIST]] = encoded
        state[PATH], state[BEGAN], state[TILES] = path, began, tiles
        state[ACTIVATED], state[ACTIVATED_BEFORE], state[ENCODED] = activated, activated_before, encoded
        state[FETCHED], state[ARRIVED] = fetched, arrives
        ends[t] = state[LISTS:].max() if lists and not alone else max(activated + depth, encoded)
