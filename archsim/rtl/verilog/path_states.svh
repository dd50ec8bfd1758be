  // Where the burst on the weight path is: before its turn; waiting for lists, for inputs and the channel, for its set-up,
  // for row scales and biases; taking the path. Or no burst is left.
  /* verilator lint_off UNUSEDPARAM */
  localparam [2:0] TURN = 0, LISTING = 1, ADMISSION = 2, SETUP = 3, NORMS = 4, TAKEN = 5, OVER = 6;
  /* verilator lint_on UNUSEDPARAM */
