"""The cycle at which the last column of a burst leaves the weight path, in closed form."""

from archsim.mapping.plan import Burst


def round_trips(burst: Burst, columns: int) -> int:
    """FIFO round trips on the longest path of a burst: one if the FIFO covers the latency, otherwise as many as fit."""
    pace = max(burst.stream_cycles, burst.tile_cycles)
    trip = burst.stream_cycles + burst.latency_cycles + burst.tile_cycles
    return 1 if burst.fifo_columns * pace >= trip else max(1, (columns - 1) // burst.fifo_columns)


def last_issue_cycle(burst: Burst, columns: int, stream_start: int, tile_start: int) -> int:
    """Cycle at which the last of `columns` leaves the weight path.

    A column takes ``s = stream_cycles`` on the path and ``p = tile_cycles`` in the PEs. The FIFO holds up to F columns
    and frees a place once its column has been consumed. The longest path from the stream's start S is ``S + n s``. From
    the PEs' start C, it consists of k round trips of ``s + L + p`` cycles, each of which advances F columns, and of
    ``max(s, p)`` cycles for each remaining column::

        I = max(S + n s,  C + p + (k - 1)(s + L + p) + (n - 1 - k F) max(s, p) + s    where n > F)
    """
    s, p = burst.stream_cycles, burst.tile_cycles
    last = stream_start + columns * s
    if columns > burst.fifo_columns:
        k = round_trips(burst, columns)
        rest = columns - 1 - k * burst.fifo_columns
        last = max(last, tile_start + p + (k - 1) * (s + burst.latency_cycles + p) + rest * max(s, p) + s)
    return last
