"""Where each value stands in the arrays that the compiled recurrences read and write."""

# In `state`: the times that one step leaves to the next; from LISTS on, when each list was last known.
(PATH, BEGAN, TILES, ACTIVATED, ACTIVATED_BEFORE, ENCODED, FETCHED, ARRIVED, HELD_WORDS, RELEASED, HELD_BURST,
 NEXT, LISTS) = range(13)  # fmt: skip

# In `stalls`: the causes, in the order of ``timing.STALLS`` without the drain.
SCRATCH_BANK, STATE_DEPENDENCY, INPUT_FETCH, FIFO_CREDIT, WEIGHT_LATENCY, WEIGHT_BANDWIDTH, CAUSES = range(7)

# In `machine`: banks of scratch; cycles before a burst and of one without columns; cycles from a block's last column
# until its sums are complete; stages of the activation unit; latency of inputs; whether the FIFO covers every round
# trip; cycles from the end of a block's read-out until its bank is free.
BANKS, SETUP, EMPTY, DRAINED, DEPTH, FETCH_LATENCY, COVERED, BANK, MACHINE_FIELDS = range(9)

# In a row of `blocks`.
(FIRST_BURST, BURSTS, COUNT, NORMS, NORMS_ON_CHANNEL, ACTIVATION, ENCODE, ENCODE_TAIL, LIST, ENDS_LIST,
 BLOCK_FIELDS) = range(11)  # fmt: skip

# In a row of `bursts`; each burst owns a range of `streams` and one of `waits`.
(FIRST_STREAM, STREAMS, FIRST_WAIT, WAITS, READS_INPUTS, ON_CHANNEL, LATENCY, PACE_CYCLES, PACE_WORDS, WORDS, TILE,
 FIFO, FIRST_WORDS, LATEST, ROOM, LEAD, TAIL, PES_BOUND, GROUP, IDLE, ROWS, WORD_ROWS, PES, FULL_ROWS, REST, WHOLE,
 EVEN, BURST_FIELDS) = range(28)  # fmt: skip
