// Successive words from word `first` on; after the last one comes word 0 again. Combinational.
//
// A level of multiplexers for each bit of `first`, the highest bit first, so that few words are left for the last levels.
`default_nettype none
module rotator #(
  parameter WORDS = 4,
  parameter BITS = 24,            // of a word
  parameter TAKEN = 1,            // words that are wanted, at most all
  parameter FIRST_BITS = 2
) (
  input  wire [FIRST_BITS-1:0] first,
  input  wire [WORDS*BITS-1:0] words,
  output wire [TAKEN*BITS-1:0] taken
);
  genvar n;
  generate
    for (n = 0; n <= FIRST_BITS; n = n + 1) begin : g_level
      localparam STEP = 1 << (FIRST_BITS - n);
      localparam IN_TURN = WORDS + TAKEN - 1;
      localparam BEFORE = n == 1 || TAKEN + 2 * STEP - 1 > IN_TURN ? IN_TURN : TAKEN + 2 * STEP - 1;  // words of the level before
      localparam LEFT = n == 0 || TAKEN + STEP - 1 > IN_TURN ? IN_TURN : TAKEN + STEP - 1;
      wire [LEFT*BITS-1:0] left;
      wire unused_left = &{1'b0, left};
      if (n == 0) begin : g_all
        if (TAKEN == 1) begin : g_once
          assign left = words;
        end else begin : g_again
          assign left = {words[(TAKEN-1)*BITS-1:0], words};
        end
      end else if (STEP >= BEFORE) begin : g_none              // there are not so many words
        assign left = g_level[n-1].left[LEFT*BITS-1:0];
      end else if (BEFORE >= LEFT + STEP) begin : g_choice
        assign left = first[FIRST_BITS-n] ? g_level[n-1].left[STEP*BITS +: LEFT*BITS] : g_level[n-1].left[LEFT*BITS-1:0];
      end else begin : g_part                                  // the last ones stay, as `first` is no such word
        assign left = first[FIRST_BITS-n]
          ? {g_level[n-1].left[LEFT*BITS-1:(BEFORE-STEP)*BITS], g_level[n-1].left[BEFORE*BITS-1:STEP*BITS]}
          : g_level[n-1].left[LEFT*BITS-1:0];
      end
    end
  endgenerate
  assign taken = g_level[FIRST_BITS].left[TAKEN*BITS-1:0];
  wire unused = &{1'b0, first};
endmodule
`default_nettype wire
