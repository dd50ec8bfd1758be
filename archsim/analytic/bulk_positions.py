"""Where each value stands in the arrays of the compiled sweep: numbers of a design, a stage, a stream, and results.

numba compiles these numbers in, and looks only at a function's own file to see whether what it has cached is old: after
a change here, delete ``__pycache__``.
"""

# In a row of `designs`: all that plan and timing of a machine depend on (``bulk_tables.PIECES``). Times of an access to
# DRAM are a fraction of cycles. SUMS comes last: designs that differ in nothing else are cut from one estimate.
(LANES, PES_OF_LANE, TWO_BANKS, BUS_ROWS, BUS_BITS, FIFO_SIZE, FIFO_CYCLES, STORES, HAS_DRAM, ACCESS_BITS,
 ACCESS_CYCLES, ACCESS_PARTS, INPUTS, IN_TURNS, INPUT_CYCLES, INPUT_PARTS, DRAM_LATENCY, SRAM_LATENCY, PE_STAGES,
 ACTIVATION_STAGES, ENCODES, ENCODER_STAGES, ENCODER_COLUMNS, AT_ONCE, STATE_PORTS, READ_PORTS, SETUP_CYCLES,
 EMPTY_CYCLES, BANK_CYCLES, STATE_UNITS, REACH, PART_RESIDENT, CAPACITY, FITS, SUMS,
 DESIGN_FIELDS) = range(36)  # fmt: skip

# In a row of `stages`.
(UNITS, UNIT_ROWS, UNIT_SUMS, ROW_SUMS, NORM_BITS, CELL_READS, MADE, STREAM_BEGIN, STREAM_END,
 STAGE_FIELDS) = range(10)  # fmt: skip

# In a row of `streams`, which are in the order in which a block streams them.
COLS, STREAM_ROWS, UNIT_BITS, WAIT_LIST, WAIT_BACK, PRODUCT, OPENING_GROUP, STREAM_FIELDS = range(8)

# In a row of `totals`, of a product over all steps.
STREAMED, ISSUED, NONZERO, RUN_LANES, RUN_STEPS, FROM_BUFFER, TOTAL_FIELDS = range(7)

# In a row of `kinds`: columns that feed as many rows, of as many bits from DRAM; in LIKELY steps all of them, then
# those that are early.
KIND_STAGE, KIND_ROWS, KIND_BITS, KIND_ALL, KIND_EARLY, KIND_FIELDS = 0, 1, 2, 3, 7, 11

# What becomes of a design: it ran, cannot be run, or is one that the compiled plan does not cover.
RAN, REFUSED, NOT_COVERED = range(3)

# In a row of `results`; counts of actions follow.
(OUTCOME, CYCLES, BUSY, STALL_0, STALL_1, STALL_2, STALL_3, STALL_4, STALL_5, DRAIN, RESIDENT_BITS,
 COUNTS) = range(12)  # fmt: skip
